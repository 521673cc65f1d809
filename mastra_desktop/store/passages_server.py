"""Words of passages on PostgreSQL: the same words as on SQLite, and the same score.

PostgreSQL's own ranks know nothing of how rare a word is. So it tells how often each word of the question
is in a passage, and BM25 is computed here, as FTS5 does. How often comes out of `ts_rank`: of a word alone
that is the sum of 1/j² over its places, times a constant.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import TSQUERY

from mastra_desktop.store import lexemes, words

_K1, _B = 1.2, 0.75  # as FTS5 has them
_MOST_COUNTED = 40  # times a word is in a passage
_UNIT = 0.1 / 1.64493406685  # what ts_rank says of a word that is there once
_SUMS = list(accumulate(1 / (j * j) for j in range(1, _MOST_COUNTED + 1)))
_FEW = 10_000  # passages; the server's own estimate does above that

_s = sa.table("passage_search", sa.column("id"), sa.column("length"), sa.column("words"))
_ADD = text("INSERT INTO passage_search (id, length, words) VALUES (:id, :length, CAST(:words AS tsvector))")
_REMOVE = text("DELETE FROM passage_search WHERE id = :id")
_COUNT = text(
    "SELECT (SELECT count(*) FROM (SELECT 1 FROM passage_search WHERE words @@ CAST(asked.term AS tsquery)"
    " LIMIT :most) AS those) FROM unnest(CAST(:terms AS text[])) WITH ORDINALITY AS asked (term, n)"
    " ORDER BY n"
)
_ESTIMATE = text("SELECT reltuples FROM pg_class WHERE oid = CAST('passage_search' AS regclass)")
_ALL = text("SELECT count(*) FROM passage_search")


def add(conn: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Makes passages findable, given as (id, text for the index)."""
    found = lexemes.stems(conn).places([whole for _, whole in rows])
    put = [
        {"id": id, "length": sum(map(len, places.values())), "words": lexemes.as_tsvector(places)[0]}
        for (id, _), places in zip(rows, found, strict=True)
    ]
    conn.execute(_ADD, put)


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
    ranks = [
        func.ts_rank(_s.c.words, sa.cast(bindparam(f"t{n}", term), TSQUERY))
        for n, (term, _) in enumerate(chosen)
    ]
    any_of = sa.cast(bindparam("any_of", " | ".join(term for term, _ in chosen)), TSQUERY)
    # The words first, then what may be found: else the server may begin with all of a collection.
    found = (
        select(_s.c.id, _s.c.length, *(rank.label(f"r{n}") for n, rank in enumerate(ranks)))
        .where(_s.c.words.op("@@")(any_of))
        .cte("found")
        .prefix_with("MATERIALIZED", dialect="postgresql")
    )
    kept = conn.execute(select(found).where(found.c.id.in_(wanted))).all()
    if not kept:
        return []
    scored = _scores(kept, [count for _, count in chosen], _total(conn))
    return sorted(scored, key=lambda one: (-one[1], one[0]))[:limit]


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


def _scores(rows: Sequence[Sequence[Any]], counts: Sequence[int], total: int) -> list[tuple[int, float]]:
    rarity = [max(math.log((total - n + 0.5) / (n + 0.5)), 1e-6) if n < total else 1e-6 for n in counts]
    usual = sum(row[1] for row in rows) / len(rows) or 1.0
    scored = []
    for id, length, *ranks in rows:
        long = _K1 * (1 - _B + _B * length / usual)
        score = 0.0
        for rank, weight in zip(ranks, rarity, strict=True):
            if rank > 0:
                times = bisect_left(_SUMS, rank / _UNIT - 1e-4) + 1
                score += weight * times * (_K1 + 1) / (times + long)
        scored.append((id, score))
    return scored


def _total(conn: Connection) -> int:
    """About how many passages there are."""
    estimate = int(conn.execute(_ESTIMATE).scalar_one())
    return estimate if estimate > _FEW else int(conn.execute(_ALL).scalar_one())
