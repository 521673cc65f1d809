"""Backups of a real PostgreSQL as SQLite files, restoring them there, and moving from one to the other."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, select, text

from mastra_desktop.domain.errors import DatabaseTooNew, StorageError
from mastra_desktop.store import backups, conversations, passages, processes, schema, search
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.files import is_sound
from mastra_desktop.store.processes import Me
from mastra_desktop.store.server_restore import _put as put_table
from mastra_desktop.store.upgrade import bring_up_to_date
from tests.postgres_server import PostgresServer
from tests.store.full import INDEX, fill, rows_of
from tests.store.turns import new_conversation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

ME = Me("me", "here", "this-computer")
QUESTIONS = ("passage", "中文", "passage 2", "quote and English")


@contextmanager
def writing(url: str) -> Iterator[Connection]:
    engines = make_engines(url, read_only=False)
    try:
        with engines.writer.begin() as conn:
            yield conn
    finally:
        engines.dispose()


def new_file(path: Path, size: int = 3) -> Path:
    """A full SQLite database."""
    engines = make_engines(f"sqlite:///{path}", read_only=False)
    bring_up_to_date(engines, read_only=False, backups=None)
    with engines.writer.begin() as conn:
        fill(conn, size)
    engines.dispose()
    return path


def restore_there(source: Path, url: str, home: Path) -> backups.Restored:
    return backups.restore_on_server(source, url, home / "mastra.db", home / "backups", ME)


def titles(url: str) -> set[str]:
    with writing(url) as conn:
        return set(conn.execute(select(schema.conversations.c.title)).scalars())


def found(conn: Connection) -> list[object]:
    return [
        [(h.conversation_id, h.message_id) for h in search.search(conn, q)]
        for q in ("title", "answer", "中文")
    ] + [passages.search_words(conn, ["k"], q, limit=10) for q in QUESTIONS]


def test_there_and_back(home: Path, postgres: PostgresServer) -> None:
    """SQLite, PostgreSQL, SQLite: every row of every table is the same, and the same is found."""
    database = new_file(home / "mastra.db", 40)
    url = postgres.new_database()  # without our tables: the restore makes them
    first = backups.make(database, home / "backups", "manual").path
    assert restore_there(first, url, home).before is None
    second = home / "back.db"
    backups.copy_to(url, second)
    assert is_sound(second)
    again = home / "again"
    again.mkdir()
    backups.restore(second, again / "mastra.db", again / "backups", again / "vectors", ME)
    old, new = rows_of(database), rows_of(again / "mastra.db")
    assert {t: len(rows) for t, rows in new.items() if t not in INDEX and not rows} == {}
    for table, rows in old.items():
        if table not in INDEX:
            assert new[table] == rows, table
    assert new["unindexed_vectors"] == [(row[0],) for row in new["passage_vectors"]]
    with (
        writing(f"sqlite:///{database}") as one,
        writing(url) as two,
        writing(f"sqlite:///{again}/mastra.db") as three,
    ):
        expected = found(one)
        assert all(expected)
        assert found(three) == expected
        assert [_ids(f) for f in found(two)] == [_ids(f) for f in expected]


def _ids(hits: object) -> list[object]:
    assert isinstance(hits, list)
    return [hit[0] for hit in hits]


def test_what_is_written_afterwards(home: Path, postgres_url: str) -> None:
    """New rows get numbers of their own after a restore, on both kinds."""
    database = new_file(home / "mastra.db")
    restore_there(database, postgres_url, home)
    back = home / "back.db"
    for url in (postgres_url, f"sqlite:///{back}"):
        with writing(url) as conn:
            before = set(conn.execute(select(schema.passages.c.id)).scalars())
            new_conversation(conn, "new", "A new one")
            passages.add(conn, 1, "x", [])
            numbers = conn.execute(
                text(
                    "INSERT INTO passages (document_seq, position, start_char, end_char, tokens, heading,"
                    " embedded, text) VALUES (1, 900, 0, 1, 1, '', 0, 'x') RETURNING id"
                )
            ).scalar_one()
            assert numbers not in before
            conn.execute(text("DELETE FROM passages WHERE id = :id"), {"id": numbers})
            highest = numbers
            conn.execute(text("DELETE FROM conversations WHERE id = 'new'"))
        if url is postgres_url:
            backups.copy_to(postgres_url, back)
    with closing(sqlite3.connect(back)) as conn:
        (given,) = conn.execute("SELECT seq FROM sqlite_sequence WHERE name = 'passages'").fetchone()
    assert given == highest > max(before) + 1  # a number that was given once is not given again


def test_a_snapshot_while_others_write(home: Path, postgres_url: str) -> None:
    """Conversations come in pairs while a backup is taken: no backup ever has half of one."""
    restore_there(new_file(home / "mastra.db", 200), postgres_url, home)
    stop = threading.Event()
    counted = [0]

    def write() -> None:
        engines = make_engines(postgres_url, read_only=False)
        while not stop.is_set():
            with engines.writer.begin() as conn:
                n = counted[0] = counted[0] + 1
                new_conversation(conn, f"x{n}", f"pair {n}")
                new_conversation(conn, f"y{n}", f"pair {n}")
        engines.dispose()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for n in range(3):
            backups.copy_to(postgres_url, home / f"{n}.db")
    finally:
        stop.set()
        thread.join()
    pairs = []
    for n in range(3):
        names = [str(row[2]) for row in rows_of(home / f"{n}.db")["conversations"]]
        names = [name for name in names if name.startswith("pair")]
        assert all(names.count(name) == 2 for name in names)
        pairs.append(len(names))
    assert pairs[0] < pairs[-1]
    assert counted[0] > 5


def test_refused(home: Path, postgres_url: str, tmp_path: Path) -> None:
    """No backup, a damaged one, one from a later version: said, and nothing on the server changed."""
    with writing(postgres_url) as conn:
        new_conversation(conn, "c", "There before")
    letter = tmp_path / "letter.txt"
    letter.write_text("dear all, " * 100)
    hole = new_file(tmp_path / "hole.db", 100)
    with hole.open("rb+") as file:
        file.seek(40_000)
        file.write(os.urandom(60_000))
    newer = new_file(tmp_path / "newer.db")
    with closing(sqlite3.connect(newer)) as plain, plain:
        plain.execute("UPDATE alembic_version SET version_num = '9999'")
    for wrong in (letter, hole, tmp_path / "none.db"):
        with pytest.raises(StorageError):
            restore_there(wrong, postgres_url, home)
    with pytest.raises(DatabaseTooNew):
        restore_there(newer, postgres_url, home)
    assert titles(postgres_url) == {"There before"}
    assert list(home.iterdir()) == []


def test_others_are_named(home: Path, postgres_url: str) -> None:
    """While another data home's process is there a restore is refused; an earlier one of ours, or one that
    was not seen for 20 s, does not count."""
    source = new_file(home / "source.db")
    with writing(postgres_url) as conn:
        processes.appear(conn, Me("mine", "here", "this-computer"))
        processes.appear(conn, Me("other", "there", "lab-pc"))
    with pytest.raises(StorageError, match="A window or server works on this database: on lab-pc"):
        restore_there(source, postgres_url, home)
    assert titles(postgres_url) == set()
    with writing(postgres_url) as conn:
        conn.execute(text("UPDATE processes SET seen_at = seen_at - 21 WHERE id = 'other'"))
    assert restore_there(source, postgres_url, home).before is not None
    assert len(titles(postgres_url)) == 3


def test_what_was_there_is_kept(home: Path, postgres_url: str) -> None:
    """It is backed up before, and restoring that brings it back; the index hears what is gone."""
    restore_there(new_file(home / "a.db", 5), postgres_url, home)
    with writing(postgres_url) as conn:
        new_conversation(conn, "late", "Only here")
        conn.execute(text("DELETE FROM unindexed_vectors"))
    small = new_file(home / "b.db", 2)
    done = restore_there(small, postgres_url, home)
    assert done.before is not None
    assert "Only here" not in titles(postgres_url)
    with writing(postgres_url) as conn:
        gone = set(conn.execute(select(schema.removed_vectors.c.passage_id)).scalars())
        there = set(conn.execute(select(schema.unindexed_vectors.c.passage_id)).scalars())
    assert len(there) == 2
    assert len(gone | there) > 4
    restore_there(done.before, postgres_url, home)
    assert "Only here" in titles(postgres_url)
    assert [b.kind for b in backups.backups(home / "backups")] == ["before-restore"] * 3


def test_the_connection_is_cut_midway(
    home: Path, postgres: PostgresServer, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ends the connection while passages are put in: said, and what was there is there."""
    source = new_file(home / "source.db", 50)
    with writing(postgres_url) as conn:
        new_conversation(conn, "c", "There before")

    def cut(server: object, rows: object, table: object) -> None:
        if getattr(table, "name", "") == "passages":
            with postgres.connect() as admin:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                    " AND application_name = 'mastra-desktop'",
                    (postgres_url.rpartition("/")[2],),
                )
        put_table(server, rows, table)  # type: ignore[arg-type]

    monkeypatch.setattr("mastra_desktop.store.server_restore._put", cut)
    with pytest.raises(StorageError, match=r"could not be restored: the database server") as caught:
        restore_there(source, postgres_url, home)
    assert "Nothing was changed" in caught.value.hint
    assert titles(postgres_url) == {"There before"}
    assert not list(home.glob("*.restoring*"))


