"""The key of one provider: where it is kept, another in its place, away with it. Never the key itself."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.domain.errors import BadRequest, MastraError
from mastra_desktop.services.keys import KeyState, clean_key
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.key_field import KeyField
from mastra_desktop.ui.panes.key_store import KeyStoreLine
from mastra_desktop.ui.panes.parts import IconText, flow
from mastra_desktop.ui.panes.server_test_result import ServerTestResult
from mastra_desktop.ui.panes.settings_page import column_of, row_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.form_field import FormField

TASK = "settings-key"
STORE_TASK = "settings-key-store"


class KeyControls(QWidget):
    """Shows the key of one provider at a time."""

    changed = Signal()  # another key, or none

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self._state = KeyState("")
        self.words = IconText("key-round", "", theme, icons, role="", size=15, wrap=True)
        self.rotate_button = Button("", theme, icons, icon="refresh-cw")
        self.rotate_button.setObjectName("rotateKeyButton")
        self.rotate_button.clicked.connect(self._open)
        self.remove_button = Button(self.tr("Remove key"), theme, icons, "dangerOutline")
        self.remove_button.setObjectName("removeKeyButton")
        self.remove_button.clicked.connect(self._ask_remove)
        self.key = KeyField(theme, icons)
        self.key.setObjectName("newKey")
        self.key.eye.setObjectName("showNewKeyButton")
        self._field = FormField(self.tr("New key"), self.key)
        self.key.textEdited.connect(lambda: self._field.set_error(""))
        self.key.returnPressed.connect(self._rotate_clicked)
        self.replace_button = Button(self.tr("Test and save"), theme, icons, "primary")
        self.replace_button.setObjectName("replaceKeyButton")
        self.replace_button.clicked.connect(self._rotate_clicked)
        self.cancel_button = Button(self.tr("Cancel"), theme, icons, "quiet")
        self.cancel_button.setObjectName("cancelKeyButton")
        self.cancel_button.clicked.connect(self._close)
        self.result = ServerTestResult(theme, icons)
        self._editor = column_of(self._field, row_of(self.replace_button, self.cancel_button))
        self.store = KeyStoreLine(theme, icons, bridge, tasks)
        self.store.changed.connect(self.changed)
        self.store.hide()
        buttons = flow([self.rotate_button, self.remove_button], across=8)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        for part in (self.words, buttons, self._editor, self.result, self.store):
            column.addWidget(part)
        self._editor.hide()
        self.destroyed.connect(lambda: tasks.cancel(STORE_TASK))

    def show_key(self, state: KeyState) -> None:
        """Another provider's, or news of the same: what is typed stays only in the latter case."""
        if state.provider_id != self._state.provider_id:
            self._tasks.cancel(TASK)
            self._close()
            self.result.hide()
        self._state = state
        self._tasks.start(self._load_store(), key=STORE_TASK)
        ends = self.tr("Ends with …{end}.").format(end=state.ends_with) + " " if state.ends_with else ""
        if not state.source:
            self.words.set("key-round", self.tr("None"))
        elif state.source == "environment":
            where = self.tr("In the variable {name} of the environment.").format(name=state.kept_in)
            self.words.set("key-round", ends + where)
        else:
            where = self.tr("Kept in: {store}").format(store=state.kept_in)
            self.words.set("lock", ends + where, "success")
        self.rotate_button.setText(self.tr("Rotate") if state.source else self.tr("Add a key"))
        self.remove_button.setVisible(state.source not in ("", "environment"))
        self._field.set_help(
            self.tr("It is tested first; the old key stays until the new one works.")
            if state.source
            else self.tr("It is tested first.")
        )

    async def _load_store(self) -> None:
        """Where a key would go: told while there is none, or where it does not last."""
        await self.store.load()
        self.store.setVisible(self._state.source in ("", "memory") or self.store.offers)

    def _open(self) -> None:
        self.result.hide()
        self._editor.show()
        self.rotate_button.hide()
        self.key.setFocus(Qt.FocusReason.OtherFocusReason)

    def _close(self) -> None:
        self._tasks.cancel(TASK)
        held = self._editor.isAncestorOf(self.focusWidget()) if self.focusWidget() is not None else False
        self.key.clear()
        self._field.set_error("")
        self._editor.hide()
        self.rotate_button.show()
        if held:
            self.rotate_button.setFocus(Qt.FocusReason.OtherFocusReason)

    def _rotate_clicked(self) -> None:
        try:
            key = clean_key(self.key.text())
        except BadRequest as error:
            self._field.set_error(f"{error.message} {error.hint}")
            return
        self._tasks.start(self._rotate(self._state.provider_id, key), key=TASK)

    async def _rotate(self, provider_id: str, key: str) -> None:
        self.result.hide()
        self.replace_button.set_loading(True)
        try:
            test = await self._bridge.call(lambda core: core.keys.rotate(provider_id, key))
        except MastraError as error:
            self.result.show_error(error.info)
            return
        finally:
            self.replace_button.set_loading(False)
        self.result.show_test(test, provider_id, with_key=True)
        if not test.error_code:
            self._field.set_error("")
            self.key.clear()
            self._editor.hide()
            self.rotate_button.show()
            self.rotate_button.setFocus(Qt.FocusReason.OtherFocusReason)
            self.changed.emit()

    def _ask_remove(self) -> None:
        state = self._state
        dialog = ConfirmDialog(
            self.window(),
            self._theme,
            self._icons,
            self.tr("Remove the key of {name}?").format(name=state.provider_id),
            self.tr(
                "It is deleted from: {store}. The provider stays, and answers nothing that needs a key."
            ).format(store=state.kept_in),
            self.tr("Remove key"),
            self.tr("Keep"),
            danger=True,
        )
        dialog.accepted.connect(lambda: self._tasks.start(self._remove(state.provider_id), key=TASK))
        dialog.open()

    async def _remove(self, provider_id: str) -> None:
        self.result.hide()
        self.remove_button.set_loading(True)
        try:
            self.show_key(await self._bridge.call(lambda core: core.keys.remove(provider_id)))
        except MastraError as error:
            self.result.show_error(error.info)
            return
        finally:
            self.remove_button.set_loading(False)
        self.changed.emit()
