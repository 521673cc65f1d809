"""The log's end as a list: time, level, where from, what happened, in the code font."""

from __future__ import annotations

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from mastra_desktop.ui.metrics_roles import LogRole
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box, tone_text

Index = QModelIndex | QPersistentModelIndex
_ROW, _EDGE, _GAP = 23, 14, 8
_COLUMNS = (62, 42, 72)
_FONT_PX = 12
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class LogList(QListView):
    """Enter or a double click asks for the rest of a line's operation; Ctrl+C copies the line."""

    operation_wanted = Signal(str)

    def __init__(self, label: str, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(label)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Delegate(self, theme))
        self.doubleClicked.connect(self._pressed)
        theme.changed.connect(self.scheduleDelayedItemsLayout)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if index.isValid() and event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._pressed(index)
        elif index.isValid() and event.matches(QKeySequence.StandardKey.Copy):
            QApplication.clipboard().setText(str(index.data(Qt.ItemDataRole.AccessibleTextRole)))
        else:
            super().keyPressEvent(event)

    def _pressed(self, index: QModelIndex) -> None:
        if operation := str(index.data(LogRole.OPERATION) or ""):
            self.operation_wanted.emit(operation)


class _Delegate(QStyledItemDelegate):
    def __init__(self, view: QListView, theme: ThemeController) -> None:
        super().__init__(view)
        self._view, self._theme = view, theme

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(280, self._theme.current.scaled(_ROW))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        theme = self._theme.current
        painter.save()
        rect = QRectF(option.rect)
        state = option.state
        focused = bool(state & QStyle.StateFlag.State_Selected) and self._view.hasFocus()
        if focused or state & QStyle.StateFlag.State_MouseOver:
            fill = theme.color("surface.selected" if focused else "surface.hover")
            draw_box(painter, rect.adjusted(6, 0, -6, 0), 4, fill)
        font = theme.font("code")
        font.setPixelSize(theme.scaled(_FONT_PX))
        metrics = QFontMetricsF(font)
        tone = index.data(LogRole.TONE)
        cells = (
            (str(index.data(LogRole.TIME)), "text.tertiary"),
            (str(index.data(LogRole.LEVEL)), tone_text(tone) if tone else "text.tertiary"),
            (str(index.data(LogRole.SOURCE)), "text.secondary"),
            (str(index.data()), "text.primary"),
        )
        left = rect.left() + _EDGE
        for (words, color), column in zip(cells, (*_COLUMNS, 0), strict=True):
            width = theme.scaled(column) if column else rect.right() - _EDGE - left
            font.setWeight(font.Weight.Medium if color.endswith(".fg") else font.Weight.Normal)
            painter.setFont(font)
            painter.setPen(theme.color(color))
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, max(0.0, width))
            painter.drawText(QRectF(left, rect.top(), width + 1, rect.height()), _LEFT, shown)
            left += width + _GAP
        painter.restore()
