"""Settings of the built-in model: which file answers."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.services.providers import LocalModelInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_file import ask_for_model_file, memory_words, short_path, size_words
from mastra_desktop.ui.panes.parts import IconText, flow, label
from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of, row_of
from mastra_desktop.ui.panes.settings_source import SourceBadge, all_settings, locked_words
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.chip import Chip
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

TASK = "settings-local-model"
MODEL_KEY = "local.model_path"


class LocalModelsPage(SettingsPage):
    """Also the detail of "Built-in model" among the providers. A refused file leaves the choice as it was."""

    changed = Signal()  # another file answers now

    def __init__(
        self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks, title: str
    ) -> None:
        super().__init__(theme, title)
        self._bridge, self._tasks = bridge, tasks
        self._task_key = f"{TASK}-{id(self)}"
        self.chip = Chip(self.tr("Looking for it"), theme, icons)
        self.head.addWidget(self.chip)
        self.head.addStretch(1)
        self.name = label("", "strong", wrap=True)
        self._facts = label("", "small", wrap=True)
        self.path = ElidedLabel("", "small", Qt.TextElideMode.ElideMiddle)
        self._trouble = label("", "error", wrap=True)
        self._trouble.setObjectName("localModelTrouble")
        self.choose_button = Button(self.tr("Choose a GGUF file…"), theme, icons, icon="folder-open")
        self.choose_button.setObjectName("chooseModelButton")
        self.choose_button.clicked.connect(lambda: ask_for_model_file(self, self._chosen))
        self.back_button = Button(
            self.tr("Use the built-in model again"), theme, icons, "quiet", icon="rotate-ccw"
        )
        self.back_button.setObjectName("builtInModelButton")
        self.back_button.clicked.connect(lambda: self._chosen(None))
        self.back_button.hide()
        self.badge = SourceBadge(theme, icons, resets=False)
        self._locked = IconText("lock", "", theme, icons, wrap=True)
        self.add_row(
            self.tr("File in use"),
            self.tr("Answers on this computer, without a network"),
            column_of(self.name, self._facts, self.path, spacing=3),
            text=True,
        )
        self.add_row(
            self.tr("Another file"),
            self.tr("Any chat model in the GGUF format"),
            column_of(
                row_of(flow([self.choose_button, self.back_button], across=8), self.badge, stretch=0),
                self._trouble,
                self._locked,
            ),
        )
        self._trouble.hide()
        self._locked.hide()

    async def load(self) -> None:
        setting = (await all_settings(self._bridge))[MODEL_KEY]
        self.badge.show_setting(setting)
        locked = locked_words(setting)
        self._locked.set("lock", locked)
        self._locked.setVisible(bool(locked))
        for button in (self.choose_button, self.back_button):
            button.setEnabled(not locked)
        self._show(await self._bridge.call(lambda core: core.providers.local_model()))

    def _chosen(self, path: Path | None) -> None:
        self._tasks.start(self._choose(path), key=self._task_key)

    async def _choose(self, path: Path | None) -> None:
        self._trouble.hide()
        button = self.choose_button if path is not None else self.back_button
        button.set_loading(True)
        try:
            found = await self._bridge.call(lambda core: core.providers.choose_local_model(path))
        except MastraError as error:
            self._tell(error.message, error.hint)
            return
        finally:
            button.set_loading(False)
        self._show(found)
        await self.load()
        self.changed.emit()

    def _show(self, found: LocalModelInfo) -> None:
        self.back_button.setVisible(found.chosen)
        self._trouble.hide()
        path = short_path(found.path) if found.path is not None else ""
        self.path.setText(path)
        self.path.setVisible(bool(path))
        if found.error is not None:
            self.chip.set(
                self.tr("Not usable") if found.chosen else self.tr("Not here"), "warn", "circle-alert"
            )
            self.name.setText(self.tr("No model file"))
            self._facts.setText(self.tr("Choose a file below, or add a server under Providers."))
            self._tell(found.error.message, found.error.hint)
            return
        self.chip.set(self.tr("Ready"), "success", "circle-check")
        self.name.setText(found.name)
        self._facts.setText(f"{size_words(found.size_bytes)} · {memory_words(found.size_bytes)}")

    def _tell(self, cause: str, remedy: str) -> None:
        self._trouble.setText(f"{cause} {remedy}".strip())
        self._trouble.show()
