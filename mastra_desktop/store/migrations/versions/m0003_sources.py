"""The collections a conversation draws on, and the sources each answer was given."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Adds to the tables of before; nothing in them changes."""
    op.add_column("conversations", sa.Column("knowledge", sa.Text, nullable=False, server_default=""))
    op.create_table(
        "message_sources",
        sa.Column("message_id", sa.Text, sa.ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("found", sa.Text, nullable=False),
    )
