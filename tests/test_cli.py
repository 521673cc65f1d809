"""The commands as processes: what scripts rely on, and every kind of bad input."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop import __main__ as entry
from mastra_desktop import cli
from mastra_desktop.ops.lock import HomeLock
from tests.cores import make_home
from tests.fakes import ScriptedProvider, words

WHOLE = "".join(words(20))
NO_USAGE = dict.fromkeys(("input_tokens", "output_tokens", "cached_input_tokens", "reasoning_tokens"))


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider() as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, server: ScriptedProvider) -> Path:
    """A data home that knows the scripted server as `work`."""
    return make_home(tmp_path, server.base_url)


def command(*args: str | bytes) -> list[str | bytes]:
    return [sys.executable, "-m", "mastra_desktop", *args]


def environment(home: Path, **more: str) -> dict[str, str]:
    return os.environ | {"MASTRA_HOME": str(home), "MASTRA_HTTP__MAX_RETRIES": "0"} | more


def run(home: Path, *args: str | bytes, stdin: bytes = b"", **more: str) -> tuple[int, str, str]:
    """(exit code, stdout, stderr). No traceback ever reaches a person."""
    done = subprocess.run(
        command(*args),
        input=stdin,
        capture_output=True,
        env=environment(home, **more),
        timeout=30,
        check=False,
    )
    out, err = done.stdout.decode(), done.stderr.decode()
    assert "Traceback" not in out + err
    return done.returncode, out, err


def ask_json(home: Path, *args: str, stdin: bytes = b"") -> tuple[int, list[dict[str, Any]]]:
    code, out, err = run(home, "ask", "--json", *args, stdin=stdin)
    assert err == ""
    return code, [json.loads(line) for line in out.splitlines()]


def error_of(out: str) -> dict[str, Any]:
    """The one error object, as promised."""
    [line] = out.splitlines()
    found: dict[str, Any] = json.loads(line)["error"]
    assert set(found) == {"code", "message", "hint", "retryable"}
    return found


def test_ask_prints_the_answer(place: Path) -> None:
    """Text goes to standard output, ended by a newline, and nothing else does."""
    assert run(place, "ask", "--model", "work/normal", "Hello") == (0, WHOLE + "\n", "")


@pytest.mark.slow
def test_ask_json(place: Path, server: ScriptedProvider) -> None:
    """One event a line with the promised names; the prompt is taken from standard input, any bytes."""
    code, events = ask_json(place, "--model", "work/reasoning", "-", stdin="Grüße\xff".encode("latin-1"))
    assert code == 0
    assert server.chats[-1].body["messages"][-1]["content"] == "Gr\ufffd\ufffde\ufffd"
    kinds = list(dict.fromkeys(event["type"] for event in events))
    assert kinds == ["start", "reasoning", "text", "finish"]
    assert set(events[0]) == {"type", "conversation_id", "message_id", "model"}
    assert "".join(event["text"] for event in events if event["type"] == "text") == WHOLE
    last = events[-1]
    assert set(last) == {"type", "reason", "usage", "model", "cached", "first_token_ms", "total_ms"}
    assert (last["reason"], last["model"], last["cached"]) == ("stop", "work/reasoning", False)
    assert last["usage"]["cached_input_tokens"] == 4


@pytest.mark.slow
def test_ask_goes_on_with_a_conversation(place: Path) -> None:
    """`--conversation` continues one, with the model it had; list, show and export know both turns."""
    _, events = ask_json(place, "--model", "work/echo", "One")
    id = events[0]["conversation_id"]
    code, events = ask_json(place, "--conversation", id, "Two")
    assert (code, events[0]["model"]) == (0, "work/echo")
    listed = json.loads(run(place, "conversations", "list", "--json")[1])["conversations"]
    assert [(c["id"], c["title"], c["message_count"]) for c in listed] == [(id, "One", 4)]
    shown = json.loads(run(place, "conversations", "show", id, "--json")[1])
    assert [(m["role"], m["text"], m["state"]) for m in shown["messages"]] == [
        ("user", "One", "done"),
        ("assistant", "One", "done"),
        ("user", "Two", "done"),
        ("assistant", "Two", "done"),
    ]
    code, markdown, _ = run(place, "conversations", "export", id)
    assert code == 0
    assert markdown.startswith("# One\n\n## You\n\nOne\n\n## work/echo\n\nOne\n")
    assert id in run(place, "conversations", "list")[1]


@pytest.mark.slow
def test_an_interrupted_answer(place: Path) -> None:
    """Its text so far, an error event, finish with `interrupted`, unknown figures as null, exit 1."""
    code, events = ask_json(place, "--model", "work/cut-900", "Hello")
    assert code == 1
    assert [event["type"] for event in events] == ["start", "text", "error", "finish"]
    assert WHOLE.startswith(events[1]["text"])
    assert set(events[2]) == {"type", "code", "message", "hint", "retryable"}
    assert (events[2]["code"], events[3]["reason"], events[3]["usage"]) == (
        "network",
        "interrupted",
        NO_USAGE,
    )
    code, out, err = run(place, "ask", "--model", "work/cut-900", "Hello")
    assert (code, out) == (1, events[1]["text"] + "\n")
    assert "broke off" in err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("work/status-401", "auth"),
        ("work/garbage", "provider"),
        ("nobody/x", "bad_request"),
    ],
)
def test_a_failed_answer(place: Path, model: str, code: str) -> None:
    """The class of the trouble is in the error event; the finish says `error`, the exit code 1."""
    exit_code, events = ask_json(place, "--model", model, "Hello")
    assert exit_code == 1
    assert [event["type"] for event in events] == ["start", "error", "finish"]
    assert (events[1]["code"], events[2]["reason"]) == (code, "error")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_keeps_what_arrived(place: Path, number: signal.Signals) -> None:
    """It ends with finish `stopped` and exit code 130; the row holds what was printed."""
    running = subprocess.Popen(
        command("ask", "--json", "--model", "work/slow", "Hello"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(place),
    )
    assert running.stdout
    lines = [running.stdout.readline() for _ in range(3)]
    running.send_signal(number)
    out, err = running.communicate(timeout=5)
    events = [json.loads(line) for line in [*lines, *out.splitlines()]]
    assert (running.returncode, err) == (130, b"")
    assert (events[-1]["type"], events[-1]["reason"]) == ("finish", "stopped")
    shown = json.loads(run(place, "conversations", "show", events[0]["conversation_id"], "--json")[1])
    assert shown["messages"][1]["state"] == "stopped"
    printed = "".join(event["text"] for event in events if event["type"] == "text")
    assert shown["messages"][1]["text"] == printed


@pytest.mark.slow
def test_the_reader_leaves(place: Path) -> None:
    """`ask | head -1` ends quietly with exit code 1, and what arrived is kept as stopped."""
    running = subprocess.Popen(
        command("ask", "--json", "--model", "work/slow", "Hello"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(place),
    )
    assert running.stdout
    assert running.stderr
    first = json.loads(running.stdout.readline())
    running.stdout.close()
    assert running.wait(5) == 1
    assert running.stderr.read() == b""
    running.stderr.close()
    shown = json.loads(run(place, "conversations", "show", first["conversation_id"], "--json")[1])
    assert shown["messages"][1]["state"] == "stopped"


@pytest.mark.slow
def test_output_that_cannot_be_written(place: Path) -> None:
    """A closed or full standard output is no crash."""
    line = f"{sys.executable} -m mastra_desktop ask --model work/normal Hello"
    for target, code in ((">&-", 0), (">/dev/full", 1)):
        shell = ["sh", "-c", f"{line} {target}"]
        done = subprocess.run(shell, capture_output=True, env=environment(place), timeout=30, check=False)
        assert done.returncode == code
        assert b"Traceback" not in done.stderr
        assert b"Exception" not in done.stderr


@pytest.mark.slow
def test_refused_input(place: Path) -> None:
    """Empty prompts and unknown conversations exit with 1 and one sentence; wrong usage with 2."""
    for args in (
        ("ask", "  "),
        ("ask", "-"),
        ("ask", "--conversation", "nope", "Hi"),
        ("conversations", "show", "x"),
    ):
        code, out, err = run(place, *args)
        assert (code, out, err.count("\n")) == (1, "", 1)
        code, out, err = run(place, *args, "--json")
        assert (code, err) == (1, "")
        assert error_of(out)["code"] == "bad_request"
    for wrong in ("ask", "frobnicate", "conversations"):
        assert run(place, wrong)[0] == 2


@pytest.mark.slow
def test_an_argument_of_any_bytes(place: Path) -> None:
    """Bytes in the prompt that are not UTF-8 are replaced, not refused."""
    assert run(place, "ask", "--model", "work/echo", b"a\xffb")[:2] == (0, "a\ufffdb\n")


@pytest.mark.slow
def test_a_wrong_configuration(place: Path) -> None:
    """Exit code 3, naming file, line, key and what is allowed; nothing is made or overwritten."""
    config = place / "config.toml"
    config.write_text("[http]\nmax_connections = 'many'\n")
    code, out, err = run(place, "config", "check")
    assert (code, out) == (3, "")
    assert str(config) in err
    assert "line 2" in err
    assert "max_connections" in err
    assert "whole number" in err
    for args in (
        ("ask", "Hi"),
        ("config", "check"),
        ("config", "show"),
        ("doctor",),
        ("conversations", "list"),
    ):
        code, out, _ = run(place, *args, "--json", MASTRA_HTTP__MAX_RETRIES="x")
        assert (code, error_of(out)["code"]) == (3, "config")
    assert config.read_text() == "[http]\nmax_connections = 'many'\n"
    assert not (place / "mastra.db").exists()


def test_an_address_that_is_none(place: Path) -> None:
    """A provider's address is checked with the configuration."""
    (place / "config.toml").write_text(
        '[[providers]]\nid = "w"\nkind = "openai-compatible"\nbase_url = "not an address"\n'
    )
    code, out, _ = run(place, "ask", "--json", "Hi")
    assert (code, error_of(out)["code"]) == (3, "config")


