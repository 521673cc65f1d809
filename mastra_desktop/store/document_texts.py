"""Texts of documents: stored whole, with the passages and words they are searched by.

A document's words may be found from `store_text` on; of one that replaces another, from `finish` on, which
in the same step takes the other away.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy import Connection, insert

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import Document, DocumentState, PassageSpan, ReadText
from mastra_desktop.store import documents, passages, processes, schema
from mastra_desktop.store.processes import Me
from mastra_desktop.store.words import clean

if TYPE_CHECKING:
    from mastra_desktop.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")

PASSAGES_AT_ONCE = 200  # of one transaction: 0.1 s on a busy machine, so that other writes go between

_t = schema.document_texts.c
_NO_TEXT_MARK = re.compile("[\0\ud800-\udfff]")


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
    seq, collection_id, embedder_id, _ = documents.place_of(conn, id)
    return passages.remove(conn, seq, collection_id, embedder_id, limit)


def begin_text(conn: Connection, id: str, read: ReadText) -> None:
    """Stores the whole text. The document is not to be found until `end_text`."""
    seq = documents.place_of(conn, id)[0]
    conn.execute(sa.delete(schema.document_texts).where(_t.document_seq == seq))
    conn.execute(insert(schema.document_texts), {"document_seq": seq, "text": _storable(read.text)})
    size = len(read.text.encode("utf-8", "replace"))
    documents.change(
        conn, id, summary=clean(read.summary), text_bytes=size, searchable=0, passages=0, embedded=0
    )


def add_passages(conn: Connection, id: str, whole: str, spans: Sequence[PassageSpan]) -> None:
    """Stores some of its passages and their words."""
    passages.add(conn, documents.place_of(conn, id)[0], _storable(whole), spans)


def end_text(conn: Connection, id: str, count: int, now: float) -> Document:
    """Its words can be found from now on, unless it replaces another document; its vectors follow."""
    searchable = int(documents.place_of(conn, id)[3] is None)
    counts = {"done": 0, "total": count, "passages": count, "searchable": searchable}
    documents.change(conn, id, **counts, state=DocumentState.EMBEDDING.value, error=None, changed_at=now)
    return documents.document(conn, id)


def _held(
    fn: Callable[Concatenate[Connection, P], T], me: Me, id: str
) -> Callable[Concatenate[Connection, P], T]:
    def only_while_held(conn: Connection, /, *args: P.args, **kw: P.kwargs) -> T:
        if me.id:
            processes.must_hold(conn, me, documents.CLAIM + id)
        return fn(conn, *args, **kw)

    return only_while_held


def _must_have(spans: Sequence[PassageSpan]) -> None:
    if not spans:
        raise KnowledgeError(
            "There is no text in this file.", hint="Scanned pages need text recognition (OCR)."
        )


def _storable(text: str) -> str:
    """`text` as every database can keep it, character for character: passages count in it."""
    return _NO_TEXT_MARK.sub("\ufffd", text)
