"""The panels below the charts: circuit breakers, traces, the log, what was used, requests of a point."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from mastra_desktop.domain.events import ProviderState
from mastra_desktop.domain.telemetry import (
    BreakerRow,
    LogLine,
    Outcome,
    RequestRecord,
    Span,
    TraceSummary,
    UsageRow,
)
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.figure_table import RequestTable, UsageTable
from mastra_desktop.ui.item_models.log_rows import LogRows
from mastra_desktop.ui.item_models.metric_words import clock, day, milliseconds
from mastra_desktop.ui.item_models.trace_rows import TraceRows
from mastra_desktop.ui.panes.metrics_layout import Filled, TitledPanel
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.breaker_list import Breaker, BreakerList, Call
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.figure_view import FigureView
from mastra_desktop.ui.widgets.log_list import LogList
from mastra_desktop.ui.widgets.painting import Tone
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.segmented import Segmented
from mastra_desktop.ui.widgets.trace_list import TraceList, TraceScale

_TYPING_MS = 250
_CALLS: dict[Outcome, Call] = {
    Outcome.DONE: "ok",
    Outcome.STOPPED: "ok",
    Outcome.INTERRUPTED: "cut",
    Outcome.FAILED: "failed",
}


class BreakerPanel(TitledPanel):
    """Who is asked at present, with the last 20 calls."""

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        super().__init__(self.tr("Circuit breakers"), theme, [label(self.tr("last 20 calls"), "hint")])
        self.list = BreakerList(self.tr("Circuit breakers"), theme, icons)
        self.filled = Filled(self.list, self.tr("No provider was asked yet"))
        self.column.addWidget(self.filled)
        self.column.addStretch()

    def show_rows(self, rows: Sequence[BreakerRow], now: float) -> None:
        self.filled.set_filled(bool(rows))
        self.list.show_rows([self._breaker(row, now) for row in rows])

    def _breaker(self, row: BreakerRow, now: float) -> Breaker:
        words: dict[ProviderState, tuple[str, str, Tone]] = {
            ProviderState.CLOSED: (self.tr("Closed"), "check", "success"),
            ProviderState.OPEN: (self.tr("Open"), "circle-slash", "danger"),
            ProviderState.HALF_OPEN: (self.tr("Half-open"), "circle-dashed", "warn"),
            ProviderState.COOLING: (self.tr("Cooling down"), "pause", "warn"),
        }
        state, icon, tone = words[row.state]
        calls = tuple(_CALLS[outcome] for outcome in row.recent)
        failed = sum(call != "ok" for call in calls)
        note = self.tr("{n} of {all} failed").format(n=failed, all=len(calls)) if calls else ""
        if row.state is ProviderState.HALF_OPEN:
            note = self.tr("1 trial call")
        elif row.until is not None and row.until > now:
            minutes, seconds = divmod(round(row.until - now), 60)
            note = self.tr("Next try in {time}").format(time=f"{minutes}:{seconds:02}")
        return Breaker(row.provider, state, icon, tone, note, calls)


class TracePanel(TitledPanel):
    """Recent traces; one that is opened shows its spans."""

    order_chosen = Signal(bool)  # slowest first
    trace_wanted = Signal(str)

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        self.order = PickerButton(self.tr("Order"), theme, icons, list_width=180)
        super().__init__(self.tr("Recent traces"), theme, [self.order])
        self.model = TraceRows(self)
        self.view = TraceList(self.tr("Recent traces"), theme, icons)
        self.view.setObjectName("traceList")
        self.view.setModel(self.model)
        self._scale = TraceScale(theme)
        self.filled = Filled(self.view, self.tr("No traces in this time"))
        self.column.addWidget(self._scale)
        self.column.addWidget(self.filled, 1)
        self.view.trace_pressed.connect(self._pressed)
        self.order.picked.connect(lambda order: self._choose(order == "slow"))
        self._choose(False, quiet=True)

    def _choose(self, slowest: bool, *, quiet: bool = False) -> None:
        self.order.set_items(
            [
                PopupItem("new", self.tr("Newest first"), checked=not slowest),
                PopupItem("slow", self.tr("Slowest first"), checked=slowest),
            ]
        )
        if not quiet:
            self.order_chosen.emit(slowest)

    def show_traces(self, traces: Sequence[TraceSummary]) -> None:
        at = self.view.verticalScrollBar().value()
        if self.model.show_traces(traces):
            self.view.verticalScrollBar().setValue(at)
        self.filled.set_filled(bool(traces))
        scale = self.model.scale_ms
        self._scale.show_labels(
            ["0", *(milliseconds(scale * part / 3) for part in range(1, 4))] if scale else []
        )

    def show_spans(self, trace_id: str, spans: Sequence[Span]) -> None:
        self.model.open_trace(trace_id, spans)
        index = self.model.index(self.model.row_of(trace_id), 0)
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index, self.view.ScrollHint.PositionAtTop)

    def _pressed(self, trace_id: str) -> None:
        if self.model.is_open(trace_id):
            self.model.close_trace(trace_id)
            self.view.setCurrentIndex(self.model.index(self.model.row_of(trace_id), 0))
        else:
            self.trace_wanted.emit(trace_id)


class LogPanel(TitledPanel):
    """The log's end, by level and text."""

    wanted = Signal(str, str)  # level, text

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        tr = self.tr
        levels = (
            ("debug", tr("Debug")),
            ("info", tr("Info")),
            ("warning", tr("Warn")),
            ("error", tr("Error")),
        )
        self.levels = Segmented(levels, tr("Level"), theme)
        self.levels.set_chosen("info")
        self.search = IconButton("search", tr("Search in the log"), theme, icons, size=24, icon_size=14)
        self.search.setCheckable(True)
        super().__init__(tr("Log"), theme, [self.levels, self.search])
        self.field = SearchField(tr("Text, or the id of an operation"), theme, icons)
        self.field.setObjectName("logSearch")
        self._around = QWidget()
        around = QVBoxLayout(self._around)
        around.setContentsMargins(12, 8, 12, 2)
        around.addWidget(self.field)
        self.column.addWidget(self._around)
        self._around.hide()
        self.model = LogRows(self)
        self.view = LogList(tr("Log"), theme)
        self.view.setObjectName("logList")
        self.view.setModel(self.model)
        self.filled = Filled(self.view, tr("No such lines"))
        self.column.addWidget(self.filled, 1)
        self._typing = QTimer(self, singleShot=True, interval=_TYPING_MS)
        self._typing.timeout.connect(self._ask)
        self.field.textChanged.connect(lambda _text: self._typing.start())
        self.levels.chosen.connect(lambda _level: self._ask())
        self.search.toggled.connect(self._show_search)
        self.view.operation_wanted.connect(self.show_operation)

    def show_lines(self, lines: Sequence[LogLine]) -> None:
        self.model.show_lines(lines)
        self.filled.set_filled(bool(lines))

    def show_operation(self, operation_id: str) -> None:
        """Only the lines of that operation, of every level."""
        self.levels.set_chosen("debug")
        self.search.blockSignals(True)  # the keyboard stays where it is
        self.search.setChecked(True)
        self.search.blockSignals(False)
        self._around.show()
        self.field.setText(operation_id)
        self._typing.stop()
        self._ask()

    def _show_search(self, shown: bool) -> None:
        self._around.setVisible(shown)
        if shown:
            self.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.field.clear()

    def _ask(self) -> None:
        self.wanted.emit(self.levels.chosen_id(), self.field.text().strip())


