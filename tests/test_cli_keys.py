"""`mastra-desktop keys` as processes, without a keyring, under a passphrase, and with a real Secret Service."""

from __future__ import annotations

import json
import os
import pty
import select
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cores import make_home
from tests.fakes import ScriptedProvider
from tests.test_cli import command, environment, error_of, run

pytestmark = pytest.mark.slow  # every case is a process or a wait of its own

OLD = "sk-old-0123456789abcdefOLD1"
NEW = "sk-new-0123456789abcdefNEW2"
PASSPHRASE = "correct horse"
FILE = "file encrypted under a passphrase"
DAEMON = shutil.which("gnome-keyring-daemon")


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedProvider]:
    """A provider that accepts the two keys and no other."""
    with ScriptedProvider(keys=(OLD, NEW)) as running:
        yield running


@pytest.fixture
def place(tmp_path: Path, server: ScriptedProvider) -> Path:
    return make_home(tmp_path, server.base_url)


def keys(home: Path, *args: str, stdin: str = "", **more: str) -> tuple[int, str, str]:
    more.setdefault("MASTRA_PASSPHRASE", PASSPHRASE)
    code, out, err = run(home, "keys", *args, stdin=stdin.encode(), **more)
    assert OLD not in out + err
    assert NEW not in out + err
    return code, out, err


def listed(home: Path, **more: str) -> list[dict[str, str]]:
    code, out, _ = keys(home, "list", "--json", **more)
    assert code == 0
    found: list[dict[str, str]] = json.loads(out)["keys"]
    return found


def test_set_list_use_remove(place: Path) -> None:
    """A key from standard input lasts from one command to the next, and answers are asked with it."""
    assert keys(place, "set", "work", stdin=f"  {OLD}\r\n")[0] == 0
    assert listed(place) == [{"provider": "work", "source": "file", "kept_in": FILE, "ends_with": "OLD1"}]
    assert keys(place, "list")[1] == f"{'work':<20} …OLD1  kept in: {FILE}\n"
    assert run(place, "ask", "--model", "work/normal", "Hello", MASTRA_PASSPHRASE=PASSPHRASE)[0] == 0
    assert stat.S_IMODE((place / "keys.encrypted").stat().st_mode) == 0o600
    assert keys(place, "remove", "work")[0] == 0
    assert listed(place) == []
    code, out, _ = keys(place, "remove", "work", "--json")
    assert (code, error_of(out)["code"]) == (1, "bad_request")


def test_rotate_tests_the_new_key_first(place: Path) -> None:
    """A key the provider refuses leaves the old one; an accepted one replaces it."""
    keys(place, "set", "work", stdin=OLD)
    code, out, _ = keys(place, "rotate", "work", "--json", stdin="sk-refused-0123456789")
    assert (code, error_of(out)["code"]) == (1, "auth")
    assert "sk-refused" not in out
    assert listed(place)[0]["ends_with"] == "OLD1"
    code, out, err = keys(place, "rotate", "work", stdin="sk-refused-0123456789")
    assert (code, out) == (1, "")
    assert "The old key was kept" in err
    assert keys(place, "rotate", "work", stdin=NEW)[0] == 0
    assert listed(place)[0]["ends_with"] == "NEW2"
    code, out, _ = keys(place, "rotate", "nobody", "--json", stdin=NEW)
    assert (code, error_of(out)["code"]) == (1, "bad_request")


@pytest.mark.parametrize("given", ["", " \n", f"{OLD} {NEW}", f"{OLD}\n{NEW}\n", "schlüssel", "a\x00b"])
def test_what_can_be_no_key(place: Path, given: str) -> None:
    """Nothing, several words and characters that no key has are refused, and nothing is kept."""
    for verb in ("set", "rotate"):
        code, out, _ = keys(place, verb, "work", "--json", stdin=given)
        assert (code, error_of(out)["code"]) == (1, "bad_request")
    assert listed(place) == []


@pytest.mark.parametrize(
    "args", [("work", OLD), ("work", f"--key={OLD}"), ("work", "--key", "plain-words-9")]
)
def test_a_key_on_the_command_line_is_refused(place: Path, args: tuple[str, ...]) -> None:
    """It is a usage error that points to standard input and repeats nothing."""
    code, out, err = keys(place, "set", *args)
    assert (code, out) == (2, "")
    assert "standard input" in err
    assert "plain-words-9" not in err


@pytest.mark.parametrize("name", [OLD, "Work", "a b", "local", ""])
def test_what_can_be_no_provider(place: Path, name: str) -> None:
    """A name that none can have, which may be a key in the wrong place, is refused without repeating it."""
    code, out, _ = keys(place, "set", name, "--json", stdin=NEW)
    assert (code, error_of(out)["code"]) == (1, "bad_request")


