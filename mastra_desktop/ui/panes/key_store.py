"""Where keys are kept, in words, and what can be done about it: make the encrypted file, or unlock it."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.services.keys import KeyStore
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.parts import IconText
from mastra_desktop.ui.panes.passphrase_dialog import Passphrases
from mastra_desktop.ui.panes.settings_page import row_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button


class KeyStoreLine(QWidget):
    """`load` asks the core. `changed`: keys can be read now that could not before, or outlive the app."""

    changed = Signal()

    def __init__(self, theme: ThemeController, icons: Icons, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._bridge = bridge
        self._store: KeyStore | None = None
        self._passphrases = Passphrases(theme, icons, bridge, tasks, self)
        self._passphrases.unlocked.connect(self.changed)
        self.words = IconText(
            "lock", self.tr("Looking for the keyring"), theme, icons, role="", size=15, wrap=True
        )
        self.words.setObjectName("keyStore")
        self.button = Button("", theme, icons, icon="lock")
        self.button.setObjectName("keyFileButton")
        self.button.clicked.connect(self._open)
        self._buttons = row_of(self.button)
        self._buttons.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self.words)
        column.addWidget(self._buttons)

    @property
    def offers(self) -> bool:
        """Whether there is something to do: a file to make or to unlock."""
        return not self._buttons.isHidden()

    async def load(self) -> None:
        self.show_store(await self._bridge.call(lambda core: core.keys.store()))

    def show_store(self, store: KeyStore) -> None:
        self._store = store
        if store.place == "keyring":
            words = self.tr("Keys are kept in the system keyring ({store}).").format(store=store.name)
            self.words.set("lock", words, "success")
        elif store.place == "file":
            words = self.tr("Keys are kept in a file that is encrypted under your passphrase.")
            self.words.set("lock", words, "success")
        elif store.has_locked_file:
            words = self.tr("The encrypted file of keys is locked. Keys entered now are kept until you quit.")
            self.words.set("circle-alert", words, "warn")
        else:
            words = self.tr("Keys are kept until you quit: no system keyring was found.")
            self.words.set("circle-alert", words, "warn")
        new = store.place == "memory" and not store.has_locked_file
        self.button.setText(self.tr("Keep keys in an encrypted file") if new else self.tr("Unlock"))
        self._buttons.setVisible(new or store.has_locked_file)

    def _open(self) -> None:
        if self._store is not None:
            self._passphrases.ask(self.window(), new=not self._store.has_locked_file)
