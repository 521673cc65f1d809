"""What breaks, in which order, and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer
from tests.soak.ledger import GRACE_S, NONE, PROVIDER, STORAGE, Ledger
from tests.soak.places import Clock, Disk, Provider, Served, kill_children

KNOWLEDGE = frozenset({"knowledge"})
MODEL = frozenset({"provider", "network", "timeout", "circuit_open"})
STEP_S = 0.5


@dataclass(frozen=True, slots=True)
class Planned:
    """`excuses`: the codes with which the app tells the truth about it; none where nobody may notice."""

    name: str
    excuses: frozenset[str]
    begin: Callable[[], None]
    end: Callable[[], None]
    lasts_s: float


def of_provider(provider: Provider, *, short: bool = False) -> list[Planned]:
    """Everything a provider may do."""

    def back() -> None:
        provider.behave("")

    kinds = [
        ("provider answers 429", "busy-2"),
        ("provider answers 500", "status-500"),
        ("provider cuts off", "cut-400"),
        ("provider falls silent", "pause-2"),
        ("provider answers garbage", "garbage"),
    ]
    found = [
        Planned(name, PROVIDER, lambda script=script: provider.behave(script), back, 12)  # type: ignore[misc]
        for name, script in kinds
    ]
    killed = Planned("provider killed -9", PROVIDER, provider.kill, provider.start, 12)
    return [found[2], killed] if short else [*found, killed]


def of_redis(redis: RedisServer) -> list[Planned]:
    return [
        Planned("Redis killed -9", NONE, redis.kill, redis.start, 15),
        Planned("Redis stands still", NONE, lambda: redis.hold(True), lambda: redis.hold(False), 15),
    ]


def of_postgres(postgres: PostgresServer) -> Planned:
    return Planned("PostgreSQL killed -9", STORAGE, postgres.kill, postgres.start, 12)


def of_disk(disk: Disk) -> Planned:
    return Planned("disk full", STORAGE | KNOWLEDGE, disk.fill, disk.free, 15)


def of_clock(clock: Clock) -> list[Planned]:
    def turned(by: str) -> Planned:
        return Planned(f"clock {by}", NONE, lambda: clock.turn(by), lambda: clock.turn("+0"), 20)

    return [turned("+5h"), turned("-7h")]


def of_children(served: Sequence[Served], *, model: bool) -> list[Planned]:
    """kill -9 again and again for some seconds, so that it hits them at work."""

    def killing(name: str, host: str, excuses: frozenset[str]) -> Planned:
        def kill() -> None:
            for each in served:
                kill_children(each.process.pid, host)

        return Planned(name, excuses, kill, kill, 3)

    found = [
        killing("embedder killed -9", "_embed-host", KNOWLEDGE),
        killing("index killed -9", "_vectors-host", KNOWLEDGE),
        killing("reader killed -9", "_read-host", KNOWLEDGE),
    ]
    return [*found, killing("built-in model killed -9", "_model-host", MODEL)] if model else found


async def inflict(
    scene: str,
    planned: Sequence[Planned],
    ledger: Ledger,
    *,
    seconds: float,
    when_on: Callable[[Planned], Awaitable[None]] | None = None,
) -> None:
    """One after the other, evenly over `seconds`, the last one `GRACE_S` and more before their end.

    `when_on` may bring something about while it is on.
    """
    if not planned:
        return
    began = time.monotonic()
    room = max(seconds - GRACE_S - 10, 1) / len(planned)
    for number, fault in enumerate(planned):
        await asyncio.sleep(max(0.0, began + number * room - time.monotonic()))
        with ledger.fault(scene, fault.name, fault.excuses):
            await asyncio.to_thread(fault.begin)
            try:
                if when_on is not None:
                    with suppress(Exception):
                        await when_on(fault)
                await asyncio.sleep(min(fault.lasts_s, room * 0.6))
            finally:
                await asyncio.to_thread(fault.end)
