"""The list of collections: search, make, rename, delete with Undo; below it what the index takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.collection_rows import CollectionRows
from mastra_desktop.ui.item_models.document_kinds import size_text
from mastra_desktop.ui.panes.knowledge_words import embedder_name
from mastra_desktop.ui.panes.list_column import ListColumn
from mastra_desktop.ui.panes.parts import Icon, label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.elided_label import ElidedLabel


class KnowledgeCollections(ListColumn):
    """The column at the left of the knowledge pane."""

    opened = Signal(str)
    renamed = Signal(str, str)
    delete_wanted = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(theme, icons, parent)
        self._model = CollectionRows(self)
        self.lay_out(
            self._model,
            title=self.tr("Knowledge"),
            rows=self.tr("Collections"),
            search=self.tr("Search collections"),
            new=self.tr("New collection"),
            new_icon="plus",
        )
        self._collections: Sequence[Collection] = ()
        self.search.setObjectName("collectionSearch")
        self.rows.setObjectName("collectionList")
        self.new_button.setObjectName("newCollectionButton")
        self.column.addWidget(self._make_footer())
        self.search.textChanged.connect(lambda _text: self._show())
        self.rows.row_activated.connect(self.opened)
        self.rows.renamed.connect(self.renamed)
        self.rows.delete_requested.connect(self.delete_wanted)
        self.rows.context_menu_requested.connect(self.menu_wanted)

    def _make_footer(self) -> QWidget:
        footer = QWidget()
        footer.setProperty("bar", "footer")
        footer.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._size = label("", "strongSmall")
        self._size.setObjectName("indexSize")
        self._embedder = ElidedLabel(role="hint")
        self._embedder.setObjectName("embedderName")
        line = QHBoxLayout()
        line.setSpacing(8)
        line.addWidget(Icon("hard-drive", self._theme, self._icons))
        line.addWidget(label(self.tr("Index size"), "small"), 1)
        line.addWidget(self._size)
        column = QVBoxLayout(footer)
        column.setContentsMargins(16, 12, 16, 14)
        column.setSpacing(8)
        column.addLayout(line)
        column.addWidget(self._embedder)
        return footer

    # -- showing ------------------------------------------------------------------------------------

    def show_collections(self, collections: Sequence[Collection]) -> None:
        self._collections = collections
        self._show()

    def show_size(self, size_bytes: int) -> None:
        self._size.setText(size_text(size_bytes))

    def select(self, collection: Collection | None) -> None:
        """Marks the collection in view and names its embedding model."""
        self.rows.set_selected_id(collection.id if collection is not None else "")
        name = embedder_name(collection.embedder_id) if collection is not None else ""
        local = collection is not None and collection.embedder_id.startswith("builtin/")
        words = self.tr("Embedding model: {name}, local") if local else self.tr("Embedding model: {name}")
        self._embedder.setText(words.format(name=name) if name else "")

    def _show(self) -> None:
        search = self.search.text()
        self._model.show_collections(self._collections, search)
        self.show_found(bool(self._model.rowCount()) or not search.strip())
