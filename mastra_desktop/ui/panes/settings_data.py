"""Settings of what is kept and where: folders, keys, backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from mastra_desktop.core import Core
from mastra_desktop.ops.logging import FILE_NAME
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.key_store import KeyStoreLine
from mastra_desktop.ui.panes.model_file import short_path
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.settings_backups import BackupList, DatabaseCheck
from mastra_desktop.ui.panes.settings_page import SettingsPage, row_of
from mastra_desktop.ui.panes.settings_sizes import StoredFigures
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.elided_label import ElidedLabel

if TYPE_CHECKING:
    from mastra_desktop.core import Core

SIZES_TASK = "settings-sizes"


class DataPage(SettingsPage):
    """Paths with a button that opens the folder in the system's file manager."""

    def __init__(
        self, theme: ThemeController, icons: Icons, paths: Paths, bridge: Bridge, tasks: Tasks
    ) -> None:
        super().__init__(theme, self.tr("Storage"))
        self._icons, self._bridge, self._tasks = icons, bridge, tasks
        self.keys = KeyStoreLine(theme, icons, bridge, tasks)
        self.add_row(
            self.tr("Data folder"),
            self.tr("Chats, settings and backups"),
            self._place(paths.home, paths.home, self.tr("Open the data folder")),
        )
        self.add_row(
            self.tr("Configuration"),
            self.tr("Servers and limits, as text"),
            self._place(paths.config, None, ""),
        )
        self.add_row(
            self.tr("Log"),
            self.tr("Errors with their details, without keys"),
            self._place(paths.logs / FILE_NAME, paths.logs, self.tr("Open the log folder")),
        )
        self.add_row(self.tr("API keys"), self.tr("Never in a file unencrypted"), self.keys, text=True)

        self.backups = BackupList(theme, icons, bridge, tasks)
        self.check = DatabaseCheck(theme, icons, bridge, tasks)
        own_file = (
            self.add_row(
                self.tr("Backups"),
                self.tr("One is taken each day on which something changed. Keys are in none."),
                self.backups,
            ),
            self.add_row(self.tr("Database"), self.tr("Reads all of it and looks for damage"), self.check),
        )
        elsewhere = label(self.tr("It is backed up and checked with its own tools."), wrap=True)
        there = self.add_row(self.tr("Database"), self.tr("Named in the configuration"), elsewhere, text=True)
        self._own_file, self._elsewhere = own_file, there
        there.hide()
        self.figures = StoredFigures(bridge)
        self.add_row(
            self.tr("Figures"),
            self.tr("What the app notes about its own work. What is too old goes by itself, each hour."),
            self.figures,
            text=True,
        )

    async def load(self) -> None:
        named = await self._bridge.call(_database_is_named)
        for row in self._own_file:
            row.setVisible(not named)
        self._elsewhere.setVisible(named)
        if not named:
            await self.backups.load()
        await self.keys.load()
        self._tasks.start(self.figures.load(), key=SIZES_TASK)  # seconds where there is very much

    def _place(self, path: Path, folder: Path | None, words: str) -> QWidget:
        shown = ElidedLabel(short_path(path), "", Qt.TextElideMode.ElideMiddle)
        shown.setMinimumHeight(32)
        if folder is None:
            return row_of(shown, stretch=0)
        opener = Button(self.tr("Open folder"), self._theme, self._icons, icon="folder-open")
        opener.setAccessibleName(words)
        opener.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        return row_of(shown, opener, stretch=0)


async def _database_is_named(core: Core) -> bool:
    """Whether the database is another one than the data folder's own."""
    return bool(core.settings.loaded.config.database.url)


async def _is_on_server(core: Core) -> bool:
    return core.db.path is None
