"""Settings of what is kept and where: folders, keys, backups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from mastra_desktop.ops.logging import FILE_NAME
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.key_store import KeyStoreLine
from mastra_desktop.ui.panes.model_file import short_path
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
        self._backups_row = self.add_row(
            self.tr("Backups"),
            self.tr("One is taken each day on which something changed. Keys are in none."),
            self.backups,
        )
        self._check_row = self.add_row(
            self.tr("Database"), self.tr("Reads all of it and looks for damage"), self.check
        )
        self.figures = StoredFigures(bridge)
        self.add_row(
            self.tr("Figures"),
            self.tr("What the app notes about its own work. What is too old goes by itself, each hour."),
            self.figures,
            text=True,
        )

    async def load(self) -> None:
        if await self._bridge.call(_is_on_server):
            self._tell_server()
        await self.backups.load()
        await self.keys.load()
        self._tasks.start(self.figures.load(), key=SIZES_TASK)  # seconds where there is very much

    def _tell_server(self) -> None:
        """What differs where the database is on a server: no schedule, and no file to look through."""
        self.backups.on_server = True
        self._backups_row.set_hint(
            self.tr(
                "The database is on a server, and none is taken by itself. Back up now copies all of it "
                "into a file on this computer. Keys are in none."
            )
        )
        self._check_row.hide()

    def _place(self, path: Path, folder: Path | None, words: str) -> QWidget:
        shown = ElidedLabel(short_path(path), "", Qt.TextElideMode.ElideMiddle)
        shown.setMinimumHeight(32)
        if folder is None:
            return row_of(shown, stretch=0)
        opener = Button(self.tr("Open folder"), self._theme, self._icons, icon="folder-open")
        opener.setAccessibleName(words)
        opener.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))))
        return row_of(shown, opener, stretch=0)


async def _is_on_server(core: Core) -> bool:
    return core.db.path is None
