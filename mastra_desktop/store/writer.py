"""The one thread that writes: waiting writes share a transaction, and so one sync of the disk.

A disk syncs some hundred times a second, and a turn has two commits. Each write is a savepoint of its own:
one that fails takes nothing with it, and none is told done before the whole is on the disk. The same on
SQLite and on a server, where it is also one wait for the lock that lets a single process write at a time.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sqlalchemy import Connection, Engine

from mastra_desktop.store.engines import is_lost, raw

MOST_WRITES = 64  # in one transaction
LONGEST_S = 0.02  # after that no further write joins

log = logging.getLogger(__name__)


class Write:
    """One change that waits for its turn. `tell(result, error)` is called once, on the writer's thread."""

    __slots__ = ("_change", "_error", "_result", "_tell")

    def __init__(
        self, change: Callable[[Connection], object], tell: Callable[[Any, BaseException | None], None]
    ) -> None:
        self._change = change
        self._tell = tell
        self._result: object = None
        self._error: BaseException | None = None

    def run(self, conn: Connection) -> None:
        """Raises what the change raises."""
        self._result = self._change(conn)

    def failed(self, error: BaseException) -> None:
        if self._error is None:
            self._error = error

    def tell(self) -> None:
        self._tell(None if self._error else self._result, self._error)


class Writer:
    """Takes writes from any thread, does them in order. `translated` words a driver's errors."""

    def __init__(self, engine: Engine, translated: Callable[[], AbstractContextManager[None]]) -> None:
        self._engine = engine
        self._translated = translated
        self._is_file = engine.dialect.name == "sqlite"
        self._thread = ThreadPoolExecutor(1, "database-writer")
        self._waiting: deque[Write] = deque()
        # SQLite's one writing connection stays out of the pool: taking it costs as much as a statement.
        self._kept: Connection | None = None

    @property
    def waiting(self) -> int:
        """How many writes wait for their turn."""
        return len(self._waiting)

    def submit(self, write: Write) -> None:
        self._waiting.append(write)
        self._thread.submit(self._work)

    def close(self, last: Callable[[], None]) -> Future[None]:
        """Runs `last` after everything that waits; no write may be submitted any more."""

        def end() -> None:
            if self._kept is not None:
                self._kept.close()
            last()

        return self._thread.submit(end)

    def shutdown(self, *, wait: bool = True) -> None:
        self._thread.shutdown(wait=wait)

    def _work(self) -> None:
        if not self._waiting:
            return  # an earlier transaction took it along
        done: list[Write] = []
        try:
            with self._translated():
                self._write_together(done)
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits; nothing of it was stored
            for write in done:
                write.failed(error)
        for write in done:
            write.tell()

    def _write_together(self, done: list[Write]) -> None:
        """One transaction for the next write and those that wait behind it."""
        until = time.monotonic() + LONGEST_S
        first = self._waiting.popleft()
        done.append(first)
        with self._transaction() as conn:
            if not self._waiting:
                first.run(conn)
                return
            driver = raw(conn)
            self._run_apart(conn, driver, first)
            while self._waiting and len(done) < MOST_WRITES and time.monotonic() < until:
                done.append(self._waiting.popleft())
                self._run_apart(conn, driver, done[-1])

    @contextmanager
    def _transaction(self) -> Iterator[Connection]:
        if not self._is_file:  # the pool knows whether the server is still there
            with self._engine.begin() as conn:
                yield conn
            return
        if self._kept is None:
            self._kept = self._engine.connect()
        with self._kept.begin():
            yield self._kept

    def _run_apart(self, conn: Connection, driver: Any, write: Write) -> None:
        """In a savepoint. Raises when the whole transaction is lost: a full disk or a lost server ends it."""
        driver.execute("SAVEPOINT one")
        try:
            with self._translated():
                write.run(conn)
        except BaseException as error:
            if is_lost(driver):
                raise
            driver.execute("ROLLBACK TO one")
            write.failed(error)
        driver.execute("RELEASE one")
