"""Rescues what can still be read of a damaged database: table by table into a new one.

A table is read up to the damage and goes on behind it; what lies between, on pages that cannot be read, is
lost. Words are indexed anew, and so are meanings.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Table, select, text

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store import embeddings, passages, schema, search
from mastra_desktop.store.engines import connect_sqlite, make_engines
from mastra_desktop.store.failures import translated
from mastra_desktop.store.files import keep_damaged, put_in_place
from mastra_desktop.store.upgrade import bring_up_to_date

_AT_ONCE = 200
_LEAST_LEAP, _MOST_LEAP = 2, 1024  # numbers of rows
_MOST_ROWS = 10_000_000
_FOUND_TITLE = "Rescued conversation"

log = logging.getLogger(__name__)
Rows = list[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Salvaged:
    """`rows` by table; `damaged_tables`: of these some are lost. `kept`: where the damaged file is now."""

    rows: dict[str, int]
    damaged_tables: tuple[str, ...]
    kept: Path | None


def rescue(database: Path, vectors: Path) -> Salvaged:
    """Puts what could be read in the place of the damaged database. Nobody may have it open.

    Raises StorageError when nothing could be read, or the disk is full; then all is as it was.
    """
    coming = database.with_name(database.name + ".rescued")
    try:
        with translated(database):
            _remove(coming)
            rows, damaged = _copy(database, coming)
            if not any(rows.values()):
                raise StorageError(
                    "Nothing in the database could be read.",
                    hint="Restore a backup, or set it aside. Nothing was changed.",
                )
            kept = keep_damaged(database)
            if vectors.exists():
                os.replace(vectors, vectors.with_name(f"{vectors.name}.damaged-rescue-{os.getpid()}"))
            put_in_place(coming, database)
    finally:
        _remove(coming)
    log.warning("database rescued: %s; damaged: %s", rows, damaged)
    return Salvaged(rows, damaged, kept)


def _copy(database: Path, coming: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    engines = make_engines(f"sqlite:///{coming}", read_only=False)
    rows: dict[str, int] = {}
    damaged: list[str] = []
    try:
        bring_up_to_date(engines, read_only=False, backups=None)
        with closing(connect_sqlite(coming)) as new, closing(connect_sqlite(database, read_only=True)) as old:
            old.text_factory = lambda raw: raw.decode("utf-8", "replace")
            new.execute("PRAGMA foreign_keys=OFF")
            new.execute("BEGIN")
            for table in schema.metadata.sorted_tables:
                rows[table.name], whole = _copy_table(old, new, table)
                if not whole:
                    damaged.append(table.name)
            new.execute("COMMIT")
            new.execute("BEGIN")
            _mend(new)
            new.execute("COMMIT")
        with engines.writer.begin() as conn:
            _index_words(conn)
            embeddings.mark_all_unindexed(conn)
    finally:
        engines.dispose()
    with closing(connect_sqlite(coming)) as plain:
        plain.execute("PRAGMA journal_mode=DELETE")
    return rows, tuple(damaged)


def _copy_table(old: sqlite3.Connection, new: sqlite3.Connection, table: Table) -> tuple[int, bool]:
    """(rows copied, whether the table was read to its end)."""
    try:
        there = {row[1] for row in old.execute(f'PRAGMA table_info("{table.name}")')}
    except sqlite3.DatabaseError:
        return 0, False
    names = ", ".join(c.name for c in table.columns if c.name in there)
    if not names:
        return 0, True  # the table is newer than the database
    copied, trouble = 0, False
    marks = ", ".join("?" * len(names.split(", ")))
    insert = f"INSERT OR IGNORE INTO {table.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
    has_numbers = table.dialect_options["sqlite"]["with_rowid"]
    for page in _pages(old, table.name, names) if has_numbers else _from_start(old, table.name, names):
        if page is None:
            trouble = True
        else:
            copied += new.executemany(insert, [row[1:] for row in page]).rowcount
    return copied, not trouble


def _pages(old: sqlite3.Connection, table: str, names: str) -> Iterator[Rows | None]:
    """Rows with their number first, page by page; None where some could not be read.

    Before damage the pages get smaller; behind it, it goes on some numbers further, and further again.
    """
    sql = f"SELECT rowid, {names} FROM {table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - our own names
    at, size, leap, end = -1, _AT_ONCE, _LEAST_LEAP, _last_number(old, table)
    while at < end:
        try:
            page = old.execute(sql, (at, size)).fetchall()
        except sqlite3.DatabaseError:
            if size > 1:
                size = max(1, size // 4)
                continue
            yield None
            at, leap = at + leap, min(leap * 2, _MOST_LEAP)
            continue
        if not page:
            return
        yield page
        at, leap, size = int(str(page[-1][0])), _LEAST_LEAP, min(_AT_ONCE, size * 2)


def _from_start(old: sqlite3.Connection, table: str, names: str) -> Iterator[Rows | None]:
    """Of a table whose rows have no numbers, up to the damage."""
    try:
        rows = old.execute(f"SELECT 0, {names} FROM {table}")  # noqa: S608 - our own names
        while page := rows.fetchmany(_AT_ONCE):
            yield page
    except sqlite3.DatabaseError:
        yield None


def _last_number(old: sqlite3.Connection, table: str) -> int:
    try:
        return int(old.execute(f"SELECT max(rowid) FROM {table}").fetchone()[0] or 0)  # noqa: S608 - our own name
    except sqlite3.DatabaseError:
        return _MOST_ROWS


def _mend(new: sqlite3.Connection) -> None:
    """Messages whose conversation is lost get one; other rows that refer to a lost one go."""
    new.execute(
        "INSERT INTO conversations (id, title, created_at, updated_at, model_id, leaf_id)"
        " SELECT m.conversation_id, ?, min(m.created_at), max(m.created_at), '',"
        " (SELECT id FROM messages AS x WHERE x.conversation_id = m.conversation_id"
        " ORDER BY seq DESC LIMIT 1)"
        " FROM messages AS m WHERE m.conversation_id NOT IN (SELECT id FROM conversations)"
        " GROUP BY m.conversation_id",
        (_FOUND_TITLE,),
    )
    new.execute(
        "UPDATE conversations SET leaf_id = (SELECT id FROM messages AS x WHERE x.conversation_id = "
        "conversations.id ORDER BY seq DESC LIMIT 1)"
        " WHERE leaf_id IS NOT NULL AND leaf_id NOT IN (SELECT id FROM messages)"
    )
    _mend_branches(new)
    while broken := new.execute("PRAGMA foreign_key_check").fetchall():
        for table, rowid, *_ in broken:
            new.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))  # noqa: S608 - our own names
    new.execute(
        "UPDATE documents SET passages = (SELECT count(*) FROM passages WHERE document_seq = documents.seq),"
        " embedded = (SELECT count(*) FROM passages WHERE document_seq = documents.seq AND embedded = 1)"
    )


def _mend_branches(new: sqlite3.Connection) -> None:
    """A message whose parent is lost goes on from the message written before it."""
    orphans = "parent_id IS NOT NULL AND parent_id NOT IN (SELECT id FROM messages)"
    torn = new.execute(f"SELECT DISTINCT conversation_id FROM messages WHERE {orphans}").fetchall()  # noqa: S608 - fixed
    for conversation in torn:
        depths: dict[str, int] = {}
        before: str | None = None
        sql = "SELECT id, parent_id FROM messages WHERE conversation_id = ? ORDER BY seq"
        for id, parent in new.execute(sql, conversation).fetchall():
            kept = parent if parent is None or parent in depths else before
            depths[id] = 0 if kept is None else depths[kept] + 1
            new.execute("UPDATE messages SET parent_id = ?, depth = ? WHERE id = ?", (kept, depths[id], id))
            before = id


def _index_words(conn: Connection) -> None:
    """Fills the full-text tables as writing those rows would have."""
    m, c = schema.messages.c, schema.conversations.c
    for id, title in conn.execute(select(c.id, c.title)).all():
        search.add_title(conn, id, title)
    for id, words in conn.execute(select(m.id, m.text).where(m.state != "writing")):
        search.add_message(conn, id, words)
    passages.index_all_words(conn)
    conn.execute(text("DELETE FROM removed_vectors"))


def _remove(coming: Path) -> None:
    for suffix in ("", "-wal", "-shm", "-journal"):
        coming.with_name(coming.name + suffix).unlink(missing_ok=True)
