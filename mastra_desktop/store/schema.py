"""The tables, as the code of this version expects them.

`migrations/` is what makes them; a test compares the two. Times are seconds since the epoch, UTC.
Full-text tables are FTS5 and exist on SQLite only; `search.py` is all that touches them.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    text,
)

HEAD = "0001"  # the newest revision under migrations/versions; a test holds them together

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
    Index("ix_messages_depth", "conversation_id", "depth"),
    Index("ix_messages_parent", "parent_id"),
    Index(
        "ix_messages_writing",
        "state",
        sqlite_where=text("state = 'writing'"),
        postgresql_where=text("state = 'writing'"),
    ),
)

# No foreign key: the id "" holds the draft of the new chat.
drafts = Table(
    "drafts",
    metadata,
    Column("conversation_id", Text, primary_key=True),
    Column("text", Text, nullable=False),
)
