"""Settings of the HTTP API on this computer: whether it answers, where, and who may use it."""

from __future__ import annotations

from collections.abc import Coroutine
from contextlib import suppress
from datetime import datetime
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QShowEvent
from PySide6.QtWidgets import QLabel, QWidget

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import ApiChanged
from mastra_desktop.domain.tokens import ApiToken, TokenRole
from mastra_desktop.services.configuration import Setting
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.dialogs.token_dialog import TokenDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_row import TableLine
from mastra_desktop.ui.panes.parts import IconText, Panel, label
from mastra_desktop.ui.panes.settings_page import SettingsPage, column_of, row_of
from mastra_desktop.ui.panes.settings_source import SourceBadge, all_settings, locked_words
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.number_field import NumberField
from mastra_desktop.ui.widgets.switch import Switch

TASK = "settings-api"
LOOK_TASK, LOOK_MS = "settings-api-tokens", 2000
ROLE_WIDTH, DAY_WIDTH = 72, 96


class ApiPage(SettingsPage):
    """What is switched or typed is in use at once, and in config.toml."""

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(theme, self.tr("Local API"))
        self._icons, self._bridge, self._tasks = icons, bridge, tasks
        self.badges: dict[str, SourceBadge] = {}
        self._locked: dict[str, IconText] = {}
        self._settings: dict[str, Setting] = {}
        self._tokens: list[ApiToken] | None = None
        self._refused = ""  # why the last change here could not be; stays while others' changes are followed
        self._looking = QTimer(self, interval=LOOK_MS)  # tokens that a command made are told by nobody
        self._looking.timeout.connect(lambda: tasks.start(self._look(), key=LOOK_TASK))
        self.switch = Switch(theme, self.tr("Programs here may ask"), self.tr("Local API"))
        self.switch.setObjectName("apiSwitch")
        self.switch.clicked.connect(lambda on: self._start(self._change("enabled", bool(on))))
        self.trouble = label("", "error", wrap=True)
        self.trouble.setVisible(False)
        self.add_row(
            self.tr("Local API"),
            self.tr("As OpenAI's clients expect it. Other computers and web pages never get in."),
            column_of(
                row_of(self.switch, QWidget(), self._badge("enabled"), stretch=1),
                self.trouble,
                self._note("enabled"),
            ),
            name="server.enabled",
        )
        self.port = NumberField(0, 65535)
        self.port.setObjectName("apiPort")
        self.port.setGroupSeparatorShown(False)
        self.port.setSpecialValueText(self.tr("Any free one"))
        self.port.editingFinished.connect(self._port_entered)
        self.add_row(
            self.tr("Port"),
            self.tr("0: any free one, another one each time"),
            column_of(row_of(self.port, QWidget(), self._badge("port"), stretch=1), self._note("port")),
            name="server.port",
        )
        self.address = ElidedLabel("")
        self.address.setObjectName("apiAddress")
        self.address.setMinimumHeight(32)
        self.copy_address = self._copier(self.tr("Copy the address"), self.address.text)
        self.add_row(
            self.tr("Address"),
            self.tr("The base URL for OpenAI's clients"),
            row_of(self.address, self.copy_address, stretch=0),
        )
        self.create_button = Button(self.tr("Create token"), theme, icons, icon="plus")
        self.create_button.setObjectName("createToken")
        self.create_button.clicked.connect(self._ask_create)
        self.secret = ElidedLabel("")
        self.secret.setObjectName("newToken")
        self._new = Panel(theme, padding=(12, 8))
        self._new.column.addWidget(
            label(self.tr("Copy the new token now: it is not shown again."), "small", wrap=True)
        )
        self.copy_secret = self._copier(self.tr("Copy the token"), self.secret.text)
        self._new.column.addWidget(row_of(self.secret, self.copy_secret, stretch=0))
        self._new.setVisible(False)
        self.token_rows: dict[str, TokenRow] = {}
        self._table = Panel(theme, padding=(0, 0))
        self._none = label(self.tr("No token yet: nobody gets in without one."), "hint", wrap=True)
        self.add_row(
            self.tr("Tokens"),
            self.tr("Who may use it, and for what"),
            column_of(row_of(self.create_button), self._new, self._none, self._table),
        )
        self.example = label("", "hint", wrap=True)
        self.example.setObjectName("apiExample")
        self.example.setFont(theme.current.font("code"))
        self.copy_example = self._copier(self.tr("Copy the example"), self.example.text)
        self.add_row(
            self.tr("Try it"), self.tr("In a terminal"), column_of(self.example, row_of(self.copy_example))
        )

    async def load(self) -> None:
        """As it is now."""
        settings = await all_settings(self._bridge)
        state, tokens = await self._bridge.call(_state)
        self._settings = {key: settings[f"server.{key}"] for key in self.badges}
        for key, setting in self._settings.items():
            self.badges[key].show_setting(setting)
            self._locked[key].set("lock", locked_words(setting))
            self._locked[key].setVisible(bool(locked_words(setting)))
        self.switch.setEnabled(not locked_words(self._settings["enabled"]))
        self.port.setReadOnly(bool(locked_words(self._settings["port"])))
        self.show_state(state, bool(self._settings["enabled"].value), int(self._settings["port"].value))
        self._show_tokens(tokens)

    def show_state(self, state: ApiChanged, enabled: bool, port: int) -> None:
        with QSignalBlocker(self.switch), QSignalBlocker(self.port):
            self.switch.setChecked(enabled)
            if not self.port.hasFocus():
                self.port.setValue(port)
        self._show_trouble(state.problem or self._refused)
        self.address.setText(f"{state.url}/v1" if state.url else self.tr("Not listening"))
        self.copy_address.setEnabled(bool(state.url))
        url = state.url or f"http://127.0.0.1:{port or 8765}"
        body = '{"model": "local/default", "messages": [{"role": "user", "content": "Hello"}]}'
        self.example.setText(
            f"curl {url}/v1/chat/completions -H 'Authorization: Bearer TOKEN' "
            f"-H 'Content-Type: application/json' -d '{body}'"
        )

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._looking.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._looking.stop()

    # -- inside -------------------------------------------------------------------------------------

    async def _look(self) -> None:
        with suppress(MastraError):  # told when something is done here
            self._show_tokens(await self._bridge.call(lambda core: core.tokens.all()))

    def _badge(self, key: str) -> SourceBadge:
        made = SourceBadge(self._theme, self._icons)
        made.reset_wanted.connect(lambda: self._start(self._reset(key)))
        self.badges[key] = made
        return made

    def _note(self, key: str) -> IconText:
        """Says which variable is in the way."""
        made = IconText("lock", "", self._theme, self._icons, wrap=True)
        made.hide()
        self._locked[key] = made
        return made

    async def _reset(self, key: str) -> None:
        await self._bridge.call(lambda core: core.settings.reset("server", key))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.start(self._shown(work), key=TASK)

    async def _shown(self, work: Coroutine[Any, Any, None]) -> None:
        """Trouble goes below the switch; then everything is shown as it is."""
        self._refused = ""
        try:
            await work
        except MastraError as error:
            self._refused = f"{error.message} {error.hint}".strip()
        await self.load()

    async def _change(self, key: str, value: object) -> None:
        async def change(core: Core) -> None:
            await core.settings.change("server", key, value)

        await self._bridge.call(change)

    def _port_entered(self) -> None:
        port = self.port.value()
        if self._settings and port != self._settings["port"].value:
            self._start(self._change("port", port))

    def _ask_create(self) -> None:
        dialog = TokenDialog(self.window(), self._theme, self._icons)
        dialog.accepted.connect(
            lambda: self._start(self._create(TokenRole(dialog.role), dialog.name, dialog.days))
        )
        dialog.open()

    async def _create(self, role: TokenRole, name: str, days: float | None) -> None:
        made = await self._bridge.call(lambda core: core.tokens.create(role, name, days))
        self.secret.setText(made.secret)
        self._new.setVisible(True)
        self.copy_secret.setFocus()

    def _ask_revoke(self, token: ApiToken) -> None:
        dialog = ConfirmDialog(
            self.window(),
            self._theme,
            self._icons,
            self.tr("Revoke this token?"),
            self.tr("Programs that use “{name}” are refused from now on.").format(
                name=token.name or token.id
            ),
            self.tr("Revoke"),
            self.tr("Keep"),
            danger=True,
        )
        dialog.accepted.connect(lambda: self._start(self._revoke(token)))
        dialog.open()

    async def _revoke(self, token: ApiToken) -> None:
        await self._bridge.call(lambda core: core.tokens.revoke(token.id))
        self._new.setVisible(False)
        self.secret.setText("")

    def _show_tokens(self, tokens: list[ApiToken]) -> None:
        if tokens == self._tokens:
            return
        self._tokens = tokens
        focused = next((id for id, row in self.token_rows.items() if row.revoke_button.hasFocus()), "")
        for row in self.token_rows.values():
            self._table.column.removeWidget(row)
            row.deleteLater()
        self.token_rows = {}
        for number, token in enumerate(tokens):
            row = TokenRow(self._theme, self._icons, token, above=number > 0)
            row.revoke_button.clicked.connect(lambda _=False, token=token: self._ask_revoke(token))
            self._table.column.addWidget(row)
            self.token_rows[token.id] = row
        if focused in self.token_rows:
            self.token_rows[focused].revoke_button.setFocus(Qt.FocusReason.OtherFocusReason)
        self._table.setVisible(bool(tokens))
        self._none.setVisible(not tokens)

    def _show_trouble(self, problem: str) -> None:
        self.trouble.setText(problem)
        self.trouble.setVisible(bool(problem))

    def _copier(self, words: str, text: Any) -> Button:
        made = Button(self.tr("Copy"), self._theme, self._icons, icon="copy")
        made.setAccessibleName(words)
        made.clicked.connect(lambda: QGuiApplication.clipboard().setText(text()))
        return made


