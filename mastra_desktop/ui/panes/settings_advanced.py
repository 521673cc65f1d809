"""Settings of everything that config.toml may name: a row for each key, made from the schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from itertools import groupby

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent

from mastra_desktop.ops.config_keys import KeyInfo, all_keys
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_file import short_path
from mastra_desktop.ui.panes.settings_config_row import ConfigControls, translated
from mastra_desktop.ui.panes.settings_page import SettingsPage, row_of
from mastra_desktop.ui.panes.settings_search import Findable
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
        self._icons = icons
        self._sections = [list(keys) for _, keys in groupby(all_keys(), lambda info: info.section)]
        self._building = QTimer(self, interval=0)  # a section at a time: the window stays fluent
        self._building.timeout.connect(self._build)
        self._wanted = ""

    def findable(self) -> list[Findable]:
        """Also before the rows are made."""
        keys = [
            Findable(
                info.name,
                translated(info.title),
                f"{translated(info.section_title)} {translated(info.description)}",
            )
            for info in all_keys()
        ]
        return [*keys, Findable("providers", self.tr("Who answers"), self.tr("Providers"))]

    def reveal(self, name: str) -> None:
        """As on every page; as soon as the rows are there."""
        if self._sections:
            self._wanted = name
            self._building.start()
        else:
            super().reveal(name)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self._sections:
            self._building.start()

    def _build(self) -> None:
        """The rows of one section; after the last, what they hold is asked for."""
        if self._sections:
            self._add_section(self._sections.pop(0))
            if not self._sections:
                self._add_providers()
                self._tasks.start(self.load(), key=TASK)
            return
        self._building.stop()  # one turn later, when all is laid out
        wanted, self._wanted = self._wanted, ""
        if wanted:
            super().reveal(wanted)

    def _add_section(self, keys: Sequence[KeyInfo]) -> None:
        self.add_heading(translated(keys[0].section_title))
        for info in keys:
            controls = ConfigControls(info, self._theme, self._icons)
            controls.edited.connect(partial(self._changed, info.name))
            controls.reset_wanted.connect(partial(self._reset, info.name))
            self.controls[info.name] = controls
            self.add_row(translated(info.title), info.name, controls, name=info.name)

    def _add_providers(self) -> None:
        self.providers_button = Button(self.tr("Open Providers"), self._theme, self._icons, icon="plug-zap")
        self.providers_button.setObjectName("openProviders")
        self.providers_button.clicked.connect(lambda: self.open_wanted.emit("providers"))
        self.add_heading(self.tr("Providers"))
        self.add_row(self.tr("Who answers"), "[[providers]]", row_of(self.providers_button), name="providers")

    async def load(self, *, taken: str = "") -> None:
        """As it is now; `taken` is the key that was changed here. Later when the page is shown first."""
        if self._sections:
            return
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
