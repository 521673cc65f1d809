"""Paints the turns that show, and keeps what moves by itself: spinners and "Copied"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, QTimer
from PySide6.QtGui import QPainter

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.widgets.spinner import FRAME_MS, TURN_MS
from mastra_desktop.ui.widgets.transcript_chrome import Look, spinner_rect
from mastra_desktop.ui.widgets.transcript_turn import Turn

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_COPIED_MS = 1_600


class Canvas(QObject):
    """Draws on the viewport of a transcript. One timer turns all spinners, and only while one shows."""

    def __init__(self, transcript: Transcript, icons: Icons) -> None:
        super().__init__(transcript)
        self._view = transcript
        self._icons = icons
        self._done: tuple[str, tuple[str, str]] | None = None
        self._angle = 0.0
        self._spinner = QTimer(self)
        self._spinner.setInterval(FRAME_MS)
        self._spinner.timeout.connect(self._spin)
        self._copied = QTimer(self)
        self._copied.setSingleShot(True)
        self._copied.timeout.connect(self._end_copied)

    def paint(self, area: QRect) -> None:
        """Draw what lies in a rectangle of the viewport."""
        view = self._view
        painter = QPainter(view.viewport())
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(area, view.turns.style.color("surface.content"))
        left = view.column().left()
        clip = (area.top(), area.bottom() + 1)
        busy = False
        for number, y in view.turns.visible(view.scroll_y + clip[0], view.scroll_y + clip[1]):
            turn, top = view.turns.turn(number), y - view.scroll_y
            busy |= turn.view.busy
            selected = view.selection.of_turn(number)
            turn.paint(painter, self._look(number, turn), left, top, clip, selected, view.words)
            view.keys.paint_ring(painter, number, turn.ring_rect().translated(left, top))
        painter.end()
        if busy and not self._spinner.isActive():
            self._spinner.start()

    def _look(self, number: int, turn: Turn) -> Look:
        pointer, keys = self._view.pointer, self._view.keys
        done = self._done[1] if self._done is not None and self._done[0] == turn.view.id else None
        return Look(
            self._view.turns.style,
            self._icons,
            hovered=pointer.hovered == number or keys.shown == number,
            hot=pointer.hot.key if pointer.hot is not None and pointer.hovered == number else None,
            pressed=pointer.pressed,
            focus=keys.hot_key if keys.shown == number else None,
            done=done,
            angle=self._angle,
        )

    def show_done(self, turn_id: str, key: tuple[str, str]) -> None:
        """Show a check mark on a button for a moment."""
        self._done = (turn_id, key)
        self._copied.start(_COPIED_MS)
        self._view.viewport().update()

    def _end_copied(self) -> None:
        self._done = None
        self._view.viewport().update()

    def stop(self) -> None:
        """The view is hidden: nothing turns."""
        self._spinner.stop()

    def _spin(self) -> None:
        self._angle = (self._angle + 360 * FRAME_MS / TURN_MS) % 360
        view = self._view
        busy = False
        left = view.column().left()
        for number, y in view.turns.visible(view.scroll_y, view.scroll_y + view.viewport().height()):
            turn = view.turns.views[number]
            if turn.busy:
                busy = True
                rect = spinner_rect(turn, view.turns.style, view.turns.width)
                view.viewport().update(rect.translated(left, y - view.scroll_y))
        if not busy:
            self._spinner.stop()
