"""Documents of collections: what waits, and one taking another's place. Their texts: `document_texts.py`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, insert, select, update

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, NotFound
from mastra_desktop.domain.knowledge import Document, DocumentState, DocumentText
from mastra_desktop.store import knowledge, processes, schema
from mastra_desktop.store.knowledge_rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    document_from_row,
    passage_from_row,
)
from mastra_desktop.store.message_rows import error_json
from mastra_desktop.store.processes import NOBODY, Me
from mastra_desktop.store.words import clean

CLAIM = "document:"  # what names the claim on a document begins with

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_t = schema.document_texts.c
_SELECT: sa.Select[Any] = (
    select(*DOCUMENT_COLUMNS)
    .join(schema.collections, _c.id == _d.collection_id)
    .where(_d.deleted_at.is_(None), _c.deleted_at.is_(None))
)
_NEWEST = _SELECT.where(_d.collection_id == bindparam("collection")).order_by(_d.seq.desc())
_GET = _SELECT.where(_d.id == bindparam("id_"))
_NEXT = (
    _SELECT.where(_d.state == bindparam("state_"), _c.paused == 0)
    .order_by(_d.priority.desc(), _d.added_at, _d.seq)
    .limit(1)
)
_gone = schema.documents.alias("gone")
_ADDED_AGAIN = (
    select(_d.name)
    .join(_gone, sa.and_(_gone.c.collection_id == _d.collection_id, _gone.c.source == _d.source))
    .where(
        _gone.c.id == bindparam("id_"),
        _d.id != _gone.c.id,
        _d.deleted_at.is_(None),
        _d.id != sa.func.coalesce(_gone.c.replaces, ""),
    )
    .limit(1)
)
_UPDATE = update(schema.documents).where(_d.id == bindparam("id_"), _d.deleted_at.is_(None))
_PLACE = (
    select(_d.seq, _d.collection_id, _c.embedder_id, _d.replaces)
    .join(schema.collections, _c.id == _d.collection_id)
    .where(_d.id == bindparam("id_"), _d.deleted_at.is_(None))
)


def add_document(
    conn: Connection,
    *,
    id: str,
    collection_id: str,
    name: str,
    source: str,
    size_bytes: int,
    sha256: str,
    priority: int,
    now: float,
    replaces: str | None = None,
    place: str = "",
) -> Document:
    """Queues a file or page; a higher `priority` goes first. Raises `NotFound` without such a collection.

    `place`: only a process of that data home can read the file; "" for any.
    Of several versions that want to take one document's place only the last does; the others go at once.
    """
    knowledge.collection(conn, collection_id)
    row = {"id": id, "collection_id": collection_id, "name": clean(name), "source": clean(source)}
    row |= {"state": DocumentState.QUEUED.value, "sha256": sha256, "summary": "", "place": place}
    numbers = {"size_bytes": size_bytes, "priority": priority, "added_at": now, "changed_at": now}
    numbers |= dict.fromkeys(("done", "total", "passages", "embedded", "searchable", "text_bytes"), 0)
    conn.execute(insert(schema.documents), {**row, **numbers, "replaces": _to_replace(conn, replaces)})
    return document(conn, id)


def documents(conn: Connection, collection_id: str) -> list[Document]:
    """Newest first, without their texts. Raises `NotFound` without such a collection."""
    knowledge.collection(conn, collection_id)
    return [document_from_row(row) for row in conn.execute(_NEWEST, {"collection": collection_id})]


def document(conn: Connection, id: str) -> Document:
    """Raises `NotFound`, also for a deleted one or one of a deleted collection."""
    row = conn.execute(_GET, {"id_": id}).first()
    if row is None:
        raise _missing(id)
    return document_from_row(row)


def document_text(conn: Connection, id: str) -> DocumentText:
    """With its whole text and its passages; both empty before it was read. Raises `NotFound`."""
    found = document(conn, id)
    seq = select(_d.seq).where(_d.id == id).scalar_subquery()
    whole = conn.execute(select(_t.text).where(_t.document_seq == seq)).scalar()
    if whole is None:
        return DocumentText(found, "", ())
    mine = (
        select(*PASSAGE_COLUMNS)
        .join(schema.documents, _d.seq == _p.document_seq)
        .where(_p.document_seq == seq)
        .order_by(_p.position)
    )
    return DocumentText(found, whole, tuple(passage_from_row(row) for row in conn.execute(mine)))


def document_hash(conn: Connection, id: str) -> str:
    """The sha256 it was added with. Raises `NotFound`."""
    found = conn.execute(select(_d.sha256).where(_d.id == id, _d.deleted_at.is_(None))).scalar()
    if found is None:
        raise _missing(id)
    return str(found)


def find_source(conn: Connection, collection_id: str, source: str) -> Document | None:
    """The newest document made from this path or address."""
    return _newest(conn, collection_id, _d.source == clean(source))


def same_name(conn: Connection, collection_id: str, name: str) -> Document | None:
    """The newest document of this name."""
    return _newest(conn, collection_id, _d.name == clean(name))


def same_content(conn: Connection, collection_id: str, sha256: str) -> Document | None:
    """The newest document of this content."""
    return _newest(conn, collection_id, _d.sha256 == sha256)


def next_job(conn: Connection, me: Me = NOBODY) -> Document | None:
    """The document to read next: highest priority, then oldest. None when nothing waits or all is paused.

    Only what no other process has claimed, and only files of this data home, and pages.
    """
    return _next(conn, me, DocumentState.QUEUED, _d.place.in_(("", me.place)))


def next_embedding(conn: Connection, me: Me = NOBODY, *, besides: Iterable[str] = ()) -> Document | None:
    """The document whose passages get vectors next, of whatever place; see `next_job`.

    `besides` leaves out collections of these embedders.
    """
    others = tuple(besides)
    return _next(conn, me, DocumentState.EMBEDDING, *([_c.embedder_id.not_in(others)] if others else []))


def take(conn: Connection, me: Me, id: str) -> bool:
    """Claims a document, unless another process has it or was faster. Give it back with `give_back`."""
    return processes.claim(conn, me, CLAIM + id, id)


def take_job(conn: Connection, me: Me) -> Document | None:
    """Claims the document to read next and says that it is being read."""
    job = next_job(conn, me)
    if job is None or not take(conn, me, job.id):
        return None
    set_progress(conn, job.id, DocumentState.READING, 0, 0)
    return job


def give_back(conn: Connection, me: Me, id: str) -> None:
    """Whoever comes first goes on with it. One that is still being read is to be read anew."""
    processes.release(conn, me, CLAIM + id)
    _requeue(conn, _d.id == id)


def at_place(conn: Connection, collection_id: str, place: str) -> list[Document]:
    """The documents whose files are there."""
    rows = conn.execute(_NEWEST.where(_d.place.in_(("", place))), {"collection": collection_id})
    return [document_from_row(row) for row in rows]


def set_progress(conn: Connection, id: str, state: DocumentState, done: int, of: int) -> Document:
    """Raises `NotFound` when it was deleted meanwhile."""
    change(conn, id, state=state.value, done=done, total=of)
    return document(conn, id)


def fail(conn: Connection, id: str, error: ErrorInfo) -> Document:
    """Gives it up for now; what it replaces stays. Raises `NotFound`."""
    change(conn, id, state=DocumentState.FAILED.value, error=error_json(error))
    return document(conn, id)


def retry(conn: Connection, id: str, priority: int) -> Document:
    """Queues a failed one again: from the passages when it has them, else from the file. Raises `NotFound`.

    One that has not failed, or is on its way again already, is left alone.
    """
    found = document(conn, id)
    if found.state is not DocumentState.FAILED:
        return found
    has_text = select(_d.embedded).where(_d.id == id, _d.passages > 0)
    done = conn.execute(has_text).scalar()
    state = DocumentState.QUEUED if done is None else DocumentState.EMBEDDING
    total = _d.passages if done is not None else 0
    change(conn, id, state=state.value, error=None, priority=priority, done=done or 0, total=total)
    return document(conn, id)


def retry_failed(conn: Connection, collection_id: str, priority: int) -> list[str]:
    """As `retry`, of all failed documents of a collection; returns their ids. Raises `NotFound`."""
    knowledge.collection(conn, collection_id)
    mine = (
        _d.collection_id == collection_id,
        _d.state == DocumentState.FAILED.value,
        _d.deleted_at.is_(None),
    )
    ids = list(conn.execute(select(_d.id).where(*mine).order_by(_d.seq)).scalars())
    again = update(schema.documents).where(*mine).values(error=None, priority=priority)
    embedding = {"state": DocumentState.EMBEDDING.value, "done": _d.embedded, "total": _d.passages}
    conn.execute(again.where(_d.passages > 0).values(embedding))
    conn.execute(again.values(state=DocumentState.QUEUED.value, done=0, total=0))
    return ids


def reset_unfinished(conn: Connection) -> int:
    """At the start: what was being read when the app ended is read again. Returns how many.

    On a server any time: what a living process reads is left alone.
    """
    return _requeue(conn, _d.id.not_in(processes.held(conn, CLAIM)))


def finish(conn: Connection, id: str, now: float) -> Document:
    """Ready. What it replaces is gone in the same step; `purge_deleted` clears that away later."""
    replaces = place_of(conn, id)[3]
    if replaces:
        _change_any(conn, replaces, deleted_at=knowledge.GONE, searchable=0)
    ready = {"state": DocumentState.READY.value, "done": _d.passages, "total": _d.passages}
    change(conn, id, **ready, searchable=1, replaces=None, error=None, changed_at=now)
    return document(conn, id)


def delete_document(conn: Connection, id: str, now: float) -> None:
    """Hides it. Raises `NotFound`, also when it is hidden already."""
    change(conn, id, deleted_at=now)


def restore_document(conn: Connection, id: str) -> Document:
    """Brings it back. Raises `NotFound` when it is gone for good, or was replaced.

    Raises `BadRequest` when its file or page was added again meanwhile: it would be found twice.
    """
    again = conn.execute(_ADDED_AGAIN, {"id_": id}).first()
    if again is not None:
        raise BadRequest(f"{again[0]} was added again meanwhile.", hint="Nothing is missing.")
    back = update(schema.documents).where(_d.id == id, _d.deleted_at > knowledge.GONE)
    if conn.execute(back.values(deleted_at=None)).rowcount == 0:
        raise _missing(id)
    return document(conn, id)


def _to_replace(conn: Connection, id: str | None) -> str | None:
    """The searchable document to take the place of. Versions on their way to it go, and one never found."""
    found = conn.execute(
        select(_d.searchable, _d.replaces).where(_d.id == id, _d.deleted_at.is_(None))
    ).first()
    if found is None:
        return None
    root = id if found[0] else found[1]
    rivals = update(schema.documents).where(
        _d.deleted_at.is_(None),
        sa.or_(_d.id == (None if found[0] else id), sa.and_(_d.replaces == root, _d.replaces.is_not(None))),
    )
    conn.execute(rivals.values(deleted_at=knowledge.GONE))
    return root


def _newest(conn: Connection, collection_id: str, condition: sa.ColumnElement[bool]) -> Document | None:
    row = conn.execute(_NEWEST.where(condition).limit(1), {"collection": collection_id}).first()
    return None if row is None else document_from_row(row)


def _next(
    conn: Connection, me: Me, state: DocumentState, *conditions: sa.ColumnElement[bool]
) -> Document | None:
    if others := processes.held(conn, CLAIM, besides=me):
        conditions = (*conditions, _d.id.not_in(others))
    row = conn.execute(_NEXT.where(*conditions), {"state_": state.value}).first()
    return None if row is None else document_from_row(row)


def _requeue(conn: Connection, which: sa.ColumnElement[bool]) -> int:
    reading = (DocumentState.READING.value, DocumentState.SPLITTING.value)
    again = update(schema.documents).where(_d.state.in_(reading), which)
    return conn.execute(again.values(state=DocumentState.QUEUED.value, done=0, total=0)).rowcount


def place_of(conn: Connection, id: str) -> tuple[int, str, str, str | None]:
    """Its number, collection, embedder, and what it replaces. Raises `NotFound`."""
    row = conn.execute(_PLACE, {"id_": id}).first()
    if row is None:
        raise _missing(id)
    return row[0], row[1], row[2], row[3]


def change(conn: Connection, id: str, **values: Any) -> None:
    """Sets columns. Raises `NotFound`."""
    if conn.execute(_UPDATE.values(values), {"id_": id}).rowcount == 0:
        raise _missing(id)


def _change_any(conn: Connection, id: str, **values: Any) -> None:
    conn.execute(update(schema.documents).where(_d.id == id).values(values))


def _missing(id: str) -> NotFound:
    return NotFound(
        "This document does not exist.", hint="It may have been deleted.", detail=f"document {id}"
    )
