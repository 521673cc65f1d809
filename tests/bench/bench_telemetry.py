"""What watching costs: `python -m tests.bench.bench_telemetry`.

One record of an answer (metrics, its spans), its row in SQLite among 50,
one look of the sampler, and the text of /metrics with 500 series.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from decimal import Decimal

from sqlalchemy import Connection

from mastra_desktop.core import open_core
from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.telemetry import Outcome, RequestRecord
from mastra_desktop.ops.metrics import Metrics
from mastra_desktop.ops.traces import Traces
from mastra_desktop.paths import find_paths
from mastra_desktop.services.recording import Recorder
from mastra_desktop.services.telemetry import SAMPLE_S
from tests.bench.measuring import tell

TIMES = 5000


def record(number: int) -> RequestRecord:
    return RequestRecord(
        f"r{number}", 1e9, "work", "m", Outcome.DONE, "", 900 + number % 700, 80.0, 120, 240, 0, 30
    )


def cpu_us(work: Callable[[int], object], times: int = TIMES) -> float:
    """CPU microseconds of one call, the best of five rounds."""
    rounds = []
    for _ in range(5):
        began = time.process_time()
        for number in range(times):
            work(number)
        rounds.append((time.process_time() - began) / times * 1e6)
    return min(rounds)


def one_answer(recorder: Recorder) -> Callable[[int], None]:
    def work(number: int) -> None:
        watch = recorder.watch()
        watch.step("model", "work/m")
        watch.ended(record(number))
        if number % 500 == 0:
            recorder.traces.take()

    return work


async def main() -> None:
    metrics, traces = Metrics(), Traces()
    usage = Usage(120, 240, 0, 30)
    tell("record a figure", cpu_us(lambda _: metrics.retried("work")), "us", limit=20)
    tell(
        "record an answer's figures",
        cpu_us(lambda n: metrics.answered("work", "m", Outcome.DONE, n / 1000, 0.08, usage)),
        "us",
        limit=20,
    )
    recorder = Recorder(metrics, traces, lambda _usage, _model: Decimal(0))
    tell("record an answer's figures and trace", cpu_us(one_answer(recorder)), "us", limit=40)
    for number in range(160):
        metrics.answered("work", f"m{number}", Outcome.DONE, 1.0, 0.1, usage)
    metrics.text()
    tell("text of /metrics", cpu_us(lambda _: metrics.text(), 20) / 1000, "ms")
    with tempfile.TemporaryDirectory() as folder:
        environ = {"MASTRA_HOME": folder}
        async with open_core(find_paths(environ), environ, purpose="serve") as core:
            real = Recorder(core.telemetry.metrics, core.telemetry.traces, core.prices.cost_now)

            def rows(conn: Connection) -> float:
                began = time.process_time()
                for number in range(0, TIMES, 50):
                    real.store(conn, [record(number + n) for n in range(50)])
                return (time.process_time() - began) / TIMES * 1e6

            tell("keep an answer's row", await core.db.write(rows), "us")
            await core.telemetry.sample()
            began = time.process_time()
            for _ in range(200):
                await core.telemetry.sample()
            share = (time.process_time() - began) / 200 / SAMPLE_S * 100
            tell("sampler", share, "% of a core", limit=0.05)


if __name__ == "__main__":
    asyncio.run(main())
