"""What was asked, counted and measured, as the Metrics pane, the API and SQL see it."""

from __future__ import annotations

import asyncio
import csv
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.telemetry import Amount, Outcome, RequestFilter, RequestRecord, Span
from mastra_desktop.ops.logging import operation
from mastra_desktop.ops.metrics import MOST_MODELS, OTHER, Metrics
from mastra_desktop.paths import find_paths
from mastra_desktop.services.health import Status
from mastra_desktop.store import telemetry
from tests.cores import collect, finished, make_home, started, take
from tests.fakes import ScriptedProvider

Check = Callable[[Core], Coroutine[Any, Any, None]]


def run(folder: Path, check: Check, *, purpose: str = "test", retries: int = 1, **server: Any) -> None:
    """Runs `check` over a core; the data home stays for a second one."""

    async def main(base_url: str) -> None:
        environ = {"MASTRA_HOME": str(make_home(folder, base_url)), "MASTRA_HTTP__MAX_RETRIES": str(retries)}
        async with open_core(find_paths(environ), environ, purpose=purpose) as core:
            await check(core)

    with ScriptedProvider(**server) as provider:
        asyncio.run(main(provider.base_url))


def ask(core: Core, model: str = "normal", **more: Any) -> Any:
    return core.chat.reply("Hello there", model_id=f"work/{model}", **more)


async def every_ending(core: Core) -> None:
    """Answers that end in each way there is."""
    await collect(ask(core))
    await collect(ask(core))
    await collect(ask(core, "flaky-1"))
    await collect(ask(core, "cut-700"))
    await collect(ask(core, "status-401"))
    await take(ask(core, "slow"), 1)
    await collect(ask(core, temperature=0))
    await collect(ask(core, temperature=0))


def samples(core: Core) -> dict[str, float]:
    """/metrics, by name and labels."""
    found = {}
    for line in core.telemetry.metrics.text().decode().splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found


async def rows(core: Core, sql: str) -> list[Any]:
    def look(conn: Connection) -> list[Any]:
        return list(conn.execute(text(sql)))

    return await core.db.read(look)


def test_metrics_and_sql_agree(tmp_path: Path) -> None:
    """Outcomes, tokens, retries, errors and durations in /metrics are those of the rows."""

    async def check(core: Core) -> None:
        await every_ending(core)
        await core.telemetry.sizes()  # a question stores what waits
        found = samples(core)
        grouped = await rows(
            core, "SELECT provider, model, outcome, count(*) FROM requests GROUP BY provider, model, outcome"
        )
        assert {row.outcome for row in grouped} == {o.value for o in Outcome}
        for provider, model, outcome, count in grouped:
            labels = f'model="{model}",outcome="{outcome}",provider="{provider}"'
            assert found[f"mastra_requests_total{{{labels}}}"] == count
        for direction in ("input", "output", "reasoning"):
            [(total,)] = await rows(core, f"SELECT sum({direction}_tokens) FROM requests")
            counted = sum(v for k, v in found.items() if "mastra_tokens_total" in k and f'"{direction}"' in k)
            assert counted == total > 0
        [(retries, seconds, count)] = await rows(
            core, "SELECT sum(retries), sum(duration_ms) / 1000, count(*) FROM requests"
        )
        assert found['mastra_retries_total{provider="work"}'] == retries >= 1
        assert found['mastra_request_duration_seconds_sum{provider="work"}'] == pytest.approx(seconds)
        assert found['mastra_request_duration_seconds_count{provider="work"}'] == count == 8
        for code, number in await rows(
            core, "SELECT error_code, count(*) FROM requests WHERE error_code != '' GROUP BY error_code"
        ):
            assert found[f'mastra_errors_total{{code="{code}"}}'] == number
        assert found['mastra_cache_operations_total{level="memory",result="hit"}'] == 1

    run(tmp_path, check)


