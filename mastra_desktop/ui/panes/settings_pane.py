"""Settings: groups at the left with a search, one page at the right. Everything works without a restart."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSettings, Qt, Signal
from PySide6.QtGui import QKeyEvent, QStandardItem, QStandardItemModel
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop import __version__
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import ApiChanged, BackupsChanged, BusEvent, ConfigChanged, ProvidersChanged
from mastra_desktop.paths import Paths
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import Line, label
from mastra_desktop.ui.panes.settings_advanced import TASK as ADVANCED_TASK
from mastra_desktop.ui.panes.settings_advanced import AdvancedPage
from mastra_desktop.ui.panes.settings_api import LOOK_TASK, ApiPage
from mastra_desktop.ui.panes.settings_appearance import AppearancePage
from mastra_desktop.ui.panes.settings_audit import AuditPage
from mastra_desktop.ui.panes.settings_data import SIZES_TASK, DataPage
from mastra_desktop.ui.panes.settings_local import LocalModelsPage
from mastra_desktop.ui.panes.settings_page import Header, SettingsPage
from mastra_desktop.ui.panes.settings_providers import ProvidersPage
from mastra_desktop.ui.panes.settings_search import ABOUT, PAGE, Found, find, fits
from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.escape import asks_for_escape
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.section_list import SectionList

GROUPS_WIDTH = 208
TASK = "settings-load"
FOLLOW_TASK, API_TASK = "settings-follow", "settings-follow-api"

Page = SettingsPage | ProvidersPage


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
        self.destroyed.connect(lambda: _forget(tasks))
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
        self.advanced = AdvancedPage(theme, icons, paths, bridge, tasks)
        self.advanced.open_wanted.connect(self.open)
        self._groups: list[tuple[str, str, str, str, Page]] = [  # id, section, title, icon, page
            ("appearance", self.tr("App"), self.tr("Appearance"), "sun", self.appearance),
            ("providers", self.tr("Models"), self.tr("Providers"), "plug-zap", self.providers),
            ("local-models", self.tr("Models"), self.tr("Local models"), "cpu", self.local_models),
            ("local-api", self.tr("Data"), self.tr("Local API"), "server", self.api),
            ("storage", self.tr("Data"), self.tr("Storage"), "hard-drive", self.data),
            ("audit", self.tr("Data"), self.tr("Audit"), "scroll-text", self.audit),
            ("advanced", self.tr("Data"), self.tr("Advanced"), "sliders-horizontal", self.advanced),
        ]
        self.pages = QStackedWidget()
        for *_, page in self._groups:
            self.pages.addWidget(page)

        self.search = SearchField(self.tr("Find a setting"), theme, icons)
        self.search.setObjectName("searchField")
        self.search.textChanged.connect(self._fill)
        self.search.returnPressed.connect(self._open_best)
        self.groups = SectionList(self.tr("Settings"), theme, icons, one_line=True)
        self.groups.setObjectName("settingsGroups")
        self.groups.rename_enabled = False
        self._model = QStandardItemModel(self)
        self._best = ""  # the row that Enter opens
        self.groups.setModel(self._model)
        self.groups.row_activated.connect(self.open)
        self._nothing = label("", "hint", wrap=True)
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

    def heard(self, event: BusEvent) -> None:
        """What was changed elsewhere shows here; what is typed in a field stays."""
        match event:
            case ProvidersChanged():
                self.refresh()
            case BackupsChanged():
                self._tasks.start(self.data.backups.load(), key="backups")
            case ApiChanged():
                self._tasks.start(self.api.load(), key=API_TASK)
            case ConfigChanged():
                self._tasks.start(self._follow(), key=FOLLOW_TASK)

    async def _follow(self) -> None:
        await self.advanced.load()
        await self.api.load()
        await self.local_models.load()

    def focus_search(self) -> None:
        self.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search.selectAll()

    def stops(self) -> list[QWidget]:
        """Where F6 goes."""
        return [self.groups, *(page for *_, page in self._groups if page is self.pages.currentWidget())]

    def open_provider(self, provider_id: str) -> None:
        """Shows the settings of a provider, of its key among others."""
        self.open("providers")
        self.providers.reveal_provider(provider_id)

    def open(self, row_id: str) -> None:
        """Shows a group, or one setting of it."""
        group, _, setting = row_id.partition("/")
        page = next(page for name, *_, page in self._groups if name == group)
        self.pages.setCurrentWidget(page)
        self.groups.set_selected_id(row_id)
        if page is self.audit:
            self.audit.refresh()
        if setting:
            page.reveal(setting)

    # -- inside -------------------------------------------------------------------------------------

    async def _load(self) -> None:
        try:
            await self.local_models.load()
            await self.data.load()
            await self.api.load()
            await self.advanced.load()
        except MastraError as error:
            self.failed.emit(error)
            return
        self.providers.reload()

    def _fill(self) -> None:
        """The groups, or while searching those that fit, each with the settings in it that do."""
        wanted = self.search.text().strip()
        self._model.clear()
        self._best = ""
        best_rank = ABOUT + 1
        section_shown = ""
        count = 0
        for group, section, title, icon, page in self._groups:
            found = find(wanted, page.findable(), title)
            page_fits = fits(wanted, title)
            if not page_fits and not found:
                continue
            if section != section_shown:
                self._model.appendRow(_heading(section))
                section_shown = section
            self._model.appendRow(_row(group, title, icon))
            for each in found:
                self._model.appendRow(_found_row(group, each))
            ranked = [(PAGE, group)] if page_fits else []
            for rank, row_id in [*ranked, *((each.rank, f"{group}/{each.findable.name}") for each in found)]:
                count += 1
                if wanted and rank < best_rank:
                    best_rank, self._best = rank, row_id
        self._nothing.setVisible(not count)
        self._nothing.setText(
            self.tr("Nothing in Settings is called or described as “{words}”.").format(words=wanted)
        )
        told = self.tr("{n} found").format(n=count) if count else self._nothing.text()
        self.search.setAccessibleDescription(told if wanted else "")
        self.groups.set_selected_id(self.groups.selected_id())

    def _open_best(self) -> None:
        """Enter in the search opens what fits best."""
        if self._best:
            self.open(self._best)

    def event(self, event: QEvent) -> bool:
        """Esc clears the search before it is the window's."""
        if asks_for_escape(event) and self.search.text():
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """What the child with the keys has no use for."""
        if event.key() == Qt.Key.Key_Escape and self.search.text():
            self.search.clear()
            self.focus_search()
        elif event.key() == Qt.Key.Key_Down and self.search.hasFocus():
            index = self.groups.index_of(self._best or self.groups.selected_id())
            self.groups.setFocus(Qt.FocusReason.ShortcutFocusReason)
            if index.isValid():
                self.groups.setCurrentIndex(index)
        else:
            super().keyPressEvent(event)

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


def _forget(tasks: Tasks) -> None:
    """What was asked for finds nobody any more."""
    for key in (TASK, FOLLOW_TASK, API_TASK, ADVANCED_TASK, LOOK_TASK, SIZES_TASK):
        tasks.cancel(key)


def _row(row_id: str, title: str, icon: str) -> QStandardItem:
    item = QStandardItem(title)
    item.setData(row_id, RowRole.ID)
    item.setData(icon, RowRole.ICON)
    return item


def _found_row(group: str, found: Found) -> QStandardItem:
    item = _row(f"{group}/{found.findable.name}", found.findable.title, "chevron-right")
    item.setData(found.marks, RowRole.TITLE_MARKS)
    item.setToolTip(f"{found.findable.title}\n{found.findable.name}")
    return item


def _heading(title: str) -> QStandardItem:
    heading = QStandardItem(title)
    heading.setData("section", RowRole.KIND)
    heading.setFlags(Qt.ItemFlag.NoItemFlags)
    return heading
