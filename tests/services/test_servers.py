"""PostgreSQL, Redis and a Chroma server, all real: one app over them, two apps that share them, and faults."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import BadRequest, StorageError
from mastra_desktop.domain.events import BusEvent, ConversationChanged, VectorIndexState
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, DocumentState, SearchMode
from mastra_desktop.domain.replies import ReplyFailed, ReplyFinished, SourcesFound, TextDelta
from tests import chroma_server, postgres_server, redis_server
from tests.chroma_server import ChromaServer
from tests.cores import collect, core_over, finished, make_home, started, stored, text_of
from tests.fakes import Script, ScriptedProvider
from tests.postgres_server import PostgresServer
from tests.redis_server import RedisServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(
        not (postgres_server.PROGRAMS and redis_server.PROGRAM and chroma_server.PROGRAM.exists()),
        reason="PostgreSQL, Redis or Chroma's server is not installed",
    ),
]

RULE = "# Samples\n\nA water sample may be stored for no more than 36 hours at 4 degrees.\n"


@dataclass(frozen=True)
class Servers:
    postgres: PostgresServer
    redis: RedisServer
    chroma: ChromaServer


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("servers")
    (folder / "chroma").mkdir()
    with (
        PostgresServer() as postgres,
        RedisServer(folder) as redis,
        ChromaServer(folder / "chroma") as chroma,
    ):
        yield Servers(postgres, redis, chroma)


class Apps:
    """Opens cores that share one new database."""

    def __init__(self, servers: Servers, folder: Path, provider: ScriptedProvider, *, chroma: bool) -> None:
        self._folder = folder
        self._provider = provider
        self.url = servers.postgres.new_database()
        vectors = f'[vectors]\nurl = "{servers.chroma.url}"\n' if chroma else ""
        self._more = f'[database]\nurl = "{self.url}"\n[cache]\nredis_url = "{servers.redis.url}"\n{vectors}'

    @asynccontextmanager
    async def open(self, name: str) -> AsyncIterator[Core]:
        folder = self._folder / name
        folder.mkdir(exist_ok=True)
        async with core_over(make_home(folder, self._provider.base_url, self._more)) as core:
            yield core


def run(
    servers: Servers,
    folder: Path,
    check: Callable[[Apps], Coroutine[Any, Any, None]],
    *scripts: Script,
    chroma: bool = True,
) -> None:
    with ScriptedProvider(scripts or Script(("Hello ", "there."))) as provider:
        apps = Apps(servers, folder, provider, chroma=chroma)
        try:
            asyncio.run(check(apps))
        finally:
            servers.postgres.drop(apps.url)


async def within(seconds: float, what: Callable[[], Awaitable[bool]]) -> float:
    """How long it took until `what` was so, in seconds."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if await what():
            return time.monotonic() - began
        await asyncio.sleep(0.2)
    raise AssertionError(f"not within {seconds} s")


def test_one_app_over_all_three(servers: Servers, tmp_path: Path) -> None:
    """Turns, their search, documents by words and by meaning, and the next start finds all of it."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as core:
            events = await collect(core.chat.reply("What of the zebra?", model_id="work/m"))
            assert finished(events).reason == "stop"
            assert (await stored(core, events)).text == "Hello there."
            found = [hit.message_id for hit in await core.conversations.search("zeb")]
            assert found[0] is None
            assert len(found) == 2
            path = tmp_path / "lab.md"
            path.write_text(RULE)
            collection = await core.knowledge.create_collection("Lab", embedder_id=ENGLISH_EMBEDDER)
            added = await core.knowledge.add(collection.id, [path])
            states = [d.state async for d in core.knowledge.wait(d.id for d in added.documents)]
            assert states[-1] is DocumentState.READY
            for mode in SearchMode:
                result = await core.knowledge.search([collection.id], "how long is water kept", mode=mode)
                assert result.notice == ""
                assert "36 hours" in result.hits[0].passage.text
            question = "How long may a water sample be stored?"
            events = await collect(core.chat.reply(question, model_id="work/m", knowledge=[collection.id]))
            assert any(isinstance(event, SourcesFound) and event.sources for event in events)
        async with apps.open("a") as core:
            assert core.interrupted == 0
            assert len(await core.conversations.recent()) == 2
            (again,) = await core.knowledge.collections()
            assert (again.documents, again.embedded) == (1, 1)

    run(servers, tmp_path, check)


def test_meaning_without_a_vector_server(servers: Servers, tmp_path: Path) -> None:
    """Each app searches by meaning what the other adds, and no longer what it removes, within 4 s."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as one, apps.open("b") as two:
            path = tmp_path / "lab.md"
            path.write_text(RULE)
            collection = await one.knowledge.create_collection("Lab", embedder_id=ENGLISH_EMBEDDER)

            async def found(core: Core) -> bool:
                result = await core.knowledge.search(
                    [collection.id], "how long is water kept", mode=SearchMode.MEANING
                )
                assert result.notice == ""
                return any("36 hours" in hit.passage.text for hit in result.hits)

            assert not await found(two)
            added = await one.knowledge.add(collection.id, [path])
            states = [d.state async for d in one.knowledge.wait(d.id for d in added.documents)]
            assert states[-1] is DocumentState.READY
            print(f"found after {await within(4, lambda: found(two)):.1f} s")
            assert await found(one)
            state = two.knowledge.index_state()
            assert state is not None
            assert state.state is not VectorIndexState.DOWN
            await two.knowledge.remove(added.documents[0].id)
            assert not await found(two)
            assert not await found(one)
            assert not (tmp_path / "a" / "home" / "vectors").exists()

    run(servers, tmp_path, check, chroma=False)


