"""Theme, style sheet and icons."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QColor, QFont, QFontInfo, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import Theme, ThemeController

RESOURCES = Path(__file__).resolve().parents[2] / "resources"


@pytest.fixture
def controller(qapp: QApplication) -> ThemeController:
    made = ThemeController(RESOURCES, mode="dark")
    made.load_fonts()
    return made


def test_theme_reads_tokens(controller: ThemeController) -> None:
    """Colours, sizes and fonts are those of tokens.json."""
    theme = controller.current
    assert theme.color("surface.base") == QColor("#101517")
    assert theme.css("accent.fg") == "#5ED1DE"
    assert theme.px("layout.rail.width") == 72
    assert theme.px("layout.windowMin.1") == 600
    assert theme.font("body").pixelSize() == 14
    assert theme.line_height("body") == 22
    assert theme.color("field.bg") == theme.color("surface.inset")
    with pytest.raises(KeyError):
        theme.color("surface.nowhere")


def test_text_scale_grows_text_and_the_heights_that_hold_it(qapp: QApplication) -> None:
    """150 % is the most; fonts, line heights and scaled heights follow."""
    theme = ThemeController(RESOURCES, mode="light", text_scale=9).current
    assert theme.text_scale == 1.5
    assert theme.font("ui").pixelSize() == 20
    assert theme.line_height("ui") == 30
    assert theme.scaled(32) == 48


def test_bundled_fonts_are_used(controller: ThemeController) -> None:
    """The interface is Inter in its own weights, code is JetBrains Mono without ligatures."""
    theme = controller.current
    assert QFontInfo(theme.font("ui")).family() == "Inter"
    assert QFontInfo(theme.font("title")).weight() == 600
    code = theme.font("code")
    assert QFontInfo(code).family() == "JetBrains Mono"
    assert code.featureValue(QFont.Tag("calt")) == 0
    assert theme.font("numeral").featureValue(QFont.Tag("tnum")) == 1


@pytest.mark.parametrize("mode", ["dark", "light"])
def test_style_sheet_has_no_hole(qapp: QApplication, mode: str) -> None:
    """Every placeholder of the template is filled and every picture it names exists."""
    controller = ThemeController(RESOURCES, mode="dark" if mode == "dark" else "light")
    template = (RESOURCES / "theme.qss").read_text(encoding="utf-8")
    sheet = controller.current.style_sheet(template, RESOURCES / "icons" / "control")
    assert "@" not in sheet
    pictures = re.findall(r'url\("([^"]+)"\)', sheet)
    assert pictures
    assert all(Path(path).is_file() for path in pictures)


@pytest.mark.parametrize(("name", "color"), [("dark", "#151A1C"), ("light", "#FFFFFF")])
def test_control_pictures_carry_the_tokens(name: str, color: str) -> None:
    """Style sheets cannot recolour pictures, so the few they use are kept in step with the tokens."""
    folder = RESOURCES / "icons" / "control"
    assert color in (folder / f"check-{name}.svg").read_text(encoding="utf-8")


def test_switching_the_theme_changes_palette_and_tells_listeners(qapp: QApplication) -> None:
    """`changed` comes once per real change, after the palette was set."""
    controller = ThemeController(RESOURCES, mode="dark")
    before_palette, before_sheet, before_font = qapp.palette(), qapp.styleSheet(), qapp.font()
    seen: list[str] = []
    controller.changed.connect(lambda: seen.append(qapp.palette().color(QPalette.ColorRole.Window).name()))
    try:
        controller.apply(qapp)
        controller.set_mode("light")
        controller.set_mode("light")
        controller.set_mode("dark")
    finally:
        qapp.setPalette(before_palette)
        qapp.setStyleSheet(before_sheet)
        qapp.setFont(before_font)
    assert seen == ["#ffffff", "#151a1c"]


def test_disabled_group_of_the_palette(controller: ThemeController) -> None:
    """Disabled text, placeholders and the accent have their own colours."""
    palette, theme = controller.current.palette(), controller.current
    disabled = QPalette.ColorGroup.Disabled
    assert palette.color(disabled, QPalette.ColorRole.Text) == theme.color("text.disabled")
    assert palette.color(QPalette.ColorRole.PlaceholderText) == theme.color("text.tertiary")
    assert palette.color(QPalette.ColorRole.Accent) == theme.color("accent.solid")


def _strongest(icon: QIcon, mode: QIcon.Mode = QIcon.Mode.Normal) -> str:
    """The colour of the most opaque pixel."""
    image = icon.pixmap(QSize(24, 24), 2.0, mode).toImage()
    assert image.width() == 48
    pixels = [image.pixelColor(x, y) for x in range(48) for y in range(48)]
    return max(pixels, key=lambda color: color.alpha()).name()


def test_icon_follows_the_theme_and_the_state(controller: ThemeController) -> None:
    """One QIcon object is drawn in the current theme's colour, and greyed when disabled."""
    icons = Icons(controller)
    icon = icons.icon("square", "text.primary", 24)
    copy = QIcon(icon)
    assert _strongest(icon).upper() == "#E7EAEB"
    assert _strongest(copy, QIcon.Mode.Disabled).upper() == "#5D6567"
    controller.set_mode("light")
    assert _strongest(copy).upper() == "#161D20"


def test_every_icon_file_renders(controller: ThemeController) -> None:
    """No icon is blank."""
    icons = Icons(controller)
    names = [path.stem for path in (RESOURCES / "icons").glob("*.svg")]
    assert len(names) > 60
    for name in names:
        image = icons.pixmap(name, QColor("red"), 16).toImage()
        assert any(image.pixelColor(x, y).alpha() for x in range(16) for y in range(16)), name


def test_void_methods_keep_their_references(qapp: QApplication) -> None:
    """PySide6 6.12.0 on Python 3.11 drops a reference to None per call and aborts after some thousands."""
    label = QLabel()
    before = sys.getrefcount(None)
    for _ in range(1000):
        label.setText("x")
    assert before - sys.getrefcount(None) < 50


def test_import_of_theme_and_icons_is_light() -> None:
    """Start-up loads neither QtDBus nor QtNetwork for the theme."""
    code = "import sys, mastra_desktop.ui.icons; print([m for m in sys.modules if m.startswith('PySide6.')])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "QtDBus" not in out
    assert "QtNetwork" not in out


@pytest.mark.skipif(shutil.which("dbus-run-session") is None, reason="needs a session bus")
def test_desktop_portal_is_asked_and_followed() -> None:
    """On Linux the portal's answer and its later changes decide; other settings of it do not."""
    command = ["dbus-run-session", "--", sys.executable, "-m", "tests.ui.fake_portal"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=RESOURCES.parent)
    assert done.stdout.strip() == "[True, False]"


def test_theme_is_plain_data() -> None:
    """A Theme needs no application object for its colours and sizes."""
    tokens = ThemeController(RESOURCES)._tokens
    assert Theme(tokens, "light").css("surface.content") == "#FFFFFF"
