"""Backups: taken by themselves while the app runs, or when asked for; and going back to one.

Going back, and rescuing a damaged database, happen without a core: nobody may have the database open.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mastra_desktop.domain.errors import MastraError, StorageError, describe
from mastra_desktop.domain.events import BackupsChanged, WorkFailed
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.config import load
from mastra_desktop.ops.lock import HomeLock
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.paths import Paths, prepare_home
from mastra_desktop.services.presence import who_am_i, who_was_i
from mastra_desktop.store import backups, salvage
from mastra_desktop.store.backups import Backup, Restored
from mastra_desktop.store.engines import sqlite_path
from mastra_desktop.store.files import check
from mastra_desktop.store.salvage import Salvaged

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.store.database import Database

FIRST_LOOK_S = 90.0  # after the start, which it must not slow down
LOOK_EVERY_S = 600.0
VECTORS = "vectors"

log = get_logger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Checked:
    """What looking through the whole database found; `problem` is empty when it is sound."""

    problem: str
    took_s: float


class BackupService:
    """Nothing here changes the database. Of one on a server, at `url`, none is taken unless asked for."""

    def __init__(
        self,
        paths: Paths,
        db: Database,
        bus: Bus,
        audit: AuditService,
        *,
        url: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._paths, self._db, self._bus, self._audit = paths, db, bus, audit
        self._url = url
        self._clock = clock
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def running(
        self, first_look_s: float = FIRST_LOOK_S, look_every_s: float = LOOK_EVERY_S
    ) -> AsyncGenerator[None]:
        """Inside, one is taken each day on which something changed, but of a server's database."""
        if self._db.path is None:
            yield
            return

        async def look() -> None:
            await asyncio.sleep(first_look_s)
            while True:
                await self._take_if_due()
                await asyncio.sleep(look_every_s)

        async with in_background(look, "backups"):
            yield

    async def all(self) -> list[Backup]:
        """The newest first."""
        return await asyncio.to_thread(backups.backups, self._paths.backups)

    async def make(self, kind: str = "manual") -> Backup:
        """Takes one now, and thins the older ones. Raises StorageError."""
        database = self._db.path or self._url
        async with self._lock:
            try:
                made = await _in_thread(
                    lambda give_up: backups.make(database, self._paths.backups, kind, give_up=give_up)
                )
            except StorageError as error:
                self._audit.record("app", "backup.made", kind, "failed", error.message)
                raise
            gone = await asyncio.to_thread(backups.thin, self._paths.backups)
        log.info("backup made", file=made.path.name, size_bytes=made.size_bytes, thinned=len(gone))
        self._audit.record("app", "backup.made", made.path.name, "done")
        self._bus.publish(BackupsChanged())
        return made

    async def copy_to(self, target: Path) -> Path:
        """Takes one into a file of the person's choice. Raises StorageError.

        The audit log is told before, so that the copy, which may go on elsewhere, has that row too.
        """
        self._audit.record("user", "backup.made", target.name, "done")
        await self._audit.written()
        try:
            await asyncio.to_thread(backups.copy_to, self._db.path or self._url, target)
        except StorageError as error:
            self._audit.record("user", "backup.made", target.name, "failed", error.message)
            raise
        log.info("backup made", file=target.name)
        return target

    async def check(self) -> Checked:
        """Looks through the whole database: seconds for a large one."""
        database, begun = self._file(), time.perf_counter()
        problem = await _in_thread(lambda give_up: check(database, give_up=give_up))
        took_s = time.perf_counter() - begun
        log.info("database checked", problem=problem, took_s=round(took_s, 3))
        return Checked(problem, took_s)

    async def is_due(self) -> bool:
        """Whether none was taken by itself today, and something changed since the newest one."""
        newest = next((b for b in await self.all() if b.kind == "auto"), None)
        if newest is not None and _day(newest.taken_at) == _day(self._clock()):
            return False
        return await asyncio.to_thread(backups.has_changed, self._file(), self._paths.backups)

    async def _take_if_due(self) -> None:
        try:
            if await self.is_due():
                await self.make("auto")
        except (MastraError, OSError) as error:
            log.warning("no backup today", message=str(error))
            self._bus.publish(WorkFailed("backup", describe(error)))

    def _file(self) -> Path:
        if self._db.path is None:
            raise StorageError(
                "The database is on a server, which looks after its files itself.",
                hint="Ask who runs the server.",
            )
        return self._db.path


def check_database(paths: Paths) -> Checked:
    """Looks through all of the data home's own database, whoever has it open. Blocks.

    Raises StorageError when there is none.
    """
    if not paths.database.exists():
        raise StorageError("There is no database yet.", hint="Open Mastra Desktop once.")
    begun = time.perf_counter()
    problem = check(paths.database)
    return Checked(problem, time.perf_counter() - begun)


def restore_backup(paths: Paths, source: Path, environ: Mapping[str, str]) -> Restored:
    """Goes back to `source`, in the data folder or on the server that the configuration names. Blocks.

    What is there now is backed up first. Raises DataHomeBusy naming who has the data home, ConfigError,
    StorageError and its kin; then all is as it was.
    """
    url = load(paths, environ).config.database.url
    with _home(paths, "restore"):
        file = _file_of(url, paths)
        if file is not None:
            done = backups.restore(source, file, paths.backups, paths.home / VECTORS, who_was_i(paths.home))
        else:
            me = who_am_i(paths.home)
            done = backups.restore_on_server(source, url, paths.database, paths.backups, me)
        backups.thin_before(paths.backups)
    return done


def rescue_database(paths: Paths, environ: Mapping[str, str]) -> Salvaged:
    """Copies what can still be read of a damaged database into a new one; the damaged file is kept beside it.

    Blocks. Raises DataHomeBusy, ConfigError and StorageError, also on a server; then all is as it was.
    """
    file = _file_of(load(paths, environ).config.database.url, paths)
    if file is None:
        raise StorageError("The database is on a server, which looks after its files itself.")
    with _home(paths, "rescue"):
        return salvage.rescue(file, paths.home / VECTORS)


def _file_of(url: str, paths: Paths) -> Path | None:
    """The database's file; None on a server."""
    return sqlite_path(url) if url else paths.database


async def newest_good_backup(paths: Paths) -> Backup | None:
    """What can be offered when the database is damaged."""
    return await asyncio.to_thread(backups.newest_good, paths.backups)


@contextmanager
def _home(paths: Paths, purpose: str) -> Iterator[None]:
    prepare_home(paths)
    lock = HomeLock.acquire(paths.home, purpose)
    try:
        yield
    finally:
        lock.release()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).astimezone().strftime("%Y-%m-%d")


async def _in_thread(work: Callable[[Callable[[], bool]], T]) -> T:
    """`work` in a thread; cancelling makes it give up, and waits for that."""
    enough = threading.Event()
    job = asyncio.get_running_loop().run_in_executor(None, work, enough.is_set)
    try:
        return await asyncio.shield(job)
    except asyncio.CancelledError:
        enough.set()
        with suppress(MastraError, OSError, sqlite3.Error):
            await job
        raise
