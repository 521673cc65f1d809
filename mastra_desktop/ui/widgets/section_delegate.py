"""How the rows and headings of a `SectionList` are painted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QTextCharFormat, QTextLayout
from PySide6.QtWidgets import QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.theme import Theme, ThemeController
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text
from mastra_desktop.ui.widgets.spinner import draw_spinner
from mastra_desktop.ui.widgets.tile import draw_tile

Index = QModelIndex | QPersistentModelIndex
Marks = Sequence[tuple[int, int]]
_INSET, _LEFT, _RIGHT = 8, 10, 8  # around a row; inside it
_NOTE_ICON = 13
_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class SectionDelegate(QStyledItemDelegate):
    """Reads `RowRole`s; `angle` (degrees) turns the spinners, `selected_id` gets the bar."""

    def __init__(self, view: QListView, theme: ThemeController, icons: Icons, *, one_line: bool) -> None:
        super().__init__(view)
        self._view, self._theme, self._icons, self._one_line = view, theme, icons, one_line
        self.angle = 0.0
        self.selected_id = ""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        theme = self._theme.current
        if index.data(RowRole.KIND) == "section":
            return QSize(10, theme.scaled(28) + 4)
        return QSize(10, theme.scaled(theme.px("control.row") if self._one_line else 52))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if index.data(RowRole.KIND) == "section":
            self._paint_section(painter, QRectF(option.rect).adjusted(0, 4, 0, 0), index)
        else:
            self._paint_row(painter, option, index)
        painter.restore()

    def _paint_section(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        theme = self._theme.current
        left = rect.left() + _INSET + 8
        icon = str(index.data(RowRole.ICON) or "")
        if icon:
            left -= 4
            self._icons.paint(painter, QRectF(left, rect.top(), 13, rect.height()), icon, "text.tertiary")
            left += 13 + 6
        font = theme.font("caption", 600, tabular=True)
        painter.setFont(font)
        painter.setPen(theme.color("text.tertiary"))
        count = str(index.data(RowRole.TIME) or "")
        right = rect.right() - _INSET - _RIGHT
        if count:
            width = QFontMetrics(font).horizontalAdvance(count) + 2
            right -= width
            painter.drawText(QRectF(right, rect.top(), width, rect.height()), _MIDDLE, count)
        title = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        text = QFontMetrics(font).elidedText(title, Qt.TextElideMode.ElideRight, int(right - left))
        painter.drawText(QRectF(left, rect.top(), right - left, rect.height()), _MIDDLE, text)

    def _paint_row(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme.current
        box = QRectF(option.rect).adjusted(_INSET, 0, -_INSET, 0)
        on = bool(self.selected_id) and index.data(RowRole.ID) == self.selected_id
        hover = bool(option.state & QStyle.StateFlag.State_MouseOver)
        current = self._view.hasFocus() and index.row() == self._view.currentIndex().row()
        if on or hover:
            draw_box(painter, box, 6, theme.color("surface.selected" if on else "surface.hover"))
        if on:
            inset = 8 if self._one_line else 9
            bar = box.adjusted(0, inset, 0, -inset)
            bar.setWidth(3)
            draw_box(painter, bar, 1.5, theme.color("accent.solid"))
        if current:
            draw_box(painter, box, 6, None, theme.color("border.focus"), 2)
        inside = box.adjusted(_LEFT, 0, -_RIGHT, 0)
        if self._one_line:
            icon = str(index.data(RowRole.ICON) or "")
            if icon:
                color = "accent.fg" if on else "text.secondary"
                self._icons.paint(
                    painter, QRectF(inside.left(), inside.top(), 16, inside.height()), icon, color
                )
                inside.setLeft(inside.left() + 16 + 10)
            self._paint_title(painter, inside, index, on=on)
            return
        if index.data(RowRole.TILE):
            inside = self._paint_tile(painter, inside, index)
        line = theme.scaled(19)
        top = inside.top() + (inside.height() - line - theme.scaled(17)) / 2
        self._paint_title(painter, QRectF(inside.left(), top, inside.width(), line), index, on=on)
        second = QRectF(inside.left(), top + line, inside.width(), theme.scaled(17))
        self._paint_note(painter, second, index)

    def _paint_tile(self, painter: QPainter, rect: QRectF, index: Index) -> QRectF:
        """The tile at the left and the sign at the right; returns what is left for the lines."""
        tile = QRectF(rect.left(), rect.center().y() - 16, 32, 32)
        color, icon = str(index.data(RowRole.TILE)), str(index.data(RowRole.ICON) or "")
        draw_tile(painter, tile, self._theme, self._icons, color, icon)
        sign = QRectF(rect.right() - 15, rect.top(), 15, rect.height())
        right = rect.right()
        name = str(index.data(RowRole.SIGN) or "")
        if index.data(RowRole.BUSY):
            draw_spinner(painter, sign, self._theme.current.color("accent.fg"), self.angle)
            right = sign.left() - 8
        elif name:
            self._icons.paint(painter, sign, name, tone_text(cast(Tone, index.data(RowRole.SIGN_TONE) or "")))
            right = sign.left() - 8
        left = tile.right() + 10
        return QRectF(left, rect.top(), right - left, rect.height())

    def _paint_title(self, painter: QPainter, rect: QRectF, index: Index, *, on: bool) -> None:
        theme = self._theme.current
        right = rect.right()
        time = str(index.data(RowRole.TIME) or "")
        if time:
            small = theme.font("small", tabular=True)
            width = QFontMetrics(small).horizontalAdvance(time) + 2
            right -= width
            painter.setFont(small)
            painter.setPen(theme.color("text.secondary" if on else "text.tertiary"))
            painter.drawText(QRectF(right, rect.top(), width, rect.height()), _MIDDLE, time)
            right -= 8
        unread = bool(index.data(RowRole.UNREAD))
        if unread:
            right -= 8 + 6
        font = theme.font("ui", 600 if on or unread else 500)
        title = str(index.data(Qt.ItemDataRole.DisplayRole) or "")
        marks = cast(Marks, index.data(RowRole.TITLE_MARKS) or ())
        space = QRectF(rect.left(), rect.top(), right - rect.left(), rect.height())
        used = _draw_marked(painter, space, title, marks, font, theme.color("text.primary"), theme)
        if unread:
            dot = QRectF(rect.left() + used + 6, rect.center().y() - 4, 8, 8)
            draw_box(painter, dot, 4, theme.color("accent.solid"))

    def _paint_note(self, painter: QPainter, rect: QRectF, index: Index) -> None:
        theme = self._theme.current
        left = rect.left()
        tone = cast(Tone, index.data(RowRole.NOTE_TONE) or "")
        icon = str(index.data(RowRole.NOTE_ICON) or "")
        sign = QRectF(left, rect.top(), _NOTE_ICON, rect.height())
        busy = bool(index.data(RowRole.BUSY)) and not index.data(RowRole.TILE)
        icon = "" if index.data(RowRole.TILE) else icon
        if busy:
            draw_spinner(painter, sign, theme.color("accent.fg"), self.angle)
        elif icon:
            self._icons.paint(painter, sign, icon, tone_text(tone))
        if busy or icon:
            left += _NOTE_ICON + 6
        note = str(index.data(RowRole.NOTE) or "")
        marks = cast(Marks, index.data(RowRole.NOTE_MARKS) or ())
        space = QRectF(left, rect.top(), rect.right() - left, rect.height())
        _draw_marked(painter, space, note, marks, theme.font("small"), theme.color(tone_text(tone)), theme)


def _draw_marked(
    painter: QPainter, rect: QRectF, text: str, marks: Marks, font: QFont, color: QColor, theme: Theme
) -> float:
    """Draw one elided line with the marked ranges highlighted; return the width it took."""
    line_text = QFontMetrics(font).elidedText(
        " ".join(text.split()) if not marks else text, Qt.TextElideMode.ElideRight, int(rect.width())
    )
    layout = QTextLayout(line_text, font)
    formats = []
    for start, length in marks:
        if start >= len(line_text):
            continue
        part = QTextLayout.FormatRange()
        part.start, part.length = start, min(length, len(line_text) - start)
        look = QTextCharFormat()
        look.setBackground(theme.color("highlight.bg"))
        look.setForeground(theme.color("highlight.fg"))
        part.format = look
        formats.append(part)
    layout.setFormats(formats)
    layout.beginLayout()
    line = layout.createLine()
    layout.endLayout()
    painter.setPen(color)
    layout.draw(painter, QPointF(rect.left(), rect.top() + (rect.height() - line.height()) / 2))
    return line.naturalTextWidth()
