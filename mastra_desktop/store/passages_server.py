"""Words of passages on PostgreSQL: the same words as on SQLite, and the same score.

PostgreSQL's own full-text search has to look into each passage for how often it has a word. So each word
keeps a list of the passages that have it, as FTS5 does: one row for each word in each segment, which is a
stretch of one document that was added together. A list is 16-bit numbers, three for each passage: its number
from the segment's on, how often it has the word, and how many words it has.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from mastra_desktop.store import lexemes, words
from mastra_desktop.store.engines import raw

_K1, _B = 1.2, 0.75  # as FTS5 has them
_MOST_IN_SEGMENT = 200  # passages
_MOST = 0xFFFF
_AFTER = "\x01"  # no word has it: what follows a word and comes before every longer one
_LAST = "\U0010ffff"

# The rarest words, as long as they are in `most` passages together, with all of their lists: in one step,
# since each costs a round trip. Counting ends at `most`, so that words that are everywhere cost no more.
_FIND = """
    WITH asked AS (
        SELECT * FROM unnest(%(lows)s::text[], %(highs)s::text[]) WITH ORDINALITY AS a (low, high, n)
    ), counted AS (
        SELECT low, high, n, least(%(most)s + 1, (SELECT sum(passages) FROM (
            SELECT passages FROM passage_words WHERE word >= low AND word < high LIMIT %(most)s + 1
        ) AS counts)) AS many
        FROM asked
    ), ordered AS (
        SELECT low, high, n, sum(many) OVER (ORDER BY many, n) AS upto,
            row_number() OVER (ORDER BY many, n) AS place
        FROM counted WHERE many > 0
    )
    SELECT o.n, p.segment, p.document_seq, p.hits, t.passages, t.length
    FROM passage_totals AS t, ordered AS o
    CROSS JOIN LATERAL (SELECT * FROM passage_words WHERE word >= o.low AND word < o.high OFFSET 0) AS p
    WHERE (o.place = 1 OR o.upto <= %(most)s) AND o.place <= %(terms)s"""

_REMOVE_SEGMENTS = (
    "DELETE FROM passage_segments WHERE document_seq = %s AND segment <= %s RETURNING passages, length"
)
_REMOVE_WORDS = "DELETE FROM passage_words WHERE document_seq = %s AND segment <= %s"


def add(conn: Connection, document_seq: int, rows: Sequence[tuple[int, str]]) -> None:
    """Makes passages of a document findable, given as (id, text for the index), in the order of their ids."""
    put_all(conn, ((document_seq, id, whole) for id, whole in rows))


def put_all(conn: Connection, rows: Iterable[tuple[int, int, str]]) -> None:
    """As `add`, of any documents: (document_seq, id, text for the index), one document after the other."""
    server = raw(conn)
    for document_seq, some in _segments(rows):
        first, length = some[0][0], 0
        lists: dict[str, array[int]] = {}
        found = lexemes.stems(conn).places([whole for _, whole in some])
        for (id, _), places in zip(some, found, strict=True):
            size = sum(map(len, places.values()))
            length += size
            for word, at in places.items():
                lists.setdefault(word, array("H")).extend((id - first, min(len(at), _MOST), min(size, _MOST)))
        with (
            server.cursor() as cursor,
            cursor.copy(
                "COPY passage_words (word, segment, document_seq, passages, hits) FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types(["text", "int8", "int8", "int4", "bytea"])
            for word in sorted(lists):
                copy.write_row(
                    (word, first, document_seq, len(lists[word]) // 3, _little(lists[word]).tobytes())
                )
        values = (first, document_seq, len(some), length)
        server.execute("INSERT INTO passage_segments VALUES (%s, %s, %s, %s)", values)
        _count(server, len(some), length)


def remove(conn: Connection, document_seq: int, last: int) -> None:
    """Takes out the segments of a document that begin at passage `last` or before."""
    server = raw(conn)
    these = (document_seq, last)
    for passages, length in server.execute(_REMOVE_SEGMENTS, these).fetchall():
        _count(server, -passages, -length)
    server.execute(_REMOVE_WORDS, these)


def search(
    conn: Connection, wanted: sa.Select[Any], query: str, *, limit: int, tokens: int, terms: int, rows: int
) -> list[tuple[int, float]]:
    """(passage id, score), best first, of passages in the documents that `wanted` selects.

    Of a question at most `tokens` words are looked at and the `terms` rarest used, as long as they are in
    `rows` passages together.
    """
    lows, highs = _asked(conn, words.question_tokens(query)[:tokens])
    if not lows:
        return []
    asked = {"lows": lows, "highs": highs, "most": rows, "terms": terms}
    found = raw(conn).execute(_FIND, asked, binary=True).fetchall()
    scores, document_of = _scores(found)
    ranked = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    hits: list[tuple[int, float]] = []
    allowed: dict[int, bool] = {}
    piece, at = 2 * limit, 0
    while len(hits) < limit and (some := ranked[at : at + piece]):
        unknown = {document_of[id] for id, _ in some} - allowed.keys()
        if unknown:
            column = wanted.selected_columns[0]
            among = set(conn.execute(wanted.where(column.in_(unknown))).scalars())
            allowed |= {document: document in among for document in unknown}
        hits += [(id, score) for id, score in some if allowed[document_of[id]]]
        at, piece = at + piece, 2_000
    return hits[:limit]


def _asked(conn: Connection, tokens: Sequence[str]) -> tuple[list[str], list[str]]:
    """From which word on, up to which: a single Chinese character is the beginning of pairs."""
    lows, highs = [], []
    lexer = lexemes.stems(conn)
    for token in tokens:
        end = _LAST if len(token) == 1 and not token.isascii() else _AFTER
        for word in lexer.words(token):
            lows.append(word)
            highs.append(word + end)
    return lows, highs


def _scores(rows: Sequence[Sequence[Any]]) -> tuple[dict[int, float], dict[int, int]]:
    """By passage its score, as FTS5 computes it, and its document."""
    times: dict[int, dict[int, list[int]]] = {}
    document_of: dict[int, int] = {}
    for n, segment, document, packed, _, _ in rows:
        term = times.setdefault(n, {})
        found = array("H")
        found.frombytes(packed)
        _little(found)
        for offset, count, size in zip(found[::3], found[1::3], found[2::3], strict=True):
            id = segment + offset
            if id in term:  # another word with the same beginning
                term[id][0] += count
            else:
                term[id] = [count, size]
                document_of[id] = document
    scores: dict[int, float] = {}
    if not rows:
        return scores, document_of
    total, length = rows[0][4], rows[0][5]
    shorter, per_word = _K1 * (1 - _B), _K1 * _B * total / max(length, 1)
    for term in times.values():
        rarity = math.log((total - len(term) + 0.5) / (len(term) + 0.5)) if len(term) < total else 0.0
        weight = (rarity if rarity > 0 else 1e-6) * (_K1 + 1)
        for id, (count, size) in term.items():
            scores[id] = scores.get(id, 0.0) + weight * count / (count + shorter + per_word * size)
    return scores, document_of


def _segments(rows: Iterable[tuple[int, int, str]]) -> Iterator[tuple[int, list[tuple[int, str]]]]:
    """(document_seq, [(id, text)]) of what goes into a segment each."""
    document_seq, some = 0, list[tuple[int, str]]()
    for document, id, whole in rows:
        if some and (
            document != document_seq or len(some) == _MOST_IN_SEGMENT or not 0 <= id - some[0][0] <= _MOST
        ):
            yield document_seq, some
            some = []
        document_seq = document
        some.append((id, whole))
    if some:
        yield document_seq, some


def _count(server: Any, passages: int, length: int) -> None:
    added = "UPDATE passage_totals SET passages = passages + %s, length = length + %s"
    server.execute(added, (passages, length))


def _little(numbers: array[int]) -> array[int]:
    """To and from the order of bytes that is stored."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
