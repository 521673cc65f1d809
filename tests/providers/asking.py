"""Asking an adapter in a test: one loop, one pool, everything closed at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import orjson

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.replies import (
    Answer,
    AnswerEnd,
    Image,
    Prompt,
    PromptMessage,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from mastra_desktop.providers.answer import AnswerReader
from mastra_desktop.providers.http import HttpPool, HttpSettings
from mastra_desktop.providers.kinds import build_provider
from mastra_desktop.providers.streaming import HttpProvider
from tests.fakes import ScriptedProvider

T = TypeVar("T")
KEY = "test-key-0123"
QUICK = HttpSettings(connect_timeout_s=2, read_idle_timeout_s=0.8, max_retries=0)
WEATHER = ToolSpec(
    "weather",
    "The weather at a place.",
    {
        "type": "object",
        "properties": {"place": {"type": "string"}},
        "required": ["place"],
        "additionalProperties": False,
    },
)
CLOCK = ToolSpec("clock", "The time.", {"type": "object", "properties": {}})
PICTURE = Image(b"\x89PNG", "image/png")
PICTURE_BASE64 = "iVBORw=="
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
CALLS = (("call_a", "weather", '{"place": "Oslo"}'), ("call_b", "weather", '{"place": "Rome"}'))


def address(server: ScriptedProvider, kind: str) -> str:
    """The stand-in's base URL as a person would enter it for this kind."""
    return {
        "anthropic": f"http://{server.host}",
        "google": f"http://{server.host}",
        "ollama": f"http://{server.host}",
        "responses": f"{server.base_url}/responses",
    }.get(kind, server.base_url)


def run(
    server: ScriptedProvider,
    kind: str,
    act: Callable[[HttpProvider], Awaitable[T]],
    settings: HttpSettings = QUICK,
) -> T:
    async def key() -> str | None:
        return KEY

    async def whole() -> T:
        pool = HttpPool(settings)
        name = "openai" if kind == "responses" else kind
        try:
            return await act(build_provider(name, "work", address(server, kind), http=pool, key=key))
        finally:
            await pool.aclose()

    return asyncio.run(whole())


def ask(
    server: ScriptedProvider, kind: str, asked: Prompt, settings: HttpSettings = QUICK
) -> tuple[list[ProviderEvent], MastraError | None]:
    """What was streamed, and how it failed."""

    async def act(provider: HttpProvider) -> tuple[list[ProviderEvent], MastraError | None]:
        events: list[ProviderEvent] = []
        try:
            async for event in provider.stream(asked):
                events.append(event)
        except MastraError as error:
            return events, error
        return events, None

    return run(server, kind, act, settings)


def generate(server: ScriptedProvider, kind: str, asked: Prompt) -> Answer:
    async def act(provider: HttpProvider) -> Answer:
        return await provider.generate(asked)

    return run(server, kind, act)


def whole(events: list[ProviderEvent]) -> Answer:
    """The streamed events as one answer; the last of them is the one end."""
    *before, end = events
    assert isinstance(end, AnswerEnd)
    assert not any(isinstance(event, AnswerEnd) for event in before)
    return Answer(
        text_of(events),
        "".join(e.text for e in events if isinstance(e, ReasoningDelta)),
        tuple(e for e in events if isinstance(e, ToolCall)),
        end,
    )


def text_of(events: list[ProviderEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def prompt(model: str = "normal", **more: Any) -> Prompt:
    return Prompt(model, (PromptMessage(Role.USER, "Hello"),), **more)


def tool_turn(calls: tuple[ToolCall, ...], carry: str = "", model: str = "normal", **more: Any) -> Prompt:
    """The prompt after the first of `calls` was answered, and any further one as well."""
    messages = [
        PromptMessage(Role.USER, "Where is it warm?"),
        PromptMessage(Role.ASSISTANT, "Let me see.", tool_calls=calls, carry=carry, reasoning="Hm."),
    ]
    messages += [PromptMessage(Role.TOOL, f"{n} degrees", call_id=c.id) for n, c in enumerate(calls)]
    return Prompt(model, tuple(messages), **more)


def sse(*pieces: object, done: bool = False) -> bytes:
    """Events of a stream, each given as JSON text or as an object; typed as Anthropic types them."""
    written = []
    for piece in pieces:
        data = piece if isinstance(piece, str) else orjson.dumps(piece).decode()
        kind = piece.get("type") if isinstance(piece, dict) else None
        written.append((f"event: {kind}\n" if kind else "") + f"data: {data}\n\n")
    return ("".join(written) + ("data: [DONE]\n\n" if done else "")).encode()


def read(reader: AnswerReader, body: bytes, step: int = 0) -> Answer:
    """`body` through `reader`, in pieces of `step` bytes (0: in one), without a network."""
    chunks = [body[i : i + step] for i in range(0, len(body), step)] if step else [body]
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    if reader.failure:
        raise reader.failure
    assert reader.may_end, "the answer is not whole"
    return whole([*events, *reader.finish()])
