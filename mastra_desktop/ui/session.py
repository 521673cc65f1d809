"""What the window finds again at its next start: place, page in view, where each chat was scrolled to."""

from __future__ import annotations

import json
from collections.abc import Callable

from PySide6.QtCore import QSettings, QTimer
from PySide6.QtWidgets import QWidget

PAGES = ("chat", "knowledge", "metrics", "settings")
MOST_POSITIONS = 200
KEEP_MS = 3000
_PAGE, _POSITIONS = "window/page", "chat/positions"

Position = tuple[object, ...]  # as of Transcript.position


def put(state: QSettings, key: str, value: object) -> None:
    """Only what has changed: QSettings writes its file anew for every value it is given."""
    if state.value(key) != value:
        state.setValue(key, value)


def keep_while_used(window: QWidget, save: Callable[[], None]) -> QTimer:
    """Calls `save` every few seconds while a person is at the window: a crash does not ask for it."""

    def look() -> None:
        if window.isActiveWindow():
            save()

    timer = QTimer(window, interval=KEEP_MS)
    timer.timeout.connect(look)
    timer.start()
    return timer


class LastPage:
    """`show` brings a page into view."""

    def __init__(self, state: QSettings, show: Callable[[str], None]) -> None:
        self._state, self._show = state, show
        kept = str(state.value(_PAGE, ""))
        self._wanted = kept if kept in PAGES else ""

    def seen(self, page: str) -> None:
        """From now on this is the one to come back to."""
        self._wanted = ""
        self._state.setValue(_PAGE, page)

    def come_back(self, *, busy: bool) -> None:
        """Shows the page of last time, once; not while a person is `busy`, or went to a page already."""
        wanted, self._wanted = self._wanted, ""
        if wanted not in ("", PAGES[0]) and not busy:
            self._show(wanted)


def load_positions(state: QSettings) -> dict[str, Position]:
    """By conversation; what cannot be read is left out."""
    try:
        kept = json.loads(str(state.value(_POSITIONS, "{}")))
    except ValueError:
        return {}
    found: dict[str, Position] = {}
    for conversation_id, place in kept.items() if isinstance(kept, dict) else ():
        match place:
            case [str(turn), int(block), int(part), int(y)]:
                found[conversation_id] = (turn, (block, part), y)
    return found


def save_positions(state: QSettings, positions: dict[str, Position]) -> None:
    """The newest 200, the last in the mapping being the newest. The end of a chat needs no place."""
    kept: dict[str, list[object]] = {}
    for conversation_id, position in positions.items():
        match position:
            case (turn, (block, part), y):
                kept[conversation_id] = [turn, block, part, y]
    newest = dict(list(kept.items())[-MOST_POSITIONS:])
    put(state, _POSITIONS, json.dumps(newest))
