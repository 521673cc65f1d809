"""Several processes writing to one PostgreSQL: nothing is lost, nothing is done twice, errors say what is wrong."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.errors import NotFound, StorageError
from mastra_desktop.store import conversations, lexemes, processes
from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.processes import Me
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

ONE, TWO = Me("one", "home a", "host"), Me("two", "home b", "host")
COUNT = 150

# Reads a number and writes it back one higher, in as many transactions: a program of its own.
COUNTING = f"""
import asyncio, sys
from mastra_desktop.store import conversations
from mastra_desktop.store.database import Database

def one_more(conn):
    conversations.save_draft(conn, "n", str(int(conversations.draft(conn, "n") or 0) + 1))

async def main():
    db = await Database.open(sys.argv[1])
    for _ in range({COUNT} // 10):
        await asyncio.gather(*(db.write(one_more) for _ in range(10)))
    await db.close()

asyncio.run(main())
"""


@pytest.fixture
def seen(postgres_url: str) -> str:
    """A database in which both processes live."""
    engines = make_engines(postgres_url, read_only=False)
    with engines.writer.begin() as conn:
        processes.appear(conn, ONE)
        processes.appear(conn, TWO)
    engines.dispose()
    return postgres_url


@pytest.fixture
def both(seen: str) -> Iterator[Connection]:
    engines = make_engines(seen, read_only=False)
    with engines.writer.connect() as connection, connection.begin():
        yield connection
    engines.dispose()


def test_no_update_is_lost_between_processes(postgres_url: str) -> None:
    """Three programs read and write the same row: every one of their changes counts."""
    running = [subprocess.Popen([sys.executable, "-c", COUNTING, postgres_url]) for _ in range(3)]
    assert [process.wait(50) for process in running] == [0, 0, 0]

    async def count() -> str:
        db = await Database.open(postgres_url)
        found = await db.read(conversations.draft, "n")
        await db.close()
        return found

    assert asyncio.run(count()) == str(3 * COUNT)


def test_two_first_starts_at_once(postgres: PostgresServer) -> None:
    """Both find an empty database; one makes the tables, the other waits and finds them made."""
    url = postgres.new_database()

    async def start() -> None:
        opened = await asyncio.gather(*(Database.open(url) for _ in range(3)))
        for db in opened:
            await db.close()

    asyncio.run(start())
    postgres.drop(url)


def test_a_claim_belongs_to_one(both: Connection) -> None:
    """Nobody else gets it while its holder lives; given back or dead, it is free."""
    assert processes.claim(both, ONE, "document:d", "d")
    assert processes.claim(both, ONE, "document:d", "d")
    assert not processes.claim(both, TWO, "document:d", "d")
    assert processes.held(both, "document:") == {"d"}
    assert processes.held(both, "document:", besides=ONE) == set()
    with pytest.raises(NotFound):
        processes.must_hold(both, TWO, "document:d")
    processes.release(both, TWO, "document:d")  # not its to give
    assert not processes.claim(both, TWO, "document:d", "d")
    late = f"UPDATE processes SET seen_at = seen_at - {processes.LEASE_S + 1} WHERE id = 'one'"
    both.execute(text(late))
    assert processes.claim(both, TWO, "document:d", "d")
    with pytest.raises(NotFound):
        processes.must_hold(both, ONE, "document:d")


def test_the_next_process_of_a_data_home_frees_what_the_last_one_had(both: Connection) -> None:
    """After kill -9 nobody waits for a lease: the data home lets one process in at a time."""
    assert processes.claim(both, ONE, "answer:c", "m")
    processes.appear(both, Me("one again", ONE.place, ONE.host))
    assert processes.claim(both, TWO, "answer:c", "m")


def test_only_what_is_in_hand_is_kept(both: Connection) -> None:
    processes.claim(both, ONE, "answer:a", "m1")
    processes.claim(both, ONE, "answer:b", "m2")
    processes.claim(both, TWO, "answer:c", "m3")
    processes.give_up(both, ONE, "answer:", ["m2"])
    assert processes.held(both, "answer:") == {"m2", "m3"}
    processes.leave(both, ONE)
    assert processes.held(both, "answer:") == {"m3"}


def test_who_holds_the_lock_too_long_loses_it(seen: str) -> None:
    """A process that stands still inside a write keeps nobody for more than 15 s, and is told afterwards."""

    async def run() -> None:
        stuck, other = await Database.open(seen), await Database.open(seen)
        inside, go_on = threading.Event(), threading.Event()

        def stand_still(conn: Connection) -> None:
            conversations.save_draft(conn, "x", "never")
            inside.set()
            go_on.wait(40)
            conversations.save_draft(conn, "x", "never either")

        held = asyncio.ensure_future(stuck.write(stand_still))
        await asyncio.to_thread(inside.wait, 5)
        began = time.monotonic()
        while True:
            try:
                await other.write(conversations.save_draft, "x", "mine")
                break
            except StorageError as error:
                assert error.retryable
        assert time.monotonic() - began < 25
        go_on.set()
        with pytest.raises(StorageError):
            await held
        assert await stuck.read(conversations.draft, "x") == "mine"
        await stuck.write(conversations.save_draft, "y", "works again")
        await stuck.close()
        await other.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("/made", "/nowhere"), "The database does not exist on the server."),
        (("mastra@", "nobody@"), "The database server refused the name or password."),
        (("127.0.0.1:", "127.0.0.1:1"), "The database server cannot be reached."),
        (("postgresql+psycopg", "mysql"), "database.url names no database this app can use."),
    ],
)
def test_what_is_wrong_with_the_url(
    postgres: PostgresServer, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    """A url that does not work is told as what it is, with what to do; no traceback of a driver's."""
    url = postgres.url("made").replace(*change)
    if "127.0.0.1:1" in url:
        url = url.partition("127.0.0.1:")[0] + "127.0.0.1:1/made"
    with pytest.raises(StorageError) as raised:
        asyncio.run(Database.open(url))
    assert raised.value.message == message
    assert raised.value.hint


def test_a_short_url_works_too(postgres_url: str) -> None:
    """postgresql:// without the driver's name, as everybody writes it."""

    async def run() -> None:
        db = await Database.open(postgres_url.replace("postgresql+psycopg", "postgresql"))
        await db.close()

    asyncio.run(run())


def test_very_long_texts_have_words_too() -> None:
    """PostgreSQL takes a megabyte of words and 255 places of each: what is beyond is left out, and said."""
    lexer = lexemes.Lexer("unicode61 remove_diacritics 2")
    (places,) = lexer.places(["the end " * 300])
    vector, loose = lexemes.as_tsvector(places)
    assert loose
    assert vector.count(",") == 2 * 254
    (places,) = lexer.places([" ".join(f"word{n}" for n in range(200_000))])
    vector, loose = lexemes.as_tsvector(places)
    assert loose
    assert len(vector) < 1 << 21
    assert lexer.words("Ünïted, “quoted” a_b 東京") == ["united", "quoted", "a", "b", "東京"]
