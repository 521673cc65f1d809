"""Vectors of passages: which are missing, keeping them, and what the index has yet to be told.

They are kept here, as float32 in little-endian order, and are the truth: the index is made from them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, func, insert, select, update

from mastra_desktop.domain.knowledge import Document, Passage
from mastra_desktop.store import documents, knowledge, schema
from mastra_desktop.store.knowledge_rows import PASSAGE_COLUMNS, passage_from_row

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_v = schema.passage_vectors.c
_u = schema.unindexed_vectors.c
_r = schema.removed_vectors.c
# The document's number comes from a query of its own, so that the index of pending passages is walked.
_SEQ = select(_d.seq).where(_d.id == bindparam("id_")).scalar_subquery()
_PENDING = (
    select(*PASSAGE_COLUMNS)
    .join(schema.documents, _d.seq == _p.document_seq)
    .where(_p.document_seq == _SEQ, sa.text("passages.embedded = 0"))
    .order_by(_p.position)
    .limit(bindparam("limit_"))
)
_STILL_PENDING = select(_p.id).where(
    _p.id.in_(bindparam("ids", expanding=True)), _p.document_seq == _SEQ, _p.embedded == 0
)
_UNINDEXED = (
    select(_u.passage_id, _c.id, _c.embedder_id, _v.vector)
    .select_from(
        schema.unindexed_vectors.join(schema.passage_vectors, _v.passage_id == _u.passage_id)
        .join(schema.passages, _p.id == _u.passage_id)
        .join(schema.documents, _d.seq == _p.document_seq)
        .join(schema.collections, _c.id == _d.collection_id)
    )
    .order_by(_u.passage_id)
    .limit(bindparam("limit_"))
)
_REMOVED = select(_r.passage_id, _r.collection_id, _r.embedder_id).order_by(_r.passage_id)


def pending_passages(conn: Connection, document_id: str, limit: int) -> list[Passage]:
    """Up to `limit` passages without a vector, in order."""
    rows = conn.execute(_PENDING, {"id_": document_id, "limit_": limit})
    return [passage_from_row(row) for row in rows]


def store_vectors(
    conn: Connection, document_id: str, vectors: Sequence[tuple[int, bytes]], *, made_by: str = ""
) -> Document:
    """Keeps (passage id, vector); passages that have one already, or are gone, are passed over.

    `made_by`: the embedder. Nothing is kept when the collection has another one by now; else the first
    vectors settle how many numbers those of the collection have.
    `done` and `of` of the document it returns are true. Raises `NotFound` when it was deleted meanwhile.
    """
    found = documents.document(conn, document_id)
    if made_by and vectors:
        collection = knowledge.collection(conn, found.collection_id)
        if collection.embedder_id != made_by:
            return found
        if collection.dimension is None:
            knowledge.set_dimension(conn, collection.id, len(vectors[0][1]) // 4)
    ids = [id for id, _ in vectors]
    pending = set(conn.execute(_STILL_PENDING, {"id_": document_id, "ids": ids}).scalars())
    new = [{"passage_id": id, "vector": vector} for id, vector in vectors if id in pending]
    if new:
        conn.execute(insert(schema.passage_vectors), new)
        conn.execute(insert(schema.unindexed_vectors), [{"passage_id": row["passage_id"]} for row in new])
        done = update(schema.passages).where(_p.id == bindparam("n")).values(embedded=1)
        conn.execute(done, [{"n": row["passage_id"]} for row in new])
    mine = update(schema.documents).where(_d.id == document_id)
    count = _d.embedded + len(new)
    conn.execute(mine.values(embedded=count, done=count, total=_d.passages))
    return documents.document(conn, document_id)


def finish(conn: Connection, document_id: str, now: float) -> Document:
    """As `documents.finish`, unless its vectors were taken away meanwhile: it waits for others then."""
    if pending_passages(conn, document_id, 1):
        return documents.document(conn, document_id)
    return documents.finish(conn, document_id, now)


def unindexed(
    conn: Connection, limit: int, *, besides: Iterable[str] = ()
) -> list[tuple[int, str, str, bytes]]:
    """(passage id, collection id, embedder id, vector) of up to `limit` vectors to put into the index.

    `besides` leaves out these collections.
    """
    others = tuple(besides)
    asked = _UNINDEXED.where(_c.id.not_in(others)) if others else _UNINDEXED
    return [(row[0], row[1], row[2], row[3]) for row in conn.execute(asked, {"limit_": limit})]


def waiting(conn: Connection) -> dict[str, int]:
    """How many vectors of each collection the index was not given yet."""
    counted = (
        select(_d.collection_id, func.count())
        .select_from(
            schema.unindexed_vectors.join(schema.passages, _p.id == _u.passage_id).join(
                schema.documents, _d.seq == _p.document_seq
            )
        )
        .group_by(_d.collection_id)
    )
    return {row[0]: int(row[1]) for row in conn.execute(counted)}


def mark_unindexed(conn: Connection, collection_id: str) -> int:
    """The index lost this collection's vectors; returns how many there are to put in again."""
    known = select(_u.passage_id).where(_u.passage_id == _p.id).exists()
    mine = (
        select(_p.id)
        .join(schema.documents, _d.seq == _p.document_seq)
        .where(_d.collection_id == collection_id, _p.embedded == 1, ~known)
    )
    return conn.execute(insert(schema.unindexed_vectors).from_select(["passage_id"], mine)).rowcount


def mark_indexed(conn: Connection, ids: Sequence[int]) -> None:
    """The index has these; call it once it said so."""
    if ids:
        done = sa.delete(schema.unindexed_vectors).where(_u.passage_id == bindparam("n"))
        conn.execute(done, [{"n": id} for id in ids])


def mark_all_unindexed(conn: Connection) -> int:
    """The index is empty again; returns how many vectors wait for it."""
    conn.execute(sa.delete(schema.unindexed_vectors))
    conn.execute(sa.delete(schema.removed_vectors))
    with_vector = select(_p.id).where(_p.embedded == 1)
    conn.execute(insert(schema.unindexed_vectors).from_select(["passage_id"], with_vector))
    return int(conn.execute(select(func.count()).select_from(schema.unindexed_vectors)).scalar_one())


def removed_vectors(conn: Connection, limit: int) -> list[tuple[int, str, str]]:
    """(passage id, collection id, embedder id) of up to `limit` vectors to take out of the index."""
    return [(row[0], row[1], row[2]) for row in conn.execute(_REMOVED.limit(limit))]


def forget_removed(conn: Connection, ids: Sequence[int]) -> None:
    """The index no longer has these; call it once it said so."""
    if ids:
        gone = sa.delete(schema.removed_vectors).where(_r.passage_id == bindparam("n"))
        conn.execute(gone, [{"n": id} for id in ids])
