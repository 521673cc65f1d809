"""What the tests and the gallery of the interface kit share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.ui.row_roles import RowRole
from mastra_desktop.ui.widgets.painting import Tone

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
Index = QModelIndex | QPersistentModelIndex


@dataclass
class Row:
    """One row or heading of a `SectionList`."""

    title: str
    id: str = ""
    time: str = ""
    note: str = ""
    note_icon: str = ""
    note_tone: Tone = ""
    kind: str = "row"
    busy: bool = False
    unread: bool = False
    icon: str = ""
    title_marks: list[tuple[int, int]] = field(default_factory=list)
    note_marks: list[tuple[int, int]] = field(default_factory=list)


class RowsModel(QAbstractListModel):
    """A plain list of rows, as a pane's item model would answer them."""

    def __init__(self, rows: Sequence[Row], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows = list(rows)

    def rowCount(self, parent: Index | None = None) -> int:
        return len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        row = self.rows[index.row()]
        answers: dict[int, object] = {
            Qt.ItemDataRole.DisplayRole: row.title,
            RowRole.KIND: row.kind,
            RowRole.ID: row.id,
            RowRole.TIME: row.time,
            RowRole.NOTE: row.note,
            RowRole.NOTE_ICON: row.note_icon,
            RowRole.NOTE_TONE: row.note_tone,
            RowRole.BUSY: row.busy,
            RowRole.UNREAD: row.unread,
            RowRole.TITLE_MARKS: row.title_marks,
            RowRole.NOTE_MARKS: row.note_marks,
            RowRole.ICON: row.icon,
        }
        return answers.get(role)

    def flags(self, index: Index) -> Qt.ItemFlag:
        if self.rows[index.row()].kind == "section":
            return Qt.ItemFlag.NoItemFlags
        return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
