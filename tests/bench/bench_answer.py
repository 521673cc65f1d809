"""What a streamed answer costs: `python -m tests.bench.bench_answer`.

64 pieces from the stand-in in another process, through ChatService into SQLite, with log and events.
The floor does the least that gives the same: httpx over its aiohttp transport, orjson, two inserts.
Both run in turn in one process, so that a slow moment of the machine hits both.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from mastra_desktop.core import Core
from mastra_desktop.ops import garbage
from tests.bench.measuring import stand_in, tell
from tests.cores import core_over, make_home

PIECES = 64
BLOCKS = 24
TURNS = 20  # in each block


class Floor:
    """The least that streams an answer and keeps prompt and answer."""

    def __init__(self, base_url: str, file: Path) -> None:
        self._client = httpx.AsyncClient(transport=AiohttpTransport(), timeout=120)
        self._url = f"{base_url}/chat/completions"
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=FULL")
        self._db.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, role TEXT, text TEXT)")

    async def turn(self) -> None:
        self._db.execute("INSERT INTO messages (role, text) VALUES ('user', 'Hello')")
        body = orjson.dumps(
            {"model": "normal", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
        )
        parts: list[str] = []
        headers = {"Content-Type": "application/json"}
        async with self._client.stream("POST", self._url, content=body, headers=headers) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: ") and line != "data: [DONE]":
                    for choice in orjson.loads(line[6:])["choices"]:
                        parts.append(choice["delta"].get("content", ""))
        self._db.execute("INSERT INTO messages (role, text) VALUES ('assistant', ?)", ("".join(parts),))

    async def aclose(self) -> None:
        await self._client.aclose()
        self._db.close()


async def turn(core: Core) -> None:
    async for _ in core.chat.reply("Hello", model_id="work/normal"):
        pass


async def measure(run: Callable[[], Awaitable[None]]) -> tuple[float, list[float]]:
    """One block: CPU milliseconds per turn, and each turn's wall milliseconds."""
    walls = []
    cpu = time.process_time()
    for _ in range(TURNS):
        began = time.perf_counter()
        await run()
        walls.append((time.perf_counter() - began) * 1000)
    return (time.process_time() - cpu) * 1000 / TURNS, walls


async def main(blocks: int) -> None:
    with stand_in("--pieces", str(PIECES)) as base_url, tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), base_url)
        floor = Floor(base_url, Path(folder) / "floor.db")
        async with core_over(home) as core:
            cpu: dict[str, list[float]] = {"ours": [], "floor": []}
            wall: dict[str, list[float]] = {"ours": [], "floor": []}
            garbage.look_less()  # as `serve` does; the floor gets it too
            for block in range(blocks + 1):
                for name, run in (("floor", floor.turn), ("ours", lambda: turn(core))):
                    block_cpu, walls = await measure(run)
                    if block:  # the first warms up
                        cpu[name].append(block_cpu)
                        wall[name] += walls
        await floor.aclose()
    middle = statistics.median
    tell("answer, CPU", middle(cpu["ours"]), "ms", floor=middle(cpu["floor"]), most=1.6)
    tell("answer, wall", middle(wall["ours"]), "ms", floor=middle(wall["floor"]), most=1.3)


if __name__ == "__main__":
    asyncio.run(main(BLOCKS * (4 if "--full" in sys.argv else 1)))
