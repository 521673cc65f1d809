"""Backups of the database: which there are, making one, thinning them, and going back to one.

A backup is a SQLite file, also of a database on a server, which is named by its url here, a file by its path.

Names tell what they are: `auto-<time>.db`, `manual-<time>.db`, `before-restore-<time>.db` and what migrations
leave, `before-<revision>-<time>.db`. Times are UTC. No key is in the database, and so none in a backup.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from mastra_desktop.domain.errors import DatabaseDamaged, DatabaseTooNew, StorageError
from mastra_desktop.store import audit, embeddings
from mastra_desktop.store.engines import connect_sqlite, make_engines
from mastra_desktop.store.failures import is_a_drivers, translate
from mastra_desktop.store.files import (
    back_up,
    glance,
    is_sound,
    keep_damaged,
    put_in_place,
    stamp,
)
from mastra_desktop.store.processes import NOBODY, Me
from mastra_desktop.store.schema import HEAD
from mastra_desktop.store.upgrade import bring_up_to_date, known_revisions

DAYS, WEEKS, MONTHS = 7, 5, 12  # how many automatic ones are kept of each
MOST_BEFORE = 5  # taken before a migration or a restore
_NAME = re.compile(r"(auto|manual|before-[\w]+)-(\d{8}-\d{6})(?:-\d+)?\.db")


@dataclass(frozen=True, slots=True)
class Backup:
    """`kind`: auto, manual, before-restore or before-update. `taken_at`: seconds since the epoch."""

    path: Path
    kind: str
    taken_at: float
    size_bytes: int


def backups(folder: Path) -> list[Backup]:
    """Those in `folder`, the newest first. Other files are passed over."""
    found = []
    for path in folder.glob("*.db"):
        match = _NAME.fullmatch(path.name)
        if match is None:
            continue
        kind = match[1] if match[1] in ("auto", "manual", "before-restore") else "before-update"
        taken = datetime.strptime(match[2], "%Y%m%d-%H%M%S").replace(tzinfo=UTC).timestamp()
        with suppress(FileNotFoundError):  # thinned at this moment
            found.append(Backup(path, kind, taken, path.stat().st_size))
    return sorted(found, key=lambda b: (b.taken_at, b.path.name), reverse=True)


def newest_good(folder: Path) -> Backup | None:
    """The newest one that passes its check: those after it are damaged too. Reads whole files."""
    return next((b for b in backups(folder) if refusal(b.path) is None), None)


def make(
    database: Path | str, folder: Path, kind: str, *, give_up: Callable[[], bool] = lambda: False
) -> Backup:
    """Takes one of the database, which may be in use. Raises StorageError and then leaves nothing behind."""
    name, number = f"{kind}-{stamp()}.db", 1
    while (folder / name).exists():
        number += 1
        name = f"{kind}-{stamp()}-{number}.db"
    with _worded(folder, "The backup could not be made"):
        path = _take(database, folder, name, give_up)
    return next(b for b in backups(folder) if b.path == path)


def copy_to(database: Path | str, target: Path) -> None:
    """A backup under a name of the person's choice. An earlier one there is replaced, once this one is good.

    Raises StorageError, also rather than replace a file that is something else.
    """
    target = target.absolute()
    if target.is_dir():
        raise StorageError(f"{target} is a folder.", hint="Name a file in it.")
    if target.exists():
        if isinstance(database, Path) and _is_part(target, database):
            raise StorageError("That is the database itself.", hint="Choose another file.")
        if not _is_ours(target):
            raise StorageError(
                f"{target} exists and is no backup of Mastra Desktop.", hint="Choose another name."
            )
    if not target.parent.is_dir():
        raise StorageError(f"There is no folder {target.parent}.", hint="Make it first.")
    with _worded(target.parent, "The backup could not be made"):
        _take(database, target.parent, target.name, lambda: False)


def _take(database: Path | str, folder: Path, name: str, give_up: Callable[[], bool]) -> Path:
    if isinstance(database, Path):
        return back_up(database, folder, name, give_up=give_up)
    from mastra_desktop.store.server_copy import back_up_server

    return back_up_server(database, folder, name, give_up=give_up)


def thin(folder: Path) -> list[Path]:
    """Removes automatic ones but the newest of each of the last 7 days, 5 weeks and 12 months that have one,
    and all but 5 of those taken before something. What somebody asked for stays. Returns what went."""
    found = backups(folder)
    automatic = [b for b in found if b.kind == "auto"]
    kept: set[Path] = set()
    for most, form in ((DAYS, "%Y-%m-%d"), (WEEKS, "%G-%V"), (MONTHS, "%Y-%m")):
        periods: dict[str, Path] = {}
        for backup in automatic:  # the newest first
            period = datetime.fromtimestamp(backup.taken_at, UTC).astimezone().strftime(form)
            periods.setdefault(period, backup.path)
        kept |= set(list(periods.values())[:most])
    gone = [b.path for b in automatic if b.path not in kept]
    for path in gone:
        path.unlink(missing_ok=True)
    gone += thin_before(folder)
    for partial in folder.glob("*.db.partial*"):  # of a process that was ended meanwhile
        partial.unlink(missing_ok=True)
    return gone


def thin_before(folder: Path) -> list[Path]:
    """Removes all but the newest five of those taken before an update, and before a restore."""
    found = backups(folder)
    kinds = ("before-update", "before-restore")
    gone = [p for kind in kinds for p in [b.path for b in found if b.kind == kind][MOST_BEFORE:]]
    for path in gone:
        path.unlink(missing_ok=True)
    return gone


def fingerprint(path: Path) -> tuple[object, ...]:
    """Changes with what people keep: conversations, messages, drafts, documents. Raises sqlite3.Error.

    The app's own records (figures, the audit log) count for nothing here: they alone need no new backup.
    """
    with closing(connect_sqlite(path, read_only=True)) as conn:
        asked = (
            "SELECT max(seq), max(updated_at), count(deleted_at), total(length(title)) FROM conversations",
            "SELECT max(seq) FROM messages",
            "SELECT count(*), total(length(text)) FROM drafts",
            "SELECT max(seq), max(changed_at), count(deleted_at), sum(embedded) FROM documents",
            "SELECT max(seq), count(deleted_at), total(length(name)) FROM collections",
        )
        return tuple(value for sql in asked for value in conn.execute(sql).fetchone())


def has_changed(database: Path, folder: Path) -> bool:
    """Whether there is something that the newest backup does not have."""
    newest = next(iter(backups(folder)), None)
    if newest is None:
        return True
    try:
        return fingerprint(newest.path) != fingerprint(database)
    except sqlite3.Error:
        return True


def refusal(path: Path) -> StorageError | None:
    """Why this file cannot be restored; None when it can. Reads all of it."""
    if not path.is_file():
        return StorageError(f"There is no file {path}.", hint="List the backups to see which there are.")
    try:
        found = glance(path)
        if found.revision is None:
            return StorageError(
                f"{path.name} is no backup of Mastra Desktop.",
                hint="Nothing was changed. Choose another file.",
            )
        if found.revision not in known_revisions():
            return DatabaseTooNew(
                f"{path.name} was made by a later version of Mastra Desktop.",
                hint="Install that version or a later one. Nothing was changed.",
                detail=f"revision {found.revision}, this version knows {HEAD}",
            )
        if is_sound(path):
            return None
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            return StorageError(
                f"{path.name} is no backup of Mastra Desktop.",
                hint="Nothing was changed. Choose another file.",
            )
    except OSError as error:
        return StorageError(f"{path.name} cannot be read.", hint="Check its permissions.", detail=str(error))
    return DatabaseDamaged(f"{path.name} is damaged.", hint="Nothing was changed. Choose another backup.")


@dataclass(frozen=True, slots=True)
class Restored:
    """`before`: what was there until now, as a backup, or the damaged file under its new name."""

    source: Path
    before: Path | None


def restore(source: Path, database: Path, folder: Path, vectors: Path, me: Me = NOBODY) -> Restored:
    """Makes `source` the database. Nobody may have it open. Raises StorageError; then all is as it was.

    The copy is brought to this version's tables before it takes the database's place. What is there now is
    backed up first; a damaged one keeps a second name. The audit log goes on where it was, and the index of
    meanings is made anew from what was restored. `me`: this data home's name where it shares a server.
    """
    if (refused := refusal(source)) is not None:
        raise refused
    with _coming(source, database, folder) as coming:
        leave_server(coming, me.place)
        before: Path | None = None
        if database.exists() and database.stat().st_size:
            if is_sound(database):
                before = make(database, folder, "before-restore").path
                audit.carry_over(database, coming)
            else:
                before = keep_damaged(database)
        _forget_vectors(vectors)
        put_in_place(coming, database)
    return Restored(source, before)


def restore_on_server(source: Path, url: str, local: Path, folder: Path, me: Me) -> Restored:
    """Makes `source` what the server at `url` has, in one transaction.

    What is there now is backed up first. Refused while others work on it. `local` is the data home's own
    database, which may not exist. Raises StorageError; then all is as it was.
    """
    from mastra_desktop.store import server_restore

    if (refused := refusal(source)) is not None:
        raise refused
    with _coming(source, local, folder) as coming:

        def back_up_now() -> Path:
            return make(url, folder, "before-restore").path

        before = server_restore.load(url, coming, local, me, back_up_now)
    return Restored(source, before)


@contextmanager
def _coming(source: Path, database: Path, folder: Path) -> Iterator[Path]:
    """A copy of a backup beside the database, of this version; gone at the end."""
    coming = database.with_name(database.name + ".restoring")
    try:
        with _worded(folder, "The backup could not be restored"):
            back_up(source, coming.parent, coming.name)
            bring_up(coming)
            yield coming
    finally:
        for suffix in ("", "-wal", "-shm", "-journal"):
            coming.with_name(coming.name + suffix).unlink(missing_ok=True)


def leave_server(path: Path, place: str) -> None:
    """What came from a server is this data home's alone. Folders that others watched are not watched here."""
    with closing(connect_sqlite(path)) as conn:
        conn.execute("UPDATE documents SET place = '' WHERE place <> ''")
        elsewhere = "watched_place NOT IN ('', ?)"
        conn.execute(f"UPDATE collections SET watched = '' WHERE {elsewhere}", (place,))  # noqa: S608 - fixed
        conn.execute("UPDATE collections SET watched_place = '' WHERE watched_place <> ''")


