"""Settings of everything that config.toml may name: a row for each key, made from the schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from PySide6.QtCore import Qt, Signal

from mastra_desktop.ops.config_keys import all_keys
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_file import short_path
from mastra_desktop.ui.panes.settings_config_row import ConfigControls, translated
from mastra_desktop.ui.panes.settings_page import SettingsPage, row_of
from mastra_desktop.ui.panes.settings_source import all_settings, change_setting, reset_setting
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

TASK = "settings-config"


class AdvancedPage(SettingsPage):
    """A change is used at once and written into config.toml; a refused one is told at its field."""

    open_wanted = Signal(str)  # another page's id

    def __init__(
        self, theme: ThemeController, icons: Icons, paths: Paths, bridge: Bridge, tasks: Tasks
    ) -> None:
        super().__init__(theme, self.tr("Advanced"))
        self._bridge, self._tasks = bridge, tasks
        self.head.addStretch(1)
        self.head.addWidget(ElidedLabel(short_path(paths.config), "hint", Qt.TextElideMode.ElideMiddle))
        self.controls: dict[str, ConfigControls] = {}
        section = ""
        for info in all_keys():
            if info.section != section:
                section = info.section
                self.add_heading(translated(info.section_title))
            controls = ConfigControls(info, theme, icons)
            controls.edited.connect(partial(self._changed, info.name))
            controls.reset_wanted.connect(partial(self._reset, info.name))
            self.controls[info.name] = controls
            self.add_row(translated(info.title), info.name, controls, name=info.name)
        self.providers_button = Button(self.tr("Open Providers"), theme, icons, icon="plug-zap")
        self.providers_button.setObjectName("openProviders")
        self.providers_button.clicked.connect(lambda: self.open_wanted.emit("providers"))
        self.add_heading(self.tr("Providers"))
        self.add_row(
            self.tr("Who answers"),
            "[[providers]]",
            row_of(self.providers_button),
            name="providers",
        )

    async def load(self, *, taken: str = "") -> None:
        """As it is now; `taken` is the key that was changed here."""
        settings = await all_settings(self._bridge)
        for name, controls in self.controls.items():
            controls.show_setting(settings[name], taken=name == taken)

    def _changed(self, name: str, value: object) -> None:
        setting = self.controls[name].setting
        if setting is not None:
            self._start(name, partial(change_setting, self._bridge, setting, value))

    def _reset(self, name: str) -> None:
        setting = self.controls[name].setting
        if setting is not None:
            self._start(name, partial(reset_setting, self._bridge, setting))

    def _start(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        self._tasks.start(self._do(name, work), key=f"{TASK}-{name}")

    async def _do(self, name: str, work: Callable[[], Awaitable[str]]) -> None:
        controls = self.controls[name]
        focused = controls.badge.reset_button.hasFocus()
        problem = await work()
        if problem:
            controls.show_problem(problem)
            return
        await self.load(taken=name)
        if focused and not controls.badge.reset_button.isVisible():
            controls.field.setFocus(Qt.FocusReason.OtherFocusReason)
