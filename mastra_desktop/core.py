"""Builds everything below the window, and closes it in the order of `ops/shutdown.py`.

The same core runs in the window's engine thread, under `ask` and in every other command. No Qt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal

from mastra_desktop.api.local_api import LocalApi
from mastra_desktop.api.parts import Parts
from mastra_desktop.domain.errors import DataHomeBusy, MastraError
from mastra_desktop.domain.events import KeysLocked
from mastra_desktop.ingest.read_process import ReadingProcess
from mastra_desktop.ops import config as configuration
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.bus import Bus
from mastra_desktop.ops.cache import Cache
from mastra_desktop.ops.cache_redis import RedisLevel
from mastra_desktop.ops.config_watch import ConfigWatch
from mastra_desktop.ops.embedding_cache import EmbeddingCache
from mastra_desktop.ops.lock import HomeLock, read_owner
from mastra_desktop.ops.logging import Log, get_logger
from mastra_desktop.ops.metrics import Metrics
from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.ops.shutdown import Shutdown
from mastra_desktop.ops.traces import SLOW_S, Traces
from mastra_desktop.paths import Paths, prepare_home
from mastra_desktop.providers.registry import Registry
from mastra_desktop.services.answer_cache import AnswerCache
from mastra_desktop.services.audit import AuditService
from mastra_desktop.services.backups import BackupService
from mastra_desktop.services.chat import ChatService
from mastra_desktop.services.completions import CompletionService
from mastra_desktop.services.configuration import ConfigurationService, Part
from mastra_desktop.services.conversations import ConversationsService
from mastra_desktop.services.embedder_health import EmbedderHealth
from mastra_desktop.services.embedders import Embedders
from mastra_desktop.services.embedding import EmbeddingService
from mastra_desktop.services.export import TraceExport
from mastra_desktop.services.gauges import Gauges
from mastra_desktop.services.grounding import KnowledgeRetriever
from mastra_desktop.services.health import HealthService
from mastra_desktop.services.keys import KeyService
from mastra_desktop.services.knowledge import KnowledgeService
from mastra_desktop.services.knowledge_index import MeaningIndex
from mastra_desktop.services.knowledge_pipeline import Pipeline
from mastra_desktop.services.knowledge_search import KnowledgeSearch
from mastra_desktop.services.presence import Presence, who_am_i
from mastra_desktop.services.prices import PriceService
from mastra_desktop.services.providers import ProvidersService
from mastra_desktop.services.recording import Recorder
from mastra_desktop.services.telemetry import TelemetryService
from mastra_desktop.services.tokens import TokenService
from mastra_desktop.store import messages, processes
from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import sqlite_path
from mastra_desktop.store.passphrase_file import PassphraseFile
from mastra_desktop.store.processes import NOBODY
from mastra_desktop.store.secrets import Secrets

KEY_FILE = "keys.encrypted"
READER_PATIENCE_S = 2.0
WATCHED = ("window", "serve")  # purposes that last: measured, audited as started and stopped, backed up

Access = Literal["own", "read"]
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """What a window, a command or the API works with."""

    paths: Paths
    loaded: configuration.Loaded
    bus: Bus
    db: Database
    secrets: Secrets
    registry: Registry
    cache: Cache
    chat: ChatService
    conversations: ConversationsService
    knowledge: KnowledgeService
    providers: ProvidersService
    keys: KeyService
    prices: PriceService
    health: HealthService
    telemetry: TelemetryService
    settings: ConfigurationService
    audit: AuditService
    backups: BackupService
    tokens: TokenService
    api: LocalApi
    export: TraceExport
    interrupted: int  # conversations with an answer that a crash cut off, found and marked at this start
    shutdown: Shutdown


@asynccontextmanager
async def open_core(
    paths: Paths,
    environ: Mapping[str, str],
    *,
    purpose: str,
    access: Access = "own",
    known: KnownSecrets | None = None,
) -> AsyncIterator[Core]:
    """The core over the data home of `paths`.

    `own` takes the data home for this process. `read` does so when nobody has it, and else looks into the
    database beside its owner and writes nothing. `known` collects the keys in use.

    Raises ConfigError, DataHomeBusy, StorageError and its kin; a bug is logged on its way through.
    """
    shutdown = Shutdown()
    try:
        loaded = configuration.load(paths, environ)
        known = known or KnownSecrets()
        prepare_home(paths)
        lock = await _take_home(paths, purpose, access)
        log_file: Log | None = None
        owning = lock is not None
        if lock is not None:
            shutdown.add("home", partial(asyncio.to_thread, lock.release))
            log_file = Log(paths.logs, loaded.config.logging, known.clean)
            shutdown.add("log", partial(asyncio.to_thread, log_file.close))
        log.info("start", purpose=purpose, owning=owning)
        bus = Bus()
        metrics, traces = Metrics(known.clean), Traces(known.clean)

        url = loaded.config.database.url or f"sqlite:///{paths.database}"
        shared = sqlite_path(url) is None
        me = who_am_i(paths.home) if shared and owning else NOBODY
        db = await Database.open(url, read_only=not owning, backups=paths.backups, me=me)
        shutdown.add("database", db.close)
        db.on_done = partial(_tell_slow, traces)
        if owning:
            await db.write(processes.appear, me)
        interrupted = await db.write(messages.mark_interrupted, time.time()) if owning else []

        secrets = Secrets(
            environ=environ,
            file=PassphraseFile(paths.home / KEY_FILE),
            on_key=known.add,
            on_locked=lambda: bus.publish(KeysLocked()),
        )
        audit = AuditService(db, secrets, known, beside=None if owning else db.path)
        lasts = owning and purpose in WATCHED
        await shutdown.enter("audit", _audited(audit, purpose) if lasts else audit.running())
        export = TraceExport(
            traces, metrics, secrets, known, bus, "sqlite" if sqlite_path(url) else "postgresql"
        )
        await export.apply(loaded)
        await shutdown.enter("traces", export.running())
        backups = BackupService(paths, db, bus, audit, url=url)
        if lasts:
            await shutdown.enter("backups", backups.running())
        registry = Registry(())
        shutdown.add("providers", registry.aclose)
        providers = ProvidersService(paths, environ, loaded, secrets, registry, bus, known, audit)
        shutdown.add("connections", providers.aclose)
        await providers.start()
        cache = _build_cache(loaded.config.cache, metrics)
        shutdown.add("cache", cache.aclose)
        embedders = Embedders(paths.resources, registry, EmbeddingCache(cache), EmbedderHealth(bus))
        shutdown.add("embedder", embedders.aclose)
        memory: dict[str, Callable[[], int | None]] = {
            "model": providers.local_memory_bytes,
            "embedder": embedders.memory_bytes,
        }
        knowledge = await _open_knowledge(
            shutdown, paths, loaded, db, bus, embedders, metrics, memory, audit, owning=owning
        )
        prices = PriceService(paths, db, providers, bus)
        answers = AnswerCache(cache, providers.identity)
        recorder = Recorder(metrics, traces, prices.cost_now)
        chat = ChatService(
            db, registry, bus, known, answers, retriever=KnowledgeRetriever(knowledge), recorder=recorder
        )
        shutdown.add("texts", chat.keep_texts)
        completions = CompletionService(registry, answers, recorder)
        gauges = Gauges(
            purpose if purpose in WATCHED else "app",
            memory,
            lambda: chat.in_progress + completions.in_progress,
            providers,
            cache,
            lambda: log_file.lost if log_file is not None else 0,
        )
        telemetry = TelemetryService(
            db,
            bus,
            recorder,
            providers,
            gauges,
            paths.logs,
            owning=owning,
            sampling=lasts,
        )
        await shutdown.enter("figures", telemetry.running())
        conversations = ConversationsService(db, bus, audit)
        if owning:
            await conversations.purge_trash()
        if shared and owning:
            await shutdown.enter("presence", Presence(db, bus, chat, knowledge).running())
        elif owning:
            await shutdown.enter("presence", in_background(chat.keep_saving, "answers that wait to be saved"))
        health = HealthService(
            paths, db, secrets, providers, cache, knowledge, embedders, export=export, owning=owning
        )
        tokens = TokenService(db, partial(Database.open, url, backups=paths.backups), audit)
        api = LocalApi(
            Parts(
                tokens=tokens,
                completions=completions,
                chat=chat,
                embedding=EmbeddingService(embedders, paths.resources),
                conversations=conversations,
                knowledge=knowledge,
                providers=providers,
                prices=prices,
                health=health,
                telemetry=telemetry,
                audit=audit,
                clean=known.clean_error,
            ),
            bus,
            loaded.config.server,
        )
        parts = _parts(log_file, cache, providers, api, export)
        settings = ConfigurationService(paths, environ, loaded, bus, parts, audit)
        watch = ConfigWatch(paths.config, settings.reload)
        shutdown.add("configuration", watch.aclose)
        shutdown.add("requests", api.aclose)
        if owning:
            watch.start()
        core = Core(
            paths=paths,
            loaded=loaded,
            bus=bus,
            db=db,
            secrets=secrets,
            registry=registry,
            cache=cache,
            chat=chat,
            conversations=conversations,
            knowledge=knowledge,
            providers=providers,
            keys=KeyService(secrets, providers, bus, audit),
            prices=prices,
            health=health,
            settings=settings,
            telemetry=telemetry,
            audit=audit,
            backups=backups,
            tokens=tokens,
            api=api,
            export=export,
            interrupted=len(interrupted),
            shutdown=shutdown,
        )
        with _counted(metrics):
            yield core
        log.info("stop", purpose=purpose)
    except (MastraError, BrokenPipeError):
        raise
    except Exception:
        log.exception("bug")
        raise
    finally:
        await shutdown.run()


@asynccontextmanager
async def _audited(audit: AuditService, purpose: str) -> AsyncIterator[None]:
    async with audit.running():
        audit.record("app", "app.started", purpose)
        yield
        audit.record("app", "app.stopped", purpose)


async def _open_knowledge(
    shutdown: Shutdown,
    paths: Paths,
    loaded: configuration.Loaded,
    db: Database,
    bus: Bus,
    embedders: Embedders,
    metrics: Metrics,
    memory: dict[str, Callable[[], int | None]],
    audit: AuditService,
    *,
    owning: bool,
) -> KnowledgeService:
    """Who does not own the data home searches by words, and adds nothing.

    `memory` gets the processes that knowledge needs.
    """
    if not owning:
        by_words = KnowledgeSearch(db, embedders, None, metrics.searched)
        return KnowledgeService(db, bus, embedders, by_words, None, None, audit)
    index = MeaningIndex(db, bus, paths.home / "vectors", loaded.config.vectors.url)
    shutdown.add("vectors", index.vectors.aclose)
    reading = ReadingProcess(paths.resources)
    memory |= {"vectors": index.vectors.memory_bytes, "reader": reading.used_bytes}
    pipeline = Pipeline(db, bus, embedders, index, reading, _fetch_page)
    search = KnowledgeSearch(db, embedders, index, metrics.searched)
    knowledge = KnowledgeService(db, bus, embedders, search, pipeline, index, audit)
    await shutdown.enter("documents", knowledge.running())
    return knowledge


async def _fetch_page(url: str) -> tuple[bytes, str, str]:
    from mastra_desktop.ingest.web import fetch_page

    return await fetch_page(url)


def _tell_slow(traces: Traces, name: str, duration_s: float) -> None:
    if duration_s >= SLOW_S:
        traces.slow("database", duration_s, **{"db.operation.name": name})


def _build_cache(settings: configuration.CacheConfig, metrics: Metrics) -> Cache:
    second = RedisLevel(settings.redis_url) if settings.redis_url else None
    return Cache(max_entries=settings.max_entries, ttl_s=settings.ttl_s, second=second, count=metrics.cache)


def _parts(
    log_file: Log | None, cache: Cache, providers: ProvidersService, api: LocalApi, export: TraceExport
) -> list[Part]:
    """What can change while the app runs, in the order in which it does."""

    async def use_logging(loaded: configuration.Loaded) -> None:
        if log_file is not None:
            log_file.set_level(loaded.config.logging.level)

    redis_url = providers.config.cache.redis_url

    async def use_cache(loaded: configuration.Loaded) -> None:
        nonlocal redis_url
        to = loaded.config.cache
        second = cache.second
        if to.redis_url != redis_url:
            second = RedisLevel(to.redis_url) if to.redis_url else None
            redis_url = to.redis_url
        await cache.apply(max_entries=to.max_entries, ttl_s=to.ttl_s, second=second)

    return [
        Part(frozenset({"logging.level"}), use_logging),
        Part(frozenset({"cache"}), use_cache),
        Part(frozenset({"providers", "http", "local"}), providers.apply),
        Part(frozenset({"telemetry", "providers", "http"}), export.apply),
        Part(frozenset({"server"}), api.apply),
    ]


async def _take_home(paths: Paths, purpose: str, access: Access) -> HomeLock | None:
    """The data home for this process, or None where reading beside its owner will do.

    A command that only reads may have it for a moment, and is waited for. Raises DataHomeBusy.
    """
    until = time.monotonic() + READER_PATIENCE_S
    while True:
        try:
            return HomeLock.acquire(paths.home, purpose)
        except DataHomeBusy:
            if access == "read":
                return None
            owner = read_owner(paths.home)
            if owner is None or owner.purpose != "read" or time.monotonic() > until:
                raise
        await asyncio.sleep(0.02)


@contextmanager
def _counted(metrics: Metrics) -> Iterator[None]:
    """What ends a command is told by it."""
    try:
        yield
    except BrokenPipeError:
        raise
    except Exception as error:
        metrics.errors.met(error)
        raise
