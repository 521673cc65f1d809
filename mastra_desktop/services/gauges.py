"""What can be read off at any moment: memory of our processes, queues, caches, the processor."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from mastra_desktop.store import schema

if TYPE_CHECKING:
    from mastra_desktop.ops.cache import Cache
    from mastra_desktop.ops.metrics import Metrics
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.database import Database


class Gauges:
    """`processes`: the memory of each child, by its name, None while it does not run. `chats`: answers being
    written."""

    def __init__(
        self,
        process: str,
        processes: Mapping[str, Callable[[], int | None]],
        chats: Callable[[], int],
        providers: ProvidersService,
        cache: Cache,
        log_lines_lost: Callable[[], int],
    ) -> None:
        self._process = process
        self._processes = processes
        self._chats = chats
        self._providers = providers
        self._cache = cache
        self._log_lines_lost = log_lines_lost
        self._own: Any = None  # psutil's view of this process
        self._cpu = (time.perf_counter(), time.process_time())
        self.memory_total_bytes: int | None = None
        self.cpu_share: float | None = None

    def running(self) -> dict[str, int]:
        return {"chats": self._chats()}

    def look(self, metrics: Metrics) -> None:
        """Reads everything that costs next to nothing."""
        import psutil

        if self._own is None:
            self._own = psutil.Process()
            self.memory_total_bytes = psutil.virtual_memory().total
        metrics.memory(self._process, self._own.memory_info().rss)
        for name, size in self._processes.items():
            metrics.memory(name, size() or None)
        metrics.gauge("chats_in_progress", self._chats(), ("running", "chats"))
        in_progress = sum(host.open for host in self._providers.traffic().values())
        metrics.gauge("http_requests_in_progress", in_progress)
        stats = self._cache.stats
        metrics.gauge("cache_entries", stats.entries)
        metrics.gauge("cache_bytes", stats.size_bytes)
        metrics.gauge("log_lines_lost", self._log_lines_lost())
        for health in self._providers.health():
            metrics.circuit(health.provider_id, health.state)
        wall, cpu = time.perf_counter(), time.process_time()
        if wall > self._cpu[0]:
            self.cpu_share = (cpu - self._cpu[1]) / (wall - self._cpu[0])
        self._cpu = wall, cpu

    async def count(self, db: Database, metrics: Metrics) -> None:
        """What takes a look into the database."""
        metrics.gauge("knowledge_passages", await db.read(_passages))


def _passages(conn: Connection) -> int:
    counted = select(func.sum(schema.documents.c.passages)).where(
        schema.documents.c.searchable != 0, schema.documents.c.deleted_at.is_(None)
    )
    return int(conn.execute(counted).scalar() or 0)
