""" "Try a search": what a collection answers to a query, with scores, marks and the passage in view."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.knowledge import DocumentText, PassageHit, SearchMode, SearchResult
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.hit_rows import HitRows
from mastra_desktop.ui.panes.knowledge_passage import HEIGHT, PassageView
from mastra_desktop.ui.panes.parts import IconText, label
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import IconButton
from mastra_desktop.ui.widgets.empty_state import EmptyState
from mastra_desktop.ui.widgets.hit_list import HitList
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.segmented import Segmented

SEARCH_DELAY_MS = 250
_COUNTS = (5, 8, 20, 50)
_TASK, _PASSAGE_TASK = "knowledge-search", "knowledge-passage"


class KnowledgeSearch(QWidget):
    """The column at the right of the knowledge pane. It searches the collection in view."""

    reader_wanted = Signal(str, int, tuple)  # document id, passage index, marks in the passage
    file_wanted = Signal(object)
    close_wanted = Signal()

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("knowledgeSearch")
        self._theme, self._icons, self._bridge, self._tasks = theme, icons, bridge, tasks
        self._collection_id = ""
        self._count = 8
        self._hits: tuple[PassageHit, ...] = ()
        self._whole: DocumentText | None = None
        self.setProperty("bar", "list")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._make_header())
        column.addWidget(self._make_form())
        self._notice = IconText("info", "", theme, icons, tone="warn", wrap=True)
        self._notice.setContentsMargins(16, 8, 16, 8)
        self._notice.hide()
        column.addWidget(self._notice)
        self._rows = HitRows(self)
        self.results = HitList(self.tr("Passages found"), theme, icons)
        self.results.setObjectName("searchResults")
        self.results.setModel(self._rows)
        self._empty = EmptyState(theme, icons, "search", "")
        self._stack = QStackedWidget()
        self._stack.addWidget(self._empty)
        self._stack.addWidget(self.results)
        column.addWidget(self._stack, 1)
        self.passage = PassageView(theme, icons)
        self.passage.setFixedHeight(theme.current.scaled(HEIGHT))
        self.passage.hide()
        column.addWidget(self.passage)

        self._timer = QTimer(self, singleShot=True, interval=SEARCH_DELAY_MS)
        self._timer.timeout.connect(self.search)
        self.field.textChanged.connect(lambda _text: self._timer.start())
        self.field.returnPressed.connect(self.search)
        self.field.installEventFilter(self)
        self._mode.chosen.connect(lambda _mode: self.search())
        self._show_count.picked.connect(self._choose_count)
        self.results.row_shown.connect(self._show_row)
        self.results.row_activated.connect(self._open_row)
        self.passage.moved.connect(self._move)
        self.passage.file_wanted.connect(self.file_wanted)
        self.passage.reader_wanted.connect(self._want_reader)
        self._say_empty()

    def _make_header(self) -> QWidget:
        header = QWidget()
        header.setProperty("bar", "header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        header.setFixedHeight(self._theme.current.px("control.header"))
        self._took = label("", "hint")
        self._close = IconButton("x", self.tr("Close"), self._theme, self._icons, "Ctrl+I")
        self._close.clicked.connect(self.close_wanted)
        self._close.hide()
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 0, 12, 0)
        row.addWidget(label(self.tr("Try a search"), "title"))
        row.addStretch()
        row.addWidget(self._took)
        row.addWidget(self._close)
        return header

    def _make_form(self) -> QWidget:
        theme, icons = self._theme, self._icons
        form = QWidget()
        form.setProperty("bar", "header")
        form.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.field = SearchField(self.tr("Ask or type words"), theme, icons)
        self.field.setObjectName("searchField")
        self._mode = Segmented(
            (
                (SearchMode.HYBRID.value, self.tr("Hybrid")),
                (SearchMode.MEANING.value, self.tr("Meaning")),
                (SearchMode.WORDS.value, self.tr("Words")),
            ),
            self.tr("Search by"),
            theme,
        )
        self._mode.setObjectName("searchMode")
        self._show_count = PickerButton(self.tr("Show"), theme, icons)
        self._show_count.setObjectName("searchCount")
        self._fill_counts()
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._mode)
        row.addStretch()
        row.addWidget(label(self.tr("Show"), "small"))
        row.addWidget(self._show_count)
        column = QVBoxLayout(form)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(10)
        column.addWidget(self.field)
        column.addLayout(row)
        return form

    # -- from the pane ------------------------------------------------------------------------------

    def set_collection(self, collection_id: str) -> None:
        """Searches this one from now on; what was typed is asked again."""
        if collection_id != self._collection_id:
            self._collection_id = collection_id
            self._clear()
            if self.field.text().strip():
                self.search()

    def set_drawer(self, drawer: bool) -> None:
        """Whether it lies over the documents instead of beside them."""
        self._close.setVisible(drawer)

    def search(self) -> None:
        """Asks what is in the field now."""
        self._timer.stop()
        query = self.field.text().strip()
        if not query or not self._collection_id:
            self._tasks.cancel(_TASK)
            self._clear()
            return
        self._tasks.start(self._search(query), key=_TASK)

    async def _search(self, query: str) -> None:
        collection_id, k, mode = self._collection_id, self._count, SearchMode(self._mode.chosen_id())
        try:
            result = await self._bridge.call(
                lambda core: core.knowledge.search([collection_id], query, k=k, mode=mode)
            )
        except MastraError as error:
            self._clear()
            self._empty.set(error.message, error.hint)
            return
        self._show(result)

    def _show(self, result: SearchResult) -> None:
        kept = self._rows.rows[self.results.currentIndex().row()].passage.id if self._at_row() else 0
        self._hits = result.hits
        self._rows.show_hits(result.hits)
        count = len(result.hits)
        words = self.tr("1 passage in {ms} ms") if count == 1 else self.tr("{n} passages in {ms} ms")
        self._took.setText(words.format(n=count, ms=max(1, round(result.took_ms))))
        notice = result.notice
        if not result.relevant and result.hits:
            notice = " ".join(
                (self.tr("Nothing seems to answer this. These are the nearest."), notice)
            ).strip()
        self._notice.set("info", notice, "warn")
        self._notice.setVisible(bool(notice))
        if not result.hits:
            self._empty.set(self.tr("Nothing found"), self.tr("Try other words, or search by meaning."))
        self._stack.setCurrentWidget(self.results if result.hits else self._empty)
        self.passage.setVisible(bool(result.hits))
        if result.hits:
            at = next((row for row, hit in enumerate(result.hits) if hit.passage.id == kept), 0)
            self.results.setCurrentIndex(self._rows.index(at))

    def _at_row(self) -> bool:
        return 0 <= self.results.currentIndex().row() < len(self._rows.rows)

    def _clear(self) -> None:
        self._hits, self._whole = (), None
        self._rows.show_hits(())
        self._took.setText("")
        self._notice.hide()
        self.passage.hide()
        self._stack.setCurrentWidget(self._empty)
        self._say_empty()

    def _say_empty(self) -> None:
        self._empty.set(
            self.tr("See what a question finds"),
            self.tr("An answer that uses this collection is given these passages."),
        )

    # -- passages -----------------------------------------------------------------------------------

    def _show_row(self, row: int) -> None:
        if row >= len(self._hits):
            return
        hit = self._hits[row]
        self.passage.show_hit(hit)
        self._tasks.start(self._show_around(hit), key=_PASSAGE_TASK)

    async def _show_around(self, hit: PassageHit) -> None:
        document_id = hit.document.id
        whole = self._whole
        if whole is None or whole.document.id != document_id:
            try:
                whole = await self._bridge.call(lambda core: core.knowledge.document_text(document_id))
            except MastraError:
                return  # it went meanwhile: the passage that was found is in view
        self._whole = whole
        if hit.passage.index < len(whole.passages):
            self.passage.show_passage(whole, hit.passage.index, hit)

    def _move(self, index: int) -> None:
        whole = self._whole
        if whole is None or not 0 <= index < len(whole.passages):
            return
        passage_id = whole.passages[index].id
        hit = next((hit for hit in self._hits if hit.passage.id == passage_id), None)
        self.passage.show_passage(whole, index, hit)

    def _open_row(self, row: int) -> None:
        if row < len(self._hits):
            hit = self._hits[row]
            self.reader_wanted.emit(hit.document.id, hit.passage.index, hit.marks)

    def _want_reader(self, document_id: str, index: int) -> None:
        marks = next(
            (h.marks for h in self._hits if h.document.id == document_id and h.passage.index == index), ()
        )
        self.reader_wanted.emit(document_id, index, marks)

    # -- fields -------------------------------------------------------------------------------------

    def _fill_counts(self) -> None:
        self._show_count.set_items(
            [PopupItem(str(n), self.tr("Top {n}").format(n=n), checked=n == self._count) for n in _COUNTS]
        )

    def _choose_count(self, choice: str) -> None:
        self._count = int(choice)
        self._fill_counts()
        self.search()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()), 0)
            if step and self._hits:  # through the results without leaving the field
                row = min(max(0, self.results.currentIndex().row() + step), len(self._hits) - 1)
                self.results.setCurrentIndex(self._rows.index(row))
                return True
        return False
