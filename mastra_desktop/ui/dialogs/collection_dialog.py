"""Make or edit a collection: name, description, icon, and what turns its passages into meanings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QButtonGroup, QComboBox, QHBoxLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from mastra_desktop.ui.dialogs.form_dialog import FormDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.form_field import FormField


@dataclass(frozen=True, slots=True)
class EmbedderChoice:
    """One embedding model, with what the person should know before choosing it."""

    id: str
    title: str
    note: str


class CollectionDialog(FormDialog):
    """`name`, `description`, `icon`, `embedder_id` are what was entered once it is accepted."""

    def __init__(
        self,
        window: QWidget,
        theme: ThemeController,
        icons: Icons,
        *,
        icon_names: Sequence[str],
        embedders: Sequence[EmbedderChoice],
        taken: Sequence[str],
        name: str = "",
        description: str = "",
        icon: str = "",
        embedder_id: str = "",
        new: bool = True,
    ) -> None:
        """`taken` are names of other collections. `new` asks for one that does not exist yet."""
        super().__init__(
            window,
            theme,
            icons,
            self.tr("New collection") if new else self.tr("Edit collection"),
            self.tr("Files that are searched together. Everything stays on this computer.") if new else "",
            self.tr("Create") if new else self.tr("Save"),
            self.tr("Cancel"),
        )
        self.setObjectName("collectionDialog")
        self._taken = {other.casefold() for other in taken}
        self._embedders = list(embedders)
        self._icon = icon or icon_names[0]
        self._name = QLineEdit(name)
        self._name.setObjectName("collectionName")
        self._name.setMaxLength(120)
        self._name.setPlaceholderText(self.tr("Payments runbooks"))
        self._description = QLineEdit(description)
        self._description.setObjectName("collectionDescription")
        self._description.setMaxLength(400)
        self._name_field = FormField(self.tr("Name"), self._name)
        self.body.addWidget(self._name_field)
        self.body.addWidget(
            FormField(self.tr("Description"), self._description, self.tr("Optional. What is in it."))
        )
        self.body.addWidget(self._make_icons(icon_names))
        self._embedder = QComboBox()
        self._embedder.setObjectName("collectionEmbedder")
        for choice in self._embedders:
            self._embedder.addItem(choice.title, choice.id)
        self._embedder_field = FormField(self.tr("Embedding model"), self._embedder)
        self._embedder.currentIndexChanged.connect(self._show_note)
        at = next((i for i, c in enumerate(self._embedders) if c.id == embedder_id), 0)
        self._embedder.setCurrentIndex(at)
        self.body.addWidget(self._embedder_field)
        self._embedder_field.setVisible(bool(self._embedders))
        self._show_note()
        self._name.textChanged.connect(self._check)
        self._check()

    @property
    def name(self) -> str:
        return " ".join(self._name.text().split())

    @property
    def description(self) -> str:
        return self._description.text().strip()

    @property
    def icon(self) -> str:
        return self._icon

    @property
    def embedder_id(self) -> str:
        return str(self._embedder.currentData() or "")

    def _make_icons(self, names: Sequence[str]) -> QWidget:
        whole = QWidget()
        column = QVBoxLayout(whole)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        title = QLabel(self.tr("Icon"))
        title.setProperty("role", "label")
        column.addWidget(title)
        row = QHBoxLayout()
        row.setSpacing(4)
        group = QButtonGroup(whole)
        group.setExclusive(True)
        for name in names:
            button = IconButton(
                name, self.tr("Icon {name}").format(name=name.replace("-", " ")), self.theme, self.icons
            )
            button.setCheckable(True)
            button.setChecked(name == self._icon)
            button.toggled.connect(lambda on, name=name: self._choose_icon(name, on))
            group.addButton(button)
            row.addWidget(button)
        row.addStretch()
        column.addLayout(row)
        return whole

    def _choose_icon(self, name: str, on: bool) -> None:
        if on:
            self._icon = name

    def _show_note(self) -> None:
        at = self._embedder.currentIndex()
        if at >= 0:
            self._embedder_field.set_help(self._embedders[at].note)
            if self.isVisible():
                self.refit()

    def _check(self) -> None:
        taken = self.name.casefold() in self._taken
        self._name_field.set_error(self.tr("Another collection has this name.") if taken else "")
        self.accept_button.setEnabled(bool(self.name) and not taken)
        if self.isVisible():
            self.refit()
