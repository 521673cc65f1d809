"""The two scenes with `serve`: one alone on SQLite, two on one PostgreSQL."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.chroma_server import ChromaServer
from tests.cores import make_home
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer
from tests.soak import faults, verdict
from tests.soak.faults import Planned
from tests.soak.leak import Growth, growth
from tests.soak.ledger import NONE, Ledger
from tests.soak.load import Load
from tests.soak.memory import Memory
from tests.soak.places import SMALL_MODEL, Clock, Disk, Provider, Served

SAMPLE_EVERY_S = 10.0
SETTLED_S = 6.0  # after the last operation: connections that idle are still open then, as at the baseline
SCENE_LIMIT_BYTES = 1024
END_LIMIT_S = 10.0  # the promise is 5 s, of a machine that does nothing else


@dataclass
class Plan:
    """How long, how much, and what breaks meanwhile."""

    seconds: float
    warm_up_s: float
    per_second: float
    short: bool  # a few faults only
    folder: Path
    ledger: Ledger
    memory: Memory
    found: dict[str, dict[str, Any]] = field(default_factory=dict)  # by scene


async def alone(plan: Plan, redis: RedisServer) -> None:
    """One `serve` on SQLite, on a small disk, with a clock that can be turned."""
    folder = plan.folder / "alone"
    folder.mkdir()
    clock = Clock(folder)
    model = SMALL_MODEL.exists() and not plan.short
    async with AsyncExitStack() as stack:
        provider = stack.enter_context(Provider(folder / "provider"))
        disk = stack.enter_context(Disk(folder / "disk"))
        cache = f'[cache]\nredis_url = "{redis.url}"\n'
        home = make_home(disk.folder, provider.base_url, cache)
        more = {"MASTRA_LOCAL__MODEL_PATH": str(SMALL_MODEL)} if model else {}
        served = await stack.enter_async_context(Served(folder, home, **clock.variables, **more))
        planned = faults.of_provider(provider, short=plan.short)
        if plan.short:
            planned.append(faults.of_redis(redis)[0])
            planned.append(faults.of_children([served], model=False)[1])
        else:
            planned += [*faults.of_redis(redis), *faults.of_children([served], model=model)]
        if disk.why_not:
            plan.ledger.skipped.append(f"disk full: {disk.why_not}")
        else:
            planned.append(faults.of_disk(disk))
        if clock.is_there:
            planned += faults.of_clock(clock)
        else:
            plan.ledger.skipped.append("clock that jumps: libfaketime is not installed (package faketime)")
        await _soak("alone", plan, [served], planned, folder, f"sqlite:///{home / 'mastra.db'}", model=model)
        verdict.check_file(home, "alone", plan.ledger)
        shutil.copytree(home / "logs", folder / "logs")  # the disk goes with the block


async def pair(plan: Plan, redis: RedisServer) -> None:
    """Two `serve` that share a PostgreSQL, a Redis and a Chroma server."""
    folder = plan.folder / "pair"
    folder.mkdir()
    async with AsyncExitStack() as stack:
        provider = stack.enter_context(Provider(folder / "provider"))
        postgres = stack.enter_context(PostgresServer(fsync=True))
        (folder / "chroma").mkdir()
        chroma = stack.enter_context(ChromaServer(folder / "chroma"))
        url = postgres.new_database()
        shared = (
            f'[database]\nurl = "{url}"\n[vectors]\nurl = "{chroma.url}"\n'
            f'[cache]\nredis_url = "{redis.url[:-1]}1"\n'
        )
        places = []
        for name in ("first", "second"):
            (folder / name).mkdir()
            home = make_home(folder / name, provider.base_url, shared)
            places.append(await stack.enter_async_context(Served(folder / name, home)))
        of_servers = [
            faults.of_postgres(postgres),
            Planned("Chroma killed -9", NONE, chroma.kill, chroma.start, 15),
        ]
        if plan.short:
            planned = of_servers
        else:
            of_provider = faults.of_provider(provider)
            planned = [
                *of_servers,
                *of_provider[:3],
                *of_servers,
                *faults.of_children(places, model=False)[:1],
            ]
            planned += [*of_provider[3:], *of_servers[:1]]
        await _soak("pair", plan, places, planned, folder, url, model=False)


async def _soak(
    scene: str,
    plan: Plan,
    places: list[Served],
    planned: list[Planned],
    folder: Path,
    url: str,
    *,
    model: bool,
) -> None:
    for number, place in enumerate(places, 1):
        plan.memory.watch(
            f"{scene} serve {number}" if len(places) > 1 else f"{scene} serve", place.process.pid
        )
    load = Load(scene, places, plan.ledger, folder, model=model)
    try:
        await load.once()
        await load.run(plan.warm_up_s, plan.per_second)
        before = await _still(load)
        load.forget_samples()
        async with asyncio.TaskGroup() as group:
            sampling = group.create_task(repeat(SAMPLE_EVERY_S, load.sample))
            breaking = group.create_task(faults.inflict(scene, planned, plan.ledger, seconds=plan.seconds))
            await load.run(plan.seconds, plan.per_second)
            await breaking
            sampling.cancel()
        await load.once()
        after = await _still(load)
        found: dict[str, Any] = {"operations": sum(o.scene == scene for o in plan.ledger.operations)}
        found["holding"] = [
            verdict.check_holding(scene, b, a, plan.ledger) for b, a in zip(before, after, strict=True)
        ]
        found["growth"] = [judge(scene, growth(s), plan) for s in load.samples.values()]
        found["audit_rows"] = await verdict.check_audit(scene, places, plan.ledger)
        found["figures"] = await verdict.check_figures(url, scene, places, plan.ledger)
        for place in places:
            await asyncio.to_thread(place.end)
            took = place.ended_in_s
            if place.exit_code or took is None or took > END_LIMIT_S:
                plan.ledger.broken.append(f"{scene}: ended with {place.exit_code} after {took} s")
            if "Traceback" in place.output():
                plan.ledger.broken.append(f"{scene}: said {place.output()[-1500:]}")
        found["ended_in_s"] = [place.ended_in_s for place in places]
        found["rows"] = verdict.check_rows(url, scene, plan.ledger)
        plan.found[scene] = found
    finally:
        await load.aclose()


async def _still(load: Load) -> list[dict[str, int]]:
    """What the processes hold once everything has come to rest."""
    for _ in range(5):
        await asyncio.sleep(SETTLED_S)
        if (found := await load.sample()) is not None:
            return found
    raise RuntimeError("operations do not come to an end")


async def repeat(every_s: float, do: Callable[[], Awaitable[object]]) -> None:
    """Until it is cancelled."""
    while True:
        await asyncio.sleep(every_s)
        await do()


def judge(scene: str, found: Growth | None, plan: Plan) -> dict[str, Any] | None:
    """A leak of a kibibyte goes into the ledger. None where there was too little to say.

    Less may be buffers that still fill while everything breaks: what falls short of 200 bytes is told in the
    table, and answers alone (`planted`) are held to those.
    """
    if found is None:
        return None
    if found.at_least > SCENE_LIMIT_BYTES and found.enough:
        plan.ledger.broken.append(
            f"{scene}: {found.per_operation:.0f} bytes stay of each operation (at least {found.at_least:.0f})"
        )
    return {
        "operations": found.operations,
        "bytes_per_operation": round(found.per_operation, 1),
        "at_least": round(found.at_least, 1),
        "enough": found.enough,
        "falls_short": found.enough and found.leaks,
    }
