"""Citations in the text of an answer, and the sentences that cite nothing."""

from __future__ import annotations

import re

from PySide6.QtCore import QCoreApplication, QRectF
from PySide6.QtGui import QPainter

from mastra_desktop.ui.markdown_inline import InlineReader
from mastra_desktop.ui.widgets.transcript_blocks import Piece
from mastra_desktop.ui.widgets.transcript_chrome import Hot, Look, paint_ring
from mastra_desktop.ui.widgets.transcript_flow import Flow
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_text import Range, paint_citation, utf16_length
from mastra_desktop.ui.widgets.transcript_view import TurnView

_LEAD = re.compile(r"\s*(?:[>#]+\s*)*(?:[-*+]\s+|\d{1,9}[.)]\s+)?(?:\[[ xX]\]\s+)?")


def doubt_tip() -> str:
    """What is said of a sentence that nothing backs."""
    return QCoreApplication.translate("Transcript", "No source given for this sentence")


class CitedText:
    """The citations of an answer's text, and the sentences that nothing seems to back.

    Sentences are known by their place in the source; here they are looked for in the text that shows.
    """

    def __init__(self, view: TurnView, flow: Flow, style: Style) -> None:
        self.flow = flow
        self._view = view
        self._style = style
        self._labels = {source.n: source.label for source in view.sources}
        self._pieces = -1  # how many there were when the sentences were looked for
        self._doubts: dict[int, list[Range]] = {}

    def areas(self, index: int, piece: Piece) -> list[Hot]:
        """The chips of a piece, in its own coordinates. Their ids end in the number of the source."""
        return [
            Hot("cite", f"{index}.{at}.{number}", rect, self._labels.get(number, ""))
            for rect, number, at in piece.citations()
        ]

    def doubtful_at(self, x: int, y: int) -> bool:
        """Whether a point of the text lies on a sentence that nothing seems to back."""
        return bool(self._view.unsupported) and any(
            piece.laid and piece.shows_at(part, x, y - at)
            for index, piece, at in self.flow.visible(y, y + 1)
            for part in self._parts().get(index, ())
        )

    def paint(self, painter: QPainter, look: Look, x: int, y: int, clip: Range) -> None:
        """Draw over the text: the chip that is looked at, and lines under sentences without a source."""
        if not self._view.sources:
            return
        keys = [key for key in (look.hot, look.focus) if key is not None and key[0] == "cite"]
        parts = self._parts()
        if not keys and not parts:
            return
        for index, piece, at in self.flow.visible(clip[0] - y, clip[1] - y):
            if not piece.laid:
                continue
            for part in parts.get(index, ()):
                piece.paint_doubt(painter, x, y + at, part)
            for hot in self.areas(index, piece) if keys else ():
                if hot.key in keys:
                    rect = hot.rect.translated(x, y + at)
                    paint_citation(painter, self._style, QRectF(rect), source_number(hot), on=True)
                    paint_ring(painter, look, rect, hot.key, 4)

    def _parts(self) -> dict[int, list[Range]]:
        """Where those sentences stand, by the number of the piece; looked for anew when pieces came."""
        if self._pieces != len(self.flow.pieces):
            self._pieces = len(self.flow.pieces)
            self._doubts = self._find() if self._view.unsupported else {}
        return self._doubts

    def _find(self) -> dict[int, list[Range]]:
        parts: dict[int, list[Range]] = {}
        reader = InlineReader(max((source.n for source in self._view.sources), default=0))
        text = self._view.text
        for start, end in self._view.unsupported:
            visible = "".join(span.text for span in reader.spans(_LEAD.sub("", text[start:end], count=1)))
            visible = visible.strip()
            line = text.count("\n", 0, start)
            for index, piece in enumerate(self.flow.pieces):
                at = piece.text.find(visible) if piece.block.line <= line < piece.block.end else -1
                if visible and at >= 0:
                    begin = utf16_length(piece.text[:at])
                    parts.setdefault(index, []).append((begin, begin + utf16_length(visible)))
                    break
        return parts


def source_number(hot: Hot) -> int:
    """The number of the source that a chip or a source in the list stands for."""
    return int(hot.id.rpartition(".")[2])
