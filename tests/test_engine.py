"""The seam between the window's loop and the engine's thread, over the real core."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import DataHomeBusy, NotFound, ReplyCancelled
from mastra_desktop.domain.events import BusEvent, ConversationChanged
from mastra_desktop.domain.replies import ReplyEvent, ReplyFinished, ReplyStarted, TextDelta
from mastra_desktop.engine import BATCH_INTERVAL_S, Engine
from tests.cores import core_over, make_home, text_of
from tests.fakes import ScriptedProvider, words

Check = Callable[[Engine, ScriptedProvider], Coroutine[Any, Any, None]]


def run(folder: Path, check: Check, **server: Any) -> None:
    """Runs `check` on this thread's loop over a started engine, and stops it."""

    async def main(provider: ScriptedProvider) -> None:
        home = make_home(folder, provider.base_url)
        engine = Engine(lambda: core_over(home))
        engine.start()
        try:
            await check(engine, provider)
        finally:
            await engine.stop()

    with ScriptedProvider(**server) as provider:
        asyncio.run(main(provider))
    assert "engine" not in [thread.name for thread in threading.enumerate()]


def asking(model: str) -> Callable[[Core], AsyncGenerator[ReplyEvent]]:
    return lambda core: core.chat.reply("Hello", model_id=f"work/{model}")


async def begin(engine: Engine, model: str) -> tuple[AsyncGenerator[list[ReplyEvent]], list[ReplyEvent]]:
    """A stream and what it brought up to its first text."""
    stream = engine.stream(asking(model))
    seen: list[ReplyEvent] = []
    while not text_of(seen):
        seen += await anext(stream)
    return stream, seen


async def rest(stream: AsyncGenerator[list[ReplyEvent]], seen: list[ReplyEvent]) -> None:
    async for batch in stream:
        seen += batch


async def state_of(engine: Engine, seen: list[ReplyEvent]) -> MessageState:
    first = seen[0]
    assert isinstance(first, ReplyStarted)
    return (await engine.call(lambda core: core.conversations.message(first.message_id))).state


def test_call_returns_and_raises_what_the_core_does(tmp_path: Path) -> None:
    """A call runs in the engine's thread; its result and its errors, with their cause, arrive here."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        async def broken(core: Core) -> None:
            raise LookupError("outer") from ValueError("inner")

        async def where(core: Core) -> str:
            return threading.current_thread().name

        assert await engine.call(where) == "engine"
        with pytest.raises(NotFound):
            await engine.call(lambda core: core.conversations.open("unknown"))
        with pytest.raises(LookupError) as caught:
            await engine.call(broken)
        assert isinstance(caught.value.__cause__, ValueError)

    run(tmp_path, check)


@pytest.mark.slow
def test_a_stream_keeps_order_and_loses_nothing(tmp_path: Path) -> None:
    """2,000 pieces arrive in order, in batches that come at most once per 16 ms."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        events: list[ReplyEvent] = []
        at: list[float] = []
        async for batch in engine.stream(asking("normal")):
            events += batch
            at.append(time.perf_counter())
        assert text_of(events) == "".join(words(2000))
        assert isinstance(events[0], ReplyStarted)
        assert isinstance(events[-1], ReplyFinished)
        assert 5 < len(at) < 1 + (at[-1] - at[0]) / BATCH_INTERVAL_S * 1.25 + 2

    run(tmp_path, check, pieces=2000, delay_s=0.0002)


