"""Closing under load: a hundred answers are being written, and every text that was seen is kept."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import pytest

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import ReplyCancelled
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Prompt, ProviderEvent, ReplyEvent, ReplyStarted, TextDelta
from mastra_desktop.engine import Engine
from mastra_desktop.paths import find_paths
from tests.cores import core_over, make_home
from tests.fakes import ScriptedProvider

STREAMS = 100
WITHIN_S = 5.0


@pytest.mark.slow
def test_a_hundred_streams(tmp_path: Path) -> None:
    """The engine stops within 5 s, and each answer has at least the text that had been shown, as stopped."""
    seen: dict[str, str] = {}

    async def watch(engine: Engine, n: int) -> None:
        def ask(core: Core) -> AsyncGenerator[ReplyEvent]:
            return core.chat.reply(f"question {n}", model_id="work/slow")

        message_id = ""
        try:
            async with aclosing(engine.stream(ask)) as batches:
                async for batch in batches:
                    for event in batch:
                        if isinstance(event, ReplyStarted):
                            message_id = event.message_id
                            seen[message_id] = ""
                        elif isinstance(event, TextDelta):
                            seen[message_id] += event.text
        except ReplyCancelled:
            pass

    async def run(home: Path) -> float:
        environ = {"MASTRA_HOME": str(home)}
        engine = Engine(lambda: open_core(find_paths(environ), environ, purpose="window"))
        engine.start()
        await engine.ready()
        async with asyncio.TaskGroup() as group:
            for n in range(STREAMS):
                group.create_task(watch(engine, n))
            until = time.monotonic() + 40
            while sum(bool(text) for text in seen.values()) < STREAMS and time.monotonic() < until:  # noqa: ASYNC110 - what is seen has no event
                await asyncio.sleep(0.1)
            assert sum(bool(text) for text in seen.values()) == STREAMS
            begun = time.perf_counter()
            await engine.stop()
            return time.perf_counter() - begun

    async def look(home: Path) -> None:
        async with core_over(home) as core:
            for message_id, text in seen.items():
                kept = await core.conversations.message(message_id)
                assert kept.state is MessageState.STOPPED
                assert kept.text.startswith(text)

    with ScriptedProvider(delay_s=0.2) as server:
        home = make_home(tmp_path, server.base_url, "\n[http]\nmax_connections = 200\n")
        took_s = asyncio.run(run(home))
        print(f"closed with {STREAMS} streams in {took_s:.2f} s")
        assert took_s < WITHIN_S
        asyncio.run(look(home))


class Stubborn:
    """A provider that says something, and whose stream does not let go when it is closed."""

    id = "stubborn"
    on_this_computer = True
    context_tokens: int | None = None

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        yield TextDelta("what was said")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(60)

    async def models(self) -> list[ModelInfo]:
        return []

    async def test(self, *, tools: bool = True) -> ProviderTest:
        raise NotImplementedError

    async def aclose(self) -> None:
        pass


@pytest.mark.slow
def test_a_stream_that_does_not_let_go(tmp_path: Path) -> None:
    """Its answer is stored all the same, as stopped, and what was cut off is named in the log."""
    seen: list[str] = []

    async def run(home: Path) -> float:
        async with core_over(home) as core:
            await core.registry.replace([Stubborn()])

            async def ask() -> None:
                async for event in core.chat.reply("question", model_id="stubborn/x"):
                    if isinstance(event, ReplyStarted):
                        seen.append(event.message_id)
                    elif isinstance(event, TextDelta):
                        said.set()

            said = asyncio.Event()
            core.shutdown.start(ask())
            await asyncio.wait_for(said.wait(), 5)
            begun = time.perf_counter()
        return time.perf_counter() - begun

    async def look(home: Path) -> None:
        async with core_over(home) as core:
            kept = await core.conversations.message(seen[0])
            assert (kept.state, kept.text) == (MessageState.STOPPED, "what was said")
            assert core.interrupted == 0

    with ScriptedProvider() as server:
        home = make_home(tmp_path, server.base_url)
        assert asyncio.run(run(home)) < WITHIN_S
        asyncio.run(look(home))
    lines = [json.loads(line) for line in (home / "logs" / "mastra.log").read_text("utf-8").splitlines()]
    assert [line.get("cut_off") for line in lines if line["event"] == "closed"] == [["answers"], None]
