"""Where a value of the configuration comes from, and the way back to its default: beside each such field."""

from __future__ import annotations

from collections.abc import Awaitable

from PySide6.QtCore import QCoreApplication, Signal
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import ConfigError, MastraError
from mastra_desktop.services.configuration import Setting
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.chip import Chip


class SourceBadge(QWidget):
    """ "Default", "File" or "Environment", and a button that resets where there is something to reset."""

    reset_wanted = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, *, resets: bool = True) -> None:
        """`resets`: without, a button of the page's own goes back."""
        super().__init__()
        self._resets = resets
        self.chip = Chip(self.tr("Default"), theme, icons)
        self.reset_button = IconButton("rotate-ccw", self.tr("Reset"), theme, icons)
        self.reset_button.clicked.connect(self.reset_wanted)
        keep = self.reset_button.sizePolicy()
        keep.setRetainSizeWhenHidden(resets)  # badges stay below each other
        self.reset_button.setSizePolicy(keep)
        self.reset_button.hide()
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addStretch(1)
        row.addWidget(self.chip)
        row.addWidget(self.reset_button)

    def show_setting(self, setting: Setting) -> None:
        title = setting.info.title
        if setting.source == "environment":
            self.chip.set(self.tr("Environment"), "info", "terminal")
        elif setting.source == "file":
            self.chip.set(self.tr("File"), "accent", "file-text")
        else:
            self.chip.set(self.tr("Default"))
        place = setting.place or self.tr("The default: config.toml does not name it")
        self.chip.setToolTip(place)
        self.chip.setAccessibleDescription(place)
        default = default_words(setting)
        self.reset_button.set_label(self.tr("Reset “{name}” to {value}").format(name=title, value=default))
        self.reset_button.setVisible(setting.resettable and self._resets)

    def words(self) -> str:
        """What the badge and its tooltip say, in a row: "File: …/config.toml, line 7"."""
        return f"{self.chip.text()}: {self.chip.toolTip()}"


def default_words(setting: Setting) -> str:
    """The default as a person reads it."""
    value = setting.info.default
    if isinstance(value, bool):
        return _tr("on") if value else _tr("off")
    if value == "":
        return _tr("empty")
    return f"{value:g}" if isinstance(value, float) else str(value)


def locked_words(setting: Setting) -> str:
    """Why it cannot be changed here; "" when it can."""
    if setting.source != "environment":
        return ""
    words = _tr("{variable} in the environment sets this; it can be changed only there.")
    return words.format(variable=setting.place)


async def all_settings(bridge: Bridge) -> dict[str, Setting]:
    """Each key of the configuration as it is now."""

    async def ask(core: Core) -> dict[str, Setting]:
        return core.settings.settings()

    return await bridge.call(ask)


async def change_setting(bridge: Bridge, setting: Setting, value: object) -> str:
    """Uses and writes another value; why that cannot be, or ""."""

    async def ask(core: Core) -> None:
        await core.settings.change(setting.info.section, setting.info.key, value)

    return await _told(bridge.call(ask))


async def reset_setting(bridge: Bridge, setting: Setting) -> str:
    """Goes back to the default; why that cannot be, or ""."""

    async def ask(core: Core) -> None:
        await core.settings.reset(setting.info.section, setting.info.key)

    return await _told(bridge.call(ask))


async def _told(work: Awaitable[None]) -> str:
    try:
        await work
    except MastraError as error:
        return error.message if isinstance(error, ConfigError) else f"{error.message} {error.hint}".strip()
    return ""


def _tr(text: str) -> str:
    return QCoreApplication.translate("SourceBadge", text)
