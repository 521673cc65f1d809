"""What every page of the window can do, and F6: from one part of the window to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


class Page(Protocol):
    """What every page of the window can do."""

    def focus_search(self) -> None: ...

    def stops(self) -> list[QWidget]: ...


def move_focus(stops: Sequence[QWidget], focused: QWidget | None, step: int) -> None:
    """To the stop that is `step` after the one that has the focus, around the ends."""
    inside = (
        i for i, stop in enumerate(stops) if focused and (stop is focused or stop.isAncestorOf(focused))
    )
    stops[(next(inside, 0) + step) % len(stops)].setFocus(Qt.FocusReason.ShortcutFocusReason)
