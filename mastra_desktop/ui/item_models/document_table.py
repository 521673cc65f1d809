"""The documents of a collection as rows: name, state, passages, time.

Changes come in batches and touch only their rows; ten thousand rows are replaced as a whole only when
another collection is shown. A row keeps its place while its state changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.ui.item_models.conversation_rows import short_time
from mastra_desktop.ui.item_models.document_kinds import kind_of, size_text
from mastra_desktop.ui.knowledge_roles import DocumentColumn, DocumentRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
_DISPLAY = Qt.ItemDataRole.DisplayRole
_ONE_DROP_S = 0.5  # files of one drop are written down within that time of each other
_MOST_INSERTS = 16  # more places than this at once: showing everything anew costs less

IN_WORK = (DocumentState.READING, DocumentState.SPLITTING, DocumentState.EMBEDDING)
UNFINISHED = (DocumentState.QUEUED, *IN_WORK)
_ORDER = {state: at for at, state in enumerate((*IN_WORK, DocumentState.QUEUED, DocumentState.FAILED))}


class DocumentTableModel(QAbstractTableModel):
    """`now` is seconds since 1970, for the times. Newest first until a header is pressed."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Document] = []
        self._at: dict[str, int] = {}
        self._column, self._down = int(DocumentColumn.ADDED), True
        self._now = 0.0
        self._next = ""
        self._paused = False

    # -- what it holds ------------------------------------------------------------------------------

    @property
    def documents(self) -> Sequence[Document]:
        return self._rows

    def document(self, document_id: str) -> Document | None:
        at = self._at.get(document_id)
        return None if at is None else self._rows[at]

    def row_of(self, document_id: str) -> int:
        """-1 when it is not there."""
        return self._at.get(document_id, -1)

    # -- changing -----------------------------------------------------------------------------------

    def show_documents(self, documents: Iterable[Document], now: float) -> None:
        """Shows these and no others; where they are the same documents, only what changed is told.

        Of documents of one time, those that come first here stand first.
        """
        new = self._sorted(documents)
        if new and [d.id for d in new] == [d.id for d in self._rows]:
            self.apply([d for d in new if d != self._rows[self._at[d.id]]], now)
            return
        self.beginResetModel()
        self._now = now
        self._rows = new
        self._index()
        self.endResetModel()

    def apply(self, documents: Iterable[Document], now: float) -> None:
        """Takes over changed and new documents; the older version of one that is ready now goes."""
        self._now = now
        latest = {document.id: document for document in documents}
        changed = [d for d in latest.values() if d.id in self._at]
        for document in changed:
            self._rows[self._at[document.id]] = document
        self._tell([self._at[d.id] for d in changed])
        new = [d for d in reversed(latest.values()) if d.id not in self._at]  # of one time, the last first
        if new:
            self._insert(new)
        self.remove([d.replaces for d in latest.values() if d.replaces and d.state is DocumentState.READY])
        self._find_next()

    def remove(self, document_ids: Iterable[str]) -> None:
        rows = sorted((self._at[i] for i in set(document_ids) if i in self._at), reverse=True)
        for row in rows:
            self.beginRemoveRows(NO_PARENT, row, row)
            del self._rows[row]
            self.endRemoveRows()
        if rows:
            self._index()

    def set_paused(self, paused: bool) -> None:
        """Whether what waits is held back."""
        if paused != self._paused:
            self._paused = paused
            self._tell(list(range(len(self._rows))))

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        self._column, self._down = column, order == Qt.SortOrder.DescendingOrder
        self.layoutAboutToBeChanged.emit()
        kept = self.persistentIndexList()
        ids = [self._rows[index.row()].id for index in kept]
        self._rows = self._sorted(self._rows)
        self._index()
        moved = [self.index(self._at[i], index.column()) for i, index in zip(ids, kept, strict=True)]
        self.changePersistentIndexList(kept, moved)
        self.layoutChanged.emit()

    def _insert(self, new: list[Document]) -> None:
        """Each run of rows that come to stand together in one step."""
        names = {d.id for d in new}
        merged = self._sorted([*new, *self._rows])
        runs = [
            (is_new, [d for _, d in run])
            for is_new, run in groupby(enumerate(merged), key=lambda pair: pair[1].id in names)
        ]
        if sum(is_new for is_new, _ in runs) > _MOST_INSERTS or not self._in_order(merged, names):
            self.beginResetModel()
            self._rows = merged
            self._index()
            self.endResetModel()
            return
        at = 0
        for is_new, run in runs:
            if is_new:
                self.beginInsertRows(NO_PARENT, at, at + len(run) - 1)
                self._rows[at:at] = run
                self.endInsertRows()
            at += len(run)
        self._index()

    def _in_order(self, merged: list[Document], new: set[str]) -> bool:
        """Whether the rows there are keep their order; states change without rows moving."""
        return all(a is b for a, b in zip((d for d in merged if d.id not in new), self._rows, strict=True))

    def _sorted(self, documents: Iterable[Document]) -> list[Document]:
        match self._column:
            case DocumentColumn.NAME:
                return sorted(documents, key=lambda d: d.name.casefold(), reverse=self._down)
            case DocumentColumn.STATUS:
                return sorted(
                    documents, key=lambda d: (_ORDER.get(d.state, 9), -d.added_at), reverse=self._down
                )
            case DocumentColumn.PASSAGES:
                return sorted(documents, key=lambda d: d.passages, reverse=self._down)
        return sorted(documents, key=lambda d: d.added_at, reverse=self._down)

    def _index(self) -> None:
        self._at = {document.id: row for row, document in enumerate(self._rows)}
        self._find_next()

    def _find_next(self) -> None:
        """The queued one that is read next: of those dropped last, the first."""
        before = self._next
        queued = [(d.added_at, -at) for at, d in enumerate(self._rows) if d.state is DocumentState.QUEUED]
        queued.sort(reverse=True)
        last = None
        for when, at in queued:
            if last is not None and last[0] - when > _ONE_DROP_S:
                break
            last = (when, at)
        self._next = self._rows[-last[1]].id if last is not None else ""
        if self._next != before:
            self._tell([self._at[i] for i in (before, self._next) if i in self._at])

    def _tell(self, rows: list[int]) -> None:
        if rows:
            first, last = min(rows), max(rows)
            self.dataChanged.emit(self.index(first, 0), self.index(last, self.columnCount() - 1))

    # -- for the view -------------------------------------------------------------------------------

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return len(DocumentColumn)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = _DISPLAY) -> object:
        if orientation != Qt.Orientation.Horizontal or role != _DISPLAY:
            return None
        return (self.tr("Name"), self.tr("Status"), self.tr("Passages"), self.tr("Added"))[section]

    def data(self, index: Index, role: int = _DISPLAY) -> object:
        document = self._rows[index.row()]
        if role == DocumentRole.ID:
            return document.id
        match index.column():
            case DocumentColumn.NAME:
                return self._name(document, role)
            case DocumentColumn.STATUS:
                return self._status(document, role)
        if role not in (_DISPLAY, Qt.ItemDataRole.AccessibleTextRole):
            return None
        if index.column() == DocumentColumn.PASSAGES:
            return f"{document.passages:,}" if document.passages else "–"
        return short_time(document.added_at, self._now)

    def _name(self, document: Document, role: int) -> object:
        kind = kind_of(document.name, document.source)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return " ".join(document.name.split())
            case Qt.ItemDataRole.ToolTipRole:
                return document.source
            case DocumentRole.ICON:
                return kind.icon
            case DocumentRole.TILE:
                return kind.tile
            case DocumentRole.NOTE:
                size = size_text(document.size_bytes) if document.size_bytes else ""
                return " · ".join(part for part in (kind.name, size, document.summary) if part)
            case Qt.ItemDataRole.AccessibleTextRole:
                note = self._name(document, DocumentRole.NOTE)
                return f"{document.name}, {note}"
        return None

    def _status(self, document: Document, role: int) -> object:
        state = document.state
        failed = state is DocumentState.FAILED
        working = state in IN_WORK and not self._paused and not _waits(document)
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return self.state_text(document)
            case Qt.ItemDataRole.AccessibleTextRole:
                why = document.error.message if failed and document.error else ""
                return ", ".join(part for part in (self.state_text(document), why) if part)
            case Qt.ItemDataRole.ToolTipRole:
                return self._explain(document)
            case DocumentRole.NOTE:
                return document.error.message if failed and document.error else None
            case DocumentRole.BUSY:
                return working
            case DocumentRole.RETRY:
                return failed
            case DocumentRole.ICON:
                if failed:
                    return "circle-x"
                if state in UNFINISHED:
                    return "pause" if self._paused else "clock"
                return "circle-check"
            case DocumentRole.TONE:
                if working:
                    return "accent"
                return "danger" if failed else "success" if state is DocumentState.READY else ""
            case DocumentRole.PERCENT:
                counted = state in IN_WORK and document.of and not _waits(document)
                return min(100, 100 * document.done // document.of) if counted else None
            case DocumentRole.PERCENT_COLOR:
                return "accent.solid" if state is DocumentState.EMBEDDING else "info.solid"
        return None

    def state_text(self, document: Document) -> str:
        """A document's state in a few words."""
        match document.state:
            case DocumentState.QUEUED:
                if self._paused:
                    return self.tr("Paused")
                return self.tr("Queued, next") if document.id == self._next else self.tr("Queued")
            case DocumentState.READING:
                return self._reading(document)
            case DocumentState.SPLITTING:
                return self.tr("Splitting into passages")
            case DocumentState.EMBEDDING:
                if _waits(document):
                    return self.tr("Words ready, meaning waits")
                if not document.of:
                    return self.tr("Embedding")
                return self.tr("Embedding {done} of {of}").format(
                    done=f"{document.done:,}", of=f"{document.of:,}"
                )
            case DocumentState.FAILED:
                return self.tr("Failed")
            case DocumentState.SKIPPED:
                return self.tr("Unchanged")
        return self.tr("Ready")

    def _reading(self, document: Document) -> str:
        if not document.of:
            return self.tr("Reading")
        pattern = {
            "page": self.tr("Reading page {done} of {of}"),
            "sheet": self.tr("Reading sheet {done} of {of}"),
            "slide": self.tr("Reading slide {done} of {of}"),
            "message": self.tr("Reading message {done} of {of}"),
        }.get(kind_of(document.name, document.source).unit, self.tr("Reading {done} of {of}"))
        return pattern.format(done=f"{document.done:,}", of=f"{document.of:,}")

    def _explain(self, document: Document) -> str | None:
        match document.state:
            case DocumentState.EMBEDDING:
                return self.tr("Its words can be searched already. Its meaning follows.")
            case DocumentState.FAILED if document.error:
                return " ".join(part for part in (document.error.message, document.error.hint) if part)
            case DocumentState.QUEUED if self._paused:
                return self.tr("Adding is paused. Resume goes on with it.")
        return None


def _waits(document: Document) -> bool:
    """Whether its words can be searched and none of its passages has its meaning yet."""
    return document.state is DocumentState.EMBEDDING and not document.done
