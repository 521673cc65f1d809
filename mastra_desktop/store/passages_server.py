"""Words of passages on PostgreSQL: the same words as on SQLite, and the same score.

PostgreSQL's own full-text search has to look into each passage for how often it has a word. So each word
keeps a list of the passages that have it, as FTS5 does, cut into chunks of 4,096 ids: one row for each
word in each chunk. A list is 16-bit numbers, three for each passage: its place in the chunk, how often it has
the word, and how many words it has.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import BigInteger, Connection, bindparam
from sqlalchemy.dialects.postgresql import ARRAY

from mastra_desktop.store import lexemes, words
from mastra_desktop.store.engines import raw

_K1, _B = 1.2, 0.75  # as FTS5 has them
_CHUNK = 4_096  # ids
_AT_ONCE = 200  # texts cut into words
_MOST = 0xFFFF
_AFTER = "\x01"  # no word has it: what follows a word and comes before every longer one
_LAST = "\U0010ffff"

_ADD = """
    INSERT INTO passage_words AS w (word, chunk, passages, hits)
    SELECT * FROM unnest(%s::text[], %s::int8[], %s::int4[], %s::bytea[])
    ON CONFLICT (word, chunk) DO UPDATE
    SET passages = w.passages + excluded.passages, hits = w.hits || excluded.hits"""
_READ = """
    SELECT w.word, w.chunk, w.hits FROM unnest(%s::text[], %s::int8[]) AS a (word, chunk)
    JOIN passage_words AS w ON w.word = a.word AND w.chunk = a.chunk"""
_CHANGE = """
    UPDATE passage_words AS w SET passages = a.passages, hits = a.hits
    FROM unnest(%s::text[], %s::int8[], %s::int4[], %s::bytea[]) AS a (word, chunk, passages, hits)
    WHERE w.word = a.word AND w.chunk = a.chunk"""
_REMOVE = """
    DELETE FROM passage_words AS w USING unnest(%s::text[], %s::int8[]) AS a (word, chunk)
    WHERE w.word = a.word AND w.chunk = a.chunk"""
_COUNT = "UPDATE passage_totals SET passages = passages + %s, length = length + %s"
# The rarest words, as long as they are in `most` passages together, with all of their lists: in one step,
# since each costs a round trip. Counting ends at `most`: a beginning of words may have very many.
_FIND = """
    WITH asked AS (
        SELECT * FROM unnest(%(lows)s::text[], %(highs)s::text[]) WITH ORDINALITY AS a (low, high, n)
    ), counted AS MATERIALIZED (
        SELECT low, high, n, least(%(most)s + 1, (SELECT sum(passages) FROM (
            SELECT passages FROM passage_words WHERE word >= low AND word < high LIMIT %(most)s + 1
        ) AS counts)) AS many
        FROM asked
    ), ordered AS (
        SELECT low, high, n, sum(many) OVER (ORDER BY many, n) AS upto,
            row_number() OVER (ORDER BY many, n) AS place
        FROM counted WHERE many > 0
    )
    SELECT o.n, p.chunk, p.hits, t.passages, t.length
    FROM passage_totals AS t, ordered AS o
    CROSS JOIN LATERAL (SELECT * FROM passage_words WHERE word >= o.low AND word < o.high OFFSET 0) AS p
    WHERE (o.place = 1 OR o.upto <= %(most)s) AND o.place <= %(terms)s"""

Lists = dict[tuple[str, int], "array[int]"]


def add(conn: Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Makes passages findable, given as (id, text for the index). Of many, in the order of their ids."""
    left = iter(rows)
    while some := list(islice(left, _CHUNK)):
        lists, length = _lists(conn, some)
        keys = sorted(lists)
        counts = [len(lists[key]) // 3 for key in keys]
        packed = [_little(lists[key]).tobytes() for key in keys]
        raw(conn).execute(_ADD, (*_apart(keys), counts, packed))
        raw(conn).execute(_COUNT, (len(some), length))


def remove(conn: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Takes passages out, given with the text they went in with."""
    lists, length = _lists(conn, rows)
    server = raw(conn)
    kept: Lists = {}
    gone: list[tuple[str, int]] = []
    for word, chunk, packed in server.execute(_READ, _apart(sorted(lists)), binary=True).fetchall():
        leaving, found = set(lists[word, chunk][::3]), _unpacked(packed)
        left = [n for n in range(0, len(found), 3) if found[n] not in leaving]
        if left:
            kept[word, chunk] = array("H", [number for n in left for number in found[n : n + 3]])
        else:
            gone.append((word, chunk))
    counts = [len(numbers) // 3 for numbers in kept.values()]
    server.execute(
        _CHANGE, (*_apart(kept), counts, [_little(numbers).tobytes() for numbers in kept.values()])
    )
    server.execute(_REMOVE, _apart(gone))
    server.execute(_COUNT, (-len(rows), -length))


def search(
    conn: Connection, wanted: sa.Select[Any], query: str, *, limit: int, tokens: int, terms: int, rows: int
) -> list[tuple[int, float]]:
    """(passage id, score), best first, of the passages that `wanted` allows.

    Of a question at most `tokens` words are looked at and the `terms` rarest used, as long as they are in
    `rows` passages together.
    """
    lows, highs = _asked(conn, words.question_tokens(query)[:tokens])
    if not lows:
        return []
    asked = {"lows": lows, "highs": highs, "most": rows, "terms": terms}
    scores = _scores(raw(conn).execute(_FIND, asked, binary=True).fetchall())
    ranked = sorted(scores.items(), key=lambda one: (-one[1], one[0]))
    among = wanted.where(wanted.selected_columns[0] == sa.any_(bindparam("ids", type_=ARRAY(BigInteger))))
    hits: list[tuple[int, float]] = []
    piece, at = 2 * limit, 0
    while len(hits) < limit and (some := ranked[at : at + piece]):
        allowed = set(conn.execute(among, {"ids": [id for id, _ in some]}).scalars())
        hits += [one for one in some if one[0] in allowed]
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


def _scores(rows: Sequence[Sequence[Any]]) -> dict[int, float]:
    """By passage, as FTS5 computes them."""
    terms: dict[int, dict[int, tuple[int, int]]] = {}
    for n, chunk, packed, _, _ in rows:
        term, begin, found = terms.setdefault(n, {}), chunk * _CHUNK, _unpacked(packed)
        for place, count, size in zip(found[::3], found[1::3], found[2::3], strict=True):
            id = begin + place
            before = term.get(id)  # another word with the same beginning
            term[id] = (count, size) if before is None else (before[0] + count, size)
    scores: dict[int, float] = {}
    if not rows:
        return scores
    total, length = rows[0][3], rows[0][4]
    shorter, per_word = _K1 * (1 - _B), _K1 * _B * total / max(length, 1)
    for term in terms.values():
        rarity = math.log((total - len(term) + 0.5) / (len(term) + 0.5)) if len(term) < total else 0.0
        weight = (rarity if rarity > 0 else 1e-6) * (_K1 + 1)
        for id, (count, size) in term.items():
            scores[id] = scores.get(id, 0.0) + weight * count / (count + shorter + per_word * size)
    return scores


def _lists(conn: Connection, rows: Sequence[tuple[int, str]]) -> tuple[Lists, int]:
    """The lists that these passages make by word and chunk, and how many words they have together."""
    lists: Lists = {}
    length = 0
    for at in range(0, len(rows), _AT_ONCE):
        some = rows[at : at + _AT_ONCE]
        found = lexemes.stems(conn).places([whole for _, whole in some])
        for (id, _), places in zip(some, found, strict=True):
            chunk, place = divmod(id, _CHUNK)
            size = sum(map(len, places.values()))
            length += size
            for word, all_ in places.items():
                numbers = (place, min(len(all_), _MOST), min(size, _MOST))
                lists.setdefault((word, chunk), array("H")).extend(numbers)
    return lists, length


def _apart(keys: Iterable[tuple[str, int]]) -> tuple[list[str], list[int]]:
    pairs = list(keys)
    return [word for word, _ in pairs], [chunk for _, chunk in pairs]


def _unpacked(packed: bytes) -> array[int]:
    found = array("H")
    found.frombytes(packed)
    return _little(found)


def _little(numbers: array[int]) -> array[int]:
    """To and from the order of bytes that is stored."""
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
