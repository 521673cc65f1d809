"""What a test may not leave behind: threads, tasks, child processes, windows, sockets."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_GRACE_S = 2.0  # for what is ending by itself
_ALLOWED_THREADS = ("Dummy-",)  # Qt's own threads, seen once when they call into Python


@dataclass(frozen=True)
class Belongings:
    """What this process holds at one moment."""

    threads: frozenset[threading.Thread]
    tasks: frozenset[asyncio.Task[Any]]
    children: frozenset[int]
    windows: frozenset[object]
    sockets: frozenset[str]


def belongings() -> Belongings:
    return Belongings(
        threads=frozenset(t for t in threading.enumerate() if not t.name.startswith(_ALLOWED_THREADS)),
        tasks=frozenset(_tasks()),
        children=frozenset(_children()),
        windows=frozenset(_windows()),
        sockets=frozenset(_socket_names()),
    )


def left_over(before: Belongings) -> list[str]:
    """One line for each thing that is there now, was not before, and does not end within two seconds."""
    deadline = time.monotonic() + _GRACE_S
    while True:
        found = _new_since(before)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def _new_since(before: Belongings) -> list[str]:
    now = belongings()
    return [
        *(f"thread {t.name}" for t in now.threads - before.threads),
        *(f"task {t!r}" for t in now.tasks - before.tasks if not t.done()),
        *(f"child process {_command(pid)}" for pid in now.children - before.children),
        *(f"window {w!r}" for w in now.windows - before.windows),
        *_internet_sockets(now.sockets - before.sockets),
    ]


def _tasks() -> Iterable[asyncio.Task[Any]]:
    """Unfinished tasks of all loops, closed ones too; `asyncio.all_tasks` only knows one loop's."""
    for name in ("_all_tasks", "_scheduled_tasks"):  # Python 3.11; 3.12 and 3.13
        for task in tuple(getattr(asyncio.tasks, name, ())):
            if isinstance(task, asyncio.Task) and not task.done():
                yield task


def _children() -> list[int]:
    if hasattr(os, "waitid"):
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return []  # the kernel knows of none: much cheaper than looking at all processes
    return [
        child.pid for child in psutil.Process().children() if "resource_tracker" not in _command(child.pid)
    ]


def _command(pid: int) -> str:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return f"{pid} (ended, but nobody waited for it)"
        return f"{pid}: {' '.join(process.cmdline())[:200]}"
    except psutil.Error:
        return str(pid)


def _windows() -> Iterable[object]:
    widgets = sys.modules.get("PySide6.QtWidgets")
    if widgets is None or widgets.QApplication.instance() is None:
        return ()
    return (w for w in widgets.QApplication.topLevelWidgets() if w.isVisible())


def _socket_names() -> Iterable[str]:
    """The kernel's names of this process's open sockets, of any kind (Linux; elsewhere psutil's)."""
    folder = Path("/proc/self/fd")
    if not folder.exists():
        return {str(c) for c in psutil.Process().net_connections(kind="inet")}
    found = set()
    for entry in os.listdir(folder):
        try:
            target = os.readlink(folder / entry)
        except OSError:
            continue
        if target.startswith("socket:"):
            found.add(target)
    return found


def _internet_sockets(names: frozenset[str]) -> list[str]:
    if not names:
        return []
    if not Path("/proc/self/net/tcp").exists():
        return [f"socket {name}" for name in names]
    lines = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        file = Path("/proc/self/net", table)
        for line in file.read_text().splitlines()[1:] if file.exists() else []:
            if f"socket:[{line.split()[9]}]" in names:
                lines.append(f"socket {table} {' '.join(line.split()[1:4])}")
    return lines
