"""Backups of a real database: made, thinned, refused, restored, and what can be rescued without one."""

from __future__ import annotations

import asyncio
import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection

from mastra_desktop.domain.errors import DatabaseDamaged, DatabaseTooNew, StorageError
from mastra_desktop.store import backups, conversations, messages, salvage, search
from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.files import is_sound
from mastra_desktop.store.upgrade import MIGRATIONS
from tests.store.turns import begin, finish, new_conversation

TITLES = [f"Talk {n}" for n in range(300)]


def one_talk(conn: Connection, title: str) -> None:
    new_conversation(conn, f"c-{title}", title)
    answer = begin(conn, title, text=f"words about {title} " * 20, id=f"c-{title}")
    finish(conn, answer, "words " * 50)


async def _fill(url: str, titles: list[str]) -> None:
    db = await Database.open(url)
    for title in titles:
        await db.write(one_talk, title)
    await db.close()


def fill(home: Path, titles: list[str]) -> Path:
    asyncio.run(_fill(f"sqlite:///{home}/mastra.db", titles))
    return home / "mastra.db"


def titles_in(database: Path) -> set[str]:
    with closing(sqlite3.connect(database)) as conn:
        return {title for (title,) in conn.execute("SELECT title FROM conversations")}


def damage(path: Path, first: float = 0.3, last: float = 0.6) -> None:
    """Overwrites the middle of a file, as a failing disk would."""
    size = path.stat().st_size
    with path.open("rb+") as file:
        file.seek(int(size * first) // 4096 * 4096)
        file.write(os.urandom(int(size * (last - first))))


def restore(home: Path, source: Path) -> backups.Restored:
    return backups.restore(source, home / "mastra.db", home / "backups", home / "vectors")


def test_going_back_and_forth(home: Path) -> None:
    """A restore brings back what the backup has, and the state before it is a backup that can be restored."""
    database = fill(home, ["one"])
    backup = backups.make(database, home / "backups", "manual")
    fill(home, ["two"])
    (home / "vectors").mkdir()
    (home / "vectors" / "chroma.sqlite3").touch()
    done = restore(home, backup.path)
    assert titles_in(database) == {"one"}
    assert not (home / "vectors").exists()
    assert done.before is not None
    assert titles_in(done.before) == {"one", "two"}
    restore(home, done.before)
    assert titles_in(database) == {"one", "two"}
    assert sorted(p.name for p in home.iterdir()) == ["backups", "mastra.db"]


def test_taken_while_somebody_writes(home: Path) -> None:
    """A backup during a stream of writes is one whole state, and the writes do not wait for it."""
    database = fill(home, TITLES)

    async def both() -> int:
        db = await Database.open(f"sqlite:///{database}")
        job = asyncio.to_thread(backups.make, database, home / "backups", "manual")
        taking, count = asyncio.ensure_future(job), 0
        while not taking.done() or count < 20:
            await db.write(conversations.create, id=f"x{count}", title=f"x{count}", model_id="", now=2000.0)
            count += 1
        await taking
        await db.close()
        return count

    assert asyncio.run(both()) >= 20
    [backup] = backups.backups(home / "backups")
    assert is_sound(backup.path)
    assert set(TITLES) <= titles_in(backup.path)


def test_a_log_that_was_left_over(home: Path, tmp_path: Path) -> None:
    """What a killed process left in the write-ahead log is in the backup, and never replayed into another."""
    database = fill(home, ["one"])
    backup = backups.make(database, home / "backups", "manual")
    script = (
        "import sqlite3, os, sys; c = sqlite3.connect(sys.argv[1]);"
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA wal_autocheckpoint=0');"
        "c.execute(\"UPDATE conversations SET title = 'in the log'\"); c.commit(); os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, str(database)], check=False)
    assert (home / "mastra.db-wal").stat().st_size > 0
    copied = tmp_path / "copied.db"
    backups.copy_to(database, copied)
    assert titles_in(copied) == {"in the log"}
    subprocess.run([sys.executable, "-c", script, str(database)], check=False)
    restore(home, backup.path)
    assert titles_in(database) == {"one"}


def test_refused_and_untouched(home: Path, tmp_path: Path) -> None:
    """No backup, a damaged one, a later version's and none at all are refused, and nothing changes."""
    database = fill(home, TITLES)
    good = backups.make(database, home / "backups", "manual").path
    before = database.read_bytes()
    text, damaged, newer, foreign = (
        tmp_path / n for n in ("text.db", "damaged.db", "newer.db", "foreign.db")
    )
    text.write_text("not a database, but quite a long text. " * 40)
    damaged.write_bytes(good.read_bytes())
    damage(damaged)
    newer.write_bytes(good.read_bytes())
    with closing(sqlite3.connect(newer)) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    with closing(sqlite3.connect(foreign)) as conn, conn:
        conn.execute("CREATE TABLE mine (x)")
    cases: list[tuple[Path, type[Exception]]] = [
        (text, StorageError), (damaged, DatabaseDamaged), (newer, DatabaseTooNew), (foreign, StorageError),
        (tmp_path / "none.db", StorageError), (tmp_path, StorageError),
    ]  # fmt: skip
    for path, kind in cases:
        with pytest.raises(kind):
            restore(home, path)
    assert database.read_bytes() == before
    assert len(backups.backups(home / "backups")) == 1


def test_a_damaged_database_and_backups_of_which_some_are_damaged(home: Path) -> None:
    """The newest good backup is found behind damaged ones; the damaged database is kept beside."""
    database = fill(home, TITLES)
    folder = home / "backups"
    good = backups.make(database, folder, "auto")
    bad = folder / "auto-29990101-000000.db"
    bad.write_bytes(good.path.read_bytes())
    damage(bad)
    (folder / "auto-29990102-000000.db").write_bytes(good.path.read_bytes()[:5000])
    damage(database)
    found = backups.newest_good(folder)
    assert found == good
    done = restore(home, good.path)
    assert titles_in(database) == set(TITLES)
    assert done.before is not None
    assert done.before.name.startswith("mastra.db.corrupt-")
    assert not is_sound(done.before)


def test_an_earlier_version_is_brought_up_to_date(home: Path, tmp_path: Path) -> None:
    """A backup with the tables of an earlier version becomes one of this version before it takes over."""
    database = fill(home, ["newer"])
    old = tmp_path / "old.db"
    make_of_revision(old, "0001")
    with closing(sqlite3.connect(old)) as conn, conn:
        values = "1, 'c1', 'one', 1.0, 1.0, 'local/default'"
        conn.execute(
            f"INSERT INTO conversations (seq, id, title, created_at, updated_at, model_id) VALUES ({values})"
        )
    restore(home, old)
    fill(home, ["two"])
    assert titles_in(database) == {"one", "two"}


def make_of_revision(path: Path, revision: str) -> None:
    """An empty database as the version with this revision made it."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    engines = make_engines(f"sqlite:///{path}", read_only=False)
    with engines.writer.begin() as conn:
        config.attributes["connection"] = conn
        command.upgrade(config, revision)
    engines.dispose()


def limited(work: Callable[[], object], size_bytes: int) -> BaseException | None:
    """What `work` raises when no file may grow over this size, as on a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        work()
    except Exception as error:
        return error
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    return None


def test_no_room(home: Path) -> None:
    """Without room for it, a backup says so and leaves nothing; a restore leaves all as it was."""
    database = fill(home, TITLES)
    folder = home / "backups"
    good = backups.make(database, folder, "manual")
    fill(home, ["newer"])
    before = database.read_bytes()
    room = database.stat().st_size // 2
    for work in (lambda: backups.make(database, folder, "manual"), lambda: restore(home, good.path)):
        trouble = limited(work, room)
        assert isinstance(trouble, StorageError)
        assert "could not be" in trouble.message
    assert database.read_bytes() == before
    assert [b.path for b in backups.backups(folder)] == [good.path]
    assert sorted(p.name for p in home.iterdir()) == ["backups", "mastra.db"]
    assert [p.name for p in folder.iterdir()] == [good.path.name]


def test_a_file_of_ones_choice(home: Path, tmp_path: Path) -> None:
    """An earlier backup is replaced; the database itself and other people's files never are."""
    database = fill(home, ["one"])
    target = tmp_path / "mine.db"
    backups.copy_to(database, target)
    fill(home, ["two"])
    backups.copy_to(database, target)
    assert titles_in(target) == {"one", "two"}
    letter = tmp_path / "letter.txt"
    letter.write_text("dear")
    for wrong in (letter, database, tmp_path, tmp_path / "no" / "folder.db"):
        with pytest.raises(StorageError):
            backups.copy_to(database, wrong)
    assert letter.read_text() == "dear"


def test_given_up(home: Path) -> None:
    """A backup that is given up ends at once and leaves nothing behind."""
    database = fill(home, TITLES)
    with pytest.raises(StorageError, match="interrupted"):
        backups.make(database, home / "backups", "auto", give_up=lambda: True)
    assert list((home / "backups").iterdir()) == []


def test_thinning(home: Path) -> None:
    """Of 400 daily ones, 7 days, 5 weeks and 12 months stay; what was asked for stays, of the rest five."""
    folder = home / "backups"
    folder.mkdir()
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    for day in range(400):
        name = (now - timedelta(days=day)).strftime("%Y%m%d-%H%M%S")
        for kind in ("auto", "manual", "before-0004", "before-restore"):
            (folder / f"{kind}-{name}.db").touch()
    backups.thin(folder)
    kept: dict[str, list[float]] = {}
    for backup in backups.backups(folder):
        kept.setdefault(backup.kind, []).append(backup.taken_at)
    assert {kind: len(times) for kind, times in kept.items() if kind != "auto"} == {
        "manual": 400, "before-update": 5, "before-restore": 5,
    }  # fmt: skip
    ages = [round((now.timestamp() - at) / 86400) for at in kept["auto"]]
    assert ages[:7] == list(range(7))
    assert 16 <= len(ages) <= 7 + 5 + 12
    assert ages[-1] > 320


def test_only_what_people_keep_counts_as_changed(home: Path) -> None:
    """A new conversation, or a draft, is reason for a backup; the app's own records are none."""
    database = fill(home, ["one"])
    folder = home / "backups"
    assert backups.has_changed(database, folder)
    backups.make(database, folder, "auto")
    assert not backups.has_changed(database, folder)
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("INSERT INTO audit VALUES (1, 1.0, 'app', 'app.started', '', 'done', '', 'c', 'm')")
    assert not backups.has_changed(database, folder)
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("INSERT INTO drafts VALUES ('', 'half a thought')")
    assert backups.has_changed(database, folder)


def test_a_rescue_without_a_backup(home: Path) -> None:
    """Most of a database with a hole in it is read around the hole; it opens, is sound and can be searched."""
    database = fill(home, TITLES)
    damage(database, 0.45, 0.55)
    assert not is_sound(database)
    done = salvage.rescue(database, home / "vectors")
    assert is_sound(database)
    assert done.kept is not None
    assert done.damaged_tables
    assert done.rows["messages"] > 300

    async def look() -> int:
        db = await Database.open(f"sqlite:///{database}")
        found = await db.read(conversations.list_recent, 1000)
        hits = await db.read(search.search, "words", 1000)
        branches = [await db.read(messages.path_page, c.id, limit=10) for c in found]
        await db.close()
        assert sum(map(len, branches)) == done.rows["messages"]
        return len(hits)

    assert asyncio.run(look()) == done.rows["messages"]


def test_nothing_to_rescue(home: Path) -> None:
    """A file that is no database at all is left as it is."""
    database = home / "mastra.db"
    database.write_bytes(os.urandom(50_000))
    before = database.read_bytes()
    with pytest.raises(StorageError):
        salvage.rescue(database, home / "vectors")
    assert database.read_bytes() == before
    assert [p.name for p in home.iterdir()] == ["mastra.db"]


def test_a_backup_of_100_mb_takes_seconds(home: Path) -> None:
    """A hundred megabytes are copied and checked in well under the time of a coffee."""
    database = fill(home, ["one"])
    with closing(sqlite3.connect(database)) as conn, conn:
        conn.execute("CREATE TABLE filler (x)")
        conn.executemany("INSERT INTO filler VALUES (randomblob(?))", [(1_000_000,)] * 100)
    begun = time.perf_counter()
    backups.make(database, home / "backups", "auto")
    assert time.perf_counter() - begun < 20
