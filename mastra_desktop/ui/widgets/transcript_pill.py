""" "Jump to latest": shown while the view does not follow the end."""

from PySide6.QtCore import QEvent, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QAbstractScrollArea

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box

_HEIGHT = 32


class Pill(QAbstractButton):
    """A round button above the bottom edge of a scroll area."""

    def __init__(self, theme: ThemeController, icons: Icons, area: QAbstractScrollArea) -> None:
        super().__init__(area)
        self._theme, self._icons, self._area = theme, icons, area
        self.setText(self.tr("Jump to latest"))
        self.setAccessibleName(self.text())
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # End does the same from the keyboard
        self.hide()
        theme.changed.connect(self.place)

    def sizeHint(self) -> QSize:
        wide = QFontMetrics(self._theme.current.font("small", 500)).horizontalAdvance(self.text())
        return QSize(wide + 50, self._theme.current.scaled(_HEIGHT))

    def place(self) -> None:
        """Stand in the middle of the bottom edge."""
        size, room = self.sizeHint(), self._area.viewport().geometry()
        left = room.left() + (room.width() - size.width()) // 2
        self.setGeometry(QRect(left, room.bottom() - size.height() - 11, size.width(), size.height()))
        self.raise_()

    def event(self, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self.update()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        fill = (
            "surface.pressed"
            if self.isDown()
            else "surface.hover"
            if self.underMouse()
            else "surface.overlay"
        )
        box = QRectF(self.rect())
        draw_box(painter, box, box.height() / 2, theme.color(fill), theme.color("border.strong"))
        self._icons.paint(painter, QRect(14, 0, 14, self.height()), "arrow-down", "accent.fg")
        painter.setFont(theme.font("small", 500))
        painter.setPen(theme.color("text.primary"))
        painter.drawText(self.rect().adjusted(34, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
