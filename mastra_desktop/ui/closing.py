"""What the window does before it goes: keeps the draft, ends its tasks, then the engine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.ops.shutdown import PROCESS_WITHIN_S
from mastra_desktop.ui.bridge import Backend
from mastra_desktop.ui.tasks import Tasks

DRAFT_S = 0.5  # it is on its way to the database, also when nobody waits any more
TASKS_S = 1.0


async def close_down(keep_draft: Callable[[], Awaitable[None]], tasks: Tasks, engine: Backend) -> None:
    """All of it within PROCESS_WITHIN_S, whatever hangs."""
    begun = time.monotonic()
    with suppress(MastraError, TimeoutError):  # the engine never came up, or the database hangs
        async with asyncio.timeout(DRAFT_S):
            await keep_draft()
    await tasks.cancel_all(TASKS_S)
    await engine.stop(PROCESS_WITHIN_S - (time.monotonic() - begun))
