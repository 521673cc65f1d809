"""Replies over real HTTP and a real database: every way one can go, and what is kept of it."""

from __future__ import annotations

import asyncio
import contextvars
import json
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import BadRequest, NotFound
from mastra_desktop.domain.events import BusEvent, ConversationChanged
from mastra_desktop.domain.replies import ReplyEvent, ReplyFailed, ReplyStarted, TextDelta
from mastra_desktop.ops.logging import current_operation, operation
from mastra_desktop.services.chat import title_from
from tests.cores import collect, core_over, finished, make_home, started, stored, text_of
from tests.fakes import Script, ScriptedProvider, words

WHOLE = "".join(words(20))


def run(
    folder: Path, check: Callable[[Core, ScriptedProvider], Coroutine[Any, Any, None]], **server: Any
) -> None:
    """Runs `check` over a fresh core; afterwards no row may be left half-written."""

    async def main(provider: ScriptedProvider) -> None:
        async with core_over(make_home(folder, provider.base_url)) as core:
            await check(core, provider)

    with ScriptedProvider(**server) as provider:
        asyncio.run(main(provider))


def ask(core: Core, model: str = "normal", **more: Any) -> Any:
    return core.chat.reply("Hello there", model_id=f"work/{model}", **more)


async def rows_of(core: Core, state: str) -> int:
    def count(conn: Connection) -> int:
        return int(
            conn.execute(text("SELECT count(*) FROM messages WHERE state = :s"), {"s": state}).scalar() or 0
        )

    return await core.db.read(count)


def test_a_new_conversation(tmp_path: Path) -> None:
    """A first prompt makes a conversation titled by it; the answer and its figures are in the row."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        heard: list[BusEvent] = []
        core.bus.subscribe(heard.append)
        events = await collect(ask(core))
        assert text_of(events) == WHOLE
        row = await stored(core, events)
        assert (row.text, row.state, row.finish_reason) == (WHOLE, MessageState.DONE, "stop")
        assert (row.usage.input_tokens, row.usage.reasoning_tokens) == (12, 3)
        assert row.first_token_ms is not None
        assert row.total_ms == pytest.approx(finished(events).total_ms)
        [conversation] = await core.conversations.recent()
        assert (conversation.title, conversation.message_count) == ("Hello there", 2)
        assert heard == [ConversationChanged(conversation.id)] * 2

    run(tmp_path, check)


def test_the_prompt_is_stored_before_the_request_goes_out(tmp_path: Path) -> None:
    """With the first event the prompt and an empty answer are committed, and no request was sent yet."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        answer = ask(core)
        first = await anext(answer)
        assert isinstance(first, ReplyStarted)
        branch = await core.conversations.open(first.conversation_id)
        assert [m.text for m in branch.messages] == ["Hello there", ""]
        assert branch.messages[1].state is MessageState.WRITING
        assert not server.chats
        await answer.aclose()
        assert (await core.conversations.message(first.message_id)).state is MessageState.STOPPED
        assert not server.chats

    run(tmp_path, check)


def test_closed_before_its_first_event_nothing_happened(tmp_path: Path) -> None:
    """A reply that nobody steps through stores nothing and asks nobody."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        await ask(core).aclose()
        assert await core.conversations.recent() == []

    run(tmp_path, check)


def test_the_history_goes_along(tmp_path: Path) -> None:
    """A second prompt is sent with the turns before it; the conversation's model is kept."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        first = await collect(ask(core))
        conversation_id = started(first).conversation_id
        await collect(core.chat.reply("And then?", conversation_id=conversation_id))
        roles = [(m["role"], m["content"]) for m in server.chats[1].body["messages"]]
        assert roles[1:] == [("user", "Hello there"), ("assistant", WHOLE), ("user", "And then?")]
        assert server.chats[1].body["model"] == "normal"

    run(tmp_path, check)


def test_edit_and_retry_make_siblings(tmp_path: Path) -> None:
    """Other words are a sibling of the prompt, another try is a sibling of the answer; nothing is lost."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        first = await collect(ask(core))
        again = await collect(core.chat.retry(started(first).message_id))
        assert started(again).user_message_id is None
        row = await stored(core, again)
        assert row.sibling_ids == (started(first).message_id, row.id)
        prompt_id = started(first).user_message_id
        assert prompt_id
        edited = await collect(core.chat.edit(prompt_id, "Other words", model_id="work/echo"))
        assert text_of(edited) == "Other words"
        branch = await core.conversations.open(started(first).conversation_id)
        assert [m.text for m in branch.messages] == ["Other words", "Other words"]
        assert len(branch.messages[0].sibling_ids) == 2

    run(tmp_path, check)


def test_continue_appends_to_the_same_message(tmp_path: Path) -> None:
    """A cut answer goes on in its own row, and the model is given what there is of it."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        cut = await collect(ask(core, "cut-900"))
        before = await stored(core, cut)
        assert before.state is MessageState.INTERRUPTED
        more = await collect(core.chat.continue_reply(before.id))
        after = await core.conversations.message(before.id)
        assert after.text == before.text + text_of(more)
        assert server.chats[1].body["messages"][2] == {"role": "assistant", "content": before.text}

    run(tmp_path, check, script=[Script(words(20), cut_at=900), Script(words(3))])


