"""Conversations, messages, drafts and their full-text search."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the first tables. Full-text tables on SQLite only."""
    op.create_table(
        "conversations",
        sa.Column("seq", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("updated_at", sa.Float, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("leaf_id", sa.Text),
        sa.Column("deleted_at", sa.Float),
    )
    op.create_index("ix_conversations_recent", "conversations", ["deleted_at", "updated_at"])
    op.create_table(
        "messages",
        sa.Column("seq", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column(
            "conversation_id", sa.Text, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("parent_id", sa.Text),
        sa.Column("depth", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("model_id", sa.Text, nullable=False),
        sa.Column("finish_reason", sa.Text, nullable=False),
        sa.Column("input_tokens", sa.Integer),
        sa.Column("output_tokens", sa.Integer),
        sa.Column("cached_input_tokens", sa.Integer),
        sa.Column("reasoning_tokens", sa.Integer),
        sa.Column("first_token_ms", sa.Float),
        sa.Column("total_ms", sa.Float),
        sa.Column("error", sa.Text),
    )
    op.create_index("ix_messages_depth", "messages", ["conversation_id", "depth"])
    op.create_index("ix_messages_parent", "messages", ["parent_id"])
    writing = sa.text("state = 'writing'")
    op.create_index(
        "ix_messages_writing", "messages", ["state"], sqlite_where=writing, postgresql_where=writing
    )
    op.create_table(
        "drafts",
        sa.Column("conversation_id", sa.Text, primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        # Without its own copy of the text: half the size, and search.py reads the text from `messages`.
        op.execute(
            "CREATE VIRTUAL TABLE message_search USING fts5("
            "text, content='', columnsize=0, prefix='1 2', tokenize='unicode61 remove_diacritics 2')"
        )
        op.execute(
            "CREATE VIRTUAL TABLE title_search USING fts5(title, tokenize='unicode61 remove_diacritics 2')"
        )
