"""Puts a backup into a database on a server: all of it in one transaction, or nothing.

Nobody else may work on the server meanwhile: living processes are named and the restore refused. The writing
lock, held to the end, keeps new ones from beginning.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, inspect, text

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store import audit, passages, processes, schema, search_server
from mastra_desktop.store.engines import connect_sqlite, make_engines, raw
from mastra_desktop.store.server_copy import LONGEST_WAIT, OF_THE_MOMENT, copied_tables, numbered
from mastra_desktop.store.upgrade import bring_up_to_date

_WORD_TABLES = ("message_search", "title_search", "passage_words")
_NOT_COPIED = frozenset({"audit", "unindexed_vectors", "removed_vectors"})
_OLD_VECTORS = """
    CREATE TEMPORARY TABLE old_vectors ON COMMIT DROP AS
    SELECT p.id AS passage_id, c.id AS collection_id, c.embedder_id FROM passages AS p
    JOIN documents AS d ON d.seq = p.document_seq JOIN collections AS c ON c.id = d.collection_id
    WHERE p.embedded = 1
    UNION SELECT passage_id, collection_id, embedder_id FROM removed_vectors"""
# The index is told of everything that is there now, and to forget what was there before.
_TELL_INDEX = """
    INSERT INTO unindexed_vectors SELECT passage_id FROM passage_vectors;
    INSERT INTO removed_vectors SELECT * FROM old_vectors AS o WHERE NOT EXISTS
    (SELECT 1 FROM passages AS p JOIN documents AS d ON d.seq = p.document_seq
    JOIN collections AS c ON c.id = d.collection_id
    WHERE p.id = o.passage_id AND c.id = o.collection_id AND c.embedder_id = o.embedder_id)
    ON CONFLICT DO NOTHING"""
# What came from a file of SQLite belongs to the data home that restores it; pages can be fetched by any.
_PLACES = (
    text("UPDATE documents SET place = :place WHERE place = '' AND source !~ '^https?://'"),
    text("UPDATE collections SET watched_place = :place WHERE watched_place = '' AND watched <> ''"),
)


def load(
    url: str, coming: Path, local: Path, me: processes.Me, back_up_now: Callable[[], Path]
) -> Path | None:
    """Puts `coming`, of this version, in the place of what the server has; returns the backup of that.

    `local`, the data home's own database, may know later rows of the audit log. `me` names that data home.
    Raises StorageError, also naming who still works on the server, and the drivers' errors.
    """
    engines = make_engines(url, read_only=False)
    try:
        with engines.reader.connect() as conn:
            fresh = "processes" not in inspect(conn).get_table_names()
            if not fresh:
                _must_be_alone(conn, me)
        bring_up_to_date(engines, read_only=False, backups=None)
        with engines.writer.begin() as conn:
            raw(conn).execute(LONGEST_WAIT)
            _must_be_alone(conn, me)  # from here on nobody else can begin
            before = None if fresh else back_up_now()
            _replace(conn, coming, local, me.place)
    except (TypeError, ValueError, OverflowError, struct.error) as error:  # SQLite takes any value anywhere
        raise StorageError(
            "The backup has values that the server cannot keep.",
            hint="Nothing was changed.",
            detail=repr(error),
        ) from error
    else:
        return before
    finally:
        engines.dispose()


def _must_be_alone(conn: Connection, me: processes.Me) -> None:
    others = processes.living(conn, me)
    if others:
        many = f"{len(others)} windows or servers work" if len(others) > 1 else "A window or server works"
        raise StorageError(
            f"{many} on this database: on {', '.join(sorted(set(others)))}.",
            hint=f"Close them first; a killed one counts for {processes.LEASE_S} s. Nothing was changed.",
            retryable=True,
        )


def _replace(conn: Connection, coming: Path, local: Path, place: str) -> None:
    server = raw(conn)
    server.execute(_OLD_VECTORS)
    with closing(connect_sqlite(coming)) as source:
        copied = [table for table in copied_tables() if table.name not in _NOT_COPIED]
        emptied = [table.name for table in copied] + ["unindexed_vectors", "removed_vectors"]
        server.execute(f"TRUNCATE {', '.join([*emptied, *OF_THE_MOMENT, *_WORD_TABLES])}")
        server.execute("UPDATE passage_totals SET passages = 0, length = 0")
        for table in copied:
            _put(server, source, table)
        _put_audit(server, source, coming, local)
        for statement in _PLACES:
            conn.execute(statement, {"place": place})
        server.execute(_TELL_INDEX)
        _put_words(conn, source)
        _number_on(server, source)
    server.execute("ANALYZE")


def _put(server: Any, source: sqlite3.Connection, table: Table) -> None:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    rows = source.execute(f'SELECT {names} FROM "{table.name}"')  # noqa: S608 - our own names
    asked = f'SELECT {names} FROM "{table.name}" LIMIT 0'  # noqa: S608 - our own names
    types = [column.type_code for column in server.execute(asked).description]
    with (
        server.cursor() as cursor,
        cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN (FORMAT BINARY)') as copy,
    ):
        copy.set_types(types)
        for row in rows:
            copy.write_row([_storable(value) for value in row])


def _storable(value: object) -> object:
    """PostgreSQL keeps no NUL in a text."""
    return value.replace("\0", "\ufffd") if isinstance(value, str) and "\0" in value else value


def _put_audit(server: Any, source: sqlite3.Connection, coming: Path, local: Path) -> None:
    """The log on the server stays where the backup's is a part of it, and else gives way to the backup's."""
    row = source.execute("SELECT seq, mac FROM audit ORDER BY seq DESC LIMIT 1").fetchone()
    there = server.execute("SELECT count(*) FROM audit").fetchone()[0]
    if there and (
        row is None or server.execute("SELECT 1 FROM audit WHERE seq = %s AND mac = %s", row).fetchone()
    ):
        return
    with suppress(sqlite3.Error):  # it may be damaged, or from an earlier version
        if local.exists():
            audit.carry_over(local, coming)
    server.execute("ALTER TABLE audit DISABLE TRIGGER USER")
    server.execute("DELETE FROM audit")
    _put(server, source, schema.audit)
    server.execute("ALTER TABLE audit ENABLE TRIGGER USER")


def _put_words(conn: Connection, source: sqlite3.Connection) -> None:
    """Fills the full-text tables as writing those rows would have."""
    server = raw(conn)
    asked = "SELECT seq, text FROM messages WHERE state <> 'writing' AND text <> '' ORDER BY seq"
    # An index that is made afterwards takes a fraction of the time.
    (index,) = server.execute("SELECT pg_get_indexdef('ix_message_search'::regclass)").fetchone()
    server.execute("DROP INDEX ix_message_search")
    search_server.put_all(conn, "message_search", source.execute(asked))
    server.execute(index)
    titles = "SELECT seq, title FROM conversations ORDER BY seq"
    search_server.put_all(conn, "title_search", source.execute(titles))
    passages.index_all_words(conn)


def _number_on(server: Any, source: sqlite3.Connection) -> None:
    """New rows get numbers that neither the backup nor the server ever gave."""
    for table, column in numbered():
        (sequence,) = server.execute("SELECT pg_get_serial_sequence(%s, %s)", (table, column)).fetchone()
        last, called = server.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()  # noqa: S608
        (most,) = source.execute(f'SELECT coalesce(max("{column}"), 0) FROM "{table}"').fetchone()  # noqa: S608
        given = source.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).fetchone() or (0,)
        number = max(last if called else 0, most, given[0])
        if number:
            server.execute("SELECT setval(%s, %s)", (sequence, number))
