"""The dashed area that says what can be dropped, with a button for those who don't drag."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.painting import draw_box

_SIGN = 44


class DropArea(QWidget):
    """Shows it only: the pane around it takes what is dropped, wherever that is."""

    choose_pressed = Signal()

    def __init__(self, title: str, hint: str, button: str, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._active = theme, False
        self.setAccessibleName(title)
        self.setAccessibleDescription(hint)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.title = QLabel(title)
        self.title.setProperty("role", "dropTitle")
        self.hint = QLabel(hint)
        self.hint.setProperty("role", "small")
        self.hint.setWordWrap(True)
        self.button = Button(button, theme, icons, size="small")
        self.button.clicked.connect(self.choose_pressed)
        words = QVBoxLayout()
        words.setSpacing(0)
        words.addStretch()
        words.addWidget(self.title)
        words.addWidget(self.hint)
        words.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(20, 14, 20, 14)
        row.setSpacing(16)
        row.addWidget(_Sign(theme, icons))
        row.addLayout(words, 1)
        row.addWidget(self.button)
        theme.changed.connect(self.update)

    def set_hint(self, hint: str) -> None:
        """What can be dropped, and what becomes of it."""
        self.hint.setText(hint)
        self.setAccessibleDescription(hint)

    def set_active(self, active: bool) -> None:
        """Whether something that can be dropped is over the pane."""
        if active != self._active:
            self._active = active
            self.update()

    def sizeHint(self) -> QSize:
        return QSize(420, self._theme.current.scaled(84))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        rect = QRectF(self.rect())
        draw_box(painter, rect, 10, theme.color("surface.selected" if self._active else "surface.inset"))
        pen = QPen(theme.color("border.focus" if self._active else "border.control"), 1)
        pen.setDashPattern([3, 3])
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), 9.5, 9.5)


class _Sign(QWidget):
    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self.setFixedSize(_SIGN, _SIGN)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        draw_box(painter, QRectF(self.rect()), 10, self._theme.current.color("accent.subtle"))
        self._icons.paint(painter, QRectF(12, 12, 20, 20), "file-up", "accent.fg")
