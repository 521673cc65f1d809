"""The database: one thread that writes, a few that read, every change one transaction.

database = await Database.open(f"sqlite:///{home}/mastra.db")
conversation = await database.read(conversations.get, conversation_id)
await database.write(messages.settle, message_id, text=..., ...)
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store.engines import READERS, Engines, driver_connection, make_engines, sqlite_path
from mastra_desktop.store.failures import translated
from mastra_desktop.store.processes import NOBODY, Me
from mastra_desktop.store.upgrade import bring_up_to_date
from mastra_desktop.store.writer import Write, Writer

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """Open it with `open`, end it with `close`. Safe to use from any task; functions run in threads.

    `read` and `write` raise what the function raises; a failing disk, a lock that stays taken or a
    damaged file become a `StorageError`. A function that raises leaves nothing behind.
    """

    def __init__(self, engines: Engines, *, read_only: bool, backups: Path | None, me: Me = NOBODY) -> None:
        self._engines = engines
        self.me = me
        """This process among those that share a server."""
        self._translated = partial(translated, engines.path, backups)
        self._writer = Writer(engines.writer, self._translated)
        self._readers = ThreadPoolExecutor(READERS, "database-reader")
        self._read_only = read_only
        self._closed = False
        self.on_done: Callable[[str, float], None] = _not_told
        """Hears the name of each function that was awaited, and how many seconds it took with its wait."""

    @property
    def path(self) -> Path | None:
        """The file, or None on a server."""
        return self._engines.path

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        return self._writer.waiting

    @property
    def read_only(self) -> bool:
        return self._read_only

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        read_only: bool = False,
        backups: Path | None = None,
        me: Me = NOBODY,
    ) -> Database:
        """Opens and, unless `read_only`, creates or migrates the database at `url`.

        `backups` is where a copy goes before a migration; by default `backups/` beside the file.
        Raises `DatabaseDamaged`, `DatabaseTooNew` or `StorageError`.
        """
        path = sqlite_path(url)
        if path and backups is None:
            backups = path.parent / "backups"
        job = partial(_open_engines, url, read_only=read_only, backups=backups)
        return cls(await asyncio.to_thread(job), read_only=read_only, backups=backups, me=me)

    async def read(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Runs `fn(connection, ...)` on a reader thread; it sees one state of the database throughout."""
        self._must_be_open()
        job = partial(self._look, fn, *args, **kw)
        began = time.perf_counter()
        found = await asyncio.get_running_loop().run_in_executor(self._readers, job)
        self.on_done(getattr(fn, "__name__", ""), time.perf_counter() - began)
        return found

    async def write(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        """Runs `fn(connection, ...)` in one transaction, committed and on the disk when this returns.

        Writes happen one after another, in the order of the calls. Cancelling the caller does not
        cancel the write: it still happens, whole.
        """
        self._must_be_open()
        if self._read_only:
            raise StorageError("The database was opened for reading only.")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()

        def tell(result: T, error: BaseException | None) -> None:
            with suppress(RuntimeError):  # the loop ended without waiting for close()
                loop.call_soon_threadsafe(_tell, done, result, error)

        began = time.perf_counter()
        self._writer.submit(Write(partial(_call, fn, args, kw), tell))
        result = await done
        self.on_done(getattr(fn, "__name__", ""), time.perf_counter() - began)
        return result

    def write_soon(
        self, fn: Callable[Concatenate[Connection, P], object], *args: P.args, **kw: P.kwargs
    ) -> None:
        """Queues a write that nobody waits for, after those asked for before. A failure is logged."""
        self._must_be_open()
        context = copy_context()

        def tell(_: object, error: BaseException | None) -> None:
            if error is not None:  # the next write, which somebody waits for, tells the person
                context.run(log.error, "a write in the background failed", exc_info=error)

        self._writer.submit(Write(partial(_call, fn, args, kw), tell))

    async def close(self) -> None:
        """Waits for what is queued, folds the log into the file and ends the threads. Safe to call twice."""
        if self._closed:
            return
        self._closed = True
        try:
            await asyncio.shield(asyncio.wrap_future(self._writer.close(self._close_now)))
        except BaseException:
            self._writer.shutdown(wait=False)  # what is queued still happens
            raise
        self._writer.shutdown()

    def _look(self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kw: P.kwargs) -> T:
        with self._translated(), self._engines.reader.begin() as conn:
            return fn(conn, *args, **kw)

    def _close_now(self) -> None:
        self._readers.shutdown()
        with self._translated():
            if self.path and not self._read_only:
                with self._engines.writer.connect() as conn:
                    driver_connection(conn).execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self._engines.dispose()

    def _must_be_open(self) -> None:
        if self._closed:
            raise StorageError("The database is closed.")


def _not_told(_name: str, _duration_s: float) -> None:
    """Nobody wants to know."""


def _call(
    fn: Callable[Concatenate[Connection, P], T], args: tuple[Any, ...], kw: dict[str, Any], conn: Connection
) -> T:
    return fn(conn, *args, **kw)


def _tell(done: asyncio.Future[T], result: T, error: BaseException | None) -> None:
    if done.done():  # cancelled: nobody waits any more
        return
    if error is None:
        done.set_result(result)
    else:
        done.set_exception(error)


def _open_engines(url: str, *, read_only: bool, backups: Path | None) -> Engines:
    engines = make_engines(url, read_only=read_only)
    try:
        with translated(engines.path, backups):
            bring_up_to_date(engines, read_only=read_only, backups=backups)
            if not read_only:
                # Takes the lock and gives it back: a file that cannot be written says so now.
                with engines.writer.begin():
                    pass
    except BaseException:
        engines.dispose()
        raise
    return engines
