"""The adapter against a real server on loopback that misbehaves in every way we know of."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeVar

import pytest

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import ConfigError, MastraError, StreamCut
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import (
    AnswerEnd,
    Prompt,
    PromptMessage,
    ProviderEvent,
    ReasoningDelta,
    RetryScheduled,
    TextDelta,
)
from mastra_desktop.providers.http import HttpPool, HttpSettings
from mastra_desktop.providers.openai_chat import OpenAIChatProvider
from tests.fakes import MARKDOWN, Script, ScriptedProvider, status_script, words

QUICK = HttpSettings(connect_timeout_s=2, read_idle_timeout_s=0.8, max_retries=0)
T = TypeVar("T")
KEY = "sk-test-0123456789abcdef"


def prompt(model: str = "normal", **more: Any) -> Prompt:
    return Prompt(model, (PromptMessage(Role.USER, "Hello there"),), **more)


def run(
    url: str, act: Callable[[OpenAIChatProvider], Awaitable[T]], settings: HttpSettings = QUICK, **more: Any
) -> T:
    """Runs `act` with a provider in a loop of its own, and closes all."""

    async def whole() -> T:
        pool = HttpPool(settings)
        try:
            return await act(OpenAIChatProvider("work", url, http=pool, **more))
        finally:
            await pool.aclose()

    return asyncio.run(whole())


def answer(
    url: str, asked: Prompt, settings: HttpSettings = QUICK, **more: Any
) -> tuple[list[ProviderEvent], MastraError | None]:
    """What was streamed, and how it failed."""

    async def act(provider: OpenAIChatProvider) -> tuple[list[ProviderEvent], MastraError | None]:
        events: list[ProviderEvent] = []
        try:
            async for event in provider.stream(asked):
                events.append(event)
        except MastraError as error:
            return events, error
        return events, None

    return run(url, act, settings, **more)


def text_of(events: list[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("model", ["normal", "crlf", "keepalive", "json", "reasoning", "long-20"])
def test_a_whole_answer(model: str) -> None:
    """Text, then one AnswerEnd with reason, usage and the model's name."""
    with ScriptedProvider() as server:
        events, error = answer(server.base_url, prompt(model))
    assert error is None
    assert text_of(events) == "".join(words(20))
    assert events[-1] == AnswerEnd("stop", Usage(12, 20, 4, 3), model)
    assert sum(isinstance(event, AnswerEnd) for event in events) == 1
    thoughts = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thoughts == ("Let me think. " if model == "reasoning" else "")


def test_characters_of_many_bytes_and_markdown_arrive_whole() -> None:
    """What the server wrote is what is read, character for character."""
    with ScriptedProvider() as server:
        assert text_of(answer(server.base_url, prompt("multi-byte"))[0]) == "Grüße, 世界 🎉"
        assert text_of(answer(server.base_url, prompt("markdown"))[0]) == MARKDOWN


def test_figures_that_were_not_given_are_none() -> None:
    """Without usage every count is None, never 0."""
    with ScriptedProvider(Script(("hi",), usage=None)) as server:
        events, _ = answer(server.base_url, prompt())
    assert events[-1] == AnswerEnd("stop", Usage(), "normal")


FAULTS = {
    # model: (code, whether text arrived before, requests made with two retries allowed)
    "silent": ("timeout", False, 3),
    "pause-3": ("timeout", True, 1),
    "cut-20": ("network", False, 3),
    "cut-700": ("network", True, 1),
    "no-done": ("network", True, 1),
    "no-finish": ("network", True, 1),
    "malformed": ("provider", True, 1),
    "malformed-first": ("provider", False, 3),
    "error-200": ("provider", False, 3),
    "error-late": ("provider", True, 1),
    "status-400": ("bad_request", False, 1),
    "status-401": ("auth", False, 1),
    "status-402": ("quota", False, 1),
    "status-403": ("auth", False, 1),
    "status-404": ("bad_request", False, 1),
    "status-408": ("timeout", False, 3),
    "status-409": ("provider", False, 3),
    "status-429": ("rate_limit", False, 3),
    "status-500": ("provider", False, 3),
    "status-529": ("provider", False, 3),
    "quota": ("quota", False, 1),
    "too-long": ("context_length", False, 1),
    "busy-200": ("rate_limit", False, 1),
    "html": ("provider", False, 1),
    "garbage": ("provider", False, 1),
}


@pytest.mark.parametrize("model", FAULTS)
def test_a_fault_has_its_class_and_is_retried_only_before_text(model: str) -> None:
    """Every fault ends as one domain error with a sentence, after the right number of requests."""
    code, has_text, requests = FAULTS[model]
    settings = HttpSettings(read_idle_timeout_s=0.15, max_retries=2, first_retry_wait_s=0.01)
    with ScriptedProvider() as server:
        events, error = answer(server.base_url, prompt(model), settings)
        assert len(server.chats) == requests
    assert error is not None
    assert (error.code, bool(text_of(events))) == (code, has_text)
    assert error.message.endswith((".", "?")) or "It says" in error.message
    assert sum(isinstance(event, RetryScheduled) for event in events) == requests - 1
    assert not any(isinstance(event, AnswerEnd) for event in events)
    assert isinstance(error, StreamCut) == (model in ("cut-20", "cut-700", "no-done", "no-finish"))


def test_a_retry_is_told_and_then_works() -> None:
    """One failure, one notice with its wait and reason, then the answer."""
    with ScriptedProvider([status_script(503, retry_after_ms="20"), Script(("fine",))]) as server:
        events, error = answer(server.base_url, prompt(), HttpSettings())
    assert error is None
    notice = events[0]
    assert isinstance(notice, RetryScheduled)
    assert (notice.attempt, notice.of, notice.wait_s) == (1, 2, 0.02)
    assert text_of(events) == "fine"


