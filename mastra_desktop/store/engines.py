"""The only place that knows which database it is: connections, their settings and how they begin.

SQLite as quality asks for: WAL, synchronous FULL, foreign keys, 5 s of patience, BEGIN IMMEDIATE for
writes. Python's own transaction handling is switched off (isolation_level None): it begins late, before
the first change only, so a read followed by a write would not be one transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

READERS = 3  # threads, and connections on SQLite
_BUSY_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Engines:
    """`path` is the file on SQLite and None on a server, where both engines are one."""

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
    """Engines for `url`; nothing is opened before the first connection."""
    path = sqlite_path(url)
    if path is None:
        server = create_engine(url, pool_size=READERS + 1, pool_pre_ping=True)
        return Engines(server, server, None)
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