def test_rows_are_kept_without_being_asked_for(tmp_path: Path) -> None:
    """An answer's row is in the database within a second, however little else happens: nobody asks for it."""

    async def check(core: Core) -> None:
        await collect(ask(core))
        until = time.monotonic() + 5
        began = time.monotonic()
        while not (await rows(core, "SELECT id FROM requests")):
            assert time.monotonic() < until
            await asyncio.sleep(0.02)
        assert time.monotonic() - began >= 0.1  # gathered, and not in the answer's own transaction
        await collect(ask(core))
        await collect(ask(core))
        await asyncio.sleep(0.6)
        assert len(await rows(core, "SELECT id FROM requests")) == 3

    run(tmp_path, check)


def test_an_answers_row(tmp_path: Path) -> None:
    """One row per answer: what it took, what it cost, and the id under which log, trace and row are one."""

    async def check(core: Core) -> None:
        with operation("test") as id:
            events = await collect(ask(core))
        [row] = await core.telemetry.requests(0, time.time() + 1)
        assert await core.telemetry.behind(row.at + 4, row.at + 10) == [row]  # it joined the sample after it
        assert not await core.telemetry.behind(row.at + 6, row.at + 10)
        assert (row.provider, row.model, row.outcome, row.trace_id) == ("work", "normal", Outcome.DONE, id)
        assert (row.message_id, row.conversation_id) == (
            started(events).message_id,
            started(events).conversation_id,
        )
        assert (row.input_tokens, row.reasoning_tokens, row.retries, row.cached) == (12, 3, 0, False)
        assert row.duration_ms == pytest.approx(finished(events).total_ms)
        assert row.cost_usd == 0  # a server on this computer
        spans = await core.telemetry.trace(id)
        assert [span.name for span in spans if span.name != "database"] == ["request", "model"]
        request, model = (next(s for s in spans if s.name == name) for name in ("request", "model"))
        assert (model.parent_id, request.parent_id) == (request.id, "")
        assert request.facts["gen_ai.request.model"] == "normal"
        assert request.at <= model.at
        assert model.duration_ms <= request.duration_ms
        [summary] = await core.telemetry.recent_traces(60)
        assert (summary.trace_id, summary.model, summary.spans) == (id, "normal", len(spans))
        await asyncio.sleep(0.3)  # until the log's thread has written
        lines = await core.telemetry.log_tail("info", id)
        assert "reply settled" in [line.event for line in lines]
        assert {line.operation_id for line in lines} == {id}

    run(tmp_path, check)


def test_requests_are_found_by_what_they_are(tmp_path: Path) -> None:
    """By provider, model, outcome, error and time; newest or slowest first."""

    async def check(core: Core) -> None:
        await every_ending(core)
        now = time.time() + 1

        async def found(**wanted: Any) -> list[str]:
            return [r.model for r in await core.telemetry.requests(0, now, RequestFilter(**wanted))]

        assert await found(outcome=Outcome.STOPPED) == ["slow"]
        assert await found(outcome=Outcome.INTERRUPTED) == ["cut-700"]
        assert await found(error_code="auth") == ["status-401"]
        assert await found(model="flaky-1", provider="work") == ["flaky-1"]
        assert await found(limit=1) == ["normal"]
        slowest = await core.telemetry.requests(0, now, RequestFilter(slowest_first=True))
        durations = [request.duration_ms for request in slowest]
        assert durations == sorted(durations, reverse=True)
        assert await core.telemetry.requests(0, 1000) == []
        [row] = await core.telemetry.usage("provider", 3600)
        assert (row.key, row.requests, row.failed, row.cost_usd) == ("work", 8, 2, 0)
        days = await core.telemetry.usage("day", 3600)
        assert days[0].key == time.strftime("%Y-%m-%d")
        assert sum(day.requests for day in days) == 8
        models = await core.telemetry.usage("model", 3600)
        assert models[0].key == "work/normal"
        assert models[0].input_tokens == 48
        [breaker] = await core.telemetry.breakers()
        assert len(breaker.recent) == 8
        assert breaker.recent[-1] is Outcome.DONE

    run(tmp_path, check)


