"""What an answer stands on: the row below it that opens to its sources, and how one source is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QCoreApplication, QRect, QRectF, Qt
from PySide6.QtGui import QFontMetrics, QPainter

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.markdown_inline import Span
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.transcript_chrome import Hot, Look, paint_quiet_box, paint_ring
from mastra_desktop.ui.widgets.transcript_style import CITE, Style
from mastra_desktop.ui.widgets.transcript_text import RichText, paint_citation, utf16_length
from mastra_desktop.ui.widgets.transcript_view import SourceView, TurnView

CARD_TEXT = 170
"""Characters of a passage in a list of sources."""
_V_CENTER = Qt.AlignmentFlag.AlignVCenter
_EDGE, _ROW, _NOTICE, _GAP = 12, 26, 22, 8
_LEAD = 60  # characters before the first marked word


def _tr(text: str) -> str:
    return QCoreApplication.translate("Transcript", text)


def excerpt(source: SourceView, limit: int) -> tuple[str, list[tuple[int, int]]]:
    """At most `limit` characters from the first marked word on, and the marks in them in Qt's positions."""
    text = source.text
    begin = 0
    if len(text) > limit and source.marks and source.marks[0][0] > _LEAD:
        begin = min(source.marks[0][0] - _LEAD, len(text) - limit)
        begin = text.find(" ", begin, begin + 20) + 1 or begin
    end = len(text)
    if end - begin > limit:
        end = text.rfind(" ", begin + limit - 20, begin + limit)
        end = end if end > begin else begin + limit
    before, after = ("…" if begin else ""), ("…" if end < len(text) else "")
    # One space for one: the marks stay where they are.
    shown = before + "".join(" " if char.isspace() else char for char in text[begin:end]) + after
    shift = len(before) - begin
    marks = []
    for start, stop in source.marks:
        if begin <= start and stop <= end:
            at = utf16_length(shown[: start + shift])
            marks.append((at, at + utf16_length(text[start:stop])))
    return shown, marks


class SourceLayout:
    """One source, laid out for a width: number, name, passage, place and match, "Open"."""

    def __init__(self, source: SourceView, style: Style, width: int, limit: int = CARD_TEXT) -> None:
        self.source = source
        self._style = style
        self._width = width
        text, self._marks = excerpt(source, limit)
        color = style.color("text.secondary")
        self._text = RichText([Span(text)], style, style.theme.font("small"), style.theme.scaled(18), color)
        self._text.lay_out(width - 2 * _EDGE)
        self._head = style.theme.scaled(20)
        self._foot = style.theme.scaled(18)
        self.height = 9 + self._head + 4 + self._text.height + 5 + self._foot + 9

    def paint(self, painter: QPainter, icons: Icons, x: int, y: int, *, on: bool = False) -> None:
        """Draw with the corner at (x, y), without a frame; `on` while it is looked at."""
        style, theme = self._style, self._style.theme
        left, right = x + _EDGE, x + self._width - _EDGE
        wide = style.cite_format(len(str(self.source.n)) + 2)[1]
        top = y + 9
        chip = QRectF(left, top + (self._head - CITE) / 2, wide, CITE)
        paint_citation(painter, style, chip, self.source.n, on=on)
        font = theme.font("ui", 600)
        name = QRect(left + wide + 8, top, right - left - wide - 8, self._head)
        shown = QFontMetrics(font).elidedText(
            self.source.document, Qt.TextElideMode.ElideMiddle, name.width()
        )
        painter.setFont(font)
        painter.setPen(style.color("text.primary"))
        painter.drawText(name, _V_CENTER, shown)
        self._text.paint(painter, left, top + self._head + 4, None, self._marks)
        foot = QRect(left, y + self.height - 9 - self._foot, right - left, self._foot)
        small = theme.font("small", tabular=True)
        opening = QFontMetrics(theme.font("small", 500)).horizontalAdvance(_tr("Open")) + 18
        painter.setFont(small)
        painter.setPen(style.color("text.tertiary"))
        place = foot.adjusted(0, 0, -opening - 8, 0)
        note = QFontMetrics(small).elidedText(self.source.note, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, _V_CENTER, note)
        painter.setFont(theme.font("small", 500))
        painter.setPen(style.color("text.link"))
        painter.drawText(foot.adjusted(0, 0, -18, 0), _V_CENTER | Qt.AlignmentFlag.AlignRight, _tr("Open"))
        icon = QRect(foot.right() - 12, foot.top(), 13, foot.height())
        icons.paint(painter, icon, "external-link", "text.link")


