"""The middle of the knowledge pane: one collection's name, drop area, progress, and its documents."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.document_table import DocumentTableModel
from mastra_desktop.ui.panes.knowledge_notices import KnowledgeNotices
from mastra_desktop.ui.panes.knowledge_progress import ProgressSummary
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.document_table import DocumentTable
from mastra_desktop.ui.widgets.drop_area import DropArea
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.empty_state import EmptyState

_ROOMY = 640  # px


class KnowledgeDocuments(QWidget):
    """Shows what it is given; what is pressed goes to the pane."""

    add_wanted = Signal()
    watch_wanted = Signal()
    new_wanted = Signal()
    list_wanted = Signal()
    search_wanted = Signal()
    more_wanted = Signal()
    pause_pressed = Signal(bool)
    activated = Signal(object)  # a Document
    retry_wanted = Signal(object)
    remove_wanted = Signal(list)  # Documents
    menu_wanted = Signal(list, QPoint)

    def __init__(self, theme: ThemeController, icons: Icons, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme, self._icons = theme, icons
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        self.notices = KnowledgeNotices(theme, icons)
        column.addWidget(self.notices)
        self._none = EmptyState(
            theme,
            icons,
            "library",
            self.tr("No collections yet"),
            self.tr("A collection holds files that are searched together. You can also drop files here."),
            self.tr("Add your first collection"),
        )
        self._none.setObjectName("noCollections")
        self._none.activated.connect(self.new_wanted)
        self._stack = QStackedWidget()
        self._stack.addWidget(self._none)
        self._stack.addWidget(self._make_body())
        column.addWidget(self._stack, 1)
        self.show_collection(None)

    def _make_header(self) -> QWidget:
        theme, icons = self._theme, self._icons
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(theme.current.px("control.header"))
        self.show_list = IconButton("panel-left", self.tr("Show or hide the list"), theme, icons, "Ctrl+B")
        self.show_list.clicked.connect(self.list_wanted)
        self.show_list.hide()
        self._title = ElidedLabel(role="title")
        self._title.setObjectName("collectionTitle")
        self._counts = ElidedLabel(role="hint")
        self._counts.setObjectName("collectionCounts")
        self._watch = Button("", theme, icons, size="small", icon="folder-sync")
        self._watch.setObjectName("watchButton")
        self._watch.clicked.connect(self.watch_wanted)
        self._add = Button(self.tr("Add files"), theme, icons, "primary", "small", icon="plus")
        self._add.setObjectName("addFilesButton")
        self._add.clicked.connect(self.add_wanted)
        self._more = IconButton("ellipsis", self.tr("More"), theme, icons)
        self._more.setObjectName("collectionMore")
        self._more.clicked.connect(self.more_wanted)
        self.show_search = IconButton("search", self.tr("Try a search"), theme, icons, "Ctrl+I")
        self.show_search.setObjectName("trySearchButton")
        self.show_search.clicked.connect(self.search_wanted)
        self.show_search.hide()
        row = QHBoxLayout(header)
        row.setContentsMargins(24, 0, 16, 0)
        row.setSpacing(8)
        row.addWidget(self.show_list)
        row.addWidget(self._title)
        row.addWidget(self._counts, 1)
        for widget in (self._watch, self._add, self._more, self.show_search):
            row.addWidget(widget)
        return header

    def _make_body(self) -> QWidget:
        theme, icons = self._theme, self._icons
        self.drop_area = DropArea(
            self.tr("Drop files or folders here"),
            "",
            self.tr("Choose files"),
            theme,
            icons,
        )
        self.drop_area.setObjectName("dropArea")
        self.drop_area.choose_pressed.connect(self.add_wanted)
        self.progress = ProgressSummary(theme, icons)
        self.progress.pause_pressed.connect(self.pause_pressed)
        self.progress.hide()
        self.model = DocumentTableModel(self)
        self.table = DocumentTable(self.tr("Documents"), theme, icons)
        self.table.setObjectName("documentTable")
        self.table.setModel(self.model)
        document = self.model.document
        self.table.row_activated.connect(lambda i: self.activated.emit(document(i)))
        self.table.retry_pressed.connect(lambda i: self.retry_wanted.emit(document(i)))
        self.table.delete_requested.connect(lambda ids: self.remove_wanted.emit([document(i) for i in ids]))
        self.table.menu_requested.connect(
            lambda ids, at: self.menu_wanted.emit([document(i) for i in ids], at)
        )
        self._hint = label(
            self.tr("Once a file is read, its words can be searched; its meaning follows in the background."),
            "hint",
            wrap=True,
        )
        self._hint.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        body = QWidget()
        column = QVBoxLayout(body)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        around = QVBoxLayout()
        around.setContentsMargins(24, 16, 24, 14)
        around.addWidget(self.drop_area)
        column.addLayout(around)
        column.addWidget(self.progress)
        column.addWidget(self.table, 1)
        column.addWidget(self._hint)
        column.addStretch()
        self.model.modelReset.connect(self._show_or_hide_table)
        self.model.rowsInserted.connect(self._show_or_hide_table)
        self.model.rowsRemoved.connect(self._show_or_hide_table)
        self._show_or_hide_table()
        return body

    # -- showing ------------------------------------------------------------------------------------

    def show_collection(self, collection: Collection | None, counts: str = "") -> None:
        """Its header; None when there is no collection at all."""
        there = collection is not None
        self.notices.show_collection(collection)
        self._stack.setCurrentIndex(1 if there else 0)
        self._title.setText(collection.name if collection is not None else self.tr("Knowledge"))
        for widget in (self._add, self._more):
            widget.setVisible(there)
        self._fit()
        self._choose_focus()
        self._counts.setText("")
        if collection is None:
            return
        if collection.passages and collection.embedded < collection.passages:
            share = 100 * collection.embedded // collection.passages
            counts += " · " + self.tr("meaning {n}%").format(n=share)
        self._counts.setText(counts if collection.documents or collection.passages else "")
        self._watch.setText(self.tr("Watching") if collection.watched else self.tr("Watch a folder"))
        self._watch.setToolTip(
            self.tr("{folder} is kept in step with this collection. Press to stop.").format(
                folder=collection.watched
            )
            if collection.watched
            else self.tr("Keep this collection in step with a folder")
        )
        self._watch.setAccessibleDescription(self._watch.toolTip())
        self.drop_area.set_hint(self._what_can_be_dropped(collection))
        self.model.set_paused(collection.paused)

    def _what_can_be_dropped(self, collection: Collection) -> str:
        kinds = self.tr("PDF, Word, Excel, Markdown, HTML, email and images, up to 100 MB each.")
        provider = split_model_id(collection.embedder_id)[0]
        if provider == "builtin":
            return " ".join((kinds, self.tr("Nothing is uploaded.")))
        sent = self.tr("Their text is sent to {provider} for its meaning.").format(provider=provider)
        return " ".join((kinds, sent))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """In a narrow window the header leaves to its menu what the name needs room for."""
        roomy = self.width() >= self._theme.current.scaled(_ROOMY)
        self._watch.setVisible(self._stack.currentIndex() == 1 and roomy)
        self.drop_area.hint.setVisible(roomy)

    def menu_place(self) -> QPoint:
        """Where the menu of the button More opens, on the screen."""
        return self._more.mapToGlobal(self._more.rect().bottomLeft())

    def _show_or_hide_table(self) -> None:
        empty = not self.model.rowCount()
        self.table.setVisible(not empty)
        self._hint.setVisible(empty)
        self._choose_focus()

    def _choose_focus(self) -> None:
        """Where the keys go when the pane comes into view."""
        if self._stack.currentIndex() == 0:
            self.setFocusProxy(self._none)
        else:
            self.setFocusProxy(self.table if self.model.rowCount() else self.drop_area.button)
