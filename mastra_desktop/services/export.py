"""Sends finished spans to an OTLP/HTTP collector, where one is configured.

What ends is put in a bounded queue, which is all that an answer ever waits for. One task sends it in
batches, tries again while the collector is away, and lets the oldest go when too much waits.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
import uuid
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mastra_desktop import __version__
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import BusEvent, ProvidersChanged
from mastra_desktop.ops import otlp
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.providers.failures import retry_after_s
from mastra_desktop.providers.http import HttpSettings, open_client

if TYPE_CHECKING:
    import httpx

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import Loaded
    from mastra_desktop.ops.metrics import Metrics
    from mastra_desktop.ops.redaction import KnownSecrets
    from mastra_desktop.ops.traces import OpenSpan, Traces
    from mastra_desktop.store.secrets import Secrets

KEY = "otlp"  # as whose key the collector's token is kept
VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
MOST_WAITING = 2048  # spans
MOST_CONTENTS = 8_000_000  # characters of prompts and answers that wait; beyond it they are left out
BATCH = 256
GATHER_S = 2.0  # from the first span that waits to the request
PATIENCE_S = 10.0  # for one request
FLUSH_S = 1.0  # at the end of the process
LONGEST_WAIT_S = 30.0  # between two tries
LOOK_AGAIN_S = 30.0  # whether it is well again, while there is nothing to send
LONGEST_ASKED_S = 300.0
MOST_ANSWER_BYTES = 65_536
TOLD_AGAIN_S = 600.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ExportState:
    """`url` is empty where nothing is exported. `problem` and `remedy` are empty when all is well."""

    url: str
    contents: bool
    sent: int
    waiting: int
    dropped: int
    problem: str = ""
    remedy: str = ""


class _Trouble(Exception):
    """A request that did not go well. `kind` names it for the log; `again`: the same may go well later."""

    def __init__(
        self, kind: str, message: str, remedy: str, *, again: bool = True, wait_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.kind, self.message, self.remedy = kind, message, remedy
        self.again, self.wait_s = again, wait_s


class _TooLarge(Exception):
    """The collector takes smaller requests only."""


class TraceExport:
    """Off until `apply` is given an address. Belongs to the core's loop."""

    def __init__(
        self,
        traces: Traces,
        metrics: Metrics,
        secrets: Secrets,
        known: KnownSecrets,
        bus: Bus,
        database: str,
        *,
        gather_s: float = GATHER_S,
        first_wait_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._traces, self._metrics, self._bus = traces, metrics, bus
        self._secrets, self._known = secrets, known
        self._database = database
        self._gather_s, self._first_wait_s, self._clock = gather_s, first_wait_s, clock
        self._resource = {
            "service.name": "mastra-desktop",
            "service.version": __version__,
            "service.instance.id": str(uuid.uuid4()),
            "process.pid": str(os.getpid()),
        }
        self._kinds: Mapping[str, str] = {}
        self._url = ""
        self._contents = False
        self._http = HttpSettings()
        self._waiting: deque[OpenSpan] = deque()
        self._noted = 0  # characters of contents among them
        self._client: httpx.AsyncClient | None = None
        self._headers: dict[str, str] | None = None  # None: to be looked up
        self._stale = False  # the client is for other settings
        self._wake, self._full, self._changed = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._ending = False
        self._sent = self._dropped = self._in_hand = 0
        self._problem = self._remedy = ""
        self._told: dict[str, float] = {}  # kinds of trouble in the log, and when
        self._said = False  # the log's last word is trouble

    @property
    def state(self) -> ExportState:
        return ExportState(
            self._url,
            self._contents,
            self._sent,
            len(self._waiting) + self._in_hand,
            self._dropped,
            self._problem,
            self._remedy,
        )

    async def apply(self, loaded: Loaded) -> None:
        """As this configuration has it from now on. Off, what waits is let go."""
        to, config = loaded.config.telemetry, loaded.config
        http = HttpSettings(
            connect_timeout_s=config.http.connect_timeout_s,
            proxy=config.http.proxy,
            ca_file=config.http.ca_file,
        )
        self._kinds = {provider.id: provider.kind for provider in config.providers}
        if (to.otlp_url, http) != (self._url, self._http):
            self._problem = self._remedy = ""
            self._told.clear()
            self._stale = True
        self._url, self._http = to.otlp_url, http
        self._contents = bool(to.otlp_url) and to.otlp_contents
        self._traces.on_end = self._ended if to.otlp_url else None
        self._traces.contents = self._contents
        if not to.otlp_url:
            self._waiting.clear()
            self._noted = 0
        if self._stale:
            self._go_on()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Sends for as long as the block runs; at its end, what waits is sent within a second or let go."""

        async def flush(task: asyncio.Task[None]) -> None:
            self._traces.on_end = None
            self._ending = True
            self._go_on()
            await asyncio.wait([task], timeout=FLUSH_S)

        unsubscribe = self._bus.subscribe(self._heard)
        try:
            async with in_background(self._send_on, "export of traces", end=flush):
                yield
        finally:
            unsubscribe()
            if left := self.state.waiting:
                self._drop(left)
                log.info("spans not exported", count=left)
            await self._close()

    async def probe(self) -> ExportState:
        """Sends a request without spans, which every collector takes; the state after it."""
        if self._url:
            try:
                await self._post([])
            except _TooLarge:
                self._well()
            except _Trouble as trouble:
                self._note(trouble)
            else:
                self._well()
        return self.state

    # -- from the traces to the queue ----------------------------------------------------------------

    def _ended(self, span: OpenSpan) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._let_go(self._waiting.popleft())
            self._drop(1)
        if self._contents and span.extra is not None:
            size = _size(span)
            if self._noted + size > MOST_CONTENTS:
                span.extra = replace(span.extra, prompt=None, text="", reasoning="", calls=(), sources=())
            else:
                self._noted += size
        self._waiting.append(span)
        self._wake.set()
        if len(self._waiting) >= BATCH:
            self._full.set()

    def _go_on(self) -> None:
        """Whatever is waited for, there is a reason to look at once."""
        for event in (self._wake, self._full, self._changed):
            event.set()

    def _let_go(self, span: OpenSpan) -> None:
        if span.extra is not None:
            self._noted = max(0, self._noted - _size(span))

    def _drop(self, number: int) -> None:
        self._dropped += number
        self._metrics.exported("dropped", number)

    def _heard(self, event: BusEvent) -> None:
        if isinstance(event, ProvidersChanged):  # a key is another one, perhaps ours
            self._headers = None
            self._changed.set()

    # -- from the queue to the collector -------------------------------------------------------------

    async def _send_on(self) -> None:
        while not self._ending or self._waiting:
            if not await _passed(self._wake, LOOK_AGAIN_S if self._problem else None):
                await self.probe()
                continue
            if not self._ending:
                await _passed(self._full, self._gather_s)
            if self._stale:
                self._stale, self._headers = False, None
                self._changed.clear()
                await self._close()
            while self._waiting and self._url:
                batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                for span in batch:
                    self._let_go(span)
                self._in_hand = len(batch)
                await self._deliver(batch)
                self._in_hand = 0
                self._metrics.gauge("otlp_spans_waiting", len(self._waiting))

    async def _deliver(self, batch: list[OpenSpan]) -> None:
        """Sends these, however often it takes. Ends also when they are let go."""
        tries = 0
        while self._url:
            last = self._ending
            try:
                refused = await self._post(batch)
            except _TooLarge:
                if len(batch) == 1:
                    break
                await self._deliver(batch[: len(batch) // 2])
                return await self._deliver(batch[len(batch) // 2 :])
            except _Trouble as trouble:
                self._note(trouble)
                if last or not trouble.again:
                    break
                if trouble.kind == "refused":  # the key may be another one by now
                    self._headers = None
                tries += 1
                wait_s = min(self._first_wait_s * 2.0 ** min(tries - 1, 10), LONGEST_WAIT_S)
                wait_s *= 1 - 0.25 * random.random()  # noqa: S311 - spreads tries, hides nothing
                if trouble.wait_s is not None:
                    wait_s = min(trouble.wait_s, LONGEST_ASKED_S)
                await _passed(self._changed, wait_s)
            else:
                self._sent += len(batch) - refused
                self._metrics.exported("sent", len(batch) - refused)
                if refused:
                    self._metrics.exported("refused", refused)
                return None
            if self._stale:  # another collector from now on
                self._waiting.extendleft(reversed(batch))
                return None
        if self._url:
            self._drop(len(batch))
        return None

    async def _post(self, batch: list[OpenSpan]) -> int:
        """One request; how many of its spans were refused. Raises _TooLarge and _Trouble."""
        url = otlp.traces_url(self._url)
        try:
            await asyncio.to_thread(_preload)
            if self._headers is None:
                self._headers = await self._look_up()
            origin = otlp.Origin(self._resource, self._database, self._kinds)
            body = await asyncio.to_thread(
                otlp.encode, batch, origin, contents=self._contents, clean=self._known.clean
            )
            if self._client is None:
                self._client = open_client(self._http)
        except MastraError as error:
            raise _Trouble("own", error.message, error.hint) from error
        except ValueError as error:
            log.exception("spans cannot be told")
            raise _Trouble("own", "Spans cannot be told.", "The log says more.", again=False) from error
        import httpx

        fixed = {"Content-Type": otlp.CONTENT_TYPE, "User-Agent": f"mastra-desktop/{__version__}"}
        try:
            async with (
                asyncio.timeout(PATIENCE_S),
                self._client.stream("POST", url, content=body, headers=self._headers | fixed) as response,
            ):
                said = await _read(response)
        except TimeoutError:
            words = f"The collector at {self._url} does not answer within {PATIENCE_S:.0f} s."
            raise _Trouble("timeout", words, "Look whether it has too much to do.") from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError) as error:
            words = f"The collector at {self._url} cannot be reached."
            remedy = "Start it, or correct telemetry.otlp_url."
            raise _Trouble("network", words, remedy) from error
        if response.status_code == 200:
            refused, why = otlp.refused_spans(said, response.headers.get("content-type", ""))
            refused = max(0, min(refused, len(batch)))
            if refused or why:
                words = f"The collector at {self._url} left out {refused} spans"
                words += f": {self._known.clean(why)[:200]}" if why else "."
                self._note(_Trouble("partial", words, "Its log says more."))
            elif batch:
                self._well()
            return refused
        raise self._trouble_of(response.status_code, response.headers)

    def _trouble_of(self, status: int, headers: Mapping[str, str]) -> _Trouble | _TooLarge:
        if status == 413:
            return _TooLarge()
        where, asked = f"The collector at {self._url}", retry_after_s(headers)
        if status in (401, 403):
            remedy = "Set its token: mastra-desktop keys set otlp, or OTEL_EXPORTER_OTLP_HEADERS."
            return _Trouble("refused", f"{where} refuses the headers.", remedy, wait_s=asked)
        if status in (404, 405) or 300 <= status < 400:
            remedy = (
                "Correct telemetry.otlp_url: the address before /v1/traces, such as http://127.0.0.1:4318."
            )
            return _Trouble("elsewhere", f"{where} takes no traces there (status {status}).", remedy)
        if status == 429:
            return _Trouble("busy", f"{where} asks for fewer requests.", "Wait a little.", wait_s=asked)
        again = status == 408 or status >= 500
        words = f"{where} answers with status {status}."
        return _Trouble(f"status {status}", words, "Its log says more.", again=again, wait_s=asked)

    async def _look_up(self) -> dict[str, str]:
        found = await self._secrets.find(KEY, VARIABLES)
        if found is None:
            return {}
        headers = otlp.headers_of(found.key, variable=found.source == "environment")
        for value in headers.values():
            self._known.add(value)
            self._known.add(value.rpartition(" ")[2])  # without "Bearer"
        return headers

    # -- what is told ----------------------------------------------------------------------------------

    def _note(self, trouble: _Trouble) -> None:
        """Once in the log for each kind in a while, however many batches it concerns."""
        self._problem, self._remedy = trouble.message, trouble.remedy
        now = self._clock()
        if now - self._told.get(trouble.kind, -TOLD_AGAIN_S) >= TOLD_AGAIN_S:
            self._told[trouble.kind] = now
            self._said = True
            log.warning("traces not exported", problem=trouble.message, kind=trouble.kind)

    def _well(self) -> None:
        self._problem = self._remedy = ""
        if self._said:
            self._said = False
            log.info("traces are exported again", dropped=self._dropped)

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _preload() -> None:
    """Imports what the first request needs: half a second, in a thread."""
    import httpx  # noqa: F401
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2  # noqa: F401


async def _read(response: httpx.Response) -> bytes:
    said = b""
    async for piece in response.aiter_bytes():
        said += piece
        if len(said) > MOST_ANSWER_BYTES:
            return said[:MOST_ANSWER_BYTES]
    return said


async def _passed(event: asyncio.Event, seconds: float | None) -> bool:
    """Returns when it is set (True) or the time is over; it is not set then."""
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return False
    event.clear()
    return True


def _size(span: OpenSpan) -> int:
    """What its contents take, in characters and bytes of pictures."""
    extra = span.extra
    if extra is None:
        return 0
    size = len(extra.text) + len(extra.reasoning) + sum(len(source.text) for source in extra.sources)
    for message in extra.prompt.messages if extra.prompt else ():
        size += len(message.text) + sum(len(image.data) for image in message.images)
    return size
