"""A server that a test starts, ends, holds still and kills, on a free port of this computer."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Self


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess(ExitStack):
    """Runs inside `with`. A subclass sets `command`; `answers` raises OSError until it does."""

    command: list[str]
    patience_s = 10.0

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.port = free_port()
        self.folder = folder

    def __enter__(self) -> Self:
        self.start()
        self.callback(self.kill)
        return self

    def answers(self) -> None:
        socket.create_connection(("127.0.0.1", self.port), 1).close()

    def start(self) -> None:
        environ = {**os.environ, "ANONYMIZED_TELEMETRY": "False"}
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(
            self.command, cwd=self.folder, env=environ, stdout=quiet, stderr=quiet
        )
        until = time.monotonic() + self.patience_s
        while time.monotonic() < until:
            with suppress(OSError):
                return self.answers()
            time.sleep(0.02)
        raise RuntimeError(f"{self.command[0]} did not start")

    def stop(self) -> None:
        """In order."""
        self._process.terminate()
        self._process.wait(10)

    def kill(self) -> None:
        """As a crash."""
        self._process.kill()
        self._process.wait(10)

    def hold(self, still: bool) -> None:
        """As a computer that is asleep: connections open, and nothing ever answers."""
        self._process.send_signal(signal.SIGSTOP if still else signal.SIGCONT)