def test_curves_tell_nothing_from_no_data(tmp_path: Path) -> None:
    """Where the app was closed a curve has no value; where nothing happened there are 0 requests, and no
    latency. What the process before counted is there for the next, in the short and the long ranges."""

    async def asked(core: Core) -> None:
        await collect(ask(core))
        await collect(ask(core, "status-401"))
        await core.telemetry.sample()
        points = await core.telemetry.series(["requests_per_s", "latency_p50", "errors_per_min.*"], 900)
        assert set(points) == {"requests_per_s", "latency_p50", "errors_per_min.auth"}
        assert (points["requests_per_s"][-1].value or points["requests_per_s"][-2].value or 0) > 0
        assert points["requests_per_s"][0].value is None
        live = await core.telemetry.live()
        assert live.requests_per_s
        assert live.errors_last_minute == {"auth": 1}
        assert live.memory_bytes["window"] > 1024**2

    async def later(core: Core) -> None:
        await core.telemetry.sample()  # lets the first look at the past happen
        points = await core.telemetry.series(["requests_per_s", "latency_p95", "cache_hit_ratio"], 6 * 3600)
        known = [point.value for point in points["requests_per_s"] if point.value is not None]
        assert sum(value > 0 for value in known) in (1, 2)
        assert any(point.value for point in points["latency_p95"])
        assert all(point.value is None for point in points["cache_hit_ratio"])
        for range_s in (900, 7 * 86_400, 90 * 86_400):
            found = await core.telemetry.series(["requests_per_s"], range_s)
            assert any(point.value for point in found["requests_per_s"]), range_s
        with pytest.raises(KeyError):
            await core.telemetry.series(["nonsense"], 900)

    run(tmp_path, asked, purpose="window")
    run(tmp_path, later, purpose="window")


def test_the_export(tmp_path: Path) -> None:
    """Curves and requests as tables; a field without a value is empty."""

    async def check(core: Core) -> None:
        await collect(ask(core))
        file = tmp_path / "figures.csv"
        assert await core.telemetry.export_csv(file, 900) == 1
        with file.open() as opened:
            curves = list(csv.DictReader(opened))
        assert curves[0]["requests_per_s"] == ""
        assert float(curves[-1]["requests_per_s"] or 0) > 0
        with (tmp_path / "figures-requests.csv").open() as opened:
            [row] = csv.DictReader(opened)
        assert (row["provider"], row["outcome"], row["error_code"]) == ("work", "done", "")

    run(tmp_path, check)


def test_recording_that_fails_fails_no_answer(tmp_path: Path) -> None:
    """The answer is whole and stored when its figures cannot be, in the database or elsewhere."""

    async def check(core: Core) -> None:
        await core.db.write(lambda conn: conn.execute(text("DROP TABLE requests")))
        events = await collect(ask(core))
        assert finished(events).reason == "stop"
        assert (await core.conversations.message(started(events).message_id)).state.value == "done"
        core.telemetry.metrics._requests = None  # type: ignore[assignment]
        assert finished(await collect(ask(core))).reason == "stop"
        core.telemetry.metrics._requests = {}
        await core.telemetry.trace("")  # a question stores what waits
        await asyncio.sleep(0.3)
        events_logged = [line.event for line in await core.telemetry.log_tail("error")]
        assert {"request not recorded", "answer not counted"} <= set(events_logged)

    run(tmp_path, check)


def test_a_secret_in_a_models_name_goes_nowhere(tmp_path: Path) -> None:
    """Neither labels nor spans hold what looks like a key, and too many names become one."""
    key = "sk-ant-api03-Zq7Xw2Lp9Rt4Vb8NZq7Xw2Lp9Rt4Vb8N"

    async def check(core: Core) -> None:
        with operation("test") as id:
            await collect(ask(core, key))
        for number in range(MOST_MODELS + 10):
            core.telemetry.metrics.answered("work", f"m{number}", Outcome.DONE, 1.0, 0.5, Usage())
        shown = core.telemetry.metrics.text().decode()
        assert 'model="[removed]"' in shown
        assert key not in shown
        assert f'model="{OTHER}"' in shown
        assert len(set(re.findall(r'model="([^"]*)"', shown))) == MOST_MODELS + 1
        spans = await core.telemetry.trace(id)
        assert spans
        assert key not in repr(spans)

    run(tmp_path, check)


