"""What several machines on one database need: full-text search on PostgreSQL, and who does what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0007"
down_revision = "0006"

NOW = {"fastupdate": "off"}  # else each search reads what was added lately one by one


def upgrade() -> None:
    """Adds to the tables of before; nothing in them changes but the room for a priority."""
    op.create_table(
        "processes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
    )
    op.create_table(
        "claims",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("process_id", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
    )
    op.add_column("documents", sa.Column("place", sa.Text, nullable=False, server_default=""))
    op.add_column("collections", sa.Column("watched_place", sa.Text, nullable=False, server_default=""))
    if op.get_bind().dialect.name == "sqlite":
        return
    op.alter_column("documents", "priority", type_=sa.BigInteger)
    for name in ("message_search", "title_search"):
        op.create_table(
            name,
            sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
            sa.Column("words", TSVECTOR, nullable=False),
            sa.Column("loose", sa.Boolean, nullable=False),
        )
        op.create_index(f"ix_{name}", name, ["words"], postgresql_using="gin", postgresql_with=NOW)
    op.create_table(
        "passage_search",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("words", TSVECTOR, nullable=False),
    )
    op.create_index(
        "ix_passage_search", "passage_search", ["words"], postgresql_using="gin", postgresql_with=NOW
    )
