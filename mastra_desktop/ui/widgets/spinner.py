"""A turning arc: as a widget, and as an icon for buttons."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt, QTimer
from PySide6.QtGui import (
    QColor,
    QHideEvent,
    QIcon,
    QIconEngine,
    QPainter,
    QPaintEvent,
    QPen,
    QPixmap,
    QShowEvent,
)
from PySide6.QtWidgets import QWidget

from mastra_desktop.ui.theme import ThemeController

TURN_MS = 900
FRAME_MS = 50


def draw_spinner(painter: QPainter, rect: QRectF, color: QColor, angle: float) -> None:
    """Draw three quarters of a circle, `angle` in degrees clockwise."""
    side = min(rect.width(), rect.height())
    width = max(1.2, side * 1.75 / 16)
    circle = QRectF(0, 0, side - width - 1, side - width - 1)
    circle.moveCenter(rect.center())
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(color, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.drawArc(circle, round(-angle * 16), 270 * 16)
    painter.restore()


class Spinner(QWidget):
    """Turns while it is visible. Reduced motion leaves progress moving, as the tokens say."""

    def __init__(
        self, theme: ThemeController, size: int = 14, color: str = "accent.fg", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme, self._color, self._angle = theme, color, 0.0
        self.setFixedSize(size, size)
        self.setAccessibleName(self.tr("Working"))
        self._timer = QTimer(self)
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self._turn)

    def _turn(self) -> None:
        self._angle = (self._angle + 360 * FRAME_MS / TURN_MS) % 360
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_spinner(QPainter(self), QRectF(self.rect()), self._theme.current.color(self._color), self._angle)


class SpinnerIcon(QIconEngine):
    """The arc as an icon: `angle` is read each time it is painted, so turning needs no new layout."""

    def __init__(self, theme: ThemeController, color: str) -> None:
        super().__init__()
        self._theme, self._color = theme, color
        self.angle = 0.0

    def clone(self) -> QIconEngine:
        return self  # never changed through QIcon

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        theme = self._theme.current
        color = theme.color("text.disabled" if mode == QIcon.Mode.Disabled else self._color)
        draw_spinner(painter, QRectF(rect).adjusted(0, 1, -2, -1), color, self.angle)

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        pixmap = QPixmap(size * scale)
        pixmap.setDevicePixelRatio(scale)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(0, 0, size.width(), size.height()), mode, state)
        painter.end()
        return pixmap

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        return size
