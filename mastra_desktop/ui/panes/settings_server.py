"""The details of one configured provider: key, connection test, address, limits, fallbacks, models."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QLineEdit

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.services.keys import KeyState
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.panes.provider_kinds import look_of, usual_address
from mastra_desktop.ui.panes.server_address import full_address, host_of, is_loopback, sends_key_in_clear
from mastra_desktop.ui.panes.server_test_result import ServerTestResult
from mastra_desktop.ui.panes.settings_fallbacks import FallbackList
from mastra_desktop.ui.panes.settings_key import KeyControls
from mastra_desktop.ui.panes.settings_limits import LimitFields
from mastra_desktop.ui.panes.settings_models import ModelsPanel
from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of, row_of
from mastra_desktop.ui.panes.settings_used import UsedBar
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.chip import Chip
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.painting import Tone, restyle
from mastra_desktop.ui.widgets.switch import Switch
from mastra_desktop.ui.widgets.tile import Tile

TASK = "settings-server-test"


class ServerPage(SettingsPage):
    """Shows one provider at a time; `show_server` changes which. Every edit holds at once."""

    remove_wanted = Signal(str)  # the provider's id
    changed = Signal()  # the configuration or the key

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(theme, self.tr("Provider"))
        self._bridge, self._tasks, self._theme_controller = bridge, tasks, theme
        self._server: ServerInfo | None = None
        self._tile = Tile(theme, icons, "iris", "server", size=26)
        self._kind = ElidedLabel("", "secondary")
        self.chip = Chip("", theme, icons)
        self.remove_button = Button(self.tr("Remove"), theme, icons, "dangerOutline", "small", icon="trash")
        self.remove_button.setObjectName("removeServerButton")
        self.remove_button.clicked.connect(self._remove)
        self.head.insertWidget(0, self._tile)
        for part in (self._kind, self.chip):
            self.head.addWidget(part)
        self.enabled = Switch(theme, label=self.tr("Enabled"))
        self.enabled.setObjectName("providerEnabled")
        self.enabled.clicked.connect(self._save_enabled)
        self.head.addStretch(1)
        self.head.addWidget(label(self.tr("Enabled"), "secondary"))
        self.head.addWidget(self.enabled)
        self.head.addWidget(self.remove_button)

        self.key = KeyControls(theme, icons, bridge, tasks)
        self.key.changed.connect(self.changed)
        self.test_button = Button(self.tr("Test connection"), theme, icons, icon="plug-zap")
        self.test_button.setObjectName("testConnectionButton")
        self.test_button.clicked.connect(self.test)
        self.result = ServerTestResult(theme, icons)
        self._build_address(theme, icons)
        self.limits = LimitFields()
        self.limits.edited.connect(self._save_limits)
        self._limits_trouble = _trouble()
        self.used = UsedBar(bridge, tasks)
        self.fallbacks = FallbackList(theme, icons)
        self.fallbacks.edited.connect(self._save_fallbacks)
        self._fallbacks_trouble = _trouble()
        self.models = ModelsPanel(theme, icons, bridge, tasks)
        self.models.changed.connect(self.changed)

        self.add_row(self.tr("API key"), "", self.key)
        connection = column_of(row_of(self.test_button), self.result, spacing=12)
        self.add_row(self.tr("Connection"), self.tr("Asks for one short answer"), connection)
        buttons = row_of(self.address, self.save_address_button, self.reset_button, stretch=0)
        address = column_of(buttons, self._address_trouble, self._place)
        self.add_row(self.tr("Base URL"), self.tr("Questions and the key go there"), address)
        limits = column_of(self.limits, self._limits_trouble, self.used)
        self.add_row(self.tr("Rate limit"), self.tr("Calls above it wait in line"), limits)
        fallbacks = column_of(self.fallbacks, self._fallbacks_trouble)
        self.add_row(self.tr("If a call fails"), self.tr("Which models answer instead"), fallbacks)
        self.models_row = self.add_row(self.tr("Models"), "", self.models)
        self.models_row.add_below(self.models.refresh_button)
        self.models.counted.connect(self.models_row.set_hint)

    @property
    def server_id(self) -> str:
        return self._server.id if self._server is not None else ""

    # -- what is shown ------------------------------------------------------------------------------

    def show_server(self, server: ServerInfo, key: KeyState) -> None:
        """Another provider, or the same with news: what is being edited then stays."""
        before = self._server
        if before is None or (before.id, before.base_url) != (server.id, server.base_url):
            self._tasks.cancel(TASK)
            self.result.hide()
        same = before is not None and before.id == server.id
        if not same:
            self.limits.forget()
            for trouble in (self._limits_trouble, self._fallbacks_trouble):
                trouble.hide()
        address_untouched = before is not None and self.address.text() == before.base_url
        self._server = server
        look = look_of(server.kind)
        self._tile.set(look.color, look.icon, look.title[:1].upper())
        self.title_label.setText(server.id)
        self.setAccessibleName(server.id)
        self._kind.setText(look.title)
        self._kind.setVisible(look.title.casefold() != server.id.casefold())
        self.key.show_key(key)
        self.address.setPlaceholderText(usual_address(server.kind))
        if not same or address_untouched:
            self.address.setText(server.base_url)
        self._show_address()
        self.limits.show_limits(
            server.requests_per_minute, server.tokens_per_minute, server.max_concurrent, keep_edits=same
        )
        self.used.show_server(server)
        self.fallbacks.show_list(server.fallbacks)
        self.enabled.setChecked(server.enabled)
        self.test_button.setEnabled(server.enabled)
        self.models.show_server(server)

    def show_status(self, words: str, tone: Tone, icon: str) -> None:
        self.chip.set(words, tone, icon)

    def show_models(self, names: tuple[str, ...], trouble: str) -> None:
        """What it offers, or why nothing is known of it."""
        off = self._server is not None and not self._server.enabled
        waiting = self.tr("It is switched off.") if off else trouble or self.tr("Asking the server")
        self.models.show_offered(names, waiting)

    def show_known_models(self, models: Sequence[str]) -> None:
        """Those of all providers, which can be asked when this one fails."""
        self.fallbacks.show_known(models)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._set_fonts()  # the style sheet, which came with the parent, has reset it

    # -- testing and removing -----------------------------------------------------------------------

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
        host = host_of(server.base_url) if server.base_url else look_of(server.kind).title
        self.result.show_test(test, host, with_key=bool(server.key_kept_in))
        if not test.error_code:
            self.show_status(self.tr("Ready"), "success", "circle-check")
            self.show_models(test.model_names, "")

    def _remove(self) -> None:
        if self._server is not None:
            self.remove_wanted.emit(self._server.id)

    # -- edits --------------------------------------------------------------------------------------

    def _build_address(self, theme: ThemeController, icons: Icons) -> None:
        self.address = QLineEdit()
        self.address.setObjectName("baseUrl")
        self.address.setAccessibleName(self.tr("Base URL"))
        self.address.textChanged.connect(self._show_address)
        self.address.returnPressed.connect(self._save_address)
        self.save_address_button = Button(self.tr("Save"), theme, icons)
        self.save_address_button.setObjectName("saveBaseUrlButton")
        self.save_address_button.clicked.connect(self._save_address)
        self.reset_button = Button(self.tr("Reset"), theme, icons, "quiet")
        self.reset_button.setObjectName("resetBaseUrlButton")
        self.reset_button.clicked.connect(self._reset_address)
        self._address_trouble = _trouble()
        self._place = IconText("globe", "", theme, icons, wrap=True)
        theme.changed.connect(self._set_fonts)

    def _show_address(self) -> None:
        """Buttons and words for what stands in the field."""
        if self._server is None:
            return
        self._invalid("")
        saved, usual = self._server.base_url, usual_address(self._server.kind)
        typed = full_address(self.address.text())
        edited = self.address.text().strip() != saved
        self.save_address_button.setVisible(edited)
        self.reset_button.setVisible(edited or bool(saved and usual))
        self.reset_button.setToolTip(
            self.tr("Back to {address}").format(address=saved if edited and not usual else usual)
        )
        if self._server.key_kept_in and sends_key_in_clear(typed):
            words = self.tr("This address is not encrypted: others on the way can read the key.")
            self._place.set("triangle-alert", words, "warn")
        elif is_loopback(typed or usual):
            self._place.set("monitor", self.tr("A program on this computer"))
        else:
            self._place.set("globe", self.tr("Questions you ask it leave this computer"), "info")

    def _reset_address(self) -> None:
        """To the kind's own address; where there is none, to the one that is saved."""
        if self._server is None:
            return
        usual = usual_address(self._server.kind)
        self.address.setText("" if usual else self._server.base_url)
        if usual and self._server.base_url:
            self._save_address()
        self.address.setFocus(Qt.FocusReason.OtherFocusReason)

    def _save_address(self) -> None:
        if self._server is None:
            return
        server_id, address = self._server.id, full_address(self.address.text())
        if not address and not usual_address(self._server.kind):
            self._invalid(self.tr("Enter the server's address: this kind has no usual one."))
            return
        self.address.setText(address)
        self._write("address", lambda core: core.providers.change_server(server_id, base_url=address))

    def _save_limits(self, requests: int, tokens: int, at_once: int) -> None:
        server_id = self.server_id
        self._write(
            "limits",
            lambda core: core.providers.change_server(
                server_id,
                requests_per_minute=requests,
                tokens_per_minute=tokens,
                max_concurrent=at_once,
            ),
        )

    def _save_fallbacks(self, models: tuple[str, ...]) -> None:
        server_id = self.server_id
        self._write("fallbacks", lambda core: core.providers.change_server(server_id, fallbacks=models))

    def _save_enabled(self, on: bool) -> None:
        server_id = self.server_id
        self._write("enabled", lambda core: core.providers.change_server(server_id, enabled=on))

    def _write(self, what: str, change: Callable[[Core], Coroutine[object, object, None]]) -> None:
        self._tasks.start(self._change(what, change), key=f"settings-change-{what}")

    async def _change(self, what: str, change: Callable[[Core], Coroutine[object, object, None]]) -> None:
        trouble = {"limits": self._limits_trouble, "fallbacks": self._fallbacks_trouble}.get(what)
        if trouble is not None:
            trouble.hide()
        try:
            await self._bridge.call(change)
        except MastraError as error:
            words = f"{error.message} {error.hint}".strip()
            if what == "enabled":
                self.enabled.setChecked(not self.enabled.isChecked())
                self.result.show_error(error.info)
                return
            if trouble is None:
                self._invalid(words)
                return
            trouble.setText(words)
            trouble.show()
            return
        self.changed.emit()

    def _invalid(self, words: str) -> None:
        self.address.setProperty("invalid", bool(words))
        restyle(self.address)
        self._set_fonts()
        self.address.setAccessibleDescription(words)
        self._address_trouble.setText(words)
        self._address_trouble.setVisible(bool(words))

    def _set_fonts(self) -> None:
        self.address.setFont(self._theme_controller.current.font("code"))


def _trouble() -> QLabel:
    made = label("", "error", wrap=True)
    made.hide()
    return made