@pytest.mark.parametrize(
    ("model", "code", "state", "reason", "kept"),
    [
        ("status-500", "provider", MessageState.FAILED, "error", ""),
        ("status-401", "auth", MessageState.FAILED, "error", ""),
        ("error-late", "provider", MessageState.INTERRUPTED, "interrupted", "The quick "),
        ("no-done", "network", MessageState.INTERRUPTED, "interrupted", WHOLE),
        ("garbage", "provider", MessageState.FAILED, "error", ""),
    ],
)
def test_trouble_is_an_event_and_in_the_row(
    tmp_path: Path, model: str, code: str, state: MessageState, reason: str, kept: str
) -> None:
    """With text an answer counts as interrupted, without it as failed; the error comes before the end."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        events = await collect(ask(core, model))
        assert isinstance(events[-2], ReplyFailed)
        assert events[-2].error.code == code
        assert (finished(events).state, finished(events).reason) == (state, reason)
        row = await stored(core, events)
        assert (row.state, row.finish_reason, row.text) == (state, reason, kept)
        assert row.error == events[-2].error

    run(tmp_path, check)


def test_an_unknown_provider_keeps_the_prompt(tmp_path: Path) -> None:
    """The prompt is stored even where nobody can answer it."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        events = await collect(core.chat.reply("Hello", model_id="nobody/x"))
        assert isinstance(events[-2], ReplyFailed)
        assert (await stored(core, events)).state is MessageState.FAILED

    run(tmp_path, check)


def test_refused_before_anything_is_stored(tmp_path: Path) -> None:
    """Empty prompts, unknown ids and the wrong kind of message are refused, and leave nothing behind."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        with pytest.raises(BadRequest):
            core.chat.reply(" \n")
        for refused in (
            core.chat.reply("Hi", conversation_id="unknown"),
            core.chat.reply("Hi", parent_id="unknown"),
            core.chat.retry("unknown"),
            core.chat.edit("unknown", "x"),
            core.chat.continue_reply("unknown"),
        ):
            with pytest.raises(NotFound):
                await collect(refused)
        assert await core.conversations.recent() == []
        done = await collect(ask(core))
        for wrong in (
            core.chat.edit(started(done).message_id, "x"),
            core.chat.retry(started(done).user_message_id or ""),
            core.chat.continue_reply(started(done).message_id),
        ):
            with pytest.raises(BadRequest):
                await collect(wrong)
        assert await rows_of(core, "writing") == 0

    run(tmp_path, check)


def test_one_reply_at_a_time_in_a_conversation(tmp_path: Path) -> None:
    """A second one is refused without a trace, however it begins; after the first has ended it may."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        first = ask(core, "slow")
        begun = await anext(first)
        assert isinstance(begun, ReplyStarted)
        for second in (
            core.chat.reply("Me too", conversation_id=begun.conversation_id),
            core.chat.retry(begun.message_id),
            core.chat.edit(begun.user_message_id or "", "x"),
            core.chat.continue_reply(begun.message_id),
        ):
            with pytest.raises(BadRequest):
                await collect(second)
        await first.aclose()
        branch = await core.conversations.open(begun.conversation_id)
        assert len(branch.messages) == 2
        assert await collect(core.chat.retry(begun.message_id, model_id="work/normal"))

    run(tmp_path, check)


def test_begun_at_the_same_moment_one_wins(tmp_path: Path) -> None:
    """Of two replies begun at once in one conversation exactly one runs."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        conversation_id = started(await collect(ask(core))).conversation_id
        both = [collect(ask(core, conversation_id=conversation_id)) for _ in range(2)]
        results = await asyncio.gather(*both, return_exceptions=True)
        assert sorted(type(r).__name__ for r in results) == ["BadRequest", "list"]
        assert len((await core.conversations.open(conversation_id)).messages) == 4

    run(tmp_path, check)


def test_stop_on_a_silent_stream(tmp_path: Path) -> None:
    """Cancelling returns within 200 ms with the request ended and the row settled as stopped."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        events: list[ReplyEvent] = []

        async def listen() -> None:
            async for event in ask(core, "pause-3"):
                events.append(event)
                if text_of(events).count(" ") == 3:
                    silent.set()

        silent = asyncio.Event()
        task = asyncio.create_task(listen())
        await silent.wait()
        began = time.perf_counter()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.perf_counter() - began < 0.2
        row = await stored(core, events)
        assert (row.state, row.finish_reason, row.text) == (
            MessageState.STOPPED,
            "stopped",
            "The quick brown ",
        )
        assert await asyncio.to_thread(server.wait_until, "disconnected")

    run(tmp_path, check)


