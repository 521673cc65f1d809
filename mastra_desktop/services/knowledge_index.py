"""Keeps the index of meanings equal to the database: what has a vector there is findable here."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import VectorIndexChanged, VectorIndexState
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import embeddings, knowledge, processes
from mastra_desktop.store.vectors import BadSpace, Vectors
from mastra_desktop.store.vectors_memory import MemoryVectors

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.domain.knowledge import Collection
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.store.database import Database

BATCH = 500  # passages; at 1.5 KB each
REBUILDING_ONE = "The search by meaning of a collection is being rebuilt; meanwhile its words are searched."
_CLAIM = "index"  # one process fills it at a time

log = get_logger(__name__)


def space_of(collection_id: str, embedder_id: str) -> str:
    """The index's own name for a collection's vectors: letters, digits, - and _ only."""
    return f"{collection_id}-{re.sub(r'[^a-zA-Z0-9]+', '_', embedder_id).strip('_')}"[:200]


class MeaningIndex:
    """Copies vectors from the database into the index, and takes out what went. One at a time."""

    def __init__(self, db: Database, bus: Bus, folder: Path, url: str) -> None:
        self._db = db
        self._bus = bus
        self.is_remote = bool(url)
        self.vectors = Vectors(folder, url, self.changed)
        # A folder here could not know of the others' work; what is in memory is compared at each search.
        self._memory = MemoryVectors(db) if db.path is None and not url else None
        self._lock = asyncio.Lock()
        self._state = VectorIndexChanged(VectorIndexState.CLOSED)
        self._lost = False  # the index was made anew: everything goes in again
        self._why = ""
        self._counted = False
        self._anew: set[str] = set()  # collections whose space was made anew because it was bad
        self._broken: dict[str, BadSpace] = {}  # and those that are bad nevertheless
        self.on_behind: Callable[[], None] = lambda: None  # there is something to put in

    @property
    def state(self) -> VectorIndexChanged:
        return self._state

    def changed(self, state: VectorIndexState, detail: str = "") -> None:
        """What the index says of itself. An empty one is only worth a word when it should hold something."""
        if state is VectorIndexState.REBUILDING:
            self._lost, self._why = True, detail
            self.on_behind()
        else:
            self._say(state, detail)

    async def catch_up(self) -> None:
        """Returns when the index holds what the database does. Raises KnowledgeError when it is away."""
        async with self._lock:
            if self._memory is not None:
                await self._memory.check()
                self._say(VectorIndexState.READY)
                return
            await self.vectors.open()
            if await self._db.write(processes.claim, self._db.me, _CLAIM):  # else another is at it
                await self._compare()
                await self._fill()
                while self._lost:  # it was begun anew meanwhile
                    await self._fill()
                await self._db.write(processes.release, self._db.me, _CLAIM)
            self.vectors.rebuilt()
            self._say(VectorIndexState.READY)

    async def open(self) -> None:
        """Raises KnowledgeError when it cannot be asked."""
        await (self.vectors.open() if self._memory is None else self._memory.check())

    async def nearest(self, collection: Collection, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """(passage id, cosine similarity), best first. Raises KnowledgeError."""
        if self._memory is not None:
            return await self._memory.query(collection, vector, limit)
        return await self.vectors.query(space_of(collection.id, collection.embedder_id), vector, limit)

    async def _fill(self) -> None:
        if self._lost:
            self._lost, self._broken = False, {}
            self._anew.clear()
            if await self._db.write(embeddings.mark_all_unindexed):
                self._say(VectorIndexState.REBUILDING, self._why)
        await self._take_out()
        while rows := await self._db.read(embeddings.unindexed, BATCH, besides=self._broken):
            by_space: dict[str, list[tuple[int, bytes]]] = {}
            owners: dict[str, str] = {}
            for passage_id, collection_id, embedder_id, vector in rows:
                space = space_of(collection_id, embedder_id)
                owners[space] = collection_id
                by_space.setdefault(space, []).append((passage_id, vector))
            for space, found in by_space.items():
                try:
                    await self.vectors.upsert(space, [i for i, _ in found], [v for _, v in found])
                except BadSpace as error:
                    await self._begin_anew(space, owners[space], error)
                else:
                    await self._db.write(embeddings.mark_indexed, [i for i, _ in found])

    async def _begin_anew(self, space: str, collection_id: str, error: BadSpace) -> None:
        """One collection's space is made anew, once; bad again, it is left alone and the others go on."""
        log.warning("a collection's meanings are put in anew", space=space, reason=error.detail)
        if collection_id in self._anew:
            self._broken[collection_id] = error
            return
        self._anew.add(collection_id)
        await self.vectors.drop(space)
        if await self._db.write(embeddings.mark_unindexed, collection_id):
            self._say(VectorIndexState.REBUILDING, REBUILDING_ONE)

    async def _compare(self) -> None:
        """Once: a space that holds less than the database says was emptied by somebody else."""
        if self._counted:
            return
        collections, waiting = await self._db.read(_to_hold)
        for collection in collections:
            space = space_of(collection.id, collection.embedder_id)
            if await self.vectors.count(space) < collection.embedded - waiting.get(collection.id, 0):
                log.warning("a collection's meanings are missing", space=space)
                await self._db.write(embeddings.mark_unindexed, collection.id)
                self._say(VectorIndexState.REBUILDING, REBUILDING_ONE)
        self._counted = True

    async def _take_out(self) -> None:
        while gone := await self._db.read(embeddings.removed_vectors, BATCH):
            by_space: dict[str, list[int]] = {}
            owners: dict[str, str] = {}
            for passage_id, collection_id, embedder_id in gone:
                space = space_of(collection_id, embedder_id)
                owners[space] = collection_id
                by_space.setdefault(space, []).append(passage_id)
            for space, ids in by_space.items():
                try:
                    await self.vectors.delete(space, ids)
                except BadSpace as error:  # without it they are gone too
                    await self._begin_anew(space, owners[space], error)
            await self._db.write(embeddings.forget_removed, [row[0] for row in gone])

    def trouble(self, collection_id: str) -> BadSpace | None:
        """Why a collection cannot be searched by meaning although the index works."""
        return self._broken.get(collection_id)

    async def forget(self, collection: Collection) -> None:
        """Drops all of its vectors. When the index is away they stay, and nobody asks for them any more."""
        if self._memory is not None:
            self._memory.forget(collection.id)
            return
        self._broken.pop(collection.id, None)
        self._anew.discard(collection.id)
        space = space_of(collection.id, collection.embedder_id)
        try:
            await self.vectors.drop(space)
        except MastraError as error:
            log.warning("vectors not dropped", space=space, message=error.message)

    async def try_to_catch_up(self, *, only_if_behind: bool = False) -> bool:
        """Like `catch_up`; trouble is shown as the index's state, and False."""
        try:
            if not only_if_behind or self._lost or await self._db.read(_is_behind, tuple(self._broken)):
                await self.catch_up()
        except MastraError as error:
            log.warning("meaning index behind", message=error.message, detail=error.detail)
            self._say(VectorIndexState.DOWN, " ".join(p for p in (error.message, error.hint) if p))
            return False
        return True

    def _say(self, state: VectorIndexState, detail: str = "") -> None:
        said = VectorIndexChanged(state, detail)
        if said != self._state:
            self._state = said
            self._bus.publish(said)


def _to_hold(conn: Connection) -> tuple[list[Collection], dict[str, int]]:
    """The collections, and how many vectors of each the index was not given yet: of the same moment."""
    return knowledge.collections(conn), embeddings.waiting(conn)


def _is_behind(conn: Connection, besides: Sequence[str]) -> bool:
    return bool(embeddings.unindexed(conn, 1, besides=besides) or embeddings.removed_vectors(conn, 1))
