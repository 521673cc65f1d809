"""Resident memory and processor time of what runs, seen from outside."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

import psutil

LIMIT_BYTES = 512 * 1024**2
LOOK_S = 5.0
HOSTS = {"_embed-host": "embedder", "_vectors-host": "index", "_read-host": "reader", "_model-host": "model"}


class Memory:
    """The most that each process of ours has had."""

    def __init__(self) -> None:
        self.most: dict[str, int] = {}
        self._names: dict[int, str] = {}
        self._used: dict[tuple[int, float], float] = {}  # process: seconds of a processor
        self._began = time.monotonic()

    def watch(self, name: str, pid: int) -> None:
        """The process and its children."""
        self._names[pid] = name

    async def run(self) -> None:
        while True:
            await asyncio.to_thread(self._look)
            await asyncio.sleep(LOOK_S)

    @property
    def load(self) -> float:
        """Processors in use on average by this process and all it started, the servers included."""
        return sum(self._used.values()) / (time.monotonic() - self._began)

    def over_limit(self) -> list[str]:
        return [
            f"{name} had {size / 1024**2:.0f} MB of memory"
            for name, size in self.most.items()
            if size >= LIMIT_BYTES
        ]

    def _look(self) -> None:
        for process in (me := psutil.Process(), *me.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._used[process.pid, process.create_time()] = times.user + times.system
                if name := self._names.get(process.pid):
                    self._note(name, process)
                elif name := self._names.get(process.ppid()):
                    host = next((HOSTS[word] for word in process.cmdline() if word in HOSTS), "")
                    if host:
                        self._note(f"{name}: {host}", process)

    def _note(self, name: str, process: psutil.Process) -> None:
        self.most[name] = max(self.most.get(name, 0), process.memory_info().rss)