@pytest.mark.parametrize("steps", range(12))
def test_cancelled_at_any_await(tmp_path: Path, steps: int) -> None:
    """Cancelled after any number of turns of the loop, no row stays half-written and no reply is stuck."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        task = asyncio.create_task(collect(ask(core)))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert await rows_of(core, "writing") == 0
        for conversation in await core.conversations.recent():
            assert await collect(ask(core, conversation_id=conversation.id))

    run(tmp_path, check)


@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_stopped_twice(tmp_path: Path, steps: int) -> None:
    """A second Stop while the first is being stored leaves the conversation free to be asked again."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        begun = asyncio.Event()

        async def listen() -> None:
            async for event in ask(core, "pause-3"):
                if isinstance(event, TextDelta):
                    begun.set()

        task = asyncio.create_task(listen())
        await begun.wait()
        for _ in range(2):
            task.cancel()
            for _ in range(steps):
                await asyncio.sleep(0)
        await asyncio.wait([task])
        (conversation,) = await core.conversations.recent()
        assert await collect(ask(core, conversation_id=conversation.id))
        assert await rows_of(core, "writing") == 0

    run(tmp_path, check)


def test_closed_from_another_task_and_context(tmp_path: Path) -> None:
    """A reply may be begun, stepped and closed by different tasks, and leaks no operation into them."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        answer = ask(core, "slow")
        loop = asyncio.get_running_loop()
        await loop.create_task(anext(answer), context=contextvars.copy_context())
        assert current_operation() == ""
        await anext(answer)
        await loop.create_task(answer.aclose(), context=contextvars.copy_context())
        assert await rows_of(core, "stopped") == 1

    run(tmp_path, check)


def test_one_id_from_click_to_row(tmp_path: Path) -> None:
    """What a reply logs carries the id of the operation it was asked in, and the row's id."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        with operation("click") as click:
            events = await collect(ask(core, "status-500"))
        ids.append((click, started(events).message_id))

    ids: list[tuple[str, str]] = []
    run(tmp_path, check)
    lines = [json.loads(line) for line in (tmp_path / "home/logs/mastra.log").read_text().splitlines()]
    [(click, message_id)] = ids
    assert {line["event"] for line in lines if line.get("op") == click} >= {"reply failed", "reply settled"}
    assert [line["op"] for line in lines if line.get("message_id") == message_id] == [click]


@pytest.mark.slow
def test_the_row_follows_within_a_second(tmp_path: Path) -> None:
    """While an answer streams, its row is never more than a second behind what has arrived."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        arrived: list[tuple[float, int]] = []
        async for event in ask(core):
            if isinstance(event, TextDelta):
                arrived.append((time.monotonic(), (arrived[-1][1] if arrived else 0) + len(event.text)))
            if isinstance(event, ReplyStarted):
                message_id = event.message_id
            if arrived and len(arrived) % 10 == 0:
                looked = time.monotonic()
                length = len((await core.conversations.message(message_id)).text)
                assert length >= max((n for at, n in arrived if at < looked - 1.0), default=0)
        assert len(arrived) > 20

    run(tmp_path, check, pieces=50, delay_s=0.05)


@pytest.mark.slow
def test_a_full_disk_does_not_take_the_answer_away(tmp_path: Path) -> None:
    """When the end cannot be stored, all text has been given out and the trouble is told before the end."""

    async def check(core: Core, server: ScriptedProvider) -> None:
        answer = ask(core, "long-5000")
        begun = await anext(answer)
        assert isinstance(begun, ReplyStarted)
        await core.db.write(limit_pages, 1)  # SQLite takes the size it has: no page more
        events = [event async for event in answer]
        assert text_of(events) == "".join(words(5000))
        assert isinstance(events[-2], ReplyFailed)
        assert events[-2].error.code == "storage"
        assert (finished(events).state, finished(events).reason) == (MessageState.INTERRUPTED, "interrupted")
        await core.db.write(limit_pages, 1_000_000)
        for _ in range(150):  # there is room again: it is stored whole by itself
            kept = await core.conversations.message(begun.message_id)
            if kept.state is MessageState.DONE:
                break
            await asyncio.sleep(0.1)
        assert (kept.state, kept.text) == (MessageState.DONE, "".join(words(5000)))
        assert (await collect(core.chat.retry(begun.message_id, model_id="work/normal")))[-1]

    def limit_pages(conn: Connection, pages: int) -> None:
        conn.execute(text(f"PRAGMA max_page_count = {pages}"))

    run(tmp_path, check)


def test_titles() -> None:
    """A title is the prompt's first line, cut at a word near 60 characters."""
    assert title_from("\n  ## Hello **you**\nmore") == "Hello **you**"
    long = title_from("word " * 40)
    assert len(long) <= 61
    assert long.endswith("word…")
    assert title_from("###") == "New chat"
