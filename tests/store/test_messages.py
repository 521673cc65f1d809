from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.chat import MessageState, Role, Usage
from mastra_desktop.domain.errors import BadRequest, ErrorInfo, NotFound
from mastra_desktop.store import conversations, messages, search
from tests.store.turns import begin, finish, new_conversation, turn


def test_turn_is_stored_and_read_back(conn: Connection) -> None:
    """A prompt and its settled answer come back with everything that was said about them."""
    new_conversation(conn)
    prompt, answer = messages.begin_turn(
        conn,
        conversation_id="c",
        user_id="u",
        answer_id="a",
        parent_id=None,
        text="Why?",
        model_id="work/large",
        now=2.0,
    )
    assert (prompt.role, prompt.state, prompt.depth) == (Role.USER, MessageState.DONE, 0)
    assert (answer.role, answer.state, answer.depth) == (Role.ASSISTANT, MessageState.WRITING, 1)
    error = ErrorInfo("network", "Cut.", "Try again.", "", True, 2.5)
    finish(conn, "a", "Because.", MessageState.INTERRUPTED, error)
    stored = messages.get(conn, "a")
    assert (stored.text, stored.reasoning, stored.state) == ("Because.", "because", MessageState.INTERRUPTED)
    assert (stored.usage, stored.first_token_ms, stored.total_ms) == (Usage(5, 7, None, 0), 12.5, 80.0)
    assert stored.error == error
    assert [m.id for m in messages.path_page(conn, "c")] == ["u", "a"]
    assert messages.path_page(conn, "c")[0] == prompt
    found = conversations.get(conn, "c")
    assert (found.leaf_id, found.message_count, found.status) == ("a", 2, MessageState.INTERRUPTED)
    assert (found.model_id, found.updated_at) == ("work/large", 3.0)


def test_unknown_ids_are_not_found(conn: Connection) -> None:
    """Writing to what does not exist, or below another conversation's message, changes nothing."""
    new_conversation(conn)
    new_conversation(conn, "other")
    turn(conn, 1)
    with pytest.raises(NotFound):
        begin(conn, 2, id="nowhere")
    with pytest.raises(NotFound):
        begin(conn, 2, "a1", id="other")
    with pytest.raises(NotFound):
        begin(conn, 2, "nobody")
    with pytest.raises(NotFound):
        finish(conn, "nobody")
    with pytest.raises(NotFound):
        messages.select_branch(conn, "nobody")
    with pytest.raises(NotFound):
        messages.begin_try(conn, user_message_id="nobody", answer_id="x", model_id="m", now=1.0)
    assert messages.path_page(conn, "nowhere") == messages.path_page(conn, "other") == []


def test_tries_are_siblings(conn: Connection) -> None:
    """Another try stands beside the first, comes into view, and either can be selected again."""
    new_conversation(conn)
    turn(conn, 1)
    turn(conn, 2, "a1")
    messages.begin_try(conn, user_message_id="u1", answer_id="b1", model_id="m", now=4.0)
    finish(conn, "b1")
    page = messages.path_page(conn, "c")
    assert [m.id for m in page] == ["u1", "b1"]
    assert [m.sibling_ids for m in page] == [(), ("a1", "b1")]
    assert messages.select_branch(conn, "a1") == "a2"
    assert [m.id for m in messages.path_page(conn, "c")] == ["u1", "a1", "u2", "a2"]
    with pytest.raises(BadRequest):
        messages.begin_try(conn, user_message_id="a1", answer_id="x", model_id="m", now=1.0)


def test_edited_first_prompt_is_a_sibling(conn: Connection) -> None:
    """A second prompt at the root leaves the first where it was."""
    new_conversation(conn)
    turn(conn, 1)
    turn(conn, 2)
    assert [m.sibling_ids for m in messages.path_page(conn, "c")] == [("u1", "u2"), ()]


def test_partial_text_is_kept_only_while_writing(conn: Connection) -> None:
    """A late partial save cannot overwrite a settled answer."""
    new_conversation(conn)
    begin(conn, 1)
    messages.save_partial(conn, "a1", "half", "hm")
    assert messages.get(conn, "a1").text == "half"
    finish(conn, "a1", "whole")
    messages.save_partial(conn, "a1", "half", "hm")
    assert messages.get(conn, "a1").text == "whole"


