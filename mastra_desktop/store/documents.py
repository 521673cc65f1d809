"""Documents of collections: what waits, their text, and one taking another's place.

A document's words may be found from `store_text` on; of one that replaces another, from `finish` on, which
in the same step takes the other away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, insert, select, update

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, KnowledgeError, NotFound
from mastra_desktop.domain.knowledge import Document, DocumentState, DocumentText, PassageSpan, ReadText
from mastra_desktop.store import knowledge, passages, processes, schema
from mastra_desktop.store.knowledge_rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    document_from_row,
    passage_from_row,
)
from mastra_desktop.store.message_rows import error_json
from mastra_desktop.store.processes import NOBODY, Me
from mastra_desktop.store.words import clean

if TYPE_CHECKING:
    from mastra_desktop.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")

CLAIM = "document:"  # what names the claim on a document begins with

PASSAGES_AT_ONCE = 200  # of one transaction: 0.1 s on a busy machine, so that other writes go between

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_t = schema.document_texts.c
_NO_TEXT_MARK = re.compile("[\0\ud800-\udfff]")
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
    _change(conn, id, state=state.value, done=done, total=of)
    return document(conn, id)


def fail(conn: Connection, id: str, error: ErrorInfo) -> Document:
    """Gives it up for now; what it replaces stays. Raises `NotFound`."""
    _change(conn, id, state=DocumentState.FAILED.value, error=error_json(error))
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
    _change(conn, id, state=state.value, error=None, priority=priority, done=done or 0, total=total)
    return document(conn, id)


def reset_unfinished(conn: Connection) -> int:
    """At the start: what was being read when the app ended is read again. Returns how many.

    On a server any time: what a living process reads is left alone.
    """
    return _requeue(conn, _d.id.not_in(processes.held(conn, CLAIM)))


def store_text(
    conn: Connection, id: str, *, read: ReadText, spans: Sequence[PassageSpan], now: float
) -> Document:
    """Text, passages and words in one transaction. Raises `KnowledgeError` without text, `NotFound`.

    For long documents `store_long_text` does the same without keeping the writer.
    """
    _must_have(spans)
    while clear_text(conn, id):
        pass
    begin_text(conn, id, read)
    add_passages(conn, id, read.text, spans)
    return end_text(conn, id, len(spans), now)


async def store_long_text(
    database: Database, id: str, *, read: ReadText, spans: Sequence[PassageSpan], now: float
) -> Document:
    """As `store_text`, in many short transactions; nothing of it can be found before the last.

    Each asks whether the claim on it still holds: raises `NotFound` when another process went on with it.

    Cut short, it begins anew: `reset_unfinished` queues the document and what is there is taken out first.
    """
    _must_have(spans)
    me = database.me
    while await database.write(_held(clear_text, me, id), id):
        pass
    await database.write(_held(begin_text, me, id), id, read)
    for at in range(0, len(spans), PASSAGES_AT_ONCE):
        piece = spans[at : at + PASSAGES_AT_ONCE]
        await database.write(_held(add_passages, me, id), id, read.text, piece)
    return await database.write(_held(end_text, me, id), id, len(spans), now)


def clear_text(conn: Connection, id: str, limit: int = PASSAGES_AT_ONCE) -> int:
    """Takes out what an earlier reading left, up to `limit` passages; returns how many, 0 at the end."""
    seq, collection_id, embedder_id, _ = _place(conn, id)
    return passages.remove(conn, seq, collection_id, embedder_id, limit)


def begin_text(conn: Connection, id: str, read: ReadText) -> None:
    """Stores the whole text. The document is not to be found until `end_text`."""
    seq = _place(conn, id)[0]
    conn.execute(sa.delete(schema.document_texts).where(_t.document_seq == seq))
    conn.execute(insert(schema.document_texts), {"document_seq": seq, "text": _storable(read.text)})
    size = len(read.text.encode("utf-8", "replace"))
    _change(conn, id, summary=clean(read.summary), text_bytes=size, searchable=0, passages=0, embedded=0)


def add_passages(conn: Connection, id: str, whole: str, spans: Sequence[PassageSpan]) -> None:
    """Stores some of its passages and their words."""
    passages.add(conn, _place(conn, id)[0], _storable(whole), spans)


def end_text(conn: Connection, id: str, count: int, now: float) -> Document:
    """Its words can be found from now on, unless it replaces another document; its vectors follow."""
    searchable = int(_place(conn, id)[3] is None)
    counts = {"done": 0, "total": count, "passages": count, "searchable": searchable}
    _change(conn, id, **counts, state=DocumentState.EMBEDDING.value, error=None, changed_at=now)
    return document(conn, id)


def finish(conn: Connection, id: str, now: float) -> Document:
    """Ready. What it replaces is gone in the same step; `purge_deleted` clears that away later."""
    replaces = _place(conn, id)[3]
    if replaces:
        _change_any(conn, replaces, deleted_at=knowledge.GONE, searchable=0)
    ready = {"state": DocumentState.READY.value, "done": _d.passages, "total": _d.passages}
    _change(conn, id, **ready, searchable=1, replaces=None, error=None, changed_at=now)
    return document(conn, id)


def delete_document(conn: Connection, id: str, now: float) -> None:
    """Hides it. Raises `NotFound`, also when it is hidden already."""
    _change(conn, id, deleted_at=now)


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


def _held(
    fn: Callable[Concatenate[Connection, P], T], me: Me, id: str
) -> Callable[Concatenate[Connection, P], T]:
    def only_while_held(conn: Connection, /, *args: P.args, **kw: P.kwargs) -> T:
        if me.id:
            processes.must_hold(conn, me, CLAIM + id)
        return fn(conn, *args, **kw)

    return only_while_held


def _requeue(conn: Connection, which: sa.ColumnElement[bool]) -> int:
    reading = (DocumentState.READING.value, DocumentState.SPLITTING.value)
    again = update(schema.documents).where(_d.state.in_(reading), which)
    return conn.execute(again.values(state=DocumentState.QUEUED.value, done=0, total=0)).rowcount


def _place(conn: Connection, id: str) -> tuple[int, str, str, str | None]:
    row = conn.execute(_PLACE, {"id_": id}).first()
    if row is None:
        raise _missing(id)
    return row[0], row[1], row[2], row[3]


def _change(conn: Connection, id: str, **values: Any) -> None:
    if conn.execute(_UPDATE.values(values), {"id_": id}).rowcount == 0:
        raise _missing(id)


def _change_any(conn: Connection, id: str, **values: Any) -> None:
    conn.execute(update(schema.documents).where(_d.id == id).values(values))


def _must_have(spans: Sequence[PassageSpan]) -> None:
    if not spans:
        raise KnowledgeError(
            "There is no text in this file.", hint="Scanned pages need text recognition (OCR)."
        )


def _storable(text: str) -> str:
    """`text` as every database can keep it, character for character: passages count in it."""
    return _NO_TEXT_MARK.sub("\ufffd", text)


def _missing(id: str) -> NotFound:
    return NotFound(
        "This document does not exist.", hint="It may have been deleted.", detail=f"document {id}"
    )
