from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from mastra_desktop.domain.errors import NotFound, StorageError
from mastra_desktop.store import conversations
from mastra_desktop.store.database import Database
from tests.store.turns import new_conversation

Change = Callable[[Connection], object]


def blocked(free: threading.Event) -> Change:
    """A write that keeps the thread until `free`, so that others wait behind it."""

    def wait(conn: Connection) -> None:
        free.wait(5)

    return wait


async def behind_a_slow_one(db: Database, *writes: Change) -> list[object]:
    """What `writes` come to when they all wait for the same transaction."""
    free = threading.Event()
    slow = asyncio.ensure_future(db.write(blocked(free)))
    await asyncio.sleep(0)
    waiting = [asyncio.ensure_future(db.write(write)) for write in writes]
    await asyncio.sleep(0)
    free.set()
    await asyncio.gather(slow, return_exceptions=True)  # a full disk may take it along
    return list(await asyncio.gather(*waiting, return_exceptions=True))


def test_a_failing_write_takes_no_other_with_it(home: Path, url: str) -> None:
    """Writes that share a transaction: the one that raises leaves nothing behind, the others are kept."""

    def half(conn: Connection) -> None:
        new_conversation(conn, "half")
        raise NotFound("no")

    async def run() -> None:
        db = await Database.open(url)
        first, failed, last = await behind_a_slow_one(
            db,
            lambda conn: new_conversation(conn, "first"),
            half,
            lambda conn: new_conversation(conn, "last"),
        )
        assert isinstance(failed, NotFound)
        assert not isinstance(first, BaseException)
        assert not isinstance(last, BaseException)
        await db.close()
        db = await Database.open(url)
        assert {c.id for c in await db.read(conversations.list_recent)} == {"first", "last"}
        await db.close()

    asyncio.run(run())


def test_waiting_writes_share_a_commit(url: str) -> None:
    """A hundred writes that wait together cost a few transactions, not a hundred."""

    async def run() -> None:
        db = await Database.open(url)
        begun = 0

        def count(conn: Connection) -> None:
            nonlocal begun
            begun += 1

        event.listen(db._engines.writer, "begin", count)
        jobs = [partial(new_conversation, id=f"c{i}") for i in range(100)]
        assert not [r for r in await behind_a_slow_one(db, *jobs) if isinstance(r, BaseException)]
        assert len(await db.read(conversations.list_recent)) == 100
        assert begun <= 10
        await db.close()

    asyncio.run(run())


def test_a_full_disk_fails_all_that_share_the_transaction_or_keeps_them(url: str) -> None:
    """Whoever is told that a write was done finds it; whoever is told of the full disk does not."""

    async def run() -> None:
        db = await Database.open(url)

        def limit(conn: Connection, spare: int | None) -> None:
            pages = conn.exec_driver_sql("PRAGMA page_count").scalar_one()
            conn.exec_driver_sql(f"PRAGMA max_page_count={pages + spare if spare else 1 << 30}")

        await db.write(limit, 2)

        def large(name: str) -> Change:
            def make(conn: Connection) -> None:
                conversations.create(conn, id=name, title="x" * 40_000, model_id="m/m", now=1.0)

            return make

        told = await behind_a_slow_one(
            db, lambda conn: new_conversation(conn, "small"), large("a"), large("b")
        )
        await db.write(limit, None)
        kept = {c.id for c in await db.read(conversations.list_recent)}
        names = ("small", "a", "b")
        assert kept == {n for n, r in zip(names, told, strict=True) if not isinstance(r, BaseException)}
        assert any(isinstance(r, StorageError) for r in told)
        await db.close()

    asyncio.run(run())


def test_a_bug_reaches_whoever_waits(url: str) -> None:
    """A bug's error arrives as it was raised, and the next write works."""

    async def run() -> None:
        db = await Database.open(url)

        def broken(conn: Connection) -> None:
            raise ValueError("x")

        with pytest.raises(ValueError):
            await asyncio.wait_for(db.write(broken), 5)
        await db.write(lambda conn: new_conversation(conn, "after"))
        await db.close()

    asyncio.run(run())
