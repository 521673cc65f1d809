"""Is everything this app leans on all right? One check per part, all at once, each with a time-out.

A finding says what is wrong, what to do about it and what works meanwhile.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection, text

from mastra_desktop.domain.errors import MastraError, StorageError, describe
from mastra_desktop.domain.events import ProviderState, VectorIndexState
from mastra_desktop.domain.telemetry import HealthSample
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import telemetry

if TYPE_CHECKING:
    from mastra_desktop.ops.cache import Cache
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.embedders import Embedders
    from mastra_desktop.services.export import TraceExport
    from mastra_desktop.services.knowledge import KnowledgeService
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.database import Database
    from mastra_desktop.store.secrets import Secrets

CHECK_TIMEOUT_S = 20.0
QUICK_TIMEOUT_S = 2.0
KEPT_EACH_S = 300.0  # in the history, while nothing changes
LOW_DISK_BYTES = 500 * 1024**2

log = get_logger(__name__)


class Status(StrEnum):
    HEALTHY = "healthy"
    DEGRADED = "degraded"  # works, with something missing
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True, slots=True)
class Check:
    """What one check found. `detail` is a sentence for the person; `remedy` what to do and `still_works`
    what goes on meanwhile, both empty when all is well."""

    name: str
    status: Status
    duration_ms: float
    detail: str
    remedy: str = ""
    still_works: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """The worst of all checks."""
        order = (Status.HEALTHY, Status.DEGRADED, Status.UNHEALTHY)
        return max((c.status for c in self.checks), key=order.index, default=Status.HEALTHY)


Finding = tuple[Status, str] | tuple[Status, str, str, str]  # status, detail; remedy, still_works
Run = Callable[[], Awaitable[Finding]]


class HealthService:
    """Checks config, database, vectors, cache, keyring, embedder, local_model, disk, each provider by id."""

    def __init__(
        self,
        paths: Paths,
        db: Database,
        secrets: Secrets,
        providers: ProvidersService,
        cache: Cache,
        knowledge: KnowledgeService,
        embedders: Embedders,
        *,
        export: TraceExport | None = None,
        owning: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._paths = paths
        self._db = db
        self._secrets = secrets
        self._providers = providers
        self._cache = cache
        self._knowledge = knowledge
        self._embedders = embedders
        self._export = export
        self._owning = owning
        self._clock = clock
        self._kept: dict[str, tuple[float, Status]] = {}  # the last of each check in the history

    async def full(self) -> Report:
        """Everything, tried in earnest: providers are asked, the index and the embedder are started.

        All at once; none raises. What is found goes into the history.
        """
        checks = self._always() | {
            "database": self._database,
            "vectors": partial(self._vectors, start=True),
            "embedder": partial(self._embedder, start=True),
        }
        checks |= self._exported(start=True)
        for provider in self._providers.config.providers:
            checks[provider.id] = (
                partial(self._provider, provider.id) if provider.enabled else self._switched_off
            )
        return await self._run(checks, CHECK_TIMEOUT_S)

    async def quick(self) -> Report:
        """The same checks by what is known anyway: nothing is started, no provider is asked. For a pane that
        looks every few seconds."""
        checks = self._always() | {
            "database": self._answers,
            "vectors": partial(self._vectors, start=False),
            "embedder": partial(self._embedder, start=False),
        }
        checks |= self._exported(start=False)
        health = {found.provider_id: found for found in self._providers.health()}
        for provider in self._providers.config.providers:
            state = health[provider.id].state if provider.id in health else None
            checks[provider.id] = (
                partial(self._circuit, provider.id, state) if provider.enabled else self._switched_off
            )
        return await self._run(checks, QUICK_TIMEOUT_S)

    async def live(self) -> Report:
        """The core's loop turns: that this returns is the check."""
        return Report((Check("live", Status.HEALTHY, 0.0, "Running."),))

    async def ready(self) -> Report:
        """Whether work can be taken: the database answers, and there is room on the disk."""
        checks: dict[str, Run] = {"database": self._answers, "disk": self._disk}
        return await self._run(checks, QUICK_TIMEOUT_S, keep=False)

    def _always(self) -> dict[str, Run]:
        """In the order in which they are shown."""
        return {
            "config": self._config,
            "database": self._answers,
            "vectors": partial(self._vectors, start=False),
            "cache": self._cache_levels,
            "keyring": self._keyring,
            "embedder": partial(self._embedder, start=False),
            "local_model": self._local_model,
            "disk": self._disk,
        }

    def _exported(self, *, start: bool) -> dict[str, Run]:
        """Only where traces are to go somewhere."""
        export = self._export
        if export is None or not export.state.url:
            return {}

        async def look() -> Finding:
            state = await export.probe() if start else export.state
            words = f"{state.sent:,} spans sent, {state.waiting:,} wait, {state.dropped:,} dropped"
            if state.problem:
                still = "Everything else: no answer waits for it."
                return Status.DEGRADED, f"{state.problem} {words}.", state.remedy, still
            what = "with prompts and answers" if state.contents else "without contents"
            return Status.HEALTHY, f"{words}; to {state.url}, {what}."

        return {"otlp": look}

    async def _run(self, checks: Mapping[str, Run], patience_s: float, *, keep: bool = True) -> Report:
        timed = (_timed(name, run, patience_s) for name, run in checks.items())
        report = Report(tuple(await asyncio.gather(*timed)))
        if keep and self._owning:
            self._keep(report)
        return report

    def _keep(self, report: Report) -> None:
        """Into the history: what changed, and everything else now and then."""
        now = self._clock()
        new = []
        for check in report.checks:
            at, status = self._kept.get(check.name, (0.0, None))
            if status is not check.status or now - at >= KEPT_EACH_S:
                self._kept[check.name] = now, check.status
                new.append(HealthSample(now, check.name, check.status, check.duration_ms, check.detail))
        if not new:
            return
        try:
            self._db.write_soon(telemetry.keep_health, new)
        except StorageError as error:  # it is being closed
            log.warning("health not kept", message=error.message)

    async def _config(self) -> Finding:
        where = self._paths.config if self._paths.config.exists() else "defaults, no file"
        return Status.HEALTHY, f"Valid ({where})."

    async def _answers(self) -> Finding:
        await self._db.read(_select_one)
        return Status.HEALTHY, f"{self._where()}, answers."

    async def _database(self) -> Finding:
        found = await self._db.read(_intact)
        if found != "ok":
            return (
                Status.UNHEALTHY,
                f"The database is damaged: {found}.",
                f"Restore a copy from {self._paths.backups}.",
                "What can still be read is shown.",
            )
        return Status.HEALTHY, f"{self._where()}, intact."

    def _where(self) -> str:
        if self._db.path is None:
            return "PostgreSQL"
        size = self._db.path.stat().st_size if self._db.path.exists() else 0
        return f"SQLite, {size / 1024**2:.1f} MB"

    async def _vectors(self, *, start: bool) -> Finding:
        state = self._knowledge.index_state()
        if state is None:
            return Status.HEALTHY, "Looked after by the Mastra Desktop that has this data folder open."
        if state.state is VectorIndexState.REBUILDING:
            return (
                Status.DEGRADED,
                state.detail or "The index of meanings is being rebuilt from the database.",
                "Wait until it is done.",
                "Knowledge is found by its words.",
            )
        counted = sum(collection.passages for collection in await self._knowledge.collections())
        if start and (counted or self._knowledge.index_is_remote):
            await self._knowledge.open_index()
        elif state.state is VectorIndexState.DOWN:
            return (
                Status.UNHEALTHY,
                state.detail or "The index of meanings does not run.",
                "It is tried again by itself; nothing is lost, it can be rebuilt from the database.",
                "Knowledge is found by its words.",
            )
        return Status.HEALTHY, f"{counted:,} passages." if counted else "No passages yet."

    async def _cache_levels(self) -> Finding:
        if self._cache.second is not None:
            await self._cache.second.get_many(["health"])
        found = self._cache.stats
        words = f"{found.entries} entries in memory, {found.size_bytes / 1024**2:.1f} MB"
        if found.second_is_up is None:
            return Status.HEALTHY, f"{words}."
        if found.second_is_up:
            return Status.HEALTHY, f"{words}; Redis answers."
        return (
            Status.DEGRADED,
            f"{words}; Redis does not answer.",
            "Start it, or correct cache.redis_url.",
            "The cache in memory is used.",
        )

    async def _keyring(self) -> Finding:
        await self._secrets.get("mastra-desktop-check", quietly=True)
        if self._secrets.is_persistent:
            return Status.HEALTHY, f"Keys are kept in: {self._secrets.store_name}."
        if self._secrets.has_locked_file:
            return (
                Status.DEGRADED,
                "No system keyring, and the file of keys is locked.",
                "Enter its passphrase.",
                "Models that need no key.",
            )
        return (
            Status.DEGRADED,
            "No system keyring: keys are kept in memory for this run only.",
            "Install one (GNOME Keyring, KWallet), or make a file of keys in Settings.",
            "Keys that are entered, or given in the environment, until the app ends.",
        )

    async def _embedder(self, *, start: bool) -> Finding:
        """The built-in one, and those that collections use."""
        default_id = self._embedders.default_id()
        info = next((found for found in self._embedders.infos() if found.id == default_id), None)
        if info is None or not info.installed:
            return (
                Status.DEGRADED,
                "No embedding model is installed.",
                "Install Mastra Desktop anew.",
                "Knowledge is found by its words.",
            )
        used = {c.embedder_id for c in await self._knowledge.collections() if c.documents or c.adding}
        used |= {default_id}
        if start:
            await asyncio.gather(*(self._embedders.try_out(embedder_id) for embedder_id in used))
        away = self._embedders.health.away()
        if broken := [(embedder_id, away[embedder_id]) for embedder_id in sorted(used & away.keys())]:
            return (
                Status.DEGRADED,
                " ".join(f"{embedder_id}: {error.message}" for embedder_id, error in broken),
                " ".join(dict.fromkeys(error.hint for _, error in broken if error.hint)),
                "Knowledge is found by its words; documents that wait go on once it answers.",
            )
        others = "".join(f", {embedder_id}" for embedder_id in sorted(used - {default_id}))
        if start:
            return Status.HEALTHY, f"{info.name}{others}, embeds."
        running = "running" if self._embedders.memory_bytes() else "starts when it is needed"
        return Status.HEALTHY, f"{info.name}{others}, {running}."

    async def _local_model(self) -> Finding:
        info = await self._providers.local_model()
        if info.error is not None:
            return Status.DEGRADED, info.error.message, info.error.hint, "Models of providers."
        return Status.HEALTHY, f"{info.name}, {info.size_bytes / 1024**2:.0f} MB, at {info.path}."

    async def _disk(self) -> Finding:
        usage = shutil.disk_usage(self._paths.home)
        used = 100 * (usage.total - usage.free) / usage.total
        words = f"{usage.free / 1024**3:.1f} GB free, {used:.0f} % used, at {self._paths.home}."
        if usage.free < LOW_DISK_BYTES:
            return (
                Status.UNHEALTHY,
                f"The disk is nearly full: {words}",
                "Make room: delete old backups or other files.",
                "Reading; new answers may not be kept.",
            )
        return Status.HEALTHY, words

    async def _switched_off(self) -> Finding:
        return Status.HEALTHY, "Switched off."

    async def _provider(self, provider_id: str) -> Finding:
        found = await self._providers.test_saved(provider_id, tools=False)
        if found.error:
            return Status.UNHEALTHY, found.error, found.hint, "Other models."
        models = f"{len(found.model_names)} models"
        return Status.HEALTHY, f"{models}, first answer in {found.latency_ms or 0:.0f} ms."

    async def _circuit(self, provider_id: str, state: ProviderState | None) -> Finding:
        """By how its last answers ended."""
        remedy = f"It is tried again by itself; test {provider_id} in Settings."
        if state is ProviderState.OPEN:
            return Status.UNHEALTHY, "It failed too often and is left alone.", remedy, "Other models."
        if state is ProviderState.HALF_OPEN:
            return Status.DEGRADED, "It failed; the next request tries it again.", remedy, "Other models."
        if state is ProviderState.COOLING:
            return Status.DEGRADED, "It asked for fewer requests.", "Wait a little.", "Other models."
        return Status.HEALTHY, "Not asked yet." if state is None else "Answers."


def _select_one(conn: Connection) -> None:
    conn.execute(text("SELECT 1"))


def _intact(conn: Connection) -> str:
    if conn.dialect.name != "sqlite":
        _select_one(conn)
        return "ok"
    return str(conn.execute(text("PRAGMA quick_check(1)")).scalar())


async def _timed(name: str, run: Run, patience_s: float) -> Check:
    started = time.perf_counter()
    found: Finding
    try:
        async with asyncio.timeout(patience_s):
            found = await run()
    except TimeoutError:
        found = (Status.UNHEALTHY, f"No answer within {patience_s:.0f} s.", "Look into the log.", "")
    except (MastraError, OSError) as error:
        said = describe(error)
        found = (Status.UNHEALTHY, said.message, said.hint, "")
    status, detail, *more = found
    return Check(name, status, (time.perf_counter() - started) * 1000, detail, *more)
