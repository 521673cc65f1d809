"""What the Metrics pane asks the core for, and when: once a second at most, and only while somebody looks."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from mastra_desktop.domain.telemetry import HealthSample, LogLine, Point, Snapshot, TraceSummary, UsageRow
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.panes.metrics_charts import NAMES
from mastra_desktop.ui.tasks import Tasks

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.services.health import Report

By = Literal["provider", "model", "day"]
TICK_MS = 1000
TASK = "metrics-read"
LOG_LINES = 200
TRACES = 40
_EVERY_S = {"curves": 5.0, "traces": 5.0, "log": 3.0, "usage": 15.0, "health": 10.0}
_CURVES_EVERY_S = {900: 5.0, 3600: 20.0}  # by the range
_DATABASE_EVERY_S = 60.0  # where curves come from there
_HEALTH_S = 6 * 3600


@dataclass
class View:
    """What is looked at."""

    range_s: int = 900
    usage_by: By = "model"
    slowest_first: bool = False
    log_level: str = "info"
    log_text: str = ""


@dataclass
class News:
    """What one reading found; None was not asked for."""

    now: Snapshot
    range_s: int
    curves: dict[str, list[Point]] | None = None
    traces: Sequence[TraceSummary] | None = None
    log: Sequence[LogLine] | None = None
    usage: Sequence[UsageRow] | None = None
    health: Report | None = None
    health_history: Sequence[HealthSample] = ()


@dataclass
class _Due:
    """When each part was read last, by `time.monotonic`."""

    at: dict[str, float] = field(default_factory=dict)

    def take(self, part: str, every_s: float, now: float) -> bool:
        if now - self.at.get(part, -1e9) < every_s - 0.2:
            return False
        self.at[part] = now
        return True


class MetricsFeed(QObject):
    """`look(True)` begins; nothing at all happens while nobody looks, or while paused."""

    news = Signal(object)

    def __init__(self, bridge: Bridge, tasks: Tasks, parent: QObject) -> None:
        super().__init__(parent)
        self.view = View()
        self._bridge, self._tasks = bridge, tasks
        self._due = _Due()
        self._looking = self._paused = False
        self.read_at = 0.0  # by time.monotonic
        self._timer = QTimer(self, interval=TICK_MS)
        self._timer.timeout.connect(self._tick)

    @property
    def running(self) -> bool:
        return self._timer.isActive()

    @property
    def paused(self) -> bool:
        return self._paused

    def look(self, looking: bool) -> None:
        """The pane can be seen, or cannot any more."""
        if looking == self._looking:
            return
        self._looking = looking
        self._switch()

    def pause(self, paused: bool) -> None:
        self._paused = paused
        self._switch()

    def stale(self, *parts: str) -> None:
        """Reads these at once, also while paused: curves, traces, log, usage, health; none is all."""
        for part in parts or tuple(_EVERY_S):
            self._due.at.pop(part, None)
        if self._looking:
            self._read()

    def _switch(self) -> None:
        if self._looking and not self._paused:
            self._timer.start()
            self._read()
        else:
            self._timer.stop()

    def _tick(self) -> None:
        if not self._tasks.running(TASK):  # a slow answer is waited for
            self._read()

    def _read(self) -> None:
        self._tasks.start(self._ask(), key=TASK)

    async def _ask(self) -> None:
        now = time.monotonic()
        view = self.view
        before = dict(self._due.at)
        every_s = _EVERY_S | {"curves": _CURVES_EVERY_S.get(view.range_s, _DATABASE_EVERY_S)}
        parts = {part for part, every in every_s.items() if self._due.take(part, every, now)}
        try:
            found = await self._bridge.call(lambda core: _ask_core(core, view, parts))
        except BaseException:
            self._due.at = before  # asked for again, also when another reading took this one's place
            raise
        self.read_at = time.monotonic()
        self.news.emit(found)


async def _ask_core(core: Core, view: View, parts: set[str]) -> News:
    telemetry = core.telemetry
    news = News(await telemetry.live(), view.range_s)
    if "curves" in parts:
        news.curves = await telemetry.series(NAMES, view.range_s)
    if "traces" in parts:
        news.traces = await telemetry.recent_traces(
            view.range_s, slowest_first=view.slowest_first, limit=TRACES
        )
    if "log" in parts:
        news.log = await telemetry.log_tail(view.log_level, view.log_text, LOG_LINES)
    if "usage" in parts:
        news.usage = await telemetry.usage(view.usage_by, view.range_s)
    if "health" in parts:
        news.health = await core.health.quick()
        news.health_history = await telemetry.health_history(range_s=_HEALTH_S)
    return news
