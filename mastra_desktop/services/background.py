"""A task that lives as long as a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from mastra_desktop.ops.logging import get_logger

log = get_logger(__name__)


@asynccontextmanager
async def in_background(
    work: Callable[[], Coroutine[Any, Any, None]],
    name: str,
    *,
    end: Callable[[asyncio.Task[None]], Awaitable[None]] | None = None,
) -> AsyncGenerator[None]:
    """Runs `work()` beside the block; on the way out `end(task)` may wait for it, then it is cancelled.

    What `work` raises is logged and ends it, not the block: that is the whole app.
    """
    trouble: Exception | None = None

    async def guarded() -> None:
        try:
            await work()
        except Exception:
            log.exception("work in the background failed", work=name)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(guarded(), name=name)
        try:
            yield
        except Exception as error:  # noqa: BLE001 - raised again below
            trouble = error  # the block's own: it goes on as it is, and not inside an ExceptionGroup
        finally:
            try:
                if end is not None:
                    await end(task)
            finally:
                task.cancel()
    if trouble is not None:
        raise trouble
