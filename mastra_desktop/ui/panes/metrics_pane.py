"""The Metrics pane: health, eight charts, breakers, traces, log and use, live while somebody looks."""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QPixmap, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QFileDialog, QGridLayout, QScrollArea, QVBoxLayout, QWidget

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.domain.telemetry import Point, RequestFilter, RequestRecord
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.metrics_charts import MetricCharts
from mastra_desktop.ui.panes.metrics_feed import MetricsFeed, News
from mastra_desktop.ui.panes.metrics_header import RANGES, MetricsHeader
from mastra_desktop.ui.panes.metrics_health import HealthCards
from mastra_desktop.ui.panes.metrics_layout import GAP, Tiles
from mastra_desktop.ui.panes.metrics_panels import (
    BreakerPanel,
    LogPanel,
    RequestPanel,
    TracePanel,
    UsagePanel,
    seconds_ago,
)
from mastra_desktop.ui.session import put
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController

_WIDE, _MIDDLE = 1240, 960  # of the pane: four columns, two, one
_PANELS = 344
_MOST_REQUESTS = 500
_REQUESTS, _TRACE, _CHECK = "metrics-requests", "metrics-trace", "metrics-check"


class MetricsPane(QWidget):
    """Wires header, cards, charts and panels to one feed."""

    failed = Signal(object)
    notice = Signal(str, str, str, str, object)  # title, text, tone, action label, what the action does
    chat_wanted = Signal(str, str)  # conversation, message
    health_shown = Signal(int, int)  # how many checks are well, of how many

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("MetricsPane")
        self.setAccessibleName(self.tr("Metrics and health"))
        self._theme, self._state, self._bridge, self._tasks = theme, state, bridge, tasks
        self._columns = 0
        self.header = MetricsHeader(theme, icons)
        self.health = HealthCards(theme, icons, self)
        self.charts = MetricCharts(theme, self)
        self.chart_tiles = Tiles()
        self.chart_tiles.set_tiles(list(self.charts.charts.values()))
        self.requests = RequestPanel(theme, icons)
        self.breakers = BreakerPanel(theme, icons)
        self.traces = TracePanel(theme, icons)
        self.log = LogPanel(theme, icons)
        self.usage = UsagePanel(theme)
        self.feed = MetricsFeed(bridge, tasks, self)
        self._age = QTimer(self, interval=1000)
        self._age.timeout.connect(self._show_age)
        self._build()
        self._connect()
        self._restore()

    def _build(self) -> None:
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(20, 14, 20, 14)
        column.setSpacing(GAP)
        self._panels = QWidget()
        self._grid = QGridLayout(self._panels)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(GAP)
        for part in (self.health.tiles, self.chart_tiles, self.requests, self._panels, self.usage):
            column.addWidget(part)
        column.addStretch()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.area.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.setSpacing(0)
        whole.addWidget(self.header)
        whole.addWidget(self.area, 1)
        self.setFocusProxy(self.header.ranges)

    def _connect(self) -> None:
        header, feed = self.header, self.feed
        header.range_chosen.connect(self.show_range)
        header.pause_pressed.connect(self.pause)
        header.csv_wanted.connect(self._choose_csv)
        header.png_wanted.connect(self._choose_png)
        feed.news.connect(self._show_news)
        self.charts.chosen.connect(self._show_requests_of)
        self.health.check_wanted.connect(lambda _name: self.check_now())
        self.requests.request_chosen.connect(self._follow)
        self.requests.chat_wanted.connect(self.chat_wanted)
        self.requests.closed.connect(self.requests.hide)
        self.traces.order_chosen.connect(self._order)
        self.traces.trace_wanted.connect(self.open_trace)
        self.log.wanted.connect(self._filter_log)
        self.usage.chosen.connect(self._group_usage)

    def _restore(self) -> None:
        choice = str(self._state.value("metrics/range", "15m"))
        choice = choice if choice in RANGES else "15m"
        self.header.ranges.set_chosen(choice)
        self.feed.view.range_s = RANGES[choice]

    # -- from the window ----------------------------------------------------------------------------

    def stops(self) -> list[QWidget]:
        """What F6 goes through."""
        first_chart = next(iter(self.charts.charts.values()))
        cards = [*self.health.cards[:1]]
        return [
            w
            for w in (
                self.header.pause,
                *cards,
                first_chart,
                self.requests.view,
                self.traces.view,
                self.log.view,
            )
            if w.isVisible()
        ]

    def focus_search(self) -> None:
        self.log.search.setChecked(True)
        self.log.field.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.area.ensureWidgetVisible(self.log)

    def close_overlay(self) -> bool:
        """Closes the list of requests; False when it was not open."""
        if self.requests.isHidden():
            return False
        self.requests.hide()
        return True

    def save_state(self) -> None:
        put(self._state, "metrics/range", self.header.ranges.chosen_id())

    # -- looking ------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.window().installEventFilter(self)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self.window().removeEventFilter(self)
        self._look()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowStateChange:
            self._look()
        return False

    def _look(self) -> None:
        seen = self.isVisible() and not self.window().isMinimized()
        self.feed.look(seen)
        if self.feed.running:
            self._age.start()
        else:
            self._age.stop()

    def pause(self, paused: bool) -> None:
        """Figures stand still; a range, a filter or "Check now" still reads once."""
        self.feed.pause(paused)
        self.header.show_paused(paused)
        self._look()

    def show_range(self, range_s: int) -> None:
        """The last so many seconds, in charts, traces and use."""
        self.feed.view.range_s = range_s
        self.feed.stale("curves", "traces", "usage")

    def _show_age(self) -> None:
        self.header.show_live(seconds_ago(self.feed.read_at))

    def _show_news(self, news: News) -> None:
        self.header.show_live(0)
        if news.curves is not None and news.range_s == self.feed.view.range_s:
            self.charts.show_points(news.curves, news.range_s, _step(news.curves))
        self.charts.show_now(news.now)
        self.breakers.show_rows(news.now.breakers, news.now.at)
        if news.traces is not None:
            self.traces.show_traces(news.traces)
        if news.log is not None:
            self.log.show_lines(news.log)
        if news.usage is not None:
            self.usage.show_usage(news.usage)
        if news.health is not None:
            self.health.show(news.health, news.health_history)
            self._place_cards()
            self.health_shown.emit(*self.health.healthy)

    # -- health -------------------------------------------------------------------------------------

    def check_now(self) -> None:
        """Makes all checks, and shows what they found."""
        if self._tasks.running(_CHECK):
            return
        self.health.set_checking(True)
        self._tasks.start(self._check(), key=_CHECK)

    async def _check(self) -> None:
        try:
            self.health.show_tried(await self._bridge.call(lambda core: core.health.full()))
        finally:
            self.health.set_checking(False)
        self.feed.stale("health")

    # -- from a point to its requests, from there on ---------------------------------------------------

    def _show_requests_of(self, chart: str, since: float, until: float) -> None:
        wanted = RequestFilter(slowest_first=chart in ("latency", "first_token"), limit=_MOST_REQUESTS)
        self._tasks.start(self._load_requests(since, until, wanted, chart == "errors"), key=_REQUESTS)

    async def _load_requests(
        self, since: float, until: float, wanted: RequestFilter, only_errors: bool
    ) -> None:
        found = await self._bridge.call(lambda core: core.telemetry.behind(since, until, wanted))
        if only_errors:
            found = [request for request in found if request.error_code]
        self.requests.show_requests(found, since, until, failed=only_errors)
        self.requests.view.setFocus(Qt.FocusReason.OtherFocusReason)
        QTimer.singleShot(0, self, lambda: self.area.ensureWidgetVisible(self.requests))

    def _follow(self, request: RequestRecord) -> None:
        """Its trace and its lines of the log."""
        if request.trace_id:
            self.open_trace(request.trace_id)
            self.log.show_operation(request.trace_id)

    def open_trace(self, trace_id: str) -> None:
        self._tasks.start(self._load_trace(trace_id), key=_TRACE)

    async def _load_trace(self, trace_id: str) -> None:
        spans = await self._bridge.call(lambda core: core.telemetry.trace(trace_id))
        if spans:
            self.traces.show_spans(trace_id, spans)

    def _order(self, slowest_first: bool) -> None:
        self.feed.view.slowest_first = slowest_first
        self.feed.stale("traces")

    def _filter_log(self, level: str, text: str) -> None:
        self.feed.view.log_level, self.feed.view.log_text = level, text
        self.feed.stale("log")

    def _group_usage(self, by: str) -> None:
        self.feed.view.usage_by = by  # type: ignore[assignment]  # one of the three
        self.feed.stale("usage")

    # -- export -------------------------------------------------------------------------------------

    def _choose_csv(self) -> None:
        self._choose("metrics.csv", self.tr("Figures (*.csv)"), self.export_csv)

    def _choose_png(self) -> None:
        self._choose("metrics.png", self.tr("Picture (*.png)"), self.export_png)

    def _choose(self, name: str, kinds: str, save: object) -> None:
        dialog = QFileDialog(self, self.tr("Export"), str(Path.home() / name), kinds)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: save(Path(path)))  # type: ignore[operator]
        dialog.open()

    def export_csv(self, path: Path) -> None:
        """The curves in view, and the requests beside them."""

        async def export() -> None:
            range_s = self.feed.view.range_s
            count = await self._bridge.call(lambda core: core.telemetry.export_csv(path, range_s))
            text = self.tr("{n} requests, in {folder}.").format(n=f"{count:,}", folder=path.parent)
            self.notice.emit(self.tr("Figures exported"), text, "success", "", None)

        self._tasks.start(export(), key="metrics-export")

    def export_png(self, path: Path) -> None:
        """The whole pane as a picture, with what has to be scrolled to."""
        inside = self.area.widget() or self
        picture = QPixmap(inside.size() * self.devicePixelRatio())
        picture.setDevicePixelRatio(self.devicePixelRatio())
        picture.fill(self._theme.current.color("surface.content"))
        inside.render(picture)
        if not picture.save(str(path), "PNG"):
            self.failed.emit(StorageError(self.tr("{path} cannot be written.").format(path=path)))
            return
        self.notice.emit(self.tr("Picture exported"), str(path), "success", "", None)

    # -- widths -------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        width = event.size().width()
        columns = 4 if width >= _WIDE else 2 if width >= _MIDDLE else 1
        if columns == self._columns:
            return
        self._columns = columns
        self._place_cards()
        self.chart_tiles.set_columns(columns)
        self._place_panels(columns)

    def _place_cards(self) -> None:
        """Rows of about the same length."""
        most = {4: 6, 2: 4, 1: 3}.get(self._columns, 6)
        cards = max(1, len(self.health.cards))
        self.health.tiles.set_columns(math.ceil(cards / math.ceil(cards / most)))

    def _place_panels(self, columns: int) -> None:
        """Side by side; breakers and traces above the log; or all below each other."""
        places = {
            4: ((0, 0, 1), (0, 1, 1), (0, 2, 1)),
            2: ((0, 0, 1), (0, 1, 1), (1, 0, 2)),
            1: ((0, 0, 1), (1, 0, 1), (2, 0, 1)),
        }[columns]
        stretches = {4: (264, 562, 477), 2: (1, 2, 0), 1: (1, 0, 0)}[columns]
        while self._grid.count():
            self._grid.takeAt(0)
        for panel, (row, column, span) in zip((self.breakers, self.traces, self.log), places, strict=True):
            panel.setMinimumHeight(self._theme.current.scaled(_PANELS) if panel is not self.breakers else 0)
            self._grid.addWidget(panel, row, column, 1, span)
        for column, stretch in enumerate(stretches):
            self._grid.setColumnStretch(column, stretch)


def _step(curves: dict[str, list[Point]]) -> float:
    """How long a point stands for, in seconds."""
    points = next((points for points in curves.values() if len(points) > 1), None)
    return points[1].at - points[0].at if points else 60.0
