"""A row of tiles of which one is chosen: which kind of provider to add."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QHBoxLayout, QSizePolicy, QWidget

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.provider_kinds import look_of
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.painting import draw_box
from mastra_desktop.ui.widgets.tile import draw_tile

_HEIGHT, _TILE, _PADDING, _CHECK = 40, 24, 9, 15


class KindTiles(QWidget):
    """Left and Right move the choice; Tab enters at the chosen one."""

    chosen = Signal(str)

    def __init__(self, kinds: Sequence[str], theme: ThemeController, icons: Icons) -> None:
        """The first is chosen."""
        super().__init__()
        self.setAccessibleName(self.tr("Provider"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        group = QButtonGroup(self)
        self.tiles: dict[str, QAbstractButton] = {}
        for kind in kinds:
            tile = _KindTile(kind, theme, icons)
            tile.setObjectName(f"kind-{kind}")
            group.addButton(tile)
            row.addWidget(tile, 1)
            self.tiles[kind] = tile
        for kind, button in self.tiles.items():
            button.toggled.connect(lambda on, kind=kind: self._toggled(kind, on))
        self.tiles[kinds[0]].setChecked(True)

    def choose(self, kind: str) -> None:
        self.tiles[kind].setChecked(True)

    def _toggled(self, kind: str, on: bool) -> None:
        policy = Qt.FocusPolicy.TabFocus if on else Qt.FocusPolicy.NoFocus
        self.tiles[kind].setFocusPolicy(policy)  # Qt does so for the arrow keys only
        if on:
            self.chosen.emit(kind)


class _KindTile(QAbstractButton):
    def __init__(self, kind: str, theme: ThemeController, icons: Icons) -> None:
        super().__init__()
        self._theme, self._icons, self._look = theme, icons, look_of(kind)
        self.setText(self._look.title)
        self.setAccessibleName(self._look.title)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # the chosen one takes the keys
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        FocusRing(self, theme, 8)
        theme.changed.connect(self.updateGeometry)

    def sizeHint(self) -> QSize:
        return QSize(120, self._theme.current.scaled(_HEIGHT))

    def paintEvent(self, event: QPaintEvent) -> None:
        theme, checked = self._theme.current, self.isChecked()
        painter = QPainter(self)
        box = QRectF(self.rect())
        fill = "surface.selected" if checked else "surface.hover" if self.underMouse() else "card.bg"
        border = "accent.solid" if checked else "border.control"
        draw_box(painter, box, 8, theme.color(fill), theme.color(border), 2 if checked else 1)
        tile = QRectF(_PADDING, (self.height() - _TILE) / 2, _TILE, _TILE)
        look = self._look
        draw_tile(painter, tile, self._theme, self._icons, look.color, look.icon, look.title[:1].upper())
        left, right = tile.right() + 9, box.right() - _PADDING
        if checked:
            right -= _CHECK
            self._icons.paint(painter, QRectF(right, 0, _CHECK, self.height()), "check", "accent.fg")
            right -= 4
        font = theme.font("ui", 600 if checked else 500)
        painter.setFont(font)
        painter.setPen(theme.color("text.primary"))
        text = QFontMetrics(font).elidedText(self.text(), Qt.TextElideMode.ElideRight, int(right - left))
        side = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
        painter.drawText(QRectF(left, 0, right - left, self.height()), side, text)