def test_a_key_for_a_provider_still_to_come(place: Path) -> None:
    """It can be set before the provider is in the configuration, and is listed."""
    assert keys(place, "set", "later", stdin=OLD)[0] == 0
    assert [key["provider"] for key in listed(place)] == ["later"]


def test_without_keyring_and_passphrase(place: Path) -> None:
    """A key that could not outlive the command is an error with the way out, not a lie."""
    code, out, err = run(place, "keys", "set", "work", stdin=OLD.encode())
    assert (code, out) == (1, "")
    assert "MASTRA_PASSPHRASE" in err
    assert not (place / "keys.encrypted").exists()


def test_wrong_passphrase(place: Path) -> None:
    """It is told by every command that needs the file, and changes nothing."""
    keys(place, "set", "work", stdin=OLD)
    for args in (("set", "work"), ("list",), ("remove", "work")):
        code, out, _ = keys(place, *args, "--json", stdin=NEW, MASTRA_PASSPHRASE="other")
        assert code == 1
        assert error_of(out)["code"] == "storage"
        assert "passphrase" in error_of(out)["message"]
    code, out, err = run(place, "keys", "list", "--json")
    assert (code, json.loads(out)) == (0, {"keys": []})
    assert "locked" in err
    assert listed(place)[0]["ends_with"] == "OLD1"


def test_key_in_the_environment(tmp_path: Path) -> None:
    """It is listed with its variable's name, and only the environment can remove it."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text('[[providers]]\nid = "openai"\nkind = "openai"\n')
    here = {"OPENAI_API_KEY": OLD}
    assert listed(home, **here) == [
        {"provider": "openai", "source": "environment", "kept_in": "OPENAI_API_KEY", "ends_with": "OLD1"}
    ]
    code, _, err = keys(home, "remove", "openai", **here)
    assert code == 1
    assert "OPENAI_API_KEY" in err


def test_on_a_terminal(place: Path) -> None:
    """Key and passphrase are asked for without being shown; the new passphrase twice."""
    out = typed(place, "set", "work", answers=[OLD, "my words", "my words"])
    assert out.count(b"assphrase") >= 2
    assert b"OLD1" in out
    assert OLD.encode() not in out
    assert b"my words" not in out
    assert listed(place, MASTRA_PASSPHRASE="my words")[0]["source"] == "file"
    assert b"OLD1" in typed(place, "list", answers=["my words"])


def typed(home: Path, *args: str, answers: list[str]) -> bytes:
    """Runs a command on a terminal of its own and types an answer at each question; what was shown."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command("keys", *args),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment(home),
        start_new_session=True,  # without the terminal of whoever runs the tests
    )
    os.close(slave)
    shown, since = b"", b""
    until = time.monotonic() + 30
    try:
        while time.monotonic() < until:
            if not select.select([master], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(master, 4096)
            except OSError:  # the command has ended
                break
            if not piece:
                break
            shown, since = shown + piece, since + piece
            if answers and since.rstrip(b" ").endswith(b":"):
                os.write(master, answers.pop(0).encode() + b"\n")
                since = b""
    finally:
        os.close(master)
        code = process.wait(10)
    assert code == 0, shown
    return shown


@pytest.mark.slow
@pytest.mark.skipif(DAEMON is None, reason="gnome-keyring is not installed")
def test_real_secret_service(place: Path, tmp_path: Path) -> None:
    """With a real Secret Service the same commands keep the key there, and no file is made."""
    program = f'"{sys.executable}" -m mastra_desktop keys'
    steps = (
        r'printf "\n" | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null;'
        f"printf %s {OLD} | {program} set work --json;"
        f"printf %s sk-refused-0123456789 | {program} rotate work --json;"
        f"printf %s {NEW} | {program} rotate work --json;"
        f"{program} list --json; {program} remove work --json; {program} list --json"
    )
    environ = environment(place) | {"HOME": str(tmp_path), "PYTHONPATH": str(Path.cwd())}
    environ.pop("PYTHON_KEYRING_BACKEND", None)
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", steps],
        capture_output=True,
        text=True,
        env=environ,
        timeout=50,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    kept = {"provider": "work", "source": "keyring", "kept_in": "Secret Service"}
    assert lines[0] == kept | {"ends_with": "OLD1"}, done.stderr
    assert lines[1]["error"]["code"] == "auth"
    assert lines[2] == kept | {"ends_with": "NEW2"}
    assert lines[3:] == [{"keys": [lines[2]]}, {"removed": "work"}, {"keys": []}]
    assert not (place / "keys.encrypted").exists()
