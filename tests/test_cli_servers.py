"""Moving the database to a server and back from the command line, with a real PostgreSQL."""

from __future__ import annotations

import json
import platform
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.ops.lock import HomeLock
from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.postgres_server import PROGRAMS, PostgresServer
from tests.test_cli import run
from tests.test_cli_serve import Served

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed"),
]

KEYS: dict[str, Any] = {
    "MASTRA_PASSPHRASE": "a long passphrase of words"
}  # the audit log's key outlives each command
RULE = "# Samples\n\nA water sample may be stored for no more than 36 hours at 4 degrees.\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


def as_json(home: Path, *args: str, code: int = 0, **more: Any) -> Any:
    found, out, err = run(home, *args, "--json", **KEYS, **more)
    assert found == code, out + err
    return json.loads(out)


def hits(home: Path, mode: str, **more: Any) -> list[str]:
    found = as_json(home, "knowledge", "search", "Lab", "how long is water kept", "--mode", mode, **more)
    return [hit["text"] for hit in found["results"]]


def wait_for_index(home: Path) -> None:
    until = time.monotonic() + 60
    with closing(sqlite3.connect(home / "mastra.db")) as conn:
        while conn.execute("SELECT count(*) FROM unindexed_vectors").fetchone()[0]:
            assert time.monotonic() < until
            time.sleep(0.2)


def test_to_a_server_and_back(server: ScriptedProvider, postgres: PostgresServer, tmp_path: Path) -> None:
    """Two commands each way: chats, documents and tokens are there, found as before, and the audit log is whole."""
    home = make_home(tmp_path, server.base_url)
    there: dict[str, Any] = {"MASTRA_DATABASE__URL": postgres.new_database()}
    key = b"sk-test-000000000000000000000000"
    assert run(home, "keys", "set", "work", stdin=key, **KEYS)[0] == 0
    assert run(home, "ask", "--model", "work/normal", "the first question", **KEYS)[0] == 0
    assert run(home, "tokens", "create", "--role", "viewer", "--name", "script", **KEYS)[0] == 0
    (tmp_path / "lab.md").write_text(RULE)
    assert run(home, "knowledge", "add", "Lab", str(tmp_path / "lab.md"), **KEYS)[0] == 0
    before = {mode: hits(home, mode) for mode in ("words", "meaning")}
    assert all(before.values())

    file = str(tmp_path / "moving.db")
    assert run(home, "backup", file, **KEYS)[0] == 0
    done = as_json(home, "restore", file, **there)
    assert done == {"restored": file, "before": None}
    assert [c["title"] for c in as_json(home, "conversations", "list", **there)["conversations"]] == [
        "the first question"
    ]
    assert hits(home, "words", **there) == before["words"]
    assert "script" in run(home, "tokens", "list", **KEYS, **there)[1]
    assert as_json(home, "audit", "verify", **there)["ok"]

    assert run(home, "ask", "--model", "work/normal", "asked on the server", **KEYS, **there)[0] == 0
    back = str(tmp_path / "back.db")
    assert run(home, "backup", back, **KEYS, **there)[0] == 0
    done = as_json(home, "restore", back)
    assert Path(done["before"]).exists()
    assert len(as_json(home, "conversations", "list")["conversations"]) == 2
    assert hits(home, "words") == before["words"]
    served = Served(home, **KEYS)  # fills the index of meanings
    try:
        wait_for_index(home)
    finally:
        served.end()
    assert hits(home, "meaning") == before["meaning"]
    checked = as_json(home, "audit", "verify")
    assert (checked["ok"], checked["unverifiable_rows"]) == (True, 0)
    actions = [
        json.loads(line)["action"] for line in run(home, "audit", "export", "--json", **KEYS)[1].splitlines()
    ]
    assert [a for a in actions if a.startswith("backup")] == ["backup.made", "backup.restored"] * 2


def test_while_another_serves(server: ScriptedProvider, postgres: PostgresServer, tmp_path: Path) -> None:
    """A backup may be taken beside a running server; a restore names the computer it runs on and waits for its end."""
    url = postgres.new_database()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (
        make_home(tmp_path / name, server.base_url, f'[database]\nurl = "{url}"\n') for name in ("one", "two")
    )
    served = Served(one)
    file = str(tmp_path / "copy.db")
    try:
        assert run(two, "backup", file)[0] == 0
        assert run(one, "backup", file)[0] == 0  # beside the owner of the data home
        code, _, err = run(two, "restore", file)
        assert code == 1
        assert f"works on this database: on {platform.node()}" in err
        assert "Close them first" in err
    finally:
        served.end()
    code, out, _ = run(two, "restore", file)
    assert code == 0
    assert "What was there before is in" in out
    lock = HomeLock.acquire(two, "window")
    try:
        assert "in use by the Mastra Desktop window" in run(two, "restore", file)[2]
    finally:
        lock.release()
