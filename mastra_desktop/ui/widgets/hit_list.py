"""Passages as a list: rank, document, place, score, and a few lines with the found words marked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QResizeEvent, QTextCharFormat, QTextLayout
from PySide6.QtWidgets import (
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.knowledge_roles import HitRole
from mastra_desktop.ui.theme import Theme, ThemeController
from mastra_desktop.ui.widgets.painting import draw_box

Index = QModelIndex | QPersistentModelIndex
Marks = Sequence[tuple[int, int]]
_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_TOP, _BOTTOM, _EDGE, _INDENT = 11, 13, 16, 20  # padding of a row; the text stands under the name
_BAR = 52


class HitList(QListView):
    """Up and Down move and show, Enter or a double click opens. `lines` of text per row at most."""

    row_activated = Signal(int)
    row_shown = Signal(int)

    def __init__(
        self,
        label: str,
        theme: ThemeController,
        icons: Icons,
        *,
        lines: int = 3,
        uniform: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        """`uniform` gives each row room for all `lines`: for lists of thousands."""
        super().__init__(parent)
        self.setAccessibleName(label)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setResizeMode(QListView.ResizeMode.Adjust)
        self.setUniformItemSizes(uniform)
        self.setMouseTracking(True)
        self.setItemDelegate(_Delegate(self, theme, icons, lines, uniform))
        self.doubleClicked.connect(lambda index: self.row_activated.emit(index.row()))
        theme.changed.connect(self.scheduleDelayedItemsLayout)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(cast(QModelIndex, current), cast(QModelIndex, previous))
        if current.isValid():
            self.row_shown.emit(current.row())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.currentIndex().isValid():
            self.row_activated.emit(self.currentIndex().row())
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self.scheduleDelayedItemsLayout()  # the lines break elsewhere


class _Delegate(QStyledItemDelegate):
    def __init__(
        self, view: QListView, theme: ThemeController, icons: Icons, lines: int, uniform: bool
    ) -> None:
        super().__init__(view)
        self._view, self._theme, self._icons = view, theme, icons
        self._lines, self._uniform = lines, uniform

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        theme = self._theme.current
        lines = self._lines
        if not self._uniform:
            lines = len(self._break(str(index.data(HitRole.TEXT) or ""), self._text_width(), theme)[1])
        return QSize(10, _TOP + theme.scaled(20) + 4 + lines * theme.scaled(19) + _BOTTOM)

    def _text_width(self) -> float:
        return self._view.viewport().width() - 2 * _EDGE - _INDENT

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme.current
        rect = QRectF(option.rect)
        painter.save()
        on = bool(option.state & QStyle.StateFlag.State_Selected)
        if on or option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(rect, theme.color("surface.selected" if on else "surface.hover"))
        painter.fillRect(
            QRectF(rect.left(), rect.bottom() - 1, rect.width(), 1), theme.color("border.subtle")
        )
        if on:
            painter.fillRect(QRectF(rect.left(), rect.top(), 3, rect.height()), theme.color("accent.solid"))
        if self._view.hasFocus() and index.row() == self._view.currentIndex().row():
            draw_box(painter, rect.adjusted(0, 0, 0, -1), 4, None, theme.color("border.focus"), 2)
        inside = rect.adjusted(_EDGE, _TOP, -_EDGE, -_BOTTOM)
        head = QRectF(inside.left(), inside.top(), inside.width(), theme.scaled(20))
        self._paint_head(painter, head, index, theme, on=on)
        text = str(index.data(HitRole.TEXT) or "")
        marks = cast(Marks, index.data(HitRole.MARKS) or ())
        self._paint_text(painter, QPointF(inside.left() + _INDENT, head.bottom() + 4), text, marks, theme)
        painter.restore()

    def _paint_head(self, painter: QPainter, rect: QRectF, index: Index, theme: Theme, *, on: bool) -> None:
        small = theme.font("small", tabular=True)
        strong = theme.font("small", 600, tabular=True)
        rank = str(index.data(HitRole.RANK) or "")
        painter.setFont(strong)
        painter.setPen(theme.color("text.secondary"))
        width = max(14, QFontMetrics(strong).horizontalAdvance(rank) + 1)
        painter.drawText(QRectF(rect.left(), rect.top(), width, rect.height()), _MIDDLE, rank)
        left, right = rect.left() + width + 6, rect.right()
        score = index.data(HitRole.SCORE)
        if score is not None:
            right = self._paint_score(painter, rect, float(cast(float, score)), theme)
        place = str(index.data(HitRole.PLACE) or "")
        font = theme.font("ui", 500)
        metrics, quiet = QFontMetrics(font), QFontMetrics(small)
        title = str(index.data() or "")
        room = right - left - 8
        wanted = min(quiet.horizontalAdvance(place), int(room * 0.45)) + 1 if place else 0
        title = metrics.elidedText(title, Qt.TextElideMode.ElideMiddle, int(room - wanted - 6))
        painter.setFont(font)
        painter.setPen(theme.color("text.primary"))
        painter.drawText(QRectF(left, rect.top(), room, rect.height()), _MIDDLE, title)
        if place:
            left += metrics.horizontalAdvance(title) + 6
            place = quiet.elidedText(place, Qt.TextElideMode.ElideRight, int(right - 8 - left))
            painter.setFont(small)
            painter.setPen(theme.color("text.secondary" if on else "text.tertiary"))
            painter.drawText(QRectF(left, rect.top(), right - 8 - left, rect.height()), _MIDDLE, place)

    def _paint_score(self, painter: QPainter, rect: QRectF, score: float, theme: Theme) -> float:
        font = theme.font("small", 500, tabular=True)
        figure = f"{score:.2f}"
        width = QFontMetrics(font).horizontalAdvance(figure) + 1
        painter.setFont(font)
        painter.setPen(theme.color("text.primary"))
        painter.drawText(QRectF(rect.right() - width, rect.top(), width, rect.height()), _MIDDLE, figure)
        bar = QRectF(rect.right() - width - 6 - _BAR, rect.center().y() - 3, _BAR, 6)
        draw_box(painter, bar, 3, theme.color("chart.track"))
        left = bar.left()
        bar.setWidth(max(3.0, _BAR * max(0.0, min(1.0, score))))
        draw_box(painter, bar, 3, theme.color("accent.solid"))
        return left

    def _break(
        self, text: str, width: float, theme: Theme, marks: Marks = ()
    ) -> tuple[QTextLayout, list[tuple[int, int]]]:
        """The text laid out at that width, and (start, length) of the lines that are shown."""
        layout = QTextLayout(text, theme.font("ui"))
        layout.setFormats([_marked(start, length, theme) for start, length in marks])
        layout.beginLayout()
        lines: list[tuple[int, int]] = []
        while len(lines) < self._lines:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(max(60.0, width))
            line.setPosition(QPointF(0, len(lines) * theme.scaled(19)))
            lines.append((line.textStart(), line.textLength()))
        layout.endLayout()
        return layout, lines

    def _paint_text(self, painter: QPainter, at: QPointF, text: str, marks: Marks, theme: Theme) -> None:
        width = self._text_width()
        layout, lines = self._break(text, width, theme, marks)
        shown = sum(length for _, length in lines)
        if shown < len(text.encode("utf-16-le", "surrogatepass")) // 2:  # the rest ends in an ellipsis
            kept = [(start, length) for start, length in marks if start + length <= shown - 2]
            layout, lines = self._break(text[: max(0, shown - 2)].rstrip() + "…", width, theme, kept)
        painter.setPen(theme.color("text.secondary"))
        layout.draw(painter, at)


def _marked(start: int, length: int, theme: Theme) -> QTextLayout.FormatRange:
    part = QTextLayout.FormatRange()
    part.start, part.length = start, length
    look = QTextCharFormat()
    look.setBackground(theme.color("highlight.bg"))
    look.setForeground(theme.color("highlight.fg"))
    part.format = look
    return part
