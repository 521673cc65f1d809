"""Errors that a person or a client meets, wherever they come out: counted once each, everywhere alike."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, text

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.errors import (
    CODES,
    BadRequest,
    ConfigError,
    KnowledgeError,
    NotFound,
    StorageError,
)
from mastra_desktop.domain.tokens import TokenRole
from mastra_desktop.engine import Engine
from mastra_desktop.ops.errors_met import ErrorsMet
from mastra_desktop.ops.metrics import Metrics
from mastra_desktop.paths import find_paths
from tests.api.serving import Serving
from tests.cores import collect, core_over, make_home
from tests.fakes import ScriptedProvider


def counted(core: Core) -> dict[str, int]:
    """mastra_errors_total, by code."""
    found = {}
    for line in core.telemetry.metrics.text().decode().splitlines():
        if line.startswith("mastra_errors_total{"):
            found[line.split('"')[1]] = int(float(line.split()[-1]))
    return found


async def in_the_pane(core: Core) -> tuple[set[str], dict[str, int]]:
    """The codes that have a curve, and the figure of the last minute by code."""
    curves = await core.telemetry.series(["errors_per_min.*"], 900)
    drawn = {name for name, points in curves.items() if any(point.value for point in points)}
    live = await core.telemetry.live()
    return {name.removeprefix("errors_per_min.") for name in drawn}, dict(live.errors_last_minute)


async def in_sql(core: Core) -> dict[str, int]:
    """By code, of the minutes that are stored."""

    def look(conn: Connection) -> dict[str, int]:
        rows = conn.execute(
            text("SELECT label, sum(total) FROM metric_minutes WHERE name = 'errors' GROUP BY label")
        )
        return {label: int(total) for label, total in rows}

    return await core.db.read(look)


def test_everything_that_goes_wrong_is_counted_once(tmp_path: Path) -> None:
    """Answers, what the window asks for, a refused configuration, a backup of its own, the end of a command:
    /metrics, the pane's curves and figure and the stored minutes all say the same."""
    expected = Counter({"auth": 1, "bad_request": 2, "config": 2, "storage": 2, "bug": 1})
    seen: list[dict[str, int]] = []

    async def window(base_url: str) -> None:
        home = make_home(tmp_path, base_url)
        engine = Engine(lambda: core_over(home, "window"))
        engine.start()
        asked: list[object] = []

        async def broken(core: Core) -> None:
            raise ZeroDivisionError

        async def disk(core: Core) -> None:
            raise StorageError("The disk is full.")

        try:
            async for batch in engine.stream(
                lambda core: core.chat.reply("Hello", model_id="work/status-401")
            ):
                asked += batch  # an answer that fails: auth
            with pytest.raises(BadRequest):
                await anext(engine.stream(lambda core: core.chat.reply(" ", model_id="work/normal")))
            with pytest.raises(NotFound) as missing:
                await engine.call(lambda core: core.knowledge.document_text("none"))
            engine.met(missing.value)  # the window shows it: the same error
            with pytest.raises(ZeroDivisionError):
                await engine.call(broken)
            with pytest.raises(StorageError):
                await engine.call(disk)
            engine.met(ConfigError("one of the window's own"))

            async def refuse(core: Core) -> None:
                """Somebody writes nonsense; who watches the file refuses it."""
                core.paths.config.write_text("[nonsense]\n")
                for _ in range(500):
                    if counted(core).get("config") == 2:
                        return
                    await asyncio.sleep(0.02)

            await engine.call(refuse)

            async def back_up(core: Core) -> None:
                folder = core.paths.backups
                folder.rmdir() if folder.exists() else None
                folder.write_text("in its way")
                await core.backups._take_if_due()
                folder.unlink()

            await engine.call(back_up)

            async def look(core: Core) -> None:
                drawn, live = await in_the_pane(core)
                assert drawn == set(live)
                seen.extend([counted(core), live])

            await engine.call(look)
        finally:
            await engine.stop()
        make_home(tmp_path, base_url)
        async with core_over(home) as core:
            seen.append(await in_sql(core))

    with ScriptedProvider() as provider:
        asyncio.run(window(provider.base_url))
    assert seen == [dict(expected)] * 3


