"""A small rounded label with a tone: state, effect, folder."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text

_PADDING = 7
_GAP = 5
_ICON = 12


class Chip(QWidget):
    """22 px high; never colour alone, so a toned chip has a word and best an icon."""

    def __init__(
        self,
        text: str,
        theme: ThemeController,
        icons: Icons,
        tone: Tone = "",
        icon: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._text, self._tone, self._icon = text, tone, icon
        self.setAccessibleName(text)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._restyle)

    def set(self, text: str, tone: Tone = "", icon: str = "") -> None:
        """Replace all three."""
        self._text, self._tone, self._icon = text, tone, icon
        self.setAccessibleName(text)
        self._restyle()

    def text(self) -> str:
        return self._text

    def sizeHint(self) -> QSize:
        theme = self._theme.current
        width = QFontMetrics(theme.font("small")).horizontalAdvance(self._text) + 2 * _PADDING
        return QSize(width + (_ICON + _GAP if self._icon else 0), theme.scaled(22))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        fill = theme.color(f"{self._tone}.subtle" if self._tone else "surface.raised")
        border = theme.color(f"{self._tone}.border" if self._tone else "border.default")
        draw_box(painter, QRectF(self.rect()), theme.px("radius.xs"), fill, border)
        left = _PADDING
        color = tone_text(self._tone)
        if self._icon:
            self._icons.paint(painter, QRectF(left, 0, _ICON, self.height()), self._icon, color)
            left += _ICON + _GAP
        painter.setFont(theme.font("small"))
        painter.setPen(theme.color(color))
        painter.drawText(
            QRectF(left, 0, self.width() - left, self.height()), Qt.AlignmentFlag.AlignVCenter, self._text
        )

    def _restyle(self) -> None:
        self.updateGeometry()
        self.update()
