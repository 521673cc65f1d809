"""How the app closes: named steps in one order, each with its own time, all of them within `WITHIN_S`.

The same for the window, `serve` and every command. A step that fails, or takes too long and is cut off, is
named in the log, and the next one begins. What keeps people's texts comes first.

    shutdown = Shutdown()
    shutdown.add("database", db.close)
    ...
    await shutdown.run()
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from typing import Any, TypeVar

from mastra_desktop.ops.logging import get_logger

WITHIN_S = 4.5  # for all steps; what Python does at its end comes on top
PROCESS_WITHIN_S = 4.8  # from the request to the end of the process, whatever hangs
HURRY_S = 0.3  # for all steps that are left when it is asked for once more
LEAST_S = 0.05  # what a step gets however late it is: it may have nothing to do
GRACE_S = 0.1  # for a step that was cut off to clean up

# The steps of one line run at once, the lines one after another. Seconds.
ORDER: tuple[dict[str, float], ...] = (
    {"answers": 2.0, "requests": 2.5, "configuration": 0.5, "backups": 1.0},
    {"texts": 4.0},
    {"documents": 1.5, "figures": 1.0, "presence": 1.0},
    {"vectors": 1.0, "embedder": 1.0, "providers": 1.0, "connections": 1.0, "cache": 1.0, "traces": 1.5},
    {"audit": 1.5},
    {"database": 4.0},
    {"log": 0.5},  # it holds the line that tells of those above
    {"home": 0.5},
)
LIMITS_S = {name: limit_s for stage in ORDER for name, limit_s in stage.items()}

Close = Callable[[], Awaitable[object]]
T = TypeVar("T")
log = get_logger(__name__)


class Shutdown:
    """What is to be closed. `add` it as it is opened; `run` closes whatever was. For one loop."""

    def __init__(self) -> None:
        self.within_s = WITHIN_S
        self._asked: set[asyncio.Task[Any]] = set()
        self._steps: dict[str, Close] = {"answers": self._end_asked}
        self._took_ms: dict[str, float] = {}
        self._cut_off: list[str] = []
        self._failed: list[str] = []
        self._until = 0.0  # time.perf_counter()
        self._running: asyncio.Task[Any] | None = None

    def add(self, name: str, close: Close) -> None:
        """`close()` at its place in ORDER. Raises KeyError for a name that is not there, or is taken."""
        if name not in LIMITS_S or name in self._steps:
            raise KeyError(name)
        self._steps[name] = close

    async def enter(self, name: str, block: AbstractAsyncContextManager[object]) -> None:
        """Enters `block`, which its step leaves, in a task of its own. Raises what entering does."""
        await block.__aenter__()
        self.add(name, partial(block.__aexit__, None, None, None))

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """`work` as something asked for by the window or a command: step "answers" ends it."""
        task = asyncio.get_running_loop().create_task(work)
        self._asked.add(task)
        task.add_done_callback(self._answered)
        return task

    async def run(self) -> None:
        """Closes everything. Never raises; to be cancelled means to hurry up."""
        self._running = asyncio.current_task()
        begun = time.perf_counter()
        self._until = begun + self.within_s
        for at, stage in enumerate(ORDER):
            if "log" in stage:
                self._tell((time.perf_counter() - begun) * 1000)
            steps = [self._step(name, later=len(ORDER) - at - 1) for name in stage if name in self._steps]
            try:
                await asyncio.gather(*steps)
            except asyncio.CancelledError:  # by now each step has heard of it
                self._until = min(self._until, time.perf_counter() + HURRY_S)
                if self._running is not None:
                    self._running.uncancel()
        self._running = None

    def hurry(self) -> None:
        """While `run` runs: what can be waited for is not any more. What is stored stays."""
        if self._running is not None:
            self._running.cancel()

    @property
    def hangs(self) -> bool:
        """Whether something was cut off, and may still be there."""
        return bool(self._cut_off)

    async def _step(self, name: str, *, later: int) -> None:
        begun = time.perf_counter()
        spare_s = self._until - begun - later * LEAST_S
        task = asyncio.get_running_loop().create_task(self._close(name), name=f"closing {name}")
        with suppress(asyncio.CancelledError):  # asked for once more: the next one
            await asyncio.wait([task], timeout=max(LEAST_S, min(LIMITS_S[name], spare_s)))
        if not task.done():
            self._cut_off.append(name)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task], timeout=GRACE_S)
        self._took_ms[name] = round((time.perf_counter() - begun) * 1000, 1)

    async def _close(self, name: str) -> None:
        try:
            await self._steps[name]()
        except Exception:
            self._failed.append(name)
            log.exception("a step of closing failed", step=name)

    def _tell(self, took_ms: float) -> None:
        facts: dict[str, Any] = {"took_ms": round(took_ms, 1), "steps": self._took_ms}
        if self._took_ms:
            facts["slowest"] = max(self._took_ms, key=self._took_ms.__getitem__)
        if self._cut_off:
            facts["cut_off"] = self._cut_off
        if self._failed:
            facts["failed"] = self._failed
        (log.warning if self._cut_off or self._failed else log.info)("closed", **facts)

    async def _end_asked(self) -> None:
        asked = set(self._asked)
        for task in asked:
            task.cancel()
        if asked:
            await asyncio.wait(asked)

    def _answered(self, task: asyncio.Task[Any]) -> None:
        self._asked.discard(task)
        if not task.cancelled():
            task.exception()  # seen, also when its caller is gone


class LastResort:
    """Ends the process when closing it hangs where no step can help: in native code, or in a thread."""

    def __init__(self) -> None:
        self._timer: threading.Timer | None = None

    def arm(self, code: int, within_s: float = PROCESS_WITHIN_S) -> None:
        """The process ends with `code` after that time, unless it ended by itself. The first call counts."""
        if self._timer is None:
            self._timer = threading.Timer(within_s, os._exit, (code,))
            self._timer.daemon = True
            self._timer.start()

    def disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