def test_config_show(place: Path) -> None:
    """Each key with its value, and where it is from."""
    shown = json.loads(run(place, "config", "show", "--json")[1])
    assert shown["sources"]["http.max_retries"] == "environment"
    assert shown["config"]["providers"][0]["id"] == "work"
    assert "http.max_retries = 0  (environment)" in run(place, "config", "show")[1]
    assert json.loads(run(place, "config", "check", "--json")[1])["ok"] is True


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder that even root cannot write")
def test_a_home_that_cannot_be_written() -> None:
    """One sentence with the way out, exit code 1."""
    code, out, err = run(Path("/proc/mastra"), "ask", "Hi")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert "MASTRA_HOME" in err


@pytest.mark.slow
def test_the_home_of_another_process(place: Path) -> None:
    """`ask` is told who owns it; commands that only read work beside the owner."""
    run(place, "ask", "--model", "work/normal", "Hello")
    lock = HomeLock.acquire(place, "window")
    try:
        code, out, _ = run(place, "ask", "--json", "Hi")
        assert (code, error_of(out)["code"]) == (1, "storage")
        assert "window" in error_of(out)["message"]
        code, out, err = run(place, "conversations", "list")
        assert (code, err) == (0, "")
        assert "Hello" in out
        assert run(place, "doctor", "--json")[0] in (0, 1)
    finally:
        lock.release()


