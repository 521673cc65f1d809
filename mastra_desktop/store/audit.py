"""The rows of the audit log. They are added one by one; the database itself refuses the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, func, insert, select, text

from mastra_desktop.domain.audit import EVERYTHING, AuditEntry, AuditFilter
from mastra_desktop.store import schema
from mastra_desktop.store.engines import connect_sqlite, make_engines

_a = schema.audit.c
_COLUMNS = (_a.seq, _a.at, _a.actor, _a.action, _a.target, _a.outcome, _a.detail, _a.chain, _a.mac)

Make = Callable[[int, str], AuditEntry]  # (the new row's number, the mac before it) -> the row


def append(conn: Connection, make: Make) -> AuditEntry:
    """Adds the row that `make` makes once its number and the row before are known."""
    if conn.dialect.name != "sqlite":  # SQLite's writer is alone in any case
        conn.execute(text("LOCK TABLE audit IN EXCLUSIVE MODE"))
    seq, mac = last(conn)
    entry = make(seq + 1, mac)
    conn.execute(insert(schema.audit).values({c.name: getattr(entry, c.name) for c in _COLUMNS}))
    return entry


def append_beside(path: Path, make: Make) -> AuditEntry:
    """The same for a process that does not own the data home: one short transaction beside its owner's."""
    engines = make_engines(f"sqlite:///{path}", read_only=False)
    try:
        with engines.writer.begin() as conn:
            return append(conn, make)
    finally:
        engines.dispose()


def last(conn: Connection) -> tuple[int, str]:
    """Number and mac of the newest row; (0, "") without any."""
    row = conn.execute(select(_a.seq, _a.mac).order_by(_a.seq.desc()).limit(1)).first()
    return (row[0], row[1]) if row else (0, "")


def mac_of(conn: Connection, seq: int) -> str:
    """ "" when there is no such row."""
    return conn.execute(select(_a.mac).where(_a.seq == seq)).scalar() or ""


def entries(
    conn: Connection, filter: AuditFilter = EVERYTHING, *, limit: int = 500, before_seq: int | None = None
) -> list[AuditEntry]:
    """The newest first."""
    asked = select(*_COLUMNS).order_by(_a.seq.desc()).limit(limit)
    if before_seq is not None:
        asked = asked.where(_a.seq < before_seq)
    if filter.since is not None:
        asked = asked.where(_a.at >= filter.since)
    if filter.until is not None:
        asked = asked.where(_a.at < filter.until)
    if filter.action:
        asked = asked.where(_a.action.startswith(filter.action, autoescape=True))
    if filter.outcome:
        asked = asked.where(_a.outcome == filter.outcome)
    if filter.text:
        words = func.lower(_a.actor + " " + _a.action + " " + _a.target + " " + _a.detail)
        asked = asked.where(words.contains(filter.text.lower(), autoescape=True))
    return [_entry(row) for row in conn.execute(asked)]


def all_entries(conn: Connection, after_seq: int = 0, limit: int = 5_000) -> list[AuditEntry]:
    """A page in the order of writing, also where numbers are missing."""
    asked = select(*_COLUMNS).where(_a.seq > after_seq).order_by(_a.seq).limit(limit)
    return [_entry(row) for row in conn.execute(asked)]


def carry_over(old: Path, new: Path) -> int:
    """Adds to `new`, an earlier state of `old`, the rows that `old` has since; returns how many.

    Nothing when `new` is not an earlier state: its rows then stay the ones it came with.
    """
    with closing(connect_sqlite(new)) as conn:
        conn.execute("ATTACH ? AS other", (str(old),))
        if not conn.execute("SELECT 1 FROM other.sqlite_master WHERE name = 'audit'").fetchone():
            return 0
        seq, mac = conn.execute("SELECT seq, mac FROM main.audit ORDER BY seq DESC LIMIT 1").fetchone() or (
            0,
            "",
        )
        same = conn.execute("SELECT 1 FROM other.audit WHERE seq = ? AND mac = ?", (seq, mac)).fetchone()
        if seq and not same:
            return 0
        names = ", ".join(c.name for c in _COLUMNS)
        sql = f"INSERT INTO main.audit ({names}) SELECT {names} FROM other.audit WHERE seq > ? ORDER BY seq"  # noqa: S608 - names of columns
        return conn.execute(sql, (seq,)).rowcount


def pages(read: Callable[[int], list[AuditEntry]]) -> Iterator[AuditEntry]:
    """Every entry that `read(after_seq)` gives page by page."""
    after = 0
    while page := read(after):
        yield from page
        after = page[-1].seq


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(**row._mapping)
