"""Adding a provider: its key, address and name, a test, and which of its models to use."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, MastraError
from mastra_desktop.domain.models import ProviderTest
from mastra_desktop.services.keys import clean_key
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.key_field import KeyField
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.provider_kinds import look_of, usual_address
from mastra_desktop.ui.panes.server_address import (
    free_name,
    full_address,
    host_of,
    is_loopback,
    name_for,
    name_trouble,
    sends_key_in_clear,
)
from mastra_desktop.ui.panes.server_test_result import ServerTestResult
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button
from mastra_desktop.ui.widgets.form_field import FormField

EXAMPLE_ADDRESS = "http://127.0.0.1:8080/v1"


@dataclass(frozen=True, slots=True)
class FormFacts:
    """What a form has to know: which names are taken, and where a key would be kept, in words."""

    taken: frozenset[str] = frozenset()
    store_words: str = ""


class ServerForm(QWidget):
    """For one kind of provider. What is typed stays until it is saved, whatever fails; only what was tested
    can be saved. `brief`: a vendor is asked for the key only, its address and name are the usual ones.
    """

    saved = Signal(str, str)  # provider id, model name
    answered = Signal()  # a test has a result, which is now laid out

    def __init__(
        self,
        kind: str,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        save_label: str,
        *,
        brief: bool = False,
    ) -> None:
        super().__init__()
        self._kind, self._usual = kind, usual_address(kind)
        self._title, self._needs_key = look_of(kind).title, look_of(kind).needs_key
        self._theme, self._bridge, self._tasks = theme, bridge, tasks
        self._task_key = f"server-form-{id(self)}"
        self._facts = FormFacts()
        self._named_by_person = False
        self._tested: tuple[str, str] | None = None  # the address and key that a test found good

        self.address = QLineEdit()
        self.address.setObjectName("serverAddress")
        self.address.setPlaceholderText(self._usual or EXAMPLE_ADDRESS)
        self.name = QLineEdit()
        self.name.setObjectName("serverName")
        self.key = KeyField(theme, icons)
        where = self.tr("Base URL (only for a proxy)") if self._usual else self.tr("Address")
        self._address_field = FormField(where, self.address)
        self._name_field = FormField(self.tr("Name"), self.name)
        secret = self.tr("API key") if self._needs_key else self.tr("API key (optional)")
        self._key_field = FormField(secret, self.key)
        self.test_button = Button(self.tr("Test"), theme, icons, icon="plug-zap")
        self.test_button.setObjectName("testButton")
        self.result = ServerTestResult(theme, icons)
        self.models = QComboBox()
        self.models.setObjectName("serverModel")
        self.models.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self._models_field = FormField(self.tr("Model to start with"), self.models)
        self._privacy = label("", "small", wrap=True)
        self.save_button = Button(save_label, theme, icons)
        self.save_button.setObjectName("saveServerButton")
        self._lay_out(with_place=not (brief and self._usual))
        self._set_fonts()
        self._stale()

        self.address.textEdited.connect(self._address_edited)
        self.key.textEdited.connect(self._stale)
        self.name.textEdited.connect(self._name_edited)
        for field in (self.address, self.key, self.name):
            field.returnPressed.connect(self._return_pressed)
        self.test_button.clicked.connect(self.test)
        self.models.activated.connect(self._model_picked)
        self.save_button.clicked.connect(self.save)
        theme.changed.connect(self._set_fonts)
        self.destroyed.connect(lambda _=None, key=self._task_key: tasks.cancel(key))

    # -- what the page does with it -----------------------------------------------------------------

    def know(self, facts: FormFacts) -> None:
        self._facts = facts
        if self._usual and not self._named_by_person:
            self.name.setText(free_name(self._kind, facts.taken))
        self._show_key_help()

    def set_dense(self, dense: bool) -> None:
        """Closer together, for a low window."""
        column = self.layout()
        if column is not None:
            column.setSpacing(9 if dense else 14)

    def focus_first(self) -> None:
        field = self.key if self._needs_key else self.address
        field.setFocus(Qt.FocusReason.OtherFocusReason)

    def clear(self) -> None:
        """Empty, for the next server."""
        for field in (self.address, self.key, self.name):
            field.clear()
        self._named_by_person = False
        for wrapped in (self._address_field, self._name_field, self._key_field):
            wrapped.set_error("")
        self.know(self._facts)
        self._stale()

    # -- testing and saving -------------------------------------------------------------------------

    def test(self) -> None:
        """Asks the server for its models and one piece of an answer."""
        self._start_test("")

    def save(self) -> None:
        trouble = name_trouble(self.name.text(), self._facts.taken)
        self._name_field.set_error(trouble)
        if trouble:
            self.name.setFocus(Qt.FocusReason.OtherFocusReason)
        elif self._tested is not None:
            self._tasks.start(self._save(*self._tested), key=self._task_key)

    def _start_test(self, model_name: str) -> None:
        address = full_address(self.address.text())
        if not address and not self._usual:
            self._address_field.set_error(
                self.tr("Enter the server's address, like {example}.").format(example=EXAMPLE_ADDRESS)
            )
            self.address.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._address_field.set_error("")
        self.address.setText(address)
        key = self.key.text().strip()
        try:
            if key or self._needs_key:
                clean_key(key)
        except BadRequest as error:
            self._key_field.set_error(f"{error.message} {error.hint}")
            self.key.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        self._key_field.set_error("")
        self._tasks.start(self._test(address, key, model_name), key=self._task_key)

    async def _test(self, address: str, key: str, model_name: str) -> None:
        only = (model_name,) if model_name else ()
        self.test_button.set_loading(True)
        try:
            test = await self._bridge.call(
                lambda core: core.providers.test(address, key, only, kind=self._kind)
            )
        except MastraError as error:
            self._show_failure(error.info)
            return
        finally:
            self.test_button.set_loading(False)
        if (full_address(self.address.text()), self.key.text().strip()) != (address, key):
            return  # edited meanwhile: this result is about another server
        self._show_test(test, address, key, keep_models=bool(model_name))

    def _show_test(self, test: ProviderTest, address: str, key: str, *, keep_models: bool) -> None:
        self.result.show_test(test, host_of(address) if address else self._title, with_key=bool(key))
        QTimer.singleShot(0, self, self.answered.emit)
        if not keep_models:
            self.models.clear()
            self.models.addItems(list(test.model_names))
        # Where the first model cannot chat, another may: then the choice stays open and tests again.
        self._models_field.setVisible(self.models.count() > 1)
        good = not test.error_code
        self._tested = (address, key) if good else None
        self.save_button.setEnabled(good)
        self.save_button.set_variant("primary" if good else "secondary")
        self.test_button.setText(self.tr("Test again"))

    def _show_failure(self, error: ErrorInfo) -> None:
        if error.code == "config":  # the address itself
            self._address_field.set_error(f"{error.message} {error.hint}".strip())
            self.address.setFocus(Qt.FocusReason.OtherFocusReason)
        else:
            self.result.show_error(error)
            QTimer.singleShot(0, self, self.answered.emit)

    async def _save(self, address: str, key: str) -> None:
        name, model = self.name.text(), self.models.currentText()
        self.save_button.set_loading(True)
        try:
            await self._bridge.call(
                lambda core: core.providers.add_server(name, address, key=key, kind=self._kind)
            )
        except BadRequest as error:
            self._name_field.set_error(f"{error.message} {error.hint}".strip())
            return
        except MastraError as error:
            self.result.show_error(error.info)
            return
        finally:
            self.save_button.set_loading(False)
        self.saved.emit(name, model)

    def _model_picked(self) -> None:
        if self._tested is None:
            self._start_test(self.models.currentText())

    # -- fields -------------------------------------------------------------------------------------

    def _address_edited(self) -> None:
        self._address_field.set_error("")
        if not self._named_by_person and not self._usual:
            self.name.setText(name_for(self.address.text(), self._facts.taken))
            self._name_field.set_error("")
        self._stale()

    def _name_edited(self) -> None:
        self._named_by_person = bool(self.name.text())
        self._name_field.set_error("")

    def _stale(self) -> None:
        """The result is no longer about what the fields say."""
        self._tasks.cancel(self._task_key)
        self._tested = None
        self.result.hide()
        self._models_field.hide()
        self._key_field.set_error("")
        self.save_button.setEnabled(False)
        self.save_button.set_variant("secondary")
        self.save_button.setToolTip(self.tr("Test the connection first"))
        self.test_button.setText(self.tr("Test"))
        self._show_key_help()
        self._show_privacy()

    def _show_key_help(self) -> None:
        if self.key.text() and sends_key_in_clear(self.address.text()):
            self._key_field.set_help(
                self.tr("This address is not encrypted: others on the way can read the key.")
            )
        else:
            self._key_field.set_help(self._facts.store_words)

    def _show_privacy(self) -> None:
        address = full_address(self.address.text()) or self._usual
        if not address:
            self._privacy.setText(
                self.tr("A server on this computer or elsewhere; you can remove it at any time.")
            )
        elif is_loopback(address):
            self._privacy.setText(self.tr("Questions go to a program on this computer."))
        elif address == self._usual:
            self._privacy.setText(
                self.tr("Questions you ask with this key go to {name}.").format(name=self._title)
            )
        else:
            self._privacy.setText(
                self.tr("Questions you ask this server go to {host}.").format(host=host_of(address))
            )

    def _return_pressed(self) -> None:
        if self._tested is not None:
            self.save()
        else:
            self.test()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._set_fonts()  # the style sheet, which came with the parent, has reset it

    def _set_fonts(self) -> None:
        self.address.setFont(self._theme.current.font("code"))

    def _lay_out(self, *, with_place: bool) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(14)
        first = QHBoxLayout()
        first.setSpacing(12)
        first.addWidget(self._address_field, 5, Qt.AlignmentFlag.AlignTop)
        first.addWidget(self._name_field, 3, Qt.AlignmentFlag.AlignTop)
        self._place = QWidget()
        first.setContentsMargins(0, 0, 0, 0)
        self._place.setLayout(first)
        column.addWidget(self._place)
        self._place.setVisible(with_place)
        column.addLayout(self._key_row())
        column.addWidget(self.result)
        column.addWidget(self._models_field)
        last = QHBoxLayout()
        last.setSpacing(12)
        last.addWidget(self._privacy, 1)
        last.addWidget(self.save_button)
        column.addLayout(last)

    def _key_row(self) -> QHBoxLayout:
        """The button stands beside the field, not beside its label or help."""
        button = QVBoxLayout()
        button.setSpacing(6)
        button.addWidget(label(" ", "label"))
        button.addWidget(self.test_button)
        button.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._key_field, 1, Qt.AlignmentFlag.AlignTop)
        row.addLayout(button)
        return row
