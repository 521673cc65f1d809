"""Fallbacks: who is asked when a provider fails, and what is told and kept of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import (
    AuthError,
    BadRequest,
    CircuitOpen,
    ContentFiltered,
    ContextTooLong,
    MastraError,
    NotFound,
    QuotaError,
    ReplyCancelled,
    StorageError,
    StreamCut,
)
from mastra_desktop.domain.replies import FallbackTaken, ReplyEvent, ReplyFailed
from mastra_desktop.services.answering import another_may_do_better
from mastra_desktop.services.as_json import event_json
from mastra_desktop.store import conversations
from tests.cores import collect, core_over, finished, started, stored, text_of
from tests.fakes import Script, ScriptedProvider, status_script, words

ERROR = '{"error":{"message":"overloaded","type":"server_error"}}'
GOOD = Script(words(3))


def run(
    folder: Path,
    first: Script,
    check: Callable[[Core, ScriptedProvider, ScriptedProvider], Coroutine[Any, Any, None]],
    fallbacks: tuple[str, ...] = ("spare/good",),
    second: Script = GOOD,
) -> None:
    """A core with the providers `work`, which has the fallbacks, and `spare`."""
    home = folder / "home"
    home.mkdir()

    async def main(work: ScriptedProvider, spare: ScriptedProvider) -> None:
        (home / "config.toml").write_text(
            f'[[providers]]\nid = "work"\nkind = "openai-compatible"\nbase_url = "{work.base_url}"\n'
            f"fallbacks = {json.dumps(fallbacks)}\n"
            f'[[providers]]\nid = "spare"\nkind = "openai-compatible"\nbase_url = "{spare.base_url}"\n'
        )
        async with core_over(home) as core:
            await check(core, work, spare)

    with ScriptedProvider(first) as work, ScriptedProvider(second) as spare:
        asyncio.run(main(work, spare))


def ask(core: Core, **more: Any) -> Any:
    return core.chat.reply("Hello", model_id="work/normal", **more)


def taken(events: list[ReplyEvent]) -> list[FallbackTaken]:
    return [event for event in events if isinstance(event, FallbackTaken)]


@pytest.mark.parametrize(
    "first",
    [
        status_script(500),
        status_script(401),
        status_script(429, "You exceeded your current quota", "insufficient_quota"),
        status_script(429, "Slow down", "rate_limit_exceeded", Retry_After="3600"),
        Script((), extra_events=(ERROR,)),  # an error inside a 200
        Script(words(3), cut_at=10),  # cut before the first piece
    ],
    ids=["500", "401", "quota", "429", "error-200", "cut"],
)
def test_another_answers_before_the_first_piece(tmp_path: Path, first: Script) -> None:
    """The whole answer of the fallback, one event about it, and its model in the row and at the end."""

    async def check(core: Core, work: ScriptedProvider, spare: ScriptedProvider) -> None:
        events = await collect(ask(core))
        [event] = taken(events)
        assert (event.from_id, event.to_id) == ("work/normal", "spare/good")
        assert event.reason
        assert event_json(event) == {
            "type": "fallback",
            "from": "work/normal",
            "to": "spare/good",
            "reason": event.reason,
        }
        assert text_of(events) == "".join(words(3))
        assert started(events).model_id == "work/normal"
        assert finished(events).model_id == "spare/good"
        row = await stored(core, events)
        assert (row.state, row.model_id, row.text) == (MessageState.DONE, "spare/good", "".join(words(3)))
        conversation = await core.db.read(conversations.get, row.conversation_id)
        assert conversation.model_id == "work/normal"  # the next turn asks who was chosen
        assert (len(work.chats), len(spare.chats)) == (1, 1)
        assert spare.chats[0].body["model"] == "good"

    run(tmp_path, first, check)


@pytest.mark.parametrize(
    "first",
    [
        status_script(400, "no such parameter"),
        Script(words(3), extra_events=(ERROR,)),
        Script(words(9), cut_at=700),
    ],
    ids=["400", "error after text", "cut after text"],
)
def test_nobody_else_is_asked(tmp_path: Path, first: Script) -> None:
    """Not for what we did wrong, and never once text was shown."""

    async def check(core: Core, work: ScriptedProvider, spare: ScriptedProvider) -> None:
        events = await collect(ask(core))
        assert taken(events) == []
        assert any(isinstance(event, ReplyFailed) for event in events)
        assert spare.chats == []

    run(tmp_path, first, check)


def test_in_order_without_repeats_and_without_those_that_are_gone(tmp_path: Path) -> None:
    """Unknown providers and models already asked are passed over; when all fail, the last error is told."""

    async def check(core: Core, work: ScriptedProvider, spare: ScriptedProvider) -> None:
        events = await collect(ask(core))
        assert [event.to_id for event in taken(events)] == ["spare/one", "work/other", "spare/two"]
        [failed] = [event for event in events if isinstance(event, ReplyFailed)]
        assert spare.host in failed.error.message
        assert (await stored(core, events)).state is MessageState.FAILED
        assert [chat.body["model"] for chat in spare.chats] == ["one", "two"]

    wanted = ("gone/model", "spare/one", "work/normal", "work/other", "spare/two")
    run(tmp_path, status_script(500), check, wanted, status_script(503))


def test_an_open_circuit_goes_straight_to_the_fallback(tmp_path: Path) -> None:
    """A provider that failed five times in a row is not asked again for now; answers come at once."""

    async def check(core: Core, work: ScriptedProvider, spare: ScriptedProvider) -> None:
        for _ in range(7):
            events = await collect(ask(core))
            assert finished(events).reason == "stop"
        assert len(work.chats) == 5
        assert len(spare.chats) == 7
        assert "left alone" in taken(events)[0].reason
        [health, _] = core.providers.health()
        assert (health.provider_id, health.state.value) == ("work", "open")
        tries = dict(core.providers.tries())["work"]
        assert (tries.requests, tries.refused, tries.failures) == (5, 2, {"provider": 5})

    run(tmp_path, status_script(500), check)


@pytest.mark.parametrize(
    ("error", "worth_it"),
    [
        (AuthError("x"), True),
        (QuotaError("x"), True),
        (StreamCut("x"), True),
        (CircuitOpen("x"), True),
        (ContextTooLong("x"), True),
        (ContentFiltered("x"), False),
        (BadRequest("x"), False),
        (NotFound("x"), False),
        (ReplyCancelled("x"), False),
        (StorageError("x"), False),
    ],
)
def test_what_another_provider_could_do_better(error: MastraError, worth_it: bool) -> None:
    """Trouble of the provider, and a context that was too short; not our mistakes, not a refusal."""
    assert another_may_do_better(error) is worth_it
