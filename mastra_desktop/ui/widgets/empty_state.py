"""What a pane shows when it has nothing: icon, one line, one hint, one button."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.painting import Tone, tone_text


class EmptyState(QWidget):
    """Also for errors that fill a pane, with tone "danger"."""

    activated = Signal()

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        icon: str,
        line: str,
        hint: str = "",
        button: str = "",
        tone: Tone = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._picture = _Picture(theme, icons, icon, tone_text(tone) if tone else "text.tertiary")
        self._line = QLabel(line)
        self._line.setProperty("role", "strong")
        self._hint = QLabel(hint)
        self._hint.setProperty("role", "small")
        self._button = Button(button, theme, icons, size="small")
        self._button.clicked.connect(self.activated)
        for label in (self._line, self._hint):
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 16, 14, 16)
        column.setSpacing(4)
        column.addStretch()
        column.addWidget(self._picture, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(4)
        column.addWidget(self._line)
        column.addWidget(self._hint)
        column.addSpacing(8)
        column.addWidget(self._button, alignment=Qt.AlignmentFlag.AlignHCenter)
        column.addStretch()
        self._hint.setVisible(bool(hint))
        self._button.setVisible(bool(button))
        self.setFocusProxy(self._button)

    def set(self, line: str, hint: str = "", button: str = "") -> None:
        """Other words for the same picture."""
        self._line.setText(line)
        self._hint.setText(hint)
        self._hint.setVisible(bool(hint))
        self._button.setText(button)
        self._button.setVisible(bool(button))


class _Picture(QWidget):
    def __init__(self, theme: ThemeController, icons: Icons, icon: str, color: str) -> None:
        super().__init__()
        self._icons, self._icon, self._color = icons, icon, color
        self.setFixedSize(24, 24)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._icons.paint(QPainter(self), QRectF(self.rect()), self._icon, self._color)