def test_a_full_disk(home: Path, postgres_url: str) -> None:
    """A backup that runs out of room says so, and leaves neither half a file nor the earlier one changed."""
    restore_there(new_file(home / "mastra.db", 2_000), postgres_url, home)
    target = home / "mine.db"
    with writing(postgres_url) as conn:
        conn.execute(text("DELETE FROM requests"))
    backups.copy_to(postgres_url, target)
    before = target.read_bytes()
    script = (
        "import resource, signal, sys\n"
        "from pathlib import Path\n"
        "from mastra_desktop.domain.errors import StorageError\n"
        "from mastra_desktop.store import backups\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (900_000, resource.RLIM_INFINITY))\n"
        "try:\n    backups.copy_to(sys.argv[1], Path(sys.argv[2]))\n"
        "except StorageError as error:\n    print(error.message)\n"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)
    done = subprocess.run(
        [sys.executable, "-c", script, postgres_url, str(target)], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("The backup could not be made: "), done.stderr
    assert target.read_bytes() == before
    assert sorted(p.name for p in home.iterdir()) == ["backups", "mastra.db", "mine.db"]


def test_given_up(home: Path, postgres_url: str) -> None:
    """A backup that is given up ends at once and leaves nothing behind."""
    began = time.monotonic()
    with pytest.raises(StorageError, match="interrupted"):
        backups.make(postgres_url, home / "backups", "auto", give_up=lambda: True)
    assert time.monotonic() - began < 5
    assert list((home / "backups").iterdir()) == []


def test_places(home: Path, postgres_url: str) -> None:
    """Files and watched folders of a single computer stay its own on a server; back in a file, folders that
    others watch are not watched."""
    database = new_file(home / "mastra.db")
    with closing(sqlite3.connect(database)) as plain, plain:
        plain.execute("UPDATE collections SET watched = '/mine' WHERE id = 'k'")
        plain.execute("UPDATE documents SET source = 'https://example.org/' WHERE id = 'dt'")
    restore_there(database, postgres_url, home)
    with writing(postgres_url) as conn:
        found = {row.id: row.place for row in conn.execute(text("SELECT id, place FROM documents"))}
        assert found == {"dk": "here", "dt": "", "waiting": "here"}
        conn.execute(text("UPDATE collections SET watched = '/theirs', watched_place = 'x' WHERE id = 't'"))
    back = home / "back.db"
    backups.copy_to(postgres_url, back)
    backups.restore(back, database, home / "backups", home / "vectors", ME)
    with closing(sqlite3.connect(database)) as plain:
        asked = "SELECT id, watched, watched_place FROM collections ORDER BY id"
        assert plain.execute(asked).fetchall() == [("k", "/mine", ""), ("t", "", "")]
        assert plain.execute("SELECT DISTINCT place FROM documents").fetchall() == [("",)]
    with writing(f"sqlite:///{database}") as conn:
        assert len(conversations.list_recent(conn)) == 2
