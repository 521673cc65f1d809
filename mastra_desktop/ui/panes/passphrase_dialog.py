"""Asks for the passphrase of the encrypted file of keys, or for a new one."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.dialogs.form_dialog import FormDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.key_field import KeyField
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.form_field import FormField

TASK = "passphrase"
LEAST = 8  # characters of a new passphrase
_FAIR, _STRONG = 12, 20
_QUIET_MS = 700  # without a key pressed, before a dialog nobody called comes up


class Passphrases(QObject):
    """Opens the dialog over a window, once at a time, and unlocks the file with what is entered there."""

    unlocked = Signal()

    def __init__(
        self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks, parent: QObject
    ) -> None:
        super().__init__(parent)
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self._quiet = QTimer(self, singleShot=True, interval=_QUIET_MS)

    def ask_when_quiet(self, window: QWidget) -> None:
        """For the passphrase of the file there is, once nobody types: what is typed stays in its field."""
        field = window.focusWidget()
        if field is not None:
            field.installEventFilter(self)
        self._quiet.timeout.connect(lambda: self.ask(window, new=False))
        self._quiet.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() in (QEvent.Type.KeyPress, QEvent.Type.InputMethod) and self._quiet.isActive():
            self._quiet.start()
        return False

    def ask(self, window: QWidget, *, new: bool) -> PassphraseDialog:
        """`new`: there is no file yet. Returns at once."""
        dialog = window.findChild(PassphraseDialog)
        if dialog is None or not dialog.isVisible():
            dialog = PassphraseDialog(window, self._theme, self._icons, new=new)
            opened = dialog
            dialog.entered.connect(lambda: self._tasks.start(self._unlock(opened), key=TASK))
            dialog.rejected.connect(lambda: self._tasks.cancel(TASK))
            dialog.open()
        return dialog

    async def _unlock(self, dialog: PassphraseDialog) -> None:
        passphrase = dialog.passphrase.text()
        dialog.accept_button.set_loading(True)
        try:
            await self._bridge.call(lambda core: core.keys.unlock(passphrase))
        except MastraError as error:
            dialog.show_trouble(error.message)
            return
        dialog.done(PassphraseDialog.DialogCode.Accepted)
        self.unlocked.emit()


class PassphraseDialog(FormDialog):
    """`entered` when what is in the fields can be tried; it stays open until whoever tries it is done."""

    entered = Signal()

    def __init__(self, window: QWidget, theme: ThemeController, icons: Icons, *, new: bool) -> None:
        if new:
            question = self.tr("Keep keys in an encrypted file")
            words = self.tr(
                "There is no system keyring here. The file is in the data folder, and only this passphrase "
                "opens it. It cannot be recovered: without it, you enter your keys anew."
            )
            accept, reject = self.tr("Make the file"), self.tr("Cancel")
        else:
            question = self.tr("Unlock your keys")
            words = self.tr(
                "Your keys are in a file that is encrypted under a passphrase. Without it, models that need "
                "no key still answer."
            )
            accept, reject = self.tr("Unlock"), self.tr("Use without")
        super().__init__(window, theme, icons, question, words, accept, reject)
        self.new = new
        self.setObjectName("passphraseDialog")
        self.accept_button.setObjectName("passphraseAccept")
        self.reject_button.setObjectName("passphraseReject")
        self.passphrase = self._field("passphrase", theme, icons)
        self.again = self._field("passphraseAgain", theme, icons)
        self._first = FormField(self.tr("Passphrase"), self.passphrase)
        self._second = FormField(self.tr("The same again"), self.again)
        self.body.addWidget(self._first)
        self.body.addWidget(self._second)
        self._second.setVisible(new)
        self._show_strength()

    def accept(self) -> None:
        """Enter, or the button: closes only when the file could be opened."""
        text = self.passphrase.text()
        if not text:
            self._refuse(self._first, self.tr("Enter the passphrase."))
        elif self.new and len(text) < LEAST:
            self._refuse(self._first, self.tr("Take at least {n} characters.").format(n=LEAST))
        elif self.new and text != self.again.text():
            self._refuse(self._second, self.tr("This is not the same."))
        else:
            self.entered.emit()

    def done(self, result: int) -> None:
        for field in (self.passphrase, self.again):
            field.clear()
        super().done(result)

    def show_trouble(self, words: str) -> None:
        """What was entered did not open the file."""
        self.accept_button.set_loading(False)
        self._refuse(self._first, words)
        self.passphrase.selectAll()

    def _field(self, name: str, theme: ThemeController, icons: Icons) -> KeyField:
        field = KeyField(
            theme, icons, show=self.tr("Show the passphrase"), hide=self.tr("Hide the passphrase")
        )
        field.setObjectName(name)
        field.eye.setObjectName(f"{name}Eye")
        field.textEdited.connect(self._edited)
        return field

    def _edited(self) -> None:
        self._first.set_error("")
        self._second.set_error("")
        self._show_strength()

    def _show_strength(self) -> None:
        if self.new:
            self._first.set_help(self._strength(self.passphrase.text()))
            self._refit_shown()

    def _strength(self, text: str) -> str:
        """In words; length and variety are what counts, as the file can be tried on any computer."""
        if not text:
            return self.tr("Four or more words that do not belong together are strong and easy to keep.")
        varied = len(set(text.casefold()))
        if len(text) < LEAST or varied < 5:
            return self.tr("Very weak: it is guessed at once.")
        if len(text) < _FAIR or varied < 7:
            return self.tr("Weak: a computer guesses it in hours. Make it longer.")
        if len(text) < _STRONG:
            return self.tr("Fair. Another word or two make it strong.")
        return self.tr("Strong.")

    def _refuse(self, field: FormField, words: str) -> None:
        field.set_error(words)
        field.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self._refit_shown()

    def _refit_shown(self) -> None:
        if self.isVisible():
            self.refit()
