"""Meaning from memory over a real PostgreSQL that others change."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Sequence
from random import Random

import pytest
from sqlalchemy import Connection

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.store import documents, embeddings, knowledge
from mastra_desktop.store.database import Database
from mastra_desktop.store.vectors_memory import MemoryVectors
from tests.store.documents import add, new_collection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

Ids = Sequence[int]


def vector(n: int) -> bytes:
    draw = Random(n)
    return array("f", [draw.uniform(-1, 1) for _ in range(16)]).tobytes()


def embed(conn: Connection, id: str, limit: int = 1000) -> list[int]:
    """Gives vectors to the next passages of a document; the vector of a passage follows from its number."""
    pending = embeddings.pending_passages(conn, id, limit)
    embeddings.store_vectors(conn, id, [(p.id, vector(p.id)) for p in pending])
    return [p.id for p in pending]


def cosine(one: bytes, two: bytes) -> float:
    a, b = array("f", one), array("f", two)
    sizes = sum(x * x for x in a) * sum(y * y for y in b)
    return float(sum(x * y for x, y in zip(a, b, strict=True)) / float(sizes) ** 0.5)


class Fixed:
    """A database, what searches it, and a clock that goes on by a second at each look."""

    def __init__(self, db: Database, most: int = 50_000) -> None:
        self.db = db
        self.at = 0.0
        self.vectors = MemoryVectors(db, most=most, clock=self._tick)

    def _tick(self) -> float:
        self.at += 1.0
        return self.at

    async def collection(self, id: str = "c") -> Collection:
        return await self.db.read(knowledge.collection, id)

    async def must_be(self, ids: Ids) -> None:
        """What is found is exactly these, in the order of their cosines, computed plainly."""
        asked = vector(-1)
        found = await self.vectors.query(await self.collection(), asked, 10_000)
        expected = sorted(((id, cosine(vector(id), asked)) for id in ids), key=lambda one: -one[1])
        assert [id for id, _ in found] == [id for id, _ in expected]
        assert [score for _, score in found] == pytest.approx([score for _, score in expected], abs=1e-5)
        assert await self.vectors.query(await self.collection(), asked, 3) == found[:3]


def run(url: str, check: Callable[[Fixed], Awaitable[None]], most: int = 50_000) -> None:
    async def main() -> None:
        db = await Database.open(url)
        try:
            await check(Fixed(db, most))
        finally:
            await db.close()

    asyncio.run(main())


def test_what_others_change(postgres_url: str) -> None:
    """New vectors, documents that come, grow, are read anew, go to the trash, come back and are cleared away."""

    async def check(fixed: Fixed) -> None:
        db = fixed.db
        await db.write(new_collection)
        await db.write(new_collection, "other", "Other")
        await fixed.must_be([])
        await db.write(add, "a", [f"text {n}" for n in range(30)])
        first = await db.write(embed, "a", 10)
        await fixed.must_be(first)
        more = await db.write(embed, "a", 5)
        await fixed.must_be(first + more)
        await db.write(add, "elsewhere", ["x"], collection="other")
        await db.write(embed, "elsewhere")
        await db.write(add, "b", ["y", "z"])
        second = await db.write(embed, "b")
        rest = await db.write(embed, "a")
        await fixed.must_be([*first, *more, *rest, *second])
        await db.write(documents.delete_document, "a", 5.0)
        await fixed.must_be(second)
        await db.write(documents.restore_document, "a")
        await fixed.must_be([*first, *more, *rest, *second])
        await db.write(_read_anew, "b", 2)  # as many vectors as before, of other passages
        third = [id for id, _ in await db.read(_vectors, "b")]
        assert len(third) == 2
        assert not set(third) & set(second)
        await fixed.must_be([*first, *more, *rest, *third])
        await db.write(documents.delete_document, "a", 6.0)
        await db.write(_clear)
        await fixed.must_be(third)
        await db.write(knowledge.set_embedder, "c", "builtin/multilingual")
        await fixed.must_be([])

    run(postgres_url, check)


def _read_anew(conn: Connection, id: str, passages: int) -> None:
    from mastra_desktop.store.document_texts import store_text
    from tests.store.documents import text_of

    read, spans = text_of([f"again {n}" for n in range(passages)])
    store_text(conn, id, read=read, spans=spans, now=77.0)
    embed(conn, id)


def _vectors(conn: Connection, id: str) -> list[tuple[int, str]]:
    return [(p.id, p.text) for p in documents.document_text(conn, id).passages]


def _clear(conn: Connection) -> None:
    while knowledge.purge_deleted(conn, 7.0, limit=100):
        pass


def test_too_many(postgres_url: str) -> None:
    """Above the bound it says so, and works again once there are fewer."""

    async def check(fixed: Fixed) -> None:
        await fixed.db.write(new_collection)
        await fixed.db.write(add, "a", ["one", "two", "three"])
        await fixed.db.write(add, "b", ["one", "two", "three"])
        ids = await fixed.db.write(embed, "a")
        await fixed.must_be(ids)
        await fixed.db.write(embed, "b")
        with pytest.raises(KnowledgeError, match="more than 5 passages") as caught:
            await fixed.must_be(ids)
        assert "vectors.url" in caught.value.hint
        with pytest.raises(KnowledgeError):
            await fixed.vectors.check()
        await fixed.db.write(documents.delete_document, "b", 5.0)
        await fixed.must_be(ids)

    run(postgres_url, check, most=5)
