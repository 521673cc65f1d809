"""A database with something in every table that a backup holds."""

from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, insert

from mastra_desktop.domain.audit import AuditEntry
from mastra_desktop.store import audit, conversations, embeddings, knowledge, schema
from tests.store.documents import add, new_collection, queue
from tests.store.turns import begin, finish, new_conversation

MOMENTARY = {"processes", "claims"}  # in no backup
INDEX = {"unindexed_vectors", "removed_vectors"}  # what the index has yet to be told


def fill(conn: Connection, size: int = 3) -> None:
    """`size` chats, and documents of as many passages; every kind of text that is hard to carry."""
    texts = ["plain words", "中文 和 English", "a\ttab\nand \\N \\. ends", "quote ' \" {}", "é👩‍💻 \ufffd"]
    for n in range(size):
        new_conversation(conn, f"c{n}", f"Title {n} {texts[n % 5]}", now=float(n))
        parent = None
        for turn in range(2):
            parent = begin(conn, f"{n}-{turn}", parent, f"question {n} {texts[turn]}", f"c{n}")
            finish(conn, parent, f"answer {n} {texts[(n + turn) % 5]}")
    begin(conn, "open", None, "still written", "c0")
    conversations.delete(conn, "c1", 9.0)
    conn.execute(insert(schema.drafts), {"conversation_id": "", "text": "half a thought"})
    conn.execute(insert(schema.message_sources), {"message_id": "a0-0", "found": '[{"n": 1}]'})
    new_collection(conn, "k", "Kept")
    new_collection(conn, "t", "In the trash")
    for collection in ("k", "t"):
        id = f"d{collection}"
        add(conn, id, [f"passage {n} {texts[n % 5]}" for n in range(size)], collection=collection)
        pending = embeddings.pending_passages(conn, id, size)
        vectors = [(p.id, array("f", [p.id + 0.5, -1.0, 1e-9]).tobytes()) for p in pending[1:]]
        embeddings.store_vectors(conn, id, vectors)
    knowledge.delete_collection(conn, "t", 5.0)
    queue(conn, "waiting", collection="k", name="later.txt")
    _records(conn, size)


def _records(conn: Connection, size: int) -> None:
    for _ in range(size):
        audit.append(
            conn,
            lambda seq, before: AuditEntry(
                seq, 1.0, "user", "key.set", "x", "done", "", "chain", f"{seq} {before}"[:40]
            ),
        )
    request = {"at": 1.5, "provider": "work", "model": "m", "outcome": "done", "error_code": ""}
    request |= {"duration_ms": 1.25, "first_token_ms": None, "input_tokens": 2**40, "cost_usd": 0.1 + 0.2}
    request |= {"retries": 0, "cached": 1, "trace_id": "t", "conversation_id": "c0", "message_id": "a0-0"}
    span = {"trace_id": "t", "id": "s", "parent_id": "", "name": "n", "at": 1.0, "duration_ms": 0.5}
    point = {"at": 60, "name": "n", "label": "", "count": 1.0, "total": 1e300}
    health = {"at": 1.0, "name": "disk", "status": "healthy", "duration_ms": 0.0, "detail": ""}
    token = {"id": "i", "name": "n", "role": "admin", "sha256": "h", "created_at": 1.0, "expires_at": None}
    conn.execute(insert(schema.requests), [{**request, "id": f"r{n}"} for n in range(size)])
    conn.execute(insert(schema.spans), {**span, "outcome": "ok", "facts": "{}"})
    conn.execute(insert(schema.metric_minutes), point)
    conn.execute(insert(schema.metric_hours), point)
    conn.execute(insert(schema.health_history), health)
    conn.execute(insert(schema.api_tokens), token)
    seen = {"collection_id": "k", "source": "/files/x", "stamp": "1", "sha256": "h"}
    conn.execute(insert(schema.seen_files), seen)
    conn.execute(insert(schema.left_out), {"collection_id": "k", "sha256": "h"})


def rows_of(path: Path) -> dict[str, Sequence[tuple[object, ...]]]:
    """Every row of every table that a backup holds, by table, in the order of their keys."""
    tables = [t for t in schema.metadata.sorted_tables if t.name not in MOMENTARY]
    with closing(sqlite3.connect(path)) as conn:
        return {
            t.name: conn.execute(
                f"SELECT * FROM {t.name} ORDER BY {', '.join(c.name for c in t.primary_key)}"
            ).fetchall()
            for t in tables
        }
