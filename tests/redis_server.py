"""A real redis-server on a free port, that can be ended, held still and started anew."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """Runs inside `with`. Keeps nothing on disk."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly no --daemonize no".split()
        self._process = subprocess.Popen(
            [PROGRAM or "redis-server", *options, "--save", "", "--dir", str(self._folder)],
            stdout=subprocess.DEVNULL,
        )
        until = time.monotonic() + 10
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.02)
        raise RuntimeError("redis-server did not start")

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def kill(self) -> None:
        """As a crash."""
        assert self._process
        self._process.kill()
        self._process.wait(10)
        self._process = None

    def hold(self, still: bool) -> None:
        """As a computer that is asleep: connections open, and nothing ever answers."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)
