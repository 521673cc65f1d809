"""One process at a time owns the data home, and a second one is told who does.

The lock is the kernel's, on `.lock`, and so goes with its process even after kill -9. `.owner.json`
beside it names the owner; it is only believed while the lock is held.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from mastra_desktop.domain.errors import DataHomeBusy, StorageError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_NAMES = {
    "window": "the Mastra Desktop window",
    "serve": "`mastra-desktop serve`",
    "ask": "`mastra-desktop ask`",
    "restore": "`mastra-desktop restore`",
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds the data home. `purpose`: window, ask, serve, ...; `started`: seconds since the epoch."""

    pid: int
    purpose: str
    started: float


class HomeLock:
    """The held lock. Made by `acquire`, ended by `release`."""

    def __init__(self, home: Path, owner: Owner, lock: BaseFileLock) -> None:
        self.owner = owner
        self._file = _owner_file(home)
        self._lock = lock

    @classmethod
    def acquire(cls, home: Path, purpose: str) -> Self:
        """Takes the data home for this process, without waiting.

        Raises DataHomeBusy naming the owner, or StorageError when the lock cannot be made there.
        """
        from filelock import FileLock, Timeout

        lock = FileLock(home / ".lock", timeout=0, thread_local=False)  # released from another thread
        try:
            lock.acquire()
        except Timeout as error:
            raise _busy(home) from error
        except (OSError, NotImplementedError) as error:
            raise StorageError(
                f"The data folder {home} cannot be locked: {error}.",
                hint="Choose a folder on a local disk with MASTRA_HOME.",
                detail=str(error),
            ) from error
        owner = Owner(os.getpid(), purpose, time.time())
        try:
            _write_owner(home, owner)
        except OSError as error:
            lock.release()
            raise StorageError(
                f"The data folder {home} cannot be written to: {error.strerror or error}.",
                hint="Free some space on that disk, or choose another folder with MASTRA_HOME.",
                detail=str(error),
            ) from error
        return cls(home, owner, lock)

    def release(self) -> None:
        """Gives the data home back. Safe to call twice."""
        if self._lock.is_locked:
            self._file.unlink(missing_ok=True)
            self._lock.release()


def read_owner(home: Path) -> Owner | None:
    """Who says to hold `home`; None when nobody does or the file is unreadable."""
    try:
        said = json.loads(_owner_file(home).read_text(encoding="utf-8"))
        return Owner(int(said["pid"]), str(said["purpose"]), float(said["started"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _owner_file(home: Path) -> Path:
    return home / ".owner.json"


def _write_owner(home: Path, owner: Owner) -> None:
    unfinished = home / ".owner.json.new"
    unfinished.write_text(json.dumps(asdict(owner)), encoding="utf-8")
    unfinished.replace(_owner_file(home))


def _busy(home: Path) -> DataHomeBusy:
    owner = read_owner(home)
    if owner is None:
        who = "another process"
    else:
        who = f"{_NAMES.get(owner.purpose, f'Mastra Desktop ({owner.purpose})')} (process {owner.pid})"
    return DataHomeBusy(
        f"The data folder {home} is in use by {who}.",
        hint="Close it first, or set MASTRA_HOME to another folder for a second one.",
        detail="" if owner is None else f"purpose {owner.purpose}, since {owner.started:.0f}",
    )