class TokenRow(TableLine):
    """Name, role, when it was made and used, when it expires."""

    def __init__(self, theme: ThemeController, icons: Icons, token: ApiToken, *, above: bool) -> None:
        super().__init__(theme, above=above)
        self.setObjectName(f"token-{token.id}")
        name = ElidedLabel(token.name or token.id)
        self.row.addWidget(name, 1)
        used = self.tr("used {day}").format(day=_day(token.last_used_at)) if token.last_used_at else ""
        ends = self.tr("until {day}").format(day=_day(token.expires_at)) if token.expires_at else ""
        cells = (
            (token.role.value, ROLE_WIDTH),
            (used or self.tr("never used"), DAY_WIDTH),
            (ends or self.tr("no end"), DAY_WIDTH),
        )
        for words, width in cells:
            cell: QLabel = label(words, "hint")
            self.add_column(cell, width)
        name.setToolTip(self.tr("{id}, created {day}").format(id=token.id, day=_day(token.created_at)))
        self.revoke_button = IconButton(
            "trash", self.tr("Revoke {name}").format(name=token.name or token.id), theme, icons
        )
        self.row.addWidget(self.revoke_button)


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d")


async def _state(core: Core) -> tuple[ApiChanged, list[ApiToken]]:
    return core.api.state, await core.tokens.all()
