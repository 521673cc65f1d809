"""The forms for all kinds of providers, of which one is shown."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.core import Core
from mastra_desktop.services.keys import KeyStore
from mastra_desktop.services.providers import OWN_SERVER
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.server_form import FormFacts, ServerForm
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController


class ServerForms(QWidget):
    """Each kind has a form of its own, made when it is first shown: a key typed for one vendor never
    goes to another.
    """

    saved = Signal(str, str)  # provider id, model name
    answered = Signal()

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        *,
        kind: str,
        brief: bool = False,
    ) -> None:
        super().__init__()
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self._brief, self._dense = brief, False
        self._facts = FormFacts()
        self._forms: dict[str, ServerForm] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self.choose(kind)

    @property
    def form(self) -> ServerForm:
        """The one that is shown."""
        return self._forms[self._kind]

    def choose(self, kind: str) -> None:
        self._kind = kind
        if kind not in self._forms:
            self._forms[kind] = self._make(kind)
        for other, form in self._forms.items():
            form.setVisible(other == kind)

    def set_dense(self, dense: bool) -> None:
        """Closer together, for a low window."""
        self._dense = dense
        for form in self._forms.values():
            form.set_dense(dense)

    def clear(self) -> None:
        """All empty, for the next provider."""
        for form in self._forms.values():
            form.clear()

    async def load(self) -> None:
        """Learns which names are taken and where a key would be kept."""

        async def ask(core: Core) -> tuple[frozenset[str], KeyStore]:
            store = await core.keys.store()
            return frozenset(provider.id for provider in core.providers.config.providers), store

        taken, store = await self._bridge.call(ask)
        if store.place == "keyring":
            words = self.tr("Kept in the system keyring ({store}), never in a file.").format(store=store.name)
        elif store.place == "file":
            words = self.tr("Kept in a file that is encrypted under your passphrase.")
        elif store.has_locked_file:
            words = self.tr("The encrypted file of keys is locked: a key is kept until you quit.")
        else:
            words = self.tr(
                "No system keyring was found: a key is kept until you quit. In Settings, an encrypted file "
                "can keep it."
            )
        self._facts = FormFacts(taken, words)
        for form in self._forms.values():
            form.know(self._facts)

    def _make(self, kind: str) -> ServerForm:
        if not self._brief:
            save = self.tr("Save")
        elif kind == OWN_SERVER:
            save = self.tr("Save and continue")
        else:
            save = self.tr("Save key and continue")
        form = ServerForm(kind, self._theme, self._icons, self._bridge, self._tasks, save, brief=self._brief)
        form.know(self._facts)
        form.set_dense(self._dense)
        form.saved.connect(self.saved)
        form.answered.connect(self.answered)
        self._column.addWidget(form)
        return form