class UsagePanel(TitledPanel):
    """Requests, tokens and cost by provider, model or day."""

    chosen = Signal(str)

    def __init__(self, theme: ThemeController) -> None:
        tr = self.tr
        choices = (("model", tr("By model")), ("provider", tr("By provider")), ("day", tr("By day")))
        self.by = Segmented(choices, tr("Usage and cost"), theme)
        super().__init__(tr("Usage and cost"), theme, [self.by])
        self.model = UsageTable(self)
        self.view = FigureView(tr("Usage and cost"), theme)
        self.view.setObjectName("usageTable")
        self.view.setModel(self.model)
        self.filled = Filled(self.view, tr("No requests in this time"))
        self.column.addWidget(self.filled)
        self.by.chosen.connect(self.chosen)

    def show_usage(self, rows: Sequence[UsageRow]) -> None:
        self.model.show_usage(rows)
        self.filled.set_filled(bool(rows))


class RequestPanel(TitledPanel):
    """The requests behind a point of a chart. A row leads to its trace and log lines, and to its chat."""

    request_chosen = Signal(object)
    chat_wanted = Signal(str, str)  # conversation, message
    closed = Signal()

    def __init__(self, theme: ThemeController, icons: Icons) -> None:
        self.open_chat = Button(self.tr("Open chat"), theme, icons, size="mini", icon="message-square")
        self.open_chat.setObjectName("openChat")
        self.close_button = IconButton("x", self.tr("Close"), theme, icons, size=24, icon_size=14)
        super().__init__("", theme, [self.open_chat, self.close_button])
        self.model = RequestTable(self)
        self.view = FigureView(self.tr("Requests"), theme, stretch=1)
        self.view.setObjectName("requestTable")
        self.view.setModel(self.model)
        self.filled = Filled(self.view, self.tr("No request ended in this time"))
        self.column.addWidget(self.filled)
        self._current: RequestRecord | None = None
        self.view.row_chosen.connect(self._chosen)
        self.open_chat.clicked.connect(self._open_chat)
        self.close_button.clicked.connect(self.closed)
        self.hide()

    def show_requests(
        self, requests: Sequence[RequestRecord], since: float, until: float, *, failed: bool = False
    ) -> None:
        """`failed`: these are those of them that have an error."""
        apart = until - since > 86_399
        begin, end = (
            (day(since), day(until)) if apart else (clock(since, whole=True), clock(until, whole=True))
        )
        title = self.tr("{n} requests, {begin} to {end}")
        nothing = self.tr("No request ended in this time")
        if failed:
            title = self.tr("{n} failed requests, {begin} to {end}")
            nothing = self.tr("No answer failed in this time; the log tells of the other errors")
        self.filled.set_words(nothing)
        self.title.setText(title.format(n=f"{len(requests):,}", begin=begin, end=end))
        self.setAccessibleName(self.title.text())
        self.model.show_requests(requests)
        self.filled.set_filled(bool(requests))
        self._current = None
        self.open_chat.setEnabled(False)
        self.show()

    def _chosen(self, row: int) -> None:
        self._current = self.model.requests[self.model.key(row)]
        self.open_chat.setEnabled(bool(self._current.conversation_id))
        self.request_chosen.emit(self._current)

    def _open_chat(self) -> None:
        if self._current is not None:
            self.chat_wanted.emit(self._current.conversation_id, self._current.message_id)


def seconds_ago(at: float) -> int:
    """Whole seconds since `at` of `time.monotonic`."""
    return max(0, round(time.monotonic() - at))
