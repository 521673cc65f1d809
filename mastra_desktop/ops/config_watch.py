"""Notices that `config.toml` was changed on disk.

It looks at the file's stamp once a second, which costs a few microseconds and follows links. A watcher of
the folder would be woken by every write to the database beside it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from mastra_desktop.ops.background import Background
from mastra_desktop.ops.logging import get_logger

LOOK_S = 1.0
SETTLE_S = 0.2  # an editor that writes in several steps is waited for

Stamp = tuple[int, int, int] | None
log = get_logger(__name__)


class ConfigWatch:
    """Awaits `on_change` after each change that has settled. Belongs to one loop; `aclose` ends it."""

    def __init__(
        self,
        file: Path,
        on_change: Callable[[], Awaitable[object]],
        *,
        look_s: float = LOOK_S,
        settle_s: float = SETTLE_S,
    ) -> None:
        self._file = file
        self._on_change = on_change
        self._look_s, self._settle_s = look_s, settle_s
        self._looking = Background()

    def start(self) -> None:
        """From now on, as the file is now."""
        if not self._looking.running:
            self._looking.start(partial(self._watch, self._stamp()), "watch of the configuration")

    async def aclose(self) -> None:
        """Safe to call twice."""
        await self._looking.end()

    async def _watch(self, seen: Stamp) -> None:
        while True:
            await asyncio.sleep(self._look_s)
            stamp = self._stamp()
            if stamp == seen:
                continue
            while True:
                await asyncio.sleep(self._settle_s)
                before, stamp = stamp, self._stamp()
                if stamp == before:
                    break
            seen = stamp
            try:
                await self._on_change()
            except Exception:  # whoever is told answers for itself; the watch goes on
                log.exception("a change of the configuration could not be taken")

    def _stamp(self) -> Stamp:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size
