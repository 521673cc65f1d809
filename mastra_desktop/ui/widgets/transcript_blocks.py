"""The painted pieces of a reply, one per `Block`: what they share, and text and rules."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect
from PySide6.QtGui import QPainter

from mastra_desktop.ui.markdown import Block
from mastra_desktop.ui.markdown_inline import InlineReader, Span
from mastra_desktop.ui.widgets.transcript_style import INDENT, Style
from mastra_desktop.ui.widgets.transcript_text import Range, RichText, utf16_length, utf16_slice


def indent_of(block: Block) -> int:
    """Pixels that the quotes and lists of a block take on the left."""
    return sum(INDENT[letter] for letter in block.inside)


def gap_above(block: Block, before: Block | None) -> int:
    """Pixels between two blocks."""
    if before is None:
        return 0
    if block.kind == "line" or (block.kind == "row" and before.kind == "row" and not block.header):
        return 0
    if block.kind == "heading":
        return 16 if block.level <= 2 else 12
    if before.kind == "heading":
        return 4 if block.kind == "paragraph" else 6
    if block.kind in ("code", "row") or before.kind in ("code", "row"):
        return 10
    if block.markers and before.inside[:1] == block.inside[:1]:
        return 2 if before.markers or len(block.inside) != len(before.inside) else 6
    return 8


class Piece:
    """What all pieces share. Coordinates of a piece start at its own top left, the gap above not included."""

    def __init__(self, block: Block, gap: int) -> None:
        self.block = block
        self.gap = gap
        self.indent = indent_of(block)
        self.height = 0
        self.laid = False

    def estimate(self, width: int) -> int:
        """A height in pixels, without laying anything out."""
        raise NotImplementedError

    def lay_out(self, width: int) -> int:
        """Lay out for a width (indent included). Returns and keeps the height."""
        raise NotImplementedError

    def paint(
        self, painter: QPainter, x: int, y: int, clip: Range, selected: Range | None, words: Sequence[str]
    ) -> None:
        """Draw what lies between the y positions `clip`; `words` are marked."""
        raise NotImplementedError

    @property
    def text(self) -> str:
        """The visible text."""
        return ""

    def position_at(self, x: int, y: int) -> int:
        """The text position nearest to a point."""
        return 0

    def length(self) -> int:
        """The length of the text in Qt's positions."""
        return utf16_length(self.text)

    def selected_text(self, selected: Range) -> str:
        """The visible text of a range."""
        return utf16_slice(self.text, *selected).replace("\u2028", "\n")

    def links(self) -> list[tuple[QRect, str]]:
        """First rectangle and target of every link."""
        return []

    def link_at(self, x: int, y: int) -> str:
        return ""

    def citations(self) -> list[tuple[QRect, int, int]]:
        """The chip, number and text position of every citation."""
        return []

    def paint_doubt(self, painter: QPainter, x: int, y: int, part: Range) -> None:
        """Underline a range of the text that nothing seems to back."""

    def shows_at(self, part: Range, x: int, y: int) -> bool:
        """Whether a point lies on a range of the text."""
        return False

    def end_point(self) -> QPointF:
        """Where the caret of a growing reply stands."""
        return QPointF(0, max(0, self.height - 22))


def find_words(text: str, words: Sequence[str]) -> list[Range]:
    """Where words occur, whatever their case."""
    found: list[Range] = []
    lower = text.lower()
    for word in words:
        needle = word.lower()
        at = lower.find(needle) if needle else -1
        while at >= 0:
            start = utf16_length(text[:at])
            found.append((start, start + utf16_length(text[at : at + len(needle)])))
            at = lower.find(needle, at + len(needle))
    return found


def citations_of(rich: RichText, left: int, top: int, before: int = 0) -> list[tuple[QRect, int, int]]:
    """As `Piece.citations`, of a text that stands there and has `before` positions before it."""
    found = []
    for start, end, number in rich.citations:
        rect = rich.citation_rect(start, end)
        if rect is not None:
            found.append((rect.translated(left, top).toAlignedRect(), number, before + start))
    return found


class TextPiece(Piece):
    """A paragraph, heading, list item or one line of a prompt."""

    def __init__(self, block: Block, gap: int, style: Style, reader: InlineReader) -> None:
        super().__init__(block, gap)
        self._style = style
        self._reader = reader
        self._rich: RichText | None = None
        self._font, self._line = style.font, style.line
        if block.kind == "heading":
            self._font, self._line = style.heading(block.level)

    @property
    def rich(self) -> RichText:
        """The text with its looks; read at the first use."""
        if self._rich is None:
            block = self.block
            spans = [Span(block.text)] if block.kind == "line" else self._reader.spans(block.text)
            self._rich = RichText(spans, self._style, self._font, self._line, self._style.text_color)
        return self._rich

    def estimate(self, width: int) -> int:
        per_line = max(8.0, (width - self.indent) / self._style.letter)
        return max(1, round(len(self.block.text) / per_line + 0.4) + self.block.text.count("\n")) * self._line

    def natural_width(self) -> int:
        return self.rich.natural_width()

    def lay_out(self, width: int) -> int:
        self.height = max(self._line, self.rich.lay_out(max(40, width - self.indent)))
        self.laid = True
        return self.height

    def paint(
        self, painter: QPainter, x: int, y: int, clip: Range, selected: Range | None, words: Sequence[str]
    ) -> None:
        marks = find_words(self.rich.text, words) if words else ()
        self.rich.paint(painter, x + self.indent, y, selected, marks)

    @property
    def text(self) -> str:
        return self.rich.text

    def position_at(self, x: int, y: int) -> int:
        return self.rich.position_at(x - self.indent, y)

    def links(self) -> list[tuple[QRect, str]]:
        found = []
        for start, end, target in self.rich.links:
            rects = self.rich.rects(start, end)
            if rects:
                found.append((rects[0].translated(self.indent, 0).toAlignedRect(), target))
        return found

    def link_at(self, x: int, y: int) -> str:
        return self.rich.link_at(x - self.indent, y)

    def citations(self) -> list[tuple[QRect, int, int]]:
        return citations_of(self.rich, self.indent, 0)

    def paint_doubt(self, painter: QPainter, x: int, y: int, part: Range) -> None:
        self.rich.paint_doubt(painter, x + self.indent, y, part)

    def shows_at(self, part: Range, x: int, y: int) -> bool:
        return any(rect.contains(x - self.indent, y) for rect in self.rich.rects(*part))

    def end_point(self) -> QPointF:
        return self.rich.end_point() + QPointF(self.indent, 0)


class RulePiece(Piece):
    """A thematic break."""

    def __init__(self, block: Block, gap: int, style: Style) -> None:
        super().__init__(block, gap)
        self._style = style
        self._width = 0

    def estimate(self, width: int) -> int:
        return 9

    def lay_out(self, width: int) -> int:
        self._width = width
        self.height = 9
        self.laid = True
        return 9

    def paint(
        self, painter: QPainter, x: int, y: int, clip: Range, selected: Range | None, words: Sequence[str]
    ) -> None:
        painter.fillRect(
            x + self.indent, y + 4, self._width - self.indent, 1, self._style.color("border.default")
        )
