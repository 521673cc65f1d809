from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.knowledge import SearchFilter
from mastra_desktop.store import documents, knowledge, passages
from mastra_desktop.store.engines import driver_connection
from tests.store.documents import add, new_collection, queue


def found(conn: Connection, query: str, *collections: str, filter: SearchFilter | None = None) -> list[str]:
    """The texts of what is found, best first."""
    hits = passages.search_words(conn, collections or ("c",), query, limit=10, filter=filter)
    assert [score for _, score in hits] == sorted((score for _, score in hits), reverse=True)
    known = passages.passages(conn, [id for id, _ in hits])
    return [known[id][0].text for id, _ in hits]


def test_a_question_need_not_match_in_every_word(conn: Connection) -> None:
    """The passage with most of the words comes first; other forms of a word count."""
    new_collection(conn)
    add(conn, "d", ["Invoices are paid within thirty days.", "The office opens at nine.", "Nothing here."])
    assert found(conn, "When must an invoice be paid?") == ["Invoices are paid within thirty days."]
    assert found(conn, "office days nine")[0] == "The office opens at nine."


@pytest.mark.parametrize("query", ["天气预报怎么样？", "报", "明天天气", "ＡＢＣ天气"])
def test_chinese(conn: Connection, query: str) -> None:
    """A Chinese question finds the passage that shares pairs of characters with it; one character is a start."""
    new_collection(conn)
    add(conn, "d", ["明天的天气预报说有雨。", "会议在三楼举行。"])
    assert found(conn, query) == ["明天的天气预报说有雨。"]


@pytest.mark.parametrize(
    "query", ["", " ", "?!", '"', '" OR *', "NEAR(", "a\0b", "\ud83d", "x" * 5000, "的" * 5000]
)
def test_any_text_is_a_question(conn: Connection, query: str) -> None:
    """Nothing typed is ever an error."""
    new_collection(conn)
    add(conn, "d", ["unrelated"])
    assert found(conn, query) == []


def test_headings_are_searched_too(conn: Connection) -> None:
    """A passage is found by the headings it stands under, and tells them."""
    new_collection(conn)
    add(conn, "d", ["Thirty days."], heading=("Terms", "Payment"))
    ((id, _),) = passages.search_words(conn, ["c"], "payment", limit=5)
    passage, document, collection = passages.passages(conn, [id])[id]
    assert (passage.heading, passage.page, document.id, collection) == (("Terms", "Payment"), 1, "d", "Work")


def test_only_what_may_be_found(conn: Connection) -> None:
    """Other collections, deleted documents, deleted collections and unfinished replacements stay out."""
    new_collection(conn)
    new_collection(conn, "other", "Other")
    add(conn, "d", ["zebra one"])
    add(conn, "e", ["zebra two"], collection="other")
    add(conn, "d2", ["zebra three"], replaces="d")
    assert found(conn, "zebra") == ["zebra one"]
    assert sorted(found(conn, "zebra", "c", "other")) == ["zebra one", "zebra two"]
    knowledge.delete_collection(conn, "other", 5.0)
    assert found(conn, "zebra", "c", "other") == ["zebra one"]
    documents.finish(conn, "d2", 6.0)
    assert found(conn, "zebra", "c", "other") == ["zebra three"]
    documents.delete_document(conn, "d2", 7.0)
    assert found(conn, "zebra", "c", "other") == []
    documents.restore_document(conn, "d2")
    knowledge.restore_collection(conn, "other")
    assert sorted(found(conn, "zebra", "c", "other")) == ["zebra three", "zebra two"]


def test_filters(conn: Connection) -> None:
    """By document, by suffix in any case, by when it was added."""
    new_collection(conn)
    add(conn, "a", ["zebra a"], name="one.PDF", now=10.0)
    add(conn, "b", ["zebra b"], name="two.txt", now=20.0)
    assert found(conn, "zebra", filter=SearchFilter(document_ids=("b",))) == ["zebra b"]
    assert found(conn, "zebra", filter=SearchFilter(suffixes=(".pdf", ".docx"))) == ["zebra a"]
    assert found(conn, "zebra", filter=SearchFilter(added_after=15.0)) == ["zebra b"]
    assert found(conn, "zebra", filter=SearchFilter(added_before=15.0)) == ["zebra a"]


def test_a_small_collection_beside_a_large_one(conn: Connection) -> None:
    """Better matches elsewhere never crowd out what is asked for, however many they are."""
    new_collection(conn)
    new_collection(conn, "large", "Large")
    add(conn, "big", [f"zebra zebra zebra {n}" for n in range(3_000)], collection="large")
    add(conn, "d", ["a zebra among very many other animals of the zoo"])
    assert found(conn, "zebra") == ["a zebra among very many other animals of the zoo"]


def test_frequent_words_give_way_to_rarer_ones(conn: Connection) -> None:
    """With very many passages a word that is in all of them does not decide what is found."""
    new_collection(conn)
    add(
        conn,
        "d",
        [f"the the the {n}" for n in range(5_000)] + ["a long passage about the rare quagga and more"],
    )
    assert found(conn, "the quagga") == ["a long passage about the rare quagga and more"]
    assert len(found(conn, "the")) == 10


def test_neighbours_in_order(conn: Connection) -> None:
    """The passages around one, itself among them, cut at the ends of the document."""
    new_collection(conn)
    add(conn, "d", [f"word{n}" for n in range(5)])
    ((id, _),) = passages.search_words(conn, ["c"], "word3", limit=1)
    assert [p.text for p in passages.neighbours(conn, id, 2)] == ["word1", "word2", "word3", "word4"]
    documents.delete_document(conn, "d", 2.0)
    assert passages.neighbours(conn, id, 2) == passages.neighbours(conn, 10**6, 2) == []


def test_searchable_ids(conn: Connection) -> None:
    """Of any ids, those that may be found in the collections asked for."""
    new_collection(conn)
    add(conn, "d", ["one", "two"])
    queue(conn, "e")
    ids = [passage.id for passage in documents.document_text(conn, "d").passages]
    assert passages.searchable(conn, [*ids, 999], ["c"]) == set(ids)
    assert passages.searchable(conn, ids, ["other"]) == set()


def test_words_leave_with_their_passages(conn: Connection) -> None:
    """After clearing away, the index of words is sound and holds only what is left."""
    new_collection(conn)
    add(conn, "d", ["zebra 斑马 crossing"] * 7, heading=("Über",))
    add(conn, "e", ["zebra stays"])
    documents.delete_document(conn, "d", 2.0)
    while knowledge.purge_deleted(conn, 3.0, limit=3):
        pass
    if conn.dialect.name == "postgresql":
        assert conn.execute(text("SELECT passages, length FROM passage_totals")).one() == (1, 2)
        assert conn.execute(text("SELECT sum(passages) FROM passage_words")).scalar() == 2
        assert found(conn, "zebra") == ["zebra stays"]
        return
    inner = driver_connection(conn)
    for word in ("crossing", "斑马", "uber"):
        count = "SELECT count(*) FROM passage_search WHERE passage_search MATCH ?"
        assert inner.execute(count, (word,)).fetchone() == (0,)
    assert found(conn, "zebra") == ["zebra stays"]
    try:
        inner.execute("INSERT INTO passage_search (passage_search) VALUES ('integrity-check')")
    except sqlite3.DatabaseError as error:
        pytest.fail(f"the index is damaged: {error}")
