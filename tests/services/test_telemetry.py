"""What was asked, counted and measured, as the Metrics pane, the API and SQL see it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.telemetry import Outcome
from mastra_desktop.paths import find_paths
from tests.cores import collect, make_home, take
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