def bring_up(path: Path) -> None:
    """Migrates a copy that nobody uses yet, and has its vectors put into the index again."""
    engines = make_engines(f"sqlite:///{path}", read_only=False)
    try:
        bring_up_to_date(engines, read_only=False, backups=None)
        with engines.writer.begin() as conn:
            embeddings.mark_all_unindexed(conn)
    finally:
        engines.dispose()
    with closing(connect_sqlite(path)) as plain:
        plain.execute("PRAGMA journal_mode=DELETE")  # what is moved is one file
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _forget_vectors(folder: Path) -> None:
    """The index belongs to the database that goes; it is made from the other one when it is opened."""
    if not folder.exists():
        return
    gone = folder.with_name(f"{folder.name}.old-{stamp()}")
    os.replace(folder, gone)  # in one step: half an index would count as damaged
    shutil.rmtree(gone, ignore_errors=True)


def _is_ours(path: Path) -> bool:
    try:
        return glance(path).revision is not None
    except (sqlite3.Error, OSError):
        return False


def _is_part(path: Path, database: Path) -> bool:
    """Whether `path`, which exists, is the database's file or one of those beside it."""
    parts = (database.with_name(database.name + suffix) for suffix in ("", "-wal", "-shm"))
    return any(part.exists() and os.path.samefile(path, part) for part in parts)


@contextmanager
def _worded(place: Path, what: str) -> Iterator[None]:
    """Trouble with the disk as one sentence that begins with `what`."""
    try:
        yield
    except Exception as error:
        if not is_a_drivers(error):
            raise
        meant = translate(error, place / "mastra.db")
        if meant is None or type(meant) is not StorageError:
            why = str(error.orig if isinstance(error, DBAPIError) else error)
            raise StorageError(f"{what}: {why}.", hint="Nothing was changed.", detail=repr(error)) from error
        raise StorageError(
            f"{what}: {meant.message[0].lower()}{meant.message[1:]}",
            hint=f"{meant.hint} Nothing was changed." if "nothing" not in meant.hint else meant.hint,
            detail=meant.detail,
            retryable=meant.retryable,
        ) from error
