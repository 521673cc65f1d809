"""What a hit costs, in memory and in Redis: `python -m tests.bench.bench_cache`.

Floors: a dict, and redis-py's own get of the same bytes from the same server.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from redis.asyncio import Redis

from mastra_desktop.ops.cache import Cache
from mastra_desktop.ops.cache_redis import RedisLevel
from tests.bench.measuring import percentile, tell
from tests.redis_server import PROGRAM, RedisServer

ANSWER = b"x" * 2000
ROUNDS = 2000


async def microseconds(run: Callable[[str], Awaitable[object]], keys: list[str]) -> list[float]:
    times = []
    for key in keys:
        began = time.perf_counter()
        await run(key)
        times.append((time.perf_counter() - began) * 1e6)
    return times


async def in_memory() -> None:
    for size in (100, 10_000, 1_000_000):
        cache = Cache(max_entries=size, ttl_s=3600, max_bytes=2**32)
        plain: dict[str, bytes] = {}
        for number in range(size):
            value = ANSWER if size < 1_000_000 else b"x"
            plain[f"answer:{number:064}"] = value
            await cache.put(f"answer:{number:064}", value)
        keys = [f"answer:{number * 7919 % size:064}" for number in range(20_000)]

        async def look(key: str, kept: dict[str, bytes] = plain) -> bytes:
            return kept[key]

        floor = percentile(await microseconds(look, keys), 0.5)
        times = await microseconds(cache.get, keys)
        tell(f"first-level hit, {size:,} entries, P50", percentile(times, 0.5), "us", floor=floor, limit=50)
        tell(f"first-level hit, {size:,} entries, P99", percentile(times, 0.99), "us", limit=50)


async def in_redis(url: str) -> None:
    keys = [f"answer:{number:064}" for number in range(ROUNDS)]
    level = RedisLevel(url)
    writer = Cache(max_entries=ROUNDS, ttl_s=3600, second=level)
    await writer.put_many(dict.fromkeys(keys, ANSWER))
    client = Redis.from_url(url)
    reader = Cache(
        max_entries=ROUNDS, ttl_s=3600, second=level
    )  # an empty memory: each key is asked for once
    bare = await microseconds(lambda key: client.get("mastra:" + key), keys)
    times = await microseconds(reader.get, keys)
    assert reader.stats.second_hits == ROUNDS
    for share in (0.5, 0.99):
        floor = percentile(bare, share) / 1000
        name = f"Redis hit, P{share * 100:.0f}"
        tell(name, percentile(times, share) / 1000, "ms", floor=floor, limit=1)
    await client.aclose()
    await writer.aclose()


def main() -> None:
    asyncio.run(in_memory())
    if PROGRAM is None:
        print("redis-server is not installed: no figures of the second level")
        return
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server:
        asyncio.run(in_redis(server.url))


if __name__ == "__main__":
    main()
