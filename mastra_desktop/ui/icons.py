"""Icons from SVG files, drawn in the theme's colours.

An icon follows the theme by itself: its engine asks for the colour each time it paints. Pixmaps are kept per
name, colour and size in device pixels, so each is rendered once.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from mastra_desktop.ui.theme import ThemeController

_KEEP_PIXMAPS = 600


class Icons:
    """Hands out icons by the file name in `resources/icons`, without ".svg"."""

    def __init__(self, theme: ThemeController) -> None:
        self._theme = theme
        self._folder: Path = theme.resources / "icons"
        self._sources: dict[str, str] = {}
        self._pixmaps: dict[tuple[str, int, int, int], QPixmap] = {}
        self._engines: list[_Engine] = []  # Qt holds the C++ half only; Python's half must live as long
        self._icons: dict[tuple[str, str, int, str, str], QIcon] = {}

    def icon(
        self,
        name: str,
        color: str = "text.secondary",
        size: int = 16,
        *,
        on_color: str = "",
        active_color: str = "",
    ) -> QIcon:
        """An icon in a token's colour; disabled it is `text.disabled`.

        `size` is the size it has unless the widget asks for another. `on_color` is for the checked state,
        `active_color` for hovered buttons and the highlighted row of a menu.
        """
        key = (name, color, size, on_color, active_color)
        if key not in self._icons:
            self._icons[key] = QIcon(self._engine(name, color, size, on_color, active_color))
        return self._icons[key]

    def paint(
        self, painter: QPainter, rect: QRect | QRectF, name: str, color: str = "text.secondary"
    ) -> None:
        """Draw an icon centred in `rect`, as large as the shorter side."""
        self.paint_in(painter, QRectF(rect), name, self._theme.current.color(color))

    def paint_in(self, painter: QPainter, rect: QRectF, name: str, color: QColor) -> None:
        """Draw an icon centred in `rect` in any colour."""
        side = min(rect.width(), rect.height())
        scale = painter.device().devicePixelRatio()
        pixmap = self.pixmap(name, color, side, scale)
        # Whole device pixels keep the strokes sharp.
        left = round((rect.center().x() - side / 2) * scale) / scale
        top = round((rect.center().y() - side / 2) * scale) / scale
        painter.drawPixmap(QPointF(left, top), pixmap)

    def pixmap(self, name: str, color: QColor, size: float, scale: float = 1.0) -> QPixmap:
        """A square pixmap of `size` device-independent pixels for a screen of that scale."""
        side = max(1, round(size * scale))
        key = (name, color.rgba(), side, round(scale * 100))
        found = self._pixmaps.get(key)
        if found is None:
            if len(self._pixmaps) >= _KEEP_PIXMAPS:
                self._pixmaps.clear()
            found = self._pixmaps[key] = self._render(name, color, side)
            found.setDevicePixelRatio(scale)
        return found

    def app_icon(self) -> QIcon:
        """The mark of the app, for the window and the task bar."""
        return QIcon(str(self._folder / "mastra-desktop.svg"))

    def _render(self, name: str, color: QColor, side: int) -> QPixmap:
        source = self._sources.get(name)
        if source is None:
            source = (self._folder / f"{name}.svg").read_text(encoding="utf-8")
            self._sources[name] = source
        coloured = source.replace("currentColor", color.name(QColor.NameFormat.HexRgb))
        pixmap = QPixmap(side, side)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setOpacity(color.alphaF())
        QSvgRenderer(QByteArray(coloured.encode())).render(painter, QRectF(0, 0, side, side))
        painter.end()
        return pixmap

    def _engine(self, name: str, color: str, size: int, on_color: str, active_color: str) -> _Engine:
        engine = _Engine(self, self._theme, name, color, size, on_color, active_color)
        self._engines.append(engine)
        return engine


class _Engine(QIconEngine):
    def __init__(
        self,
        icons: Icons,
        theme: ThemeController,
        name: str,
        color: str,
        size: int,
        on_color: str,
        active_color: str,
    ) -> None:
        super().__init__()
        self._icons, self._theme = icons, theme
        self._name, self._color, self._size = name, color, size
        self._on_color, self._active_color = on_color, active_color

    def clone(self) -> QIconEngine:
        return self._icons._engine(self._name, self._color, self._size, self._on_color, self._active_color)

    def actualSize(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QSize:
        side = min(size.width(), size.height())
        return QSize(side, side)

    def availableSizes(
        self, mode: QIcon.Mode = QIcon.Mode.Normal, state: QIcon.State = QIcon.State.Off
    ) -> list[QSize]:
        return [QSize(self._size, self._size)]

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        self._icons.paint_in(painter, QRectF(rect), self._name, self._pick(mode, state))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        return self.scaledPixmap(size, mode, state, 1.0)

    def scaledPixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State, scale: float) -> QPixmap:
        side = min(size.width(), size.height())  # device-independent since Qt 6.8
        return self._icons.pixmap(self._name, self._pick(mode, state), side, scale)

    def iconName(self) -> str:
        return self._name

    def _pick(self, mode: QIcon.Mode, state: QIcon.State) -> QColor:
        theme = self._theme.current
        if mode == QIcon.Mode.Disabled:
            return theme.color("text.disabled")
        if state == QIcon.State.On and self._on_color:
            return theme.color(self._on_color)
        if mode in (QIcon.Mode.Active, QIcon.Mode.Selected) and self._active_color:
            return theme.color(self._active_color)
        return theme.color(self._color)
