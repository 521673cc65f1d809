"""Providers as the person has them: keys by place, guards that go with their provider, retried lists."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing
from functools import wraps
from pathlib import Path
from typing import ParamSpec

import pytest

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.events import ProviderHealthChanged, ProviderState
from mastra_desktop.domain.replies import ReplyEvent, Waiting
from mastra_desktop.paths import find_paths
from mastra_desktop.services.health import Status
from tests.cores import collect, core_over, make_home, take, text_of
from tests.fakes import ScriptedProvider
from tests.redis_server import PROGRAM, RedisServer

P = ParamSpec("P")


def in_a_loop(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


async def _check(core: Core, name: str) -> tuple[Status, str]:
    found = next(c for c in (await core.health.full()).checks if c.name == name)
    return found.status, found.detail


@in_a_loop
async def test_a_key_of_the_environment_says_so(tmp_path: Path) -> None:
    """The place of such a key is the name of its variable."""
    home = make_home(tmp_path, "http://127.0.0.1:9/v1")
    (home / "config.toml").write_text('[[providers]]\nid = "mine"\nkind = "openai"\n')
    environ = {"MASTRA_HOME": str(home), "OPENAI_API_KEY": "sk-of-the-environment"}
    async with open_core(find_paths(environ), environ, purpose="test") as core:
        (server,) = await core.providers.servers()
        assert server.key_kept_in == "Environment: OPENAI_API_KEY"


@in_a_loop
async def test_guards_go_with_their_provider(tmp_path: Path) -> None:
    """What was counted of a removed provider is kept while one of its answers runs, and then forgotten; an
    open circuit of it is over for whoever shows it."""
    with ScriptedProvider(pieces=4, delay_s=0.05) as server:
        async with core_over(make_home(tmp_path, server.base_url)) as core:
            heard: list[object] = []
            core.bus.subscribe(heard.append)
            async with aclosing(core.chat.reply("Hello", model_id="work/normal")) as events:
                seen = []
                async for event in events:
                    seen.append(event)
                    if len(text_of(seen).split()) == 1 and core.providers.config.providers:
                        await core.providers.remove_server("work")
                        assert [id for id, _ in core.providers.tries()] == ["work"]
            assert len(text_of(seen).split()) == 4
            await core.providers.models()
            assert core.providers.tries() == []
    async with core_over(make_home(tmp_path, "http://127.0.0.1:9/v1")) as core:
        core.bus.subscribe(heard.append)
        for _ in range(6):
            async for _event in core.chat.reply("Hello", model_id="work/normal"):
                pass
        assert core.providers.health()[0].state is ProviderState.OPEN
        await core.providers.remove_server("work")
        assert ProviderHealthChanged("work", ProviderState.CLOSED, None) in heard


@pytest.mark.parametrize(("status", "tries"), [(503, 2), (401, 1), (400, 1)])
@in_a_loop
async def test_lists_and_embeddings_are_tried_again(tmp_path: Path, status: int, tries: int) -> None:
    """By the same table as answers: what may pass by itself is, what will not is not."""
    home = make_home(tmp_path, "")
    asked: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.append(1)
        body = b'{"data": [{"id": "a"}]}' if len(asked) > 1 else b"{}"
        code = 200 if len(asked) > 1 else status
        head = f"HTTP/1.1 {code} X\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        make_home(tmp_path, f"http://127.0.0.1:{port}/v1")
        environ = {"MASTRA_HOME": str(home)}
        async with open_core(find_paths(environ), environ, purpose="test") as core:
            models, failed = await core.providers.models()
            assert len(asked) == tries
            assert ("work/a" in [m.id for m in models]) == (tries == 2)
            assert ("work" in failed) == (tries == 1)


@in_a_loop
async def test_the_cache_is_checked(tmp_path: Path) -> None:
    """In memory alone is fine."""
    async with core_over(make_home(tmp_path, "http://127.0.0.1:9/v1")) as core:
        assert await _check(core, "cache") == (Status.HEALTHY, "0 entries in memory, 0.0 MB.")


@pytest.mark.skipif(PROGRAM is None, reason="needs redis-server")
@in_a_loop
async def test_a_redis_that_is_away_is_told(tmp_path: Path) -> None:
    """Degraded, as everything works without it."""
    with RedisServer(tmp_path) as redis:
        home = make_home(tmp_path, "http://127.0.0.1:9/v1", f'[cache]\nredis_url = "{redis.url}"\n')
        async with core_over(home) as core:
            assert (await _check(core, "cache"))[0] is Status.HEALTHY
            redis.stop()
            status, detail = await _check(core, "cache")
            assert status is Status.DEGRADED
            assert "Redis does not answer" in detail


def _ask(core: Core, text: str) -> AsyncGenerator[ReplyEvent]:
    return core.chat.reply(text, model_id="work/normal")


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - the server's list has no event to wait for
            await asyncio.sleep(0.01)


@in_a_loop
async def test_one_at_a_time(tmp_path: Path) -> None:
    """Each of three requests goes when the one before has ended, and those that wait say so."""
    with ScriptedProvider(pieces=4, delay_s=0.05) as server:
        async with core_over(make_home(tmp_path, server.base_url, "max_concurrent = 1\n")) as core:
            open_at_once = 0

            async def one(text: str) -> list[ReplyEvent]:
                nonlocal open_at_once
                seen: list[ReplyEvent] = []
                async for event in _ask(core, text):
                    seen.append(event)
                    running = [r for r in server.chats if not (r.finished or r.disconnected)]
                    open_at_once = max(open_at_once, len(running))
                return seen

            answers = await asyncio.gather(*(one(text) for text in ("One", "Two", "Three")))
            assert [len(text_of(events).split()) for events in answers] == [4, 4, 4]
            assert open_at_once == 1
            waits = [[e for e in events if isinstance(e, Waiting)] for events in answers]
            assert sorted(len(each) for each in waits) == [0, 1, 1]
            said = Waiting(0, "At most 1 at a time go to work, as you have set.")
            assert all(each == [said] for each in waits if each)


@in_a_loop
async def test_one_that_waits_can_be_stopped(tmp_path: Path) -> None:
    """It frees its place: the next goes as soon as the first is over; nothing was sent for it."""
    with ScriptedProvider(pieces=6, delay_s=0.05) as server:
        async with core_over(make_home(tmp_path, server.base_url, "max_concurrent = 1\n")) as core:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(collect(_ask(core, "One")))
                await _until(lambda: len(server.chats) == 1)
                impatient = group.create_task(collect(_ask(core, "Two")))
                await asyncio.sleep(0.05)
                last = group.create_task(collect(_ask(core, "Three")))
                await asyncio.sleep(0.02)
                impatient.cancel()
            assert [len(text_of(task.result()).split()) for task in (first, last)] == [6, 6]
            assert len(server.chats) == 2
            await take(_ask(core, "Four"), 1)  # and one that is stopped while it answers
            assert len(text_of(await collect(_ask(core, "Five"))).split()) == 6


@in_a_loop
async def test_how_many_at_a_time_is_changed_while_some_wait(tmp_path: Path) -> None:
    """More lets the next go at once, without ending what runs."""
    with ScriptedProvider(pieces=20, delay_s=0.05) as server:
        async with core_over(make_home(tmp_path, server.base_url, "max_concurrent = 1\n")) as core:
            async with asyncio.TaskGroup() as group:
                first = group.create_task(collect(_ask(core, "One")))
                await _until(lambda: len(server.chats) == 1)
                second = group.create_task(collect(_ask(core, "Two")))
                await asyncio.sleep(0.1)
                assert len(server.chats) == 1
                await core.providers.change_server("work", max_concurrent=2)
                await _until(lambda: len(server.chats) == 2)
                assert not first.done()
            assert [len(text_of(task.result()).split()) for task in (first, second)] == [20, 20]
            (saved,) = await core.providers.servers()
            assert saved.max_concurrent == 2
