"""`serve` and `tokens` as processes."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.test_cli import command, environment, error_of, run

pytestmark = pytest.mark.slow  # every case is several processes


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, server: ScriptedProvider) -> Path:
    return make_home(tmp_path, server.base_url)


class Served:
    """A `serve` that answers."""

    def __init__(self, home: Path, *args: str, **more: str) -> None:
        self.ready = home.parent / "ready.json"
        self.process = subprocess.Popen(
            command("serve", "--ready-file", str(self.ready), *args),
            env=environment(home, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        until = time.monotonic() + 20
        while not self.ready.exists() and self.process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)
        found = json.loads(self.ready.read_text())
        assert found["pid"] == self.process.pid
        self.url: str = found["url"]

    def end(self, number: int = signal.SIGTERM) -> tuple[int, float, str, str]:
        """(exit code, seconds, stdout, stderr)."""
        began = time.monotonic()
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=10)
        assert "Traceback" not in (out + err).decode()
        return self.process.returncode, time.monotonic() - began, out.decode(), err.decode()


def create(home: Path, role: str = "operator", *args: str) -> str:
    code, out, err = run(home, "tokens", "create", "--role", role, *args)
    assert code == 0
    assert "not shown again" in err
    [token] = out.split()
    return token


def asked(url: str, token: str, path: str = "/v1/models") -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(url + path, headers=headers, trust_env=False).status_code


def test_serve_and_end(place: Path) -> None:
    """The file names url and pid while it answers, on a loopback address; SIGTERM ends it with 0 and takes
    the file away, Ctrl-C with 130."""
    token = create(place)
    for number, code in ((signal.SIGTERM, 0), (signal.SIGINT, 130)):
        served = Served(place)
        assert served.url.startswith("http://127.0.0.1:")
        assert asked(served.url, token) == 200
        ended, took_s, out, err = served.end(number)
        assert (ended, err) == (code, "")
        assert served.url in out
        assert took_s < 5
        assert not served.ready.exists()


def test_tokens(place: Path) -> None:
    """Made beside a running server or before it, a token works at once; revoked, it is refused within 2 s."""
    served = Served(place)
    token = create(place, "viewer", "--name", "my script", "--days", "2")
    assert asked(served.url, token) == 200
    code, out, _ = run(place, "tokens", "list", "--json")
    [row] = json.loads(out)["tokens"]
    assert (code, row["name"], row["role"]) == (0, "my script", "viewer")
    assert row["expires_at"] > row["created_at"]
    assert row["last_used_at"] is not None
    assert token not in out
    assert run(place, "tokens", "list")[1].startswith(f"{row['id']}  viewer ")
    assert run(place, "tokens", "revoke", row["id"])[0] == 0
    time.sleep(1.5)
    assert asked(served.url, token) == 401
    code, out, _ = run(place, "tokens", "revoke", row["id"], "--json")
    assert (code, error_of(out)["code"]) == (1, "bad_request")
    served.end()
    made = json.loads(run(place, "tokens", "create", "--role", "admin", "--json")[1])
    assert {"token", "id", "role", "name", "created_at", "expires_at"} <= set(made)


@pytest.mark.parametrize("args", [(), ("--role", "king"), ("--role", "viewer", "--days", "0")])
def test_wrong_usage(place: Path, args: tuple[str, ...]) -> None:
    """A missing or unknown role and an impossible time are usage errors."""
    assert run(place, "tokens", "create", *args)[0] == 2


def test_refusals(place: Path) -> None:
    """A data home that is taken, a port that is taken and a file that cannot be written are said plainly."""
    served = Served(place)
    code, _, err = run(place, "serve")
    assert code == 1
    assert "serve" in err
    assert str(served.process.pid) in err
    other = make_home(_folder(place.parent / "other"), "http://127.0.0.1:1/v1")
    port = served.url.rsplit(":", 1)[1]
    code, _, err = run(other, "serve", MASTRA_SERVER__PORT=port)
    assert code == 3
    assert port in err
    served.end()
    code, _, err = run(place, "serve", "--ready-file", "/nowhere/at/all")
    assert code == 1
    assert "/nowhere/at/all" in err


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_ending_keeps_what_was_written(place: Path) -> None:
    """SIGTERM in the middle of many streams ends within 5 s, and every text that came is in its conversation."""
    token = create(place)
    served = Served(place)
    script = """
import httpx, sys, threading
url, token = sys.argv[1:]
def ask():
    body = {"model": "work/pause-7", "messages": [{"role": "user", "content": "Hi"}], "stream": True, "store": True}
    with httpx.Client(trust_env=False, timeout=60) as client:
        with client.stream("POST", url + "/v1/chat/completions", json=body,
                           headers={"Authorization": "Bearer " + token}) as response:
            try:
                for line in response.iter_lines():
                    if "over " in line:
                        sys.stdout.write("there\\n"); sys.stdout.flush()
            except httpx.HTTPError:
                pass
threads = [threading.Thread(target=ask) for _ in range(30)]
[t.start() for t in threads]; [t.join() for t in threads]
"""
    client = subprocess.Popen(
        [sys.executable, "-c", script, served.url, token], stdout=subprocess.PIPE, text=True
    )
    assert client.stdout is not None
    for _ in range(30):
        assert client.stdout.readline() == "there\n"
    code, took_s, _, _ = served.end()
    client.communicate(timeout=10)
    assert code == 0
    assert took_s < 5
    with closing(sqlite3.connect(place / "mastra.db")) as database:
        kept = database.execute("SELECT state, text FROM messages WHERE role = 'assistant'").fetchall()
    assert len(kept) == 30
    assert {(state, text.split()[-1]) for state, text in kept} == {("stopped", "the")}
