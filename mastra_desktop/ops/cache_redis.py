"""The cache's second level: a Redis that several computers may share, and that may be away.

A command that fails or takes too long puts Redis aside: until it answers again, everything is a miss at
once. One task asks for it meanwhile, so nobody waits for the reconnecting.
"""

from __future__ import annotations

import asyncio
import logging
import struct
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from mastra_desktop.ops.background import Background
from mastra_desktop.ops.cache import Entry

if TYPE_CHECKING:
    from redis.asyncio import Redis

FORMAT = 1
_PREFIX = "mastra:"
_HEAD = struct.Struct(">Bd")  # the format, and when it is no longer good
_COMMAND_S = 0.5
_RETRY_S = (0.2, 1.0, 2.0, 5.0)  # pauses while it is away; the last one repeats
_REPLY_S = 2.0  # for a reconnecting, for which nobody waits
_MOST_VALUE_BYTES = 8 * 1024**2

T = TypeVar("T")
log = logging.getLogger(__name__)


class RedisLevel:
    """`url` as redis-py takes it: redis://, rediss:// or unix://. Nothing is imported or connected before
    the first use. Belongs to one loop; `aclose` ends its task and connections."""

    def __init__(self, url: str, *, clock: Callable[[], float] = time.time) -> None:
        self._url = url
        self._clock = clock
        self._redis: Redis | None = None
        self._watch = Background()  # runs while Redis is away
        self._closed = False
        self._trouble: tuple[type[Exception], ...] = ()

    def __repr__(self) -> str:
        return f"<RedisLevel {'up' if self.is_up else 'away'}>"  # the address may hold a password

    @property
    def is_up(self) -> bool:
        """Whether it answered the last time; True as well before the first use."""
        return not self._watch.running

    async def get_many(self, keys: list[str]) -> dict[str, Entry]:
        """What it has that is still good and in our format; nothing while it is away."""

        async def ask(redis: Redis) -> list[Any]:
            return list(await redis.mget([_PREFIX + key for key in keys]))

        rows = await self._try(ask) or [None] * len(keys)
        entries = {key: entry for key, row in zip(keys, rows, strict=True) if (entry := _unpacked(row))}
        now = self._clock()
        return {key: entry for key, entry in entries.items() if entry.expires_at > now}

    async def put_many(self, entries: Mapping[str, Entry]) -> None:
        """Keeps them until they are no longer good; does nothing while it is away."""
        now = self._clock()
        fitting = {k: e for k, e in entries.items() if len(e.value) <= _MOST_VALUE_BYTES}

        async def send(redis: Redis) -> list[object]:
            async with redis.pipeline(transaction=False) as pipe:
                for key, entry in fitting.items():
                    left_ms = max(1, int((entry.expires_at - now) * 1000))
                    packed = _HEAD.pack(FORMAT, entry.expires_at) + entry.value
                    pipe.set(_PREFIX + key, packed, px=left_ms)
                return list(await pipe.execute())

        if fitting:
            await self._try(send)

    async def aclose(self) -> None:
        """Safe to call twice."""
        self._closed = True
        await self._watch.end()
        if self._redis is not None:
            await self._redis.aclose()
            self._redis = None

    async def _try(self, command: Callable[[Redis], Awaitable[T]]) -> T | None:
        """What `command` gives; None when Redis is away, or goes away over it."""
        if self._watch.running or self._closed:
            return None
        if self._redis is None:
            await asyncio.to_thread(self._make_client)  # importing redis takes 0.15 s
        redis = self._redis
        if redis is None:  # closed meanwhile
            return None
        try:
            async with asyncio.timeout(_COMMAND_S):
                return await command(redis)
        except self._trouble as error:
            self._put_aside(error)
            return None

    def _make_client(self) -> None:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
        from redis.exceptions import RedisError

        self._trouble = (RedisError, OSError, TimeoutError)
        self._redis = Redis.from_url(
            self._url, retry=Retry(NoBackoff(), 0), socket_timeout=_REPLY_S, socket_connect_timeout=_REPLY_S
        )

    def _put_aside(self, error: Exception) -> None:
        if not self._watch.running and self._redis is not None and not self._closed:
            log.warning("redis is away: %s", type(error).__name__)
            self._watch.start(partial(self._ask_until_back, self._redis), "redis")

    async def _ask_until_back(self, redis: Redis) -> None:
        tries = 0
        while True:
            await asyncio.sleep(_RETRY_S[min(tries, len(_RETRY_S) - 1)])
            tries += 1
            try:
                async with asyncio.timeout(_REPLY_S):
                    await redis.connection_pool.disconnect(inuse_connections=False)  # dead ones
                    await redis.ping()
            except self._trouble:
                continue
            log.info("redis is back")
            return


def _unpacked(row: bytes | None) -> Entry | None:
    """None as well for what another version, or somebody else, wrote."""
    if row is None or len(row) < _HEAD.size:
        return None
    written_in, expires_at = _HEAD.unpack_from(row)
    return Entry(row[_HEAD.size :], expires_at) if written_in == FORMAT else None
