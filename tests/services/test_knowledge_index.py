"""The index of meanings when one collection's part of it is bad: the others go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from mastra_desktop.core import Core
from mastra_desktop.domain.events import VectorIndexState
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, Collection, SearchMode
from mastra_desktop.services.knowledge_index import MeaningIndex, space_of
from mastra_desktop.store import embeddings, schema
from tests.cores import core_over

pytestmark = pytest.mark.slow  # real Chroma, a real embedder

RULE = "Nobody runs in the corridor of the laboratory."
PRICE = "A student pays 38 euros per night, everybody else 55 euros."


async def filled(core: Core, folder: Path, name: str, *texts: str) -> Collection:
    """A collection whose documents are ready."""
    made = await core.knowledge.create_collection(name, embedder_id=ENGLISH_EMBEDDER)
    await add(core, folder, made, *texts)
    return made


async def add(core: Core, folder: Path, to: Collection, *texts: str) -> None:
    paths = [folder / f"{to.name}-{abs(hash(text))}.md" for text in texts]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    found = await core.knowledge.add(to.id, paths)
    async with asyncio.timeout(30):
        async for _ in core.knowledge.wait(d.id for d in found.documents):
            pass


async def meanings(core: Core, *collections: Collection) -> tuple[list[str], str]:
    """The passages that a search by meaning finds, and its notice."""
    ids = [c.id for c in collections]
    found = await core.knowledge.search(ids, "the rule of the corridor", mode=SearchMode.MEANING)
    return [hit.passage.text.strip() for hit in found.hits], found.notice


def index_of(core: Core) -> MeaningIndex:
    index = core.knowledge._index
    assert index is not None
    return index


def test_a_bad_space_is_made_anew(tmp_path: Path) -> None:
    """With vectors of another length in it, it refuses new ones: it is begun anew, beside the others."""
    home = tmp_path / "home"
    home.mkdir()

    async def main() -> None:
        async with core_over(home) as core:
            bad = await filled(core, tmp_path, "Bad", RULE)
            good = await filled(core, tmp_path, "Good", f"{RULE} Never.")
            vectors = index_of(core).vectors
            space = space_of(bad.id, ENGLISH_EMBEDDER)
            await vectors.drop(space)
            await vectors.upsert(space, [10**6], [b"\0\0\x80\x3f" * 16])
            await add(core, tmp_path, bad, PRICE)
            await add(core, tmp_path, good, f"{PRICE} Again.")
            found, notice = await meanings(core, bad)
            assert (sorted(found), notice) == (sorted([RULE, PRICE]), "")
            assert len((await meanings(core, good))[0]) == 2
            assert await vectors.count(space) == 2
            state = core.knowledge.index_state()
            assert state is not None
            assert state.state is VectorIndexState.READY

    asyncio.run(main())


def test_a_space_that_stays_bad_keeps_no_other_from_going_on(tmp_path: Path) -> None:
    """Its collection is searched by words and says so, the others by meaning, until it is indexed again."""
    home = tmp_path / "home"
    home.mkdir()

    def spoil(conn: Connection, collection_id: str) -> None:
        """One vector of the collection gets another length, and all are to be put in once more."""
        one = conn.execute(
            sa.select(schema.passages.c.id)
            .join(schema.documents, schema.documents.c.seq == schema.passages.c.document_seq)
            .where(schema.documents.c.collection_id == collection_id)
        ).scalars()
        table = schema.passage_vectors
        conn.execute(sa.update(table).where(table.c.passage_id == next(iter(one))).values(vector=b"\0" * 64))
        embeddings.mark_unindexed(conn, collection_id)

    async def main() -> None:
        async with core_over(home) as core:
            bad = await filled(core, tmp_path, "Bad", RULE, PRICE)
            good = await filled(core, tmp_path, "Good", f"{RULE} Never.")
            await core.db.write(spoil, bad.id)
            await add(core, tmp_path, good, f"{PRICE} Again.")
            assert len((await meanings(core, good))[0]) == 2
            found, notice = await meanings(core, bad, good)
            assert len(found) == 2
            assert "Bad is searched by words only" in notice
            assert (await core.knowledge.search([bad.id], "corridor")).hits
            await core.knowledge.reindex(bad.id)
            ids = [d.id for d in await core.knowledge.documents(bad.id)]
            async with asyncio.timeout(30):
                async for _ in core.knowledge.wait(ids):
                    pass
            found, notice = await meanings(core, bad, good)
            assert (len(found), notice) == (4, "")

    asyncio.run(main())


def test_a_space_that_was_emptied_is_filled_again(tmp_path: Path) -> None:
    """Only that one, at the next start; no vector is computed anew."""
    home = tmp_path / "home"
    home.mkdir()

    async def main() -> None:
        async with core_over(home) as core:
            lost = await filled(core, tmp_path, "Lost", RULE, PRICE)
            kept = await filled(core, tmp_path, "Kept", f"{RULE} Never.")
            await index_of(core).vectors.drop(space_of(lost.id, ENGLISH_EMBEDDER))
        async with core_over(home) as core:
            await core.knowledge.start()
            async with asyncio.timeout(30):
                while len((await meanings(core, lost))[0]) < 2:  # noqa: ASYNC110 - no event of its own
                    await asyncio.sleep(0.1)
            assert len((await meanings(core, kept))[0]) == 1

    asyncio.run(main())