def test_pruning_takes_a_piece_at_a_time(tmp_path: Path) -> None:
    """What is too old or too much goes, at most so many rows in one write; the rest stays."""

    async def check(core: Core) -> None:
        now = time.time()
        old, new = now - 91 * 86_400, now - 60

        def fill(conn: Connection) -> None:
            for number in range(telemetry.PIECE + 500):
                old_one = RequestRecord(f"old{number}", old, "work", "m", Outcome.DONE)
                telemetry.record_requests(conn, [old_one])
            telemetry.record_requests(conn, [RequestRecord("new", new, "work", "m", Outcome.DONE)])
            telemetry.keep_spans(
                conn, [Span("t", "s", "", "request", old, 1.0), Span("t", "u", "", "r", new, 1.0)]
            )
            telemetry.add_amounts(
                conn,
                [Amount("up", "", old + hour * 3600, 1, 60) for hour in range(10)]
                + [Amount("up", "", new, 1, 60)],
            )

        await core.db.write(fill)
        assert await core.db.write(telemetry.prune, now)
        assert (await core.telemetry.sizes())["requests"].rows == 501
        for _ in range(50):
            if not await core.db.write(telemetry.prune, now):
                break
        sizes = await core.telemetry.sizes()
        assert {sizes[name].rows for name in ("requests", "spans", "metric_minutes", "metric_hours")} == {1}

    run(tmp_path, check)


@pytest.mark.slow
def test_prometheus_accepts_the_text(tmp_path: Path) -> None:
    """`promtool check metrics` finds nothing to say, with a sample of everything and with nothing."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here")

    def clean(metrics: bytes) -> None:
        done = subprocess.run([promtool, "check", "metrics"], input=metrics, capture_output=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, b"")

    async def check(core: Core) -> None:
        clean(Metrics().text())
        await every_ending(core)
        core.telemetry.metrics.tool("read_file", "ok", 0.1)
        core.telemetry.metrics.fell_back("work")
        await core.telemetry.sample()
        clean(core.telemetry.metrics.text())
        names = {line.partition("{")[0].partition(" ")[0] for line in samples(core)}
        promised = {"requests_total", "tokens_total", "retries_total", "circuit_state", "errors_total"}
        promised |= {"cache_operations_total", "tool_calls_total", "memory_bytes", "event_loop_lag_seconds"}
        assert {f"mastra_{name}" for name in promised} <= names
        assert {"mastra_request_duration_seconds_bucket", "mastra_first_token_seconds_sum"} <= names
        assert {"mastra_knowledge_search_seconds_count", "mastra_knowledge_passages"} <= names

    run(tmp_path, check, purpose="serve")


def test_the_watching_ends_with_the_core(tmp_path: Path) -> None:
    """Nothing of it is left afterwards (the suite looks for tasks), and an error inside stays what it was."""

    async def fails(core: Core) -> None:
        raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        run(tmp_path, fails, purpose="serve")


def test_health(tmp_path: Path) -> None:
    """Quick, ready and live say what is wrong with a remedy; what changed is in the history once."""

    async def check(core: Core) -> None:
        report = await core.health.quick()
        assert [c.name for c in report.checks][:4] == ["config", "database", "vectors", "cache"]
        states = {c.name: c for c in report.checks}
        assert (states["work"].status, states["database"].status) == (Status.HEALTHY, Status.HEALTHY)
        for _ in range(5):
            await collect(ask(core, "status-500"))
        await core.health.quick()
        work = {c.name: c for c in (await core.health.quick()).checks}["work"]
        assert (work.status, bool(work.remedy), bool(work.still_works)) == (Status.UNHEALTHY, True, True)
        await core.db.write(lambda conn: None)
        history = await core.telemetry.health_history("work")
        assert [sample.status for sample in history] == ["healthy", "unhealthy"]
        assert len(await core.telemetry.health_history("disk")) == 1
        assert (await core.health.live()).status is Status.HEALTHY
        assert [c.name for c in (await core.health.ready()).checks] == ["database", "disk"]
        assert samples(core)['mastra_circuit_state{provider="work"}'] == 1

    run(tmp_path, check, retries=0)
