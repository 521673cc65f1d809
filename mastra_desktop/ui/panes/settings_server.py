"""The details of one configured server: where it is, its key, a connection test, its models."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.panes.server_address import host_of, is_loopback
from mastra_desktop.ui.panes.server_test_result import ServerTestResult
from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of, row_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.chip import Chip
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.painting import Tone
from mastra_desktop.ui.widgets.tile import Tile

TASK = "settings-server-test"


class ServerPage(SettingsPage):
    """Shows one server at a time; `show_server` changes which."""

    remove_wanted = Signal(str)  # the server's id

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(theme, self.tr("Server"))
        self._bridge, self._tasks = bridge, tasks
        self._server: ServerInfo | None = None
        self.chip = Chip("", theme, icons)
        self.remove_button = Button(self.tr("Remove"), theme, icons, "dangerOutline", "small", icon="trash")
        self.remove_button.setObjectName("removeServerButton")
        self.remove_button.clicked.connect(self._remove)
        self.head.insertWidget(0, Tile(theme, icons, "iris", "server", size=26))
        self.head.addWidget(self.chip)
        self.head.addStretch(1)
        self.head.addWidget(self.remove_button)

        self._address = ElidedLabel("", "", Qt.TextElideMode.ElideMiddle)
        self._place = IconText("globe", "", theme, icons)
        self._kind = label("", "", wrap=True)
        self._key = IconText("lock", "", theme, icons, role="", size=15, wrap=True)
        self.test_button = Button(self.tr("Test connection"), theme, icons, icon="plug-zap")
        self.test_button.setObjectName("testConnectionButton")
        self.test_button.clicked.connect(self.test)
        self.result = ServerTestResult(theme, icons)
        self._models = label("", "", wrap=True)
        self._models.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.add_row(self.tr("Address"), "", column_of(self._address, self._place, spacing=4), text=True)
        self.add_row(self.tr("Kind"), self.tr("How it is spoken to"), self._kind, text=True)
        self.add_row(self.tr("API key"), "", self._key, text=True)
        connection = column_of(row_of(self.test_button), self.result, spacing=12)
        self.add_row(self.tr("Connection"), self.tr("Asks for one short answer"), connection)
        self.models_row = self.add_row(self.tr("Models"), "", self._models, text=True)

    @property
    def server_id(self) -> str:
        return self._server.id if self._server is not None else ""

    def show_server(self, server: ServerInfo) -> None:
        """Another server, or the same with news; a result stays while it is about the same one."""
        if self._server is None or (self._server.id, self._server.base_url) != (server.id, server.base_url):
            self._tasks.cancel(TASK)
            self.result.hide()
            self.show_models((), "")
        self._server = server
        self.title_label.setText(server.id)
        self.setAccessibleName(server.id)
        self._address.setText(server.base_url or self.tr("The usual one of {kind}").format(kind=server.kind))
        if server.base_url and is_loopback(server.base_url):
            self._place.set("monitor", self.tr("A program on this computer"))
        else:
            self._place.set("globe", self.tr("Questions you ask it leave this computer"), "info")
        plain = server.kind == "openai-compatible"
        self._kind.setText(self.tr("OpenAI-compatible") if plain else server.kind)
        if server.key_kept_in:
            self._key.set("lock", self.tr("Kept in: {store}").format(store=server.key_kept_in), "success")
        else:
            self._key.set("key-round", self.tr("None"))

    def show_status(self, words: str, tone: Tone, icon: str) -> None:
        self.chip.set(words, tone, icon)

    def show_models(self, names: tuple[str, ...], trouble: str) -> None:
        """What it offers, or why nothing is known of it."""
        self._models.setText("\n".join(names) or trouble or self.tr("Asking the server"))
        count = len(names)
        self.models_row.set_hint(
            self.tr("1 model") if count == 1 else self.tr("{n} models").format(n=count) if count else ""
        )

    def test(self) -> None:
        if self._server is not None:
            self._tasks.start(self._test(self._server), key=TASK)

    async def _test(self, server: ServerInfo) -> None:
        self.test_button.set_loading(True)
        try:
            test = await self._bridge.call(lambda core: core.providers.test_saved(server.id))
        except MastraError as error:
            self.result.show_error(error.info)
            return
        finally:
            self.test_button.set_loading(False)
        host = host_of(server.base_url) if server.base_url else server.id
        self.result.show_test(test, host, with_key=bool(server.key_kept_in))
        if not test.error_code:
            self.show_status(self.tr("Ready"), "success", "circle-check")
            self.show_models(test.model_names, "")

    def _remove(self) -> None:
        if self._server is not None:
            self.remove_wanted.emit(self._server.id)
