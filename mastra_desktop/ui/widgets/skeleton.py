"""Grey bars where content will be; shown only when it takes longer than 300 ms."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import draw_box

_SHARES = (0.62, 0.38)
_ROW = 52


class Skeleton(QWidget):
    """As many rows as given, two bars each, as high as list rows."""

    def __init__(self, theme: ThemeController, rows: int = 3, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._rows = theme, rows
        self.setAccessibleName(self.tr("Loading"))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)

    def sizeHint(self) -> QSize:
        return QSize(200, self._rows * _ROW)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        color = self._theme.current.color("surface.pressed")
        for row in range(self._rows):
            for line, share in enumerate(_SHARES):
                top = row * _ROW + 12 + line * 19
                draw_box(painter, QRectF(16, top, (self.width() - 32) * share, 10), 4, color)
