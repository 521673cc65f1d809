"""What `search.py` does, on PostgreSQL: words in `tsvector` columns with a GIN index.

The rules are those of `search.py`. In a very long message, where PostgreSQL keeps no place for some words,
a phrase is found when its words are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from mastra_desktop.store import lexemes, words
from mastra_desktop.store.engines import raw
from mastra_desktop.store.prepared import Prepared

_AT_ONCE = 200  # texts
_ADD = Prepared(
    text(
        "INSERT INTO message_search (seq, words, loose)"
        " SELECT seq, CAST(:words AS tsvector), :loose FROM messages WHERE id = :id"
        " ON CONFLICT (seq) DO UPDATE SET words = excluded.words, loose = excluded.loose"
    )
)
_REMOVE = text("DELETE FROM message_search WHERE seq = :seq")
_ADD_TITLE = Prepared(
    text(
        "INSERT INTO title_search (seq, words, loose)"
        " SELECT seq, CAST(:words AS tsvector), :loose FROM conversations WHERE id = :id"
        " ON CONFLICT (seq) DO UPDATE SET words = excluded.words, loose = excluded.loose"
    )
)
_REMOVE_TITLE = text("DELETE FROM title_search WHERE seq = (SELECT seq FROM conversations WHERE id = :id)")
_FIND = text(
    "SELECT c.id, c.title, m.id, substr(m.text, 1, :look), m.created_at FROM message_search AS s"
    " JOIN messages AS m ON m.seq = s.seq JOIN conversations AS c ON c.id = m.conversation_id"
    " WHERE (s.words @@ CAST(:exact AS tsquery) OR s.loose AND s.words @@ CAST(:near AS tsquery))"
    " AND c.deleted_at IS NULL ORDER BY s.seq DESC LIMIT :limit"
)
_FIND_TITLES = text(
    "SELECT c.id, c.title, c.updated_at FROM title_search AS s JOIN conversations AS c ON c.seq = s.seq"
    " WHERE (s.words @@ CAST(:exact AS tsquery) OR s.loose AND s.words @@ CAST(:near AS tsquery))"
    " AND c.deleted_at IS NULL ORDER BY c.updated_at DESC LIMIT :limit"
)


def add_message(conn: Connection, id: str, message_text: str) -> None:
    _add(conn, _ADD, id, message_text)


def add_title(conn: Connection, id: str, title: str) -> None:
    _add(conn, _ADD_TITLE, id, title)


def remove_messages(conn: Connection, seqs: Iterable[int]) -> None:
    conn.execute(_REMOVE, [{"seq": seq} for seq in seqs])


def remove_title(conn: Connection, id: str) -> None:
    conn.execute(_REMOVE_TITLE, {"id": id})


def put_all(conn: Connection, table: str, rows: Iterable[tuple[int, str]]) -> None:
    """Fills an empty table of words from (number, text); memory stays bounded."""
    lexer = lexemes.plain(conn)
    left = iter(rows)
    with raw(conn).cursor() as cursor, cursor.copy(f"COPY {table} (seq, words, loose) FROM STDIN") as copy:
        while some := list(islice(left, _AT_ONCE)):
            found = lexer.places([words.index_text(whole) for _, whole in some])
            for (seq, _), places in zip(some, found, strict=True):
                copy.write_row((seq, *lexemes.as_tsvector(places)))


def find(
    conn: Connection, query: words.Query, *, titles: int, limit: int, look: int
) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
    """(rows of titles, rows of messages): at most `titles` of one and `limit` of both, newest first."""
    exact, near = _as_tsquery(conn, query)
    if not exact:
        return [], []
    asked = {"exact": exact, "near": near}
    found = list(conn.execute(_FIND_TITLES, {**asked, "limit": titles}))
    rest = {**asked, "limit": limit - len(found), "look": look}
    return found, list(conn.execute(_FIND, rest))


def _add(conn: Connection, statement: Prepared, id: str, whole: str) -> None:
    (places,) = lexemes.plain(conn).places([words.index_text(whole)])
    vector, loose = lexemes.as_tsvector(places)
    statement.run(conn, {"id": id, "words": vector, "loose": loose})


def _as_tsquery(conn: Connection, query: words.Query) -> tuple[str, str]:
    """With phrases, and with their words only."""
    exact, near = [], []
    for term in query.terms:
        found = [lexemes.quoted(word) for word in lexemes.plain(conn).words(" ".join(term.tokens()))]
        if found:
            found[-1] += ":*" if term.prefix else ""
            exact.append(f"({' <-> '.join(found)})")
            near.append(f"({' & '.join(found)})")
    return " & ".join(exact), " & ".join(near)
