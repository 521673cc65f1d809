"""Work that waits until nothing else does: reading long texts, colouring code, measuring what comes next."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from mastra_desktop.ui.highlight import warm_up
from mastra_desktop.ui.widgets.transcript_code import CodePiece
from mastra_desktop.ui.widgets.transcript_turn import Turn

if TYPE_CHECKING:
    from mastra_desktop.ui.widgets.transcript import Transcript

_SECONDS = 0.004
_OPEN_CODE_MS = 120
_BETWEEN_MS = 4


class IdleWork(QObject):
    """A few milliseconds at a time, and no timer at all when nothing is left to do."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(transcript)
        self._transcript = transcript
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work)
        self._warm = False
        self.direction = 1

    def wake(self) -> None:
        """There may be something to do."""
        if not self._timer.isActive():
            self._timer.start(_BETWEEN_MS)

    def first_paint_done(self) -> None:
        """Import the highlighter once the window shows something."""
        if not self._warm:
            self._warm = True
            QTimer.singleShot(0, self, warm_up)

    def _work(self) -> None:
        view = self._transcript
        if not view.isVisible():
            return
        height = view.viewport().height()
        for number, top in list(view.turns.visible(view.scroll_y, view.scroll_y + height)):
            turn = view.turns.turn(number)
            if self._read(number, turn) or self._color(turn, top, height):
                return
        self._measure_ahead(height)

    def _read(self, number: int, turn: Turn) -> bool:
        """Parse a long text a little further. True when time is used up."""
        flow = turn.body if not turn.body.parsed else turn.thought
        if flow.parsed or (flow is turn.thought and not turn.open):
            return False
        count = len(flow.pieces)
        if flow.parse_more() < count or len(flow.pieces) > count:
            view = self._transcript
            view.turns.heights[number] = turn.height
            view.settle()
            view.viewport().update()
        self.wake()
        return True

    def _color(self, turn: Turn, top: int, height: int) -> bool:
        """Colour code that shows. True when time is used up."""
        view, flow = self._transcript, turn.body
        base = top + turn.body_top
        for index, piece, at in list(flow.visible(view.scroll_y - base, view.scroll_y + height - base)):
            if not isinstance(piece, CodePiece):
                continue
            growing = flow.code_is_open and index == len(flow.pieces) - 1
            count = len(piece.block.lines) - (1 if growing else 0)
            if not piece.colors.wants(count):
                continue
            first, last = piece.colors.step(piece.block.lines, count, closed=not growing, seconds=_SECONDS)
            if last > first:
                piece.recolor(first, last)
                y = base + at - view.scroll_y
                view.viewport().update(0, y, view.viewport().width(), piece.height)
            if growing and not piece.colors.wants(count):
                self._timer.start(_OPEN_CODE_MS)
            else:
                self.wake()
            return True
        return False

    def _measure_ahead(self, height: int) -> None:
        """Lay out the next screen in the direction of scrolling."""
        view = self._transcript
        deadline = perf_counter() + _SECONDS
        ahead = view.scroll_y + height if self.direction > 0 else view.scroll_y - height
        y = max(0, ahead)
        while y < ahead + height and perf_counter() < deadline:
            changed = view.turns.measure(y, min(y + 80, ahead + height))
            y += 80
            if changed and self.direction < 0:
                view.settle()
                return
        if view.verticalScrollBar().maximum() != max(0, view.turns.total - height):
            view.settle()
