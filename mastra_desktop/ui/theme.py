"""Colours, fonts, sizes and the style sheet, all from `resources/tokens.json`.

`Theme` is one colour scheme at one text scale; it never changes. `ThemeController` picks the theme, gives it
to the application and tells everyone who paints through `changed`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyle

ThemeName = Literal["dark", "light"]
ThemeMode = Literal["system", "dark", "light"]

# Latin letters come from the bundled fonts, Chinese, Japanese and Korean from the system.
_UI_FAMILIES = [
    "Inter",
    "Noto Sans CJK SC",
    "Microsoft YaHei",
    "PingFang SC",
    "Segoe UI",
    "Noto Sans",
    "sans-serif",
]
_MONO_FAMILIES = [
    "JetBrains Mono",
    "Noto Sans Mono CJK SC",
    "Microsoft YaHei",
    "PingFang SC",
    "DejaVu Sans Mono",
    "monospace",
]


def _flatten(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Yield ("a.b.0", leaf) for every leaf of nested dicts and lists."""
    if isinstance(value, dict):
        for key, child in value.items():
            yield from _flatten(child, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _flatten(child, f"{path}.{index}")
    else:
        yield path, value


class Theme:
    """One colour scheme at one text scale. Paths as in `tokens.json`, colours without "color.dark."."""

    def __init__(self, tokens: dict[str, Any], name: ThemeName, text_scale: float = 1.0) -> None:
        self.name: ThemeName = name
        self.text_scale = text_scale
        self._colors = {path: str(value) for path, value in _flatten(tokens["color"][name])}
        for path, value in tokens["derived"][name].items():  # a colour, or the name of one
            self._colors[path] = value if value.startswith("#") else self._colors[value]
        self._sizes = {
            path: value
            for group in ("space", "radius", "icon", "control", "layout", "motion")
            for path, value in _flatten(tokens[group], group)
        }
        self._scales: dict[str, dict[str, Any]] = tokens["font"]["scale"]
        self._qcolors: dict[str, QColor] = {}
        self._fonts: dict[tuple[str, int, bool], QFont] = {}

    @property
    def dark(self) -> bool:
        return self.name == "dark"

    def color(self, path: str) -> QColor:
        """The colour of a token such as "surface.base"; shared, so copy before changing. Raises KeyError."""
        found = self._qcolors.get(path)
        if found is None:
            found = self._qcolors[path] = QColor(self._colors[path])
        return found

    def css(self, path: str) -> str:
        """The same colour as style sheets write it: "#rrggbb" or "#aarrggbb"."""
        return self._colors[path]

    def px(self, path: str) -> int:
        """A size in device-independent pixels (or a time in ms): "layout.rail.width", "motion.fast"."""
        return round(float(cast(float, self._sizes[path])))

    def scaled(self, pixels: float) -> int:
        """A height that holds text, grown with the text scale."""
        return round(pixels * self.text_scale)

    def line_height(self, name: str) -> int:
        """The line height of a font scale in pixels."""
        return self.scaled(self._scales[name]["line"])

    def font_px(self, name: str) -> float:
        """The size of a font scale in pixels."""
        return float(self._scales[name]["px"]) * self.text_scale

    def font(self, name: str = "ui", weight: int | None = None, *, tabular: bool = False) -> QFont:
        """A font of the scale: caption, small, ui, body, title, heading, display, numeral, code.

        `weight` (400 to 700) replaces the scale's own; `tabular` gives all digits one width.
        """
        scale = self._scales[name]
        weight = int(scale["weight"]) if weight is None else weight
        tabular = tabular or name == "numeral"
        key = (name, weight, tabular)
        if key not in self._fonts:
            font = QFont(_MONO_FAMILIES if name == "code" else _UI_FAMILIES)
            # QFont knows whole pixels only; the nearest point size would depend on the screen.
            font.setPixelSize(int(self.font_px(name) + 0.5))
            font.setWeight(QFont.Weight(weight))
            if name == "code":
                font.setStyleHint(QFont.StyleHint.Monospace)
                font.setFeature(QFont.Tag("calt"), 0)  # code is shown as it is typed, without ligatures
            if tabular:
                font.setFeature(QFont.Tag("tnum"), 1)
            self._fonts[key] = font
        return QFont(self._fonts[key])

    def style_sheet(self, template: str, control_icons: Path) -> str:
        """Fill `@path` in the template: colours, `@font.<scale>`, `@h.<pixels>` (grows), `@icon.<name>`."""

        def fill(match: re.Match[str]) -> str:
            path = match.group(1)
            group, _, rest = path.partition(".")
            if group == "font":
                return f"{int(self.font_px(rest) + 0.5)}px"
            if group == "h":
                return f"{self.scaled(int(rest))}px"
            if group == "icon":
                return f'url("{(control_icons / f"{rest}-{self.name}.svg").as_posix()}")'
            return self._colors[path]

        return re.sub(r"@([a-z][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)*)", fill, template)

    def palette(self) -> QPalette:
        """The palette for everything that no style sheet rule reaches, disabled state included."""
        role, group = QPalette.ColorRole, QPalette.ColorGroup
        palette = QPalette()
        for color_role, path in {
            role.Window: "surface.content",
            role.WindowText: "text.primary",
            role.Base: "field.bg",
            role.AlternateBase: "surface.raised",
            role.ToolTipBase: "surface.tooltip",
            role.ToolTipText: "text.onTooltip",
            role.PlaceholderText: "text.tertiary",
            role.Text: "text.primary",
            role.Button: "control.bg",
            role.ButtonText: "text.primary",
            role.BrightText: "text.onAccent",
            role.Light: "surface.overlay",
            role.Midlight: "surface.raised",
            role.Mid: "border.default",
            role.Dark: "border.strong",
            role.Shadow: "border.strong",
            role.Highlight: "accent.fill",
            role.HighlightedText: "text.onAccent",
            role.Accent: "accent.solid",
            role.Link: "text.link",
            role.LinkVisited: "text.link",
        }.items():
            palette.setColor(color_role, self.color(path))
        for color_role in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText):
            palette.setColor(group.Disabled, color_role, self.color("text.disabled"))
        palette.setColor(group.Disabled, role.Base, self.color("surface.content"))
        palette.setColor(group.Disabled, role.Button, self.color("surface.content"))
        palette.setColor(group.Disabled, role.Highlight, self.color("surface.pressed"))
        palette.setColor(group.Disabled, role.HighlightedText, self.color("text.disabled"))
        palette.setColor(group.Disabled, role.Accent, self.color("border.strong"))
        return palette


