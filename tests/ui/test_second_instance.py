"""One window per data home: a second start brings the first one to the front and ends."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from mastra_desktop.app import instance_address
from mastra_desktop.paths import Paths
from mastra_desktop.ui.single_instance import FirstInstance

START_LIMIT_S = 20.0


@pytest.fixture
def first(home: Paths) -> Iterator[subprocess.Popen[str]]:
    """A window in a process of its own, past its first paint and listening."""
    process = start(home.home)
    lines: queue.Queue[str] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, lines), daemon=True)
    reader.start()
    assert lines.get(timeout=START_LIMIT_S).startswith("painted")
    until = time.monotonic() + START_LIMIT_S
    while not (home.logs / "mastra.log").exists() and not list(home.logs.glob("*.log")):
        assert time.monotonic() < until
        time.sleep(0.02)
    yield process
    process.terminate()
    process.wait(10)
    reader.join(5)
    assert process.stdout is not None
    process.stdout.close()


def start(home: Path, *files: Path) -> subprocess.Popen[str]:
    environ = os.environ | {
        "MASTRA_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "MASTRA_START_REPORT": "1",
    }
    return subprocess.Popen(
        (sys.executable, "-m", "mastra_desktop", *map(str, files)),
        env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _read(process: subprocess.Popen[str], lines: queue.Queue[str]) -> None:
    for line in process.stdout or ():
        lines.put(line)


def test_a_second_start_ends_and_leaves_the_first_running(home: Paths, first: subprocess.Popen[str]) -> None:
    """It reaches the first window, shows no window of its own, and exits with 0."""
    second = start(home.home)
    said, _ = second.communicate(timeout=START_LIMIT_S)
    assert second.returncode == 0
    assert said == ""
    assert first.poll() is None


def test_a_second_start_hands_its_files_over(home: Paths, qtbot: QtBot, tmp_path: Path) -> None:
    """The window that is open gets their absolute paths; a start without any only shows it."""
    file = tmp_path / "Verträge 2024.md"
    file.write_text("x")
    asked: list[list[str]] = []
    first = FirstInstance(instance_address(home), asked.append)
    first.listen()
    begun = [start(home.home), start(home.home, file, tmp_path)]
    qtbot.waitUntil(lambda: all(s.poll() is not None for s in begun), timeout=int(START_LIMIT_S * 1000))
    assert [(second.returncode, second.communicate()[0]) for second in begun] == [(0, "")] * 2
    first.close()
    assert sorted(asked) == [[], [str(file), str(tmp_path)]]


def test_a_signal_ends_the_window_in_order(first: subprocess.Popen[str]) -> None:
    """SIGTERM, as at the end of a session, closes everything within 5 s."""
    before = time.monotonic()
    first.terminate()
    first.wait(10)
    assert time.monotonic() - before < 5
    assert first.returncode == 0


def test_the_window_is_painted_before_anything_heavy_is_imported() -> None:
    """The database, the configuration's checks, HTTP and highlighting come after the first paint."""
    heavy = ("sqlalchemy", "alembic", "pydantic", "tomlkit", "aiohttp", "httpx", "keyring", "pygments")
    code = f"import sys, mastra_desktop.app; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        (sys.executable, "-c", code), capture_output=True, text=True, timeout=30, check=True
    )
    assert done.stdout.strip() == "[]"
