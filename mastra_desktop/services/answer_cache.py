"""Answers from the cache: the same question, put to the same model in the same way, is asked once.

Kept are only whole answers that ended by themselves. Sampled ones (a temperature above 0, or none given:
providers sample by default) are kept only where the person asked for it, and runs with tools never.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.replies import (
    AnswerEnd,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
)

if TYPE_CHECKING:
    from mastra_desktop.domain.replies import Prompt
    from mastra_desktop.ops.cache import Cache
    from mastra_desktop.providers.base import Provider

VERSION = 1


class AnswerCache:
    """`identity` tells what, besides its id, decides how a provider answers: an address, a model's file."""

    def __init__(self, cache: Cache, identity: Callable[[str], Awaitable[str]]) -> None:
        self._cache = cache
        self._identity = identity

    def stream(
        self, provider: Provider, prompt: Prompt, wanted: bool | None = None
    ) -> AsyncGenerator[ProviderEvent]:
        """What `provider.stream(prompt)` gives, or the same from the cache in one piece, the end `cached`.

        `wanted`: None only where an answer repeats itself, True also where it is sampled, False never.
        """
        if wanted is False or not may_be_kept(prompt, sampled=wanted is True):
            return provider.stream(prompt)
        return self._through(provider, prompt)

    async def _through(self, provider: Provider, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        key = key_of(provider.id, await self._identity(provider.id), prompt)
        if kept := _unpacked(await self._cache.get(key)):
            for event in kept:
                yield event
            return
        text: list[str] = []
        reasoning: list[str] = []
        called, end = False, None
        async with aclosing(provider.stream(prompt)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    text.append(event.text)
                elif isinstance(event, ReasoningDelta):
                    reasoning.append(event.text)
                elif isinstance(event, ToolCall):
                    called = True
                elif isinstance(event, AnswerEnd):
                    end = event
                yield event
        if end and end.reason == "stop" and text and not called:
            await self._cache.put(key, _packed("".join(text), "".join(reasoning), end))


def may_be_kept(prompt: Prompt, *, sampled: bool) -> bool:
    """Whether an answer to this can stand for the next one; `sampled`: also one that chance had a part in."""
    if prompt.tools or prompt.continue_last:
        return False
    if any(message.role is Role.TOOL or message.tool_calls for message in prompt.messages):
        return False
    return sampled or prompt.temperature == 0


def key_of(provider_id: str, identity: str, prompt: Prompt) -> str:
    """The same for what must give the same answer: a hash over every field of the prompt."""
    asked = orjson.dumps((provider_id, identity, prompt), default=_plain, option=orjson.OPT_SORT_KEYS)
    return f"answer:{hashlib.sha256(asked).hexdigest()}"


def _plain(value: object) -> object:
    if isinstance(value, bytes):  # an image
        return hashlib.sha256(value).hexdigest()
    if isinstance(value, Mapping):  # of a kind that orjson does not know
        return dict(value)
    raise TypeError(f"{type(value).__name__} in a prompt")


def _packed(text: str, reasoning: str, end: AnswerEnd) -> bytes:
    return orjson.dumps({"v": VERSION, "text": text, "reasoning": reasoning, "end": end})


def _unpacked(value: bytes | None) -> list[ProviderEvent]:
    """The events of a kept answer; none for what another version wrote."""
    if value is None:
        return []
    try:
        kept: dict[str, Any] = orjson.loads(value)
        if kept["v"] != VERSION:
            return []
        end = AnswerEnd(**kept["end"])
        end = replace(end, usage=Usage(**kept["end"]["usage"]), cached=True)
        pieces: list[ProviderEvent] = [ReasoningDelta(kept["reasoning"])] if kept["reasoning"] else []
        return [*pieces, TextDelta(kept["text"]), end]
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return []
