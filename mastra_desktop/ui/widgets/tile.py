"""A coloured square with an icon or a letter: who an agent, provider or suggestion is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box


def draw_tile(
    painter: QPainter,
    rect: QRectF,
    theme: ThemeController,
    icons: Icons,
    color: str,
    icon: str,
    letter: str = "",
) -> None:
    """Paint a tile; `color`: petrol, iris, plum, rose, amber, moss, sky or slate."""
    current = theme.current
    side = rect.width()
    draw_box(painter, rect, 4 if side <= 20 else 6 if side <= 30 else 8, current.color(f"tile.{color}.bg"))
    foreground = current.color(f"tile.{color}.fg")
    if icon:
        inner = QRectF(0, 0, round(side * 0.55), round(side * 0.55))
        inner.moveCenter(rect.center())
        icons.paint_in(painter, inner, icon, foreground)
    else:
        font = current.font("ui", 600)
        font.setPixelSize(max(9, round(side * 0.45)))
        painter.setFont(font)
        painter.setPen(foreground)
        painter.drawText(rect, Qt.AlignmentFlag.AlignCenter, letter)


class Tile(QWidget):
    """The tile as a widget. It says nothing more than the text beside it, so it has no accessible name."""

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        color: str = "petrol",
        icon: str = "",
        letter: str = "",
        size: int = 32,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._color, self._icon, self._letter = color, icon, letter
        self.setFixedSize(size, size)
        theme.changed.connect(self.update)

    def set(self, color: str, icon: str = "", letter: str = "") -> None:
        self._color, self._icon, self._letter = color, icon, letter
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        rect = QRectF(self.rect())
        draw_tile(QPainter(self), rect, self._theme, self._icons, self._color, self._icon, self._letter)
