"""What the Metrics pane and the API show: curves, requests, traces, usage, the log's end, this moment.

While the core belongs to a window or to `serve` it looks at everything each 5 s; an hour of that stays in
memory. Once a minute the sums go into the database, which keeps minutes for a week and hours for 90 days.
"""

from __future__ import annotations

import asyncio
import csv
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from mastra_desktop.domain.errors import ConfigError, KnowledgeError, MastraError, StorageError
from mastra_desktop.domain.events import (
    BusEvent,
    ConfigRefused,
    DocumentChanged,
    ProviderHealthChanged,
    WorkFailed,
)
from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.domain.telemetry import (
    Amount,
    BreakerRow,
    HealthSample,
    LogLine,
    Point,
    RequestFilter,
    RequestRecord,
    Snapshot,
    Span,
    StoredSize,
    TraceSummary,
    UsageRow,
)
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.logging import FILE_NAME, get_logger
from mastra_desktop.services import log_tail, series
from mastra_desktop.services.gauges import Gauges
from mastra_desktop.store import sizes, telemetry

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.metrics import Metrics, Tally
    from mastra_desktop.ops.traces import Traces
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.services.recording import Recorder
    from mastra_desktop.store.database import Database

SAMPLE_S = 5.0
GATHER_S = 0.25  # from the first row of an answer that waits to all of them in the database
RING = 720  # samples: an hour
COUNT_EVERY_S = 60.0
PRUNE_EVERY_S = 3600.0
MOST_PIECES = 50  # of one pruning round
RANGES = {900: 20, 3600: 60, 6 * 3600: 300, 86_400: 1200, 7 * 86_400: 7200, 90 * 86_400: 86_400}
"""Lengths of time that can be asked for, in seconds, and the stretch that one point covers."""
EXPORTED = (
    "requests_per_s",
    "latency_p50",
    "latency_p95",
    "latency_p99",
    "first_token_local",
    "first_token_provider",
    "tokens_in_per_min",
    "tokens_out_per_min",
    "errors_per_min",
    "errors_per_min.*",
    "cache_hit_ratio",
    "memory",
    "memory.*",
    "running.*",
    "loop_lag",
    "stalls_per_min",
    "search_p50",
    "search_p95",
)
ALL = RequestFilter()
_UNDER_WAY = (DocumentState.QUEUED, DocumentState.READING, DocumentState.SPLITTING, DocumentState.EMBEDDING)

log = get_logger(__name__)


