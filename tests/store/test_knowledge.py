from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, KnowledgeError, NotFound
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, DocumentState
from mastra_desktop.store import document_texts, documents, embeddings, knowledge, passages
from mastra_desktop.store.database import Database
from mastra_desktop.store.processes import NOBODY
from tests.store.documents import add, new_collection, queue, text_of

VECTOR = b"\0\0\x80\x3f" * 4


def embed(conn: Connection, id: str, limit: int = 100) -> list[int]:
    """Gives the pending passages a vector each; their numbers."""
    ids = [passage.id for passage in embeddings.pending_passages(conn, id, limit)]
    embeddings.store_vectors(conn, id, [(n, VECTOR) for n in ids])
    return ids


def rows(conn: Connection, table: str) -> int:
    return int(conn.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def purge(conn: Connection, before: float) -> None:
    while knowledge.purge_deleted(conn, before, limit=2):
        pass


def test_collections(conn: Connection) -> None:
    """They come by name, are found in any case, and no two have one name."""
    new_collection(conn, "b", "work")
    new_collection(conn, "a", " All  notes ")
    assert [one.name for one in knowledge.collections(conn)] == ["All notes", "work"]
    assert knowledge.collection_named(conn, "WORK").id == "b"
    with pytest.raises(NotFound) as missing:
        knowledge.collection_named(conn, "play")
    assert missing.value.hint == "There are: All notes, work."
    for name in ("Work", "  "):
        with pytest.raises(BadRequest):
            new_collection(conn, "x", name)
    with pytest.raises(BadRequest):
        knowledge.change_collection(conn, "a", name="work")


def test_changing_a_collection(conn: Connection) -> None:
    """Only what is given changes; a collection keeps its own name in another case."""
    new_collection(conn)
    changed = knowledge.change_collection(conn, "c", name="WORK", paused=True, watched="/files")
    assert (changed.name, changed.paused, changed.watched, changed.icon) == (
        "WORK",
        True,
        "/files",
        "book-open",
    )
    assert not knowledge.change_collection(conn, "c", paused=False, watched="").watched
    knowledge.set_dimension(conn, "c", 384)
    assert knowledge.collection(conn, "c").dimension == 384
    with pytest.raises(NotFound):
        knowledge.change_collection(conn, "x", icon="star")


def test_jobs_by_priority_then_age(conn: Connection) -> None:
    """A later call's files go first, in their own order; those of a paused or deleted collection wait."""
    new_collection(conn)
    new_collection(conn, "p", "Paused")
    for id, priority, now in (("a", 1, 1.0), ("b", 1, 2.0), ("late", 2, 3.0)):
        queue(conn, id, priority=priority, now=now)
    queue(conn, "paused", collection="p", priority=9)
    knowledge.change_collection(conn, "p", paused=True)
    order = []
    while (job := documents.next_job(conn)) is not None:
        order.append(job.id)
        documents.set_progress(conn, job.id, DocumentState.READING, 3, 10)
    assert order == ["late", "a", "b"]
    assert documents.document(conn, "a").done == 3
    assert documents.reset_unfinished(conn) == 3
    assert documents.document(conn, "a").done == 0
    knowledge.delete_collection(conn, "c", 4.0)
    assert documents.next_job(conn) is None


def test_a_document_on_its_way(conn: Connection) -> None:
    """Queued, its words searchable, its vectors one by one, ready; the collection's counts are true."""
    new_collection(conn)
    assert queue(conn, "d").state is DocumentState.QUEUED
    read, spans = text_of(["one", "two", "three"])
    stored = document_texts.store_text(conn, "d", read=read, spans=spans, now=2.0)
    assert (stored.state, stored.done, stored.of, stored.passages, stored.summary) == (
        DocumentState.EMBEDDING,
        0,
        3,
        3,
        "1 page",
    )
    assert documents.next_embedding(conn) == stored
    embed(conn, "d", 2)
    before = knowledge.collection(conn, "c")
    assert (before.documents, before.passages, before.embedded, before.adding) == (1, 3, 2, 1)
    assert documents.document(conn, "d").done == 2
    embed(conn, "d")
    assert documents.finish(conn, "d", 3.0).state is DocumentState.READY
    after = knowledge.collection(conn, "c")
    assert (after.embedded, after.adding, after.failed) == (3, 0, 0)
    whole = documents.document_text(conn, "d")
    assert [whole.text[p.start : p.end] for p in whole.passages] == ["one", "two", "three"]
    assert all(p.embedded for p in whole.passages)
    assert documents.next_embedding(conn) is None
    assert knowledge.sizes(conn) > 0


def test_vectors_are_stored_once(conn: Connection) -> None:
    """Storing the same vectors again, or some of no passage of this document, changes nothing."""
    new_collection(conn)
    add(conn, "d", ["one", "two"])
    add(conn, "e", ["three"])
    (foreign,) = embed(conn, "e")
    ids = embed(conn, "d")
    again = embeddings.store_vectors(conn, "d", [(n, VECTOR) for n in (*ids, foreign, 999)])
    assert (again.done, again.of) == (2, 2)
    assert rows(conn, "passage_vectors") == 3


def test_failing_and_trying_again(conn: Connection) -> None:
    """A failed document tells why; tried again it goes on from where it was."""
    new_collection(conn)
    queue(conn, "d")
    why = ErrorInfo("knowledge", "It is encrypted.", "Type the password.")
    assert documents.fail(conn, "d", why).error == why
    assert knowledge.collection(conn, "c").failed == 1
    assert documents.retry(conn, "d", 5).state is DocumentState.QUEUED
    add(conn, "e", ["one", "two"])
    embed(conn, "e", 1)
    documents.fail(conn, "e", why)
    again = documents.retry(conn, "e", 5)
    assert (again.state, again.done, again.of, again.error) == (DocumentState.EMBEDDING, 1, 2, None)


def test_no_text_is_said(conn: Connection) -> None:
    """A file without text ends in a sentence about it, and nothing is stored."""
    new_collection(conn)
    queue(conn, "d")
    read, _ = text_of([])
    with pytest.raises(KnowledgeError, match="no text"):
        document_texts.store_text(conn, "d", read=read, spans=(), now=2.0)
    assert rows(conn, "document_texts") == 0


def test_reading_again_leaves_no_doubles(conn: Connection) -> None:
    """Text stored a second time takes the place of the first, passages, words and vectors too."""
    new_collection(conn)
    add(conn, "d", ["zebra old", "zebra older"])
    removed = embed(conn, "d")
    read, spans = text_of(["zebra new"])
    document_texts.store_text(conn, "d", read=read, spans=spans, now=3.0)
    ((id, _),) = passages.search_words(conn, ["c"], "zebra", limit=9)
    assert id not in removed
    assert [n for n, *_ in embeddings.removed_vectors(conn, 9)] == removed
    assert embeddings.unindexed(conn, 9) == []


def test_offsets_survive_odd_characters(conn: Connection) -> None:
    """A NUL or half a surrogate pair is replaced by one character, so that passages stay in place."""
    new_collection(conn)
    add(conn, "d", ["a\0b \ud83d\ude00 c", "zebra"])
    whole = documents.document_text(conn, "d")
    assert [whole.text[p.start : p.end] for p in whole.passages] == [p.text for p in whole.passages]
    assert whole.passages[1].text == "zebra"


def test_replacing(conn: Connection) -> None:
    """The old version stays until the new one is ready; then it is gone for good, its vectors noted."""
    new_collection(conn)
    add(conn, "old", ["one", "two"])
    gone = embed(conn, "old")
    documents.finish(conn, "old", 2.0)
    new = add(conn, "new", ["three"], replaces="old")
    assert new.replaces == "old"
    assert knowledge.collection(conn, "c").passages == 2
    embed(conn, "new")
    assert documents.finish(conn, "new", 3.0).replaces is None
    assert [d.id for d in documents.documents(conn, "c")] == ["new"]
    assert knowledge.collection(conn, "c").passages == 1
    with pytest.raises(NotFound):
        documents.restore_document(conn, "old")
    purge(conn, 0.0)
    assert (rows(conn, "documents"), rows(conn, "passages"), rows(conn, "passage_vectors")) == (1, 1, 1)
    assert [n for n, *_ in embeddings.removed_vectors(conn, 9)] == gone


def test_only_the_last_version_replaces(conn: Connection) -> None:
    """Of versions that follow each other before one is ready, the last takes the first one's place."""
    new_collection(conn)
    add(conn, "v1", ["one"])
    documents.finish(conn, "v1", 2.0)
    queue(conn, "v2", replaces="v1")
    assert queue(conn, "v3", replaces="v2").replaces == "v1"
    assert {d.id for d in documents.documents(conn, "c")} == {"v1", "v3"}
    queue(conn, "other")
    assert queue(conn, "other2", replaces="other").replaces is None
    assert {d.id for d in documents.documents(conn, "c")} == {"v1", "v3", "other2"}


def test_finding_documents(conn: Connection) -> None:
    """By source, name and content, in one collection; the newest of several; none that is deleted."""
    new_collection(conn)
    new_collection(conn, "o", "Other")
    queue(conn, "d", name="a.txt")
    newest = queue(conn, "e", name="a.txt")
    assert documents.find_source(conn, "c", "/files/a.txt") == newest
    assert documents.same_name(conn, "c", "a.txt") == newest
    assert documents.same_name(conn, "o", "a.txt") is None
    same = documents.same_content(conn, "c", "hash of d")
    assert same is not None
    assert (same.id, documents.document_hash(conn, "d")) == ("d", "hash of d")
    documents.delete_document(conn, "d", 2.0)
    assert documents.same_content(conn, "c", "hash of d") is None


def test_deleting_and_restoring(conn: Connection) -> None:
    """What is deleted is hidden at once, comes back whole, and goes for good when its time is over."""
    new_collection(conn)
    add(conn, "d", ["one", "two", "three"])
    add(conn, "e", ["four"])
    ids = [*embed(conn, "d"), *embed(conn, "e")]
    documents.delete_document(conn, "d", 10.0)
    for ask in (documents.document, documents.document_text):
        with pytest.raises(NotFound):
            ask(conn, "d")
    with pytest.raises(NotFound):
        documents.set_progress(conn, "d", DocumentState.READING, 0, 0)
    purge(conn, 10.0)
    assert documents.restore_document(conn, "d").passages == 3
    knowledge.delete_collection(conn, "c", 20.0)
    new_collection(conn, "c2", "Work")
    with pytest.raises(NotFound):
        documents.document(conn, "d")
    assert knowledge.restore_collection(conn, "c").name == "Work (2)"
    assert knowledge.collection(conn, "c").passages == 4
    knowledge.delete_collection(conn, "c", 30.0)
    purge(conn, 31.0)
    for table in ("documents", "document_texts", "passages", "passage_vectors", "unindexed_vectors"):
        assert rows(conn, table) == 0
    assert [n for n, *_ in embeddings.removed_vectors(conn, 9)] == ids
    with pytest.raises(NotFound):
        knowledge.restore_collection(conn, "c")


def test_what_the_index_is_told(conn: Connection) -> None:
    """Vectors wait until the index has them; after a loss all wait again, and what was removed is moot."""
    new_collection(conn)
    add(conn, "d", ["one", "two"])
    a, b = embed(conn, "d")
    assert embeddings.unindexed(conn, 1) == [(a, "c", ENGLISH_EMBEDDER, VECTOR)]
    embeddings.mark_indexed(conn, [a, b])
    assert embeddings.unindexed(conn, 9) == []
    assert embeddings.mark_all_unindexed(conn) == 2
    assert [n for n, *_ in embeddings.unindexed(conn, 9)] == [a, b]
    documents.delete_document(conn, "d", 1.0)
    purge(conn, 2.0)
    assert embeddings.removed_vectors(conn, 9) == [(n, "c", ENGLISH_EMBEDDER) for n in (a, b)]
    embeddings.forget_removed(conn, [a, b])
    assert embeddings.removed_vectors(conn, 9) == []


def test_another_embedder(conn: Connection) -> None:
    """Its passages stay and wait for vectors again; words are found meanwhile."""
    new_collection(conn)
    knowledge.set_dimension(conn, "c", 384)
    add(conn, "d", ["zebra"])
    embed(conn, "d")
    documents.finish(conn, "d", 2.0)
    queue(conn, "waiting")
    changed = knowledge.set_embedder(conn, "c", MULTILINGUAL_EMBEDDER)
    assert (changed.embedder_id, changed.dimension, changed.embedded) == (MULTILINGUAL_EMBEDDER, None, 0)
    assert documents.next_embedding(conn) == documents.document(conn, "d")
    assert documents.document(conn, "waiting").state is DocumentState.QUEUED
    assert len(passages.search_words(conn, ["c"], "zebra", limit=3)) == 1
    assert len(embed(conn, "d")) == 1
    assert embeddings.unindexed(conn, 9)[0][2] == MULTILINGUAL_EMBEDDER


def test_a_long_text_in_steps(url: str) -> None:
    """Nothing of it is found before all of it is stored; a second try after a crash leaves no doubles."""
    read, spans = text_of([f"zebra {n}" for n in range(1_200)])

    async def main() -> tuple[int, Any, int]:
        db = await Database.open(url)
        await db.write(new_collection)
        await db.write(queue, "d")
        await db.write(document_texts.begin_text, "d", read)
        await db.write(document_texts.add_passages, "d", read.text, spans[:700])
        half = len(await db.read(passages.search_words, ["c"], "zebra", limit=9))
        stored = await document_texts.store_long_text(db, "d", read=read, spans=spans, now=2.0)
        hits = await db.read(passages.search_words, ["c"], "zebra", limit=5_000)
        await db.close()
        return half, stored, len(hits)

    half, stored, found = asyncio.run(main())
    assert (half, found) == (0, 1_200)
    assert (stored.passages, stored.state) == (1_200, DocumentState.EMBEDDING)


def test_another_embedder_in_mid_work(conn: Connection) -> None:
    """Vectors that the old embedder still makes are dropped, and a document without vectors is not ready."""
    new_collection(conn)
    add(conn, "d", ["one", "two"])
    first = [(p.id, bytes(8)) for p in embeddings.pending_passages(conn, "d", 1)]
    embeddings.store_vectors(conn, "d", first, made_by=ENGLISH_EMBEDDER)
    assert knowledge.collection(conn, "c").dimension == 2
    late = [(p.id, bytes(8)) for p in embeddings.pending_passages(conn, "d", 1)]
    knowledge.set_embedder(conn, "c", MULTILINGUAL_EMBEDDER)
    assert embeddings.store_vectors(conn, "d", late, made_by=ENGLISH_EMBEDDER).done == 0
    assert rows(conn, "passage_vectors") == 0
    assert knowledge.collection(conn, "c").dimension is None
    assert embeddings.finish(conn, "d", 5.0).state is DocumentState.EMBEDDING
    embed(conn, "d")
    assert embeddings.finish(conn, "d", 6.0).state is DocumentState.READY


def test_another_embedder_takes_up_what_failed(conn: Connection) -> None:
    """A document that failed at its vectors gets them from the new embedder; one never read stays failed."""
    new_collection(conn)
    add(conn, "d", ["one"])
    queue(conn, "unread")
    for id in ("d", "unread"):
        documents.fail(conn, id, ErrorInfo("auth", "The key was refused."))
    knowledge.set_embedder(conn, "c", MULTILINGUAL_EMBEDDER)
    waiting = documents.document(conn, "d")
    assert (waiting.state, waiting.error) == (DocumentState.EMBEDDING, None)
    assert documents.document(conn, "unread").state is DocumentState.FAILED


def test_trying_again_twice(conn: Connection) -> None:
    """What is being read already is not queued once more: two would write its passages."""
    new_collection(conn)
    queue(conn, "d")
    documents.fail(conn, "d", ErrorInfo("knowledge", "It is encrypted."))
    documents.retry(conn, "d", 1)
    assert documents.take_job(conn, NOBODY)
    documents.retry(conn, "d", 2)
    assert documents.document(conn, "d").state is DocumentState.READING
    assert documents.next_job(conn) is None


def test_what_waits_besides_an_embedder(conn: Connection) -> None:
    """Documents of an embedder that is away are passed over."""
    new_collection(conn)
    add(conn, "d", ["one"])
    assert documents.next_embedding(conn, besides=[ENGLISH_EMBEDDER]) is None
    assert documents.next_embedding(conn, besides=[MULTILINGUAL_EMBEDDER]) is not None


def test_restoring_what_was_added_again(conn: Connection) -> None:
    """Removed, added again, then brought back: it is not there twice. A cancelled change can come back."""
    new_collection(conn)
    add(conn, "d", ["one"], name="a.txt")
    documents.delete_document(conn, "d", 3.0)
    add(conn, "again", ["one"], name="a.txt")
    with pytest.raises(BadRequest, match="added again"):
        documents.restore_document(conn, "d")
    queue(conn, "changed", name="a.txt", replaces="again")
    documents.delete_document(conn, "changed", 4.0)
    assert documents.restore_document(conn, "changed").replaces == "again"


def test_all_failed_ones_again(conn: Connection) -> None:
    """Each goes on where it failed: from its passages when it has them, else from the file."""
    new_collection(conn)
    new_collection(conn, "other", "Other")
    add(conn, "split", ["one", "two"])
    for id, collection in (("unread", "c"), ("gone", "c"), ("elsewhere", "other"), ("waits", "c")):
        queue(conn, id, collection=collection)
    for id in ("split", "unread", "gone", "elsewhere"):
        documents.fail(conn, id, ErrorInfo("knowledge", "Broken."))
    documents.delete_document(conn, "gone", 5.0)
    assert documents.retry_failed(conn, "c", 7) == ["split", "unread"]
    found = {d.id: d for d in documents.documents(conn, "c")}
    assert (found["split"].state, found["split"].of) == (DocumentState.EMBEDDING, 2)
    assert (found["unread"].state, found["unread"].error) == (DocumentState.QUEUED, None)
    assert documents.document(conn, "elsewhere").state is DocumentState.FAILED
    assert next_job_id(conn) == "unread"


def next_job_id(conn: Connection) -> str:
    job = documents.next_job(conn)
    assert job is not None
    return job.id