def test_continue_keeps_the_text_and_is_found_once_settled(conn: Connection) -> None:
    """A continued answer is `writing` with its text; settled, it is found by all of it, once."""
    new_conversation(conn)
    begin(conn, 1)
    finish(conn, "a1", "first half", MessageState.STOPPED)
    again = messages.begin_continue(conn, message_id="a1", now=5.0)
    assert (again.state, again.text) == (MessageState.WRITING, "first half")
    assert search.search(conn, "half") == []
    with pytest.raises(BadRequest):
        messages.begin_continue(conn, message_id="a1", now=5.0)
    finish(conn, "a1", "first half second")
    assert [hit.message_id for hit in search.search(conn, "half")] == ["a1"]
    assert [hit.message_id for hit in search.search(conn, "second")] == ["a1"]


def test_settling_twice_replaces_the_words(conn: Connection) -> None:
    """Only the last text of an answer is found."""
    new_conversation(conn)
    begin(conn, 1)
    finish(conn, "a1", "apple")
    finish(conn, "a1", "pear")
    assert search.search(conn, "apple") == []
    assert len(search.search(conn, "pear")) == 1


def test_unfinished_answers_are_marked_at_start(conn: Connection) -> None:
    """After a kill, what was being written is interrupted, keeps its text and can be found."""
    new_conversation(conn)
    new_conversation(conn, "quiet")
    begin(conn, 1)
    messages.save_partial(conn, "a1", "remarkable", "")
    assert messages.mark_interrupted(conn, 9.0) == ["c"]
    assert messages.get(conn, "a1").state is MessageState.INTERRUPTED
    assert [hit.message_id for hit in search.search(conn, "remarkable")] == ["a1"]
    assert messages.mark_interrupted(conn, 9.0) == []


def test_pages_of_a_branch(conn: Connection) -> None:
    """Pages going up join to the whole branch, also across places where other branches go on."""
    new_conversation(conn)
    last = None
    for n in range(10):
        last = turn(conn, n, last)
    turn(conn, "x", "a2")
    turn(conn, "y", "ax")
    messages.select_branch(conn, "a9")
    whole = [m.id for m in messages.path_page(conn, "c")]
    assert len(whole) == 20
    ids: list[str] = []
    page = messages.path_page(conn, "c", limit=3)
    while page:
        ids = [m.id for m in page] + ids
        page = messages.path_page(conn, "c", before_depth=page[0].depth, limit=3)
    assert ids == whole


def test_a_page_costs_the_same_in_a_long_conversation(sqlite_conn: Connection) -> None:
    """SQLite takes no more steps for the first page of 4,000 messages than for one of 400."""
    conn = sqlite_conn

    def steps(conversation_id: str, before_depth: int | None) -> int:
        counted = 0

        def count() -> None:
            nonlocal counted
            counted += 1

        inner = conn.connection.driver_connection
        assert inner is not None
        inner.set_progress_handler(count, 10)
        messages.path_page(conn, conversation_id, before_depth=before_depth, limit=50)
        inner.set_progress_handler(None, 0)
        return counted

    for id, turns in (("short", 200), ("long", 2000)):
        new_conversation(conn, id)
        last = None
        for n in range(turns):
            last = begin(conn, f"{id}{n}", last, id=id)
    for before_depth in (None, 100):
        assert steps("long", before_depth) < 1.2 * steps("short", before_depth)


def test_text_no_database_takes_is_made_storable(conn: Connection) -> None:
    """NUL and lone surrogates are replaced; the rest of the text stays."""
    new_conversation(conn)
    begin(conn, 1, text="a\0b \ud83d c \U0001f600")
    assert messages.get(conn, "u1").text == "a\ufffdb \ufffd c \U0001f600"


def test_values_of_a_later_version_do_not_hide_a_message(conn: Connection) -> None:
    """An unknown state or an unreadable error leaves the message readable."""
    new_conversation(conn)
    turn(conn, 1)
    conn.execute(text("UPDATE messages SET state = 'dreaming', error = '{' WHERE id = 'a1'"))
    message = messages.get(conn, "a1")
    assert (message.text, message.state) == ("an answer", MessageState.INTERRUPTED)
    assert message.error is not None


def test_home_is_unusual(home: Path) -> None:
    """These tests run on a path with a space, a percent sign and Chinese characters."""
    assert " " in str(home)
    assert "数据" in str(home)
