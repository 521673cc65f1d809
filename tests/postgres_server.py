"""A real PostgreSQL from Debian's package, in a folder of its own, that can be killed and started anew."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from tests.server_process import free_port

_FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[4]))
PROGRAMS = _FOUND[-1].parent if _FOUND else None
_OPTIONS = "-c fsync={fsync} -c max_connections=60 -c shared_buffers=64MB -c listen_addresses=127.0.0.1"


class PostgresServer:
    """Runs inside `with`. It is no child of this process, and never runs as root, which it refuses to."""

    def __init__(self, *, fsync: bool = False) -> None:
        self.port = free_port()
        self._folder = Path(tempfile.mkdtemp(prefix="mastra-postgres-"))
        self._data = self._folder / "data"
        self._options = _OPTIONS.format(fsync="on" if fsync else "off") + f" -k {self._folder}"
        self._as_user: list[str] = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self._folder, user.pw_uid, user.pw_gid)
            self._as_user = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]

    def __enter__(self) -> Self:
        self._run("initdb", "-D", self._data, "-A", "trust", "-U", "mastra", "-E", "UTF8", "--no-sync")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def start(self) -> None:
        """Also after `kill`: it recovers from its log."""
        place = ["-D", str(self._data), "-l", str(self._folder / "log")]
        self._run("pg_ctl", "start", "-w", *place, "-o", f"-p {self.port} {self._options}")

    def stop(self) -> None:
        with suppress(subprocess.CalledProcessError):
            self._run("pg_ctl", "stop", "-m", "immediate", "-w", "-D", self._data)

    def kill(self) -> None:
        """As a crash: kill -9, nothing is told to anybody."""
        pid = int((self._data / "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 10  # its own processes go once they notice
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                time.sleep(0.02)
                continue
            break
        time.sleep(0.5)

    def new_database(self, template: str = "template1") -> str:
        """The url of a new database, a copy of `template`."""
        name = f"d{uuid.uuid4().hex}"
        with self.connect() as conn:
            conn.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
        return self.url(name)

    def drop(self, url: str) -> None:
        with self.connect() as conn:
            conn.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)".encode())

    def url(self, name: str) -> str:
        return f"postgresql+psycopg://mastra@127.0.0.1:{self.port}/{name}"

    def connect(self, name: str = "postgres") -> psycopg.Connection:
        return psycopg.connect(f"host=127.0.0.1 port={self.port} user=mastra dbname={name}", autocommit=True)

    def _run(self, program: str, *arguments: str | Path) -> None:
        assert PROGRAMS
        subprocess.run(
            [*self._as_user, str(PROGRAMS / program), *map(str, arguments)],
            check=True,
            cwd=self._folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
        )
