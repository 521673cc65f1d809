"""Knowledge from file to hit, with the real reader, embedder, database and index."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.errors import BadRequest, NotFound
from mastra_desktop.domain.events import BusEvent, DocumentChanged
from mastra_desktop.domain.knowledge import (
    ENGLISH_EMBEDDER,
    MULTILINGUAL_EMBEDDER,
    Collection,
    Document,
    DocumentState,
    SearchFilter,
    SearchMode,
)
from tests.cores import core_over, make_home

STORAGE = (
    "# Laboratory\n\n## Samples\n\nA water sample may be stored for no more than 36 hours at 4 degrees.\n"
)
RULES = "# Rules\n\nNobody runs in the corridor of the laboratory.\n"
PRICES = "# Prices\n\nA student pays 38 euros per night, everybody else 55 euros.\n"


def over_core(folder: Path, check: Callable[[Core], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        home = folder / "home"
        home.mkdir(exist_ok=True)
        async with core_over(home) as core:
            await check(core)

    asyncio.run(main())


async def english(core: Core, name: str = "Handbook") -> Collection:
    """A collection with the quick embedder."""
    return await core.knowledge.create_collection(name, embedder_id=ENGLISH_EMBEDDER)


async def added(core: Core, collection: Collection, *paths: Path, **more: Any) -> list[Document]:
    """The documents once each is ready or failed."""
    found = await core.knowledge.add(collection.id, paths, **more)
    last = {d.id: d async for d in core.knowledge.wait(d.id for d in found.documents)}
    return [last[d.id] for d in found.documents]


async def ended(core: Core, documents: Iterable[Document]) -> None:
    async for _ in core.knowledge.wait(d.id for d in documents):
        pass


async def until(core: Core, collection: Collection, names: set[str]) -> None:
    """Waits until exactly these documents are there, and ready."""
    async with asyncio.timeout(25):
        while True:
            found = await core.knowledge.documents(collection.id)
            ready = {d.name for d in found if d.state is DocumentState.READY}
            if ready == names and len(found) == len(names):
                return
            await asyncio.sleep(0.1)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_from_file_to_hit(tmp_path: Path) -> None:
    """A file becomes ready through its states; words, meaning and both together find the passage."""
    path = write(tmp_path, "lab.md", STORAGE)

    async def check(core: Core) -> None:
        heard: list[BusEvent] = []
        core.bus.subscribe(heard.append)
        collection = await english(core)
        documents = await added(core, collection, path, write(tmp_path, "prices.md", PRICES))
        assert [d.state for d in documents] == [DocumentState.READY] * 2
        states = [e.document.state for e in heard if isinstance(e, DocumentChanged)]
        assert states[0] is DocumentState.QUEUED
        assert DocumentState.READING in states
        assert DocumentState.EMBEDDING in states
        for mode in SearchMode:
            found = await core.knowledge.search([collection.id], "how long is water stored", mode=mode)
            assert found.notice == ""
            best = found.hits[0]
            assert best.document.name == "lab.md"
            assert best.passage.heading[-1:] == ("Samples",)
            whole = await core.knowledge.document_text(best.document.id)
            assert whole.text[best.passage.start : best.passage.end] == best.passage.text
            assert "36 hours" in best.passage.text
        (now,) = await core.knowledge.collections()
        assert (now.documents, now.passages, now.embedded, now.adding) == (2, 2, 2, 0)

    over_core(tmp_path, check)


@pytest.mark.slow
def test_unchanged_changed_and_clashing_files(tmp_path: Path) -> None:
    """Unchanged files are skipped, changed ones replaced in one step; another file of the name is asked about."""
    path = write(tmp_path, "a/lab.md", STORAGE)
    other = write(tmp_path, "b/lab.md", PRICES)

    async def check(core: Core) -> None:
        collection = await english(core)
        (first,) = await added(core, collection, path)
        assert (await core.knowledge.add(collection.id, [path])).unchanged == (path,)
        path.write_text(STORAGE.replace("36", "48"))
        (second,) = await added(core, collection, path)
        assert second.id != first.id
        found = await core.knowledge.search([collection.id], "water sample hours")
        assert [("48" in h.passage.text, "36" in h.passage.text) for h in found.hits] == [(True, False)]
        assert (await core.knowledge.add(collection.id, [other])).clashes == (other,)
        (third,) = await added(core, collection, other, on_same_name="keep_both")
        assert third.name == "lab (2).md"
        assert {d.name for d in await core.knowledge.documents(collection.id)} == {"lab.md", "lab (2).md"}
        (copy,) = (await core.knowledge.add(collection.id, [write(tmp_path, "copy.md", PRICES)])).unchanged
        assert copy.name == "copy.md"

    over_core(tmp_path, check)


@pytest.mark.slow
def test_one_bad_file_fails_alone(tmp_path: Path) -> None:
    """A file that cannot be read fails with a reason; the others are ready; mended, it is read again."""
    bad = tmp_path / "broken.pdf"
    bad.write_bytes(b"%PDF-1.7 nothing behind it")
    good = write(tmp_path, "lab.md", STORAGE)

    async def check(core: Core) -> None:
        collection = await english(core)
        found = await core.knowledge.add(collection.id, [bad, good, tmp_path / "missing.md"])
        assert [path.name for path, _ in found.refused] == ["missing.md"]
        last = {d.name: d async for d in core.knowledge.wait(d.id for d in found.documents)}
        assert last["lab.md"].state is DocumentState.READY
        failed = last["broken.pdf"]
        assert failed.state is DocumentState.FAILED
        assert failed.error
        assert failed.error.code == "knowledge"
        assert failed.error.message
        (now,) = await core.knowledge.collections()
        assert now.failed == 1
        again = await core.knowledge.add(collection.id, [bad])
        assert [d.id for d in again.documents] == [failed.id]  # the same document, once more
        await ended(core, again.documents)
        assert await core.knowledge.retry_failed(collection.id) == [failed.id]
        await ended(core, again.documents)
        copy = write(tmp_path, "else/copy.pdf", bad.read_text())
        (second,) = (await core.knowledge.add(collection.id, [copy])).documents  # tried, not "unchanged"
        await ended(core, [second])
        names = {d.name for d in await core.knowledge.documents(collection.id)}
        assert names == {"lab.md", "copy.pdf"}  # in the place of what failed

    over_core(tmp_path, check)


@pytest.mark.slow
def test_removing_and_bringing_back(tmp_path: Path) -> None:
    """A removed document or collection is found no more, at once; restored it is found again."""
    path = write(tmp_path, "lab.md", STORAGE)

    async def check(core: Core) -> None:
        collection = await english(core)
        (document,) = await added(core, collection, path)
        await core.knowledge.remove(document.id)
        assert not (await core.knowledge.search([collection.id], "water sample")).hits
        await core.knowledge.restore(document.id)
        assert (await core.knowledge.search([collection.id], "water sample")).hits
        (other,) = await added(core, collection, write(tmp_path, "prices.md", PRICES))
        for one in (document, other):
            await core.knowledge.remove(one.id)
        await added(core, collection, path)  # again: bringing the first back would make two of it
        failed = await core.knowledge.restore_all([document, other])
        assert [(d.name, why.code) for d, why in failed] == [("lab.md", "bad_request")]
        assert {d.name for d in await core.knowledge.documents(collection.id)} == {"lab.md", "prices.md"}
        await core.knowledge.remove_collection(collection.id)
        assert await core.knowledge.collections() == []
        with pytest.raises(BadRequest):
            await core.knowledge.search([collection.id], "water")
        await core.knowledge.restore_collection(collection.id)
        assert (await core.knowledge.search([collection.id], "water sample")).hits

    over_core(tmp_path, check)


@pytest.mark.slow
def test_folder_filters_and_pause(tmp_path: Path) -> None:
    """Folders are walked without hidden files; a paused collection waits; filters narrow a search."""
    write(tmp_path, "docs/one.md", STORAGE)
    write(tmp_path, "docs/deep/two.txt", "The water sample belongs into the cold room.")
    write(tmp_path, "docs/.git/three.md", "water sample")

    async def check(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.pause(collection.id)
        found = await core.knowledge.add(collection.id, [tmp_path / "docs"])
        assert sorted(d.name for d in found.documents) == ["one.md", "two.txt"]
        await asyncio.sleep(0.5)
        assert {d.state for d in await core.knowledge.documents(collection.id)} == {DocumentState.QUEUED}
        await core.knowledge.resume(collection.id)
        assert [d.state async for d in core.knowledge.wait(d.id for d in found.documents)][-1] == "ready"
        hits = (await core.knowledge.search([collection.id], "water sample")).hits
        assert {h.document.name for h in hits} == {"one.md", "two.txt"}
        only = SearchFilter(suffixes=(".txt",))
        for mode in SearchMode:
            result = await core.knowledge.search([collection.id], "water sample", mode=mode, filter=only)
            assert [h.document.name for h in result.hits] == ["two.txt"]

    over_core(tmp_path, check)


@pytest.mark.slow
def test_another_embedder_indexes_again(tmp_path: Path) -> None:
    """Changing the embedder keeps words searchable, and meaning comes back with the new vectors."""
    path = write(tmp_path, "lab.md", STORAGE)

    async def check(core: Core) -> None:
        collection = await english(core)
        (document,) = await added(core, collection, path)
        await core.knowledge.reindex(collection.id)
        assert (await core.knowledge.search([collection.id], "water", mode=SearchMode.WORDS)).hits
        assert [d async for d in core.knowledge.wait([document.id])][-1].state is DocumentState.READY
        found = await core.knowledge.search([collection.id], "storage time", mode=SearchMode.MEANING)
        assert found.hits[0].document.id == document.id
        with pytest.raises(NotFound):
            await core.knowledge.change_collection(collection.id, embedder_id="nobody/model")

    over_core(tmp_path, check)


@pytest.mark.slow
def test_an_unfinished_document_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """Closed in mid work, nothing is lost and nothing is there twice."""
    paths = [write(tmp_path, f"f{i}.md", STORAGE.replace("36", str(100 + i))) for i in range(6)]

    async def begin(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.add(collection.id, paths)

    async def go_on(core: Core) -> None:
        (collection,) = await core.knowledge.collections()
        await core.knowledge.start()
        ids = [d.id for d in await core.knowledge.documents(collection.id)]
        assert len(ids) == 6
        last = {d.id: d.state async for d in core.knowledge.wait(ids)}
        assert set(last.values()) == {DocumentState.READY}
        found = await core.knowledge.search([collection.id], "water sample", k=50)
        assert len(found.hits) == 6

    over_core(tmp_path, begin)
    over_core(tmp_path, go_on)


@pytest.mark.slow
def test_a_watched_folder_is_kept_in_step(tmp_path: Path) -> None:
    """New files come in, changed ones are replaced, removed ones go, without anybody asking."""
    folder = tmp_path / "notes"
    one = write(folder, "one.md", STORAGE)

    async def check(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.watch(collection.id, folder)
        await until(core, collection, {"one.md"})
        write(folder, "two.md", PRICES)
        await until(core, collection, {"one.md", "two.md"})
        one.unlink()
        await until(core, collection, {"two.md"})
        await core.knowledge.watch(collection.id, None)
        (now,) = await core.knowledge.collections()
        assert now.watched == ""

    over_core(tmp_path, check)


@pytest.mark.slow
def test_an_embedder_that_is_away_keeps_nobody_waiting(tmp_path: Path) -> None:
    """While one collection's server cannot be reached, documents of others become ready."""
    home = make_home(tmp_path, "http://127.0.0.1:9/v1")

    async def main() -> None:
        async with core_over(home) as core:
            away = await core.knowledge.create_collection("Away", embedder_id="work/embed")
            near = await english(core)
            await core.knowledge.pause(near.id)
            (first,) = (await core.knowledge.add(near.id, [write(tmp_path, "prices.md", PRICES)])).documents
            # Added last, so that it goes first each time.
            (last,) = (await core.knowledge.add(away.id, [write(tmp_path, "lab.md", STORAGE)])).documents
            async for document in core.knowledge.wait([last.id]):
                if document.state is DocumentState.EMBEDDING:
                    break
            await core.knowledge.resume(near.id)
            async with asyncio.timeout(20):
                ready = [d async for d in core.knowledge.wait([first.id])][-1]
            assert ready.state is DocumentState.READY
            assert (await core.knowledge.document(last.id)).state is DocumentState.EMBEDDING

    asyncio.run(main())


