"""Knowledge: collections, documents, passages, their words and their vectors."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Makes the tables. The full-text table on SQLite only."""
    op.create_table(
        "collections",
        sa.Column("seq", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("icon", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("embedder_id", sa.Text, nullable=False),
        sa.Column("dimension", sa.Integer),
        sa.Column("created_at", sa.Float, nullable=False),
        sa.Column("paused", sa.Integer, nullable=False),
        sa.Column("watched", sa.Text, nullable=False),
        sa.Column("deleted_at", sa.Float),
    )
    op.create_table(
        "documents",
        sa.Column("seq", NUMBER, primary_key=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("collection_id", sa.Text, sa.ForeignKey("collections.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("embedded", sa.Integer, nullable=False),
        sa.Column("summary", sa.Text, nullable=False),
        sa.Column("error", sa.Text),
        sa.Column("added_at", sa.Float, nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
        sa.Column("replaces", sa.Text),
        sa.Column("searchable", sa.Integer, nullable=False),
        sa.Column("text_bytes", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.Float),
    )
    op.create_index("ix_documents_collection", "documents", ["collection_id", "source"])
    op.create_index("ix_documents_state", "documents", ["state", "priority"])
    deleted = sa.text("deleted_at IS NOT NULL")
    op.create_index(
        "ix_documents_deleted", "documents", ["deleted_at"], sqlite_where=deleted, postgresql_where=deleted
    )
    op.create_table(
        "document_texts",
        sa.Column(
            "document_seq", NUMBER, sa.ForeignKey("documents.seq"), primary_key=True, autoincrement=False
        ),
        sa.Column("text", sa.Text, nullable=False),
    )
    op.create_table(
        "passages",
        sa.Column("id", NUMBER, primary_key=True),
        sa.Column("document_seq", NUMBER, sa.ForeignKey("documents.seq"), nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("start_char", sa.Integer, nullable=False),
        sa.Column("end_char", sa.Integer, nullable=False),
        sa.Column("tokens", sa.Integer, nullable=False),
        sa.Column("page", sa.Integer),
        sa.Column("heading", sa.Text, nullable=False),
        sa.Column("embedded", sa.Integer, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_passages_position", "passages", ["document_seq", "position"], unique=True)
    pending = sa.text("embedded = 0")
    op.create_index(
        "ix_passages_pending",
        "passages",
        ["document_seq", "position"],
        sqlite_where=pending,
        postgresql_where=pending,
    )
    op.create_table(
        "passage_vectors",
        sa.Column("passage_id", NUMBER, sa.ForeignKey("passages.id"), primary_key=True, autoincrement=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "unindexed_vectors",
        sa.Column("passage_id", NUMBER, primary_key=True, autoincrement=False),
    )
    op.create_table(
        "removed_vectors",
        sa.Column("passage_id", NUMBER, primary_key=True, autoincrement=False),
        sa.Column("collection_id", sa.Text, nullable=False),
        sa.Column("embedder_id", sa.Text, nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        # Without its own copy of the text, and taken out with the text that went in: contentless_delete
        # would need SQLite 3.43, which not every Python brings.
        op.execute(
            "CREATE VIRTUAL TABLE passage_search USING fts5("
            "text, content='', tokenize='porter unicode61 remove_diacritics 2')"
        )
