"""A child process from its start to its end, as its parent sees it: callbacks of the running loop, no tasks.

A child does work that may crash, hang or fill the memory. It ends with its stdin, so never outlives us; its
other side is `child_side.py`.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import cast

KEPT_LOG_BYTES = 8192
TERMINATE_WAIT_S = 2.0


def child_command(name: str) -> list[str]:
    """How to start our own process `name` from the source tree, or from the frozen app."""
    if getattr(sys, "frozen", False):
        return [sys.executable, name]
    return [sys.executable, "-m", "mastra_desktop", name]


class ChildProcess(asyncio.SubprocessProtocol):
    """`begin` starts it. A subclass hears what it says in `received`, and its end in `gone`."""

    def __init__(self) -> None:
        self.stopping = False
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._exited = asyncio.Event()
        self._closed = asyncio.Event()  # its pipes too: everything it had to say has been read
        self._log = bytearray()
        self._kill_later: asyncio.TimerHandle | None = None

    def received(self, data: bytes) -> None:
        """A piece of its stdout."""

    def gone(self) -> None:
        """Nothing of it is left, and nothing more comes."""

    async def begin(self, command: Sequence[str], first: bytes = b"") -> None:
        """Starts it and sends `first`; waits for nothing else. Raises OSError."""
        flags = 0  # no console window flashes up on Windows
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        await self._loop.subprocess_exec(lambda: self, *command, stdin=subprocess.PIPE, creationflags=flags)
        self.write(first)

    @property
    def pid(self) -> int:
        """Its process id; 0 before it has one."""
        return self._transport.get_pid() or 0 if self._transport is not None else 0

    @property
    def exited(self) -> bool:
        return self._exited.is_set()

    @property
    def exit_code(self) -> int | None:
        return self._transport.get_returncode() if self._transport is not None else None

    @property
    def log(self) -> str:
        """The end of what its native code printed."""
        return self._log.decode("utf-8", "replace").strip()

    def memory_bytes(self) -> int | None:
        """Resident memory, None when it has ended."""
        import psutil

        try:
            return None if self.exited else int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return None

    def write(self, *pieces: bytes) -> None:
        """To its stdin; nothing happens when it has ended."""
        if (stdin := self._stdin()) is not None and not stdin.is_closing():
            stdin.writelines(pieces)

    def end_input(self) -> None:
        """The end of its stdin, by which it ends once it is done."""
        if (stdin := self._stdin()) is not None:
            stdin.close()

    def stop(self) -> None:
        """Ends it: asks first, kills after two seconds. Returns at once."""
        if self._transport is None or self.exited or self.stopping:
            return
        self.stopping = True
        with suppress(ProcessLookupError):
            self._transport.terminate()
        self._kill_later = self._loop.call_later(TERMINATE_WAIT_S, self.kill)

    def kill(self) -> None:
        """Ends it at once, if it has not ended."""
        if self._transport is not None and not self.exited:
            with suppress(ProcessLookupError):
                self._transport.kill()

    async def aclose(self) -> None:
        """Ends it and waits until nothing of it is left; cancelled, it is killed."""
        self.stop()
        await self.closed()

    async def closed(self) -> None:
        """Waits until nothing of it is left. Cancelled, it kills it first: it ends at once then."""
        again: asyncio.CancelledError | None = None
        while not self._closed.is_set():
            try:
                await self._closed.wait()
            except asyncio.CancelledError as error:
                again = error
                self.kill()
        if again is not None:
            raise again

    def _stdin(self) -> asyncio.WriteTransport | None:
        pipe = self._transport.get_pipe_transport(0) if self._transport is not None else None
        return cast("asyncio.WriteTransport | None", pipe)

    # asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop has a class of its own

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:  # read without end, so that the child never waits for us; only the end is kept
            self._log += data
            del self._log[:-KEPT_LOG_BYTES]
        else:
            self.received(data)

    def process_exited(self) -> None:
        self._exited.set()
        if self._kill_later is not None:
            self._kill_later.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        self._exited.set()
        if self._transport is not None:
            self._transport.close()
        self._closed.set()
        self.gone()
