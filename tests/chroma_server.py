"""A real Chroma server, that can be started anew with what it holds."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

from tests.server_process import ServerProcess

PROGRAM = Path(sys.executable).parent / "chroma"


class ChromaServer(ServerProcess):
    patience_s = 60.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.url = f"http://127.0.0.1:{self.port}"
        place = ["--path", str(folder), "--host", "127.0.0.1", "--port", str(self.port)]
        self.command = [str(PROGRAM), "run", *place]

    def answers(self) -> None:
        urllib.request.urlopen(f"{self.url}/api/v2/heartbeat", timeout=2).close()
