"""How much room the app's own figures take."""

from __future__ import annotations

import asyncio
import time

from sqlalchemy import Connection

from mastra_desktop.domain.telemetry import Amount, HealthSample, Outcome, RequestRecord, Span, StoredSize
from mastra_desktop.store import schema, sizes, telemetry
from mastra_desktop.store.database import Database

KEPT = {
    "requests": (90, 1_000_000),
    "spans": (7, 200_000),
    "metric_minutes": (7, None),
    "metric_hours": (90, None),
    "health_history": (90, 100_000),
    "audit": (None, None),
}


def fill(conn: Connection, number: int) -> None:
    now = time.time()
    telemetry.record_requests(
        conn,
        [
            RequestRecord(f"{n:016x}", now, "work", "normal", Outcome.DONE, trace_id=f"{n:032x}")
            for n in range(number)
        ],
    )
    facts: dict[str, str | int | float] = {"gen_ai.provider.name": "work", "gen_ai.request.model": "normal"}
    telemetry.keep_spans(
        conn,
        [Span(f"{n:032x}", f"{n:016x}", "", "request", now, 1.0, Outcome.DONE, facts) for n in range(number)],
    )
    telemetry.add_amounts(conn, [Amount("requests", f"{n:06}", now, 1, 1) for n in range(number)])
    telemetry.keep_health(conn, [HealthSample(now, "disk", "healthy", 1.0, "fine " * 9)] * number)


def by_table(conn: Connection) -> dict[str, StoredSize]:
    return {size.table: size for size in sizes.stored(conn)}


def test_sizes_of_figures(any_url: str) -> None:
    """Rows and bytes of each table, its indexes included; the whole database is more than all of them."""

    async def check() -> None:
        db = await Database.open(any_url)
        before = await db.read(by_table)
        assert {name: (size.kept_days, size.most_rows) for name, size in before.items()} == KEPT
        await db.write(fill, 3000)
        after = await db.read(by_table)
        for name in ("requests", "spans", "metric_minutes", "metric_hours", "health_history"):
            assert after[name].rows - before[name].rows == 3000
            # A row is 30 to 300 bytes, and an index or two come on top.
            assert 3000 * 20 < after[name].size_bytes - before[name].size_bytes < 3000 * 900, name
        assert sum(size.size_bytes for size in after.values()) < await db.read(sizes.whole)
        await db.close()

    asyncio.run(check())


def test_a_guess_is_near(url: str) -> None:
    """Where SQLite cannot tell, what some rows hold tells about as much."""

    def both(conn: Connection) -> list[tuple[str, int, int]]:
        found = by_table(conn)
        return [
            (name, found[name].size_bytes, sizes.guess(conn, schema.metadata.tables[name], found[name].rows))
            for name in KEPT
            if found[name].rows
        ]

    async def check() -> None:
        db = await Database.open(url)
        await db.write(fill, 2000)
        for name, told, guessed in await db.read(both):
            assert told / 2 < guessed < told * 2, (name, told, guessed)
        await db.close()

    asyncio.run(check())
