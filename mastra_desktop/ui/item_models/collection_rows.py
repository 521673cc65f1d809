"""Collections as list rows: tile, name, counts or what happens, and a sign at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.ui.row_roles import RowRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
ICONS = {  # what a person can choose, with the tile's colour
    "book-open": "iris",
    "credit-card": "petrol",
    "users": "moss",
    "scale": "amber",
    "network": "sky",
    "presentation": "plum",
    "code": "slate",
    "mail": "rose",
    "database": "petrol",
    "globe": "sky",
}


def tile_of(collection: Collection) -> tuple[str, str]:
    """(icon, tile colour) of a collection; a watched folder has its own."""
    if collection.watched:
        return "folder-sync", "slate"
    return collection.icon or "book-open", ICONS.get(collection.icon, "iris")


class CollectionRows(QAbstractListModel):
    """Shows what `show_collections` gave it last, those whose name or description has the searched words."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._rows: list[Collection] = []

    @property
    def ids(self) -> list[str]:
        return [row.id for row in self._rows]

    def show_collections(self, collections: Sequence[Collection], search: str = "") -> None:
        words = search.casefold().split()
        rows = [c for c in collections if all(w in f"{c.name} {c.description}".casefold() for w in words)]
        if rows == self._rows:
            return
        if [row.id for row in rows] == self.ids:  # keeps focus, scroll and an open editor
            self._rows = rows
            self.dataChanged.emit(self.index(0), self.index(len(rows) - 1))
            return
        self.beginResetModel()
        self._rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self._rows[index.row()]
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return row.name
            case Qt.ItemDataRole.AccessibleTextRole:
                failed = self.tr("{count} failed").format(count=row.failed) if row.failed else ""
                return ", ".join(part for part in (row.name, self.note(row), failed) if part)
            case Qt.ItemDataRole.ToolTipRole:
                return row.description or row.watched or None
            case RowRole.ID:
                return row.id
            case RowRole.NOTE:
                return self.note(row)
            case RowRole.ICON:
                return tile_of(row)[0]
            case RowRole.TILE:
                return tile_of(row)[1]
            case RowRole.BUSY:
                return bool(row.adding) and not row.paused
            case RowRole.SIGN:
                return "pause" if row.adding and row.paused else "triangle-alert" if row.failed else None
            case RowRole.SIGN_TONE:
                return "" if row.adding and row.paused else "warn"
        return None

    def note(self, row: Collection) -> str:
        """The second line: what happens, else the counts."""
        if row.adding:
            words = self.tr("Paused, {count} files left") if row.paused else self.tr("Adding {count} files")
            if row.adding == 1:
                words = self.tr("Paused, 1 file left") if row.paused else self.tr("Adding 1 file")
            return words.format(count=f"{row.adding:,}")
        if row.watched:
            return self.tr("Watched · {files}").format(files=self._files(row.documents))
        if not row.documents:
            return self.tr("Empty")
        return self.counts(row)

    def counts(self, row: Collection) -> str:
        """ "38 files · 2,914 passages"."""
        passages = self.tr("1 passage") if row.passages == 1 else self.tr("{count} passages")
        return f"{self._files(row.documents)} · {passages.format(count=f'{row.passages:,}')}"

    def _files(self, count: int) -> str:
        return self.tr("1 file") if count == 1 else self.tr("{count} files").format(count=f"{count:,}")
