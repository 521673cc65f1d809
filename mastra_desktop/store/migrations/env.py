"""Run by Alembic. The connection comes from `upgrade.py`, already inside the transaction."""

from __future__ import annotations

from alembic import context

from mastra_desktop.store.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
