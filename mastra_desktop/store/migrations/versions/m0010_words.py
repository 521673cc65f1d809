"""Words of passages on PostgreSQL as lists, which are faster to rank than `tsvector` columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import BYTEA

from mastra_desktop.store import passages

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """On PostgreSQL only. The lists are made anew from the passages."""
    conn = op.get_bind()
    if conn.dialect.name == "sqlite":
        return
    op.create_table(
        "passage_words",
        sa.Column("word", sa.Text(collation="C"), primary_key=True),
        sa.Column("segment", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("document_seq", sa.BigInteger, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("hits", BYTEA, nullable=False),
    )
    op.create_index("ix_passage_words_document", "passage_words", ["document_seq", "segment"])
    op.create_table(
        "passage_segments",
        sa.Column("segment", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("document_seq", sa.BigInteger, nullable=False),
        sa.Column("passages", sa.Integer, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_passage_segments_document", "passage_segments", ["document_seq"])
    op.create_table(
        "passage_totals",
        sa.Column("passages", sa.BigInteger, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO passage_totals VALUES (0, 0)")
    op.drop_table("passage_search")
    passages.index_all_words(conn)
