"""Watched folders: what was seen of each file, and what a person took out of a collection."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Makes two tables; both begin empty, so that each watched file is read once more."""

    def of_collection() -> sa.Column[str]:
        owner = sa.ForeignKey("collections.id", ondelete="CASCADE")
        return sa.Column("collection_id", sa.Text, owner, primary_key=True)

    op.create_table(
        "seen_files",
        of_collection(),
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("stamp", sa.Text, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
    )
    op.create_table("left_out", of_collection(), sa.Column("sha256", sa.Text, primary_key=True))
