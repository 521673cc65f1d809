"""Passages and their words: putting them in, taking them out, finding them.

`passage_search` keeps no text of its own, so taking a passage out needs the text that went in: the heading
and the passage, as `indexed` joins them. Whether a passage may be found is asked of its document and
collection when it is: hiding and replacing never touch the words.
"""

from __future__ import annotations

import json
from collections.abc import Collection as AnyOf
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, insert, select, text

from mastra_desktop.domain.knowledge import Document, Passage, PassageSpan, SearchFilter
from mastra_desktop.store import passages_server, schema, words
from mastra_desktop.store.engines import driver_connection
from mastra_desktop.store.knowledge_rows import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    document_from_row,
    heading_json,
    passage_from_row,
)

_MAX_TOKENS = 48  # of a question; what follows is passed over
_MAX_TERMS = 24  # with 8 the nDCG@10 on Cranfield falls by 8 %
_MAX_ROWS = 3_000  # passages that are ranked, unless the rarest term alone is in more
_AT_ONCE = 400  # values of one statement

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_IN_DOCUMENT = schema.passages.join(schema.documents, _d.seq == _p.document_seq)
_IN_COLLECTION = _IN_DOCUMENT.join(schema.collections, _c.id == _d.collection_id)
_SEARCHABLE = (_d.searchable == 1, _d.deleted_at.is_(None), _c.deleted_at.is_(None))
_FULL: sa.Select[Any] = (
    select(*PASSAGE_COLUMNS, *DOCUMENT_COLUMNS, _c.name)
    .select_from(_IN_COLLECTION)
    .where(_p.id.in_(bindparam("ids", expanding=True)), *_SEARCHABLE)
)
_BESIDE = (
    select(*PASSAGE_COLUMNS)
    .select_from(_IN_COLLECTION)
    .where(
        _p.document_seq == select(_p.document_seq).where(_p.id == bindparam("id_")).scalar_subquery(),
        _p.position.between(bindparam("first"), bindparam("last")),
        *_SEARCHABLE,
    )
    .order_by(_p.position)
)
_POSITION = select(_p.position).where(_p.id == bindparam("id_"))
_NUMBERS = select(_p.id, _p.position).where(
    _p.document_seq == bindparam("seq"), _p.position.between(bindparam("first"), bindparam("last"))
)
_LEAVING = (
    select(_p.id, _p.heading, _p.text, _p.embedded)
    .where(_p.document_seq == bindparam("seq"))
    .order_by(_p.position)
    .limit(bindparam("limit_"))
)
_LISTED = text("passages.id IN (SELECT value FROM json_each(:ids))")
_ADD_WORDS = text("INSERT INTO passage_search (rowid, text) VALUES (:id, :text)")
_REMOVE_WORDS = text("INSERT INTO passage_search (passage_search, rowid, text) VALUES ('delete', :id, :text)")
_COUNT = "SELECT count(*) FROM (SELECT 1 FROM passage_search WHERE passage_search MATCH ? LIMIT ?)"
# Best first, and only as far as it is read: FTS5 sorts, the rest is looked up one by one.
_RANKED = "SELECT rowid, rank FROM passage_search WHERE passage_search MATCH ? ORDER BY rank"


def add(conn: Connection, seq: int, whole: str, spans: Sequence[PassageSpan]) -> None:
    """Stores `spans` of the text of document number `seq`, and their words."""
    rows = [
        {
            "document_seq": seq,
            "position": span.index,
            "start_char": span.start,
            "end_char": span.end,
            "tokens": span.tokens,
            "page": span.page,
            "heading": heading_json(span.heading),
            "embedded": 0,
            "text": whole[span.start : span.end],
        }
        for span in spans
    ]
    if not rows:
        return
    conn.execute(insert(schema.passages), rows)
    place = {"seq": seq, "first": spans[0].index, "last": spans[-1].index}
    numbers = {position: id for id, position in conn.execute(_NUMBERS, place)}
    put = [(numbers[row["position"]], indexed(str(row["heading"]), str(row["text"]))) for row in rows]
    if conn.dialect.name != "sqlite":
        passages_server.add(conn, put)
        return
    conn.execute(_ADD_WORDS, [{"id": id, "text": whole} for id, whole in put])


def index_all_words(conn: Connection) -> None:
    """Fills an empty word index from the passages that are there."""
    asked = select(_p.id, _p.heading, _p.text).order_by(_p.id)
    rows = conn.execute(asked.execution_options(stream_results=True))
    put = ((id, indexed(heading, words_)) for id, heading, words_ in rows)
    if conn.dialect.name != "sqlite":
        passages_server.add(conn, put)
        return
    for id, whole in put:
        conn.execute(_ADD_WORDS, {"id": id, "text": whole})


def remove(conn: Connection, seq: int, collection_id: str, embedder_id: str, limit: int) -> int:
    """Takes up to `limit` passages of a document out for good, and notes their vectors as removed."""
    rows = conn.execute(_LEAVING, {"seq": seq, "limit_": limit}).all()
    if not rows:
        return 0
    out = [(id, indexed(heading, text)) for id, heading, text, _ in rows]
    if conn.dialect.name == "sqlite":
        conn.execute(_REMOVE_WORDS, [{"id": id, "text": whole} for id, whole in out])
    else:
        passages_server.remove(conn, out)
    noted = [
        {"passage_id": id, "collection_id": collection_id, "embedder_id": embedder_id}
        for id, _, _, embedded in rows
        if embedded
    ]
    if noted:
        conn.execute(insert(schema.removed_vectors), noted)
    for table in (schema.unindexed_vectors, schema.passage_vectors, schema.passages):
        key = table.c.id if table is schema.passages else table.c.passage_id
        conn.execute(sa.delete(table).where(key == bindparam("n")), [{"n": row[0]} for row in rows])
    return len(rows)


