"""The left side of the first-run page: who this is, what is true about it, and the arcs of the mark."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPainterPath, QPaintEvent, QPen
from PySide6.QtWidgets import QHBoxLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import Icon, Panel, label
from mastra_desktop.ui.theme import ThemeController

WIDE = 500
_RADII = (116.5, 94.0, 72.0, 50.0, 28.0)
_CENTERS = (133.0, 366.0)
_ARCS_TOP = 303  # from the dot's top to the bottom edge, where there is room


class Mark(QWidget):
    """The app's mark and name."""

    def __init__(self, theme: ThemeController, icons: Icons, size: int = 36) -> None:
        super().__init__()
        picture = QLabel()
        picture.setPixmap(icons.app_icon().pixmap(QSize(size, size), self.devicePixelRatioF()))
        picture.setFixedSize(size, size)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(picture)
        row.addWidget(label("Mastra Desktop", "title"))
        row.addStretch(1)


class BrandColumn(QWidget):
    """Painted on `surface.sunken`. The arcs keep below the words, however low the window is."""

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme = theme
        self.setFixedWidth(WIDE)
        column = QVBoxLayout(self)
        column.setContentsMargins(56, 48, 56, 32)
        column.setSpacing(0)
        column.addWidget(Mark(theme, icons))
        column.addSpacing(64)
        column.addWidget(label(self.tr("Your agents,\non your computer."), "display"))
        column.addSpacing(14)
        promise = self.tr("Ask, watch the answer grow, and keep every chat.")
        column.addWidget(label(promise, "bodySecondary", wrap=True))
        column.addSpacing(36)
        for icon, title, text in (
            (
                "hard-drive",
                self.tr("Your files stay here"),
                self.tr("Chats and settings live in one folder on this computer."),
            ),
            (
                "wifi-off",
                self.tr("Works without internet"),
                self.tr("The built-in model needs no account and no connection."),
            ),
            (
                "lock",
                self.tr("Nothing is sent by itself"),
                self.tr(
                    "Only a server you add gets your questions. Its key is never written down unencrypted."
                ),
            ),
        ):
            self._last = _Fact(theme, icons, icon, title, text)
            column.addWidget(self._last)
            column.addSpacing(20)
        column.addStretch(1)
        theme.changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.rect(), theme.color("surface.sunken"))
        top = max(self.height() - _ARCS_TOP, self._last.geometry().bottom() + 28)
        scale = self.width() / WIDE
        painter.save()
        painter.translate(0, top)
        painter.scale(scale, scale)
        dot = theme.color("brand.dot")
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(dot)
        painter.drawEllipse(QPointF(249.5, 9), 9, 9)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(theme.color("accent.border"), 1.5))
        for center in _CENTERS:
            for step, radius in enumerate(_RADII):
                painter.setOpacity(1.0 - 0.13 * step)
                painter.drawPath(_arch(center, radius, 145.0, self.height() / scale))
        painter.restore()
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme.color("border.subtle"))


def _arch(center: float, radius: float, middle: float, bottom: float) -> QPainterPath:
    """A half circle around (center, middle) on two legs that reach `bottom`."""
    path = QPainterPath(QPointF(center - radius, bottom))
    path.lineTo(center - radius, middle)
    path.arcTo(QRectF(center - radius, middle - radius, 2 * radius, 2 * radius), 180, -180)
    path.lineTo(center + radius, bottom)
    return path


class _Fact(QWidget):
    """An icon on a small card, a title and a sentence."""

    def __init__(self, theme: ThemeController, icons: Icons, icon: str, title: str, text: str) -> None:
        super().__init__()
        card = Panel(theme, radius=9, padding=(9, 9))
        card.setFixedSize(36, 36)
        card.column.addWidget(Icon(icon, theme, icons, "accent.fg", 18))
        words = QVBoxLayout()
        words.setSpacing(1)
        words.addWidget(label(title, "strong"))
        words.addWidget(label(text, "secondary", wrap=True))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(14)
        row.addWidget(card, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