class ThemeController(QObject):
    """Which theme is shown. Painters keep the controller and read `current` each time they paint."""

    changed = Signal()

    def __init__(
        self,
        resources: Path,
        mode: ThemeMode = "system",
        text_scale: float = 1.0,
        parent: QObject | None = None,
    ) -> None:
        """Read tokens and the style sheet template from `resources`. Raises OSError without them."""
        super().__init__(parent)
        self.resources = resources
        self.mode: ThemeMode = mode
        self.animate = True
        self._tokens: dict[str, Any] = json.loads((resources / "tokens.json").read_text(encoding="utf-8"))
        self._template = (resources / "theme.qss").read_text(encoding="utf-8")
        self._text_scale = min(1.5, max(1.0, text_scale))
        self._app: QApplication | None = None
        self._system: ThemeName = "light"
        self._desktop_watch: QObject | None = None
        self.current = self._make()

    def load_fonts(self) -> None:
        """Make the bundled fonts known to Qt; needs the application object. 12 ms for all nine."""
        for path in sorted((self.resources / "fonts").glob("*.[ot]tf")):
            QFontDatabase.addApplicationFont(str(path))

    def apply(self, app: QApplication) -> None:
        """Style the application and follow the system's colour scheme from now on."""
        self._app = app
        self.load_fonts()
        app.setStyle("Fusion")
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._system_scheme_changed)
        scheme = hints.colorScheme()
        if scheme != Qt.ColorScheme.Unknown:
            self._system = "dark" if scheme == Qt.ColorScheme.Dark else "light"
        elif sys.platform.startswith("linux"):
            QTimer.singleShot(250, self, self._watch_desktop)  # after the first paint: the import costs time
        self.animate = app.style().styleHint(QStyle.StyleHint.SH_Widget_Animation_Duration) > 0
        self.current = self._make()
        self._dress()

    def set_mode(self, mode: ThemeMode) -> None:
        """Follow the system, or stay light or dark."""
        self.mode = mode
        self._refresh()

    def set_text_scale(self, text_scale: float) -> None:
        """Grow all text; 1.0 to 1.5, anything else is brought into that range."""
        self._text_scale = min(1.5, max(1.0, text_scale))
        self._refresh()

    def set_animate(self, animate: bool) -> None:
        """Off is reduced motion: everything but progress happens at once."""
        self.animate = animate

    def duration(self, name: str) -> int:
        """A motion token (fast, base, slow) in ms; 0 with reduced motion."""
        return self.current.px(f"motion.{name}") if self.animate else 0

    def _make(self) -> Theme:
        name: ThemeName = self._system if self.mode == "system" else self.mode
        return Theme(self._tokens, name, self._text_scale)

    def _refresh(self) -> None:
        theme = self._make()
        if (theme.name, theme.text_scale) == (self.current.name, self.current.text_scale):
            return
        self.current = theme
        self._dress()
        self.changed.emit()

    def _dress(self) -> None:
        if self._app is None:
            return
        theme = self.current
        self._app.setPalette(theme.palette())
        self._app.setFont(theme.font("ui"))
        self._app.setStyleSheet(theme.style_sheet(self._template, self.resources / "icons" / "control"))
        if self.mode != "system":  # asks Windows and macOS for a matching title bar
            self._app.styleHints().setColorScheme(Qt.ColorScheme.Dark if theme.dark else Qt.ColorScheme.Light)
        else:
            self._app.styleHints().unsetColorScheme()

    @Slot()
    def _watch_desktop(self) -> None:
        from mastra_desktop.ui.desktop_scheme import DesktopScheme

        watch = DesktopScheme(self)
        watch.scheme_found.connect(self._desktop_scheme_found)
        watch.start()
        self._desktop_watch = watch

    @Slot(bool)
    def _desktop_scheme_found(self, dark: bool) -> None:
        self._system = "dark" if dark else "light"
        self._refresh()

    def _system_scheme_changed(self, scheme: Qt.ColorScheme) -> None:
        # Our own setColorScheme comes back through this signal; only "system" may learn from it.
        if self.mode == "system" and scheme != Qt.ColorScheme.Unknown:
            self._system = "dark" if scheme == Qt.ColorScheme.Dark else "light"
            self._refresh()
