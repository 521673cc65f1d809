"""The only place that knows which database it is: connections, their settings and how they begin.

SQLite as quality asks for: WAL, synchronous FULL, foreign keys, 5 s of patience, BEGIN IMMEDIATE for
writes. Python's own transaction handling is switched off (isolation_level None): it begins late, before
the first change only, so a read followed by a write would not be one transaction.

PostgreSQL gets the same rule: a writing transaction begins with one lock that all processes of this app
share, so writes happen one after another there too and a read followed by a write never loses an update.
The lock goes with its connection; a process that is held still while it has it loses it after 15 s.
"""

from __future__ import annotations

import select
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

from mastra_desktop.domain.errors import StorageError

READERS = 3  # threads, and connections
_BUSY_TIMEOUT_S = 5.0
_ASK_AFTER_S = 30.0  # of silence, such as a sleeping computer: only then a round trip asks a server
_WRITING_LOCK = 0x6D61737472610001  # "mastra": the same in every process, one per database
_SERVER_LIMITS = (
    "-c lock_timeout=10s -c statement_timeout=60s -c idle_in_transaction_session_timeout=15s"
    " -c jit=off"  # compiling a search would cost more than running it
)
_CONNECTING: dict[str, Any] = {
    "connect_timeout": 5,
    "options": _SERVER_LIMITS,
    "application_name": "mastra-desktop",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,  # ms
}


@dataclass(frozen=True, slots=True)
class Engines:
    """`path` is the file on SQLite and None on a server."""

    writer: Engine
    reader: Engine
    path: Path | None

    def dispose(self) -> None:
        self.reader.dispose()
        self.writer.dispose()


def sqlite_path(url: str) -> Path | None:
    """The file a `sqlite:///` url names, taken literally (spaces, `%`, `?` and all); None for a server."""
    return Path(url.removeprefix("sqlite:///")).absolute() if url.startswith("sqlite:///") else None


def make_engines(url: str, *, read_only: bool) -> Engines:
    """Engines for `url`; nothing is opened before the first connection. Raises StorageError for others."""
    path = sqlite_path(url)
    if path is None:
        url = _server_url(url)
        return Engines(_server_engine(url, writes=not read_only), _server_engine(url, writes=False), None)
    return Engines(
        _sqlite_engine(path, writes=not read_only, read_only=read_only),
        _sqlite_engine(path, writes=False, read_only=read_only),
        path,
    )


def connect_sqlite(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """A plain connection. `read_only` neither creates nor changes the file."""
    name, uri = (path.as_uri() + "?mode=ro", True) if read_only else (str(path), False)
    return sqlite3.connect(
        name,
        uri=uri,
        timeout=_BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,  # the pool hands each connection to one thread at a time
        cached_statements=256,
    )


def driver_connection(conn: Connection) -> sqlite3.Connection:
    """sqlite3's own connection under `conn`, for what must happen outside a transaction."""
    inner = conn.connection.driver_connection
    if not isinstance(inner, sqlite3.Connection):
        raise TypeError("this needs SQLite")
    return inner


def raw(conn: Connection) -> Any:
    """The driver's own connection under `conn`: sqlite3's or psycopg's, which both have `execute`."""
    return conn.connection.driver_connection


def is_lost(driver: Any) -> bool:
    """Whether the transaction under way on a driver's connection is gone, not only its last statement."""
    if isinstance(driver, sqlite3.Connection):
        return not driver.in_transaction
    return bool(driver.closed)


def _server_url(url: str) -> str:
    kind, _, rest = url.partition("://")
    if kind not in ("postgres", "postgresql", "postgresql+psycopg") or not rest:
        raise StorageError(
            "database.url names no database this app can use.",
            hint="It begins with postgresql:// or sqlite:///, or is empty.",
        )
    return f"postgresql+psycopg://{rest}"


def _server_engine(url: str, *, writes: bool) -> Engine:
    """`writes`: one connection, whose transactions have the lock. Else as many as threads read."""
    engine = create_engine(
        url,
        pool_size=1 if writes else READERS,
        max_overflow=1,
        pool_timeout=10,
        connect_args=_CONNECTING,
        isolation_level="AUTOCOMMIT",  # the driver begins nothing by itself: that is a round trip of its own
    )
    # In one trip. Each later statement sees what was committed before it, so all that the lock waited for.
    lock = f"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock({_WRITING_LOCK})"
    begin = lock if writes else "BEGIN ISOLATION LEVEL REPEATABLE READ"

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        raw(conn).execute(begin)

    @event.listens_for(engine, "checkout")
    def _look(driver: Any, record: ConnectionPoolEntry, _proxy: object) -> None:
        # Raising has the pool make a new connection.
        if driver.closed or _has_word(driver.fileno()):
            raise DisconnectionError("closed by the server")
        if time.time() - record.info.get("used_at", time.time()) > _ASK_AFTER_S:
            try:
                driver.execute("SELECT 1")
            except Exception as error:
                raise DisconnectionError("lost meanwhile") from error

    @event.listens_for(engine, "checkin")
    def _note(_driver: object, record: ConnectionPoolEntry) -> None:
        record.info["used_at"] = time.time()

    return engine


def _has_word(socket: int) -> bool:
    """Whether something came on a connection that should be silent: its end. That takes no round trip."""
    if not hasattr(select, "poll"):
        return bool(select.select([socket], [], [], 0)[0])
    poll = select.poll()
    poll.register(socket, select.POLLIN)
    return bool(poll.poll(0))


def _sqlite_engine(path: Path, *, writes: bool, read_only: bool) -> Engine:
    size = 1 if writes else READERS
    engine = create_engine(
        "sqlite://",
        creator=_connector(path, writes=writes, read_only=read_only),
        poolclass=QueuePool,
        pool_size=size,
        max_overflow=0,
    )
    begin = "BEGIN IMMEDIATE" if writes else "BEGIN"

    @event.listens_for(engine, "begin")
    def _begin(conn: Connection) -> None:
        driver_connection(conn).execute(begin)

    return engine


def _connector(path: Path, *, writes: bool, read_only: bool) -> Callable[[], sqlite3.Connection]:
    def connect() -> sqlite3.Connection:
        conn = connect_sqlite(path, read_only=read_only)
        try:
            if writes:
                conn.execute("PRAGMA journal_mode=WAL")
                conn.execute("PRAGMA synchronous=FULL")
                conn.execute("PRAGMA foreign_keys=ON")
            else:
                conn.execute("PRAGMA query_only=ON")
            conn.execute("PRAGMA temp_store=MEMORY")
        except BaseException:
            conn.close()
            raise
        return conn

    return connect
