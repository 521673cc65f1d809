"""Settings: groups at the left with a search, one page at the right. Everything works without a restart."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop import __version__
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import Line, label
from mastra_desktop.ui.panes.settings_api import ApiPage
from mastra_desktop.ui.panes.settings_appearance import AppearancePage
from mastra_desktop.ui.panes.settings_audit import AuditPage
from mastra_desktop.ui.panes.settings_data import DataPage
from mastra_desktop.ui.panes.settings_local import LocalModelsPage
from mastra_desktop.ui.panes.settings_page import Header, SettingsPage
from mastra_desktop.ui.panes.settings_providers import ProvidersPage
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.section_list import SectionList

GROUPS_WIDTH = 208
TASK = "settings-load"


class SettingsPane(QWidget):
    """A row of the list is a group, or while searching also a setting of one (id "group/setting")."""

    notice = Signal(str, str, str)  # title, text, tone
    failed = Signal(object)  # the error

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        paths: Paths,
        bridge: Bridge,
        tasks: Tasks,
    ) -> None:
        super().__init__()
        self._theme, self._tasks = theme, tasks
        self.setObjectName("SettingsPane")
        self.setAccessibleName(self.tr("Settings"))
        self.appearance = AppearancePage(theme, state)
        self.providers = ProvidersPage(theme, icons, bridge, tasks)
        self.local_models = LocalModelsPage(theme, icons, bridge, tasks, self.tr("Local models"))
        self.api = ApiPage(theme, icons, bridge, tasks)
        self.data = DataPage(theme, icons, paths, bridge, tasks)
        self.audit = AuditPage(theme, icons, bridge, tasks)
        self.providers.notice.connect(self.notice)
        self.local_models.changed.connect(self.refresh)
        self._groups: list[tuple[str, str, str, str, QWidget]] = [  # id, section, title, icon, page
            ("appearance", self.tr("App"), self.tr("Appearance"), "sun", self.appearance),
            ("providers", self.tr("Models"), self.tr("Providers"), "plug-zap", self.providers),
            ("local-models", self.tr("Models"), self.tr("Local models"), "cpu", self.local_models),
            ("local-api", self.tr("Data"), self.tr("Local API"), "server", self.api),
            ("storage", self.tr("Data"), self.tr("Storage"), "hard-drive", self.data),
            ("audit", self.tr("Data"), self.tr("Audit"), "scroll-text", self.audit),
        ]
        self.pages = QStackedWidget()
        for *_, page in self._groups:
            self.pages.addWidget(page)

        self.search = SearchField(self.tr("Find a setting"), theme, icons)
        self.search.setObjectName("searchField")
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._open_first)
        self.groups = SectionList(self.tr("Settings"), theme, icons, one_line=True)
        self.groups.setObjectName("settingsGroups")
        self.groups.rename_enabled = False
        self._model = QStandardItemModel(self)
        self.groups.setModel(self._model)
        self.groups.row_activated.connect(self.open)
        self._nothing = label(self.tr("No setting has this in its name."), "hint", wrap=True)
        self._nothing.setContentsMargins(18, 8, 18, 0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._column())
        row.addWidget(Line(theme, "border.subtle"))
        row.addWidget(self.pages, 1)
        self._fill()
        self.open("providers")
        self.setFocusProxy(self.groups)

    # -- what the window does with it ---------------------------------------------------------------

    def refresh(self) -> None:
        """Asks the core again; what is typed in a form stays."""
        self._tasks.start(self._load(), key=TASK)
        if self.pages.currentWidget() is self.audit:
            self.audit.refresh()

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def stops(self) -> list[QWidget]:
        """Where F6 goes."""
        return [self.groups, *(page for *_, page in self._groups if page is self.pages.currentWidget())]

    def open_provider(self, provider_id: str) -> None:
        """Shows the settings of a provider, of its key among others."""
        self.open("providers")
        self.providers.reveal(provider_id)

    def open(self, row_id: str) -> None:
        """Shows a group, or one setting of it."""
        group, _, setting = row_id.partition("/")
        page = next(page for name, *_, page in self._groups if name == group)
        self.pages.setCurrentWidget(page)
        self.groups.set_selected_id(row_id)
        if page is self.audit:
            self.audit.refresh()
        if setting and isinstance(page, SettingsPage):
            page.reveal(setting)
        elif setting and isinstance(page, ProvidersPage):
            page.add_button.setFocus(Qt.FocusReason.ShortcutFocusReason)

    # -- inside -------------------------------------------------------------------------------------

    async def _load(self) -> None:
        try:
            await self.local_models.load()
            await self.data.load()
            await self.api.load()
        except MastraError as error:
            self.failed.emit(error)
            return
        self.providers.reload()

    def _fill(self) -> None:
        """The groups whose name, or the name of a setting in them, holds what is searched."""
        wanted = self.search.text().strip().casefold()
        self._model.clear()
        section_shown = ""
        for group, section, title, icon, page in self._groups:
            settings = [name for name in _settings_of(page) if wanted and wanted in name.casefold()]
            if wanted and wanted not in title.casefold() and not settings:
                continue
            if section != section_shown:
                heading = QStandardItem(section)
                heading.setData("section", RowRole.KIND)
                heading.setFlags(Qt.ItemFlag.NoItemFlags)
                self._model.appendRow(heading)
                section_shown = section
            self._model.appendRow(_row(group, title, icon))
            for name in settings:
                self._model.appendRow(_row(f"{group}/{name}", name, "chevron-right"))
        self._nothing.setVisible(self._model.rowCount() == 0)
        self.groups.set_selected_id(self.groups.selected_id())

    def _open_first(self) -> None:
        """Enter in the search opens the most exact find: a setting before its group."""
        ids = [str(self._model.item(row).data(RowRole.ID) or "") for row in range(self._model.rowCount())]
        found = next(
            (row_id for row_id in ids if "/" in row_id), next((row_id for row_id in ids if row_id), "")
        )
        if found and self.search.text().strip():
            self.open(found)

    def _column(self) -> QWidget:
        made = QFrame()
        made.setProperty("surface", "base")
        made.setFixedWidth(GROUPS_WIDTH)
        head = Header(self._theme, 16)
        head.row.addWidget(label(self.tr("Settings"), "title"))
        search = QHBoxLayout()
        search.setContentsMargins(12, 10, 12, 4)
        search.addWidget(self.search)
        version = label(self.tr("Version {number}").format(number=__version__), "hint")
        version.setContentsMargins(18, 8, 18, 12)
        column = QVBoxLayout(made)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addLayout(search)
        column.addWidget(self._nothing)
        column.addWidget(self.groups, 1)
        column.addWidget(version)
        return made


def _row(row_id: str, title: str, icon: str) -> QStandardItem:
    item = QStandardItem(title)
    item.setData(row_id, RowRole.ID)
    item.setData(icon, RowRole.ICON)
    return item


def _settings_of(page: QWidget) -> list[str]:
    """The names of the settings on a page."""
    if isinstance(page, ProvidersPage):
        return [page.add_button.accessibleName(), *(row.title for row in page.server.rows)]
    return [row.title for row in page.rows if not row.isHidden()] if isinstance(page, SettingsPage) else []
