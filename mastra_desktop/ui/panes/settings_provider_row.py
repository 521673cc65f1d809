"""One line of the list of providers: tile, name, note, and how it is."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import Tone, draw_box, tone_text
from mastra_desktop.ui.widgets.tile import draw_tile

_TILE, _PADDING, _GAP, _ICON = 36, 10, 10, 13
_STATUS_BELOW = 260  # narrower rows show the state in place of the note
_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft


class ProviderRow(QAbstractButton):
    """Checked when its details are shown. In one button group, Up and Down move between rows."""

    def __init__(
        self, theme: ThemeController, icons: Icons, title: str, note: str, color: str, icon: str
    ) -> None:
        super().__init__()
        self._theme, self._icons = theme, icons
        self._note, self._color, self._icon = note, color, icon
        self.state: tuple[str, Tone, str] = ("", "", "")  # words, tone, icon
        self.models: tuple[str, ...] = ()
        self.trouble = ""  # why there are none
        self.setText(title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        FocusRing(self, theme, 6)
        theme.changed.connect(self.updateGeometry)
        self._describe()

    def set_state(
        self, words: str, tone: Tone, icon: str, *, models: tuple[str, ...] = (), trouble: str = ""
    ) -> None:
        """How it is, in one or two words at the right, and what it offers or why nothing."""
        self.state, self.models, self.trouble = (words, tone, icon), models, trouble
        self._describe()
        self.update()

    def set_note(self, note: str) -> None:
        self._note = note
        self._describe()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(200, self._theme.current.scaled(self._theme.current.px("control.rowTall")))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme = self._theme.current
        painter = QPainter(self)
        box = QRectF(self.rect())
        if self.isChecked() or self.underMouse():
            draw_box(
                painter, box, 6, theme.color("surface.selected" if self.isChecked() else "surface.hover")
            )
        if self.isChecked():
            draw_box(painter, QRectF(0, 9, 3, self.height() - 18), 1.5, theme.color("accent.solid"))
        tile = QRectF(_PADDING, (self.height() - _TILE) / 2, _TILE, _TILE)
        draw_tile(painter, tile, self._theme, self._icons, self._color, self._icon, self.text()[:1].upper())
        left, right = tile.right() + _GAP, box.right() - _PADDING
        below = bool(self.state[0]) and self.width() < theme.scaled(_STATUS_BELOW)
        line, second = theme.scaled(19), theme.scaled(17)
        top = (self.height() - line - second) / 2
        if below:
            self._paint_status(painter, QRectF(left, top + line, right - left, second), at_right=False)
        elif self.state[0]:
            right = self._paint_status(painter, QRectF(left, 0, right - left, self.height()), at_right=True)
        for text, font, color, at, height in (
            (self.text(), theme.font("ui", 600 if self.isChecked() else 500), "text.primary", top, line),
            ("" if below else self._note, theme.font("small"), "text.secondary", top + line, second),
        ):
            painter.setFont(font)
            painter.setPen(theme.color(color))
            shown = QFontMetrics(font).elidedText(text, Qt.TextElideMode.ElideRight, int(right - left))
            painter.drawText(QRectF(left, at, right - left, height), _MIDDLE, shown)

    def _paint_status(self, painter: QPainter, space: QRectF, *, at_right: bool) -> float:
        """Paints at one end of `space`; how far the other words may go."""
        words, tone, icon = self.state
        theme = self._theme.current
        font = theme.font("small")
        width = QFontMetrics(font).horizontalAdvance(words) + 2
        left = space.right() - width - 5 - _ICON if at_right else space.left()
        color = tone_text(tone) if tone else "text.tertiary"
        sign = QRectF(left, space.top(), _ICON, space.height())
        self._icons.paint(painter, sign, icon, color)
        painter.setFont(font)
        painter.setPen(theme.color(color))
        painter.drawText(QRectF(sign.right() + 5, space.top(), width, space.height()), _MIDDLE, words)
        return left - _GAP

    def _describe(self) -> None:
        self.setAccessibleName(self.text())
        self.setAccessibleDescription(", ".join(part for part in (self._note, self.state[0]) if part))
        self.setToolTip(self._note)