class SourcesLayout:
    """What stands between an answer's text and its buttons: a notice, and the sources, folded or open."""

    def __init__(self, view: TurnView, style: Style, width: int, *, opened: bool) -> None:
        self._style = style
        self._width = width
        self._notice = view.notice
        self._sources = () if view.streaming else view.sources
        self.opened = opened and bool(self._sources)
        self._cards = [SourceLayout(s, style, width) for s in self._sources] if self.opened else []
        self._label = row_label(self._sources)
        self._row = QRect(-6, _NOTICE if self._notice else 0, self._row_width(), _ROW - 2)
        self.height = self._measure()

    def _row_width(self) -> int:
        return QFontMetrics(self._style.theme.font("small")).horizontalAdvance(self._label) + 40

    def _measure(self) -> int:
        height = _NOTICE if self._notice else 0
        if self._sources:
            height += _ROW
        for card in self._cards:
            height += card.height + _GAP
        return height

    def _tops(self) -> list[int]:
        tops, y = [], self._row.top() + _ROW
        for card in self._cards:
            tops.append(y)
            y += card.height + _GAP
        return tops

    def hot_areas(self, x: int, y: int) -> list[Hot]:
        """The row and the sources, for a corner at (x, y)."""
        if not self._sources:
            return []
        areas = [Hot("sources", "", self._row.translated(x, y), self._label)]
        for card, top in zip(self._cards, self._tops(), strict=True):
            rect = QRect(x, y + top, self._width, card.height)
            areas.append(Hot("source", str(card.source.n), rect, card.source.label))
        return areas

    def paint(self, painter: QPainter, look: Look, x: int, y: int) -> None:
        """Draw with the corner at (x, y)."""
        style = self._style
        if self._notice:
            self._paint_notice(painter, look, x, y)
        if not self._sources:
            return
        row = self._row.translated(x, y)
        paint_quiet_box(painter, look, row, ("sources", ""))
        look.icons.paint(painter, QRect(x, row.top(), 14, row.height()), "quote", "text.tertiary")
        font = style.theme.font("small")
        wide = QFontMetrics(font).horizontalAdvance(self._label)
        painter.setFont(font)
        painter.setPen(style.color("text.secondary"))
        painter.drawText(QRect(x + 20, row.top(), wide + 2, row.height()), _V_CENTER, self._label)
        arrow = QRect(x + 22 + wide, row.top(), 12, row.height())
        look.icons.paint(painter, arrow, "chevron-down" if self.opened else "chevron-right", "text.tertiary")
        for card, top in zip(self._cards, self._tops(), strict=True):
            key = ("source", str(card.source.n))
            box = QRect(x, y + top, self._width, card.height)
            hot = look.hot == key or look.focus == key
            edge = "accent.border" if hot else "border.default"
            draw_box(painter, QRectF(box), 8, style.color("card.bg"), style.color(edge))
            paint_ring(painter, look, box, key, 8)
            card.paint(painter, look.icons, x, y + top, on=hot)

    def _paint_notice(self, painter: QPainter, look: Look, x: int, y: int) -> None:
        font = self._style.theme.font("small")
        look.icons.paint(painter, QRect(x, y, 14, _NOTICE - 4), "info", "text.tertiary")
        rect = QRect(x + 20, y, self._width - 20, _NOTICE - 4)
        text = QFontMetrics(font).elidedText(self._notice, Qt.TextElideMode.ElideRight, rect.width())
        painter.setFont(font)
        painter.setPen(self._style.color("text.tertiary"))
        painter.drawText(rect, _V_CENTER, text)


def sources_label(count: int) -> str:
    """ "2 sources"."""
    return _tr("1 source") if count == 1 else _tr("{n} sources").format(n=count)


def row_label(sources: Sequence[SourceView]) -> str:
    """ "2 sources, 6 more found": cited ones are the sources, the model was given the others as well."""
    cited = sum(source.cited for source in sources)
    more = len(sources) - cited
    if not cited:
        return (
            _tr("1 passage found, not cited")
            if more == 1
            else _tr("{n} passages found, none cited").format(n=more)
        )
    if not more:
        return sources_label(cited)
    return _tr("{sources}, {n} more found").format(sources=sources_label(cited), n=more)