class TelemetryService:
    """`owning`: this process may write. `sampling`: it lives long enough to be looked at."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        recorder: Recorder,
        providers: ProvidersService,
        gauges: Gauges,
        logs: Path,
        *,
        owning: bool,
        sampling: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._bus = bus
        self.metrics: Metrics = recorder.metrics
        self.traces: Traces = recorder.traces
        self._recorder = recorder
        self._providers = providers
        self._gauges = gauges
        self._log_file = logs / FILE_NAME
        self._owning = owning
        self._sampling = sampling
        self._clock = clock
        self._ring: deque[tuple[float, Tally]] = deque(maxlen=RING)
        self._past: list[Amount] = []  # the hour before this process, by the minute
        self._minute: dict[int, Tally] = {}  # not yet in the database
        self._documents: set[str] = set()  # under way
        self._failed: set[str] = set()  # documents whose failure is counted
        self._watched_until = clock()
        self._pruned_at = 0.0
        self._counted_at = 0.0
        self._to_keep = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Watches for as long as the block runs, and keeps what is left at its end."""
        unsubscribe = self._bus.subscribe(self._heard)
        self._watched_until = self._clock()
        self._recorder.on_waiting = self._to_keep.set
        try:
            async with AsyncExitStack() as stack:
                if self._owning:
                    await stack.enter_async_context(in_background(self._keep_on, "figures that wait"))
                if self._sampling:
                    await stack.enter_async_context(in_background(self._sample_on, "samples"))
                yield
        finally:
            unsubscribe()
            await self._keep_rest()

    # -- asked by the pane and the API ---------------------------------------------------------------

    async def series(self, names: Sequence[str], range_s: int) -> dict[str, list[Point]]:
        """Curves over the last `range_s` seconds, one of RANGES (another one is taken as the next longer).

        Names: requests_per_s, latency_p50/_p95/_p99, first_token_local, first_token_provider (medians),
        tokens_in_per_min, tokens_out_per_min, errors_per_min[.code], cache_hit_ratio, memory[.process],
        running[.chats|.documents], loop_lag, stalls_per_min, search_p50/_p95/_p99; `name.*` is one curve for
        each label there is. Seconds, bytes, shares 0 to 1. All curves have their points at the same times.
        Raises KeyError for a name that does not exist.
        """
        length, step = step_for(range_s)
        now = self._clock()
        since = int(now - length) // step * step + step
        wanted = {amount for name in names for amount in series.amount_names(name.partition(".*")[0])}
        if length <= RING * SAMPLE_S:
            amounts = [a for a in self._recent(since) if a.at >= since and a.name in wanted]
        else:
            hours = step >= 3600
            found = await self._db.read(telemetry.amounts, wanted, since, now, step, hours=hours)
            amounts = [*found, *(a for a in self._unkept() if a.name in wanted)]
        slots = series.gathered(amounts, step)
        return {name: series.curve(name, slots, since, now, step) for name in series.expanded(names, slots)}

    async def live(self) -> Snapshot:
        """This moment."""
        now = self._clock()
        last = series.gathered((a for a in self._recent(now - 60) if a.at > now - 60), 10**10).get(0, {})
        tokens = {label: int(t) for (name, label), (_, t) in last.items() if name == "tokens"}
        watched = ("up", "") in last
        gauges = self._gauges
        return Snapshot(
            at=now,
            requests_per_s=series.value("requests_per_s", last),
            errors_last_minute={label: int(t) for (name, label), (_, t) in last.items() if name == "errors"},
            tokens_in_last_minute=tokens.get("input", 0) if watched else None,
            tokens_out_last_minute=tokens.get("output", 0) if watched else None,
            running={**gauges.running(), "documents": len(self._documents)},
            memory_bytes=self.metrics.memory_bytes,
            memory_total_bytes=gauges.memory_total_bytes,
            cpu_share=gauges.cpu_share,
            event_loop_lag_s=self.metrics.value("event_loop_lag_seconds"),
            writes_waiting=self._db.waiting,
            breakers=await self.breakers(),
        )

    def figures(self) -> tuple[float | None, int, int | None]:
        """At no cost, for the status bar: share of a core, bytes of our processes, bytes there are."""
        gauges = self._gauges
        return gauges.cpu_share, sum(self.metrics.memory_bytes.values()), gauges.memory_total_bytes

    async def breakers(self) -> tuple[BreakerRow, ...]:
        """Every provider that was asked since the start, and how its last 20 answers ended."""
        await self._keep_finished()
        states = {health.provider_id: health for health in self._providers.health()}
        outcomes = await self._db.read(telemetry.last_outcomes, sorted(states))
        return tuple(
            BreakerRow(name, states[name].state, states[name].until, outcomes[name])
            for name in sorted(states)
        )

    async def requests(self, since: float, until: float, wanted: RequestFilter = ALL) -> list[RequestRecord]:
        """Those that ended in that time."""
        await self._keep_finished()
        return await self._db.read(telemetry.requests_between, since, until, wanted)

    async def behind(self, since: float, until: float, wanted: RequestFilter = ALL) -> list[RequestRecord]:
        """What may be behind a curve's point over that time: a request joins the sample after its end."""
        return await self.requests(since - SAMPLE_S, until, wanted)

    async def trace(self, trace_id: str) -> list[Span]:
        """The spans of a trace, in the order they began; empty when it is unknown or was too long ago."""
        await self._keep_finished()
        return await self._db.read(telemetry.trace, trace_id)

    async def recent_traces(
        self, range_s: float, *, slowest_first: bool = True, limit: int = 50
    ) -> list[TraceSummary]:
        """Traces that began in the last `range_s` seconds."""
        await self._keep_finished()
        now = self._clock()
        return await self._db.read(
            telemetry.traces, now - range_s, now + 1, slowest_first=slowest_first, limit=limit
        )

    async def usage(self, by: Literal["provider", "model", "day"], range_s: float) -> list[UsageRow]:
        """Requests, tokens and costs of the last `range_s` seconds; days are those of this place."""
        await self._keep_finished()
        now = self._clock()
        offset = time.localtime(now).tm_gmtoff
        since = now - range_s
        if by == "day":  # whole ones
            since = (since + offset) // 86_400 * 86_400 - offset
        return await self._db.read(telemetry.usage_by, by, since, now + 1, utc_offset_s=offset)

    async def log_tail(self, level: str = "info", text: str = "", limit: int = 200) -> list[LogLine]:
        """The newest lines of the log from `level` up that contain `text`, oldest first."""
        return await asyncio.to_thread(log_tail.tail, self._log_file, level=level, text=text, limit=limit)

    async def health_history(self, name: str = "", range_s: float = 86_400) -> list[HealthSample]:
        """What a check, or all of them, found, oldest first."""
        now = self._clock()
        return await self._db.read(telemetry.health_history, now - range_s, now + 1, name)

    async def sizes(self) -> dict[str, StoredSize]:
        """What requests, spans, minutes, hours, health history and the audit log take, by table."""
        await self._keep_finished()
        return {size.table: size for size in await self._db.read(sizes.stored)}

    async def database_bytes(self) -> int:
        """The whole database, chats and documents too."""
        return await self._db.read(sizes.whole)

    async def export_csv(self, path: Path, range_s: int) -> int:
        """Writes the curves to `path` and the requests beside it, as `<name>-requests.csv`.

        Returns the number of requests. An empty field is "no data". Raises StorageError.
        """
        curves = await self.series(EXPORTED, range_s)
        now = self._clock()
        length, _ = step_for(range_s)
        found = await self.requests(now - length, now + 1, RequestFilter(limit=100_000))
        try:
            await asyncio.to_thread(_write_csv, path, curves, found)
        except OSError as error:
            raise StorageError(
                f"{path} cannot be written: {error.strerror or error}.", hint="Choose another folder."
            ) from error
        return len(found)

    def stalled(self, duration_s: float) -> None:
        """The window did not answer for so long. On the core's loop."""
        self.metrics.stalled(duration_s)

    # -- the watching --------------------------------------------------------------------------------

    def _heard(self, event: BusEvent) -> None:
        if isinstance(event, ProviderHealthChanged):
            self.metrics.circuit(event.provider_id, event.state)
        elif isinstance(event, DocumentChanged):
            if event.document.state in _UNDER_WAY:
                self._documents.add(event.document.id)
            else:
                self._documents.discard(event.document.id)
            self._failed_document(event.document)
        elif isinstance(event, ConfigRefused):
            self.metrics.errors.told(ConfigError.code)
        elif isinstance(event, WorkFailed):
            self.metrics.errors.told(event.error.code)

    def _failed_document(self, document: Document) -> None:
        """Counts its failure once, however often it is shown."""
        if document.state is not DocumentState.FAILED:
            self._failed.discard(document.id)
        elif document.id not in self._failed:
            self._failed.add(document.id)
            self.metrics.errors.told(document.error.code if document.error else KnowledgeError.code)

    async def _sample_on(self) -> None:
        """Each 5 s, for ever. What fails is logged and tried again at the next turn."""
        loop = asyncio.get_running_loop()
        try:
            now = self._clock()
            self._past = await self._db.read(
                telemetry.amounts, _ALL_AMOUNTS, now - RING * SAMPLE_S, now + 60, 60
            )
        except MastraError:
            log.exception("the hour before is not known")
        due = loop.time() + SAMPLE_S
        while True:
            await asyncio.sleep(due - loop.time())
            lag_s = max(0.0, loop.time() - due)
            due = max(due + SAMPLE_S, loop.time())
            try:
                await self.sample(lag_s)
            except MastraError as error:  # a database that is away, each 5 s: no bug, and no traceback
                log.warning("sample not taken", message=error.message)
            except Exception:
                log.exception("sample not taken")

    async def sample(self, lag_s: float = 0.0) -> None:
        """Looks at everything once; the minute before goes to the database when a new one began."""
        gauges, metrics = self._gauges, self.metrics
        metrics.gauge("event_loop_lag_seconds", lag_s, ("lag", ""))
        metrics.gauge("database_writes_waiting", self._db.waiting)
        metrics.gauge("documents_in_progress", len(self._documents), ("running", "documents"))
        gauges.look(metrics)
        now = self._take()
        if self._owning:
            await self._keep_finished()
            if min(self._minute, default=now) // 60 < now // 60:
                await self._keep_minutes(before=int(now // 60 * 60))
                await self._prune(now)
            if now - self._counted_at >= COUNT_EVERY_S:
                self._counted_at = now
                await gauges.count(self._db, metrics)

    def _take(self) -> float:
        """What was recorded since the last time joins the ring and its minute; the time now."""
        now = self._clock()
        # A clock that was put back, or a sleep of the computer, is no time that was watched.
        self.metrics.covered(min(max(now - self._watched_until, 0.0), 4 * SAMPLE_S))
        self._watched_until = now
        tally = self.metrics.take()
        if self._sampling:
            self._ring.append((now, tally))
        minute = self._minute.setdefault(int(now // 60 * 60), {})
        for key, (count, total) in tally.items():
            entry = minute.setdefault(key, [0.0, 0.0])
            entry[0] += count
            entry[1] += total
        return now

    async def _keep_minutes(self, before: float) -> None:
        """Writes whole minutes. When that fails they stay here for the next try."""
        due = [at for at in self._minute if at < before]
        await self._db.write(telemetry.add_amounts, [a for at in due for a in _amounts(at, self._minute[at])])
        for at in due:
            del self._minute[at]

    async def _keep_finished(self) -> None:
        """Spans and rows that wait; before a question too, so that what just ended is found."""
        await self._keep(self.traces.take(), self._recorder.take())

    async def _keep(self, spans: Sequence[Span], records: Sequence[RequestRecord]) -> None:
        if not self._owning or not (spans or records):
            return

        def keep(conn: Connection) -> None:
            telemetry.keep_spans(conn, spans)
            self._recorder.store(conn, records)

        try:
            await self._db.write(keep)
        except StorageError:
            self._recorder.give_back(records)
            raise

    async def _keep_on(self) -> None:
        """Keeps rows soon after they came, for ever: no more than a quarter of a second of them dies with
        this process. Those that a failing disk did not take go with the next."""
        while True:
            await self._to_keep.wait()
            await asyncio.sleep(GATHER_S)
            self._to_keep.clear()
            try:
                await self._keep((), self._recorder.take())
            except StorageError as error:
                log.warning("figures wait to be kept", message=error.message, detail=error.detail)

    async def _prune(self, now: float) -> None:
        if now - self._pruned_at < PRUNE_EVERY_S:
            return
        self._pruned_at = now
        for _ in range(MOST_PIECES):
            if not await self._db.write(telemetry.prune, now):
                return
        self._pruned_at = 0.0  # there is more: it goes on in a minute

    async def _keep_rest(self) -> None:
        if not self._owning:
            return
        try:
            if self.metrics.tally or self._sampling:
                self._take()
            if self._minute:
                await self._keep_minutes(before=float("inf"))
            await self._keep_finished()
        except MastraError as error:
            log.warning("the last figures are not kept", message=error.message, detail=error.detail)

    def _recent(self, since: float) -> list[Amount]:
        """From `since` on, an hour at most, in stretches of a few seconds; a minute of the process before is
        spread over it."""
        found = []
        for amount in self._past if self._past and self._past[-1].at + 60 > since else ():
            count, total = amount.count / 3, amount.total / 3
            found += [
                Amount(amount.name, amount.label, amount.at + late, count, total) for late in (0, 20, 40)
            ]
        for at, tally in reversed(self._ring):  # the newest are at the end
            if at < since:
                break
            found += _amounts(at, tally)
        now = self._clock()
        found += _amounts(now, self.metrics.tally)
        if now > self._watched_until:
            found.append(Amount("up", "", now, 1, now - self._watched_until))
        return found

    def _unkept(self) -> list[Amount]:
        found = [a for at, tally in self._minute.items() for a in _amounts(at, tally)]
        return found + _amounts(self._clock(), self.metrics.tally)


_ALL_AMOUNTS = tuple({amount for name in EXPORTED for amount in series.amount_names(name.partition(".*")[0])})


def step_for(range_s: int) -> tuple[int, int]:
    """(seconds, seconds of one point) of the range that holds `range_s`; the longest for what is longer."""
    length = next((known for known in RANGES if known >= range_s), max(RANGES))
    return length, RANGES[length]


def _amounts(at: float, tally: Tally) -> list[Amount]:
    return [Amount(name, label, at, count, total) for (name, label), (count, total) in tally.items()]


def _write_csv(path: Path, curves: Mapping[str, list[Point]], found: Sequence[RequestRecord]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *curves])
        for row in zip(*curves.values(), strict=True):
            values = ["" if point.value is None else f"{point.value:.6g}" for point in row]
            writer.writerow([_stamp(row[0].at), *values])
    beside = path.with_name(f"{path.stem}-requests.csv")
    with beside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["time", *RequestRecord.__slots__])
        for record in found:
            values = ["" if value is None else str(value) for value in asdict(record).values()]
            writer.writerow([_stamp(record.at), *values])


def _stamp(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
