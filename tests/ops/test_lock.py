"""One owner of the data home at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading

import pytest

from mastra_desktop.domain.errors import DataHomeBusy, StorageError
from mastra_desktop.ops.lock import HomeLock, read_owner
from mastra_desktop.paths import Paths

HOLD = """
import sys
from pathlib import Path
from mastra_desktop.ops.lock import HomeLock
lock = HomeLock.acquire(Path(sys.argv[1]), "window")
print("held", flush=True)
sys.stdin.read()
"""


def test_the_second_is_told_who_has_it(home: Paths) -> None:
    """A second process is refused with the owner's purpose and process; kill -9 of the owner frees the home."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home.home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout
        assert owner.stdout.readline() == "held\n"
        with pytest.raises(DataHomeBusy) as busy:
            HomeLock.acquire(home.home, "ask")
        assert (
            busy.value.message
            == f"The data folder {home.home} is in use by the Mastra Desktop window (process {owner.pid})."
        )
        assert busy.value.hint
        assert busy.value.retryable
        owner.send_signal(signal.SIGKILL)
        owner.wait()
        lock = HomeLock.acquire(home.home, "ask")
        assert (lock.owner.pid, lock.owner.purpose) == (os.getpid(), "ask")
        assert read_owner(home.home) == lock.owner
        lock.release()


def test_release_gives_it_back(home: Paths) -> None:
    """After release, which may come twice and from another thread, the home is free and names no owner."""
    lock = HomeLock.acquire(home.home, "serve")
    with pytest.raises(DataHomeBusy, match="`mastra-desktop serve`"):
        HomeLock.acquire(home.home, "serve")
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    lock.release()
    assert read_owner(home.home) is None
    HomeLock.acquire(home.home, "window").release()


def test_a_garbled_owner_file(home: Paths) -> None:
    """An unreadable owner file neither blocks a free home nor hides that it is taken."""
    (home.home / ".owner.json").write_text("{")
    lock = HomeLock.acquire(home.home, "doctor")
    (home.home / ".owner.json").write_bytes(b"\xff")
    with pytest.raises(DataHomeBusy, match="by another process"):
        HomeLock.acquire(home.home, "ask")
    lock.release()


def test_a_home_that_is_not_there(home: Paths) -> None:
    """A place where no lock can be made gives a storage error with a way out."""
    (home.home / "file").write_text("")
    with pytest.raises(StorageError) as refused:
        HomeLock.acquire(home.home / "file", "ask")
    assert not isinstance(refused.value, DataHomeBusy)
    assert refused.value.hint
