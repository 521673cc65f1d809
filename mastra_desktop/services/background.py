"""A task that lives as long as a block."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


@asynccontextmanager
async def in_background(
    work: Callable[[], Coroutine[Any, Any, None]],
    name: str,
    *,
    end: Callable[[asyncio.Task[None]], Awaitable[None]] | None = None,
) -> AsyncGenerator[None]:
    """Runs `work()` beside the block; on the way out `end(task)` may wait for it, then it is cancelled."""
    trouble: Exception | None = None
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work(), name=name)
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