def test_too_much_for_meaning_without_a_vector_server(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above the bound words are searched, and the result and the index's state say why."""
    monkeypatch.setattr("mastra_desktop.store.vectors_memory.MOST", 0)

    async def check(apps: Apps) -> None:
        async with apps.open("a") as core:
            path = tmp_path / "lab.md"
            path.write_text(RULE)
            collection = await core.knowledge.create_collection("Lab", embedder_id=ENGLISH_EMBEDDER)
            added = await core.knowledge.add(collection.id, [path])
            states = [d.state async for d in core.knowledge.wait(d.id for d in added.documents)]
            assert states[-1] is DocumentState.READY
            result = await core.knowledge.search([collection.id], "how long is water kept")
            assert "36 hours" in result.hits[0].passage.text
            assert "searched by words only" in result.notice
            state = core.knowledge.index_state()
            assert state is not None
            assert state.state is VectorIndexState.DOWN
            assert "vectors.url" in state.detail

    run(servers, tmp_path, check, chroma=False)


def test_two_apps_share_conversations(servers: Servers, tmp_path: Path) -> None:
    """What one writes the other sees and is told of; a conversation is answered by one of them at a time."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as one, apps.open("b") as two:
            heard: list[BusEvent] = []
            two.bus.subscribe(heard.append)
            await asyncio.sleep(1)  # the first look at what there is
            events = await collect(one.chat.reply("First", model_id="work/normal"))
            id = started(events).conversation_id

            async def told() -> bool:
                return ConversationChanged(id) in heard

            await within(10, told)
            assert (await two.conversations.open(id)).messages[-1].text == text_of(events)
            slow = one.chat.reply("Second", conversation_id=id, model_id="work/slow")
            async for event in slow:
                if isinstance(event, TextDelta):
                    break
            with pytest.raises(BadRequest, match="still being answered"):
                await collect(two.chat.reply("Meanwhile", conversation_id=id))
            await slow.aclose()
            last = await collect(two.chat.reply("Third", conversation_id=id, model_id="work/normal"))
            assert finished(last).reason == "stop"
            branch = await one.conversations.open(id)
            prompts = [m.text for m in branch.messages if m.parent_id is None or m.role.value == "user"]
            assert prompts == ["First", "Second", "Third"]

    with_scripts = (Script(("a ", "b ")), Script(("x ",) * 50, delay_s=0.2), Script(("c ",)))
    run(servers, tmp_path, check, *with_scripts)


def test_turns_of_both_in_one_conversation_are_all_kept(servers: Servers, tmp_path: Path) -> None:
    """Two apps asking in the same conversations as fast as they can: a straight branch, no turn lost."""

    async def ask(core: Core, ids: list[str], name: str) -> list[tuple[str, str]]:
        kept = []
        for n in range(20):
            id = ids[n % len(ids)]
            while True:
                try:
                    events = await collect(core.chat.reply(f"{name}{n}", conversation_id=id))
                except BadRequest:
                    await asyncio.sleep(0.02)
                    continue
                assert finished(events).reason == "stop"
                kept.append((id, f"{name}{n}"))
                break
        return kept

    async def check(apps: Apps) -> None:
        async with apps.open("a") as one, apps.open("b") as two:
            made = [await one.conversations.create(f"c{n}", model_id="work/m") for n in range(2)]
            ids = [c.id for c in made]
            kept = await asyncio.gather(
                *(ask(core, ids, n) for core, n in ((one, "a"), (two, "b"), (one, "c")))
            )
            for id in ids:
                branch = await two.conversations.whole(id)
                said = [m.text for m in branch.messages if m.role.value == "user"]
                assert sorted(said) == sorted(text for turns in kept for other, text in turns if other == id)
                assert all(m.state is MessageState.DONE for m in branch.messages)
                assert [m.depth for m in branch.messages] == list(range(2 * len(said)))

    run(servers, tmp_path, check)


def test_two_apps_share_knowledge(servers: Servers, tmp_path: Path) -> None:
    """Both add to one collection at once: each document is read and embedded once, both find all of it."""

    async def add(core: Core, collection_id: str, name: str) -> None:
        folder = tmp_path / name
        folder.mkdir()
        for n in range(8):
            (folder / f"{name}{n}.md").write_text(f"# {name}\n\nThe {name} number {n} weighs {n}00 grams.\n")
        added = await core.knowledge.add(collection_id, [folder])
        async for _ in core.knowledge.wait(d.id for d in added.documents):
            pass

    async def check(apps: Apps) -> None:
        async with apps.open("a") as one, apps.open("b") as two:
            collection = await one.knowledge.create_collection("Both", embedder_id=ENGLISH_EMBEDDER)
            await asyncio.wait_for(
                asyncio.gather(add(one, collection.id, "apple"), add(two, collection.id, "pear")), 120
            )

            async def all_there() -> bool:
                (now,) = await two.knowledge.collections()
                return (now.documents, now.passages, now.embedded, now.adding) == (16, 16, 16, 0)

            await within(60, all_there)
            for core in (one, two):
                for mode in (SearchMode.WORDS, SearchMode.MEANING):
                    found = await core.knowledge.search(
                        [collection.id], "how heavy is a pear number 3", mode=mode
                    )
                    assert any("pear number 3" in hit.passage.text for hit in found.hits)

    run(servers, tmp_path, check)


def test_what_a_killed_app_left_is_taken_over(servers: Servers, tmp_path: Path) -> None:
    """An answer whose app is gone counts as interrupted once its lease is over; one being written does not."""

    async def check(apps: Apps) -> None:
        async with AsyncExitStack() as stack:
            two = await stack.enter_async_context(apps.open("b"))
            async with apps.open("a") as one:
                slow = one.chat.reply("Hi", model_id="work/pause-3")
                events = []
                async for event in slow:
                    events.append(event)
                    if isinstance(event, TextDelta):
                        break
                id = started(events).message_id
                await asyncio.sleep(6)  # the other looks meanwhile
                assert (await two.conversations.message(id)).state is MessageState.WRITING
                await one.db.write(_die)  # nothing says any more that it is there

                async def interrupted() -> bool:
                    return (await two.conversations.message(id)).state is MessageState.INTERRUPTED

                # Its own beat would bring it back; the other's comes first often enough.
                await within(10, interrupted)
                await slow.aclose()
            assert (await two.conversations.message(id)).state is MessageState.STOPPED

    run(servers, tmp_path, check, Script(("one ", "two ", "three "), silent_after=3))


def _die(conn: Any) -> None:
    from sqlalchemy import text

    from mastra_desktop.store import messages

    conn.execute(text("DELETE FROM processes"))
    messages.mark_interrupted(conn, time.time())


async def _turns(core: Core, until: asyncio.Event, said: list[str], failed: list[str]) -> None:
    """Asks again and again; keeps what was acknowledged, and each kind of error."""
    n = 0
    while not until.is_set():
        n += 1
        try:
            events = await asyncio.wait_for(
                collect(core.chat.reply(f"question {id(said)} {n}", model_id="work/m")), 30
            )
        except StorageError as error:
            assert error.hint
            failed.append(error.message)
            await asyncio.sleep(0.1)
            continue
        trouble = [e for e in events if isinstance(e, ReplyFailed)]
        if trouble:
            assert trouble[0].error.code == "storage"
            failed.append(trouble[0].error.message)
        elif isinstance(events[-1], ReplyFinished):
            said.append(started(events).message_id)


def test_postgres_killed_under_load(servers: Servers, tmp_path: Path) -> None:
    """Errors say what is down, nothing hangs, no finished turn is lost, and it goes on by itself."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as core, apps.open("b") as other:
            until = asyncio.Event()
            failed: list[str] = []
            lists: list[list[str]] = [[] for _ in range(6)]
            async with asyncio.TaskGroup() as group:
                for n, mine in enumerate(lists):
                    group.create_task(_turns((core, other)[n % 2], until, mine, failed))
                for _ in range(2):
                    await asyncio.sleep(2)
                    await asyncio.to_thread(servers.postgres.kill)
                    await asyncio.sleep(2)
                    done = sum(map(len, lists))
                    await asyncio.to_thread(servers.postgres.start)

                    async def goes_on(done: int = done) -> bool:
                        return sum(map(len, lists)) >= done + 12

                    back = await within(30, goes_on)
                    print(f"went on {back:.1f} s after PostgreSQL was back")
                until.set()
            said = [id for mine in lists for id in mine]
            assert failed
            assert set(failed) <= {
                "The database server cannot be reached.",
                "The database server is restarting.",
            }
            for id in said:
                assert (await core.conversations.message(id)).state is MessageState.DONE

            async def nothing_open() -> bool:
                branches = [await core.conversations.open(c.id) for c in await core.conversations.recent()]
                states = {m.state for b in branches for m in b.messages}
                return MessageState.WRITING not in states

            await within(30, nothing_open)
            print(f"{len(said)} turns kept, {len(failed)} told of the fault")

    run(servers, tmp_path, check)


def test_an_answer_that_ended_while_postgres_was_away(servers: Servers, tmp_path: Path) -> None:
    """Its text streams on; that it could not be saved is said, and it is saved whole once that works again."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as core:
            answer = core.chat.reply("Hi", model_id="work/m")
            events = []
            async for event in answer:
                events.append(event)
                if isinstance(event, TextDelta) and len(events) == 3:
                    await asyncio.to_thread(servers.postgres.kill)
            failed = [event for event in events if isinstance(event, ReplyFailed)]
            assert failed[0].error.code == "storage"
            assert text_of(events) == "word " * 20
            with pytest.raises(StorageError):
                await core.conversations.recent()
            await asyncio.to_thread(servers.postgres.start)
            id = started(events).message_id

            async def saved() -> bool:
                return (await core.conversations.message(id)).state is MessageState.DONE

            await within(15, saved)
            assert (await core.conversations.message(id)).text == "word " * 20

    run(servers, tmp_path, check, Script(("word ",) * 20, delay_s=0.1))


def test_redis_and_chroma_killed_under_load(servers: Servers, tmp_path: Path) -> None:
    """Without Redis answers go on; without Chroma words are searched; both are used again once they are back."""

    async def check(apps: Apps) -> None:
        async with apps.open("a") as core:
            path = tmp_path / "lab.md"
            path.write_text(RULE)
            collection = await core.knowledge.create_collection("Lab", embedder_id=ENGLISH_EMBEDDER)
            added = await core.knowledge.add(collection.id, [path])
            async for _ in core.knowledge.wait(d.id for d in added.documents):
                pass
            redis.kill()
            chroma.kill()
            try:
                events = await asyncio.wait_for(collect(core.chat.reply("Hi", model_id="work/m")), 20)
                assert finished(events).reason == "stop"
                found = await asyncio.wait_for(core.knowledge.search([collection.id], "water hours"), 40)
                assert "36 hours" in found.hits[0].passage.text
                assert found.notice
                more = tmp_path / "more.md"
                more.write_text("# More\n\nThe giraffe is four metres tall.\n")
                added = await core.knowledge.add(collection.id, [more])
                await asyncio.sleep(3)
            finally:
                await asyncio.to_thread(redis.start)
                await asyncio.to_thread(chroma.start)

            async def by_meaning() -> bool:
                found = await core.knowledge.search(
                    [collection.id], "how tall is a giraffe", mode=SearchMode.MEANING
                )
                return not found.notice and any("giraffe" in hit.passage.text for hit in found.hits)

            back = await within(30, by_meaning)
            print(f"searched by meaning {back:.1f} s after Chroma was back")
            events = await collect(core.chat.reply("Hi again", model_id="work/m"))
            assert finished(events).reason == "stop"

    (tmp_path / "chroma").mkdir()
    with RedisServer(tmp_path) as redis, ChromaServer(tmp_path / "chroma") as chroma:
        run(Servers(servers.postgres, redis, chroma), tmp_path, check)
