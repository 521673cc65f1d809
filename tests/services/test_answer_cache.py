"""Answers from the cache, over real HTTP, a real database and a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState, Role
from mastra_desktop.domain.replies import (
    Image,
    Prompt,
    PromptMessage,
    ReplyEvent,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from mastra_desktop.services.answer_cache import key_of, may_be_kept
from mastra_desktop.services.as_json import message_json
from mastra_desktop.ui.panes.money import cost_note
from tests.cores import collect, core_over, finished, make_home, started, stored, text_of
from tests.fakes import Script, ScriptedProvider, words
from tests.redis_server import PROGRAM, RedisServer

WHOLE = "".join(words(20))


def run(
    folder: Path,
    check: Callable[[Core, ScriptedProvider], Coroutine[Any, Any, None]],
    *scripts: Script,
) -> None:
    async def main(provider: ScriptedProvider) -> None:
        async with core_over(make_home(folder, provider.base_url)) as core:
            await check(core, provider)

    with ScriptedProvider(*scripts) as provider:
        asyncio.run(main(provider))


async def ask(core: Core, text: str = "Hello", model: str = "normal", **more: Any) -> list[ReplyEvent]:
    return await collect(core.chat.reply(text, model_id=f"work/{model}", **{"temperature": 0.0} | more))


def test_the_second_time_nobody_is_asked(tmp_path: Path) -> None:
    """The same question gives the same answer in one piece, marked as cached, with the usage of the first time;
    it is a message like any other."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        first = await ask(core, model="reasoning")
        second = await ask(core, model="reasoning")
        assert len(server.chats) == 1
        assert text_of(second) == text_of(first) == WHOLE
        assert sum(isinstance(event, TextDelta) for event in second) == 1
        assert (finished(first).cached, finished(second).cached) == (False, True)
        assert finished(second).usage == finished(first).usage
        assert started(second).message_id != started(first).message_id
        rows = [await stored(core, events) for events in (first, second)]
        assert rows[0].text == rows[1].text
        assert rows[0].reasoning == rows[1].reasoning != ""
        assert {row.state for row in rows} == {MessageState.DONE}
        assert [row.cached for row in rows] == [False, True]
        found = await core.conversations.search("quick")
        assert {hit.message_id for hit in found} >= {row.id for row in rows}

    run(tmp_path, check)


def test_from_the_cache_it_costs_nothing(tmp_path: Path) -> None:
    """Whatever the first time did cost, or when nobody knows that."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        rows = [await stored(core, await ask(core)) for _ in range(2)]
        price = '[provider.work]\n"normal" = { input = 2.00, cached = 0.50, output = 8.00 }\n'
        core.paths.prices.write_text(price)
        book = await core.prices.book()
        costs = [book.cost_of(row) for row in rows]
        assert costs[0]
        assert costs[1] == 0
        assert [message_json(row)["cached"] for row in rows] == [False, True]
        assert cost_note(rows[1], book) == "$0.00, cached"
        assert "cached" not in cost_note(rows[0], book)

    run(tmp_path, check)


def test_only_where_the_answer_would_be_the_same(tmp_path: Path) -> None:
    """Sampled answers are asked anew, unless the person wants them from the cache; `--no-cache` always asks."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        for temperature, cached, asked in (
            (None, None, 2),
            (0.7, None, 2),
            (0.0, False, 2),
            (0.7, True, 1),
            (None, True, 1),
            (0.0, None, 1),
        ):
            before = len(server.chats)
            text = f"{temperature} {cached}"
            for _ in range(2):
                await ask(core, text, temperature=temperature, cached=cached)
            assert len(server.chats) - before == asked, text

    run(tmp_path, check)


def test_trying_again_asks_again(tmp_path: Path) -> None:
    """Who wants another answer to the same prompt gets one."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        first = await ask(core)
        again = await collect(core.chat.retry(started(first).message_id))
        assert not finished(again).cached
        assert len(server.chats) == 2

    run(tmp_path, check)


@pytest.mark.parametrize("model", ["cut-900", "no-done", "status-500", "empty"])
def test_only_whole_answers_are_kept(tmp_path: Path, model: str) -> None:
    """What broke off, failed or said nothing is asked anew."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        for _ in range(2):
            assert not finished(await ask(core, model=model)).cached
        assert len(server.chats) == 2

    run(tmp_path, check)


def test_an_answer_cut_by_its_length_is_not_kept(tmp_path: Path) -> None:
    """Only those that ended by themselves are."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        for _ in range(2):
            assert not finished(await ask(core)).cached

    run(tmp_path, check, Script(pieces=("A",), finish_reason="length"))


@pytest.mark.skipif(PROGRAM is None, reason="redis-server is not installed")
def test_shared_through_redis(tmp_path: Path) -> None:
    """The next run has the answer from Redis."""

    async def first(core: Core, server: ScriptedProvider) -> None:
        await ask(core)

    async def second(core: Core, server: ScriptedProvider) -> None:
        assert finished(await ask(core)).cached
        assert core.cache.stats.second_hits == 1

    with RedisServer(tmp_path) as redis, ScriptedProvider() as provider:
        more = f'[cache]\nredis_url = "{redis.url}"\n'

        async def main() -> None:
            for check in (first, second):
                async with core_over(make_home(tmp_path, provider.base_url, more)) as core:
                    await check(core, provider)

        asyncio.run(main())
        assert len(provider.chats) == 1


def test_everything_that_determines_an_answer_is_in_the_key() -> None:
    """A change of any field of the prompt, of the provider or of its address is another key."""
    message = PromptMessage(Role.USER, "Hello", images=(Image(b"\x00\xff", "image/png"),))
    prompt = Prompt("m", (message,), temperature=0.0, response_schema=MappingProxyType({"type": "object"}))
    others = [
        replace(prompt, model_name="n"),
        replace(prompt, system="Be brief."),
        replace(prompt, temperature=0.1),
        replace(prompt, max_tokens=5),
        replace(prompt, response_schema=None),
        replace(prompt, reasoning_effort="low"),
        replace(prompt, messages=(message, message)),
        replace(prompt, messages=(replace(message, images=(Image(b"\x01\xff", "image/png"),)),)),
    ]
    keys = [key_of("work", "http://a/v1", each) for each in (prompt, *others)]
    keys += [key_of("home", "http://a/v1", prompt), key_of("work", "http://b/v1", prompt)]
    assert len(set(keys)) == len(keys)
    assert key_of("work", "http://a/v1", replace(prompt)) == keys[0]
    assert "Hello" not in keys[0]


def test_runs_with_tools_are_never_kept() -> None:
    """Neither one that may call tools, nor one that did, nor the rest of an answer."""
    asked = PromptMessage(Role.USER, "Hello")
    prompt = Prompt("m", (asked,), temperature=0.0)
    call = ToolCall("1", "look", {})
    assert may_be_kept(prompt, sampled=False)
    for other in (
        replace(prompt, tools=(ToolSpec("look", "", {}),)),
        replace(prompt, messages=(asked, PromptMessage(Role.ASSISTANT, "", tool_calls=(call,)))),
        replace(prompt, messages=(asked, PromptMessage(Role.TOOL, "seen", call_id="1"))),
        replace(prompt, continue_last=True),
    ):
        assert not may_be_kept(other, sampled=True)
