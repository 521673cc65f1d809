"""Traces as rows, and the spans of those that are open below them, as a waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from mastra_desktop.domain.telemetry import Outcome, Span, TraceSummary
from mastra_desktop.ui.item_models.metric_words import milliseconds
from mastra_desktop.ui.metrics_roles import TraceRole

Index = QModelIndex | QPersistentModelIndex
NO_PARENT = QModelIndex()
_FAILED = (Outcome.FAILED, Outcome.INTERRUPTED)
_DEEPEST = 6
_KINDS = (  # (how a span's name begins, icon, colour)
    ("knowledge", "library", "chart.s3"),
    ("retrieval", "library", "chart.s3"),
    ("embed", "library", "chart.s3"),
    ("memory", "brain", "chart.s3"),
    ("tool", "wrench", "chart.s2"),
    ("database", "database", "chart.s4"),
    ("db", "database", "chart.s4"),
    ("cache", "zap", "chart.s3"),
    ("model", "cpu", "chart.s1"),
    ("chat", "cpu", "chart.s1"),
)


@dataclass(frozen=True, slots=True)
class _Row:
    summary: TraceSummary
    span: Span | None = None
    depth: int = 0


class TraceRows(QAbstractListModel):
    """`scale_ms` is the length of the longest trace that is shown."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._traces: Sequence[TraceSummary] = ()
        self._asked: TraceSummary | None = None  # opened, though it is not among the others
        self._spans: dict[str, Sequence[Span]] = {}  # of those that are open
        self._rows: list[_Row] = []
        self.scale_ms = 0.0

    @property
    def traces(self) -> Sequence[TraceSummary]:
        return self._traces

    def show_traces(self, traces: Sequence[TraceSummary]) -> bool:
        """Shows these; what is open stays open. Whether anything changed."""
        if self._asked is not None and all(t.trace_id != self._asked.trace_id for t in traces):
            traces = (self._asked, *traces)
        if list(traces) == list(self._traces):
            return False
        self._traces = tuple(traces)
        self._spans = {t.trace_id: self._spans[t.trace_id] for t in traces if t.trace_id in self._spans}
        self._build()
        return True

    def open_trace(self, trace_id: str, spans: Sequence[Span]) -> None:
        """Shows the spans below their trace; one that is not in the list comes to its top."""
        if self.row_of(trace_id) < 0 and spans:
            root = next((span for span in spans if not span.parent_id), spans[0])
            model = str(root.facts.get("gen_ai.request.model", ""))
            self._asked = TraceSummary(
                trace_id, root.name, root.at, root.duration_ms, root.outcome, model, len(spans)
            )
            self._traces = (self._asked, *self._traces)
        self._spans[trace_id] = spans
        self._build()

    def close_trace(self, trace_id: str) -> None:
        self._spans.pop(trace_id, None)
        self._build()

    def is_open(self, trace_id: str) -> bool:
        return trace_id in self._spans

    def row_of(self, trace_id: str) -> int:
        """Of the trace itself; -1 when it is not there."""
        return next((n for n, row in enumerate(self._rows) if row.summary.trace_id == trace_id), -1)

    def _build(self) -> None:
        self.beginResetModel()
        self.scale_ms = max((t.duration_ms for t in self._traces), default=0.0)
        self._rows = []
        for trace in self._traces:
            self._rows.append(_Row(trace))
            spans = self._spans.get(trace.trace_id, ())
            depths = _depths(spans)
            self._rows += [_Row(trace, span, depths[span.id]) for span in spans if span.parent_id]
        self.endResetModel()

    def rowCount(self, parent: Index = NO_PARENT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        if not 0 <= index.row() < len(self._rows):
            return None
        row = self._rows[index.row()]
        summary, span = row.summary, row.span
        begun, lasted, outcome, name = (
            (summary.at, summary.duration_ms, summary.outcome, self._name(summary))
            if span is None
            else (span.at, span.duration_ms, span.outcome, span.name)
        )
        failed = outcome in _FAILED
        scale = self.scale_ms or 1.0
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return name
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{name}, {milliseconds(lasted)}" + (f", {outcome.value}" if failed else "")
            case Qt.ItemDataRole.ToolTipRole:
                facts = {} if span is None else span.facts
                return "\n".join([name, *(f"{key}: {value}" for key, value in facts.items())])
            case TraceRole.TRACE_ID:
                return summary.trace_id
            case TraceRole.DEPTH:
                return row.depth
            case TraceRole.OPEN:
                return span is None and summary.trace_id in self._spans
            case TraceRole.ICON:
                return _kind(name)[0] if span is not None else ""
            case TraceRole.COLOR:
                return "chart.s5" if failed else "chart.s6" if span is None else _kind(name)[1]
            case TraceRole.START:
                return min(1.0, max(0.0, (begun - summary.at) * 1000 / scale))
            case TraceRole.LENGTH:
                return min(1.0, lasted / scale)
            case TraceRole.DURATION:
                return milliseconds(lasted)
            case TraceRole.FAILED:
                return failed
        return None

    def _name(self, summary: TraceSummary) -> str:
        words = {
            "request": self.tr("Chat turn"),
            "reply": self.tr("Chat turn"),
            "knowledge.search": self.tr("Search of knowledge"),
            "knowledge.add": self.tr("Add files"),
        }.get(summary.name, summary.name)
        return f"{words}, {summary.model}" if summary.model else words


def _kind(name: str) -> tuple[str, str]:
    """(icon, colour) of a span."""
    found = next(((icon, color) for start, icon, color in _KINDS if name.startswith(start)), None)
    return found or ("circle-dashed", "chart.s6")


def _depths(spans: Sequence[Span]) -> dict[str, int]:
    """How far below the first span each one is; one whose parent is missing stands right below."""
    parents = {span.id: span.parent_id for span in spans}
    found: dict[str, int] = {}
    for span in spans:
        depth, at = 0, span.parent_id
        while at and depth < _DEEPEST:
            depth += 1
            at = parents.get(at, "")
        found[span.id] = depth
    return found
