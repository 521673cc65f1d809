"""A real redis-server. Keeps nothing on disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.server_process import ServerProcess

PROGRAM = shutil.which("redis-server")


class RedisServer(ServerProcess):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"redis://127.0.0.1:{self.port}/0"
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly no --daemonize no".split()
        self.command = [PROGRAM or "redis-server", *options, "--save", "", "--dir", str(folder)]
