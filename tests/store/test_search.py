from __future__ import annotations

import pytest
from sqlalchemy import Connection

from mastra_desktop.store import search
from tests.store.turns import begin, finish, new_conversation, turn


def test_titles_then_messages_newest_first(conn: Connection) -> None:
    """A title that matches comes first, then prompts and answers, the newest on top."""
    new_conversation(conn, title="About weather")
    begin(conn, 1, text="Weather today?")
    finish(conn, "a1", "The weather is fine.")
    turn(conn, 2, "a1", "no match")
    hits = search.search(conn, "weather")
    assert [hit.message_id for hit in hits] == [None, "a1", "u1"]
    assert {hit.title for hit in hits} == {"About weather"}
    assert len(search.search(conn, "weather", limit=2)) == 2


def test_answer_is_found_once_it_settled(conn: Connection) -> None:
    """The prompt is found at once, the answer when it is complete."""
    new_conversation(conn)
    begin(conn, 1, text="zebra")
    assert [hit.message_id for hit in search.search(conn, "zebra")] == ["u1"]
    finish(conn, "a1", "A zebra.")
    assert [hit.message_id for hit in search.search(conn, "zebra")] == ["a1", "u1"]


@pytest.mark.parametrize("lead", ["", "word " * 100, "x" * 300 + " "])
def test_snippet_shows_the_match(conn: Connection, lead: str) -> None:
    """About 120 characters on one line, the match among them, marks on the words searched for."""
    new_conversation(conn)
    turn(conn, 1, answer=f"{lead}first\nKäse brot, then {'more ' * 100}")
    (hit,) = search.search(conn, '"kase brot"')
    assert len(hit.snippet) <= 122
    assert "\n" not in hit.snippet
    assert [hit.snippet[s:e] for s, e in hit.marks] == ["Käse brot"]
    assert hit.snippet.startswith("…") == bool(lead)


def test_chinese_in_a_long_text(conn: Connection) -> None:
    """A run of Chinese is found and marked in the middle of an answer."""
    new_conversation(conn)
    turn(conn, 1, answer="今天的会议" * 60 + "讨论天气预报系统" + "以及其他" * 60)
    (hit,) = search.search(conn, "天气预报")
    assert [hit.snippet[s:e] for s, e in hit.marks] == ["天气预报"]


def test_nothing_searchable(conn: Connection) -> None:
    """An empty query, or one of signs alone, finds nothing."""
    new_conversation(conn, title="***")
    assert search.search(conn, "") == search.search(conn, ' "*" -- ') == []
