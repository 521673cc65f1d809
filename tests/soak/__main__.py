"""Runs the app for a long time while everything around it breaks: `python -m tests.soak --minutes 20`.

Real processes on loopback: a `serve` on SQLite, two `serve` on one PostgreSQL with Redis and Chroma servers,
and the window on a virtual screen. Scripted providers answer. Faults come one after the other. At the end a
table says what was done, what broke, what the app made of it, and what it held; build/soak.json has all of
it. Exit code 1 when an error was ours, a row was lost, a figure is wrong, or something grew.

Not done, with words in the table: what needs root (a small disk) or a program that is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import postgres_server, redis_server
from tests.bench.measuring import ROOT
from tests.redis_server import RedisServer
from tests.soak import planted, scenes, window
from tests.soak.ledger import OURS_AT_MOST, Ledger
from tests.soak.memory import Memory
from tests.soak.scenes import Plan
from tests.soak.table import show

RESULT = ROOT / "build" / "soak.json"
WARM_UP_S = 75.0  # a breaker and a minute of figures remember so long
SHORT_BELOW_S = 300.0
SHORT_WARM_UP_S = 5.0
Scene = Callable[[Plan], Awaitable[None]]


async def soak(plan: Plan, names: list[str], *, with_planted: bool) -> dict[str, Any]:
    """All scenes at once; the report."""
    redis_folder = plan.folder / "redis"
    redis_folder.mkdir()
    with RedisServer(redis_folder) as redis:
        known: dict[str, Scene] = {
            "alone": lambda plan: scenes.alone(plan, redis),
            "pair": lambda plan: scenes.pair(plan, redis),
            "window": window.window,
        }
        found: dict[str, Any] = {}

        async def look_for_planted() -> None:
            found["planted"] = await planted.check(plan.folder / "leak")

        async with asyncio.TaskGroup() as group:
            looking = group.create_task(plan.memory.run())
            async with asyncio.TaskGroup() as running:
                for name in names:
                    running.create_task(_guarded(name, known[name], plan))
                if with_planted:
                    running.create_task(look_for_planted())
            looking.cancel()
    ledger = plan.ledger
    ours = ledger.ours()
    ledger.broken += plan.memory.over_limit()
    if with_planted and not found["planted"]["found"]:
        ledger.broken.append(f"the planted leak was not told from its absence: {found['planted']}")
    rate = len(ours) / max(1, len(ledger.operations))
    if rate >= OURS_AT_MOST:
        ledger.broken.append(f"{len(ours)} of {len(ledger.operations)} operations failed by our fault")
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "minutes": round((time.monotonic() - ledger.started) / 60, 1),
        "processors_in_use": round(plan.memory.load, 2),
        "machine_load": [round(load, 2) for load in os.getloadavg()],
        "operations": len(ledger.operations),
        "told": sum(bool(o.code) for o in ledger.operations) - len(ours),
        "ours": len(ours),
        "ours_percent": round(rate * 100, 3),
        "kinds": ledger.by_kind(),
        "faults": [
            {
                "scene": fault.scene,
                "name": fault.name,
                "at": ledger.at(fault.began),
                "lasted_s": round(fault.ended - fault.began, 1),
                "told": sum(fault.covers(o) and o.code in fault.excuses for o in ledger.operations if o.code),
                "well_again_s": None if (s := ledger.recovery(fault)) is None else round(s, 1),
            }
            for fault in ledger.faults
        ],
        "our_errors": [
            {"at": ledger.at(o.ended), "scene": o.scene, "kind": o.kind, "code": o.code, "detail": o.detail}
            for o in ours[:50]
        ],
        "memory_mb": {name: round(size / 1024**2) for name, size in sorted(plan.memory.most.items())},
        "scenes": plan.found,
        "skipped": ledger.skipped,
        "broken": ledger.broken,
    } | found


async def _guarded(name: str, scene: Scene, plan: Plan) -> None:
    """A scene that breaks is a finding; the others go on."""
    try:
        await scene(plan)
    except Exception as error:
        inner: BaseException = error
        while isinstance(inner, BaseExceptionGroup):
            inner = inner.exceptions[0]
        plan.ledger.broken.append(f"{name}: the scene itself broke: {inner!r}")


def choose(wanted: list[str], ledger: Ledger) -> list[str]:
    """The scenes that can be played here."""
    names = []
    for name in wanted:
        if name == "pair" and (redis_server.PROGRAM is None or postgres_server.PROGRAMS is None):
            ledger.skipped.append("pair: redis-server or PostgreSQL is not installed")
        else:
            names.append(name)
    return names


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description="Runs the app for a long time while everything breaks.")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument(
        "--per-second", type=float, default=2.0, help="operations in each scene with a server"
    )
    parser.add_argument("--scenes", nargs="*", default=["alone", "pair", "window"])
    parser.add_argument("--no-planted-leak", action="store_true", help="without the check of the detector")
    parser.add_argument("--keep", action="store_true", help="leave the folders with data and logs there")
    parser.add_argument("--result", type=Path, default=RESULT, help="where all of it is written as JSON")
    options = parser.parse_args(arguments)
    if redis_server.PROGRAM is None:
        print("redis-server is needed (Debian: redis-server).", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="mastra-soak-"))
    folder.chmod(0o755)
    ledger, seconds = Ledger(), options.minutes * 60
    short = seconds < SHORT_BELOW_S
    plan = Plan(
        seconds=seconds,
        warm_up_s=SHORT_WARM_UP_S if short else WARM_UP_S,
        per_second=options.per_second,
        short=short,
        folder=folder,
        ledger=ledger,
        memory=Memory(),
    )
    names = choose(options.scenes, ledger)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # servers and the small disk go in any case
    try:
        report = asyncio.run(soak(plan, names, with_planted=not options.no_planted_leak))
    finally:
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    options.result.parent.mkdir(exist_ok=True)
    options.result.write_text(json.dumps(report, indent=1), encoding="utf-8")
    show(report)
    return 1 if report["broken"] else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
