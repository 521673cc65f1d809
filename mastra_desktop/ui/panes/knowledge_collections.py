"""The list of collections: search, make, rename, delete with Undo; below it what the index takes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.collection_rows import CollectionRows
from mastra_desktop.ui.item_models.document_kinds import size_text
from mastra_desktop.ui.panes.knowledge_words import embedder_name
from mastra_desktop.ui.panes.parts import Icon, label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.empty_state import EmptyState
from mastra_desktop.ui.widgets.painting import restyle
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.section_list import SectionList


class KnowledgeCollections(QWidget):
    """The column at the left of the knowledge pane."""

    opened = Signal(str)
    new_wanted = Signal()
    renamed = Signal(str, str)
    delete_wanted = Signal(str)
    menu_wanted = Signal(str, QPoint)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        self._collections: Sequence[Collection] = ()
        self.setProperty("bar", "list")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.search = SearchField(self.tr("Search collections"), theme, icons, "Ctrl F")
        self.search.setObjectName("collectionSearch")
        self._model = CollectionRows(self)
        self.rows = SectionList(self.tr("Collections"), theme, icons)
        self.rows.setObjectName("collectionList")
        self.rows.setModel(self._model)
        self._nothing = EmptyState(theme, icons, "search", self.tr("Nothing found"))
        self._stack = QStackedWidget()
        self._stack.addWidget(self.rows)
        self._stack.addWidget(self._nothing)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        around = QVBoxLayout()
        around.setContentsMargins(12, 10, 12, 8)
        around.addWidget(self.search)
        column.addLayout(around)
        column.addWidget(self._stack, 1)
        column.addWidget(self._make_footer())
        self.search.textChanged.connect(lambda _text: self._show())
        self.search.returnPressed.connect(self.rows.setFocus)
        self.rows.row_activated.connect(self.opened)
        self.rows.renamed.connect(self.renamed)
        self.rows.delete_requested.connect(self.delete_wanted)
        self.rows.context_menu_requested.connect(self.menu_wanted)

    def _make_header(self) -> QWidget:
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(self._theme.current.px("control.header"))
        new = IconButton("plus", self.tr("New collection"), self._theme, self._icons, "Ctrl+N")
        new.setObjectName("newCollectionButton")
        new.clicked.connect(self.new_wanted)
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 0, 12, 0)
        row.addWidget(label(self.tr("Knowledge"), "title"), 1)
        row.addWidget(new)
        return header

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

    def set_drawer(self, drawer: bool) -> None:
        """Whether it lies over the documents instead of beside them."""
        self.setProperty("bar", "drawer" if drawer else "list")
        restyle(self)

    def begin_rename(self, collection_id: str) -> None:
        self.show()
        self.rows.begin_rename(collection_id)

    def _show(self) -> None:
        search = self.search.text()
        self._model.show_collections(self._collections, search)
        found = self._model.rowCount() or not search.strip()
        self._stack.setCurrentWidget(self.rows if found else self._nothing)
