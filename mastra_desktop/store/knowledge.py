"""Collections of documents, and clearing away what was deleted. Documents: `documents.py`.

What is deleted is hidden at once and stays for a while, so that deleting can be undone. Nothing below it is
touched meanwhile: every question about documents and passages asks whether what they belong to is there.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, func, insert, or_, select, update

from mastra_desktop.domain.errors import BadRequest, NotFound
from mastra_desktop.domain.knowledge import Collection, DocumentState
from mastra_desktop.store import passages, schema
from mastra_desktop.store.knowledge_rows import COLLECTION_COLUMNS, collection_from_row
from mastra_desktop.store.words import clean

LONGEST_NAME = 120  # characters
GONE = 0.0  # as `deleted_at`: not to be restored, cleared away by the next `purge_deleted`

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_v = schema.passage_vectors.c
_t = schema.document_texts.c
_SELECT: sa.Select[Any] = select(*COLLECTION_COLUMNS).where(_c.deleted_at.is_(None))
_GET = _SELECT.where(_c.id == bindparam("id_"))
_NAMES = select(_c.name, _c.id).where(_c.deleted_at.is_(None)).order_by(_c.name)
_UPDATE = update(schema.collections).where(_c.id == bindparam("id_"), _c.deleted_at.is_(None))
_MINE = (
    select(_p.id)
    .join(schema.documents, _d.seq == _p.document_seq)
    .where(_d.collection_id == bindparam("id_"))
)
_OLD_DOCUMENTS = (
    select(_d.seq, _d.collection_id, _c.embedder_id)
    .join(schema.collections, _c.id == _d.collection_id)
    .where(or_(_d.deleted_at < bindparam("before_"), _c.deleted_at < bindparam("before_")))
    .limit(1)
)
_OLD_COLLECTIONS = (
    sa.delete(schema.collections)
    .where(_c.deleted_at < bindparam("before_"))
    .where(~select(_d.seq).where(_d.collection_id == _c.id).exists())
)


def create_collection(
    conn: Connection, *, id: str, name: str, icon: str, description: str, embedder_id: str, now: float
) -> Collection:
    """A new, empty collection. Raises `BadRequest` when the name is empty or taken."""
    row = {"id": id, "name": _free_name(conn, name), "icon": icon, "description": clean(description)}
    row |= {"embedder_id": embedder_id, "watched": ""}
    conn.execute(insert(schema.collections), {**row, "created_at": now, "paused": 0})
    return collection(conn, id)


def collections(conn: Connection) -> list[Collection]:
    """In the order of their names, without the deleted ones."""
    found = [collection_from_row(row) for row in conn.execute(_SELECT)]
    return sorted(found, key=lambda one: one.name.casefold())


def collection(conn: Connection, id: str) -> Collection:
    """Raises `NotFound`, also for a deleted one."""
    row = conn.execute(_GET, {"id_": id}).first()
    if row is None:
        raise missing_collection(id)
    return collection_from_row(row)


def collection_named(conn: Connection, name: str) -> Collection:
    """By its name, in any case. Raises `NotFound`, whose hint lists the names there are."""
    names = conn.execute(_NAMES).all()
    wanted = clean(name).strip().casefold()
    id = next((id for other, id in names if other.casefold() == wanted), None)
    if id is None:
        known = ", ".join(other for other, _ in names)
        hint = f"There are: {known}." if known else "There are no collections yet."
        raise NotFound(f"There is no collection named {name}.", hint=hint)
    return collection(conn, id)


def change_collection(
    conn: Connection,
    id: str,
    *,
    name: str | None = None,
    icon: str | None = None,
    description: str | None = None,
    paused: bool | None = None,
    watched: str | None = None,
    watched_place: str | None = None,
) -> Collection:
    """Sets what is given. Raises `NotFound`, or `BadRequest` when the name is empty or taken."""
    values: dict[str, Any] = {"icon": icon, "watched": watched, "watched_place": watched_place}
    values["name"] = None if name is None else _free_name(conn, name, besides=id)
    values["description"] = None if description is None else clean(description)
    values["paused"] = None if paused is None else int(paused)
    given = {key: value for key, value in values.items() if value is not None}
    if given:
        conn.execute(_UPDATE.values(given), {"id_": id})
    return collection(conn, id)


def watched_at(conn: Connection, place: str) -> dict[str, str]:
    """Collections that are kept in step with a folder of this place: id -> folder."""
    mine = select(_c.id, _c.watched).where(
        _c.deleted_at.is_(None), _c.watched != "", _c.watched_place.in_(("", place))
    )
    return {row[0]: row[1] for row in conn.execute(mine)}


def set_embedder(conn: Connection, id: str, embedder_id: str) -> Collection:
    """Another embedder: its vectors go, its passages stay and wait for new ones. Raises `NotFound`.

    Drop the space of the old embedder in the index yourself; nothing is noted for it here.
    """
    collection(conn, id)
    for gone in (schema.passage_vectors, schema.unindexed_vectors):
        conn.execute(sa.delete(gone).where(gone.c.passage_id.in_(_MINE)), {"id_": id})
    conn.execute(
        update(schema.passages).where(_p.id.in_(_MINE), _p.embedded == 1).values(embedded=0), {"id_": id}
    )
    # Failed ones with passages failed at their vectors.
    split = (DocumentState.READY.value, DocumentState.EMBEDDING.value, DocumentState.FAILED.value)
    again = update(schema.documents).where(_d.collection_id == bindparam("id_"))
    conn.execute(again.values(embedded=0), {"id_": id})
    again = again.where(_d.state.in_(split), _d.passages > 0)
    waiting = {"state": DocumentState.EMBEDDING.value, "done": 0, "total": _d.passages, "error": None}
    conn.execute(again.values(waiting), {"id_": id})
    conn.execute(_UPDATE.values(embedder_id=embedder_id, dimension=None), {"id_": id})
    return collection(conn, id)


def set_dimension(conn: Connection, id: str, dimension: int) -> None:
    """How many numbers a vector of this collection has."""
    conn.execute(_UPDATE.values(dimension=dimension), {"id_": id})


def delete_collection(conn: Connection, id: str, now: float) -> None:
    """Hides it with all that is in it. Raises `NotFound`, also when it is hidden already."""
    if conn.execute(_UPDATE.values(deleted_at=now), {"id_": id}).rowcount == 0:
        raise missing_collection(id)


def restore_collection(conn: Connection, id: str) -> Collection:
    """Brings it back, under another name when its own was given away. Raises `NotFound` when it is gone."""
    name = conn.execute(select(_c.name).where(_c.id == id)).scalar()
    if name is None:
        raise missing_collection(id)
    taken = {other.casefold() for other, other_id in conn.execute(_NAMES) if other_id != id}
    free, n = name, 2
    while free.casefold() in taken:
        free, n = f"{name} ({n})", n + 1
    conn.execute(update(schema.collections).where(_c.id == id).values(deleted_at=None, name=free))
    return collection(conn, id)


def purge_deleted(conn: Connection, before: float, limit: int = 500) -> int:
    """Removes for good what was deleted before that time, or replaced; at most `limit` passages of it.

    Returns how many rows went: call it until that is 0. Notes the vectors that the index has to forget.
    """
    before = max(before, GONE + 1.0)
    found = conn.execute(_OLD_DOCUMENTS, {"before_": before}).first()
    if found is None:
        return conn.execute(_OLD_COLLECTIONS, {"before_": before}).rowcount
    seq, collection_id, embedder_id = found
    gone = passages.remove(conn, seq, collection_id, embedder_id, limit)
    if gone < limit:
        conn.execute(sa.delete(schema.document_texts).where(_t.document_seq == seq))
        gone += conn.execute(sa.delete(schema.documents).where(_d.seq == seq)).rowcount
    return gone


def sizes(conn: Connection) -> int:
    """About how many bytes knowledge takes in the database.

    A text is kept whole and in passages that overlap a little, and its words take about half of it again.
    """
    texts = conn.execute(select(func.coalesce(func.sum(_d.text_bytes), 0))).scalar_one()
    per_vector = func.coalesce(_c.dimension, 0) * 4
    vectors = (
        select(func.coalesce(func.sum(_d.embedded * per_vector), 0))
        .select_from(schema.documents)
        .join(schema.collections, _c.id == _d.collection_id)
    )
    return int(int(texts) * 2.7) + int(conn.execute(vectors).scalar_one())


def missing_collection(id: str) -> NotFound:
    return NotFound(
        "This collection does not exist.", hint="It may have been deleted.", detail=f"collection {id}"
    )


def _free_name(conn: Connection, name: str, besides: str = "") -> str:
    """`name` without white space around it. Raises `BadRequest` when it is empty, too long or taken."""
    name = " ".join(clean(name).split())
    if not name:
        raise BadRequest("A collection needs a name.", hint="Type one, then try again.")
    if len(name) > LONGEST_NAME:
        raise BadRequest("The name is too long.", hint=f"Up to {LONGEST_NAME} characters.")
    for other, id in conn.execute(_NAMES):
        if id != besides and other.casefold() == name.casefold():
            raise BadRequest(f"There is already a collection named {other}.", hint="Choose another name.")
    return name
