"""A source as a card of its own: shown over the transcript, or listed beside it."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.transcript_sources import CARD_TEXT, SourceLayout
from mastra_desktop.ui.widgets.transcript_style import Style
from mastra_desktop.ui.widgets.transcript_view import SourceView

POPUP_WIDTH = 344
POPUP_TEXT = 700
"""Characters of a passage that the card over the text shows."""


class SourceCard(QAbstractButton):
    """`clicked` opens the source. `floating`: over the text, so it takes no focus."""

    def __init__(
        self,
        source: SourceView,
        theme: ThemeController,
        icons: Icons,
        parent: QWidget | None = None,
        *,
        floating: bool = False,
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons, self._floating = theme, icons, floating
        self.source = source
        self._layout: SourceLayout | None = None
        self.setAccessibleName(source.label)
        self.setAccessibleDescription(source.text)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if floating:
            self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.setFixedWidth(POPUP_WIDTH)
        else:
            self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            FocusRing(self, theme, 8)
        theme.changed.connect(self._forget_layout)
        self._fit()

    def _laid_out(self) -> SourceLayout:
        if self._layout is None:
            limit = POPUP_TEXT if self._floating else CARD_TEXT
            self._layout = SourceLayout(self.source, Style(self._theme.current), self.width(), limit)
        return self._layout

    def _forget_layout(self) -> None:
        self._layout = None
        self._fit()
        self.update()

    def _fit(self) -> None:
        self.setFixedHeight(self._laid_out().height)

    def sizeHint(self) -> QSize:
        return QSize(POPUP_WIDTH, self._laid_out().height)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._layout = None
            self._fit()

    def enterEvent(self, event: QEnterEvent) -> None:
        super().enterEvent(event)
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        super().leaveEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, painter = self._theme.current, QPainter(self)
        hot = self.underMouse() or self.isDown()
        if self._floating:
            fill, edge, radius = "surface.overlay", "border.strong", 10
        else:
            fill, edge, radius = "card.bg", "accent.border" if hot else "border.default", 8
        draw_box(painter, QRectF(self.rect()), radius, theme.color(fill), theme.color(edge))
        self._laid_out().paint(painter, self._icons, 0, 0, on=hot and not self._floating)
