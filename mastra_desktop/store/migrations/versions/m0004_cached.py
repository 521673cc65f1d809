"""Whether an answer came from the cache, and so cost nothing."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nobody kept it before: what is there counts as asked."""
    op.add_column("messages", sa.Column("cached", sa.Integer, nullable=False, server_default="0"))