def search_words(
    conn: Connection,
    collection_ids: AnyOf[str],
    query: str,
    *,
    limit: int,
    filter: SearchFilter | None = None,
) -> list[tuple[int, float]]:
    """(passage id, score) of passages with words of a question, best first; a higher score is better.

    Not every word must occur. Of a long question, or with very many passages, only the rarest words count.
    """
    if not collection_ids:
        return []
    wanted = _wanted(collection_ids, filter)
    if conn.dialect.name != "sqlite":
        most = {"tokens": _MAX_TOKENS, "terms": _MAX_TERMS, "rows": _MAX_ROWS}
        return passages_server.search(conn, wanted, query, limit=limit, **most)
    match = _chosen_terms(conn, query)
    if not match:
        return []
    ranked = iter(driver_connection(conn).execute(_RANKED, (match,)))
    hits: list[tuple[int, float]] = []
    piece = 2 * limit
    while len(hits) < limit and (found := list(islice(ranked, piece))):
        kept = set(_among(conn, wanted, [id for id, _ in found]))
        hits += [(id, -rank) for id, rank in found if id in kept]
        piece = 2_000
    return hits[:limit]


def passages(conn: Connection, ids: AnyOf[int]) -> dict[int, tuple[Passage, Document, str]]:
    """Passages with their documents and their collections' names; only those that may be found."""
    split = len(PASSAGE_COLUMNS)
    return {
        row[0]: (passage_from_row(row[:split]), document_from_row(row[split:-1]), row[-1])
        for piece in _pieces(list(ids))
        for row in conn.execute(_FULL, {"ids": piece})
    }


def searchable(
    conn: Connection, ids: AnyOf[int], collection_ids: AnyOf[str], filter: SearchFilter | None = None
) -> set[int]:
    """Those of `ids` that may be found in these collections and pass the filter."""
    return set(_among(conn, _wanted(collection_ids, filter), list(ids)))


def neighbours(conn: Connection, passage_id: int, n: int) -> list[Passage]:
    """The passage between up to `n` before and `n` after it, in order; empty when it may not be found."""
    position = conn.execute(_POSITION, {"id_": passage_id}).scalar()
    if position is None:
        return []
    place = {"id_": passage_id, "first": position - n, "last": position + n}
    return [passage_from_row(row) for row in conn.execute(_BESIDE, place)]


def _chosen_terms(conn: Connection, query: str) -> str:
    """The rarest terms of a question as an FTS5 query, "" without any.

    Ranking costs about the same for each passage that holds a term, so the frequent ones, which say least,
    are left out once the rarer ones are in `_MAX_ROWS` passages together.
    """
    tokens = words.question_tokens(query)[:_MAX_TOKENS]
    inner = driver_connection(conn)
    counted = []
    for token in tokens:
        term = f'"{token}"' + ("*" if len(token) == 1 and not token.isascii() else "")
        (count,) = inner.execute(_COUNT, (term, _MAX_ROWS + 1)).fetchone()
        if count:
            counted.append((count, term))
    counted.sort(key=lambda one: one[0])
    chosen: list[str] = []
    rows = 0
    for count, term in counted:
        if chosen and rows + count > _MAX_ROWS:
            break
        chosen.append(term)
        rows += count
    return " OR ".join(chosen[:_MAX_TERMS])


def _wanted(collection_ids: AnyOf[str], filter: SearchFilter | None) -> sa.Select[Any]:
    """Asks which passages may be found.

    The document is asked for in a query of its own, else SQLite begins with all documents of a collection.
    """
    asked = (
        select(_d.seq)
        .join(schema.collections, _c.id == _d.collection_id)
        .where(_d.seq == _p.document_seq, *_SEARCHABLE, _d.collection_id.in_(list(collection_ids)))
        .correlate(schema.passages)
    )
    filter = filter or SearchFilter()
    if filter.document_ids:
        asked = asked.where(_d.id.in_(filter.document_ids))
    if filter.suffixes:
        asked = asked.where(sa.or_(*(sa.func.lower(_d.name).endswith(s.lower()) for s in filter.suffixes)))
    if filter.added_after is not None:
        asked = asked.where(_d.added_at >= filter.added_after)
    if filter.added_before is not None:
        asked = asked.where(_d.added_at < filter.added_before)
    return select(_p.id).where(asked.exists())


def _among(conn: Connection, wanted: sa.Select[Any], ids: Sequence[int]) -> Iterator[int]:
    if conn.dialect.name == "sqlite":  # one value instead of hundreds, which cost more than the answer
        yield from conn.execute(wanted.where(_LISTED), {"ids": json.dumps(ids)}).scalars()
        return
    for piece in _pieces(ids):
        yield from conn.execute(wanted.where(_p.id.in_(piece))).scalars()


def _pieces(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    return (ids[i : i + _AT_ONCE] for i in range(0, len(ids), _AT_ONCE))


def indexed(heading: str, passage: str) -> str:
    """What goes into the index of words for a passage: also the headings it stands under."""
    return words.index_text(f"{heading}\n{passage}" if heading else passage)
