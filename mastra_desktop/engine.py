"""Runs the core on an asyncio loop in its own thread, for the window.

The window's loop and the engine's meet only here. `call` asks for one thing, `stream` for many, `on_event`
listens to the bus. Cancelling on the window's side cancels on the engine's side and waits for its
clean-up; stopping the engine ends what still runs with `ReplyCancelled`. No Qt here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, aclosing, suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mastra_desktop.domain.errors import ReplyCancelled
from mastra_desktop.domain.events import BusEvent
from mastra_desktop.ops.logging import operation
from mastra_desktop.ops.shutdown import PROCESS_WITHIN_S, WITHIN_S, Shutdown

if TYPE_CHECKING:
    from mastra_desktop.core import Core

BATCH_INTERVAL_S = 0.016
STALL_S = 0.05  # the window's loop took so long to answer: told to the core's telemetry

T = TypeVar("T")


class Engine:
    """The core in a thread. `start` once; everything else from the window's loop.

    What is asked for runs as one operation in the log: one id from the click to the row.
    """

    def __init__(self, build: Callable[[], AbstractAsyncContextManager[Core]]) -> None:
        self._build = build
        self._thread = threading.Thread(target=self._main, name="engine", daemon=True)
        self._core: Future[Core] = _uncancellable()
        self._ended: Future[None] = _uncancellable()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._quit = asyncio.Event()
        self._stopping = False
        self._stalled_until = 0.0

    def start(self) -> None:
        """Starts the thread, which builds the core; returns at once."""
        self._thread.start()

    async def ready(self) -> None:
        """Waits until the core is built. Raises what kept it from that."""
        if not self._core.done():
            await asyncio.wrap_future(self._core)
        self._core.result()

    async def call(self, ask: Callable[[Core], Awaitable[T]]) -> T:
        """Awaits `ask(core)` on the engine's loop. Errors arrive as raised there."""

        async def run(core: Core) -> T:
            return await ask(core)

        job = await self._start(run)
        try:
            return await job.result()
        finally:
            await job.end()

    async def stream(self, ask: Callable[[Core], AsyncGenerator[T]]) -> AsyncGenerator[list[T]]:
        """Yields what `ask(core)` yields, in order, in batches at most one per 16 ms (the last one at once).

        Closing or cancelling it cancels the source and returns when that has cleaned up.
        """
        box: _Mailbox[T] = _Mailbox(self._woke)

        async def pump(core: Core) -> None:
            async with aclosing(ask(core)) as items:
                async for item in items:
                    box.put(item)

        job = await self._start(pump, box.wake)
        try:
            while not job.ended.is_set():
                if batch := await box.take():
                    yield batch
            if batch := box.rest():
                yield batch
            await job.result()
        finally:
            await job.end()

    async def on_event(self, handle: Callable[[list[BusEvent]], None]) -> None:
        """Calls `handle` on this loop with what the bus publishes, in batches, until cancelled."""
        box: _Mailbox[BusEvent] = _Mailbox(self._woke)

        async def listen(core: Core) -> None:
            unsubscribe = core.bus.subscribe(box.put)
            try:
                await asyncio.Event().wait()
            finally:
                unsubscribe()

        job = await self._start(listen, box.wake)
        try:
            while not job.ended.is_set():
                if batch := await box.take():
                    handle(batch)
        finally:
            await job.end()

    def _woke(self, asked_at: float) -> None:
        """The window's loop was asked to wake a reader; now it does. One stall keeps several waiting."""
        now = time.perf_counter()
        if now - asked_at < STALL_S or asked_at < self._stalled_until or self._loop is None:
            return
        self._stalled_until = now
        with suppress(RuntimeError):  # the engine's loop has ended
            self._loop.call_soon_threadsafe(self._core.result().telemetry.stalled, now - asked_at)

    def met(self, error: BaseException) -> None:
        """The window shows this error, which may be one of its own: it is counted, once."""
        if self._loop is not None and self._core.done() and self._core.exception() is None:
            with suppress(RuntimeError):  # the engine's loop has ended
                self._loop.call_soon_threadsafe(self._core.result().telemetry.metrics.errors.met, error)

    async def stop(self, within_s: float = PROCESS_WITHIN_S) -> None:
        """Closes the core, which cancels what runs, and joins the thread. Safe to call twice."""
        self._stopping = True
        if not self._thread.is_alive():
            return
        if self._core.done() and not self._core.exception():
            self._core.result().shutdown.within_s = min(WITHIN_S, within_s)
        self._tell(self._quit.set)
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.wrap_future(self._ended), within_s)
            self._thread.join(0.1)  # it has nothing left to do

    def hurry(self) -> None:
        """While it stops: what can be waited for is not any more, what is stored stays."""
        if self._stopping and self._core.done() and not self._core.exception():
            self._tell(self._core.result().shutdown.hurry)

    def _tell(self, what: Callable[[], object]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it ended by itself in this moment
                self._loop.call_soon_threadsafe(what)

    def _main(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001 - handed to the window, which shows it
            if not self._core.done():
                self._core.set_exception(error)
        finally:
            with suppress(RuntimeError):  # the window's loop has ended and does not wait
                self._ended.set_result(None)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        if self._stopping:  # before there was a loop to tell
            self._quit.set()
        async with self._build() as core:
            self._core.set_result(core)
            from mastra_desktop.providers import http

            await asyncio.to_thread(http.preload)  # so that the first Send need not wait for it
            await self._quit.wait()

    async def _start(
        self, work: Callable[[Core], Coroutine[Any, Any, T]], on_end: Callable[[], None] = lambda: None
    ) -> _Job[T]:
        """Runs `work(core)` on the engine's loop once it is ready."""
        await self.ready()
        if self._stopping or self._loop is None:
            raise _closing()

        async def run() -> T:
            core = self._core.result()
            with operation("window"):
                try:
                    return await work(core)
                except Exception as error:
                    core.telemetry.metrics.errors.met(error, polled=True)
                    raise

        return _Job(self._loop, run, self._core.result().shutdown, on_end)


class _Job(Generic[T]):
    """A task on the engine's loop, awaited by one coroutine on the window's loop."""

    def __init__(
        self,
        engine_loop: asyncio.AbstractEventLoop,
        run: Callable[[], Coroutine[Any, Any, T]],
        shutdown: Shutdown,
        on_end: Callable[[], None],
    ) -> None:
        self.ended = asyncio.Event()
        self._engine_loop = engine_loop
        self._window_loop = asyncio.get_running_loop()
        self._run = run
        self._shutdown = shutdown
        self._on_end = on_end
        self._task: asyncio.Task[T] | None = None
        try:
            engine_loop.call_soon_threadsafe(self._begin)
        except RuntimeError as error:  # that loop is closed
            raise _closing() from error

    async def result(self) -> T:
        """What the task returned or raised; ReplyCancelled when the engine stopped it."""
        await self.ended.wait()
        if self._task is None or self._task.cancelled():
            raise _closing()
        return self._task.result()

    async def end(self) -> None:
        """Cancels the task if it still runs, and waits until it has cleaned up."""
        if self.ended.is_set():
            return
        with suppress(RuntimeError):  # the engine's loop is closed, and its tasks with it
            self._engine_loop.call_soon_threadsafe(self._cancel)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ended.wait(), PROCESS_WITHIN_S)

    def _begin(self) -> None:
        self._task = self._shutdown.start(self._run())
        self._task.add_done_callback(self._finish)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        with suppress(RuntimeError):  # the window's loop has ended
            self._window_loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self.ended.set()
        self._on_end()


class _Mailbox(Generic[T]):
    """Items from the engine's thread for one reader on the window's loop.

    The reader is woken at most once per 16 ms; what arrives while it is busy waits here and comes as
    one batch, so a slow window never falls behind by more than one batch.
    """

    def __init__(self, woke: Callable[[float], None]) -> None:
        self._woke = woke
        self._reader_loop = asyncio.get_running_loop()
        self._awake = asyncio.Event()
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._planned = False
        self._last_wake = 0.0

    def put(self, item: T) -> None:
        """From the engine's loop."""
        with self._lock:
            self._items.append(item)
            if self._planned:
                return
            self._planned = True
        loop = asyncio.get_running_loop()
        wait_s = self._last_wake + BATCH_INTERVAL_S - loop.time()
        if wait_s > 0:
            loop.call_later(wait_s, self._wake_reader, loop)
        else:
            self._wake_reader(loop)

    def wake(self) -> None:
        """From the reader's loop."""
        self._awake.set()

    async def take(self) -> list[T]:
        """Waits to be woken; what has arrived since the last time."""
        await self._awake.wait()
        self._awake.clear()
        return self.rest()

    def rest(self) -> list[T]:
        """What has arrived, without waiting."""
        with self._lock:
            items, self._items = self._items, []
        return items

    def _wake_reader(self, loop: asyncio.AbstractEventLoop) -> None:
        self._last_wake = loop.time()
        with self._lock:
            self._planned = False
        with suppress(RuntimeError):  # the window's loop has ended
            self._reader_loop.call_soon_threadsafe(self._wake_now, time.perf_counter())

    def _wake_now(self, asked_at: float) -> None:
        self._awake.set()
        self._woke(asked_at)


def _uncancellable() -> Future[Any]:
    """A future that stays when one who awaits it is cancelled."""
    future: Future[Any] = Future()
    future.set_running_or_notify_cancel()
    return future


def _closing() -> ReplyCancelled:
    return ReplyCancelled("Mastra Desktop is closing.")
