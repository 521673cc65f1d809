"""The field for an API key."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton


class KeyField(QLineEdit):
    """Shows dots; the eye, whose labels are `show` and `hide`, shows what was typed."""

    def __init__(self, theme: ThemeController, icons: Icons, *, show: str = "", hide: str = "") -> None:
        super().__init__()
        self._icons = icons
        self._show_words = show or self.tr("Show the key")
        self._hide_words = hide or self.tr("Hide the key")
        self.setObjectName("serverKey")
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setTextMargins(22, 0, 28, 0)
        self.eye = IconButton("eye", self._show_words, theme, icons, size=24, icon_size=15, parent=self)
        self.eye.setObjectName("showKeyButton")
        self.eye.setCheckable(True)
        self.eye.setCursor(Qt.CursorShape.ArrowCursor)
        self.eye.toggled.connect(self._reveal)

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.eye.setChecked(False)  # a page that is left shows no key when it comes back

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.eye.move(self.width() - self.eye.width() - 5, (self.height() - self.eye.height()) // 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        self._icons.paint(QPainter(self), QRectF(9, 0, 15, self.height()), "key-round")

    def _reveal(self, on: bool) -> None:
        self.setEchoMode(QLineEdit.EchoMode.Normal if on else QLineEdit.EchoMode.Password)
        self.eye.set_icon("eye-off" if on else "eye")
        self.eye.set_label(self._hide_words if on else self._show_words)
