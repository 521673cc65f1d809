"""Many answers at once: `python -m tests.bench.bench_concurrency`.

32 and 100 conversations, each asking again as soon as it is answered: 64 pieces from the stand-in in
another process, through ChatService into SQLite. The floor is the bare client over its aiohttp transport
at the same concurrency, without storage. Both run in turn. With --full each runs four times as long.
"""

from __future__ import annotations

import asyncio
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
from mastra_desktop.domain.replies import ReplyFinished
from mastra_desktop.ops import garbage
from tests.bench.measuring import percentile, stand_in, tell
from tests.cores import core_over, make_home

PIECES = 64
ROUNDS = 3
TURNS = 640  # in each round, shared by all streams


async def floor_turn(client: httpx.AsyncClient, url: str) -> None:
    body = orjson.dumps({"model": "normal", "stream": True, "messages": [{"role": "user", "content": "Hi"}]})
    async with client.stream("POST", url, content=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: ") and line != "data: [DONE]":
                orjson.loads(line[6:])


async def turn(core: Core) -> None:
    async for event in core.chat.reply("Hello", model_id="work/normal"):
        if isinstance(event, ReplyFinished) and event.reason != "stop":
            raise RuntimeError(f"an answer ended with {event.reason}")


async def measure(run: Callable[[], Awaitable[None]], streams: int, turns: int) -> tuple[float, list[float]]:
    """Turns a second, and each turn's milliseconds."""
    times: list[float] = []
    left = iter(range(turns))

    async def one() -> None:
        for _ in left:
            began = time.perf_counter()
            await run()
            times.append((time.perf_counter() - began) * 1000)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(streams):
            group.create_task(one())
    return turns / (time.perf_counter() - began), times


async def main(turns: int) -> None:
    with stand_in("--pieces", str(PIECES)) as base_url, tempfile.TemporaryDirectory() as folder:
        client = httpx.AsyncClient(transport=AiohttpTransport(), timeout=120)
        url = f"{base_url}/chat/completions"
        async with core_over(make_home(Path(folder), base_url)) as core:
            await measure(lambda: turn(core), 8, 40)  # warms up
            garbage.look_less()  # as `serve` does; the floor gets it too
            for streams in (32, 100):
                rates: dict[str, list[float]] = {"ours": [], "floor": []}
                times: dict[str, list[float]] = {"ours": [], "floor": []}
                for _ in range(ROUNDS):
                    for name, run in (
                        ("floor", lambda: floor_turn(client, url)),
                        ("ours", lambda: turn(core)),
                    ):
                        rate, walls = await measure(run, streams, turns)
                        rates[name].append(rate)
                        times[name] += walls
                report(streams, rates, times)
        await client.aclose()


def report(streams: int, rates: dict[str, list[float]], times: dict[str, list[float]]) -> None:
    middle = statistics.median
    tell(f"{streams} streams, ours", middle(rates["ours"]), "turns/s", floor=middle(rates["floor"]))
    for share in (0.5, 0.99):
        ours, floor = percentile(times["ours"], share), percentile(times["floor"], share)
        limit = 100 if share == 0.99 and streams == 32 else None
        tell(f"{streams} streams, P{share * 100:.0f}", ours, "ms", floor=floor, limit=limit)


if __name__ == "__main__":
    asyncio.run(main(TURNS * (4 if "--full" in sys.argv else 1)))
