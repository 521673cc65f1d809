"""Tasks of the core that live beside what is asked of it. Who starts them ends them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import Context

from mastra_desktop.ops.logging import get_logger

Work = Callable[[], Awaitable[None]]
log = get_logger(__name__)


class Background:
    """Tasks that live until `end`. What one of them raises is logged and ends that one. For one loop."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> bool:
        return bool(self._tasks)

    def start(self, work: Work, name: str, *, context: Context | None = None) -> asyncio.Task[None]:
        """Runs `work()`; in the caller's context unless another is given."""
        task = asyncio.get_running_loop().create_task(_guarded(work, name), name=name, context=context)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def end(self) -> None:
        """Cancels them all and waits until they have cleaned up. Safe to call twice."""
        ending = set(self._tasks)
        for task in ending:
            task.cancel()
        if ending:
            await asyncio.wait(ending)


@asynccontextmanager
async def in_background(
    work: Work, name: str, *, end: Callable[[asyncio.Task[None]], Awaitable[None]] | None = None
) -> AsyncGenerator[None]:
    """Runs `work()` beside the block; on the way out `end(task)` may wait for it, then it is cancelled."""
    background = Background()
    task = background.start(work, name)
    try:
        yield
    finally:
        try:
            if end is not None:
                await end(task)
        finally:
            await background.end()


async def _guarded(work: Work, name: str) -> None:
    try:
        await work()
    except Exception:
        log.exception("work in the background failed", work=name)
