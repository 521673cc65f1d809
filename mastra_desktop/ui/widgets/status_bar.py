"""The line at the window's bottom: what may leave the computer, what runs, what waits."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text

_ICON, _GAP = 14, 6
DOT = "dot"  # an icon name that is a plain dot in the item's tone


class StatusBar(QWidget):
    """26 px high. Items are named by an id; a clickable one emits `item_clicked`."""

    item_clicked = Signal(str)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._items: dict[str, _StatusItem] = {}
        self.setAccessibleName(self.tr("Status"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 1, 12, 0)
        row.setSpacing(16)
        row.addStretch()
        self._row, self._stretch_at = row, 0
        theme.changed.connect(self._restyle)
        self._restyle()

    def add_left(self, item_id: str, *, clickable: bool = False) -> None:
        """Make room for an item after the other left ones; it shows once `set_item` gives it words."""
        self._row.insertWidget(self._stretch_at, self._make(item_id, clickable))
        self._stretch_at += 1

    def add_right(self, item_id: str, *, clickable: bool = False) -> None:
        """The same at the right end."""
        self._row.addWidget(self._make(item_id, clickable))

    def set_item(
        self, item_id: str, text: str, icon: str = "", tone: Tone = "", tooltip: str = "", detail: str = ""
    ) -> None:
        """What the item says; "" hides it. `detail` follows in a quieter colour. `icon` may be `DOT`."""
        self._items[item_id].set(text, icon, tone, tooltip, detail)

    def text(self, item_id: str) -> str:
        return self._items[item_id].text()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("surface.sunken"))
        painter.fillRect(0, 0, self.width(), 1, theme.color("border.subtle"))

    def _make(self, item_id: str, clickable: bool) -> _StatusItem:
        item = _StatusItem(self._theme, self._icons, clickable)
        item.clicked.connect(lambda: self.item_clicked.emit(item_id))
        item.setObjectName(f"status-{item_id}")
        item.hide()
        self._items[item_id] = item
        return item

    def _restyle(self) -> None:
        theme = self._theme.current
        self.setFixedHeight(theme.scaled(theme.px("control.statusBar")))
        self.update()


class _StatusItem(QAbstractButton):
    def __init__(self, theme: ThemeController, icons: Icons, clickable: bool) -> None:
        super().__init__()
        self._theme, self._icons, self._clickable = theme, icons, clickable
        self._icon, self._detail = "", ""
        self._tone: Tone = ""
        # A long model name gives way before the window does.
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Expanding)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus if clickable else Qt.FocusPolicy.NoFocus)
        if clickable:
            FocusRing(self, theme, 3)
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        theme.changed.connect(self.updateGeometry)

    def set(self, text: str, icon: str, tone: Tone, tooltip: str, detail: str) -> None:
        self.setText(text)
        self._icon, self._tone, self._detail = icon, tone, detail
        self.setToolTip(tooltip)
        self.setAccessibleName(f"{text} {detail}".strip())
        self.setVisible(bool(text))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        theme = self._theme.current
        metrics = QFontMetrics(theme.font("small", tabular=True))
        width = metrics.horizontalAdvance(self.text()) + 2
        if self._detail:
            width += metrics.horizontalAdvance(f" {self._detail}") + 2
        if self._icon:
            width += (8 if self._icon == DOT else _ICON) + _GAP
        return QSize(width, theme.scaled(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(min(60, self.sizeHint().width()), self.sizeHint().height())

    def hitButton(self, pos: object) -> bool:
        return self._clickable

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        left = 0.0
        if self._icon == DOT:
            color = theme.color(f"{self._tone}.solid" if self._tone else "text.tertiary")
            draw_box(painter, QRectF(0, (self.height() - 8) / 2, 8, 8), 4, color)
            left = 8 + _GAP
        elif self._icon:
            self._icons.paint(painter, QRectF(0, 0, _ICON, self.height()), self._icon, tone_text(self._tone))
            left = _ICON + _GAP
        font = theme.font("small", tabular=True)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        hover = self._clickable and self.underMouse()
        # A dot carries the tone by itself, and a calm icon needs no coloured words.
        loud = self._tone in ("warn", "danger") and self._icon != DOT
        words = tone_text(self._tone) if loud else "text.primary" if hover else "text.secondary"
        painter.setPen(theme.color(words))
        text = metrics.elidedText(self.text(), Qt.TextElideMode.ElideRight, int(self.width() - left))
        align = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, 0, self.width() - left, self.height()), align, text)
        left += metrics.horizontalAdvance(f"{text} ")
        if self._detail and left < self.width():
            painter.setPen(theme.color("text.tertiary"))
            painter.drawText(QRectF(left, 0, self.width() - left, self.height()), align, self._detail)
