"""Finding providers by name, listing what they offer, swapping them."""

from __future__ import annotations

import asyncio

import pytest

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import NotFound
from mastra_desktop.domain.replies import AnswerEnd, Prompt, PromptMessage
from mastra_desktop.providers.http import HttpPool
from mastra_desktop.providers.openai_chat import OpenAIChatProvider
from mastra_desktop.providers.registry import Registry
from tests.fakes import ScriptedProvider


def test_unknown_names_say_what_exists() -> None:
    """A wrong provider, and a name without one, are refused naming the known ones."""
    registry = Registry([OpenAIChatProvider("work", "http://127.0.0.1:1/v1", http=HttpPool())])
    provider, name = registry.resolve("work/meta/llama")
    assert (provider.id, name) == ("work", "meta/llama")
    for wrong in ("home/x", "llama", "work/", ""):
        with pytest.raises(NotFound) as caught:
            registry.resolve(wrong)
        assert "work" in caught.value.hint


@pytest.mark.slow
def test_a_failing_provider_is_reported_beside_the_others() -> None:
    """One that does not answer leaves the others' models in the list."""

    async def check() -> None:
        pool = HttpPool()
        dead = OpenAIChatProvider("dead", "http://127.0.0.1:1/v1", http=pool)
        registry = Registry([dead, OpenAIChatProvider("live", server.base_url, http=pool)])
        found, failed = await registry.models()
        assert [model.id for model in found] == ["live/normal", "live/slow", "live/markdown"]
        assert failed["dead"].code == "network"
        await registry.aclose()
        await pool.aclose()

    with ScriptedProvider() as server:
        asyncio.run(check())


def test_a_running_answer_outlives_its_provider() -> None:
    """Swapping providers while one streams lets the answer end; new questions find the new ones only."""

    async def check() -> None:
        pool = HttpPool()
        registry = Registry([OpenAIChatProvider("old", server.base_url, http=pool)])
        provider, name = registry.resolve("old/normal")
        stream = provider.stream(Prompt(name, (PromptMessage(Role.USER, "hi"),)))
        events = [await anext(stream)]
        await registry.replace([OpenAIChatProvider("new", server.base_url, http=pool)])
        with pytest.raises(NotFound):
            registry.provider("old")
        events += [event async for event in stream]
        assert isinstance(events[-1], AnswerEnd)
        await registry.aclose()
        await registry.aclose()
        await pool.aclose()

    with ScriptedProvider(delay_s=0.002) as server:
        asyncio.run(check())
