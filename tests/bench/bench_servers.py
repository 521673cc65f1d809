"""The same turns with PostgreSQL in place of SQLite, and words in 100,000 passages there.

A PostgreSQL that syncs its disk is started for it; skipped where it is not installed. Two apps: both in
processes of their own would share the two cores with the server; here they share one process.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from mastra_desktop.core import Core
from tests.bench.bench_concurrency import PIECES, measure, turn
from tests.bench.bench_knowledge_store import bench_words_at
from tests.bench.measuring import percentile, stand_in, tell
from tests.cores import core_over, make_home
from tests.postgres_server import PROGRAMS, PostgresServer

ROUNDS = 3
TURNS = 320


async def turns_over(server: PostgresServer) -> None:
    with stand_in("--pieces", str(PIECES)) as base_url, tempfile.TemporaryDirectory() as folder:
        shared = f'[database]\nurl = "{server.new_database()}"\n'
        async with AsyncExitStack() as stack:
            cores: dict[str, Core] = {}
            for name, more in (("SQLite", ""), ("one", shared), ("two", shared)):
                place = Path(tempfile.mkdtemp(dir=folder))
                home = make_home(place, base_url, more)
                cores[name] = await stack.enter_async_context(core_over(home))
                await measure(lambda core=cores[name]: turn(core), 8, 40)  # type: ignore[misc]
            both = [cores["one"], cores["two"]]
            count = iter(range(1 << 30))
            kinds = {
                "SQLite": lambda: turn(cores["SQLite"]),
                "PostgreSQL": lambda: turn(cores["one"]),
                "PostgreSQL, two apps": lambda: turn(both[next(count) % 2]),
            }
            for streams in (1, 32):
                rates: dict[str, list[float]] = {name: [] for name in kinds}
                times: dict[str, list[float]] = {name: [] for name in kinds}
                for _ in range(ROUNDS):
                    for name, run in kinds.items():
                        rate, walls = await measure(run, streams, TURNS if streams > 1 else 60)
                        rates[name].append(rate)
                        times[name] += walls
                for name in kinds:
                    floor = statistics.median(rates["SQLite"])
                    tell(f"{streams} streams, {name}", statistics.median(rates[name]), "turns/s", floor=floor)
                    tell(f"{streams} streams, {name}, P99", percentile(times[name], 0.99), "ms")


async def main() -> None:
    if PROGRAMS is None:
        return
    with PostgresServer(fsync=True) as server:
        await turns_over(server)
        if "--full" in sys.argv:
            await bench_words_at(server.new_database())


if __name__ == "__main__":
    asyncio.run(main())
