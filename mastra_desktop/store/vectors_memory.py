"""Meaning over a shared database without a vector server: exact, from vectors kept in this process's memory.

They are read from the database when a collection is first asked, and again for those documents that changed
since the last look: each search looks, at most once a second. Processes never need to agree on anything.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.store import schema
from mastra_desktop.store.engines import raw

if TYPE_CHECKING:
    from mastra_desktop.domain.knowledge import Collection
    from mastra_desktop.store.database import Database

MOST = 50_000  # vectors of all collections: 77 MB, and 12 ms of a core for a question
LOOK_EVERY_S = 1.0
_AT_ONCE = 4_000  # vectors of one read: 6 MB
_d = schema.documents.c
_COUNT = select(func.coalesce(func.sum(_d.embedded), 0)).where(_d.deleted_at.is_(None))
_READY = select(_d.seq, _d.embedded, _d.changed_at).where(
    _d.deleted_at.is_(None), _d.searchable == 1, _d.embedded > 0
)
_VECTORS = (
    "SELECT v.passage_id, v.vector FROM passage_vectors AS v JOIN passages AS p ON p.id = v.passage_id"
    " WHERE p.document_seq = %s AND v.passage_id > %s ORDER BY v.passage_id"
)


@dataclass(slots=True)
class _Part:
    """A document's: `version` says what was read, `ids` ascending, `rows` of length 1 each."""

    version: tuple[int, float]
    ids: Any
    rows: Any


class _Space:
    """A collection's vectors of one embedder, side by side; `parts` are views into them."""

    def __init__(self) -> None:
        self.parts: dict[int, _Part] = {}
        self.ids: Any = None
        self.rows: Any = None
        self.is_joined = True
        self.looked_at = -LOOK_EVERY_S

    def join(self) -> None:
        """After parts changed. For a moment this takes twice the room."""
        import numpy

        self.is_joined = True
        parts = [part for part in self.parts.values() if len(part.ids)]
        if not parts:
            self.ids = self.rows = None
            return
        self.ids = numpy.concatenate([part.ids for part in parts])
        self.rows = numpy.concatenate([part.rows for part in parts])
        at = 0
        for part in parts:
            end = at + len(part.ids)
            part.ids, part.rows = self.ids[at:end], self.rows[at:end]
            at = end


class MemoryVectors:
    """For one event loop. With more than `most` vectors in the database none is kept, and asking refused."""

    def __init__(
        self, db: Database, *, most: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._db = db
        self._most = MOST if most is None else most
        self._clock = clock
        self._spaces: dict[tuple[str, str], _Space] = {}
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Raises KnowledgeError when there are too many vectors, StorageError while the server is away."""
        await self._db.read(self._must_fit)

    async def query(self, collection: Collection, vector: bytes, limit: int) -> list[tuple[int, float]]:
        """(passage id, cosine similarity) of the nearest passages that may be found, best first."""
        async with self._lock:
            space = self._spaces.setdefault((collection.id, collection.embedder_id), _Space())
            if self._clock() - space.looked_at >= LOOK_EVERY_S:
                await self._look(space, collection.id)
                space.looked_at = self._clock()
            ids, rows = space.ids, space.rows
        return await asyncio.to_thread(_nearest, ids, rows, vector, limit) if ids is not None else []

    def forget(self, collection_id: str) -> None:
        """Lets go of a collection that is gone."""
        for key in [key for key in self._spaces if key[0] == collection_id]:
            del self._spaces[key]

    def _must_fit(self, conn: Connection) -> None:
        count = conn.execute(_COUNT).scalar_one()
        if count > self._most:
            self._spaces.clear()
            raise KnowledgeError(
                f"Shared documents of more than {self._most:,} passages are searched by words only.",
                hint="Set vectors.url to a Chroma server for the search by meaning.",
                detail=f"{count} vectors",
            )

    async def _look(self, space: _Space, collection_id: str) -> None:
        """Reads what changed, in pieces: what came stays when a search gives up meanwhile."""
        now = await self._db.read(self._ready, collection_id)
        for seq in space.parts.keys() - now.keys():
            del space.parts[seq]
            space.is_joined = False
        changed = [
            seq
            for seq, version in now.items()
            if seq not in space.parts or space.parts[seq].version != version
        ]
        while changed:
            piece = {changed.pop(): None}
            while changed and sum(now[seq][0] for seq in piece) < _AT_ONCE:
                piece[changed.pop()] = None
            wanted = [(seq, now[seq], space.parts.get(seq)) for seq in piece]
            space.parts |= await self._db.read(_read_all, wanted)
            space.is_joined = False
        if not space.is_joined:
            await asyncio.to_thread(space.join)

    def _ready(self, conn: Connection, collection_id: str) -> dict[int, tuple[int, float]]:
        """The documents with vectors and what tells whether those changed."""
        self._must_fit(conn)
        found = conn.execute(_READY.where(_d.collection_id == collection_id))
        return {row.seq: (row.embedded, row.changed_at) for row in found}


def _read_all(
    conn: Connection, wanted: Sequence[tuple[int, tuple[int, float], _Part | None]]
) -> dict[int, _Part]:
    return {seq: _read(conn, seq, version, known) for seq, version, known in wanted}


def _read(conn: Connection, seq: int, version: tuple[int, float], known: _Part | None) -> _Part:
    """While a document gets its vectors only the new ones are read, else all of them."""
    import numpy

    grows = known is not None and known.version[1] == version[1] and len(known.ids)
    after = int(known.ids[-1]) if known is not None and grows else 0
    found = raw(conn).execute(_VECTORS, (seq, after), binary=True).fetchall()
    if not found and after and known is not None and len(known.ids) == version[0]:
        return _Part(version, known.ids, known.rows)
    if after and (known is None or not found or len(known.ids) + len(found) != version[0]):
        return _read(conn, seq, version, None)  # not put in by the order of their numbers
    if not found:
        return _Part(version, numpy.empty(0, numpy.int64), numpy.empty((0, 0), numpy.float32))
    ids = numpy.fromiter((row[0] for row in found), numpy.int64, len(found))
    rows = numpy.frombuffer(b"".join(row[1] for row in found), "<f4").reshape(len(found), -1)
    rows = (rows / numpy.maximum(numpy.linalg.norm(rows, axis=1, keepdims=True), 1e-12)).astype("f4")
    if after and known is not None:
        ids, rows = numpy.concatenate([known.ids, ids]), numpy.concatenate([known.rows, rows])
    return _Part(version, ids, rows)


def _nearest(ids: Any, rows: Any, vector: bytes, limit: int) -> list[tuple[int, float]]:
    import numpy

    asked = numpy.frombuffer(vector, "<f4")
    cosines = rows @ (asked / max(float(numpy.linalg.norm(asked)), 1e-12))
    best = numpy.argpartition(-cosines, limit)[:limit] if limit < len(ids) else numpy.arange(len(ids))
    best = best[numpy.argsort(-cosines[best], kind="stable")]
    return [(int(ids[n]), float(cosines[n])) for n in best]
