"""Replies from knowledge: what is searched, what the model is given, what is kept of the sources."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import (
    Collection,
    Document,
    DocumentState,
    Passage,
    PassageHit,
    SearchMode,
    SearchResult,
)
from mastra_desktop.domain.replies import (
    ReplyEvent,
    ReplyFailed,
    ReplyStarted,
    Searching,
    SourcesFound,
    TextDelta,
)
from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.services.answer_cache import AnswerCache
from mastra_desktop.services.chat import ChatService
from mastra_desktop.services.grounding import KnowledgeRetriever
from mastra_desktop.store import conversations
from tests.cores import collect, core_over, finished, make_home, started, stored, take, text_of
from tests.fakes import Script, ScriptedProvider

RULE = "A water sample may be stored for no more than 36 hours. See [7]."
LOG = "The laboratory keeps a record of every sample."
CITING = (
    "At most ",
    "36 hours",
    " [",
    "1",
    "]",
    " and [9",
    "]. ",
    "The city of Paris has many famous ",
    "museums.",
)
CITED = "At most 36 hours [1] and. The city of Paris has many famous museums."


class Shelf:
    """Knowledge at the edge of these tests: it finds what it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.texts: list[str] = [RULE, LOG]
        self.notice = ""
        self.relevant = True
        self.error: Exception | None = None
        self.asked: list[tuple[tuple[str, ...], str]] = []

    async def collections(self) -> list[Collection]:
        return [Collection("c1", "Rules"), Collection("c2", "Letters")]

    async def search(
        self, collection_ids: Sequence[str], query: str, *, k: int = 10, mode: SearchMode = SearchMode.HYBRID
    ) -> SearchResult:
        self.asked.append((tuple(collection_ids), query))
        if self.error:
            raise self.error
        document = Document("d1", "c1", "rules.pdf", "/x/rules.pdf", DocumentState.READY)
        hits = [
            PassageHit(n, 1 / n, Passage(n, "d1", "c1", n, 0, len(text), text, page=n), document, "Rules")
            for n, text in enumerate(self.texts, 1)
        ]
        return SearchResult(tuple(hits[:k]), 1.0, self.notice, self.relevant)


Check = Callable[[Core, ScriptedProvider, Shelf], Coroutine[Any, Any, None]]


def run(folder: Path, check: Check, *scripts: Script) -> None:
    """Runs `check` over a core whose chats search a shelf."""

    async def main(provider: ScriptedProvider) -> None:
        async with core_over(make_home(folder, provider.base_url)) as core:
            shelf = Shelf()
            answers = AnswerCache(core.cache, core.providers.identity)
            retriever = KnowledgeRetriever(shelf)
            chat = ChatService(core.db, core.registry, core.bus, KnownSecrets(), answers, retriever=retriever)
            await check(dataclasses.replace(core, chat=chat), provider, shelf)

    with ScriptedProvider(scripts or Script(CITING)) as provider:
        asyncio.run(main(provider))


def ask(
    core: Core, text: str = "How long may a sample be stored?", **more: Any
) -> AsyncGenerator[ReplyEvent]:
    return core.chat.reply(text, **{"model_id": "work/m", "knowledge": ["c1"], **more})


def prompt_of(server: ScriptedProvider, request: int = -1) -> str:
    return str(server.chats[request].body["messages"][-1]["content"])


def test_an_answer_with_sources(tmp_path: Path) -> None:
    """Start, search, sources, text; what does not exist is not cited, and all of it is in the row."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        events = await collect(ask(core))
        kinds = [type(event) for event in events]
        assert kinds[:3] == [ReplyStarted, Searching, SourcesFound]
        assert kinds[3] is TextDelta
        assert events[1] == Searching(("c1",))
        assert text_of(events) == CITED
        end = finished(events)
        assert [(s.n, s.document, s.page, s.cited) for s in end.sources] == [
            (1, "rules.pdf", 1, True),
            (2, "rules.pdf", 2, False),
        ]
        assert [CITED[a:b] for a, b in end.unsupported] == ["The city of Paris has many famous museums."]
        row = await stored(core, events)
        assert (row.text, row.sources, row.unsupported) == (CITED, end.sources, end.unsupported)
        branch = await core.conversations.open(row.conversation_id)
        assert branch.messages[-1].sources == end.sources
        assert branch.conversation.knowledge == ("c1",)
        assert "36 hours. See (7)." in prompt_of(server)

    run(tmp_path, check)


def test_without_knowledge_nothing_is_searched(tmp_path: Path) -> None:
    """A chat without collections shows brackets as they come."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        events = await collect(ask(core, knowledge=None))
        assert text_of(events) == "".join(CITING)
        assert shelf.asked == []
        assert (await stored(core, events)).sources == ()

    run(tmp_path, check)


