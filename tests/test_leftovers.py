"""The check for leftovers, which every other test relies on."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time

import pytest
from PySide6.QtWidgets import QApplication, QWidget

from tests import leftovers


@pytest.fixture(autouse=True)
def no_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "_GRACE_S", 0.0)


def found_since(before: leftovers.Belongings) -> str:
    return "; ".join(leftovers.left_over(before))


def test_sees_a_thread() -> None:
    """A thread that runs on is named."""
    before, stop = leftovers.belongings(), threading.Event()
    thread = threading.Thread(target=stop.wait, name="stray")
    thread.start()
    assert "thread stray" in found_since(before)
    stop.set()
    thread.join()
    assert not found_since(before)


def test_sees_a_task_of_a_closed_loop() -> None:
    """A task that nobody awaited or cancelled is named, also after its loop has gone."""
    before = leftovers.belongings()
    loop = asyncio.new_event_loop()
    task = loop.create_task(asyncio.sleep(60))
    loop.run_until_complete(asyncio.sleep(0))
    assert "task" in found_since(before)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()
    assert not found_since(before)


def test_sees_a_child_process() -> None:
    """A child that runs, or that nobody waited for, is named."""
    before = leftovers.belongings()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert f"child process {child.pid}" in found_since(before)
    child.kill()
    time.sleep(0.05)
    assert "nobody waited" in found_since(before)
    child.wait()
    assert not found_since(before)


def test_sees_an_open_socket() -> None:
    """A listening socket is named."""
    before = leftovers.belongings()
    with socket.create_server(("127.0.0.1", 0)):
        assert "socket tcp" in found_since(before)
    assert not found_since(before)


def test_sees_a_window(qapp: QApplication) -> None:
    """A window left open is named."""
    before = leftovers.belongings()
    window = QWidget()
    window.show()
    assert "window" in found_since(before)
    window.close()
    assert not found_since(before)


def test_costs_little() -> None:
    """Looking takes far less than the two milliseconds a test may pay."""
    before = leftovers.belongings()
    took = []
    for _ in range(20):
        start = time.perf_counter()
        assert not leftovers.left_over(before)
        took.append(time.perf_counter() - start)
    assert min(took) < 0.001
