"""The processes of a soak: `serve`, the scripted provider, a small disk, a clock that can be moved."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from tests.bench.measuring import ROOT

DISK_BYTES = 900 * 1024**2  # the app warns below 500 MB; nothing of it is taken up but what is written
DOOR_LIMIT = 16 * 1024**2
START_S = 60.0
END_S = 15.0  # for the process to end; the promise is 5 s on a machine that is not busy
FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")
SMALL_MODEL = Path.home() / ".cache/mastra-desktop/models/smollm2-135m-instruct-q4_1.gguf"
KEPT_FROM_OUTSIDE = ("_PROXY", "_API_KEY")


class Refused(Exception):
    """The door said no. `code` is one of interface's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Door:
    """The client's side of tests.soak.inside."""

    def __init__(self, socket: Path) -> None:
        self.socket = socket

    async def __call__(self, do: str, **more: Any) -> Any:
        """What it answers. Raises Refused, OSError."""
        reader, writer = await asyncio.open_unix_connection(str(self.socket), limit=DOOR_LIMIT)
        try:
            writer.write(json.dumps({"do": do} | more).encode() + b"\n")
            line = await reader.readline()
        finally:
            writer.close()
        if not line:
            raise ConnectionError("the process went")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"], answer["message"])
        return answer["ok"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """Nothing of the person's own; memory that is counted to the byte."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.upper().endswith(KEPT_FROM_OUTSIDE) and not name.startswith("MASTRA_")
    }
    return (
        kept
        | {
            "MASTRA_HOME": str(home),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "PYTHONMALLOC": "malloc",
            "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0",  # what lies in a thread's cache counts as in use
            "PYTHONFAULTHANDLER": "1",
            "MASTRA_CACHE__MAX_ENTRIES": "64",  # full after the warm-up, so that filling it is no leak
            "MASTRA_HTTP__READ_IDLE_TIMEOUT_S": "4",
            "MASTRA_LOCAL__IDLE_STOP_S": "3600",
        }
        | more
    )


class Served:
    """A `serve` that answers, until the block is left."""

    def __init__(self, folder: Path, home: Path, **more: str) -> None:
        self.folder = folder
        self.home = home
        folder.mkdir(parents=True, exist_ok=True)
        self.door = Door(folder / "door")
        self._more = more
        self._ready = folder / "ready.json"
        self._output = folder / "output"
        self.url = ""
        self.token = ""
        self.ended_in_s: float | None = None
        self.exit_code: int | None = None
        self.process: subprocess.Popen[bytes]

    async def __aenter__(self) -> Self:
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.soak.inside", str(self.door.socket), "serve",
                 "--ready-file", str(self._ready)],
                cwd=ROOT, env=environment(self.home, **self._more), stdout=output, stderr=output,
            )  # fmt: skip
        until = time.monotonic() + START_S
        while not self._ready.exists():
            if self.process.poll() is not None or time.monotonic() > until:
                self._kill()
                raise RuntimeError(f"serve did not start: {self._output.read_text()[-2000:]}")
            await asyncio.sleep(0.1)
        self.url = json.loads(self._ready.read_text())["url"]
        self.token = await self.door("token")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.end)

    def end(self) -> None:
        """As a service manager does; what it took is in `ended_in_s`. Safe to call twice."""
        if self.exit_code is not None:
            return
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(END_S)
            self.ended_in_s = time.monotonic() - began
        self._kill()
        self.exit_code = self.process.returncode

    def _kill(self) -> None:
        if self.process.poll() is None:
            for child in psutil.Process(self.process.pid).children(recursive=True):
                with suppress(psutil.Error):
                    child.kill()
            self.process.kill()
            self.process.wait(10)

    def output(self) -> str:
        return self._output.read_text(errors="replace")


class Provider:
    """The scripted provider as a process, on one port whatever happens to it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._port_file = folder / "port"
        self._override = folder / "override"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def start(self) -> None:
        self._port_file.unlink(missing_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes", "--port-file", str(self._port_file), "--port", str(self._port),
             "--override-file", str(self._override), "--forget", "--models", "echo", "normal", "slow"],
            cwd=ROOT,
        )  # fmt: skip
        until = time.monotonic() + START_S
        while not self._port_file.exists():
            if time.monotonic() > until or self._process.poll() is not None:
                raise RuntimeError("the scripted provider did not start")
            time.sleep(0.05)
        self._port = int(self._port_file.read_text())

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def behave(self, script: str) -> None:
        """Each model answers as the one of this name; "" for itself again."""
        if script:
            self._override.write_text(script)
        else:
            self._override.unlink(missing_ok=True)


class Clock:
    """The time of day as a process sees it, where libfaketime is; its monotonic clock stays."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.is_there = FAKETIME.exists()
        if self.is_there:
            self.turn("+0")

    @property
    def variables(self) -> dict[str, str]:
        """For the process."""
        if not self.is_there:
            return {}
        return {
            "LD_PRELOAD": str(FAKETIME),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_CACHE_DURATION": "1",  # seconds; without, each look at the clock reads the file
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def turn(self, by: str) -> None:
        """ "+5h", "-3h", "+0"; whole or not there for who reads it meanwhile."""
        part = self._file.with_suffix(".part")
        part.write_text(by)
        part.replace(self._file)


class Disk:
    """A small disk of its own for a data home, where this process may mount one; else `why_not` says so."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.why_not = ""

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        if shutil.which("mount") is None or os.geteuid() != 0:
            self.why_not = "only root may mount a small disk"
            return self
        done = self._mount()
        self.why_not = done.stderr.strip() if done.returncode else ""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.why_not:
            for options in ([], ["-l"]):  # lazily where somebody still has a file open
                if (
                    subprocess.run(["umount", *options, str(self.folder)], capture_output=True).returncode
                    == 0
                ):
                    return

    def fill(self) -> None:
        """The disk shrinks to what is on it."""
        used = shutil.disk_usage(self.folder).used
        self._mount("remount", f"size={used}")

    def free(self) -> None:
        self._mount("remount", f"size={DISK_BYTES}")

    def _mount(self, *options: str) -> subprocess.CompletedProcess[str]:
        how = ",".join(options or (f"size={DISK_BYTES}",))
        command = ["mount", "-t", "tmpfs", "-o", how, "mastra-soak", str(self.folder)]
        return subprocess.run(command, capture_output=True, text=True)


def kill_children(pid: int, host: str) -> int:
    """kill -9 of the children of `pid` that run as `host`; how many."""
    killed = 0
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.Error):
                if host in child.cmdline():
                    child.kill()
                    killed += 1
    return killed
