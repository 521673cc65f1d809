"""What watching the Metrics pane costs: `python -m tests.bench.bench_metrics_pane`, on a virtual screen.

The app runs as a process over an hour of figures; its CPU is read with psutil while the pane is in view,
paused and left.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import psutil
from sqlalchemy import Connection

from mastra_desktop.core import open_core
from mastra_desktop.domain.telemetry import Amount
from mastra_desktop.paths import Paths, prepare_home
from mastra_desktop.store import telemetry
from tests.bench.measuring import ROOT, tell
from tests.e2e.driver import Home, Screen, Window, missing_programs
from tests.fakes import ScriptedProvider

SETTLE_S, WATCH_S = 12.0, 12.0
VISIBLE_LIMIT_PERCENT, IDLE_LIMIT_PERCENT = 3.0, 0.1


def fill(folder: Path) -> None:
    """An hour in which every chart has something to draw."""

    def write(conn: Connection) -> None:
        begin = time.time() - 3600
        amounts = []
        for minute in range(60):
            at = begin + 60 * minute
            amounts += [Amount("up", "", at, 1, 60), Amount("requests", "", at, 60 + minute, 60 + minute)]
            amounts += [Amount("duration", str(100 + 10 * n), at, 2, 0.2 + 0.02 * n) for n in range(40)]
            amounts += [Amount("first_token.provider", "620", at, 3, 1.8), Amount("errors", "rate", at, 1, 2)]
            amounts += [Amount("tokens", side, at, 60, 9000 + 100 * minute) for side in ("input", "output")]
            amounts += [Amount("cache.memory", found, at, 30, 30) for found in ("hit", "miss")]
            amounts += [Amount("memory", name, at, 12, 12 * 2.5e8) for name in ("window", "model")]
            amounts += [Amount("running", kind, at, 12, minute % 7) for kind in ("chats", "documents")]
        telemetry.add_amounts(conn, amounts)

    async def run() -> None:
        paths = Paths(home=folder, cache=folder.parent / "cache", resources=ROOT / "resources")
        prepare_home(paths)
        async with open_core(paths, {}, purpose="bench") as core:
            await core.db.write(write)

    asyncio.run(run())


def measure(window: Window, what: str, limit: float) -> None:
    """Percent of a core, children left out."""
    process = psutil.Process(window.process.pid)
    time.sleep(SETTLE_S)
    before, begun = process.cpu_times(), time.perf_counter()
    time.sleep(WATCH_S)
    after, took_s = process.cpu_times(), time.perf_counter() - begun
    used_s = after.user + after.system - before.user - before.system
    tell(f"CPU, {what}", used_s / took_s * 100, "%", limit=limit)


def main() -> int:
    if missing := missing_programs():
        sys.stdout.write(f"Not measured: {', '.join(missing)} is not installed.\n")
        return 0
    with tempfile.TemporaryDirectory(prefix="mastra-bench-") as folder, ScriptedProvider() as server:
        home = Home(Path(folder) / "home")
        fill(home.folder)
        home.use_server(server.base_url, ["fast"])
        with Screen() as screen, Window(screen, home) as window:
            measure(window, "chat in view", IDLE_LIMIT_PERCENT)
            window.keys("ctrl+3")
            measure(window, "metrics in view", VISIBLE_LIMIT_PERCENT)
            window.keys("ctrl+1")
            measure(window, "chat again", IDLE_LIMIT_PERCENT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
