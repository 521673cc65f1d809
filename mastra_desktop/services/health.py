"""Is everything this app leans on all right? One check per part, each with a time-out."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from mastra_desktop.domain.errors import MastraError, describe

if TYPE_CHECKING:
    from mastra_desktop.ops.cache import Cache
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.database import Database
    from mastra_desktop.store.secrets import Secrets

CHECK_TIMEOUT_S = 20.0
LOW_DISK_BYTES = 500 * 1024**2


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # works, with something missing
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `detail` is a sentence for the person, with the remedy when there is one."""

    name: str
    status: Status
    duration_ms: float
    detail: str


@dataclass(frozen=True, slots=True)
class Report:
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        order = (Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY)
        return max((c.status for c in self.checks), key=order.index, default=Status.HEALTHY)


class HealthService:
    """Checks config, database, cache, keyring, local_model, disk, and each provider by id."""

    def __init__(
        self, paths: Paths, db: Database, secrets: Secrets, providers: ProvidersService, cache: Cache
    ) -> None:
        self._paths = paths
        self._db = db
        self._secrets = secrets
        self._providers = providers
        self._cache = cache

    async def check(self) -> Report:
        """All checks at once; none raises."""
        checks: dict[str, Callable[[], Awaitable[tuple[Status, str]]]] = {
            "config": self._config,
            "database": self._database,
            "cache": self._cache_levels,
            "keyring": self._keyring,
            "local_model": self._local_model,
            "disk": self._disk,
        }
        for provider in self._providers.config.providers:
            check = partial(self._provider, provider.id) if provider.enabled else self._switched_off
            checks[provider.id] = check
        return Report(tuple(await asyncio.gather(*(_timed(name, run) for name, run in checks.items()))))

    async def _config(self) -> tuple[Status, str]:
        where = self._paths.config if self._paths.config.exists() else "defaults, no file"
        return Status.HEALTHY, f"Valid ({where})."

    async def _database(self) -> tuple[Status, str]:
        def look(conn: Connection) -> str:
            return str(conn.execute(text("PRAGMA quick_check(1)")).scalar())

        found = await self._db.read(look)
        if found != "ok":
            return (
                Status.UNHEALTHY,
                f"The database is damaged: {found}. Restore a copy from {self._paths.backups}.",
            )
        size = self._paths.database.stat().st_size if self._paths.database.exists() else 0
        return Status.HEALTHY, f"SQLite, {size / 1024**2:.1f} MB, intact."

    async def _cache_levels(self) -> tuple[Status, str]:
        await self._cache.get("health")  # asks Redis, if there is one
        found = self._cache.stats
        words = f"{found.entries} entries in memory, {found.size_bytes / 1024**2:.1f} MB"
        if found.second_is_up is None:
            return Status.HEALTHY, f"{words}."
        if found.second_is_up:
            return Status.HEALTHY, f"{words}; Redis answers."
        return Status.DEGRADED, f"{words}; Redis does not answer: start it, or correct cache.redis_url."

    async def _keyring(self) -> tuple[Status, str]:
        await self._secrets.get("mastra-desktop-check")
        if self._secrets.is_persistent:
            return Status.HEALTHY, f"Keys are kept in: {self._secrets.store_name}."
        if self._secrets.has_locked_file:
            return Status.DEGRADED, "No system keyring, and the file of keys is locked: enter its passphrase."
        return Status.DEGRADED, "No system keyring: keys are kept in memory for this run only."

    async def _local_model(self) -> tuple[Status, str]:
        info = await self._providers.local_model()
        if info.error is not None:
            return Status.DEGRADED, f"{info.error.message} {info.error.hint}".strip()
        return Status.HEALTHY, f"{info.name}, {info.size_bytes / 1024**2:.0f} MB, at {info.path}."

    async def _disk(self) -> tuple[Status, str]:
        free = shutil.disk_usage(self._paths.home).free
        words = f"{free / 1024**3:.1f} GB free at {self._paths.home}."
        if free < LOW_DISK_BYTES:
            return Status.UNHEALTHY, f"The disk is nearly full: {words}"
        return Status.HEALTHY, words

    async def _switched_off(self) -> tuple[Status, str]:
        return Status.HEALTHY, "Switched off."

    async def _provider(self, provider_id: str) -> tuple[Status, str]:
        found = await self._providers.test_saved(provider_id, tools=False)
        if found.error:
            return Status.UNHEALTHY, f"{found.error} {found.hint}".strip()
        models = f"{len(found.model_names)} models"
        return Status.HEALTHY, f"{models}, first answer in {found.latency_ms or 0:.0f} ms."


async def _timed(name: str, run: Callable[[], Awaitable[tuple[Status, str]]]) -> Check:
    started = time.perf_counter()
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_S):
            status, detail = await run()
    except TimeoutError:
        status, detail = Status.UNHEALTHY, f"No answer within {CHECK_TIMEOUT_S:.0f} s."
    except (MastraError, OSError) as error:
        status, detail = Status.UNHEALTHY, describe(error).message
    return Check(name, status, (time.perf_counter() - started) * 1000, detail)
