"""The column of panes at the window's left edge."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QFontMetrics,
    QKeySequence,
    QPainter,
    QPaintEvent,
)
from PySide6.QtWidgets import QButtonGroup, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box

_ICON = 20
_TOP = 8  # above the logo; the logo is 32 high with 12 below, items are 4 apart


class Rail(QWidget):
    """72 px wide with labels, 56 without. Up and Down move between the items."""

    item_selected = Signal(str)
    dropped = Signal(str, list)  # item id, the QUrls that were dropped on it

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._items: dict[str, _RailItem] = {}
        self._labels = True
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self.setAccessibleName(self.tr("Panes"))
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Expanding)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, _TOP, 1, 8)
        self._column.setSpacing(4)
        self._column.addWidget(_Logo(icons), alignment=Qt.AlignmentFlag.AlignHCenter)
        self._column.addSpacing(8)
        self._column.addStretch()
        self._stretch_at = self._column.count() - 1
        theme.changed.connect(self._restyle)
        self._restyle()

    def add_item(
        self, item_id: str, label: str, icon: str, shortcut: str = "", *, bottom: bool = False
    ) -> None:
        """`shortcut` ("Ctrl+1") is shown in the tooltip; the action that owns it lives elsewhere."""
        item = _RailItem(label, icon, shortcut, self._theme, self._icons)
        item.set_labelled(self._labels)
        item.clicked.connect(lambda: self._clicked(item_id))
        self._group.addButton(item)
        self._items[item_id] = item
        if bottom:
            self._column.addWidget(item, alignment=Qt.AlignmentFlag.AlignHCenter)
        else:
            self._column.insertWidget(self._stretch_at, item, alignment=Qt.AlignmentFlag.AlignHCenter)
            self._stretch_at += 1

    def take_drops(self, item_id: str) -> None:
        """Files and addresses can be dropped on this item from now on."""
        item = self._items[item_id]
        item.setAcceptDrops(True)
        item.urls_dropped.connect(lambda urls: self.dropped.emit(item_id, urls))

    def select(self, item_id: str) -> None:
        """Mark an item without a signal."""
        self._items[item_id].setChecked(True)

    def selected(self) -> str:
        """The marked item's id, "" before the first."""
        return next((item_id for item_id, item in self._items.items() if item.isChecked()), "")

    def set_badge(self, item_id: str, count: int, words: str = "") -> None:
        """Show a count, 0 for none; `words` ("2 approvals waiting") tell screen readers and the tooltip."""
        self._items[item_id].set_badge(count, words)

    def set_labels(self, labels: bool) -> None:
        """With labels 72 px wide, without 56."""
        self._labels = labels
        for item in self._items.values():
            item.set_labelled(labels)
        self._restyle()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("surface.sunken"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme.color("border.subtle"))
        for item in self._items.values():
            if item.isChecked():
                inset = 12 if self._labels else 9
                top = item.y() + inset
                bar = QRectF(-2, top, 5, item.height() - 2 * inset)
                draw_box(painter, bar, 2, theme.color("accent.solid"))

    def _clicked(self, item_id: str) -> None:
        self.update()
        self.item_selected.emit(item_id)

    def _restyle(self) -> None:
        width = self._theme.current.px("layout.rail.width" if self._labels else "layout.rail.narrow")
        self.setFixedWidth(self._theme.current.scaled(width) if self._labels else width)
        self.update()


class _RailItem(QToolButton):
    urls_dropped = Signal(list)

    def __init__(self, label: str, icon: str, shortcut: str, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons, self._icon, self._label = theme, icons, icon, label
        self._labelled, self._count = True, 0
        self._dragged_over = False
        keys = QKeySequence(shortcut).toString(QKeySequence.SequenceFormat.NativeText).replace("+", " ")
        self._tip = f"{label}  {keys}" if keys else label
        self.setToolTip(self._tip)
        self.setAccessibleName(label)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        FocusRing(self, theme, 8)
        theme.changed.connect(self.updateGeometry)
        self.toggled.connect(self._repaint_rail)

    def set_labelled(self, labelled: bool) -> None:
        self._labelled = labelled
        self.updateGeometry()

    def set_badge(self, count: int, words: str) -> None:
        self._count = count
        self.setAccessibleDescription(words if count else "")
        self.setToolTip(f"{self._tip}\n{words}" if count and words else self._tip)
        self.update()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._show_drag(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._show_drag(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._show_drag(False)
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self.urls_dropped.emit(event.mimeData().urls())

    def _show_drag(self, over: bool) -> None:
        self._dragged_over = over
        self.update()

    def sizeHint(self) -> QSize:
        theme = self._theme.current
        if not self._labelled:
            return QSize(44, 40)
        words = QFontMetrics(theme.font("caption")).horizontalAdvance(self._label) + 2
        widest = theme.scaled(theme.px("layout.rail.width")) - 8
        return QSize(min(widest, max(theme.scaled(60), words)), theme.scaled(52))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        on = self.isChecked()
        hover = self.underMouse() or self._dragged_over
        if on or hover:
            fill = "surface.selected" if on else "surface.pressed" if self.isDown() else "surface.hover"
            draw_box(painter, QRectF(self.rect()), 8, theme.color(fill))
        font = theme.font("caption")
        line = theme.scaled(14)
        used = _ICON + (4 + line if self._labelled else 0)
        top = (self.height() - used) / 2
        icon_color = "accent.fg" if on else "text.primary" if hover else "text.secondary"
        self._icons.paint(
            painter, QRectF((self.width() - _ICON) / 2, top, _ICON, _ICON), self._icon, icon_color
        )
        if self._labelled:
            painter.setFont(font)
            painter.setPen(theme.color("text.primary" if on or hover else "text.secondary"))
            text = QFontMetrics(font).elidedText(self._label, Qt.TextElideMode.ElideRight, self.width())
            rect = QRectF(0, top + _ICON + 4, self.width(), line)
            painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, text)
        if self._count:
            self._paint_badge(painter, theme.color("badge.bg"), theme.color("badge.fg"))

    def _paint_badge(self, painter: QPainter, fill: QColor, ink: QColor) -> None:
        font = self._theme.current.font("caption", 600)
        text = str(self._count) if self._count < 100 else "99+"
        width = max(16, QFontMetrics(font).horizontalAdvance(text) + 8)
        edge = (6, 4) if self._labelled else (1, 1)
        badge = QRectF(self.width() - edge[0] - width, edge[1], width, 16)
        draw_box(painter, badge, 8, fill)
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, text)

    def _repaint_rail(self) -> None:
        parent = self.parentWidget()
        if parent is not None:
            parent.update()  # the bar of the selected item is at the window's edge, outside the item


class _Logo(QWidget):
    def __init__(self, icons: Icons) -> None:
        super().__init__()
        self._mark = icons.app_icon()
        self.setFixedSize(32, 32)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._mark.paint(QPainter(self), self.rect())
