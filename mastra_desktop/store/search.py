"""Full-text search over titles and messages, and what keeps its tables in step.

The rule for `message_search`: a message is in it exactly while its state is not `writing`. The table
keeps no text of its own, so taking a message out needs the text that went in.
Hits come newest first: FTS5 walks its lists backwards and stops at the limit, which stays fast for words
that are in every message; ranking would have to read all of them. On a server: `search_server.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, text

from mastra_desktop.domain.chat import SearchHit
from mastra_desktop.store import search_server, words
from mastra_desktop.store.prepared import Prepared

_SNIPPET_CHARS = 120
_LEAD_CHARS = 36  # shown before the first match
_LOOK_CHARS = 20_000  # a match further into a message shows the message's beginning
_MAX_TITLES = 10

_ADD = Prepared(
    text("INSERT INTO message_search (rowid, text) SELECT seq, :text FROM messages WHERE id = :id")
)
_REMOVE = text("INSERT INTO message_search (message_search, rowid, text) VALUES ('delete', :seq, :text)")
_ADD_TITLE = Prepared(
    text("INSERT INTO title_search (rowid, title) SELECT seq, :text FROM conversations WHERE id = :id")
)
_REMOVE_TITLE = text("DELETE FROM title_search WHERE rowid = (SELECT seq FROM conversations WHERE id = :id)")
# CROSS JOIN keeps the order: the index is walked, the rest looked up.
_FIND = text(
    "SELECT c.id, c.title, m.id, substr(m.text, 1, :look), m.created_at FROM message_search AS s"
    " CROSS JOIN messages AS m ON m.seq = s.rowid CROSS JOIN conversations AS c ON c.id = m.conversation_id"
    " WHERE s.text MATCH :query AND c.deleted_at IS NULL ORDER BY s.rowid DESC LIMIT :limit"
)
_FIND_TITLES = text(
    "SELECT c.id, c.title, c.updated_at FROM title_search AS s JOIN conversations AS c ON c.seq = s.rowid"
    " WHERE s.title MATCH :query AND c.deleted_at IS NULL ORDER BY c.updated_at DESC LIMIT :limit"
)


def search(conn: Connection, query: str, limit: int = 50) -> list[SearchHit]:
    """Conversations whose title matches, last used first, then messages, newest first.

    All words must occur, the last one may be unfinished, "quotes" make a phrase. Any text is a valid
    query; one without a word or number finds nothing. Deleted conversations are left out.
    """
    parsed = words.parse(query)
    if not parsed.terms:
        return []
    finder = words.Finder(parsed)
    find = _find if _is_file(conn) else search_server.find
    titles, found = find(conn, parsed, titles=min(limit, _MAX_TITLES), limit=limit, look=_LOOK_CHARS)
    hits = [_hit(finder, id_, title, None, title, at) for id_, title, at in titles]
    return hits + [_hit(finder, *row) for row in found]


def add_message(conn: Connection, id: str, message_text: str) -> None:
    """Makes a message findable. Call it once, in the transaction that stores or settles it."""
    if not message_text:
        return
    if not _is_file(conn):
        search_server.add_message(conn, id, message_text)
        return
    _ADD.run(conn, {"id": id, "text": words.index_text(message_text)})


def remove_messages(conn: Connection, rows: Iterable[tuple[int, str]]) -> None:
    """Takes messages out, given as (seq, the text they went in with)."""
    gone = [(seq, old) for seq, old in rows if old]
    if gone and not _is_file(conn):
        search_server.remove_messages(conn, [seq for seq, _ in gone])
    elif gone:
        conn.execute(_REMOVE, [{"seq": seq, "text": words.index_text(old)} for seq, old in gone])


def add_title(conn: Connection, id: str, title: str) -> None:
    """Makes a conversation findable under `title`. Take the title it had out before."""
    if not _is_file(conn):
        search_server.add_title(conn, id, title)
        return
    _ADD_TITLE.run(conn, {"id": id, "text": words.index_text(title)})


def remove_title(conn: Connection, id: str) -> None:
    """Call it while the conversation's row is still there."""
    if not _is_file(conn):
        search_server.remove_title(conn, id)
        return
    conn.execute(_REMOVE_TITLE, {"id": id})


def snippet(finder: words.Finder, whole: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """About 120 characters of `whole` around the first match, on one line, and the matches' ranges in it."""
    first = next(finder.spans(whole), (0, 0))[0]
    start = 0 if first <= _LEAD_CHARS else first - _LEAD_CHARS
    if start:
        # Begins with a whole word where one begins close by.
        space = whole.find(" ", start, first)
        start = space + 1 if space >= 0 else start
    cut = whole[start : start + _SNIPPET_CHARS]
    head = "…" if start else ""
    tail = "…" if start + _SNIPPET_CHARS < len(whole) else ""
    line = "".join(" " if c.isspace() else c for c in cut)
    marks = tuple((s + len(head), e + len(head)) for s, e in finder.spans(cut))
    return head + line + tail, marks


def _find(
    conn: Connection, query: words.Query, *, titles: int, limit: int, look: int
) -> tuple[Sequence[Sequence[Any]], Sequence[Sequence[Any]]]:
    fts = query.as_fts()
    found = list(conn.execute(_FIND_TITLES, {"query": fts, "limit": titles}))
    rest = {"query": fts, "limit": limit - len(found), "look": look}
    return found, list(conn.execute(_FIND, rest))


def _hit(
    finder: words.Finder, conversation_id: str, title: str, message_id: str | None, whole: str, at: float
) -> SearchHit:
    shown, marks = snippet(finder, whole)
    return SearchHit(conversation_id, title, message_id, shown, marks, at)


def _is_file(conn: Connection) -> bool:
    return conn.dialect.name == "sqlite"
