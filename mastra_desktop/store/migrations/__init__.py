"""How a database becomes what `schema.py` says. Alembic reads these files from the disk, also frozen."""