def test_the_request_that_goes_out() -> None:
    """System first, the key in its header only, extras in the body, a continuation asked in words or not."""

    async def key() -> str | None:
        return f" {KEY}\n"

    history = (PromptMessage(Role.USER, "Count"), PromptMessage(Role.ASSISTANT, "1, 2"))
    asked = Prompt("normal", history, system="Be brief.", temperature=0.5, max_tokens=9, continue_last=True)
    with ScriptedProvider() as server:
        url = server.base_url + "/chat/completions/"
        answer(url, asked, key=key, extra_body={"cache_prompt": True})
        answer(url, asked, supports_continue=True)
        first, second = server.chats
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(first.body)
    assert first.body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert first.body["messages"][-1]["role"] == "user"
    assert "stopped" in first.body["messages"][-1]["content"]
    assert (first.body["temperature"], first.body["max_tokens"], first.body["cache_prompt"]) == (0.5, 9, True)
    assert (first.body["stream"], first.body["stream_options"]) == (True, {"include_usage": True})
    assert second.body["messages"][-1] == {"role": "assistant", "content": "1, 2"}
    assert "authorization" not in second.headers


def test_a_key_is_never_repeated() -> None:
    """A vendor that quotes the key in its error does not get it into ours."""

    async def key() -> str | None:
        return KEY

    with ScriptedProvider(status_script(401, f"Incorrect API key provided: {KEY}. " + "x" * 1000)) as server:
        _, error = answer(server.base_url, prompt(), key=key)
    assert error is not None
    assert KEY not in f"{error!r} {error.info}"
    assert len(error.message) < 400


@pytest.mark.parametrize("leave", ["cancel", "close"])
@pytest.mark.parametrize("model", ["silent", "pause-2", "slow"])
def test_stop_ends_the_connection_at_once(model: str, leave: str) -> None:
    """Cancelling the task or closing the generator is over within 200 ms, and the server notices."""

    async def act(provider: OpenAIChatProvider) -> float:
        if leave == "close" and model != "silent":
            async with aclosing(provider.stream(prompt(model))) as stream:
                await anext(stream)
                began = time.perf_counter()
            return time.perf_counter() - began

        async def consume() -> None:
            async for _ in provider.stream(prompt(model)):
                pass

        async with asyncio.TaskGroup() as group:
            task = group.create_task(consume())
            await asyncio.to_thread(server.wait_until, "asked", 10)  # a busy machine takes its time
            await asyncio.sleep(0.1)
            began = time.perf_counter()
            task.cancel()
        return time.perf_counter() - began

    with ScriptedProvider() as server:
        assert run(server.base_url, act, HttpSettings()) < 0.2
        assert server.wait_until("disconnected")


async def _end_many(provider: OpenAIChatProvider, count: int) -> None:
    """Streams that fail or are left, in turn."""
    for number in range(count):
        model = ("cut-300", "status-500", "garbage", "pause-1", "error-late")[number % 5]
        try:
            async with aclosing(provider.stream(prompt(model))) as stream:
                async for event in stream:
                    if model == "pause-1" and isinstance(event, TextDelta):
                        break
        except MastraError:
            pass


@pytest.mark.parametrize("count", [50, pytest.param(1000, marks=pytest.mark.slow)])
def test_no_connection_is_left_open(count: int) -> None:
    """After many failed and abandoned streams, at most the one reusable connection is open."""

    async def act(provider: OpenAIChatProvider) -> int:
        await _end_many(provider, count)
        await asyncio.sleep(0.1)
        assert provider.active_streams == 0
        return server.open_connections

    with ScriptedProvider() as server:
        assert run(server.base_url, act) <= 1
        assert server.wait_until("closed")


def test_connections_are_used_again() -> None:
    """Answers one after the other share one connection."""

    async def act(provider: OpenAIChatProvider) -> None:
        for _ in range(5):
            async for _event in provider.stream(prompt()):
                pass

    with ScriptedProvider() as server:
        run(server.base_url, act)
        assert len({chat.connection for chat in server.chats}) == 1


def test_models_are_listed_or_configured() -> None:
    """The server's list, unless the configuration has one."""

    async def act(provider: OpenAIChatProvider) -> list[ModelInfo]:
        return await provider.models()

    with ScriptedProvider(models=("a", "b/c")) as server:
        assert [m.id for m in run(server.base_url, act)] == ["work/a", "work/b/c"]
        assert [m.id for m in run(server.base_url, act, models=("mine",))] == ["work/mine"]
        assert len(server.requests) == 1


async def _test(provider: OpenAIChatProvider) -> ProviderTest:
    return await provider.test()


def test_the_connection_test_tells() -> None:
    """It says what works, or in words what does not."""
    with ScriptedProvider(keys=("right",)) as server:

        async def key() -> str | None:
            return "right"

        good = run(server.base_url, _test, key=key)
        refused = run(server.base_url, _test)
    assert (good.streams, good.error) == (True, "")
    assert good.latency_ms is not None
    assert refused.error_code == "auth"
    gone = run(server.base_url, _test)
    assert gone.error == f"Nothing answers at {server.host}."


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080/v1", "ftp://x/v1", "http://", "http://a b/v1", "http://x:99999/"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """The error shows how an address is written."""
    with pytest.raises(ConfigError) as caught:
        OpenAIChatProvider("work", url, http=HttpPool())
    assert "http://127.0.0.1:8080/v1" in caught.value.hint
