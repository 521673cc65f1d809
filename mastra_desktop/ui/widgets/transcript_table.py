"""Table rows, each a piece of its own; the rows of a table share their columns."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, QRectF, Qt
from PySide6.QtGui import QPainter

from mastra_desktop.ui.markdown import Block
from mastra_desktop.ui.markdown_inline import InlineReader
from mastra_desktop.ui.widgets.transcript_blocks import Piece, citations_of, find_words
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_text import Range, RichText, utf16_length

TABLE_SAMPLE = 30
"""Rows that decide the widths of a table's columns."""


class Table:
    """The columns that the rows of one table share. `first` is the index of its header's piece."""

    def __init__(self, first: int) -> None:
        self.first = first
        self._rows: list[RowPiece] = []
        self._widths: list[int] = []
        self._width = 0

    def widths(self, width: int) -> list[int]:
        """Column widths that fill `width`: as wide as needed, else fair shares of what there is."""
        if width != self._width:
            self._width = width
            self._widths = share_widths(self._natural(), width)
        return self._widths

    def fit(self, rows: list[RowPiece]) -> bool:
        """Take the rows that decide the widths. True when columns moved that were in use."""
        old, width = self._widths, self._width
        self._rows, self._width = rows, 0
        return bool(width) and self.widths(width) != old

    def _natural(self) -> list[int]:
        natural: list[int] = []
        for row in self._rows:
            for column, wide in enumerate(row.natural_widths()):
                if column == len(natural):
                    natural.append(0)
                natural[column] = max(natural[column], wide)
        return natural


def share_widths(natural: Sequence[int], width: int) -> list[int]:
    """Widths that add up to `width`; narrow columns keep what they need, wide ones share the rest."""
    if not natural:
        return []
    total = sum(natural)
    if total <= width:
        shares = [wide * width // total for wide in natural]
    else:
        shares = [0] * len(natural)
        left, open_columns = width, sorted(range(len(natural)), key=lambda column: natural[column])
        while open_columns:
            column = open_columns.pop(0)
            shares[column] = min(natural[column], max(36, left // (len(open_columns) + 1)))
            left -= shares[column]
    shares[-1] += max(0, width - sum(shares))
    return shares


class RowPiece(Piece):
    """One row of a table. Cells are joined by tabs in its text."""

    def __init__(self, block: Block, gap: int, style: Style, reader: InlineReader, table: Table) -> None:
        super().__init__(block, gap)
        self._style = style
        self._reader = reader
        self.table = table
        self.last = True
        self._cells: list[RichText] = []
        self._natural: list[int] = []
        self._columns: list[int] = []
        self._width = 0

    @property
    def cells(self) -> list[RichText]:
        if not self._cells:
            style = self._style
            head = self.block.header
            font, line = (style.head_font, style.head_line) if head else (style.cell_font, style.cell_line)
            color = style.color("text.secondary") if head else style.text_color
            self._cells = [
                RichText(self._reader.spans(cell), style, font, line, color) for cell in self.block.cells
            ]
        return self._cells

    @property
    def _padding(self) -> int:
        return 5 if self.block.header else 3

    def natural_widths(self) -> list[int]:
        """The width each cell would like, padding included."""
        if not self._natural:
            self._natural = [cell.natural_width() + 24 for cell in self.cells]
            self.laid = False
        return self._natural

    def _align(self, column: int) -> str:
        return self.block.aligns[column] if column < len(self.block.aligns) else ""

    def estimate(self, width: int) -> int:
        return (self._style.head_line if self.block.header else self._style.cell_line) + 2 * self._padding + 1

    def lay_out(self, width: int) -> int:
        self._width = width - self.indent
        self._columns = self.table.widths(self._width)
        tallest = 0
        for column, cell in enumerate(self.cells):
            if column < len(self._columns):
                tallest = max(tallest, cell.lay_out(max(12, self._columns[column] - 24), self._align(column)))
        self.height = max(tallest + 2 * self._padding + 1, self.estimate(width))
        self.laid = True
        return self.height

    def paint(
        self, painter: QPainter, x: int, y: int, clip: Range, selected: Range | None, words: Sequence[str]
    ) -> None:
        style, head = self._style, self.block.header
        x += self.indent
        frame = QRectF(x + 0.5, y + 0.5, self._width - 1, self.height - (1 if self.last else 0))
        painter.save()
        painter.setClipRect(QRect(x, y, self._width, self.height), Qt.ClipOperation.IntersectClip)
        painter.setPen(style.color("border.default"))
        painter.setBrush(style.color("surface.raised") if head else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(frame.adjusted(0, 0 if head else -20, 0, 0 if self.last else 20), 8, 8)
        if not self.last:
            edge = "border.default" if head else "border.subtle"
            painter.fillRect(x + 1, y + self.height - 1, self._width - 2, 1, style.color(edge))
        left, start = x, 0
        for cell, wide in zip(self.cells, self._columns, strict=False):
            length = utf16_length(cell.text)
            part = None
            if selected is not None:
                part = (max(0, selected[0] - start), min(length, selected[1] - start))
            cell.paint(
                painter, left + 12, y + self._padding, part, find_words(cell.text, words) if words else ()
            )
            left += wide
            start += length + 1
        painter.restore()

    @property
    def text(self) -> str:
        return "\t".join(cell.text for cell in self.cells)

    def _cell_at(self, x: int) -> tuple[int, int, int]:
        """(cell index, its left edge, its first text position)."""
        left, start = self.indent, 0
        for index, cell in enumerate(self.cells):
            wide = self._columns[index] if index < len(self._columns) else 0
            if x < left + wide or index == len(self.cells) - 1:
                return index, left, start
            left += wide
            start += utf16_length(cell.text) + 1
        return 0, self.indent, 0

    def position_at(self, x: int, y: int) -> int:
        if not self.cells:
            return 0
        index, left, start = self._cell_at(x)
        return start + self.cells[index].position_at(x - left - 12, y - self._padding)

    def links(self) -> list[tuple[QRect, str]]:
        found = []
        left = self.indent
        for index, cell in enumerate(self.cells[: len(self._columns)]):
            for begin, end, target in cell.links:
                rects = cell.rects(begin, end)
                if rects:
                    found.append((rects[0].translated(left + 12, self._padding).toAlignedRect(), target))
            left += self._columns[index]
        return found

    def citations(self) -> list[tuple[QRect, int, int]]:
        found = []
        left, before = self.indent, 0
        for cell, wide in zip(self.cells, self._columns, strict=False):
            found += citations_of(cell, left + 12, self._padding, before)
            left += wide
            before += utf16_length(cell.text) + 1
        return found

    def link_at(self, x: int, y: int) -> str:
        if not self.cells:
            return ""
        index, left, _ = self._cell_at(x)
        return self.cells[index].link_at(x - left - 12, y - self._padding)
