"""The end of the log as rows, the newest first."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.telemetry import LogLine
from mastra_desktop.ui.item_models.metric_words import clock
from mastra_desktop.ui.metrics_roles import LogRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
_LEVELS = {
    "debug": ("DEBUG", ""),
    "info": ("INFO", "info"),
    "warning": ("WARN", "warn"),
    "error": ("ERROR", "danger"),
    "critical": ("ERROR", "danger"),
}


class LogRows(QAbstractListModel):
    """New lines come in at the top; those below stay."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._lines: list[LogLine] = []  # newest first

    @property
    def lines(self) -> Sequence[LogLine]:
        return self._lines

    def show_lines(self, oldest_first: Sequence[LogLine]) -> None:
        new = list(reversed(oldest_first))
        if new == self._lines:
            return
        fresh = new.index(self._lines[0]) if self._lines and self._lines[0] in new else -1
        if fresh > 0 and new[fresh:] == self._lines[: len(new) - fresh]:
            self.beginInsertRows(NO_PARENT, 0, fresh - 1)
            self._lines[:0] = new[:fresh]
            self.endInsertRows()
            if len(self._lines) > len(new):
                self.beginRemoveRows(NO_PARENT, len(new), len(self._lines) - 1)
                del self._lines[len(new) :]
                self.endRemoveRows()
            return
        self.beginResetModel()
        self._lines = new
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self._lines):
            return None
        line = self._lines[index.row()]
        level, tone = _LEVELS.get(line.level, (line.level.upper(), ""))
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return _sentence(line)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{clock(line.at, whole=True)} {level} {_source(line)}: {_sentence(line)}"
            case Qt.ItemDataRole.ToolTipRole:
                facts = [f"{key}: {value[:400]}" for key, value in line.facts.items()]
                return "\n".join([line.event, line.logger, *facts])
            case LogRole.TIME:
                return clock(line.at, whole=True)
            case LogRole.LEVEL:
                return level
            case LogRole.TONE:
                return tone
            case LogRole.SOURCE:
                return _source(line)
            case LogRole.OPERATION:
                return line.operation_id
        return None


def _source(line: LogLine) -> str:
    return line.logger.rpartition(".")[2]


def _sentence(line: LogLine) -> str:
    """What happened, and its facts in short; ids and tracebacks are in the tooltip."""
    facts = [line.facts["message"][:200]] if line.facts.get("message") else []
    facts += [
        f"{key.replace('_', ' ')} {value[:80]}"
        for key, value in line.facts.items()
        if key not in ("message", "traceback", "operation") and not key.endswith("id")
    ]
    return f"{line.event}: {', '.join(facts)}" if facts else line.event
