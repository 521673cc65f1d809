"""What the export of traces adds to a streamed answer: `python -m tests.bench.bench_export`.

64 pieces from the stand-in, through three cores in one process in turn: export off, on, and on with contents.
CPU of the whole process, until what the block made has been sent to a collector in another process.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

from mastra_desktop.core import Core
from tests.bench.measuring import ROOT, stand_in, tell
from tests.cores import core_over, make_home

PIECES = 64
BLOCKS = 5
TURNS = 100  # in each block
SENT_S = 2.6  # until a batch has gone out


@contextmanager
def collector() -> Iterator[str]:
    """In another process; gives its address."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "port"
        code = (
            "import pathlib, sys, threading; from tests.collector import Collector\n"
            "with Collector() as made:\n"
            "    pathlib.Path(sys.argv[1]).write_text(made.url); threading.Event().wait()"
        )
        process = subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=ROOT)
        try:
            while not (file.exists() and file.read_text()):
                threading.Event().wait(0.02)
            yield file.read_text()
        finally:
            process.terminate()
            process.wait(5)


async def block(core: Core) -> float:
    """CPU milliseconds per turn, the sending included."""
    cpu = time.process_time()
    for _ in range(TURNS):
        async for _ in core.chat.reply("Hello there", model_id="work/normal"):
            pass
    await asyncio.sleep(SENT_S)
    return (time.process_time() - cpu) * 1000 / TURNS


async def main(blocks: int) -> None:
    with (
        stand_in("--pieces", str(PIECES)) as base_url,
        collector() as url,
        tempfile.TemporaryDirectory() as at,
    ):
        async with AsyncExitStack() as stack:
            cores: dict[str, Core] = {}
            on = f'[telemetry]\notlp_url = "{url}"\n'
            for name, more in (("off", ""), ("on", on), ("contents", f"{on}otlp_contents = true\n")):
                folder = Path(at) / name
                folder.mkdir()
                cores[name] = await stack.enter_async_context(core_over(make_home(folder, base_url, more)))
            cpu: dict[str, list[float]] = {name: [] for name in cores}
            for number in range(blocks + 1):
                for name, core in cores.items():
                    took = await block(core)
                    if number:  # the first warms up
                        cpu[name].append(took)
            for name in ("on", "contents"):
                state = cores[name].export.state
                if state.dropped or state.problem or not state.sent:
                    raise RuntimeError(f"{name}: {state}")
    off = statistics.median(cpu["off"])
    tell("answer, CPU, export off", off, "ms")
    tell("answer, CPU, export on", statistics.median(cpu["on"]), "ms", floor=off)
    tell("answer, CPU, export with contents", statistics.median(cpu["contents"]), "ms", floor=off)


if __name__ == "__main__":
    asyncio.run(main(BLOCKS * (3 if "--full" in sys.argv else 1)))
