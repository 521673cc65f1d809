"""Backups, restoring, checking, rescuing and the audit log from the command line."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.ops.lock import HomeLock
from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.test_cli import run

PASSPHRASE = "a long passphrase of words"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, server: ScriptedProvider) -> Path:
    return make_home(tmp_path, server.base_url)


def ask(home: Path, prompt: str) -> None:
    assert run(home, "ask", "--model", "work/normal", prompt)[0] == 0


def conversations(home: Path) -> list[str]:
    out = json.loads(run(home, "conversations", "list", "--json")[1])
    return [c["title"] for c in out["conversations"]]


def as_json(home: Path, *args: str, code: int = 0, passphrase: str = "") -> Any:
    found, out, err = run(home, *args, "--json", MASTRA_PASSPHRASE=passphrase)
    assert found == code, out + err
    return json.loads(out)


@pytest.mark.slow
def test_back_up_and_restore(place: Path, tmp_path: Path) -> None:
    """A backup in a file of one's choice comes back; the state before it is kept and named."""
    ask(place, "the first question")
    target = tmp_path / "my backup 备份.db"
    made = as_json(place, "backup", str(target))
    assert made == {"file": str(target), "size_bytes": target.stat().st_size}
    ask(place, "the second question")
    assert len(conversations(place)) == 2
    done = as_json(place, "restore", str(target))
    assert conversations(place) == ["the first question"]
    code, out, _ = run(place, "restore", done["before"])
    assert code == 0
    assert "What was there before is in" in out
    assert len(conversations(place)) == 2


@pytest.mark.slow
def test_a_backup_while_the_window_is_open(place: Path, tmp_path: Path) -> None:
    """Backing up needs nobody's leave; restoring names who has the data folder, and changes nothing."""
    ask(place, "a question")
    target = tmp_path / "beside.db"
    lock = HomeLock.acquire(place, "window")
    try:
        assert as_json(place, "backup", str(target))["file"] == str(target)
        before = (place / "mastra.db").read_bytes()
        code, _, err = run(place, "restore", str(target))
        assert code == 1
        assert "in use by the Mastra Desktop window" in err
        assert (place / "mastra.db").read_bytes() == before
    finally:
        lock.release()
    assert [e["action"] for e in exported(place)] == ["backup.made"]


@pytest.mark.slow
def test_a_file_that_is_no_backup(place: Path, tmp_path: Path) -> None:
    """Is refused in one sentence."""
    ask(place, "a question")
    letter = tmp_path / "letter.txt"
    letter.write_text("dear all, " * 100)
    code, _, err = run(place, "restore", str(letter))
    assert code == 1
    assert "letter.txt is no backup of Mastra Desktop." in err
    assert as_json(place, "restore", str(tmp_path / "none"), code=1)["error"]["code"] == "storage"
    assert conversations(place) == ["a question"]


@pytest.mark.slow
def test_check_and_rescue(place: Path) -> None:
    """A hole in the database is found; what can be read is put into a new one, and the old file kept."""
    for n in range(3):
        ask(place, f"question {n}")
    assert as_json(place, "database", "check") == {"ok": True, "problem": None}
    database = place / "mastra.db"
    with closing(sqlite3.connect(database)) as conn:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_messages_depth'"
        page = conn.execute(sql).fetchone()[0]
    with database.open("rb+") as file:
        file.seek((page - 1) * 4096)
        file.write(os.urandom(4096))
    assert as_json(place, "database", "check", code=1)["ok"] is False
    done = as_json(place, "database", "rescue")
    assert Path(done["kept"]).exists()
    assert as_json(place, "database", "check")["ok"] is True
    assert "database.rescued" in [e["action"] for e in exported(place)]


def exported(home: Path, passphrase: str = "") -> list[dict[str, Any]]:
    code, out, err = run(home, "audit", "export", "--json", MASTRA_PASSPHRASE=passphrase)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.slow
def test_the_audit_log_over_several_runs(place: Path, tmp_path: Path) -> None:
    """With a lasting place for its key, rows of earlier runs are checked too; an altered one is named."""
    key = b"sk-test-000000000000000000000000"
    assert run(place, "keys", "set", "work", stdin=key, MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    assert run(place, "backup", str(tmp_path / "b.db"), MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    assert run(place, "keys", "remove", "work", MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    rows = exported(place, PASSPHRASE)
    assert [r["action"] for r in rows] == ["key.set", "backup.made", "key.removed"]
    assert key.decode() not in json.dumps(rows)
    assert as_json(place, "audit", "verify", passphrase=PASSPHRASE) == {
        "ok": True, "rows": 3, "bad_row": None, "problem": None, "unverifiable_rows": 0, "accepted_gaps": [],
    }  # fmt: skip
    listed = as_json(place, "keys", "list", passphrase=PASSPHRASE)["keys"]
    assert listed == []
    with closing(sqlite3.connect(place / "mastra.db")) as conn, conn:
        conn.execute("DROP TRIGGER audit_no_delete")
        conn.execute("DELETE FROM audit WHERE seq = 3")
    cut = as_json(place, "audit", "verify", code=1, passphrase=PASSPHRASE)
    assert cut["bad_row"] == 3
    assert run(place, "keys", "set", "work", stdin=key, MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    later = as_json(place, "audit", "verify", code=1, passphrase=PASSPHRASE)
    assert later["bad_row"] == 3
    assert "row 3 had been written, 2 were found" in later["problem"]
    assert "--accept" in run(place, "audit", "verify", MASTRA_PASSPHRASE=PASSPHRASE)[1]
    accepted = as_json(place, "audit", "verify", "--accept", passphrase=PASSPHRASE)
    assert accepted["ok"]
    (gap,) = accepted["accepted_gaps"]
    assert gap["row"] == 3
    assert (gap["accepted"]["action"], gap["accepted"]["target"]) == ("audit.gap_accepted", "3")
    assert gap["accepted"]["detail"].startswith("by ")
    code, out, _ = run(place, "audit", "verify", MASTRA_PASSPHRASE=PASSPHRASE)
    assert code == 0
    assert "row 3 had been written, 2 were found" in out
    with closing(sqlite3.connect(place / "mastra.db")) as conn, conn:
        conn.execute("DROP TRIGGER audit_no_update")
        conn.execute("UPDATE audit SET target = 'other' WHERE seq = 1")
    assert as_json(place, "audit", "verify", code=1, passphrase=PASSPHRASE)["bad_row"] == 1
    refused = as_json(place, "audit", "verify", "--accept", code=1, passphrase=PASSPHRASE)
    assert "Row 1 was changed" in refused["error"]["message"]
    assert len(exported(place, PASSPHRASE)) == gap["accepted"]["seq"]


@pytest.mark.slow
def test_a_gap_at_the_end_is_accepted_at_once(place: Path, tmp_path: Path) -> None:
    """Also where no row tells of it yet: that one is written first. Accepting twice adds nothing."""
    key = b"sk-test-000000000000000000000000"
    assert run(place, "keys", "set", "work", stdin=key, MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    assert run(place, "backup", str(tmp_path / "b.db"), MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    with closing(sqlite3.connect(place / "mastra.db")) as conn, conn:
        conn.execute("DROP TRIGGER audit_no_delete")
        conn.execute("DELETE FROM audit WHERE seq = 2")
    for _ in range(2):
        assert as_json(place, "audit", "verify", "--accept", passphrase=PASSPHRASE)["ok"]
    actions = [e["action"] for e in exported(place, PASSPHRASE)]
    assert actions == ["key.set", "audit.gap", "audit.gap_accepted"]
