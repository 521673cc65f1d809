"""Tables of figures: the requests behind a point, and what was used by provider, model and day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.telemetry import Outcome, RequestRecord, UsageRow
from mastra_desktop.ui.item_models.metric_words import clock, day, milliseconds

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
_LEFT = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
_RIGHT = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
UNKNOWN = "–"


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    number: bool = False  # at the right


class FigureTable(QAbstractTableModel):
    """Rows of words under fixed columns; `key` names a row."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns = tuple(columns)
        self._rows: list[tuple[str, tuple[str, ...]]] = []

    @property
    def columns(self) -> Sequence[Column]:
        return self._columns

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The words as they are shown."""
        return [words for _, words in self._rows]

    def key(self, row: int) -> str:
        return self._rows[row][0]

    def show_rows(self, rows: Sequence[tuple[str, tuple[str, ...]]]) -> None:
        """(key, words) of each; only cells that changed are painted when the keys stay."""
        new = list(rows)
        if [key for key, _ in new] != [key for key, _ in self._rows]:
            self.beginResetModel()
            self._rows = new
            self.endResetModel()
            return
        before, self._rows = self._rows, new
        for number, (old, row) in enumerate(zip(before, new, strict=True)):
            if old != row:
                self.dataChanged.emit(self.index(number, 0), self.index(number, len(self._columns) - 1))

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not (0 <= index.row() < len(self._rows) and 0 <= index.column() < len(self._columns)):
            return None
        words = self._rows[index.row()][1][index.column()]
        match role:
            case Qt.ItemDataRole.DisplayRole | Qt.ItemDataRole.ToolTipRole:
                return words
            case Qt.ItemDataRole.TextAlignmentRole:
                return int(_RIGHT if self._columns[index.column()].number else _LEFT)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{self._columns[index.column()].title}: {words}"
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        if orientation == Qt.Orientation.Vertical or not 0 <= section < len(self._columns):
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self._columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return int(_RIGHT if self._columns[section].number else _LEFT)
        return None


class RequestTable(FigureTable):
    """Answers, one a row; the key is the request's id."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__((), parent)
        self._columns = (
            Column(self.tr("Time")),
            Column(self.tr("Model")),
            Column(self.tr("Outcome")),
            Column(self.tr("Duration"), number=True),
            Column(self.tr("First token"), number=True),
            Column(self.tr("Tokens in"), number=True),
            Column(self.tr("Tokens out"), number=True),
            Column(self.tr("Cost"), number=True),
        )
        self.requests: dict[str, RequestRecord] = {}

    def show_requests(self, requests: Sequence[RequestRecord]) -> None:
        self.requests = {request.id: request for request in requests}
        self.show_rows([(request.id, self._words(request)) for request in requests])

    def _words(self, request: RequestRecord) -> tuple[str, ...]:
        first = request.first_token_ms
        return (
            f"{day(request.at)} {clock(request.at, whole=True)}",
            f"{request.provider}/{request.model}",
            self._outcome(request),
            milliseconds(request.duration_ms),
            UNKNOWN if first is None else milliseconds(first),
            number(request.input_tokens),
            number(request.output_tokens),
            cost(request.cost_usd),
        )

    def _outcome(self, request: RequestRecord) -> str:
        if request.cached:
            return self.tr("From the cache")
        words = {
            Outcome.DONE: self.tr("Done"),
            Outcome.STOPPED: self.tr("Stopped"),
            Outcome.INTERRUPTED: self.tr("Interrupted"),
            Outcome.FAILED: self.tr("Failed"),
        }[request.outcome]
        return f"{words}: {request.error_code}" if request.error_code else words


class UsageTable(FigureTable):
    """Sums, one row for each provider, model or day."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__((), parent)
        self._columns = (
            Column(self.tr("Name")),
            Column(self.tr("Requests"), number=True),
            Column(self.tr("Failed"), number=True),
            Column(self.tr("Tokens in"), number=True),
            Column(self.tr("From cache"), number=True),
            Column(self.tr("Tokens out"), number=True),
            Column(self.tr("Cost"), number=True),
        )

    def show_usage(self, rows: Sequence[UsageRow]) -> None:
        self.show_rows([(row.key, self._words(row)) for row in rows])

    def _words(self, row: UsageRow) -> tuple[str, ...]:
        price = cost(row.cost_usd)
        if row.unpriced and row.cost_usd is not None:
            price = self.tr("{cost} + {n} unknown").format(cost=price, n=f"{row.unpriced:,}")
        return (
            row.key,
            f"{row.requests:,}",
            f"{row.failed:,}",
            number(row.input_tokens),
            number(row.cached_input_tokens),
            number(row.output_tokens),
            price,
        )


def number(value: int | None) -> str:
    return UNKNOWN if value is None else f"{value:,}"


def cost(value: float | None) -> str:
    """In US dollars, as exact as small sums need."""
    if value is None:
        return UNKNOWN
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"
