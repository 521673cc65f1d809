"""The one owner of the window's coroutines: starts, replaces by key, cancels, reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


class Tasks:
    """Every coroutine that a click starts goes through here, so none is lost and none outlives the window."""

    def __init__(self, loop: asyncio.AbstractEventLoop, report: Callable[[BaseException], None]) -> None:
        self._loop = loop
        self._report = report
        self._running: dict[str, asyncio.Task[Any]] = {}
        self._count = 0

    def start(self, work: Coroutine[Any, Any, None], *, key: str = "") -> None:
        """Runs `work`; with a key, what ran under it is cancelled first. Errors go to `report`."""
        if not key:
            self._count += 1
            key = f"#{self._count}"
        self.cancel(key)
        task = self._loop.create_task(work, name=key)
        self._running[key] = task
        task.add_done_callback(self._ended)

    def cancel(self, key: str) -> None:
        task = self._running.get(key)
        if task is not None:
            task.cancel()

    async def cancel_and_wait(self, key: str) -> None:
        """Cancels what runs under `key` and returns when it has cleaned up."""
        task = self._running.get(key)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    def rename(self, key: str, new_key: str) -> None:
        """What runs under `key` goes on under `new_key`."""
        if (task := self._running.pop(key, None)) is not None:
            self._running[new_key] = task

    def running(self, key: str) -> bool:
        return key in self._running

    async def cancel_all(self, timeout_s: float = 3.0) -> None:
        """Cancels everything and waits for the clean-up. The caller's own task is left alone."""
        me = asyncio.current_task()
        tasks = [task for task in self._running.values() if task is not me]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        for key in [key for key, running in self._running.items() if running is task]:
            del self._running[key]
        if not task.cancelled() and (error := task.exception()) is not None:
            self._report(error)
