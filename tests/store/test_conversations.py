from __future__ import annotations

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import NotFound
from mastra_desktop.store import conversations, search
from tests.store.turns import begin, finish, new_conversation, turn


def test_list_is_last_used_first(conn: Connection) -> None:
    """The list has what was used last on top, with counts, drafts and the state of the last answer."""
    for n in range(3):
        new_conversation(conn, f"c{n}", now=float(n))
    begin(conn, 1, id="c0")
    conversations.save_draft(conn, "c1", "half a thought")
    listed = conversations.list_recent(conn)
    assert [c.id for c in listed] == ["c2", "c0", "c1"]
    assert [c.message_count for c in listed] == [0, 2, 0]
    assert [c.status for c in listed] == [None, MessageState.WRITING, None]
    assert listed[2].draft == "half a thought"
    finish(conn, "a1")
    assert conversations.list_recent(conn, 1)[0].id == "c0"
    assert conversations.list_recent(conn, 1)[0].status is None


def test_deleted_is_gone_until_restored(conn: Connection) -> None:
    """A deleted conversation is not listed, read, changed or found; Undo brings all of it back."""
    new_conversation(conn, title="Zebra")
    turn(conn, 1, answer="okapi")
    before = conversations.get(conn, "c")
    conversations.delete(conn, "c", 5.0)
    assert conversations.list_recent(conn) == []
    assert search.search(conn, "zebra") == search.search(conn, "okapi") == []
    for change in (
        lambda: conversations.get(conn, "c"),
        lambda: conversations.rename(conn, "c", "x", 6.0),
        lambda: conversations.delete(conn, "c", 6.0),
        lambda: conversations.set_model(conn, "c", "m"),
        lambda: begin(conn, 2, "a1"),
    ):
        with pytest.raises(NotFound):
            change()
    conversations.restore(conn, "c")
    assert conversations.get(conn, "c") == before
    assert len(search.search(conn, "okapi")) == 1


def test_purge_leaves_nothing(conn: Connection) -> None:
    """What was deleted long ago goes for good, with messages, draft and every word of the index."""
    new_conversation(conn, title="Zebra")
    new_conversation(conn, "kept", title="Zebra too")
    last = turn(conn, 1, answer="okapi")
    begin(conn, 2, last, text="giraffe")
    conversations.save_draft(conn, "c", "draft")
    conversations.delete(conn, "c", 5.0)
    assert conversations.purge_deleted(conn, 5.0) == 0
    assert conversations.purge_deleted(conn, 6.0) == 1
    assert [hit.conversation_id for hit in search.search(conn, "zebra")] == ["kept"]
    with pytest.raises(NotFound):
        conversations.restore(conn, "c")
    for table, left in (("conversations", 1), ("messages", 0), ("drafts", 0)):
        assert conn.execute(text(f"SELECT count(*) FROM {table}")).scalar() == left
    match = "message_search MATCH 'okapi OR giraffe'"
    if conn.dialect.name == "postgresql":
        match = "words @@ 'okapi | giraffe'::tsquery"
    words = f"SELECT count(*) FROM message_search WHERE {match}"
    assert conn.execute(text(words)).scalar() == 0


def test_rename_and_model(conn: Connection) -> None:
    """A new title is what is shown and found; the old one is not."""
    new_conversation(conn, title="Old name")
    conversations.rename(conn, "c", "Neuer Käse", 7.0)
    conversations.set_model(conn, "c", "work/small")
    found = conversations.get(conn, "c")
    assert (found.title, found.updated_at, found.model_id) == ("Neuer Käse", 7.0, "work/small")
    assert search.search(conn, "old") == []
    assert search.search(conn, "kase")[0].message_id is None


def test_draft_of_the_new_chat(conn: Connection) -> None:
    """The chat that does not exist yet has a draft as well; an empty one is forgotten."""
    assert conversations.draft(conn, "") == ""
    conversations.save_draft(conn, "", "one")
    conversations.save_draft(conn, "", "two")
    assert conversations.draft(conn, "") == "two"
    conversations.save_draft(conn, "", "")
    assert conversations.draft(conn, "") == ""
