"""The parent's side of `vectors_host`: one child process, and the requests under way in it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from typing import Any, cast

import orjson

from mastra_desktop.store.vectors_host import FRAME, host_command

KEPT_LOG_BYTES = 4096


class ChildTrouble(Exception):
    """The child died, did not answer in time, or says that something is wrong with what it holds.

    `kind` is `gone`, `hangs`, or as the child said: `bad`, `server`, `damaged`.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class VectorsProcess(asyncio.SubprocessProtocol):
    """A running child; made by `start`. Answers may come in any order."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._stdin: asyncio.WriteTransport | None = None
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._data = bytearray()
        self._log = bytearray()
        self._closed = asyncio.Event()

    @classmethod
    async def start(cls) -> VectorsProcess:
        """Raises ChildTrouble when the program cannot be started."""
        process = cls()
        flags = 0  # no console window flashes up on Windows
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        try:
            transport, _ = await process._loop.subprocess_exec(
                lambda: process, *host_command(), stdin=subprocess.PIPE, creationflags=flags
            )
        except OSError as error:
            raise ChildTrouble("gone", str(error)) from error
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        process._stdin = stdin
        return process

    @property
    def pid(self) -> int:
        """Its process id; 0 before it has one."""
        return self._transport.get_pid() or 0 if self._transport is not None else 0

    async def ask(self, head: dict[str, Any], body: bytes, timeout_s: float) -> dict[str, Any]:
        """Sends a request and waits for its answer. Raises ChildTrouble."""
        if self._closed.is_set() or self._stdin is None:
            raise ChildTrouble("gone", self.log_tail)
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        data = orjson.dumps(head | {"id": number})
        try:
            self._stdin.writelines((FRAME.pack(len(data), len(body)), data, body))
            reply = await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            raise ChildTrouble("hangs", f"{head['op']} took over {timeout_s:.0f} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in reply:
            raise ChildTrouble(reply["error"]["kind"], reply["error"]["text"])
        return reply

    @property
    def log_tail(self) -> str:
        """The end of what the native code printed."""
        return self._log.decode("utf-8", "replace").strip()[-1000:]

    def memory_bytes(self) -> int | None:
        """Resident memory, None when it has ended."""
        import psutil

        try:
            return None if self._closed.is_set() else int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return None

    async def aclose(self, *, gently: bool = False) -> None:
        """Ends it and waits until nothing of it is left. `gently`: at the end of its stdin."""
        if self._transport is not None and not self._closed.is_set():
            if gently and self._stdin is not None:
                self._stdin.close()
            else:
                with contextlib.suppress(ProcessLookupError):
                    self._transport.kill()
        await self._closed.wait()

    # asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop has a class of its own

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:  # read without end, so that the child never waits for us; only the end is kept
            self._log += data
            del self._log[:-KEPT_LOG_BYTES]
            return
        self._data += data
        while len(self._data) >= FRAME.size:
            head_size, body_size = FRAME.unpack_from(self._data)
            end = FRAME.size + head_size + body_size
            if len(self._data) < end:
                return
            reply = orjson.loads(self._data[FRAME.size : FRAME.size + head_size])
            del self._data[:end]
            answer = self._waiting.get(reply["id"])
            if answer is not None and not answer.done():
                answer.set_result(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        # Only now everything it had to say has been read.
        if self._transport is not None:
            self._transport.close()
        self._closed.set()
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ChildTrouble("gone", self.log_tail))
