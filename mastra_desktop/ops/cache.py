"""The cache: bytes by key, in memory first, then in Redis where one is set.

    cache = Cache(max_entries=4096, ttl_s=3600)
    value = await cache.get("answer:3f…")

In memory the least recently used go first, by number and by size. What Redis has is copied back into
memory. What a value means is the business of whoever puts it; it carries its own version.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from cachetools import TLRUCache

MOST_BYTES = 64 * 1024**2
_ENTRY_BYTES = 400  # what an entry costs beside its key and value


@dataclass(frozen=True, slots=True)
class Entry:
    """A value and when it is no longer good: seconds since the epoch, as other computers have it too."""

    value: bytes
    expires_at: float


class SecondLevel(Protocol):
    """What is behind the memory. Trouble there is a miss, never an error."""

    @property
    def is_up(self) -> bool: ...

    async def get_many(self, keys: list[str]) -> dict[str, Entry]: ...

    async def put_many(self, entries: Mapping[str, Entry]) -> None: ...

    async def aclose(self) -> None: ...


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counts since the start. `second_*` are 0 without a second level, `second_is_up` is None then."""

    entries: int
    size_bytes: int
    memory_hits: int
    memory_misses: int
    second_hits: int
    second_misses: int
    second_is_up: bool | None


class Cache:
    """Belongs to one loop. `ttl_s` 0 keeps nothing; `max_entries` 0 keeps nothing in memory.

    `clock` gives seconds since the epoch. `count` hears (level, hit, miss or put, how many).
    """

    def __init__(
        self,
        *,
        max_entries: int,
        ttl_s: float,
        max_bytes: int = MOST_BYTES,
        second: SecondLevel | None = None,
        clock: Callable[[], float] = time.time,
        count: Callable[[str, str, int], None] = lambda _level, _result, _n: None,
    ) -> None:
        self._max_entries = max_entries
        self._ttl_s = ttl_s
        self._max_bytes = max_bytes
        self._second = second
        self._clock = clock
        self._count = count
        # cachetools bounds one measure, here the bytes; the number of entries is bounded in _keep.
        self._memory: TLRUCache[str, Entry] = TLRUCache(
            maxsize=max_bytes, ttu=lambda _key, entry, _now: entry.expires_at, timer=clock, getsizeof=_size
        )
        self._memory_hits = self._memory_misses = self._second_hits = self._second_misses = 0

    @property
    def stats(self) -> CacheStats:
        return CacheStats(
            len(self._memory),
            int(self._memory.currsize),
            self._memory_hits,
            self._memory_misses,
            self._second_hits,
            self._second_misses,
            self._second.is_up if self._second else None,
        )

    async def get(self, key: str) -> bytes | None:
        """The value, or None when there is none any more."""
        entry = self._memory.get(key)
        if entry is not None:
            self._memory_hits += 1
            self._count("memory", "hit", 1)
            return entry.value
        return (await self.get_many((key,))).get(key)

    async def get_many(self, keys: Iterable[str]) -> dict[str, bytes]:
        """The values of those keys that have one; one question to the second level for all the others."""
        found: dict[str, bytes] = {}
        missing: list[str] = []
        for key in dict.fromkeys(keys):
            if (entry := self._memory.get(key)) is not None:
                found[key] = entry.value
            else:
                missing.append(key)
        self._memory_hits += len(found)
        self._memory_misses += len(missing)
        self._count("memory", "hit", len(found))
        self._count("memory", "miss", len(missing))
        if missing and self._second and self._ttl_s > 0:
            behind = await self._second.get_many(missing)
            latest = self._clock() + self._ttl_s  # another computer may keep things for longer
            for key, entry in behind.items():
                self._keep(key, Entry(entry.value, min(entry.expires_at, latest)))
                found[key] = entry.value
            self._second_hits += len(behind)
            self._second_misses += len(missing) - len(behind)
            self._count("redis", "hit", len(behind))
            self._count("redis", "miss", len(missing) - len(behind))
        return found

    async def put(self, key: str, value: bytes) -> None:
        """Keeps `value` for the time to live, in both levels."""
        await self.put_many({key: value})

    async def put_many(self, values: Mapping[str, bytes]) -> None:
        if self._ttl_s <= 0 or not values:
            return
        expires_at = self._clock() + self._ttl_s
        entries = {key: Entry(value, expires_at) for key, value in values.items()}
        for key, entry in entries.items():
            self._keep(key, entry)
        self._count("memory", "put", len(entries))
        if self._second:
            self._count("redis", "put", len(entries))
            await self._second.put_many(entries)

    def clear(self) -> None:
        """Forgets what is in memory."""
        self._memory.clear()

    async def apply(self, *, max_entries: int, ttl_s: float, second: SecondLevel | None) -> None:
        """Other bounds, and another second level unless it is the same; what is in memory stays in them."""
        self._max_entries, self._ttl_s = max_entries, ttl_s
        while len(self._memory) > max_entries:
            self._memory.popitem()
        before, self._second = self._second, second
        if before is not None and before is not second:
            await before.aclose()

    @property
    def second(self) -> SecondLevel | None:
        return self._second

    async def aclose(self) -> None:
        if self._second:
            await self._second.aclose()

    def _keep(self, key: str, entry: Entry) -> None:
        if not self._max_entries or len(entry.value) > self._max_bytes // 8:  # it would push out too much
            return
        self._memory[key] = entry
        while len(self._memory) > self._max_entries:
            self._memory.popitem()


def _size(entry: Entry) -> int:
    return len(entry.value) + _ENTRY_BYTES
