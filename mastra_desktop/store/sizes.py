"""How much of the database the app's own figures take: rows and bytes of each table, indexes included."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Connection, func, select, text
from sqlalchemy.dialects.postgresql import REGCLASS
from sqlalchemy.exc import OperationalError

from mastra_desktop.domain.telemetry import StoredSize
from mastra_desktop.store import schema
from mastra_desktop.store.telemetry import DAY_S, HOURS_KEPT_S, KEPT_S, MINUTES_KEPT_S, MOST_ROWS

_TABLES = (
    schema.requests,
    schema.spans,
    schema.metric_minutes,
    schema.metric_hours,
    schema.health_history,
    schema.audit,
)
_KEPT_S = KEPT_S | {"metric_minutes": MINUTES_KEPT_S, "metric_hours": HOURS_KEPT_S}
_SAMPLE = 500  # rows that a guess is made from
_ROOM = 1.1  # pages are not full
_PER_INDEX = 0.2


def stored(conn: Connection) -> list[StoredSize]:
    """The tables of figures and the audit log. Reads each of them once: seconds at their bounds."""
    found = []
    for table in _TABLES:
        rows = conn.execute(select(func.count()).select_from(table)).scalar_one()
        days = _KEPT_S[table.name] // DAY_S if table.name in _KEPT_S else None
        found.append(StoredSize(table.name, rows, _size(conn, table, rows), days, MOST_ROWS.get(table.name)))
    return found


def whole(conn: Connection) -> int:
    """Bytes of the whole database."""
    if conn.dialect.name != "sqlite":
        return int(conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    pages = conn.execute(text("PRAGMA page_count")).scalar_one()
    return int(pages) * int(conn.execute(text("PRAGMA page_size")).scalar_one())


def _size(conn: Connection, table: sa.Table, rows: int) -> int:
    if conn.dialect.name != "sqlite":
        size = select(func.pg_total_relation_size(sa.cast(table.name, REGCLASS)))
        return int(conn.execute(size).scalar_one())
    try:
        return _pages(conn, table.name)
    except OperationalError:  # this SQLite was built without the table that tells
        return guess(conn, table, rows)


def _pages(conn: Connection, name: str) -> int:
    """Bytes of the pages of the table and its indexes. Asked by name: all others are then not looked at."""
    trees = conn.execute(
        text("SELECT name FROM sqlite_schema WHERE tbl_name = :name AND rootpage"), {"name": name}
    )
    size = text("SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE name = :name AND aggregate = TRUE")
    return sum(int(conn.execute(size, {"name": tree.name}).scalar_one()) for tree in list(trees))


def guess(conn: Connection, table: sa.Table, rows: int) -> int:
    """About as many bytes, by what some rows hold."""
    if not rows:
        return 0
    values = [func.coalesce(func.length(sa.cast(column, sa.LargeBinary)), 0) for column in table.c]
    row = sum(values[1:], values[0])
    some = select(row.label("size")).select_from(table).limit(_SAMPLE).subquery()
    mean = conn.execute(select(func.avg(some.c.size))).scalar_one()
    return round(rows * (float(mean) + len(values)) * (_ROOM + _PER_INDEX * len(table.indexes)))
