"""What happens when something in the transcript is pressed, by the mouse, a key or a screen reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtGui import QGuiApplication

from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_citations import source_number

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_SCHEMES = ("http://", "https://", "mailto:")


class Press:
    """Does what a hot area is for."""

    def __init__(self, transcript: Transcript) -> None:
        self._view = transcript

    def trigger(self, number: int, hot: Hot) -> None:
        """Press an area of the turn `number`."""
        view = self._view
        turn_id = view.turns.views[number].id
        if hot.kind in ("fold", "sources"):
            self._toggle(number, hot)
        elif hot.kind == "copy":
            code = view.turns.turn(number).body.pieces[int(hot.id)]
            QGuiApplication.clipboard().setText(code.text)
            view.canvas.show_done(turn_id, hot.key)
        elif hot.kind == "link":
            self.open_link(hot.id)
        elif hot.kind in ("cite", "source"):
            view.hover.hide()
            view.source_activated.emit(turn_id, source_number(hot))
        else:
            view.action_triggered.emit(turn_id, hot.id)

    def _toggle(self, number: int, hot: Hot) -> None:
        view = self._view
        turn_id = view.turns.views[number].id
        view.keep_anchor_of(number)
        if hot.kind == "fold":
            view.turns.toggle(turn_id)
            view.selection.clear()
        else:
            view.turns.toggle_sources(turn_id)
        view.settle_anchored()

    def open_link(self, target: str) -> None:
        """Pass a link on, if it is of a kind that may be opened."""
        if target.lower().startswith(_SCHEMES):
            self._view.link_activated.emit(target)
