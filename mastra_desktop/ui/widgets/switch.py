"""An on-off switch, 30 x 18, with an optional label on its right."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box

_WIDTH, _HEIGHT, _GAP = 30, 18, 8


class Switch(QAbstractButton):
    """`toggled` as on every Qt button. Without a visible label it needs an accessible name."""

    def __init__(
        self, theme: ThemeController, text: str = "", label: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setText(text)
        self.setAccessibleName(label or text)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        FocusRing(self, theme, 9)
        theme.changed.connect(self.updateGeometry)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        theme = self._theme.current
        if not self.text():
            return QSize(_WIDTH, theme.scaled(24))
        width = QFontMetrics(theme.font("ui", 500)).horizontalAdvance(self.text())
        return QSize(_WIDTH + _GAP + width + 2, theme.scaled(24))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        track = QRectF(0, (self.height() - _HEIGHT) / 2, _WIDTH, _HEIGHT)
        enabled, on = self.isEnabled(), self.isChecked()
        edge = theme.color("border.control" if enabled else "border.strong")
        if on:
            fill = theme.color("accent.solid") if enabled else edge
            draw_box(painter, track, 9, fill)
            draw_box(
                painter,
                QRectF(track.right() - 15, track.top() + 3, 12, 12),
                6,
                theme.color("surface.content"),
            )
        else:
            hover = theme.color("surface.hover") if self.underMouse() and enabled else None
            draw_box(painter, track, 9, hover, edge)
            draw_box(painter, QRectF(4, track.top() + 4, 10, 10), 5, edge)
        if self.text():
            painter.setFont(theme.font("ui", 500))
            painter.setPen(theme.color("text.primary" if enabled else "text.disabled"))
            left = _WIDTH + _GAP
            rect = QRectF(left, 0, self.width() - left, self.height())
            painter.drawText(rect, Qt.AlignmentFlag.AlignVCenter, self.text())
