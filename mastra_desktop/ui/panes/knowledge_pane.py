"""The knowledge pane: collections at the left, documents in the middle, a search to try at the right."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QPoint, QSettings, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QResizeEvent
from PySide6.QtWidgets import QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Collection, Document, Source
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.collection_rows import CollectionRows
from mastra_desktop.ui.panes.knowledge_actions import DocumentActions
from mastra_desktop.ui.panes.knowledge_batches import Batches, ended_words
from mastra_desktop.ui.panes.knowledge_collections import KnowledgeCollections
from mastra_desktop.ui.panes.knowledge_columns import KnowledgeColumns
from mastra_desktop.ui.panes.knowledge_documents import KnowledgeDocuments
from mastra_desktop.ui.panes.knowledge_editing import CollectionActions
from mastra_desktop.ui.panes.knowledge_feed import KnowledgeEvent, KnowledgeFeed, read_counts, read_overview
from mastra_desktop.ui.panes.knowledge_reader import KnowledgeReader
from mastra_desktop.ui.panes.knowledge_search import KnowledgeSearch
from mastra_desktop.ui.panes.knowledge_words import split_urls
from mastra_desktop.ui.session import put
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController

PROGRESS_MS = 200  # counting thousands of documents takes some milliseconds
_LIST_TASK, _DOCUMENTS_TASK, _COUNTS_TASK = "knowledge-list", "knowledge-documents", "knowledge-counts"


class KnowledgePane(QWidget):
    """Wires list, documents, reader and search together; takes files that are dropped anywhere on it."""

    failed = Signal(object)
    notice = Signal(str, str, str, str, object)  # title, text, tone, action label, what the action does
    settings_wanted = Signal(str)  # of a provider
    progress = Signal(str)  # "6 of 12 files added", "" when nothing is being added

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("KnowledgePane")
        self.setAccessibleName(self.tr("Knowledge"))
        self.setAcceptDrops(True)
        self._state, self._bridge, self._tasks = state, bridge, tasks
        self._collections: Sequence[Collection] = ()
        self._current = ""
        self._batches = Batches()
        self._waiting: Callable[[], None] | None = None  # files that came before the list was read
        self._words = CollectionRows(self)  # for the counts in the header
        self.list = KnowledgeCollections(theme, icons)
        self.documents = KnowledgeDocuments(theme, icons)
        self.reader = KnowledgeReader(theme, icons, bridge, tasks)
        self.search = KnowledgeSearch(theme, icons, bridge, tasks)
        self.adding = DocumentActions(self, theme, icons, bridge, tasks)
        self.editing = CollectionActions(self, theme, icons, bridge, tasks)
        self._middle = QStackedWidget()
        self._middle.addWidget(self.documents)
        self._middle.addWidget(self.reader)
        self.columns = KnowledgeColumns(theme, state, self.list, self._middle, self.search)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.columns)
        self.setFocusProxy(self.documents)
        self._feed = KnowledgeFeed(self)
        self._feed.documents_changed.connect(self._show_heard)
        self._feed.counts_stale.connect(lambda: tasks.start(self._load_counts(), key=_COUNTS_TASK))
        self._feed.documents_stale.connect(self._load_documents_again)
        self._progress_timer = QTimer(self, singleShot=True, interval=PROGRESS_MS)
        self._progress_timer.timeout.connect(self._show_progress)
        self._feed.index_changed.connect(self.documents.notices.show_index)
        self._feed.away_changed.connect(self._show_away)
        self._connect()

    def _connect(self) -> None:
        rows, middle, search, reader = self.list, self.documents, self.search, self.reader
        documents, editing, columns = self.adding, self.editing, self.columns
        rows.opened.connect(self.open_collection)
        rows.new_wanted.connect(self.new_collection)
        rows.renamed.connect(editing.rename)
        rows.delete_wanted.connect(lambda i: self._with(i, editing.delete))
        rows.menu_wanted.connect(self._open_menu)
        middle.new_wanted.connect(self.new_collection)
        middle.notices.settings_wanted.connect(self.settings_wanted)
        middle.notices.retry_wanted.connect(lambda: editing.retry_failed(self._current))
        middle.add_wanted.connect(lambda: documents.choose_files(self._current))
        middle.watch_wanted.connect(lambda: self._with(self._current, documents.toggle_watch))
        middle.more_wanted.connect(lambda: self._open_menu(self._current, None))
        middle.pause_pressed.connect(lambda hold: editing.pause(self._current, hold))
        middle.list_wanted.connect(columns.toggle_list)
        middle.search_wanted.connect(self.toggle_search)
        columns.list_hidden.connect(middle.show_list.setVisible)
        columns.search_hidden.connect(middle.show_search.setVisible)
        columns.search_is_drawer.connect(search.set_drawer)
        middle.activated.connect(documents.activate)
        middle.retry_wanted.connect(documents.retry)
        middle.remove_wanted.connect(documents.remove)
        middle.menu_wanted.connect(lambda chosen, at: documents.show_menu(chosen, middle.table, at))
        documents.reader_wanted.connect(self.open_document)
        documents.where_chosen.connect(self.open_collection)
        documents.removed.connect(self._removed)
        documents.added.connect(self._added)
        documents.notice.connect(self.notice)
        editing.notice.connect(self.notice)
        editing.changed.connect(lambda i: self._tasks.start(self._load_list(i), key=_LIST_TASK))
        search.reader_wanted.connect(self._open_hit)
        search.file_wanted.connect(documents.open_file)
        search.close_wanted.connect(columns.toggle_search)
        reader.file_wanted.connect(documents.open_file)
        reader.closed.connect(self._close_reader)
        reader.opened.connect(lambda document: self._enter(document.collection_id))

    # -- from the window ----------------------------------------------------------------------------

    async def load(self) -> None:
        """Collections, and the documents of the one that was in view last."""
        await self._load_list("")

    def refresh(self) -> None:
        """The pane comes into view."""
        self._tasks.start(self.load(), key=_LIST_TASK)

    def heard(self, event: KnowledgeEvent) -> None:
        """What the bus said; it is shown with what else comes within 60 ms."""
        self._feed.heard(event)

    def take(self, paths: Sequence[Path], addresses: Sequence[str] = ()) -> None:
        """Files that were dropped: into the collection in view, or a new one where there is none."""
        if not self._collections:
            self.editing.ask_new(paths)
            return
        collection_id = self._current or self._collections[0].id
        if paths:
            self.adding.add(collection_id, paths)
        for address in addresses:
            self.adding.add_address(collection_id, address)

    def offer(self, paths: Sequence[Path]) -> None:
        """Files that were opened with the application: asks which collection they go into."""
        self._when_listed(lambda: self._ask_where(paths))

    def _ask_where(self, paths: Sequence[Path]) -> None:
        if self._collections:
            self.adding.ask_where(paths, self._collections, self._current, self.editing.ask_new)
        else:
            self.editing.ask_new(paths)

    def take_urls(self, urls: Sequence[QUrl]) -> None:
        """As `take`, of what the desktop's drag and drop hands over."""
        self._when_listed(partial(self.take, *split_urls(urls)))

    def _when_listed(self, act: Callable[[], None]) -> None:
        if self._tasks.running(_LIST_TASK):  # just made: which collections there are is not known yet
            self._waiting = act
        else:
            act()

    def open_document(self, document_id: str) -> None:
        """Shows a document's text."""
        self._show_reader()
        self.reader.open_document(document_id)

    def open_source(self, source: Source) -> None:
        """Shows what an answer cites, at its passage."""
        self._show_reader()
        self.reader.open_source(source)

    def new_collection(self) -> None:
        self.editing.ask_new()

    def focus_search(self) -> None:
        self.columns.show_list()
        self.list.search.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.list.search.selectAll()

    def toggle_list(self) -> None:
        self.columns.toggle_list()

    def toggle_search(self) -> None:
        """Shows or hides "Try a search"; shown, it has the keys."""
        self.columns.toggle_search()
        if self.search.isVisible():
            self.search.field.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def close_overlay(self) -> bool:
        """Closes a drawer, else the reader; False when there was nothing to close."""
        if self.columns.close_drawer():
            return True
        if self._middle.currentWidget() is self.reader:
            self._close_reader()
            return True
        return False

    def stops(self) -> list[QWidget]:
        """What F6 goes through."""
        stops = (
            self.list.rows,
            self.documents.table,
            self.documents.drop_area.button,
            self.reader.text,
            self.search.field,
            self.search.results,
        )
        return [w for w in stops if w.isVisible()]

    def set_window_width(self, width: int) -> None:
        """Which columns are drawers goes by the window, in pixels."""
        self.columns.set_window_width(width)

    def save_state(self) -> None:
        self.columns.save_state()
        put(self._state, "knowledge/collection", self._current)

    # -- collections --------------------------------------------------------------------------------

    async def _load_list(self, wanted: str) -> None:
        overview = await self._bridge.call(read_overview)
        self.editing.embedders = overview.embedders
        self.list.show_size(overview.size_bytes)
        if overview.index is not None:
            self.documents.notices.show_index(overview.index)
        self._feed.know_away(overview.away)
        self._take_collections(overview.collections)
        ids = [collection.id for collection in overview.collections]
        last = str(self._state.value("knowledge/collection", ""))
        wanted = next((i for i in (wanted, self._current, last, *ids) if i in ids), "")
        self._show_collection(wanted)
        await self._load_documents()
        if self._waiting is not None:
            act, self._waiting = self._waiting, None
            act()

    async def _load_counts(self) -> None:
        collections, size_bytes = await self._bridge.call(read_counts)
        self.list.show_size(size_bytes)
        self._take_collections(collections)
        if self._collection(self._current) is None:
            await self._load_list("")
        else:
            self._show_header()

    def _take_collections(self, collections: Sequence[Collection]) -> None:
        self._collections = self.editing.collections = collections
        self.list.show_collections(collections)

    def open_collection(self, collection_id: str) -> None:
        self.columns.close_drawer()
        self._middle.setCurrentWidget(self.documents)
        self._enter(collection_id)

    def _enter(self, collection_id: str) -> None:
        if collection_id != self._current:
            self._show_collection(collection_id)
            self._load_documents_again()

    def _show_collection(self, collection_id: str) -> None:
        if collection_id != self._current:
            self._current = self._feed.current = collection_id
            self.documents.model.show_documents((), time.time())
            self.documents.progress.forget_pace()
        self.search.set_collection(collection_id)
        self._show_header()

    def _show_header(self) -> None:
        collection = self._collection(self._current)
        self.documents.show_collection(
            collection, self._words.counts(collection) if collection is not None else ""
        )
        self.list.select(collection)
        self._show_progress()

    def _collection(self, collection_id: str) -> Collection | None:
        return next((c for c in self._collections if c.id == collection_id), None)

    def _with(self, collection_id: str, act: Callable[[Collection], None]) -> None:
        collection = self._collection(collection_id)
        if collection is not None:
            act(collection)

    def _open_menu(self, collection_id: str, at: QPoint | None) -> None:
        collection = self._collection(collection_id)
        if collection is None:
            return
        menu = self.editing.menu_for(collection, self.adding, lambda: self._begin_rename(collection_id))
        menu.popup(at if at is not None else self.documents.menu_place())

    def _begin_rename(self, collection_id: str) -> None:
        self.columns.show_list()
        self.list.begin_rename(collection_id)

    # -- documents ----------------------------------------------------------------------------------

    async def _load_documents(self) -> None:
        collection_id = self._current
        if not collection_id:
            return
        found = await self._bridge.call(lambda core: core.knowledge.documents(collection_id))
        if collection_id != self._current:
            return
        self._batches.take(found)
        self._batches.forget_missing(collection_id, found)
        self.documents.model.show_documents(found, time.time())
        self._show_progress()

    def _load_documents_again(self) -> None:
        self._tasks.start(self._load_documents(), key=_DOCUMENTS_TASK)

    def _show_heard(self, documents: list[Document]) -> None:
        for ended in self._batches.take(documents):
            self._tell_ended(ended)
        self.documents.model.apply([d for d in documents if d.collection_id == self._current], time.time())
        if not self._progress_timer.isActive():
            self._progress_timer.start()

    def _show_progress(self) -> None:
        collection = self._collection(self._current)
        paused = collection is not None and collection.paused
        pace = self.editing.passages_per_s(collection.embedder_id) if collection is not None else 0.0
        batch = self._batches.of(self._current)
        held = self.documents.notices.embedder_is_away
        shown = self.documents.progress.show_batch(batch, paused, pace, time.monotonic(), held=held)
        self.progress.emit(shown)

    def _show_away(self, away: Mapping[str, ErrorInfo]) -> None:
        self.documents.notices.show_away(away)
        self._show_progress()

    def _tell_ended(self, batch: Sequence[Document]) -> None:
        """Says so where nobody looks at it."""
        if not self.isVisible():
            title, text = ended_words(batch)
            self.notice.emit(title, text, "warn" if text else "success", "", None)

    def _added(self, collection_id: str) -> None:
        self._feed.counts_are_stale()
        if collection_id == self._current:
            self._load_documents_again()

    def _removed(self, ids: Sequence[str]) -> None:
        self._batches.forget(ids)
        self.documents.model.remove(ids)
        self._show_progress()

    # -- reader -------------------------------------------------------------------------------------

    def _open_hit(self, document_id: str, index: int, marks: tuple[tuple[int, int], ...]) -> None:
        self._show_reader()
        self.reader.open_document(document_id, index, marks)

    def _show_reader(self) -> None:
        self.columns.close_drawer()
        self._middle.setCurrentWidget(self.reader)

    def _close_reader(self) -> None:
        self._middle.setCurrentWidget(self.documents)
        self.documents.setFocus(Qt.FocusReason.OtherFocusReason)

    # -- dropping -----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        paths, addresses = split_urls(event.mimeData().urls())
        if paths or addresses:
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self.documents.drop_area.set_active(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self.documents.drop_area.set_active(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self.documents.drop_area.set_active(False)
        paths, addresses = split_urls(event.mimeData().urls())
        event.setDropAction(Qt.DropAction.CopyAction)
        event.accept()
        self._middle.setCurrentWidget(self.documents)
        self._when_listed(partial(self.take, paths, addresses))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.columns.place_drawers()
