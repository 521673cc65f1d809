"""The second level over a real redis-server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from mastra_desktop.ops.cache import Cache
from mastra_desktop.ops.cache_redis import FORMAT, RedisLevel
from tests.redis_server import PROGRAM, RedisServer

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    with RedisServer(tmp_path) as running:
        yield running


def cache_over(url: str, ttl_s: float = 60) -> Cache:
    return Cache(max_entries=100, ttl_s=ttl_s, second=RedisLevel(url))


def run(check: Callable[..., Coroutine[Any, Any, None]], *urls: str) -> None:
    async def main() -> None:
        caches = [cache_over(url) for url in urls]
        try:
            await check(*caches)
        finally:
            for cache in caches:
                await cache.aclose()
                await cache.aclose()

    asyncio.run(main())


async def milliseconds(work: Coroutine[Any, Any, object]) -> float:
    began = time.perf_counter()
    await work
    return (time.perf_counter() - began) * 1000


async def back(cache: Cache) -> None:
    """Waits at most the promised 30 s."""
    for _ in range(600):
        if cache.stats.second_is_up:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("Redis did not come back")


def test_shared_and_copied_back(server: RedisServer) -> None:
    """What one app put, another finds; from then on it has it in memory."""

    async def check(one: Cache, two: Cache) -> None:
        await one.put_many({"a": b"\x00\xff", "b": b""})
        assert await two.get_many(("a", "b", "c")) == {"a": b"\x00\xff", "b": b""}
        assert await two.get("a") == b"\x00\xff"
        stats = two.stats
        assert (stats.memory_hits, stats.second_hits, stats.second_misses) == (1, 2, 1)
        assert stats.second_is_up

    run(check, server.url, server.url)


def test_no_older_than_allowed(server: RedisServer) -> None:
    """Redis forgets a value in time, and copying back does not prolong its life."""

    async def main() -> None:
        one, two = cache_over(server.url, 0.3), cache_over(server.url)
        await one.put("a", b"1")
        assert await two.get("a") == b"1"
        with redis.Redis.from_url(server.url) as client:
            assert 0 < client.pttl("mastra:a") <= 300
        await asyncio.sleep(0.35)
        assert await two.get("a") is None
        await one.aclose()
        await two.aclose()

    asyncio.run(main())


def test_what_another_version_wrote(server: RedisServer) -> None:
    """Another format, a torn value or a key of another kind is a miss, and is written over."""

    async def check(cache: Cache) -> None:
        with redis.Redis.from_url(server.url) as client:
            client.set("mastra:new", bytes([FORMAT + 1]) + bytes(20))
            client.set("mastra:torn", b"\x01")
            client.lpush("mastra:list", "x")
        assert await cache.get_many(("new", "torn", "list")) == {}
        await cache.put_many({"new": b"1", "list": b"2"})
        cache.clear()
        assert await cache.get_many(("new", "list")) == {"new": b"1", "list": b"2"}
        assert cache.stats.second_is_up

    run(check, server.url)


def test_goes_away_and_comes_back(server: RedisServer) -> None:
    """Without Redis work goes on from memory at once; when it is back, so is the second level, by itself."""

    async def check(cache: Cache) -> None:
        await cache.put("a", b"1")
        server.stop()
        await cache.get("first failure")
        assert not cache.stats.second_is_up
        for number in range(50):
            assert await milliseconds(cache.put(str(number), b"x")) < 100
            assert await milliseconds(cache.get(f"none {number}")) < 100
        assert await cache.get("a") == b"1"
        await asyncio.sleep(0.5)
        server.start()
        await back(cache)
        await cache.put("b", b"2")
        cache.clear()
        assert await cache.get("b") == b"2"

    run(check, server.url)


def test_never_there(server: RedisServer) -> None:
    """An address where nothing answers costs nothing but the misses."""
    server.stop()

    async def check(cache: Cache) -> None:
        await cache.put("a", b"1")
        assert await cache.get("a") == b"1"
        assert cache.stats.second_is_up is False

    run(check, server.url)


def test_hangs(server: RedisServer) -> None:
    """A Redis that takes commands and never answers holds up the first one for half a second, and no other."""

    async def check(cache: Cache) -> None:
        await cache.put("a", b"1")
        server.hold(True)
        assert await milliseconds(cache.get("b")) < 1000
        times = await asyncio.gather(*(milliseconds(cache.get(f"c{number}")) for number in range(20)))
        assert max(times) < 100
        server.hold(False)
        await back(cache)
        cache.clear()
        assert await cache.get("a") == b"1"

    run(check, server.url)
