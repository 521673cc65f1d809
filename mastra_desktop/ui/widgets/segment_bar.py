"""A bar of coloured parts: how many of a number are done, on their way, waiting, failed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.theme import ThemeController

_GAP = 2


class SegmentBar(QWidget):
    """6 px high. The parts' sizes count in proportion to their sum; those of 0 are left out."""

    def __init__(self, theme: ThemeController, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._parts: list[tuple[float, str]] = []
        self.setFixedHeight(6)
        theme.changed.connect(self.update)

    def set_parts(self, parts: Sequence[tuple[float, str]], words: str) -> None:
        """`parts` are (size, colour token); `words` say the same to a screen reader."""
        self._parts = [(size, color) for size, color in parts if size > 0]
        self.setAccessibleName(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        whole = QRectF(self.rect())
        shape = QPainterPath()
        shape.addRoundedRect(whole, 3, 3)
        painter.setClipPath(shape)
        total = sum(size for size, _ in self._parts)
        room = whole.width() - _GAP * max(0, len(self._parts) - 1)
        left = whole.left()
        for size, color in self._parts:
            width = room * size / total
            painter.fillRect(QRectF(left, whole.top(), width, whole.height()), theme.color(color))
            left += width + _GAP