def test_the_conversation_remembers_its_collections(tmp_path: Path) -> None:
    """A next prompt, an edit and another try search again; a short question takes the last one along."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        first = await collect(ask(core))
        id = started(first).conversation_id
        more = await collect(ask(core, "And at 10 degrees?", conversation_id=id, knowledge=None))
        assert shelf.asked[1][1].startswith("How long may a sample")
        history = server.chats[1].body["messages"]
        assert history[-2]["content"] == CITED.replace(" [1]", "")
        assert history[-3]["content"] == "How long may a sample be stored?"
        await collect(core.chat.retry(started(more).message_id))
        prompt_id = started(first).user_message_id
        assert prompt_id
        await collect(core.chat.edit(prompt_id, "How long may a blood sample be stored?"))
        assert shelf.asked[2][1] == shelf.asked[1][1]
        assert shelf.asked[3] == (("c1",), "How long may a blood sample be stored?")
        await collect(ask(core, conversation_id=id, knowledge=()))
        await collect(ask(core, conversation_id=id, knowledge=None))
        assert len(shelf.asked) == 4

    run(tmp_path, check)


def test_a_stopped_answer_keeps_its_sources_and_goes_on_with_them(tmp_path: Path) -> None:
    """Stop keeps text and sources; Continue does not search again, and its numbers mean the same."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        events = await take(ask(core), 2)
        row = await stored(core, events)
        assert (row.state, row.text) == (MessageState.STOPPED, "At most 36 hours")
        assert [s.cited for s in row.sources] == [False, False]
        more = await collect(core.chat.continue_reply(row.id))
        assert len(shelf.asked) == 1
        assert [type(e) for e in more[:2]] == [ReplyStarted, SourcesFound]
        again = await stored(core, more)
        assert again.text == "At most 36 hours" + " [2]!"
        assert [s.cited for s in again.sources] == [False, True]
        contents = [m["content"] for m in server.chats[1].body["messages"]]
        assert any(RULE.replace("[7]", "(7)") in content for content in contents)

    run(tmp_path, check, Script(CITING, delay_s=0.05), Script((" [2]", "[3]!")))


def test_a_continued_answer_counts_what_it_cited_before(tmp_path: Path) -> None:
    """What the first part cites stays cited."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        events = await collect(ask(core))
        row = await stored(core, events)
        assert row.finish_reason == "length"
        again = await stored(core, await collect(core.chat.continue_reply(row.id)))
        assert again.text == "At most 36 hours [1]. Kept [2]."
        assert [s.cited for s in again.sources] == [True, True]

    run(
        tmp_path,
        check,
        Script(("At most 36 hours [1].",), finish_reason="length"),
        Script((" Kept [2]", ".")),
    )


def test_nothing_found(tmp_path: Path) -> None:
    """When nothing is about the question, the model is told, and no number it makes up is shown."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        shelf.relevant = False
        events = await collect(ask(core))
        assert SourcesFound(()) in events
        assert "[" not in text_of(events)
        assert "nothing relevant" in prompt_of(server)
        assert RULE not in prompt_of(server)

    run(tmp_path, check)


def test_an_answer_without_a_citation_gets_one(tmp_path: Path) -> None:
    """A short answer that is clearly from one source cites it at its end, in the stream and in the row."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        events = await collect(ask(core))
        assert text_of(events) == "A sample may be stored for 36 hours. [1]"
        row = await stored(core, events)
        assert row.text == text_of(events)
        assert [s.cited for s in row.sources] == [True, False]

    run(tmp_path, check, Script(("A sample may be ", "stored for 36 hours.")))


def test_a_notice_goes_along(tmp_path: Path) -> None:
    """What the search had to do without is told with the sources."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        shelf.notice = "Only words were searched."
        [found] = [e for e in await collect(ask(core)) if isinstance(e, SourcesFound)]
        assert found.notice == "Only words were searched."
        gone = [e for e in await collect(ask(core, knowledge=["gone"])) if isinstance(e, SourcesFound)]
        assert gone[0].sources == ()
        assert "does not exist" in gone[0].notice

    run(tmp_path, check)


def test_a_search_that_fails_keeps_the_prompt(tmp_path: Path) -> None:
    """The error card as for any failure; the prompt is there, and trying again works."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        shelf.error = KnowledgeError("The index can't be read.", hint="Search again later.")
        events = await collect(ask(core))
        [failed] = [e for e in events if isinstance(e, ReplyFailed)]
        assert failed.error.code == "knowledge"
        assert not server.chats
        branch = await core.conversations.open(started(events).conversation_id)
        assert branch.messages[0].text == "How long may a sample be stored?"
        assert branch.messages[1].state is MessageState.FAILED
        shelf.error = None
        assert text_of(await collect(core.chat.retry(branch.messages[1].id))) == CITED

    run(tmp_path, check)


def test_the_cache_knows_what_was_found(tmp_path: Path) -> None:
    """The same question with the same passages is answered from the cache, with others it is asked anew."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        first = await collect(ask(core, temperature=0))
        second = await collect(ask(core, temperature=0))
        assert finished(second).cached
        assert text_of(second) == text_of(first)
        assert finished(second).sources == finished(first).sources
        shelf.texts[0] = RULE.replace("36", "48")
        assert not finished(await collect(ask(core, temperature=0))).cached
        assert len(server.chats) == 2

    run(tmp_path, check)


def test_a_deleted_conversation_takes_its_sources_along(tmp_path: Path) -> None:
    """Nothing of a passage stays behind when the trash is emptied."""

    async def check(core: Core, server: ScriptedProvider, shelf: Shelf) -> None:
        def count(conn: Connection) -> int:
            return int(conn.execute(text("SELECT count(*) FROM message_sources")).scalar() or 0)

        events = await collect(ask(core))
        assert await core.db.read(count) == 1
        await core.conversations.delete(started(events).conversation_id)
        await core.db.write(conversations.purge_deleted, 1e12)
        assert await core.db.read(count) == 0

    run(tmp_path, check)