@pytest.mark.slow
def test_a_watched_folder_renamed_emptied_and_made_anew(tmp_path: Path) -> None:
    """A renamed file stays; a folder that went and came back is watched again; so is a restored collection."""
    folder = tmp_path / "notes"
    one = write(folder, "one.md", STORAGE)

    async def check(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.watch(collection.id, folder)
        await until(core, collection, {"one.md"})
        one.rename(folder / "uno.md")
        await until(core, collection, {"uno.md"})
        folder.rename(tmp_path / "away")
        await asyncio.sleep(3.0)
        assert len(await core.knowledge.documents(collection.id)) == 1  # the drive went, not the files
        write(folder, "two.md", PRICES)
        await until(core, collection, {"two.md"})
        await core.knowledge.remove_collection(collection.id)
        await core.knowledge.restore_collection(collection.id)
        write(folder, "three.md", RULES)
        await until(core, collection, {"two.md", "three.md"})

    over_core(tmp_path, check)


@pytest.mark.slow
def test_waiting_for_what_is_removed_ends(tmp_path: Path) -> None:
    """Who waits for a document that somebody removes is not kept waiting."""

    async def check(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.pause(collection.id)
        (document,) = (await core.knowledge.add(collection.id, [write(tmp_path, "a.md", STORAGE)])).documents
        async with asyncio.timeout(10):
            async for waiting in core.knowledge.wait([document.id]):
                assert waiting.state is DocumentState.QUEUED
                await core.knowledge.remove(waiting.id)

    over_core(tmp_path, check)


@pytest.mark.slow
def test_pages_that_differ_in_their_query_are_two(tmp_path: Path) -> None:
    """Adding one leaves the other alone; the same address again takes its place."""

    async def check(core: Core) -> None:
        collection = await english(core)
        await core.knowledge.pause(collection.id)
        for end in ("?id=1", "?id=2", "?id=1#part"):
            await core.knowledge.add_url(collection.id, f"https://example.com/item{end}")
        names = {d.name for d in await core.knowledge.documents(collection.id)}
        assert names == {"example.com/item?id=1", "example.com/item?id=2"}

    over_core(tmp_path, check)


def test_a_change_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    """With a name that is taken the embedder stays too."""

    async def check(core: Core) -> None:
        collection = await english(core)
        await english(core, "Taken")
        change = core.knowledge.change_collection
        with pytest.raises(BadRequest, match="already"):
            await change(collection.id, name="Taken", embedder_id=MULTILINGUAL_EMBEDDER)
        assert (await core.knowledge.collection(collection.id)).embedder_id == ENGLISH_EMBEDDER

    over_core(tmp_path, check)
