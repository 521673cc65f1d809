from __future__ import annotations

import asyncio

from mastra_desktop.ops.cache import Cache


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_least_recently_used_go_first() -> None:
    """Beyond the number of entries, the one not asked for the longest is gone."""

    async def main() -> None:
        cache = Cache(max_entries=3, ttl_s=60)
        for key in "abc":
            await cache.put(key, key.encode())
        assert await cache.get("a") == b"a"
        await cache.put("d", b"d")
        assert set(await cache.get_many("abcd")) == {"a", "c", "d"}
        await cache.put("a", b"new")
        assert await cache.get("a") == b"new"
        assert cache.stats.entries == 3

    asyncio.run(main())


def test_values_get_old() -> None:
    """A value is there for its time to live and no longer; reading does not prolong it."""

    async def main() -> None:
        clock = Clock()
        cache = Cache(max_entries=10, ttl_s=60, clock=clock)
        await cache.put("a", b"1")
        clock.now += 59
        assert await cache.get("a") == b"1"
        clock.now += 2
        assert await cache.get("a") is None
        await cache.put("b", b"2")
        assert cache.stats.entries == 1

    asyncio.run(main())


def test_bounded_by_size() -> None:
    """Large values push out others long before the number is reached; one too large is not kept at all."""

    async def main() -> None:
        cache = Cache(max_entries=1000, ttl_s=60, max_bytes=100_000)
        for number in range(100):
            await cache.put(str(number), bytes(10_000))
        assert 8 <= cache.stats.entries <= 9
        assert cache.stats.size_bytes <= 100_000
        await cache.put("huge", bytes(20_000))
        assert await cache.get("huge") is None
        assert await cache.get("99") is not None
        cache.clear()
        assert cache.stats.size_bytes == 0

    asyncio.run(main())


def test_switched_off() -> None:
    """With no time to live, or no entries, nothing is kept and nothing fails."""

    async def main() -> None:
        for cache in (Cache(max_entries=0, ttl_s=60), Cache(max_entries=5, ttl_s=0)):
            await cache.put_many({"a": b"1", "b": b"2"})
            assert await cache.get_many(("a", "b")) == {}
            assert cache.stats.entries == 0

    asyncio.run(main())


def test_counts() -> None:
    """Hits and misses are counted, each key once."""

    async def main() -> None:
        cache = Cache(max_entries=5, ttl_s=60)
        await cache.put("a", b"1")
        await cache.get("a")
        await cache.get("b")
        await cache.get_many(("a", "b", "c", "a"))
        stats = cache.stats
        assert (stats.memory_hits, stats.memory_misses) == (2, 3)
        assert (stats.second_hits, stats.second_misses, stats.second_is_up) == (0, 0, None)

    asyncio.run(main())
