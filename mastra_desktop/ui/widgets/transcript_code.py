"""Code blocks: a header with Copy, and lines that scroll sideways."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QPainter, QPen, QTextLayout

from mastra_desktop.ui.highlight import CodeColors, Highlighter, language_name
from mastra_desktop.ui.markdown import Block
from mastra_desktop.ui.widgets.transcript_blocks import Piece, find_words
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_text import Range, format_range, utf16_length

CODE_HEADER = 30
CODE_PADDING = 8
_KEEP_LINES = 400


class CodePiece(Piece):
    """A code block. Lines have one height, so only the visible ones are ever laid out."""

    def __init__(self, block: Block, gap: int, style: Style, highlighter: Highlighter) -> None:
        super().__init__(block, gap)
        self._style = style
        self.colors = CodeColors(highlighter, block.language)
        self.scroll_x = 0
        self.width = 0
        self._layouts: dict[int, QTextLayout] = {}
        self._widest = 0.0
        self._measured = 0
        self._starts = [0]

    def take(self, block: Block) -> None:
        """Show a newer version of the same block; colours of unchanged lines stay."""
        keep = max(0, self._measured - 1)
        if block is not self.block:
            old = self.block.lines
            same = 0
            for mine, new in zip(old, block.lines, strict=False):
                if mine != new:
                    break
                same += 1
            keep = min(keep, same)
            self.block = block
        for line in [line for line in self._layouts if line >= keep]:
            del self._layouts[line]
        self._measured = min(self._measured, keep)
        del self._starts[keep + 1 :]
        self.laid = False

    def estimate(self, width: int) -> int:
        return CODE_HEADER + 2 * CODE_PADDING + max(1, len(self.block.lines)) * self._style.mono_line + 2

    def lay_out(self, width: int) -> int:
        self.width = width - self.indent
        lines = self.block.lines
        for number in range(self._measured, len(lines)):
            self._widest = max(self._widest, display_columns(lines[number]) * self._style.mono_width)
        self._measured = len(lines)
        self.scroll_x = max(0, min(self.scroll_x, self.scroll_max))
        self.height = self.estimate(width)
        self.laid = True
        return self.height

    @property
    def scroll_max(self) -> int:
        """Pixels by which the longest line is longer than the block."""
        return max(0, round(self._widest + 2) - (self.width - 26))

    def recolor(self, first: int, last: int) -> None:
        """Forget the layouts of lines that got colours."""
        for line in range(first, last):
            self._layouts.pop(line, None)

    def _line(self, number: int) -> QTextLayout:
        found = self._layouts.get(number)
        if found is None:
            if len(self._layouts) > _KEEP_LINES:
                self._layouts.clear()
            text = self.block.lines[number]
            found = QTextLayout(text, self._style.mono)
            found.setCacheEnabled(True)
            found.setTextOption(self._style.no_wrap)
            runs = self.colors.runs[number] if number < len(self.colors.runs) else []
            if runs:
                wide = not text.isascii()
                found.setFormats(
                    [
                        format_range(
                            utf16_length(text[:start]) if wide else start,
                            utf16_length(text[start : start + length]) if wide else length,
                            self._style.syntax(name),
                        )
                        for start, length, name in runs
                    ]
                )
            found.beginLayout()
            line = found.createLine()
            line.setLineWidth(1_000_000)
            line.setPosition(QPointF(0, (self._style.mono_line - line.height()) / 2))
            found.endLayout()
            self._layouts[number] = found
        return found

    def paint(
        self, painter: QPainter, x: int, y: int, clip: Range, selected: Range | None, words: Sequence[str]
    ) -> None:
        style = self._style
        x += self.indent
        frame = QRectF(x + 0.5, y + 0.5, self.width - 1, self.height - 1)
        painter.setPen(style.color("border.default"))
        painter.setBrush(style.color("surface.inset"))
        painter.drawRoundedRect(frame, 8, 8)
        painter.fillRect(x + 1, y + CODE_HEADER, self.width - 2, 1, style.color("border.subtle"))
        painter.setFont(style.theme.font("small"))
        painter.setPen(style.color("text.secondary"))
        name = QRect(x + 12, y + 1, self.width - 120, CODE_HEADER)
        painter.drawText(name, Qt.AlignmentFlag.AlignVCenter, language_name(self.block.language))
        top = y + CODE_HEADER + 1 + CODE_PADDING
        height = style.mono_line
        first = max(0, (clip[0] - top) // height)
        last = min(len(self.block.lines), (clip[1] - top) // height + 1)
        if first < last:
            painter.save()
            body = QRect(x + 1, y + CODE_HEADER + 1, self.width - 2, self.height - CODE_HEADER - 2)
            painter.setClipRect(body, Qt.ClipOperation.IntersectClip)
            painter.setPen(style.color("syntax.text"))
            for number in range(first, last):
                overlays = self._overlays(number, selected, words)
                at = QPointF(x + 13 - self.scroll_x, top + number * height)
                self._line(number).draw(painter, at, overlays)
            painter.restore()
        self._paint_bar(painter, x, y)

    def _overlays(
        self, number: int, selected: Range | None, words: Sequence[str]
    ) -> list[QTextLayout.FormatRange]:
        text = self.block.lines[number]
        found = (
            [format_range(a, b - a, self._style.marked) for a, b in find_words(text, words)] if words else []
        )
        if selected is not None:
            start = self._start_of(number)
            a, b = max(0, selected[0] - start), min(utf16_length(text), selected[1] - start)
            if a < b:
                found.append(format_range(a, b - a, self._style.selected))
        return found

    def _paint_bar(self, painter: QPainter, x: int, y: int) -> None:
        bar = self.bar_rect()
        if bar is not None:
            painter.setPen(QPen(Qt.PenStyle.NoPen))
            painter.setBrush(self._style.color("border.strong"))
            painter.drawRoundedRect(bar.translated(x - self.indent, y), 2, 2)

    def bar_rect(self) -> QRect | None:
        """The thumb of the sideways scrollbar, where lines are too long."""
        if not self.scroll_max:
            return None
        track = self.width - 16
        thumb = max(32, track * track // (track + self.scroll_max))
        left = self.indent + 8 + (track - thumb) * self.scroll_x // self.scroll_max
        return QRect(left, self.height - 6, thumb, 4)

    def copy_rect(self, text_width: int) -> QRect:
        """Where the Copy button stands; `text_width` is that of its label."""
        wide = text_width + 36
        return QRect(self.indent + self.width - wide - 4, 3, wide, 24)

    def _start_of(self, number: int) -> int:
        """The text position of a line's first character."""
        starts = self._starts
        while len(starts) <= number:
            starts.append(starts[-1] + utf16_length(self.block.lines[len(starts) - 1]) + 1)
        return starts[number]

    @property
    def text(self) -> str:
        return "\n".join(self.block.lines)

    def length(self) -> int:
        lines = self.block.lines
        return self._start_of(len(lines) - 1) + utf16_length(lines[-1]) if lines else 0

    def position_at(self, x: int, y: int) -> int:
        lines = self.block.lines
        if not lines:
            return 0
        number = (y - CODE_HEADER - 1 - CODE_PADDING) // self._style.mono_line
        if number < 0:
            return 0
        if number >= len(lines):
            return self.length()
        line = self._line(number).lineAt(0)
        return self._start_of(number) + int(line.xToCursor(x - self.indent - 13 + self.scroll_x))

    def end_point(self) -> QPointF:
        lines = self.block.lines
        number = max(0, len(lines) - 1)
        top = CODE_HEADER + 1 + CODE_PADDING + number * self._style.mono_line
        if not lines:
            return QPointF(self.indent + 13, top)
        right = display_columns(lines[-1]) * self._style.mono_width - self.scroll_x
        return QPointF(self.indent + 13 + min(right, self.width - 28), top)


def display_columns(text: str) -> int:
    """Columns of a line in a fixed-width font."""
    if "\t" in text:
        text = text.expandtabs(4)
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
