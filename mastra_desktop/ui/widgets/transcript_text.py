"""A wrapped run of styled text: laid out once, painted, hit and marked many times."""

import math
from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QTextLayout, QTextLine, QTextOption

from mastra_desktop.ui.markdown_inline import CITATION, CODE, Span
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.transcript_style import ALIGNMENTS, CHIP, CITE, CITE_LEFT, Style

Range = tuple[int, int]


def format_range(start: int, length: int, char_format: object) -> QTextLayout.FormatRange:
    """A range for QTextLayout, which has no constructor with values."""
    found = QTextLayout.FormatRange()
    found.start = start
    found.length = length
    found.format = char_format  # type: ignore[assignment]  # the stubs want the property object
    return found


class RichText:
    """Text with bold, links and code chips. Positions are UTF-16 units, as Qt counts them."""

    def __init__(self, spans: Sequence[Span], style: Style, font: QFont, line: int, color: QColor) -> None:
        self.text = "".join(span.text for span in spans)
        self.links: list[tuple[int, int, str]] = []
        self.citations: list[tuple[int, int, int]] = []
        self.height = 0
        self._style = style
        self._line = line
        self._color = color
        self._chips: list[Range] = []
        self._layout = QTextLayout(self.text, font)
        self._layout.setCacheEnabled(True)
        metrics = QFontMetricsF(font)
        self._baseline = (line - metrics.height()) / 2 + metrics.ascent()
        self._set_formats(spans)

    def _set_formats(self, spans: Sequence[Span]) -> None:
        formats: list[QTextLayout.FormatRange] = []
        at = 0
        for index, span in enumerate(spans):
            length = utf16_length(span.text)
            if span.style & CITATION:
                self.citations.append((at, at + length, int(span.text[1:-1])))
                formats.append(format_range(at, length, self._style.cite_format(length)[0]))
                at += length
                continue
            code = bool(span.style & CODE)
            before_code = index + 1 < len(spans) and bool(spans[index + 1].style & CODE)
            linked = bool(span.link)
            spaced = 1 if code or (before_code and not span.text.endswith("\u2028")) else 0
            if code:
                self._chips.append((at, at + length))
            if linked:
                self.links.append((at, at + length, span.link))
            if (span.style or linked) and length > spaced:
                look = self._style.char_format(span.style, link=linked, spaced=False)
                formats.append(format_range(at, length - spaced, look))
            if spaced:
                look = self._style.char_format(span.style, link=linked, spaced=True)
                formats.append(format_range(at + length - 1, 1, look))
            at += length
        if formats:
            self._layout.setFormats(formats)

    def natural_width(self) -> int:
        """The width of the text without wrapping, in pixels."""
        self.lay_out(1_000_000)
        return math.ceil(self._layout.maximumWidth()) + (CHIP if self._chips else 0)

    def lay_out(self, width: int, align: str = "") -> int:
        """Wrap to a width. Returns the height."""
        layout = self._layout
        option = QTextOption(self._style.wrap)
        if align:
            option.setAlignment(ALIGNMENTS[align])
        layout.setTextOption(option)
        layout.beginLayout()
        y = 0.0
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(width)
            line.setPosition(QPointF(0, y + self._baseline - line.ascent()))
            y += max(self._line, math.ceil(line.height()))
        layout.endLayout()
        self.height = int(y)
        return self.height

    def paint(
        self,
        painter: QPainter,
        x: float,
        y: float,
        selected: Range | None = None,
        marks: Sequence[Range] = (),
    ) -> None:
        """Draw with the top left corner at (x, y)."""
        for start, end in self._chips:
            self._paint_chip(painter, x, y, start, end)
        overlays = [format_range(a, b - a, self._style.marked) for a, b in marks]
        if selected is not None and selected[1] > selected[0]:
            overlays.append(format_range(selected[0], selected[1] - selected[0], self._style.selected))
        painter.setPen(self._color)
        self._layout.draw(painter, QPointF(x, y), overlays)
        for start, end, number in self.citations:
            rect = self.citation_rect(start, end)
            if rect is not None:
                paint_citation(painter, self._style, rect.translated(x, y), number)

    def paint_doubt(self, painter: QPainter, x: float, y: float, part: Range) -> None:
        """A dotted line under a range of the text."""
        pen = QPen(self._style.color("border.control"), 1.4, Qt.PenStyle.DotLine, Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        for rect in self.rects(*part):
            bottom = round(rect.bottom() - 2) + 0.5
            painter.drawLine(QPointF(x + rect.left(), y + bottom), QPointF(x + rect.right(), y + bottom))

    def citation_rect(self, start: int, end: int) -> QRectF | None:
        """Where a citation's chip stands."""
        rects = self.rects(start, end)
        if not rects:
            return None
        wide = self._style.cite_format(end - start)[1]
        top = rects[0].top() + (self._line - CITE) / 2 - 1
        return QRectF(round(rects[0].left()) + CITE_LEFT, round(top), wide, CITE)

    def _paint_chip(self, painter: QPainter, x: float, y: float, start: int, end: int) -> None:
        style = self._style
        painter.setPen(style.color("border.default"))
        painter.setBrush(style.color("surface.raised"))
        for rect in self.rects(start, end):
            chip = QRectF(
                rect.left() - CHIP + 0.5, rect.top() + 2.5, rect.width() + CHIP - 1, rect.height() - 5
            )
            painter.drawRoundedRect(chip.translated(x, y), 4, 4)

    def rects(self, start: int, end: int) -> list[QRectF]:
        """The rectangles that a range of text covers, one per line."""
        found = []
        for number in range(self._layout.lineCount()):
            line = self._layout.lineAt(number)
            first, last = line.textStart(), line.textStart() + line.textLength()
            if last <= start or first >= end:
                continue
            left, right = _x_of(line, max(start, first)), _x_of(line, min(end, last))
            top = line.y() + line.ascent() - self._baseline
            found.append(QRectF(min(left, right), top, abs(right - left), self._line))
        return found

    def position_at(self, x: float, y: float) -> int:
        """The text position nearest to a point."""
        count = self._layout.lineCount()
        for number in range(count):
            line = self._layout.lineAt(number)
            if y < line.y() + line.height() or number == count - 1:
                return int(line.xToCursor(x))
        return 0

    def end_point(self) -> QPointF:
        """Where the caret of a growing text stands: right end and top of the last line."""
        count = self._layout.lineCount()
        if not count:
            return QPointF(0, 0)
        line = self._layout.lineAt(count - 1)
        right = _x_of(line, line.textStart() + line.textLength())
        return QPointF(right, line.y() + line.ascent() - self._baseline)

    def link_at(self, x: float, y: float) -> str:
        """The target of the link under a point, or ""."""
        for start, end, target in self.links:
            if any(rect.contains(x, y) for rect in self.rects(start, end)):
                return target
        return ""


def paint_citation(painter: QPainter, style: Style, rect: QRectF, number: int, *, on: bool = False) -> None:
    """The chip of a source; `on` while it is looked at."""
    fill, edge = ("accent.fill", "accent.fill") if on else ("accent.subtle", "accent.border")
    draw_box(painter, rect, 4, style.color(fill), style.color(edge))
    painter.setFont(style.cite_font)
    painter.setPen(style.color("text.onAccent" if on else "accent.fg"))
    painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, str(number))


def _x_of(line: QTextLine, position: int) -> float:
    """Where a text position stands; the stubs leave out that Qt gives the position back as well."""
    found = cast(tuple[float, int], line.cursorToX(position))
    return found[0]


def utf16_length(text: str) -> int:
    """The length as Qt counts it."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf16_slice(text: str, start: int, end: int) -> str:
    """Part of a text by Qt's positions."""
    if text.isascii():
        return text[start:end]
    return text.encode("utf-16-le", "surrogatepass")[start * 2 : end * 2].decode("utf-16-le", "replace")
