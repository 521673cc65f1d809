"""A search line with a magnifier, the keys that reach it, and a clear button."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.escape import asks_for_escape
from mastra_desktop.ui.widgets.kbd import Kbd


class SearchField(QLineEdit):
    """`textChanged` as on every line edit. Esc clears; on an empty field it goes to whoever is above."""

    def __init__(
        self,
        placeholder: str,
        theme: ThemeController,
        icons: Icons,
        keys: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._icons = icons
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self._clear = IconButton("x", self.tr("Clear"), theme, icons, size=22, icon_size=14, parent=self)
        self._clear.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._clear.setCursor(Qt.CursorShape.ArrowCursor)
        self._clear.clicked.connect(self.clear)
        self._kbd = Kbd(keys, self) if keys else None
        self.textChanged.connect(self._arrange)
        theme.changed.connect(self._arrange)
        self._arrange()

    def event(self, event: QEvent) -> bool:
        if asks_for_escape(event) and self.text():
            event.accept()  # it clears; the window's Esc comes after that
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        if event.key() == Qt.Key.Key_Escape:
            event.ignore()
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        color = "text.tertiary" if self.isEnabled() else "text.disabled"
        self._icons.paint(QPainter(self), QRectF(9, 0, 14, self.height()), "search", color)

    def _arrange(self) -> None:
        filled = bool(self.text())
        self._clear.setVisible(filled)
        self._clear.move(self.width() - self._clear.width() - 4, (self.height() - self._clear.height()) // 2)
        right = self._clear.width() if filled else 0
        if self._kbd is not None:
            self._kbd.setVisible(not filled)
            self._kbd.adjustSize()
            self._kbd.move(self.width() - self._kbd.width() - 8, (self.height() - self._kbd.height()) // 2)
            right = right or self._kbd.width() + 4
        self.setTextMargins(21, 0, right, 0)
