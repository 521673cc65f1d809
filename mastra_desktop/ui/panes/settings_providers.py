"""Settings of who can answer: a list of providers, and beside it the details of one, or a form to add one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import ErrorInfo, MastraError
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID, ModelInfo
from mastra_desktop.services.keys import KeyState
from mastra_desktop.services.providers import OWN_SERVER, LocalModelInfo, ServerInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.errors import title_of
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import Line, label
from mastra_desktop.ui.panes.provider_kinds import ALL_KINDS, look_of, usual_address
from mastra_desktop.ui.panes.server_address import host_of, is_loopback
from mastra_desktop.ui.panes.server_form import ServerForm
from mastra_desktop.ui.panes.server_forms import ServerForms
from mastra_desktop.ui.panes.settings_local import LocalModelsPage
from mastra_desktop.ui.panes.settings_page import Header, SettingsPage
from mastra_desktop.ui.panes.settings_provider_row import ProviderRow
from mastra_desktop.ui.panes.settings_search import Findable
from mastra_desktop.ui.panes.settings_server import ServerPage
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.form_field import FormField
from mastra_desktop.ui.widgets.painting import Tone

LIST_WIDTH, NARROW_LIST_WIDTH = 316, 232
NARROW_BELOW = 760
STATUS_TASK = "settings-provider-status"
REMOVE_TASK = "settings-remove-server"


class ProvidersPage(QWidget):
    """`load` reads the configuration and shows it; then it asks each server how it is."""

    notice = Signal(str, str, str)

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self.destroyed.connect(lambda: tasks.cancel(STATUS_TASK))
        self.setAccessibleName(self.tr("Providers"))
        self._servers: dict[str, ServerInfo] = {}
        self._keys: dict[str, KeyState] = {}
        self._chosen = LOCAL_PROVIDER_ID
        self.provider_rows: dict[str, ProviderRow] = {}
        self._group = QButtonGroup(self)
        self.add_button = Button(self.tr("Add"), theme, icons, size="small", icon="plus")
        self.add_button.setObjectName("addServerButton")
        self.add_button.setAccessibleName(self.tr("Add a provider"))
        self.add_button.clicked.connect(self.show_form)
        self._list = self._build_list()
        self.local = LocalModelsPage(theme, icons, bridge, tasks, self.tr("Built-in model"))
        self.local.changed.connect(self.reload)
        self.server = ServerPage(theme, icons, bridge, tasks)
        self.server.remove_wanted.connect(self._ask_remove)
        self.server.changed.connect(self.reload)
        self.forms = ServerForms(theme, icons, bridge, tasks, kind=ALL_KINDS[0])
        self.forms.saved.connect(self._added)
        self.kinds = QComboBox()
        self.kinds.setObjectName("providerKind")
        for kind in ALL_KINDS:
            self.kinds.addItem(look_of(kind).title, kind)
        self.kinds.currentIndexChanged.connect(self._choose_kind)
        self.form_page = self._form_page()
        self.details = QStackedWidget()
        for page in (self.local, self.server, self.form_page):
            self.details.addWidget(page)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addWidget(self._list)
        row.addWidget(self.details, 1)

    @property
    def form(self) -> ServerForm:
        """Of the kind that is picked."""
        return self.forms.form

    # -- what is shown ------------------------------------------------------------------------------

    def reload(self) -> None:
        self._tasks.start(self.load(), key=STATUS_TASK)

    async def load(self) -> None:
        """Rows first, from the configuration; then the state of each, as soon as it is known."""
        servers, self._keys = await self._bridge.call(_configured)
        local = await self._bridge.call(lambda core: core.providers.local_model())
        self._show_servers(servers)
        self._show_local(local)
        await self.local.load()
        await self.forms.load()
        models, troubles = await self._bridge.call(_models)
        self.server.show_known_models([model.id for model in models])
        for server in servers:
            if server.id in self._servers and server.enabled:
                self._show_state(
                    server, [m for m in models if m.provider_id == server.id], troubles.get(server.id)
                )

    def choose(self, provider_id: str) -> None:
        """Show that provider's details."""
        self._chosen = provider_id
        self.provider_rows[provider_id].setChecked(True)
        if provider_id == LOCAL_PROVIDER_ID:
            self.details.setCurrentWidget(self.local)
        else:
            self.server.show_server(self._servers[provider_id], self._keys[provider_id])
            self.details.setCurrentWidget(self.server)
            row = self.provider_rows[provider_id]
            self.server.show_status(*row.state)
            self.server.show_models(row.models, row.trouble)

    def reveal_provider(self, provider_id: str) -> None:
        """As `choose`; also before the providers were read, and nothing when there is none of that name."""
        self._chosen = provider_id
        if provider_id in self.provider_rows:
            self.choose(provider_id)

    def findable(self) -> list[Findable]:
        """What the search may find here: adding one, and what each has."""
        add = Findable("add", self.add_button.accessibleName())
        return [add, *self.server.findable()] if self._servers else [add]

    def reveal(self, name: str) -> None:
        """That setting of the provider in view, or of the first one."""
        if name == "add" or not self._servers:
            self.add_button.setFocus(Qt.FocusReason.ShortcutFocusReason)
            return
        if self._chosen not in self._servers:
            self.choose(next(iter(self._servers)))
        self.server.reveal(name)

    def show_form(self) -> None:
        """What was typed there before is still there."""
        self._group.setExclusive(False)
        for row in self.provider_rows.values():
            row.setChecked(False)
        self._group.setExclusive(True)
        self._chosen = ""
        self.details.setCurrentWidget(self.form_page)
        self.kinds.setFocus(Qt.FocusReason.OtherFocusReason)

    def _choose_kind(self, _index: int) -> None:
        kind = str(self.kinds.currentData())
        self.forms.choose(kind)
        self._kind_hint.setVisible(kind == OWN_SERVER)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        narrow = event.size().width() < self._theme.current.scaled(NARROW_BELOW)
        self._list.setFixedWidth(NARROW_LIST_WIDTH if narrow else LIST_WIDTH)

    def _show_servers(self, servers: list[ServerInfo]) -> None:
        """New rows, with the state the old ones had: it is asked for anew anyway."""
        before = self.provider_rows
        focused = next((key for key, row in before.items() if row.hasFocus()), "")
        self._servers = {server.id: server for server in servers}
        self.provider_rows = {}
        while (item := self._lines.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._add_section(self.tr("On this computer"))
        self._add_row(
            LOCAL_PROVIDER_ID, self.tr("Built-in model"), self.tr("Always available"), "petrol", "cpu"
        )
        near = [server for server in servers if is_loopback(server.base_url or usual_address(server.kind))]
        far = [server for server in servers if server not in near]
        self._add_servers(near)
        if far:
            self._lines.addSpacing(8)
            self._add_section(self.tr("Over the network"))
            self._add_servers(far)
        if not servers:
            hint = self.tr("Add a provider to use a larger model: a vendor's, or a server of your own.")
            words = label(hint, "hint", wrap=True)
            words.setContentsMargins(16, 12, 16, 0)
            self._lines.addWidget(words)
        self._lines.addStretch(1)
        for key, row in self.provider_rows.items():
            off = key in self._servers and not self._servers[key].enabled
            if key in before and not off and before[key].state[0] != self.tr("Off"):
                row.set_state(*before[key].state, models=before[key].models, trouble=before[key].trouble)
        if self._chosen:  # else the form is open
            self.choose(self._chosen if self._chosen in self.provider_rows else LOCAL_PROVIDER_ID)
        if focused in self.provider_rows:
            self.provider_rows[focused].setFocus(Qt.FocusReason.OtherFocusReason)

    def _add_servers(self, servers: list[ServerInfo]) -> None:
        for server in servers:
            look = look_of(server.kind)
            row = self._add_row(server.id, server.id, self._note(server), look.color, look.icon)
            row.set_state(self.tr("Checking") if server.enabled else self.tr("Off"), "", "circle-dashed")

    def _note(self, server: ServerInfo) -> str:
        """Where it is, or of whom and with which key."""
        if server.base_url:
            return host_of(server.base_url)
        ends = self._keys[server.id].ends_with
        return self.tr("Key ends in {end}").format(end=ends) if ends else look_of(server.kind).title

    def _add_section(self, title: str) -> None:
        heading = label(title, "section")
        heading.setContentsMargins(8, 8, 8, 4)
        self._lines.addWidget(heading)

    def _add_row(self, key: str, title: str, note: str, color: str, icon: str) -> ProviderRow:
        row = ProviderRow(self._theme, self._icons, title, note, color, icon)
        row.setObjectName(f"provider-{key}")
        row.clicked.connect(lambda: self.choose(key))
        row.toggled.connect(lambda on: self.choose(key) if on and self._chosen != key else None)
        self._group.addButton(row)
        self._lines.addWidget(row)
        self.provider_rows[key] = row
        return row

    def _show_local(self, found: LocalModelInfo) -> None:
        row = self.provider_rows[LOCAL_PROVIDER_ID]
        if found.error is None:
            row.set_note(found.name)
            row.set_state(self.tr("Ready"), "success", "circle-check")
        else:
            row.set_note(self.tr("Choose a model file"))
            row.set_state(self.tr("No file"), "warn", "circle-alert")

    def _show_state(self, server: ServerInfo, models: list[ModelInfo], trouble: ErrorInfo | None) -> None:
        row = self.provider_rows[server.id]
        host = self._note(server)
        if trouble is not None:
            state: tuple[str, Tone, str] = (self.tr("Not ready"), "danger", "circle-x")
            row.set_note(f"{host} · {title_of(trouble)}")
            row.set_state(*state, trouble=f"{trouble.message} {trouble.hint}".strip())
        elif not models:
            row.set_state(
                self.tr("Not usable"), "warn", "circle-alert", trouble=self.tr("It offers no model.")
            )
        else:
            count = len(models)
            words = self.tr("1 model") if count == 1 else self.tr("{n} models").format(n=count)
            row.set_note(f"{host} · {words}")
            names = tuple(model.name for model in models)
            row.set_state(self.tr("Ready"), "success", "circle-check", models=names)
        if self._chosen == server.id:
            self.choose(server.id)

    # -- adding and removing ------------------------------------------------------------------------

    def _added(self, server_id: str, model: str) -> None:
        self.forms.clear()
        self._chosen = server_id
        self.notice.emit(
            self.tr("{name} was added").format(name=server_id),
            self.tr("Its models can be chosen in every chat."),
            "success",
        )
        self.reload()

    def _ask_remove(self, server_id: str) -> None:
        text = self.tr(
            "Its address leaves the configuration. Chats stay; they ask another model from now on."
        )
        key = self._keys[server_id]
        if key.source == "environment":  # not ours to delete
            text += " " + self.tr("Its key stays in the environment: {name}.").format(name=key.kept_in)
        elif key.source:
            text += " " + self.tr("Its key is deleted from: {store}.").format(store=key.kept_in)
        dialog = ConfirmDialog(
            self.window(),
            self._theme,
            self._icons,
            self.tr("Remove {name}?").format(name=server_id),
            text,
            self.tr("Remove"),
            self.tr("Keep"),
            danger=True,
        )
        dialog.accepted.connect(lambda: self._tasks.start(self._remove(server_id), key=REMOVE_TASK))
        dialog.open()

    async def _remove(self, server_id: str) -> None:
        self.server.remove_button.set_loading(True)
        try:
            await self._bridge.call(lambda core: core.providers.remove_server(server_id))
        except MastraError as error:
            self.server.result.show_error(error.info)
            return
        finally:
            self.server.remove_button.set_loading(False)
        self._chosen = LOCAL_PROVIDER_ID
        self.notice.emit(self.tr("{name} was removed").format(name=server_id), "", "info")
        self.reload()

    # -- building -----------------------------------------------------------------------------------

    def _build_list(self) -> QWidget:
        made = QFrame()
        made.setObjectName("providerColumn")
        made.setProperty("surface", "content")
        head = Header(self._theme, 16)
        head.row.addWidget(label(self.tr("Providers"), "strong"))
        head.row.addStretch(1)
        head.row.addWidget(self.add_button)
        inner = QWidget()
        self._lines = QVBoxLayout(inner)
        self._lines.setContentsMargins(8, 4, 8, 12)
        self._lines.setSpacing(0)
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inner)
        column = QVBoxLayout()
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(head)
        column.addWidget(scroll, 1)
        row = QHBoxLayout(made)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        row.addLayout(column, 1)
        row.addWidget(Line(self._theme, "border.subtle"))
        return made

    def _form_page(self) -> SettingsPage:
        page = SettingsPage(self._theme, self.tr("Add a provider"))
        page.head.addStretch(1)
        hint = self.tr("Any OpenAI-compatible address: llama.cpp, LM Studio, vLLM, Ollama, or a gateway.")
        page.body.addSpacing(16)
        page.body.addWidget(FormField(self.tr("Provider"), self.kinds))
        page.body.addSpacing(14)
        self._kind_hint = label(hint, "secondary", wrap=True)
        self._kind_hint.setContentsMargins(0, 0, 0, 14)
        page.body.addWidget(self._kind_hint)
        self._kind_hint.hide()
        page.body.addWidget(self.forms)
        return page


async def _models(core: Core) -> tuple[list[ModelInfo], dict[str, ErrorInfo]]:
    return await core.providers.models()


async def _configured(core: Core) -> tuple[list[ServerInfo], dict[str, KeyState]]:
    servers = await core.providers.servers()
    return servers, {server.id: await core.keys.state(server.id) for server in servers}
