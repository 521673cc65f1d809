"""A backup of a database on a server: a SQLite database of this version, as `back_up` makes of a file.

Everything comes from one snapshot, row by row, while others write. Words are indexed anew in the copy, since
each kind of database keeps them in its own way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Table

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store import passages, schema, words
from mastra_desktop.store.engines import connect_sqlite, make_engines, raw
from mastra_desktop.store.files import write_checked
from mastra_desktop.store.upgrade import bring_up_to_date

# Who shares the server is of the moment; the index of meanings is told everything after a restore.
OF_THE_MOMENT = frozenset({"processes", "claims"})
LONGEST_WAIT = "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = '10min'"

_WORDS = (
    "INSERT INTO message_search (rowid, text) SELECT seq, index_text(text) FROM messages"
    " WHERE state <> 'writing' AND text <> '' ORDER BY seq",
    "INSERT INTO title_search (rowid, title) SELECT seq, index_text(title) FROM conversations ORDER BY seq",
    "INSERT INTO passage_search (rowid, text) SELECT id, passage_text(heading, text) FROM passages"
    " ORDER BY id",
)


def back_up_server(url: str, folder: Path, name: str, *, give_up: Callable[[], bool] = lambda: False) -> Path:
    """Copies what the server has at this moment to `folder/name`, checked.

    Memory stays bounded: one row at a time. Raises as `files.write_checked`, and the driver's errors.
    """

    def fill(copy: sqlite3.Connection) -> None:
        with _empty(folder / f"{name}.empty") as empty, closing(connect_sqlite(empty)) as made:
            made.backup(copy)
        copy.execute("PRAGMA journal_mode=OFF")  # what fails is thrown away; synced once, at the end
        copy.execute("PRAGMA synchronous=OFF")
        copy.set_progress_handler(lambda: int(give_up()), 100_000)
        copy.execute("BEGIN")
        _copy_rows(url, copy, give_up)
        copy.create_function("index_text", 1, words.index_text, deterministic=True)
        copy.create_function("passage_text", 2, passages.indexed, deterministic=True)
        for statement in _WORDS:
            copy.execute(statement)
        copy.execute("COMMIT")

    return write_checked(folder, name, fill, give_up=give_up)


def copied_tables() -> list[Table]:
    """Those that a backup holds, each after those it refers to."""
    return [table for table in schema.metadata.sorted_tables if table.name not in OF_THE_MOMENT]


def numbered() -> Iterator[tuple[str, str]]:
    """(table, column) of what the database numbers by itself."""
    for table in schema.metadata.sorted_tables:
        key = table.autoincrement_column
        if key is not None:
            yield table.name, key.name


def _copy_rows(url: str, copy: sqlite3.Connection, give_up: Callable[[], bool]) -> None:
    engines = make_engines(url, read_only=True)
    try:
        with engines.reader.connect() as conn, conn.begin():
            server = raw(conn)
            server.execute("SET TRANSACTION READ ONLY")
            server.execute(LONGEST_WAIT)
            (revision,) = server.execute("SELECT version_num FROM alembic_version").fetchone()
            if revision != schema.HEAD:
                raise StorageError(
                    "The database on the server was changed by a later version of Mastra Desktop.",
                    hint="Install that version here too.",
                )
            for table in copied_tables():
                _copy_table(server, copy, table, give_up)
            (last,) = server.execute(
                "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM passages_id_seq"
            ).fetchone()
            copy.execute("DELETE FROM sqlite_sequence WHERE name = 'passages'")
            copy.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('passages', ?)", (last,))
    finally:
        engines.dispose()


def _copy_table(server: Any, copy: sqlite3.Connection, table: Table, give_up: Callable[[], bool]) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    order = ", ".join(f'"{column.name}"' for column in table.primary_key)
    asked = f'SELECT {names} FROM "{table.name}"'  # noqa: S608 - our own names
    types = [column.type_code for column in server.execute(f"{asked} LIMIT 0").description]
    if give_up():
        raise sqlite3.OperationalError("interrupted")
    marks = ", ".join("?" * len(types))
    with (
        server.cursor() as cursor,
        cursor.copy(f"COPY ({asked} ORDER BY {order}) TO STDOUT (FORMAT BINARY)") as rows,
    ):
        rows.set_types(types)
        copy.executemany(
            f'INSERT INTO "{table.name}" ({names}) VALUES ({marks})',  # noqa: S608 - our own names
            _until(rows.rows(), give_up),
        )


def _until(rows: Iterator[Any], give_up: Callable[[], bool]) -> Iterator[Any]:
    for number, row in enumerate(rows):
        if number % 500 == 0 and give_up():
            raise sqlite3.OperationalError("interrupted")
        yield row


@contextmanager
def _empty(path: Path) -> Iterator[Path]:
    """A database with this version's tables and nothing in them."""
    try:
        path.unlink(missing_ok=True)
        engines = make_engines(f"sqlite:///{path}", read_only=False)
        try:
            bring_up_to_date(engines, read_only=False, backups=None)
        finally:
            engines.dispose()
        yield path
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
