"""The audit log's rows: added, never changed; what of tampering its chain shows."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from mastra_desktop.domain.audit import AuditEntry, AuditFilter
from mastra_desktop.ops.audit import Verdict, sign, verify
from mastra_desktop.store import audit, backups
from tests.store.test_backups import fill

KEY = b"k" * 32
ROWS = 10


def add(conn: Connection, n: int, key: bytes = KEY, chain: str = "one") -> AuditEntry:
    def make(seq: int, before: str) -> AuditEntry:
        outcome = "failed" if n % 3 == 0 else "done"
        return sign(
            AuditEntry(seq, float(n), "user", f"key.{n}", "work", outcome, "", chain, ""), before, key
        )

    return audit.append(conn, make)


def look(conn: Connection, head: tuple[int, str] | None = None) -> Verdict:
    return verify(audit.pages(lambda after: audit.all_entries(conn, after, 3)), {"one": KEY}, head=head)


def tamper(conn: Connection, *statements: str) -> None:
    """What somebody with the file in hand can do: the triggers do not hold them."""
    if conn.dialect.name == "sqlite":
        conn.execute(text("DROP TRIGGER audit_no_update"))
        conn.execute(text("DROP TRIGGER audit_no_delete"))
    else:
        conn.execute(text("DROP TRIGGER audit_no_change ON audit"))
    for statement in statements:
        conn.execute(text(statement))


def test_only_added_to(conn: Connection) -> None:
    """The database refuses to change or remove a row."""
    add(conn, 1)
    for statement in (
        "UPDATE audit SET outcome = 'failed'",
        "DELETE FROM audit",
        "DELETE FROM audit WHERE seq = 1",
    ):
        with pytest.raises(DBAPIError, match="only added to"), conn.begin_nested():
            conn.execute(text(statement))
    assert look(conn) == Verdict(1)


COLUMNS = "seq, at, actor, action, target, outcome, detail, chain, mac"


@pytest.mark.parametrize(
    ("statements", "row"),
    [
        (["UPDATE audit SET target = 'other' WHERE seq = 4"], 4),
        (["UPDATE audit SET at = at + 0.000001 WHERE seq = 1"], 1),
        (["UPDATE audit SET chain = 'mine' WHERE seq = 5", "UPDATE audit SET mac = 'x' WHERE seq = 5"], 6),
        (["DELETE FROM audit WHERE seq = 4"], 4),
        (["DELETE FROM audit WHERE seq = 1"], 1),
        (["DELETE FROM audit WHERE seq = 4", "UPDATE audit SET seq = -seq WHERE seq > 4",
          "UPDATE audit SET seq = -seq - 1 WHERE seq < 0"], 4),
        (["UPDATE audit SET seq = -seq WHERE seq > 4", "UPDATE audit SET seq = 1 - seq WHERE seq < 0",
          f"INSERT INTO audit ({COLUMNS}) SELECT 5, at, actor, 'key.mine', target, outcome, detail, chain, mac"
          " FROM audit WHERE seq = 4"], 5),
        ([f"INSERT INTO audit ({COLUMNS}) SELECT 11, at, actor, action, target, outcome, detail, chain, mac"
          " FROM audit WHERE seq = 10"], 11),
        (["UPDATE audit SET seq = 99 WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 4",
          "UPDATE audit SET seq = 4 WHERE seq = 99"], 3),
    ],
    ids=["altered", "time", "other chain", "deleted", "first", "closed up", "inserted", "appended", "swapped"],
)  # fmt: skip
def test_names_the_first_bad_row(conn: Connection, statements: list[str], row: int) -> None:
    """Whoever changes, removes, inserts or swaps rows in the file does not have the key: it shows."""
    for n in range(1, ROWS + 1):
        add(conn, n)
    assert look(conn) == Verdict(ROWS)
    tamper(conn, *statements)
    found = look(conn)
    assert found.bad_row == row
    assert not found.ok


def test_the_end_needs_the_number_kept_elsewhere(conn: Connection) -> None:
    """Rows taken off the end leave a whole chain: only the newest row's number and mac tell."""
    heads = [add(conn, n) for n in range(1, ROWS + 1)]
    head = (heads[-1].seq, heads[-1].mac)
    assert look(conn, head) == Verdict(ROWS)
    tamper(conn, "DELETE FROM audit WHERE seq > 7")
    assert look(conn).ok
    found = look(conn, head)
    assert found.bad_row == 8
    assert "Rows 8 to 10" in found.problem
    for n in range(1, 5):
        add(conn, n)
    assert look(conn, head).bad_row == 10
    conn.execute(text("DELETE FROM audit"))
    assert look(conn, head).bad_row == 1


def test_a_chain_without_its_key(conn: Connection) -> None:
    """Rows of another key are counted as not checked; the chain goes through them."""
    add(conn, 1)
    add(conn, 2, os.urandom(32), "two")
    add(conn, 3)
    assert look(conn) == Verdict(3, unknown=1)


@pytest.mark.parametrize(
    ("filter", "numbers"),
    [
        (AuditFilter(), [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]),
        (AuditFilter(since=8.0), [10, 9, 8]),
        (AuditFilter(until=3.0), [2, 1]),
        (AuditFilter(outcome="failed"), [9, 6, 3]),
        (AuditFilter(action="key.1"), [10, 1]),
        (AuditFilter(text="KEY.2"), [2]),
        (AuditFilter(text="%"), []),
    ],
)
def test_filters(conn: Connection, filter: AuditFilter, numbers: list[int]) -> None:
    """By time, beginning of the action, outcome and words, the newest first."""
    for n in range(1, ROWS + 1):
        add(conn, n)
    assert [e.seq for e in audit.entries(conn, filter)] == numbers
    assert [e.seq for e in audit.entries(conn, limit=2, before_seq=9)] == [8, 7]


def test_a_restore_does_not_turn_it_back(home: Path) -> None:
    """The rows written since a backup are still there after going back to it."""
    database = fill(home, ["one"])

    def written(number: int) -> Callable[[int, str], AuditEntry]:
        return lambda seq, before: sign(
            AuditEntry(seq, float(number), "user", "a.b", "", "done", "", "one", ""), before, KEY
        )

    audit.append_beside(database, written(1))
    backup = backups.make(database, home / "backups", "manual")
    for n in (2, 3):
        audit.append_beside(database, written(n))
    backups.restore(backup.path, database, home / "backups", home / "vectors")
    with closing(sqlite3.connect(database)) as conn:
        assert [row[0] for row in conn.execute("SELECT at FROM audit ORDER BY seq")] == [1.0, 2.0, 3.0]
