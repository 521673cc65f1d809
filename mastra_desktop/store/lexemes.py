"""Words for PostgreSQL's full-text search, cut by the tokenizer of FTS5: the same hits in both databases.

An empty FTS5 table in memory takes a text and tells its words with their places. PostgreSQL's own parser
would see e-mail addresses, versions and paths where FTS5 sees words.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

from sqlalchemy import Connection

_PLAIN = "unicode61 remove_diacritics 2"
_STEMS = f"porter {_PLAIN}"
_MOST_CHARS = 500  # of a word: PostgreSQL takes up to 2 KB
_MOST_BYTES = 900_000  # of a text's words: PostgreSQL takes up to 1 MB
_MOST_PLACES = 255  # of one word that PostgreSQL keeps
_LAST_PLACE = 16_383

Places = dict[str, list[int]]


class Lexer:
    """For one thread at a time."""

    def __init__(self, tokenizer: str) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute(f"CREATE VIRTUAL TABLE t USING fts5(text, content='', tokenize='{tokenizer}')")
        self._db.execute("CREATE VIRTUAL TABLE found USING fts5vocab(t, 'instance')")

    def places(self, texts: Sequence[str]) -> list[Places]:
        """The words of each text with their places, from 0 on."""
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO t (rowid, text) VALUES (?, ?)", enumerate(texts))
        made: list[Places] = [{} for _ in texts]
        for word, doc, place in self._db.execute('SELECT term, doc, "offset" FROM found'):
            made[doc].setdefault(word[:_MOST_CHARS], []).append(place)
        self._db.execute("ROLLBACK")
        return made

    def words(self, text: str) -> list[str]:
        """The words of a short text, in order."""
        places = self.places([text])[0]
        return [word for _, word in sorted((at, word) for word, all_ in places.items() for at in all_)]


def plain(conn: Connection) -> Lexer:
    """Words as they are; kept with the connection, which one thread has at a time."""
    return _kept(conn, _PLAIN)


def stems(conn: Connection) -> Lexer:
    """English words by their stems, for questions."""
    return _kept(conn, _STEMS)


def as_tsvector(places: Places) -> tuple[str, bool]:
    """As PostgreSQL reads it, and whether some places had to be left out: phrases fail then."""
    parts: list[str] = []
    size, loose = 0, False
    for word, all_ in places.items():
        kept = [at + 1 for at in all_[:_MOST_PLACES] if at < _LAST_PLACE] or [_LAST_PLACE]
        loose = loose or len(kept) < len(all_) or all_[-1] >= _LAST_PLACE
        size += len(word.encode()) + 2 * len(kept) + 8
        if size > _MOST_BYTES:
            return " ".join(parts), True
        parts.append(f"{quoted(word)}:{','.join(map(str, kept))}")
    return " ".join(parts), loose


def quoted(word: str) -> str:
    """A word as PostgreSQL reads it in a tsvector or tsquery; it can never be syntax."""
    escaped = word.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _kept(conn: Connection, tokenizer: str) -> Lexer:
    if tokenizer not in conn.info:
        conn.info[tokenizer] = Lexer(tokenizer)
    return cast(Lexer, conn.info[tokenizer])
