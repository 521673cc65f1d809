"""Brings a database to this version's schema, or refuses to touch it.

Alembic is imported only when there is something to do: it costs a tenth of a second.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from mastra_desktop.domain.errors import DatabaseTooNew, StorageError
from mastra_desktop.store.engines import Engines, driver_connection
from mastra_desktop.store.files import Glance, back_up, glance, stamp
from mastra_desktop.store.schema import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"


def bring_up_to_date(
    engines: Engines,
    *,
    read_only: bool,
    backups: Path | None,
    migrations: Path = MIGRATIONS,
    head: str = HEAD,
) -> None:
    """Migrates to `head` in one transaction, after a backup of a database that holds something.

    Raises `DatabaseTooNew` (untouched), `StorageError` when it is not ours or may only be read.
    """
    found = glance(engines.path) if engines.path else _glance_at_server(engines)
    if found.revision == head:
        return
    if found.revision is None and not found.empty:
        raise StorageError(
            "This database does not belong to Mastra Desktop.",
            hint=f"Choose another one in database.url. It was not changed. {engines.path or ''}".strip(),
        )
    if found.revision is not None and found.revision not in known_revisions(migrations):
        raise DatabaseTooNew(
            "The database was written by a later version of Mastra Desktop.",
            hint="Install that version or a later one. The database was not changed.",
            detail=f"revision {found.revision}, this version knows {head}",
        )
    if read_only:
        raise StorageError(
            "There is no database yet." if found.empty else "The database is from an earlier version.",
            hint="Open Mastra Desktop once; it prepares the database.",
            detail=f"revision {found.revision}, expected {head}",
        )
    if engines.path and not found.empty and backups:
        back_up(engines.path, backups, f"before-{head}-{stamp()}.db")
    _migrate(engines, migrations)


def _migrate(engines: Engines, migrations: Path) -> None:
    from alembic import command

    config = _config(migrations)
    with engines.writer.connect() as conn:
        sqlite = driver_connection(conn) if engines.path else None
        try:
            if sqlite:
                # Recreating a table drops the old one, which would take the rows that refer to it along.
                sqlite.execute("PRAGMA foreign_keys=OFF")
            with conn.begin():
                if sqlite is None:  # a large table takes its time
                    conn.execute(text("SET LOCAL statement_timeout = 0"))
                config.attributes["connection"] = conn
                command.upgrade(config, "head")
                if sqlite:
                    _check_references(sqlite)
        finally:
            if sqlite:
                sqlite.execute("PRAGMA foreign_keys=ON")


def _check_references(conn: sqlite3.Connection) -> None:
    broken = conn.execute("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise StorageError(
            "The database could not be brought to this version.",
            hint="It was left as it was; the previous version of the app can open it.",
            detail=f"broken reference in {broken[0]}",
        )


def _config(migrations: Path) -> Config:
    from alembic.config import Config

    config = Config()
    # ConfigParser reads % as the start of a variable.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


def known_revisions(migrations: Path = MIGRATIONS) -> set[str]:
    """Those that this version can bring up to date, the newest among them."""
    from alembic.script import ScriptDirectory

    return {script.revision for script in ScriptDirectory.from_config(_config(migrations)).walk_revisions()}


def _glance_at_server(engines: Engines) -> Glance:
    def look(conn: Connection) -> Glance:
        tables = inspect(conn).get_table_names()
        if "alembic_version" not in tables:
            return Glance(not tables, None)
        return Glance(False, conn.execute(text("SELECT version_num FROM alembic_version")).scalar())

    with engines.reader.connect() as conn:
        return look(conn)
