"""Words of passages on PostgreSQL: the same words as on SQLite, and the same score.

PostgreSQL's own ranks know nothing of how rare a word is. So it tells how often each word of the question
is in a passage, and BM25 is computed here, as FTS5 does. How often comes out of `ts_rank`: of a word alone
that is the sum of 1/j² over its places, times a constant.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, islice
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, select, text

from mastra_desktop.store import lexemes, words
from mastra_desktop.store.engines import raw

_K1, _B = 1.2, 0.75  # as FTS5 has them
_AT_ONCE = 200  # texts
_MOST_COUNTED = 40  # times a word is in a passage
_UNIT = 0.1 / 1.64493406685  # what ts_rank says of a word that is there once
_SUMS = list(accumulate(1 / (j * j) for j in range(1, _MOST_COUNTED + 1)))
_ADD = text("INSERT INTO passage_search (id, length, words) VALUES (:id, :length, CAST(:words AS tsvector))")
_REMOVE = text("DELETE FROM passage_search WHERE id = :id")
_COUNT = text(
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM passage_search WHERE words @@ CAST(asked.term AS tsquery)"
    " LIMIT :most) AS those) FROM unnest(CAST(:terms AS text[])) WITH ORDINALITY AS asked (term, n)"
    " ORDER BY n"
)
_ALL = text("SELECT CAST(coalesce(sum(passages), 0) AS bigint) FROM documents")
# One rank for each word in a passage that has it: asking each passage for each word takes four times as long.
_FOUND = text(
    "SELECT asked.n, s.id, s.length, ts_rank(s.words, asked.term) AS rank"
    " FROM unnest(CAST(:terms AS tsquery[])) WITH ORDINALITY AS asked (term, n)"
    " JOIN passage_search AS s ON s.words @@ asked.term"
).columns(sa.column("n", sa.Integer), sa.column("id", sa.BigInteger), sa.column("length"), sa.column("rank"))


def add(conn: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Makes passages findable, given as (id, text for the index)."""
    found = lexemes.stems(conn).places([whole for _, whole in rows])
    put = [
        {"id": id, "length": sum(map(len, places.values())), "words": lexemes.as_tsvector(places)[0]}
        for (id, _), places in zip(rows, found, strict=True)
    ]
    conn.execute(_ADD, put)


def put_all(conn: Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Fills the empty index from (id, text for the index); memory stays bounded."""
    lexer = lexemes.stems(conn)
    left = iter(rows)
    with (
        raw(conn).cursor() as cursor,
        cursor.copy("COPY passage_search (id, length, words) FROM STDIN") as copy,
    ):
        while some := list(islice(left, _AT_ONCE)):
            found = lexer.places([whole for _, whole in some])
            for (id, _), places in zip(some, found, strict=True):
                copy.write_row((id, sum(map(len, places.values())), lexemes.as_tsvector(places)[0]))


def remove(conn: Connection, ids: Sequence[int]) -> None:
    conn.execute(_REMOVE, [{"id": id} for id in ids])


def search(
    conn: Connection, wanted: sa.Select[Any], query: str, *, limit: int, tokens: int, terms: int, rows: int
) -> list[tuple[int, float]]:
    """(passage id, score), best first, of the passages that `wanted` allows.

    Of a question at most `tokens` words are looked at and the `terms` rarest used, as long as they are in
    `rows` passages together.
    """
    chosen = _chosen(conn, words.question_tokens(query)[:tokens], rows)[:terms]
    if not chosen:
        return []
    # The words first, then what may be found: else the server may begin with all of a collection.
    found = _FOUND.cte("found").prefix_with("MATERIALIZED", dialect="postgresql")
    asked = select(found).where(found.c.id.in_(wanted))
    rows_found = conn.execute(asked, {"terms": [term for term, _ in chosen]}).all()
    if not rows_found:
        return []
    scored = _scores(rows_found, [count for _, count in chosen], conn.execute(_ALL).scalar_one())
    return sorted(scored.items(), key=lambda one: (-one[1], one[0]))[:limit]


def _chosen(conn: Connection, tokens: Sequence[str], most: int) -> list[tuple[str, int]]:
    """(term as a tsquery, passages that have it), the rarest first."""
    asked: dict[str, None] = {}
    lexer = lexemes.stems(conn)
    for token in tokens:
        begins = ":*" if len(token) == 1 and not token.isascii() else ""
        asked |= {lexemes.quoted(word) + begins: None for word in lexer.words(token)}
    if not asked:
        return []
    counts = conn.execute(_COUNT, {"terms": list(asked), "most": most + 1}).scalars()
    counted = sorted(((n, term) for n, term in zip(counts, asked, strict=True) if n), key=lambda one: one[0])
    chosen: list[tuple[str, int]] = []
    rows = 0
    for count, term in counted:
        if chosen and rows + count > most:
            break
        chosen.append((term, count))
        rows += count
    return chosen


def _scores(rows: Sequence[Sequence[Any]], counts: Sequence[int], total: int) -> dict[int, float]:
    """By passage; `rows` are (which term, passage id, length, rank), `counts` in how many each term is."""
    rarity = [max(math.log((total - n + 0.5) / (n + 0.5)), 1e-6) if n < total else 1e-6 for n in counts]
    usual = sum(row[2] for row in rows) / len(rows) or 1.0
    scores: dict[int, float] = {}
    for term, id, length, rank in rows:
        times = bisect_left(_SUMS, rank / _UNIT - 1e-4) + 1
        share = times * (_K1 + 1) / (times + _K1 * (1 - _B + _B * length / usual))
        scores[id] = scores.get(id, 0.0) + rarity[term - 1] * share
    return scores
