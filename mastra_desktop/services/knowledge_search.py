"""Searching knowledge: words and meaning, fused, with the passages they point to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.knowledge import (
    Collection,
    Document,
    Passage,
    PassageHit,
    SearchFilter,
    SearchMode,
    SearchResult,
)
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.services import retrieval
from mastra_desktop.services.embedders import packed
from mastra_desktop.store import passages, words
from mastra_desktop.store.vectors import BadSpace

if TYPE_CHECKING:
    from mastra_desktop.services.embedders import Embedders
    from mastra_desktop.services.knowledge_index import MeaningIndex
    from mastra_desktop.store.database import Database

CANDIDATES_FILTERED = 400  # the index of meanings cannot filter, so more is asked for and left out here
QUERY_S = 8.0  # a question waits no longer for its meaning; words answer alone then

ONE_BY_WORDS = "{} is searched by words only. Index this collection again."

log = get_logger(__name__)

Found = tuple[Passage, Document, str]
Ranking = list[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class _Sides:
    """What words and meaning found among the collections of one embedder."""

    embedder_id: str
    words: Ranking
    meaning: Ranking


class KnowledgeSearch:
    """`index` is None where another process owns it: words only then. `count` hears how long each took."""

    def __init__(
        self,
        db: Database,
        embedders: Embedders,
        index: MeaningIndex | None,
        count: Callable[[float], None] = lambda _duration_s: None,
    ) -> None:
        self._count = count
        self._db = db
        self._embedders = embedders
        self._index = index

    async def search(
        self,
        collections: Sequence[Collection],
        query: str,
        *,
        k: int,
        mode: SearchMode,
        filter: SearchFilter | None,
    ) -> SearchResult:
        """The best `k` passages. A meaning side that is away leaves the words, and a notice says so."""
        began = time.perf_counter()
        limit = max(CANDIDATES_FILTERED if filter else retrieval.CANDIDATES, 4 * k)
        notice = ""
        found: dict[int, Found] = {}
        fused: list[retrieval.Fused] = []
        sides: list[_Sides] = []
        # Cosines of two embedders cannot be compared, fused scores can.
        for embedder_id, group in groupby(sorted(collections, key=_embedder), key=_embedder):
            some = list(group)
            by_words: Ranking = []
            by_meaning: Ranking = []
            if mode is not SearchMode.WORDS:
                by_meaning, said = await self._meaning(some, query, limit)
                notice = notice or said
            if mode is not SearchMode.MEANING:
                by_words = await self._db.read(
                    passages.search_words, [c.id for c in some], query, limit=limit, filter=filter
                )
            sides.append(_Sides(embedder_id, by_words, by_meaning))
            fused += retrieval.fuse(by_words, by_meaning, trust=retrieval.trust_in(embedder_id, query))
        fused.sort(key=lambda f: -f.score)
        ids = [f.passage_id for f in fused]
        allowed = await self._db.read(passages.searchable, ids, [c.id for c in collections], filter)
        found = await self._db.read(passages.passages, [i for i in ids if i in allowed])
        kept = [f for f in fused if f.passage_id in found]
        best = retrieval.drop_neighbours(kept, {i: passage for i, (passage, _, _) in found.items()}, k)
        finder = words.Finder(words.parse(query + " "))  # the space: the last word is a whole one
        hits = tuple(_hit(rank, f, found[f.passage_id], finder) for rank, f in enumerate(best, 1))
        texts = [hit.passage.text for hit in hits]
        relevant = bool(hits) and any(
            retrieval.is_relevant(query, s.words, s.meaning, texts, embedder_id=s.embedder_id) for s in sides
        )
        took_s = time.perf_counter() - began
        self._count(took_s)
        return SearchResult(hits, took_s * 1000, notice, relevant)

    async def _meaning(
        self, collections: Sequence[Collection], query: str, limit: int
    ) -> tuple[Ranking, str]:
        """What is nearest in meaning, and what had to be left out."""
        if self._index is None:
            return [], "Another window has the index of meanings: this search goes by words only."
        behind = sum(c.passages - c.embedded for c in collections)
        notice = f"{behind:,} passages are found by words only so far." if behind > 0 else ""
        found: Ranking = []
        try:
            async with asyncio.timeout(QUERY_S):
                for collection in collections:
                    if collection.embedded and self._index.trouble(collection.id) is None:
                        try:
                            found += await self._nearest(collection, query, limit)
                        except BadSpace as error:
                            log.warning("a collection is searched by words only", reason=error.detail)
                            notice = ONE_BY_WORDS.format(collection.name)
                    elif collection.embedded:
                        notice = ONE_BY_WORDS.format(collection.name)
        except (MastraError, TimeoutError) as error:
            log.warning("search goes by words only", reason=str(error))
            why = error.message if isinstance(error, MastraError) else "The embedding model is busy."
            return [], f"{why} This search goes by words only."
        return sorted(found, key=lambda hit: -hit[1])[:limit], notice

    async def _nearest(self, collection: Collection, query: str, limit: int) -> Ranking:
        assert self._index is not None  # noqa: S101  # checked by the caller
        vector = await self._embedders.question(collection.embedder_id, query)
        return await self._index.nearest(collection, packed(vector), limit)


def _embedder(collection: Collection) -> str:
    return collection.embedder_id


def _hit(rank: int, fused: retrieval.Fused, found: Found, finder: words.Finder) -> PassageHit:
    passage, document, collection = found
    marks = tuple(finder.spans(passage.text))
    return PassageHit(rank, fused.score, passage, document, collection, fused.meaning, fused.words, marks)
