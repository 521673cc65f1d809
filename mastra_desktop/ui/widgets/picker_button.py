"""A quiet button that shows what is chosen and opens the list to choose another."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.popup_list import PopupItem, PopupList
from mastra_desktop.ui.widgets.tile import draw_tile

_PADDING, _GAP, _CHEVRON = 8, 6, 14


class PickerButton(QAbstractButton):
    """28 px high: icon or tile, label, chevron. `picked` carries the id of the item chosen by the person."""

    picked = Signal(str)

    def __init__(
        self,
        label: str,
        theme: ThemeController,
        icons: Icons,
        icon: str = "",
        tile: str = "",
        placeholder: str = "",
        parent: QWidget | None = None,
        *,
        list_width: int = 300,
    ) -> None:
        """`label` says what is picked ("Model"); `tile` is a tile colour and puts the icon on it."""
        super().__init__(parent)
        self._label, self._theme, self._icons = label, theme, icons
        self._icon, self._tile, self._placeholder = icon, tile, placeholder
        self._list_width = list_width
        self._items: list[PopupItem] = []
        self._popup: PopupList | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        self.set_text("")
        FocusRing(self, theme, 6)
        self.clicked.connect(self.open_list)
        theme.changed.connect(self.updateGeometry)

    def set_items(self, items: Sequence[PopupItem]) -> None:
        """What the list offers; the checked item's title becomes the button's text."""
        self._items = list(items)
        self.set_text(next((item.title for item in items if item.checked), ""))

    def set_text(self, text: str) -> None:
        """Show this as the choice."""
        self.setText(text)
        self.setAccessibleName(f"{self._label}: {text}" if text else self._label)
        self.setToolTip(self.accessibleName())
        self.updateGeometry()
        self.update()

    def set_icon(self, icon: str, tile: str = "") -> None:
        self._icon, self._tile = icon, tile
        self.update()

    def open_list(self) -> None:
        """Open the list, unless it is open or empty."""
        if self._popup is not None or not self._items:
            return
        self._popup = PopupList(
            self, self._items, self._label, self._theme, self._icons, self._placeholder, self._list_width
        )
        self._popup.chosen.connect(self.picked)
        self._popup.closed.connect(self._closed)
        self._popup.open_popover()

    @property
    def popup(self) -> PopupList | None:
        """The open list."""
        return self._popup

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_list()
            return
        super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        theme = self._theme.current
        width = 2 * _PADDING + _GAP + _CHEVRON
        width += QFontMetrics(theme.font("ui", 500)).horizontalAdvance(self.text() or self._label) + 2
        if self._icon:
            width += (18 if self._tile else 14) + _GAP
        return QSize(width, theme.scaled(28))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(96, self.sizeHint().width()), self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        enabled = self.isEnabled()
        if enabled and (self.underMouse() or self.isDown() or self._popup is not None):
            fill = "surface.pressed" if self.isDown() or self._popup is not None else "surface.hover"
            draw_box(painter, QRectF(self.rect()), 6, theme.color(fill))
        left, right = float(_PADDING), float(self.width() - _PADDING - _CHEVRON)
        height = self.height()
        if self._icon and self._tile:
            rect = QRectF(left, (height - 18) / 2, 18, 18)
            draw_tile(painter, rect, self._theme, self._icons, self._tile, self._icon)
            left += 18 + _GAP
        elif self._icon:
            color = "text.secondary" if enabled else "text.disabled"
            self._icons.paint(painter, QRectF(left, 0, 14, height), self._icon, color)
            left += 14 + _GAP
        quiet = "text.tertiary" if enabled else "text.disabled"
        self._icons.paint(painter, QRectF(right, 0, _CHEVRON, height), "chevron-down", quiet)
        font = theme.font("ui", 500)
        width = right - _GAP - left
        text = QFontMetrics(font).elidedText(
            self.text() or self._label, Qt.TextElideMode.ElideMiddle, int(width) + 1
        )
        painter.setFont(font)
        painter.setPen(theme.color("text.primary" if enabled else "text.disabled"))
        painter.drawText(QRectF(left, 0, width + 2, height), Qt.AlignmentFlag.AlignVCenter, text)

    def _closed(self) -> None:
        self._popup = None
        self.update()
