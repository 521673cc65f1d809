"""The SQLite database as a file: looking before opening, copying it, moving a damaged one away."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store.engines import connect_sqlite

_PAGES_AT_ONCE = 2_000  # 8 MB: a moment, after which the copy can be given up
_STEPS_BETWEEN = 100_000  # of SQLite's machine: some milliseconds


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


def back_up(path: Path, folder: Path, name: str, *, give_up: Callable[[], bool] = lambda: False) -> Path:
    """Copies the database at `path` to `folder/name`, whole and checked; it may be in use meanwhile.

    Raises as `write_checked` does.
    """

    def may_go_on(_status: int = 0, _left: int = 0, _of: int = 0) -> None:
        if give_up():
            raise sqlite3.OperationalError("interrupted")

    def fill(copy: sqlite3.Connection) -> None:
        with closing(connect_sqlite(path)) as source:
            source.execute("BEGIN")  # one state throughout: a change meanwhile would begin the copy anew
            source.execute("SELECT count(*) FROM sqlite_master").fetchone()
            source.backup(copy, pages=_PAGES_AT_ONCE, progress=may_go_on)
            source.execute("ROLLBACK")

    return write_checked(folder, name, fill, give_up=give_up)


def write_checked(
    folder: Path,
    name: str,
    fill: Callable[[sqlite3.Connection], None],
    *,
    give_up: Callable[[], bool] = lambda: False,
) -> Path:
    """A new database at `folder/name` that `fill` fills.

    It is made under another name, opened, checked and synced before it takes its own. Once `give_up`
    says so, it ends within a moment with sqlite3.OperationalError ("interrupted").
    Raises `StorageError` when the copy is not sound, OSError or sqlite3.Error when it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target, partial = folder / name, folder / f"{name}.partial"
    partial.unlink(missing_ok=True)
    try:
        partial.touch(mode=0o600)
        with closing(connect_sqlite(partial)) as copy:
            fill(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
            copy.set_progress_handler(lambda: int(give_up()), _STEPS_BETWEEN)
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
        for suffix in ("", "-journal", "-wal", "-shm"):
            partial.with_name(partial.name + suffix).unlink(missing_ok=True)
    return target


def put_in_place(new: Path, database: Path) -> None:
    """`new` becomes the database: in one step, and without an old log that would be replayed into it.

    What is there should have been copied before; it is gone afterwards. Raises OSError.
    """
    for suffix in ("-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
    os.replace(new, database)


def keep_damaged(database: Path) -> Path | None:
    """A second name for a damaged database and its log, `<name>.corrupt-<time>`; None without a file.

    The database stays where it is, so that there is one at every moment.
    """
    if not database.exists():
        return None
    aside = _free_name(database)
    for suffix in ("-wal", ""):
        part = database.with_name(database.name + suffix)
        if part.exists():
            _second_name(part, aside.with_name(aside.name + suffix))
    return aside


def _second_name(path: Path, second: Path) -> None:
    try:
        os.link(path, second)
    except OSError:  # a file system without links
        shutil.copy2(path, second)


def set_aside(path: Path) -> Path:
    """Renames a damaged database, and its log, to `<name>.corrupt-<time>`; returns the new path."""
    aside = _free_name(path)
    # The log first: an old log beside a new database would be replayed into it.
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            os.replace(part, aside.with_name(aside.name + suffix))
    return aside


def _free_name(path: Path) -> Path:
    aside, number = path.with_name(f"{path.name}.corrupt-{stamp()}"), 1
    while aside.exists():
        number += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp()}-{number}")
    return aside


def stamp() -> str:
    """Now, UTC, as part of a file's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S")


def is_sound(path: Path) -> bool:
    """Whether the whole file passes SQLite's check. Reads all of it: seconds for a large one."""
    return not check(path)


def check(path: Path, *, give_up: Callable[[], bool] = lambda: False) -> str:
    """What SQLite's check of the whole file says first; "" when it is sound."""
    try:
        with closing(connect_sqlite(path, read_only=True)) as conn:
            conn.set_progress_handler(lambda: int(give_up()), _STEPS_BETWEEN)
            found = str(conn.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        return str(error)
    return "" if found == "ok" else found