def test_a_command_counts_what_ends_it(tmp_path: Path) -> None:
    """What leaves the core is told by the command; with the answers' own it is in the database afterwards."""

    async def command(base_url: str) -> dict[str, int]:
        environ = {"MASTRA_HOME": str(make_home(tmp_path, base_url)), "MASTRA_HTTP__MAX_RETRIES": "0"}
        paths = find_paths(environ)

        async def fail() -> None:
            async with open_core(paths, environ, purpose="ask") as core:
                await collect(core.chat.reply("Hello", model_id="work/status-500"))
                raise KnowledgeError("There is no such collection.")

        with pytest.raises(KnowledgeError):
            await fail()
        async with open_core(paths, environ, purpose="ask") as core:
            return await in_sql(core)

    with ScriptedProvider() as provider:
        assert asyncio.run(command(provider.base_url)) == {"provider": 1, "knowledge": 1}


def test_the_api_counts_what_it_refuses(tmp_path: Path) -> None:
    """By code, each once: at the door, in the request, and of answers, whole or streamed, kept or not."""
    with ScriptedProvider() as provider, Serving(make_home(tmp_path, provider.base_url)) as serving:
        httpx.get(f"{serving.url}/v1/models", trust_env=False)  # 401: auth
        with serving.client(TokenRole.VIEWER) as http:
            assert http.post("/v1/chat/completions", json={}).status_code == 403  # auth
        with serving.client() as http:
            assert http.get("/nowhere").status_code == 404
            assert http.get("/api/conversations/none").status_code == 404
            assert http.get("/v1/chat/completions").status_code == 405
            assert http.post("/v1/chat/completions", json={"model": 1}).status_code == 400
            assert serving.run(_counted) == {"auth": 2, "bad_request": 4}
            asked = {"messages": [{"role": "user", "content": "Hi"}]}
            assert http.post("/v1/chat/completions", json=asked | {"model": "no/such"}).status_code == 404
            for more in ({}, {"stream": True}, {"store": True}):
                answer = http.post("/v1/chat/completions", json=asked | {"model": "work/status-401"} | more)
                assert answer.status_code == 502
            late = http.post(
                "/v1/chat/completions", json=asked | {"model": "work/error-late", "stream": True}
            )
            assert "error" in late.text
            found = serving.run(_counted)
            rows = serving.run(_failed_rows)
    assert found == {"auth": 5, "bad_request": 5, "provider": 1}
    assert rows == {"auth": 3, "provider": 1}


async def _counted(core: Core) -> dict[str, int]:
    return counted(core)


async def _failed_rows(core: Core) -> dict[str, int]:
    rows = await core.telemetry.requests(0, 1e12)
    return dict(Counter(row.error_code for row in rows if row.error_code))


def test_what_a_pane_asks_again_and_again_is_one_error() -> None:
    """The same error within seconds at the window's seam is the same; after a pause, or in words of its own, it
    is another one. Codes are those of the manual, whatever is told."""
    now = 100.0
    found: list[str] = []
    errors = ErrorsMet(found.append, lambda: now)
    for _ in range(20):
        now += 1
        errors.met(StorageError("away"), polled=True)
    assert found == ["storage"]
    now += 10
    errors.met(StorageError("away"), polled=True)
    errors.met(StorageError("full"), polled=True)
    errors.met(StorageError("full"))  # a client that asks twice is told twice
    assert found == ["storage"] * 4
    for number in range(1000):
        errors.told(f"made up {number}")
    assert set(found) <= CODES
    assert len(errors._lately) <= 100


def test_recording_has_one_way_in() -> None:
    """An answer's error is counted with the answer, and its exception on the way through is the same one."""
    metrics = Metrics()
    error = BadRequest("no")
    metrics.errors.mark(error)
    metrics.errors.met(error)
    assert metrics.tally == {}
