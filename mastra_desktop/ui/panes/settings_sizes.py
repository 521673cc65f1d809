"""What the app keeps about its own work, in Settings: how much of it there is, and for how long."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QLocale, Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.settings_page import column_of

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.domain.telemetry import StoredSize

COLUMN_GAP = 24
LINE_GAP = 8


class StoredFigures(QWidget):
    """A line for each kind: how long it is kept, rows, size. Below it all of them, and the whole database."""

    def __init__(self, bridge: Bridge) -> None:
        super().__init__()
        self._bridge = bridge
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(COLUMN_GAP)
        self._grid.setVerticalSpacing(LINE_GAP)
        self._grid.setColumnStretch(0, 1)
        self._trouble = label("", "error", wrap=True)
        self._trouble.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._grid)
        column.addWidget(self._trouble)
        self._cells: list[QLabel] = []

    async def load(self) -> None:
        """Reads the sizes; where that fails, it says so here and the page goes on."""
        try:
            found, whole = await self._bridge.call(_sizes)
        except MastraError as error:
            self._trouble.setText(f"{error.message} {error.hint}".strip())
            self._trouble.show()
            return
        self._trouble.hide()
        self._show(found, whole)

    @property
    def lines(self) -> list[tuple[str, ...]]:
        """What is shown, line by line: title, how long it is kept, rows, size."""
        words = [cell.text() for cell in self._cells]
        return [tuple(words[at : at + 4]) for at in range(0, len(words), 4)]

    def _show(self, found: list[StoredSize], whole: int) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._cells = []
        for size in found:
            self._line(self._title(size.table), self._kept(size), size.rows, size.size_bytes)
        total = sum(size.size_bytes for size in found)
        self._line(self.tr("Together"), "", sum(size.rows for size in found), total, strong=True)
        self._line(self.tr("Whole database"), self.tr("with chats and documents"), None, whole)

    def _line(
        self, title: str, kept: str, rows: int | None, size_bytes: int, *, strong: bool = False
    ) -> None:
        row = len(self._cells) // 4
        words = self.tr("{n} row") if rows == 1 else self.tr("{n} rows")
        count = "" if rows is None else words.format(n=f"{rows:,}")
        role = "strong" if strong else ""
        named, note = label(title, role), label(kept, "hint", wrap=True)
        if not kept:
            note.hide()
        figures = label(count, "hint"), label(QLocale().formattedDataSize(size_bytes, 1), role)
        self._grid.addWidget(column_of(named, note, spacing=1), row, 0)
        for column, cell in enumerate(figures, 1):
            cell.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(cell, row, column)
        self._cells += [named, note, *figures]

    def _title(self, table: str) -> str:
        return {
            "requests": self.tr("Requests"),
            "spans": self.tr("Traces"),
            "metric_minutes": self.tr("Figures by the minute"),
            "metric_hours": self.tr("Figures by the hour"),
            "health_history": self.tr("Health checks"),
            "audit": self.tr("Audit log"),
        }.get(table, table)

    def _kept(self, size: StoredSize) -> str:
        if size.kept_days is None:
            return self.tr("kept for good")
        if size.most_rows is None:
            return self.tr("kept for {n} days").format(n=size.kept_days)
        most = f"{size.most_rows:,}"
        return self.tr("kept for {n} days, at most {most} rows").format(n=size.kept_days, most=most)


async def _sizes(core: Core) -> tuple[list[StoredSize], int]:
    found = await core.telemetry.sizes()
    return list(found.values()), await core.telemetry.database_bytes()
