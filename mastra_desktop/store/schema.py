"""The tables, as the code of this version expects them.

`migrations/` is what makes them; a test compares the two. Times are seconds since the epoch, UTC.
Full-text tables are not here: `search.py`, `passages.py` and, on a server, `search_server.py`,
`passages_server.py`.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

HEAD = "0010"  # the newest revision under migrations/versions; a test holds them together

metadata = MetaData()

# SQLite makes a column the row's number only when its type is exactly INTEGER.
_Number = BigInteger().with_variant(Integer(), "sqlite")

conversations = Table(
    "conversations",
    metadata,
    Column("seq", _Number, primary_key=True),  # also the row of `title_search`
    Column("id", Text, nullable=False, unique=True),
    Column("title", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("updated_at", Float, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("leaf_id", Text),
    Column("deleted_at", Float),
    Column("knowledge", Text, nullable=False, server_default=""),  # ids of collections, one a line
    Index("ix_conversations_recent", "deleted_at", "updated_at"),
)

# `parent_id` is no foreign key: its cascade would recurse once per message of a branch, and SQLite
# gives up after 1,000. `messages.py` checks the parent, and messages only go with their conversation.
messages = Table(
    "messages",
    metadata,
    Column("seq", _Number, primary_key=True),  # order of writing; also the row of `message_search`
    Column("id", Text, nullable=False, unique=True),
    Column("conversation_id", Text, ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
    Column("parent_id", Text),
    Column("depth", Integer, nullable=False),
    Column("role", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("reasoning", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("model_id", Text, nullable=False),
    Column("finish_reason", Text, nullable=False),
    Column("input_tokens", Integer),
    Column("output_tokens", Integer),
    Column("cached_input_tokens", Integer),
    Column("reasoning_tokens", Integer),
    Column("first_token_ms", Float),
    Column("total_ms", Float),
    Column("error", Text),  # an ErrorInfo as JSON
    Column("cached", Integer, nullable=False, server_default="0"),  # 1: an answer for which nobody was asked
    Index("ix_messages_depth", "conversation_id", "depth"),
    Index("ix_messages_parent", "parent_id"),
    Index(
        "ix_messages_writing",
        "state",
        sqlite_where=text("state = 'writing'"),
        postgresql_where=text("state = 'writing'"),
    ),
)

# Only of answers from knowledge. `found` is JSON: what is kept goes with the answer, also when the
# document is long gone. `message_rows.py` makes and reads it.
message_sources = Table(
    "message_sources",
    metadata,
    Column("message_id", Text, ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
    Column("found", Text, nullable=False),
)

# No foreign key: the id "" holds the draft of the new chat.
drafts = Table(
    "drafts",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("text", Text, nullable=False),
)

collections = Table(
    "collections",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("icon", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("embedder_id", Text, nullable=False),
    Column("dimension", Integer),
    Column("created_at", Float, nullable=False),
    Column("paused", Integer, nullable=False),
    Column("watched", Text, nullable=False),
    Column("deleted_at", Float),
    Column("watched_place", Text, nullable=False, server_default=""),  # whose folder that is
)

# `deleted_at` 0: gone for good, to be cleared away at the next occasion. `passages` and `embedded` are kept
# in step with the passages, so that no list has to count them.
documents = Table(
    "documents",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("collection_id", Text, ForeignKey("collections.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("priority", _Number, nullable=False),
    Column("done", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("passages", Integer, nullable=False),
    Column("embedded", Integer, nullable=False),
    Column("summary", Text, nullable=False),
    Column("error", Text),  # an ErrorInfo as JSON
    Column("added_at", Float, nullable=False),
    Column("changed_at", Float, nullable=False),  # when it was last queued, read or ready
    Column("replaces", Text),
    Column("searchable", Integer, nullable=False),
    Column("text_bytes", BigInteger, nullable=False),
    Column("deleted_at", Float),
    Column("place", Text, nullable=False, server_default=""),  # where its file is; "" for everywhere
    Index("ix_documents_collection", "collection_id", "source"),
    Index("ix_documents_state", "state", "priority"),
    Index(
        "ix_documents_deleted",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),  # else SQLite looks for what is not deleted in it
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
)

# Of the files of watched folders. `stamp` tells whether one may have changed since it was read.
seen_files = Table(
    "seen_files",
    metadata,
    Column("collection_id", Text, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("stamp", Text, nullable=False),
    Column("sha256", Text, nullable=False),
)

# What a person removed stays out of a watched collection, until the file has another content.
left_out = Table(
    "left_out",
    metadata,
    Column("collection_id", Text, ForeignKey("collections.id", ondelete="CASCADE"), primary_key=True),
    Column("sha256", Text, primary_key=True),
)

# Apart, so that a list of documents never reads past their texts.
document_texts = Table(
    "document_texts",
    metadata,
    Column("document_seq", _Number, ForeignKey("documents.seq"), primary_key=True, autoincrement=False),
    Column("text", Text, nullable=False),
)

# `text` repeats a stretch of the document's: a hit is read in one step however long the document is, and
# `passage_search`, which keeps no text, gets back what went in when a passage goes.
# A number is never given twice: the index of meanings knows passages by it.
passages = Table(
    "passages",
    metadata,
    Column("id", _Number, primary_key=True),
    Column("document_seq", _Number, ForeignKey("documents.seq"), nullable=False),
    Column("position", Integer, nullable=False),
    Column("start_char", Integer, nullable=False),
    Column("end_char", Integer, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("page", Integer),
    Column("heading", Text, nullable=False),  # a list as JSON; "" without any
    Column("embedded", Integer, nullable=False),
    Column("text", Text, nullable=False),
    Index("ix_passages_position", "document_seq", "position", unique=True),
    Index(
        "ix_passages_pending",
        "document_seq",
        "position",
        sqlite_where=text("embedded = 0"),
        postgresql_where=text("embedded = 0"),
    ),
    sqlite_autoincrement=True,
)

# The truth about meaning: float32, little-endian. What Chroma holds is made from this.
passage_vectors = Table(
    "passage_vectors",
    metadata,
    Column("passage_id", _Number, ForeignKey("passages.id"), primary_key=True, autoincrement=False),
    Column("vector", LargeBinary, nullable=False),
)

# What Chroma has yet to be told: vectors to put in, and passages whose vectors are to go.
unindexed_vectors = Table(
    "unindexed_vectors",
    metadata,
    Column("passage_id", _Number, primary_key=True, autoincrement=False),
)
removed_vectors = Table(
    "removed_vectors",
    metadata,
    Column("passage_id", _Number, primary_key=True, autoincrement=False),
    Column("collection_id", Text, nullable=False),
    Column("embedder_id", Text, nullable=False),
)

# One row per answer, also of those that left no message. No foreign keys: what was used stays known when a
# conversation goes.
requests = Table(
    "requests",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("at", Float, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("error_code", Text, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("first_token_ms", Float),
    Column("input_tokens", BigInteger),
    Column("output_tokens", BigInteger),
    Column("cached_input_tokens", BigInteger),
    Column("reasoning_tokens", BigInteger),
    Column("cost_usd", Float),
    Column("retries", Integer, nullable=False),
    Column("cached", Integer, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("conversation_id", Text, nullable=False),
    Column("message_id", Text, nullable=False),
    Index("ix_requests_at", "at"),
)

spans = Table(
    "spans",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("trace_id", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("parent_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", Float, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("facts", Text, nullable=False),  # JSON
    Index("ix_spans_trace", "trace_id"),
    Index("ix_spans_at", "at"),
)


def _amounts(name: str) -> Table:
    """What happened in each minute or hour: sums only, so that two processes simply add theirs."""
    return Table(
        name,
        metadata,
        Column("at", BigInteger, primary_key=True, autoincrement=False),  # when it began
        Column("name", Text, primary_key=True),
        Column("label", Text, primary_key=True),
        Column("count", Float, nullable=False),
        Column("total", Float, nullable=False),
        sqlite_with_rowid=False,
    )


metric_minutes = _amounts("metric_minutes")
metric_hours = _amounts("metric_hours")

health_history = Table(
    "health_history",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("at", Float, nullable=False),
    Column("name", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("duration_ms", Float, nullable=False),
    Column("detail", Text, nullable=False),
    Index("ix_health_history_at", "at"),
)

# Triggers refuse changing and removing rows. `mac` covers the row and the `mac` of the one before.
audit = Table(
    "audit",
    metadata,
    Column("seq", _Number, primary_key=True, autoincrement=False),
    Column("at", Float, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("chain", Text, nullable=False),  # names the key
    Column("mac", Text, nullable=False),
    Index("ix_audit_at", "at"),
)

# On a server only: the processes that share it, and what each of them has taken in hand.
processes = Table(
    "processes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("place", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("seen_at", Float, nullable=False),  # by the server's clock
)
claims = Table(
    "claims",
    metadata,
    Column("name", Text, primary_key=True),
    Column("process_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
)

# `sha256` is all that is kept of a token.
api_tokens = Table(
    "api_tokens",
    metadata,
    Column("seq", _Number, primary_key=True),
    Column("id", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("sha256", Text, nullable=False, unique=True),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("last_used_at", Float),
)
