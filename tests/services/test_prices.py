"""What answers cost, over a real core."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from decimal import Decimal
from typing import TypeVar

import pytest

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.chat import MessageState, Usage
from mastra_desktop.domain.errors import NotFound
from mastra_desktop.domain.models import ModelPrice
from mastra_desktop.paths import Paths
from mastra_desktop.services.as_json import message_json
from tests.fakes import ScriptedProvider

T = TypeVar("T")
CONFIG = """
[[providers]]
id = "work"
kind = "openai"
[[providers]]
id = "claude"
kind = "anthropic"
[[providers]]
id = "here"
kind = "ollama"
[[providers]]
id = "far"
kind = "openai-compatible"
base_url = "https://llm.example.org/v1"
"""


def in_core(home: Paths, work: Callable[[Core], Awaitable[T]], config: str = CONFIG) -> T:
    home.config.write_text(config, "utf-8")

    async def run() -> T:
        async with open_core(home, {}, purpose="test") as core:
            return await work(core)

    return asyncio.run(run())


def test_each_provider_is_billed_as_it_counts(home: Paths) -> None:
    """Vendors by their price, beside or among; what runs here is free; what nobody knows is unknown."""

    async def work(core: Core) -> None:
        book = await core.prices.book()
        usage = Usage(1_000_000, 0, 500_000)
        assert book.cost(usage, "work/gpt-4.1") == Decimal("1.25")
        assert book.cost(Usage(100_000, 0, 50_000), "claude/claude-sonnet-4-5-20250929") == Decimal("0.315")
        for free in ("local/default", "here/llama3"):
            assert book.cost(Usage(), free) == 0
            assert book.on_this_computer(free)
        for unknown in ("work/new", "far/any", "gone/gpt-4.1", "here/gpt-oss:120b-cloud"):
            assert book.cost(usage, unknown) is None
            assert not book.on_this_computer(unknown)

    in_core(home, work)


def test_own_prices_hold_at_once(home: Paths) -> None:
    """A change is written to prices.toml and holds; forgetting it brings ours back; a server here can cost."""

    async def work(core: Core) -> None:
        mine = ModelPrice(9, Decimal(1), None, Decimal(2))
        for model_id in ("work/gpt-4.1", "here/llama3"):
            await core.prices.change(model_id, mine)
            book = await core.prices.book()
            assert (book.price(model_id), book.is_own(model_id)) == (mine, True)
            assert not book.on_this_computer(model_id)
            await core.prices.change(model_id, None)
            book = await core.prices.book()
            assert not book.is_own(model_id)
        assert book.price("work/gpt-4.1").input == 2
        with pytest.raises(NotFound):
            await core.prices.change("nobody/x", mine)

    in_core(home, work)


def test_a_broken_file_keeps_the_last_good_prices(home: Paths) -> None:
    """It is told with its line, and the prices stay until it is mended."""

    async def work(core: Core) -> None:
        await core.prices.change("far/big", ModelPrice(None, Decimal(1), None, Decimal(2)))
        good = core.paths.prices.read_text("utf-8")
        core.paths.prices.write_text("[provider.far]\nbig = { input = -1 }\n", "utf-8")
        book = await core.prices.book()
        assert book.price("far/big").input == 1
        assert "prices.toml, line 2" in book.problem
        core.paths.prices.write_text(good, "utf-8")
        assert (await core.prices.book()).problem == ""

    in_core(home, work)


def test_calls_and_costs_of_stored_answers(home: Paths) -> None:
    """Answers are counted by model; JSON gives each answer's cost, None where it is unknown."""
    with ScriptedProvider() as server:
        config = (
            f'[[providers]]\nid = "stand_in"\nkind = "openai-compatible"\nbase_url = "{server.base_url}"\n'
        )

        async def work(core: Core) -> None:
            found = []
            for _ in range(2):
                async with aclosing(core.chat.reply("hello", model_id="stand_in/normal")) as events:
                    found = [event async for event in events]
            assert await core.prices.calls("stand_in") == {"normal": 2}
            assert await core.prices.calls("standxin") == {}
            finished = found[-1]
            message = await core.conversations.message(finished.message_id)  # type: ignore[union-attr]
            assert message.state is MessageState.DONE
            book = await core.prices.book()
            assert message_json(message, book.cost_of(message))["cost_usd"] == 0.0
            assert message_json(message)["cost_usd"] is None

        in_core(home, work, config)


def test_a_provider_that_is_off_is_not_offered_and_not_asked(home: Paths) -> None:
    """It keeps its settings; its models are gone until it is on again, and whoever asks is told why."""
    with ScriptedProvider() as server:
        config = f'[[providers]]\nid = "team"\nkind = "openai-compatible"\nbase_url = "{server.base_url}"\n'

        async def work(core: Core) -> None:
            await core.providers.change_server("team", enabled=False)
            models, troubles = await core.providers.models()
            assert all(model.provider_id != "team" for model in models)
            assert "team" not in troubles
            with pytest.raises(NotFound, match="switched off"):
                await core.providers.test_saved("team")
            with pytest.raises(NotFound, match="switched off"):
                await core.providers.listed("team")
            assert not (await core.providers.servers())[0].enabled
            report = await core.health.full()
            assert next(c for c in report.checks if c.name == "team").detail == "Switched off."
            assert server.requests == []
            await core.providers.change_server("team", enabled=True, models=("one",))
            models, _ = await core.providers.models()
            assert [m.id for m in models if m.provider_id == "team"] == ["team/one"]
            assert len(await core.providers.listed("team")) >= 1

        in_core(home, work, config)


def test_what_was_used_of_a_limit(home: Paths) -> None:
    """Requests and tokens of the last minute are counted while there is a limit."""
    with ScriptedProvider() as server:
        config = (
            f'[[providers]]\nid = "team"\nkind = "openai-compatible"\nbase_url = "{server.base_url}"\n'
            "requests_per_minute = 60\n"
        )

        async def work(core: Core) -> None:
            assert core.providers.used("team") == (0, 0)
            async with aclosing(core.chat.reply("hello", model_id="team/normal")) as events:
                async for _ in events:
                    pass
            requests, tokens = core.providers.used("team")
            assert requests == 1
            assert tokens > 0
            assert core.providers.used("nobody") == (0, 0)

        in_core(home, work, config)
