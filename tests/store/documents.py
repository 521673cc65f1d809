"""What the tests of knowledge share: collections, documents and texts of made-up passages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mastra_desktop.domain.knowledge import (
    ENGLISH_EMBEDDER,
    Block,
    BlockKind,
    Document,
    PassageSpan,
    ReadText,
)
from mastra_desktop.store import document_texts, documents, knowledge


def new_collection(conn: Connection, id: str = "c", name: str = "Work") -> None:
    knowledge.create_collection(
        conn, id=id, name=name, icon="book-open", description="", embedder_id=ENGLISH_EMBEDDER, now=1.0
    )


def queue(
    conn: Connection,
    id: str,
    *,
    collection: str = "c",
    name: str = "",
    replaces: str | None = None,
    priority: int = 0,
    now: float = 1.0,
) -> Document:
    """A document that waits to be read."""
    return documents.add_document(
        conn,
        id=id,
        collection_id=collection,
        name=name or f"{id}.txt",
        source=f"/files/{name or id}",
        size_bytes=10,
        sha256=f"hash of {id}",
        priority=priority,
        now=now,
        replaces=replaces,
    )


def text_of(texts: Sequence[str], heading: tuple[str, ...] = ()) -> tuple[ReadText, tuple[PassageSpan, ...]]:
    """A text whose passages are `texts`, a line each."""
    spans, at = [], 0
    for index, part in enumerate(texts):
        spans.append(PassageSpan(index, at, at + len(part), len(part.split()), index + 1, heading))
        at += len(part) + 1
    whole = "\n".join(texts)
    return ReadText(whole, (Block(BlockKind.PARAGRAPH, 0, len(whole)),), summary="1 page"), tuple(spans)


def add(
    conn: Connection,
    id: str,
    texts: Sequence[str],
    *,
    collection: str = "c",
    replaces: str | None = None,
    name: str = "",
    heading: tuple[str, ...] = (),
    now: float = 1.0,
) -> Document:
    """A document whose words can be found."""
    queue(conn, id, collection=collection, replaces=replaces, name=name, now=now)
    read, spans = text_of(texts, heading)
    return document_texts.store_text(conn, id, read=read, spans=spans, now=now)