def test_a_busy_window_gets_one_batch(tmp_path: Path) -> None:
    """What arrives while the window is busy comes at once when it is back."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        stream, seen = await begin(engine, "normal")
        threading.Event().wait(0.4)  # the window's thread is busy
        seen += await anext(stream)
        seen += await anext(stream)
        assert len(text_of(seen)) > len("".join(words(30)))
        await stream.aclose()

    run(tmp_path, check, pieces=100, delay_s=0.01)


@pytest.mark.parametrize("how", ["close", "cancel"])
def test_stop_returns_when_the_core_has_cleaned_up(tmp_path: Path, how: str) -> None:
    """On a silent stream within 200 ms: the request has ended and the row is settled as stopped."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        seen: list[ReplyEvent] = []
        got_text = asyncio.Event()

        async def read() -> None:
            async with aclosing(engine.stream(asking("pause-3"))) as stream:
                async for batch in stream:
                    seen.extend(batch)
                    if any(isinstance(event, TextDelta) for event in batch):
                        got_text.set()
                        if how == "close":
                            break

        task = asyncio.create_task(read())
        await got_text.wait()
        began = time.perf_counter()
        if how == "cancel":
            task.cancel()
        await asyncio.wait([task])
        assert time.perf_counter() - began < 0.2
        assert await state_of(engine, seen) is MessageState.STOPPED
        assert await asyncio.to_thread(server.wait_until, "disconnected")

    run(tmp_path, check)


def test_a_cancelled_call_has_cleaned_up(tmp_path: Path) -> None:
    """Cancelling a call cancels it in the engine and waits for its clean-up."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        async def long(core: Core) -> None:
            running.set()
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.05)
                cleaned.append(True)

        running, cleaned = threading.Event(), list[bool]()
        task = asyncio.create_task(engine.call(long))
        assert await asyncio.to_thread(running.wait, 2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned == [True]

    run(tmp_path, check)


def test_stopping_keeps_the_text_of_a_running_stream(tmp_path: Path) -> None:
    """Stop ends what runs with ReplyCancelled within 5 s; what arrived is in the row as stopped."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        stream, seen = await begin(engine, "pause-3")
        began = time.perf_counter()
        await asyncio.gather(engine.stop(), engine.stop())
        assert time.perf_counter() - began < 2
        with pytest.raises(ReplyCancelled):
            await rest(stream, seen)
        with pytest.raises(ReplyCancelled):
            await engine.call(lambda core: core.conversations.recent())
        async with core_over(tmp_path / "home") as core:
            first = seen[0]
            assert isinstance(first, ReplyStarted)
            row = await core.conversations.message(first.message_id)
            assert (row.state, row.text) == (MessageState.STOPPED, text_of(seen))
            assert core.interrupted == 0

    run(tmp_path, check)


def test_what_keeps_the_core_from_being_built_arrives(tmp_path: Path) -> None:
    """Every question is answered with the error of the build; stopping works all the same."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        await engine.ready()
        second = Engine(lambda: core_over(tmp_path / "home"))
        second.start()
        for ask in (second.ready(), second.call(lambda core: core.conversations.recent())):
            with pytest.raises(DataHomeBusy):
                await ask
        with pytest.raises(DataHomeBusy):
            await anext(second.stream(asking("normal")))
        await second.stop()

    run(tmp_path, check)


def test_stop_before_ready(tmp_path: Path) -> None:
    """An engine that is stopped while it starts ends cleanly, as does one that never started."""

    async def main() -> None:
        home = make_home(tmp_path, "http://127.0.0.1:9/v1")
        await Engine(lambda: core_over(home)).stop()
        engine = Engine(lambda: core_over(home))
        engine.start()
        await engine.stop()
        async with core_over(home):
            pass  # the home is free again

    asyncio.run(main())


def test_events_of_the_bus_arrive_in_batches(tmp_path: Path) -> None:
    """A listener on the window's loop hears what services publish, until it is cancelled."""

    async def check(engine: Engine, server: ScriptedProvider) -> None:
        heard: list[BusEvent] = []
        listener = asyncio.create_task(engine.on_event(heard.extend))
        await engine.call(lambda core: asyncio.sleep(0))
        made = await engine.call(lambda core: core.conversations.create("One"))
        await asyncio.sleep(0.1)
        listener.cancel()
        await asyncio.wait([listener])
        await engine.call(lambda core: core.conversations.create("Two"))
        await asyncio.sleep(0.05)
        assert heard == [ConversationChanged(made.id)]

    run(tmp_path, check)