@pytest.mark.slow
def test_a_damaged_database(place: Path) -> None:
    """It is said, and left as it is; `doctor` reports it instead of failing."""
    (place / "mastra.db").write_bytes(b"not a database" * 1000)
    code, out, _ = run(place, "ask", "--json", "Hi")
    assert (code, error_of(out)["code"]) == (1, "storage")
    code, out, _ = run(place, "doctor", "--json")
    report = json.loads(out)
    assert (code, report["status"], report["checks"][0]["name"]) == (1, "unhealthy", "database")
    assert (place / "mastra.db").read_bytes() == b"not a database" * 1000


def test_doctor(place: Path) -> None:
    """Every check that exists, each provider by id, with status, time and a sentence."""
    code, out, _ = run(place, "doctor", "--json")
    report = json.loads(out)
    names = [check["name"] for check in report["checks"]]
    own = ["config", "database", "vectors", "cache", "keyring", "embedder", "local_model", "disk"]
    assert names == [*own, "work"]
    assert all(set(check) == {"name", "status", "duration_ms", "detail"} for check in report["checks"])
    states = {check["name"]: check["status"] for check in report["checks"]}
    assert (states["database"], states["keyring"], states["work"]) == ("healthy", "degraded", "healthy")
    assert code == (0 if report["status"] == "healthy" else 1)


