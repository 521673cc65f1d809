"""The steps of closing: their order, what hangs or fails among them, and who is in a hurry."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.ops.config import LoggingConfig
from mastra_desktop.ops.logging import FILE_NAME, setup_logging
from mastra_desktop.ops.shutdown import LIMITS_S, ORDER, WITHIN_S, Shutdown


def closed(folder: Path, prepare: Callable[[Shutdown], Coroutine[Any, Any, None]]) -> tuple[float, Any]:
    """How many seconds closing took, and the line that the log has of it."""

    async def main() -> float:
        shutdown = Shutdown()
        await prepare(shutdown)
        begun = time.perf_counter()
        await shutdown.run()
        return time.perf_counter() - begun

    with setup_logging(folder, LoggingConfig()):
        took_s = asyncio.run(main())
    lines = [json.loads(line) for line in (folder / FILE_NAME).read_text().splitlines()]
    return took_s, next(line for line in lines if line["event"] == "closed")


async def for_ever() -> None:
    await asyncio.Event().wait()


def test_their_order(tmp_path: Path) -> None:
    """It is that of the list, however they were added; the line says what each took."""
    seen: list[str] = []

    async def prepare(shutdown: Shutdown) -> None:
        def step(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def close() -> None:
                seen.append(name)

            return close

        for name in reversed([name for name in LIMITS_S if name != "answers"]):
            shutdown.add(name, step(name))
        with pytest.raises(KeyError):
            shutdown.add("database", for_ever)
        with pytest.raises(KeyError):
            shutdown.add("unheard of", for_ever)

    _, line = closed(tmp_path, prepare)
    places = [next(at for at, stage in enumerate(ORDER) if name in stage) for name in seen]
    assert places == sorted(places)
    assert len(seen) == len(LIMITS_S) - 1
    assert set(line["steps"]) == set(LIMITS_S) - {"log", "home"}
    assert (line["slowest"] in line["steps"], "cut_off" in line, line["level"]) == (True, False, "info")


def test_what_fails_or_hangs(tmp_path: Path) -> None:
    """It is named, and what comes after it is closed all the same; it is cancelled, so that it can let go."""
    ended: list[str] = []

    async def prepare(shutdown: Shutdown) -> None:
        async def fails() -> None:
            raise OSError("gone")

        async def hangs() -> None:
            try:
                await for_ever()
            finally:
                ended.append("cache")

        async def stubborn() -> None:
            while True:
                try:
                    await for_ever()
                except asyncio.CancelledError:
                    if ended[-1:] == ["home"]:
                        raise

        async def last() -> None:
            ended.append("home")

        shutdown.within_s = 0.6
        shutdown.add("configuration", fails)
        shutdown.add("cache", hangs)
        shutdown.add("providers", stubborn)
        shutdown.add("home", last)

    took_s, line = closed(tmp_path, prepare)
    assert ended == ["cache", "home"]
    assert line["failed"] == ["configuration"]
    assert sorted(line["cut_off"]) == ["cache", "providers"]
    assert line["level"] == "warning"
    assert took_s < 1


def test_everything_hangs(tmp_path: Path) -> None:
    """The whole stays within its time, and every step was begun."""
    begun: list[str] = []

    async def prepare(shutdown: Shutdown) -> None:
        def step(name: str) -> Callable[[], Coroutine[Any, Any, None]]:
            async def close() -> None:
                begun.append(name)
                await for_ever()

            return close

        shutdown.within_s = 0.5
        shutdown.start(for_ever())
        for name in LIMITS_S:
            if name != "answers":
                shutdown.add(name, step(name))

    took_s, line = closed(tmp_path, prepare)
    assert set(begun) == set(LIMITS_S) - {"answers"}
    assert set(line["cut_off"]) == set(LIMITS_S) - {"answers", "log", "home"}
    assert took_s < 0.5 + 0.3  # a busy machine


def test_once_more_ends_at_once(tmp_path: Path) -> None:
    """Asked again while it closes, it waits for nothing any more, and still begins every step."""
    ended: list[str] = []

    async def main() -> None:
        shutdown = Shutdown()

        async def last() -> None:
            ended.append("home")

        shutdown.add("texts", for_ever)
        shutdown.add("database", for_ever)
        shutdown.add("home", last)
        asyncio.get_running_loop().call_later(0.05, shutdown.hurry)
        begun = time.perf_counter()
        await shutdown.run()
        assert time.perf_counter() - begun < 0.8
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0

    asyncio.run(main())
    assert ended == ["home"]


def test_what_was_asked_for_is_cancelled_first(tmp_path: Path) -> None:
    """And it is waited for until it has kept what it has."""
    seen: list[str] = []

    async def prepare(shutdown: Shutdown) -> None:
        async def work() -> None:
            try:
                await for_ever()
            finally:
                await asyncio.sleep(0.05)
                seen.append("kept")

        async def texts() -> None:
            seen.append("texts")

        shutdown.start(work())
        shutdown.add("texts", texts)
        await asyncio.sleep(0)

    closed(tmp_path, prepare)
    assert seen == ["kept", "texts"]


def test_a_block_is_left_in_its_place(tmp_path: Path) -> None:
    """Whatever was entered is left by its step; what could not be entered is no step."""
    seen: list[str] = []

    @asynccontextmanager
    async def block(fails: bool) -> AsyncIterator[None]:
        if fails:
            raise OSError("not there")
        yield
        seen.append("left")

    async def prepare(shutdown: Shutdown) -> None:
        await shutdown.enter("figures", block(fails=False))
        with pytest.raises(OSError, match="not there"):
            await shutdown.enter("presence", block(fails=True))

    _, line = closed(tmp_path, prepare)
    assert seen == ["left"]
    assert set(line["steps"]) == {"answers", "figures"}


def test_the_manual_has_the_same_table() -> None:
    """docs/operations.md lists every step in this order with this limit."""
    text = (Path(__file__).parents[2] / "docs/operations.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d) \| `(\w+)` \| ([\d.]+) s \|", text, re.MULTILINE)
    listed = [(at, name, limit_s) for at, stage in enumerate(ORDER, 1) for name, limit_s in stage.items()]
    assert [(int(at), name, float(limit_s)) for at, name, limit_s in rows] == listed
    assert f"within {WITHIN_S} s" in text
