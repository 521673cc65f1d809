"""Plain text to read, select and copy."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit

from mastra_desktop.ui.theme import ThemeController


class ReadingText(QPlainTextEdit):
    """Read-only, with a column no wider than is good to read."""

    def __init__(self, theme: ThemeController) -> None:
        super().__init__()
        self._theme = theme
        self.setReadOnly(True)
        self.setAcceptDrops(False)  # a drop is the pane's
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("bare", "true")
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        theme.changed.connect(self._restyle)
        self._restyle()

    def show_range(self, start: int, end: int) -> None:
        """Brings the range into the upper half."""
        cursor = self.textCursor()
        cursor.setPosition(end)
        self.setTextCursor(cursor)
        cursor.setPosition(start)
        self.setTextCursor(cursor)
        self.centerCursor()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._place()

    def _restyle(self) -> None:
        self.setFont(self._theme.current.font("body"))
        self._place()

    def _place(self) -> None:
        room = self.width() - self._theme.current.px("layout.content.readingMax") - 12
        side = max(24, room // 2)
        self.setViewportMargins(side, 12, max(12, side - 12), 12)
