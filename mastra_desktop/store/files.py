"""The SQLite database as a file: looking before opening, copying it, moving a damaged one away."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store.engines import connect_sqlite


@dataclass(frozen=True, slots=True)
class Glance:
    """What a file holds: `empty` without any table, `revision` None when it is not one of ours."""

    empty: bool
    revision: str | None


def glance(path: Path) -> Glance:
    """Reads the schema's head and nothing else, changing nothing; a missing file counts as empty.

    Raises sqlite3.DatabaseError when the file is no database, or shorter than its header says.
    """
    if not path.exists() or path.stat().st_size == 0:
        return Glance(True, None)
    with closing(connect_sqlite(path, read_only=True)) as conn:
        tables = {name for (name,) in conn.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        row = (
            conn.execute("SELECT version_num FROM alembic_version").fetchone()
            if "alembic_version" in tables
            else None
        )
        return Glance(not tables, row[0] if row else None)


def back_up(path: Path, folder: Path, name: str) -> Path:
    """Copies the database at `path` to `folder/name`, whole and checked; it may be in use meanwhile.

    The copy is made under another name, opened, checked and synced before it takes its own.
    Raises `StorageError` when the copy is not sound, OSError or sqlite3.Error when it cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    target, partial = folder / name, folder / f"{name}.partial"
    partial.unlink(missing_ok=True)
    try:
        with closing(connect_sqlite(path)) as source, closing(connect_sqlite(partial)) as copy:
            source.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if found != "ok":
            raise StorageError(
                "The backup could not be made: the copy is not sound.",
                hint="The database itself may be damaged. It was not changed.",
                detail=str(found),
            )
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    finally:
        partial.unlink(missing_ok=True)
    return target


def set_aside(path: Path) -> Path:
    """Renames a damaged database, and its log, to `<name>.corrupt-<time>`; returns the new path."""
    aside = path.with_name(f"{path.name}.corrupt-{stamp()}")
    number = 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp()}-{number}")
    # The log first: an old log beside a new database would be replayed into it.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
    return aside


def stamp() -> str:
    """Now, UTC, as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def is_sound(path: Path) -> bool:
    """Whether the whole file passes SQLite's check. Reads all of it: seconds for a large one."""
    try:
        with closing(connect_sqlite(path, read_only=True)) as conn:
            return bool(conn.execute("PRAGMA integrity_check(1)").fetchone()[0] == "ok")
    except sqlite3.Error:
        return False
