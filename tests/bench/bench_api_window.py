"""The window while the HTTP API is busy on its engine's loop: `python -m tests.bench.bench_api_window`.

A timer of the window is to come each 4 ms while the composer is painted anew 60 times a second: how late it comes with
no client, with 4 and with 32 that ask without a pause, from the cache and with turns that are kept. Clients
and stand-in are processes of their own. `--intervals 0.002,0.0005` also tries other switch intervals.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import qasync
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from mastra_desktop.app import SWITCH_INTERVAL_S
from mastra_desktop.domain.tokens import TokenRole
from mastra_desktop.paths import Paths
from mastra_desktop.ui.garbage import GarbageTimer
from tests.bench.bench_transcript import Heartbeat
from tests.bench.measuring import ROOT, percentile, stand_in, tell
from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.ui.desk import Desk

SECONDS = 3.0
ROUNDS = 2
BEAT_MS = 4.0
FRAME_MS = 16
ASKED: dict[str, Any] = {"model": "work/normal", "messages": [{"role": "user", "content": "Hello"}]}
BODIES = {
    "from the cache": ASKED | {"temperature": 0},
    "turns kept": ASKED | {"cache": False, "store": True},
}


def late_ms(desk: Desk, seconds: float) -> list[float]:
    """How late each beat came, while the window repaints."""
    painting = QTimer(interval=FRAME_MS)
    painting.timeout.connect(desk.window.chat.view.composer.repaint)
    painting.start()
    heart = Heartbeat()
    desk.pause(seconds)
    painting.stop()
    return [max(0.0, gap - BEAT_MS) for gap in heart.stop()]


def under_load(
    desk: Desk, url: str, token: str, body: dict[str, Any], count: int
) -> tuple[list[float], float]:
    """(how late the beats came, answers a second)"""
    command = [
        sys.executable,
        "-m",
        "tests.bench.bench_api",
        "--clients",
        url,
        token,
        str(SECONDS),
        str(count),
    ]
    clients = subprocess.Popen(
        command, cwd=ROOT, env=os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert clients.stdin is not None
    assert clients.stdout is not None
    clients.stdin.write(json.dumps(body))
    clients.stdin.close()
    desk.pause(0.7)  # until they have started
    late = late_ms(desk, SECONDS - 1)
    said = clients.stdout.read()
    clients.wait()
    return late, float(json.loads(said)["rate"])


def measure(desk: Desk, intervals: Sequence[float]) -> None:
    token = desk.ask_core(lambda core: core.tokens.create(TokenRole.OPERATOR)).secret
    desk.wait(lambda: desk.ask_core(_url), 20)
    url = desk.ask_core(_url)
    late: dict[tuple[str, float], list[list[float]]] = {}
    rates: dict[tuple[str, float], list[float]] = {}
    for number in range(ROUNDS + 1):
        for interval in intervals:
            sys.setswitchinterval(interval)
            found = {"no client": (late_ms(desk, 2), 0.0)}
            for name, body in BODIES.items():
                for count in (4, 32):
                    found[f"{count} clients, {name}"] = under_load(desk, url, token, body, count)
            for name, (beats, rate) in found.items():
                if number:  # the first warms up
                    late.setdefault((name, interval), []).append(beats)
                    rates.setdefault((name, interval), []).append(rate)
    for (name, interval), rounds in late.items():
        told = name if len(intervals) == 1 else f"{name}, interval {interval * 1000:g} ms"
        quietest = min(rounds, key=lambda beats: percentile(beats, 0.99))
        tell(f"window late, {told}, P99", percentile(quietest, 0.99), "ms", limit=16)
        tell(f"window late, {told}, worst", max(quietest), "ms", limit=50)
        if rate := max(rates[name, interval]):
            tell(f"api in the window, {told}", rate, "answers/s")


async def _url(core: Any) -> str:
    return str(core.api.state.url)


def main() -> None:
    intervals = [SWITCH_INTERVAL_S]
    if "--intervals" in sys.argv:
        intervals = [float(each) for each in sys.argv[sys.argv.index("--intervals") + 1].split(",")]
    with stand_in("--pieces", "1") as base_url, tempfile.TemporaryDirectory() as folder:
        home = make_home(Path(folder), base_url, "[server]\nenabled = true\n")
        paths = Paths(home, Path(folder) / "cache", ROOT / "resources")
        application = QApplication([])
        application.setQuitOnLastWindowClosed(False)
        loop = qasync.QEventLoop(application)
        asyncio.events._set_running_loop(loop)
        desk = Desk(application, loop, paths, ScriptedProvider())
        desk.open(started=False)
        desk.wait(lambda: not desk.window.tasks.running("start"), 30)
        garbage = GarbageTimer(desk.window)
        desk.window.resize(1440, 900)
        desk.pause(3)
        desk.pause(3)  # the start's garbage
        measure(desk, intervals)
        garbage.stop()
        desk.close()
        asyncio.events._set_running_loop(None)
        loop.close()


if __name__ == "__main__":
    main()
