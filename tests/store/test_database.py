from __future__ import annotations

import asyncio
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, create_engine, inspect

from mastra_desktop.domain.errors import DatabaseDamaged, DatabaseTooNew, NotFound, StorageError
from mastra_desktop.store import conversations, failures, schema
from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.files import set_aside
from mastra_desktop.store.upgrade import MIGRATIONS, bring_up_to_date
from tests.store.conftest import make_empty
from tests.store.turns import new_conversation

FAILING = f"""
from alembic import op
revision = "failing"
down_revision = "{schema.HEAD}"
def upgrade():
    op.execute("CREATE TABLE half_done (x INTEGER)")
    op.execute("UPDATE conversations SET title = 'changed'")
    op.execute("this is no SQL")
"""


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as conn:
        return conn.execute(sql).fetchall()


def test_migrations_make_the_schema(home: Path, url: str) -> None:
    """The packaged migrations lead to the tables, columns and indexes the code expects, and to HEAD."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    asyncio.run(make_empty(url))
    expected = create_engine("sqlite://")
    schema.metadata.create_all(expected)
    made = create_engine("sqlite://", creator=lambda: sqlite3.connect(home / "mastra.db"))
    for table in schema.metadata.tables:
        for look in ("get_columns", "get_indexes", "get_foreign_keys", "get_unique_constraints"):
            found = [str(getattr(inspect(engine), look)(table)) for engine in (expected, made)]
            shapes = [re.sub("0x[0-9a-f]+", "", shape) for shape in found]
            assert shapes[0] == shapes[1]
    expected.dispose()
    made.dispose()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
    assert query(home / "mastra.db", "PRAGMA journal_mode") == [("wal",)]


def test_opening_again_imports_no_alembic_and_no_orm(url: str) -> None:
    """A start with an up-to-date database pays for neither."""
    asyncio.run(make_empty(url))
    code = (
        "import asyncio, sys\nfrom mastra_desktop.store.database import Database\n"
        "async def main():\n    await (await Database.open(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "print(*[m for m in ('alembic', 'sqlalchemy.orm', 'keyring') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_writes_are_whole_and_in_order(home: Path, url: str) -> None:
    """Concurrent read-modify-writes lose nothing; one that raises leaves nothing; readers cannot write."""

    def append(conn: Connection, letter: str) -> None:
        title = conversations.get(conn, "c").title
        conversations.rename(conn, "c", title + letter, 2.0)
        if letter == "!":
            raise NotFound("no")

    async def main() -> str:
        db = await Database.open(url)
        await db.write(new_conversation, title="")
        results = await asyncio.gather(*(db.write(append, c) for c in "ab!cd" * 20), return_exceptions=True)
        assert sum(isinstance(r, NotFound) for r in results) == 20
        with pytest.raises(StorageError):
            await db.read(conversations.rename, "c", "x", 3.0)
        title = (await db.read(conversations.get, "c")).title
        await db.close()
        await db.close()
        with pytest.raises(StorageError):
            await db.read(conversations.get, "c")
        return title

    assert asyncio.run(main()) == "abcd" * 20
    assert sorted(p.name for p in home.iterdir()) == ["mastra.db"]
    assert not [t for t in threading.enumerate() if t.name.startswith("database")]


def test_cancelled_write_still_happens(url: str) -> None:
    """Cancelling the caller neither cuts the write short nor drops it from the queue."""
    started, go_on = threading.Event(), threading.Event()

    def slow(conn: Connection) -> None:
        new_conversation(conn, "first")
        started.set()
        go_on.wait(10)
        new_conversation(conn, "second")

    async def main() -> int:
        db = await Database.open(url)
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(db.write(slow)),
                group.create_task(db.write(new_conversation, "third")),
            ]
            await asyncio.get_running_loop().run_in_executor(None, started.wait, 10)
            for task in tasks:
                task.cancel()
        go_on.set()
        await db.close()
        db = await Database.open(url)
        count = len(await db.read(conversations.list_recent))
        await db.close()
        return count

    assert asyncio.run(main()) == 3


def test_read_only(home: Path, url: str) -> None:
    """Reading beside the app works and changes nothing; without a database it says what to do."""

    async def main() -> None:
        with pytest.raises(StorageError) as missing:
            await Database.open(url, read_only=True)
        assert "Open Mastra Desktop once" in missing.value.hint
        assert not (home / "mastra.db").exists()
        app = await Database.open(url)
        await app.write(new_conversation)
        db = await Database.open(url, read_only=True)
        assert len(await db.read(conversations.list_recent)) == 1
        with pytest.raises(StorageError):
            await db.write(new_conversation, "x")
        await db.close()
        await app.close()
        alone = await Database.open(url, read_only=True)
        assert len(await alone.read(conversations.list_recent)) == 1
        await alone.close()

    asyncio.run(main())


def test_newer_database_is_refused_untouched(home: Path, url: str) -> None:
    """A database of a later version raises and keeps every byte."""
    asyncio.run(make_empty(url))
    path = home / "mastra.db"
    with closing(sqlite3.connect(path)) as conn, conn:
        conn.execute("UPDATE alembic_version SET version_num = '9999'")
    before = path.read_bytes()
    for read_only in (False, True):
        with pytest.raises(DatabaseTooNew):
            asyncio.run(Database.open(url, read_only=read_only))
    assert path.read_bytes() == before
    assert not (home / "backups").exists()


def test_failing_migration_goes_back(home: Path, url: str) -> None:
    """When a migration fails the old database opens as before, and a checked backup lies beside it."""

    async def fill() -> None:
        db = await Database.open(url)
        await db.write(new_conversation, title="precious")
        await db.close()

    asyncio.run(fill())
    scripts = home / "migrations"
    shutil.copytree(MIGRATIONS, scripts)
    (scripts / "versions" / "m9999_failing.py").write_text(FAILING)
    engines = make_engines(url, read_only=False)
    with pytest.raises(Exception, match="syntax error"):
        bring_up_to_date(
            engines, read_only=False, backups=home / "backups", migrations=scripts, head="failing"
        )
    engines.dispose()
    (backup,) = (home / "backups").iterdir()
    assert backup.name.startswith("before-failing-")
    for path in (home / "mastra.db", backup):
        assert query(path, "SELECT title FROM conversations") == [("precious",)]
        assert query(path, "SELECT name FROM sqlite_master WHERE name = 'half_done'") == []
    asyncio.run(make_empty(url))


@pytest.mark.parametrize("damage", ["garbage", "cut", "zeroed"])
def test_damaged_file_names_the_newest_backup(home: Path, url: str, damage: str) -> None:
    """A file that is no sound database is told apart, left alone, and can be set aside."""
    asyncio.run(make_empty(url))
    path = home / "mastra.db"
    whole = path.read_bytes()
    broken = {"garbage": b"not a database" * 999, "cut": whole[:9000], "zeroed": bytes(4096) + whole[4096:]}
    path.write_bytes(broken[damage])
    with pytest.raises(DatabaseDamaged) as without:
        asyncio.run(Database.open(url))
    assert "no backup" in without.value.hint
    (home / "backups").mkdir()
    (home / "backups" / "daily.db").write_bytes(whole)
    with pytest.raises(DatabaseDamaged) as error:
        asyncio.run(Database.open(url))
    assert str(path) in error.value.hint
    assert "daily.db" in error.value.hint
    aside = set_aside(path)
    assert aside.name.startswith("mastra.db.corrupt-")
    assert aside.read_bytes() == broken[damage]
    asyncio.run(make_empty(url))


def test_foreign_database_is_left_alone(home: Path, url: str) -> None:
    """A SQLite file of another program is refused, not filled with our tables."""
    with closing(sqlite3.connect(home / "mastra.db")) as conn, conn:
        conn.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StorageError, match="does not belong"):
        asyncio.run(Database.open(url))
    assert query(home / "mastra.db", "SELECT name FROM sqlite_master") == [("theirs",)]


def test_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    """A folder that does not exist gives a sentence and the path."""
    with pytest.raises(StorageError, match="cannot be opened") as error:
        asyncio.run(Database.open(f"sqlite:///{tmp_path}/nowhere/mastra.db"))
    assert "nowhere" in error.value.hint


def test_full_database_fails_clearly_and_loses_nothing(url: str) -> None:
    """When there is no room a write raises, rolls back, and works again once there is room."""

    def limit(conn: Connection, pages: int) -> None:
        conn.exec_driver_sql(f"PRAGMA max_page_count={pages}")

    def big(conn: Connection) -> None:
        new_conversation(conn, "big", title="x" * 1_000_000)

    async def main() -> None:
        db = await Database.open(url)
        await db.write(new_conversation, title="kept")
        await db.write(limit, 60)
        with pytest.raises(StorageError, match=r"disk is full: .* MB left"):
            await db.write(big)
        await db.write(limit, 100_000)
        await db.write(big)
        assert len(await db.read(conversations.list_recent)) == 2
        await db.close()

    asyncio.run(main())


def test_locked_by_another_program(home: Path, url: str) -> None:
    """A lock that stays taken becomes a retryable error that says so."""
    asyncio.run(make_empty(url))
    with closing(sqlite3.connect(home / "mastra.db", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with closing(sqlite3.connect(home / "mastra.db", timeout=0)) as other:
            with pytest.raises(sqlite3.OperationalError) as locked:
                other.execute("DELETE FROM drafts")
            meant = failures.translate(locked.value, home / "mastra.db")
    assert meant is not None
    assert meant.retryable
    assert "busy" in meant.message


def test_writes_nobody_waits_for(url: str, caplog: pytest.LogCaptureFixture) -> None:
    """They happen in order with the others and before the end; one that fails is logged and no more."""

    def fail(conn: Connection) -> None:
        raise LookupError("of no interest")

    async def main() -> None:
        db = await Database.open(url)
        db.write_soon(conversations.save_draft, "", "first")
        db.write_soon(fail)
        assert await db.write(conversations.draft, "") == "first"
        db.write_soon(conversations.save_draft, "", "last")
        await db.close()
        again = await Database.open(url)
        assert await again.read(conversations.draft, "") == "last"
        await again.close()

    asyncio.run(main())
    assert "a write in the background failed" in caplog.text