@pytest.mark.slow
def test_a_bug_is_one_sentence_and_a_traceback_in_the_log(place: Path) -> None:
    """The unexpected ends with code `bug` and exit code 1."""
    run(place, "ask", "--model", "work/normal", "Hello")
    with closing(sqlite3.connect(place / "mastra.db")) as db:
        db.execute("CREATE TRIGGER no BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'no'); END")
    code, out, _ = run(place, "ask", "--model", "work/normal", "--json", "Hello")
    assert (code, error_of(out)["code"]) == (1, "bug")
    assert "Traceback" in (place / "logs/mastra.log").read_text()


@pytest.mark.slow
def test_reading_needs_no_network(place: Path) -> None:
    """`conversations list` imports neither httpx nor the window."""
    run(place, "ask", "--model", "work/normal", "Hello")
    look = (
        "import sys; from mastra_desktop.__main__ import main; main(['conversations', 'list'])\n"
        "print(*{'httpx', 'aiohttp', 'PySide6', 'alembic', 'keyring'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, env=environment(place), check=True
    )
    assert done.stderr == "\n"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounting needs root")
def test_a_full_disk(tmp_path: Path, server: ScriptedProvider) -> None:
    """One sentence, exit code 1, and what was saved before is still there when there is room again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "none", disk], check=False, stderr=-3)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        home = make_home(disk, server.base_url)
        assert run(home, "ask", "--model", "work/normal", "Hello")[0] == 0
        filler = disk / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        code, out, _ = run(home, "ask", "--json", "--model", "work/normal", "Hi")
        assert code == 1
        assert "storage" in out
        filler.unlink()
        assert "Hello" in run(home, "conversations", "list")[1]
        assert run(home, "ask", "--model", "work/normal", "Hi")[0] == 0
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_files_open_the_window_and_typos_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what exists is a file to open; the name of a command is that command, and a typo wrong usage."""
    (tmp_path / "notes.md").write_text("x")
    (tmp_path / "doctor").write_text("x")
    monkeypatch.chdir(tmp_path)
    assert entry._files(["notes.md", "."]) == [str(tmp_path / "notes.md"), str(tmp_path)]
    assert entry._files(["notes.md", "gone.md"]) == []
    assert entry._files(["doctor"]) == []
    assert entry._files(["./doctor"]) == [str(tmp_path / "doctor")]
    assert entry._files(["doctr"]) == entry._files(["--version"]) == entry._files([]) == []
    with pytest.raises(SystemExit) as wrong:
        entry.main(["doctr"])
    assert wrong.value.code == 2
    actions = cli._parser()._actions
    (commands,) = [a for a in actions if isinstance(a, argparse._SubParsersAction)]
    assert set(commands.choices) == entry.COMMANDS
