"""Words of passages on PostgreSQL as lists, which are faster to rank than `tsvector` columns."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from mastra_desktop.store import passages

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """On PostgreSQL only. The lists are made anew from the passages."""
    conn = op.get_bind()
    if conn.dialect.name == "sqlite":
        return
    # Room in each page: a list grows in place.
    op.execute(
        'CREATE TABLE passage_words (word text COLLATE "C" NOT NULL, chunk bigint NOT NULL,'
        " passages integer NOT NULL, hits bytea NOT NULL, PRIMARY KEY (word, chunk)) WITH (fillfactor = 70)"
    )
    op.create_table(
        "passage_totals",
        sa.Column("passages", sa.BigInteger, nullable=False),
        sa.Column("length", sa.BigInteger, nullable=False),
    )
    op.execute("INSERT INTO passage_totals VALUES (0, 0)")
    op.drop_table("passage_search")
    passages.index_all_words(conn)
