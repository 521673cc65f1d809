"""Traces as a waterfall: Enter or a click opens one to its spans, Right and Left too."""

from __future__ import annotations

from typing import cast

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.metrics_roles import TraceRole
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box

Index = QModelIndex | QPersistentModelIndex
_ROW, _EDGE, _NAME, _TIME, _GAP = 25, 14, 218, 58, 10
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def name_width(width: int) -> int:
    """Of the names' column in a list that wide."""
    return min(_NAME, max(110, width * 2 // 5))


class TraceList(QListView):
    """`trace_pressed` asks to open or close; `trace_shown` tells which one has the keyboard."""

    trace_pressed = Signal(str)
    trace_shown = Signal(str)

    def __init__(
        self, label: str, theme: ThemeController, icons: Icons, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(label)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setItemDelegate(_Delegate(self, theme, icons))
        self.clicked.connect(self._pressed)
        theme.changed.connect(self.scheduleDelayedItemsLayout)

    def currentChanged(self, current: Index, previous: Index) -> None:
        super().currentChanged(cast(QModelIndex, current), cast(QModelIndex, previous))
        if current.isValid():
            self.trace_shown.emit(str(current.data(TraceRole.TRACE_ID)))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if index.isValid():
            is_open = bool(index.data(TraceRole.OPEN))
            turns = {Qt.Key.Key_Return: True, Qt.Key.Key_Enter: True, Qt.Key.Key_Space: True}
            turns |= {Qt.Key.Key_Right: not is_open, Qt.Key.Key_Left: is_open}
            if turns.get(Qt.Key(event.key())):
                self._pressed(index)
                return
        super().keyPressEvent(event)

    def _pressed(self, index: QModelIndex) -> None:
        if index.data(TraceRole.DEPTH) == 0:
            self.trace_pressed.emit(str(index.data(TraceRole.TRACE_ID)))


class _Delegate(QStyledItemDelegate):
    def __init__(self, view: QListView, theme: ThemeController, icons: Icons) -> None:
        super().__init__(view)
        self._view, self._theme, self._icons = view, theme, icons

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
        depth = int(index.data(TraceRole.DEPTH) or 0)
        failed = bool(index.data(TraceRole.FAILED))
        left = rect.left() + _EDGE + (0 if depth == 0 else 14 * min(depth, 4))
        if failed:
            icon, color = "circle-x", "danger.fg"
        elif depth == 0:
            icon = "chevron-down" if index.data(TraceRole.OPEN) else "chevron-right"
            color = "text.tertiary"
        else:
            icon, color = str(index.data(TraceRole.ICON)), "text.tertiary"
        self._icons.paint(painter, QRectF(left, rect.top(), 13, rect.height()), icon, color)
        names = rect.left() + _EDGE + name_width(int(rect.width()))
        self._words(
            painter,
            QRectF(left + 19, rect.top(), names - left - 19, rect.height()),
            str(index.data()),
            500 if depth == 0 else 400,
            "text.primary" if depth == 0 else "text.secondary",
        )
        right = rect.right() - _EDGE + 1
        times = QRectF(right - _TIME, rect.top(), _TIME, rect.height())
        color = "text.primary" if depth == 0 else "text.secondary"
        self._words(painter, times, str(index.data(TraceRole.DURATION)), 400, color, right=True)
        track = QRectF(names + _GAP, rect.top(), max(8.0, times.left() - names - 2 * _GAP), rect.height())
        painter.fillRect(QRectF(track.left(), track.top(), 1, track.height()), theme.color("chart.grid"))
        start, length = float(index.data(TraceRole.START)), float(index.data(TraceRole.LENGTH))
        bar = QRectF(0, rect.top() + (rect.height() - 11) / 2, max(3.0, length * track.width()), 11)
        bar.moveLeft(min(track.left() + start * track.width(), track.right() - 3))
        draw_box(painter, bar, 2, theme.color(str(index.data(TraceRole.COLOR))))
        painter.restore()

    def _words(
        self, painter: QPainter, rect: QRectF, text: str, weight: int, color: str, *, right: bool = False
    ) -> None:
        theme = self._theme.current
        font = theme.font("small", weight, tabular=True)
        painter.setFont(font)
        painter.setPen(theme.color(color))
        shown = QFontMetricsF(font).elidedText(text, Qt.TextElideMode.ElideRight, rect.width() + 1)
        painter.drawText(rect, _RIGHT if right else _LEFT, shown)


class TraceScale(QWidget):
    """The times above the waterfall, from 0 to the longest trace."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._labels: list[str] = []
        theme.changed.connect(self._size)
        self._size()

    def _size(self) -> None:
        self.setFixedHeight(self._theme.current.scaled(22))

    def show_labels(self, labels: list[str]) -> None:
        if labels != self._labels:
            self._labels = labels
            self.update()

    def paintEvent(self, event: object) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        painter.setFont(theme.font("small", tabular=True))
        painter.setPen(theme.color("text.tertiary"))
        left = _EDGE + name_width(self.width()) + _GAP
        width = self.width() - _EDGE - _TIME - _GAP - left
        room = width / max(1, len(self._labels) - 1)
        for number, words in enumerate(self._labels):
            side = Qt.AlignmentFlag.AlignHCenter
            place = QRectF(left + room * (number - 0.5), 0, room, self.height())
            if number == 0:
                place, side = QRectF(left, 0, room, self.height()), Qt.AlignmentFlag.AlignLeft
            elif number == len(self._labels) - 1:
                place = QRectF(left + width - room, 0, room, self.height())
                side = Qt.AlignmentFlag.AlignRight
            painter.drawText(place, side | Qt.AlignmentFlag.AlignVCenter, words)
