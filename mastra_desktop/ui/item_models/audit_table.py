"""The audit log as a table: when, who, what, to what, how it ended."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Qt

from mastra_desktop.domain.audit import AuditEntry
from mastra_desktop.ui.item_models.figure_table import UNKNOWN, Column, FigureTable, Index
from mastra_desktop.ui.item_models.metric_words import clock, day

OUTCOME = 4  # the column


class AuditTable(FigureTable):
    """The newest first; the key is the row's number."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__((), parent)
        self._columns = (
            Column(self.tr("Time")),
            Column(self.tr("Who")),
            Column(self.tr("Action")),
            Column(self.tr("Target")),
            Column(self.tr("Outcome")),
        )
        self.entries: dict[str, AuditEntry] = {}

    def show_entries(self, entries: Sequence[AuditEntry]) -> None:
        self.entries = {str(entry.seq): entry for entry in entries}
        self.show_rows([(str(entry.seq), self._words(entry)) for entry in entries])

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if role == Qt.ItemDataRole.ToolTipRole and 0 <= index.row() < len(self.rows):
            entry = self.entries[self.key(index.row())]
            return "\n".join(
                part for part in (self.tr("Row {n}").format(n=entry.seq), entry.target, entry.detail) if part
            )
        return super().data(index, role)

    def _words(self, entry: AuditEntry) -> tuple[str, ...]:
        target = " · ".join(part for part in (entry.target, entry.detail) if part)
        return (
            f"{day(entry.at)} {clock(entry.at, whole=True)}",
            entry.actor,
            entry.action,
            target or UNKNOWN,
            self.outcome_words(entry.outcome),
        )

    def outcome_words(self, outcome: str) -> str:
        words = {
            "done": self.tr("Done"),
            "failed": self.tr("Failed"),
            "refused": self.tr("Refused"),
        }
        return words.get(outcome, outcome)
