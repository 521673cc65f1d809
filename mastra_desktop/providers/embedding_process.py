"""The parent's side of `embedding_host`: one child process from its start to its end.

Callbacks of the running loop, no tasks. What is asked before the model is loaded waits in the pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from array import array
from collections.abc import Iterable, Sequence
from typing import cast

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.providers.embedding_host import FRAME, LONGEST_CHARS, VECTOR, EmbedSettings

KEPT_LOG_BYTES = 8192
TERMINATE_WAIT_S = 2.0
SILENCE_S = 120.0  # a text takes a second or two even on a slow computer


class EmbedderEnded(Exception):
    """The child ended with work left. Doing it again in another one may help."""


class EmbeddingProcess(asyncio.SubprocessProtocol):
    """A child that has loaded, or is loading, an embedder. Made by `start`."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._waiting: dict[int, asyncio.Future[array[float]]] = {}
        self._last_id = 0
        self._read = bytearray()
        self._log = bytearray()
        self._trouble = ""  # why the model could not be loaded
        self._stopping = False
        self._exited = False
        self._closed = asyncio.Event()
        self._silence: asyncio.TimerHandle | None = None
        self._kill_later: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, command: Sequence[str], settings: EmbedSettings) -> EmbeddingProcess:
        """Starts a child; does not wait for its model. Raises KnowledgeError."""
        process = cls()
        flags = 0  # no console window flashes up on Windows
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        try:
            await process._loop.subprocess_exec(
                lambda: process, *command, stdin=subprocess.PIPE, creationflags=flags
            )
        except OSError as error:
            raise KnowledgeError(
                "The embedder's program could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        process._write(settings.to_line())
        return process

    @property
    def alive(self) -> bool:
        """It may be asked."""
        return not (self._exited or self._stopping or self._trouble)

    @property
    def pid(self) -> int:
        """Its process id; 0 before it has one."""
        return self._transport.get_pid() or 0 if self._transport is not None else 0

    @property
    def log_tail(self) -> str:
        """The end of what the native code printed."""
        return self._log.decode("utf-8", "replace").strip()[-1000:]

    def ask(self, text: str, *, query: bool) -> tuple[int, asyncio.Future[array[float]]]:
        """A number to `drop` it by, and the vector to come.

        The future raises KnowledgeError, or EmbedderEnded when the child ends first.
        """
        future: asyncio.Future[array[float]] = self._loop.create_future()
        self._last_id += 1
        number = self._last_id
        if self.alive:
            self._waiting[number] = future
            self._write(
                json.dumps({"id": number, "text": text[:LONGEST_CHARS], "query": query}).encode() + b"\n"
            )
            self._watch()
        else:
            future.set_exception(self._why())
        return number, future

    def drop(self, numbers: Iterable[int]) -> None:
        """These are not wanted any more. One that is in work is finished, and ignored."""
        gone = [number for number in numbers if self._waiting.pop(number, None) is not None]
        if gone and self.alive:
            self._write(json.dumps({"drop": gone}).encode() + b"\n")
            self._watch()

    def memory_bytes(self) -> int | None:
        """Resident memory, None when it has ended."""
        import psutil

        try:
            return None if self._exited else int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return None

    def stop(self) -> None:
        """Ends it: asks first, kills after two seconds. Returns at once."""
        if self._transport is None or self._exited or self._stopping:
            return
        self._stopping = True
        with contextlib.suppress(ProcessLookupError):
            self._transport.terminate()
        self._kill_later = self._loop.call_later(TERMINATE_WAIT_S, self._kill)

    async def aclose(self) -> None:
        """Ends it and waits until nothing of it is left."""
        self.stop()
        await self._closed.wait()

    def _write(self, line: bytes) -> None:
        stdin = self._transport.get_pipe_transport(0) if self._transport is not None else None
        if stdin is not None and not stdin.is_closing():
            cast(asyncio.WriteTransport, stdin).write(line)

    def _watch(self) -> None:
        """A child that owes an answer and stays silent too long is ended."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(SILENCE_S, self._kill) if self._waiting else None

    def _kill(self) -> None:
        if self._transport is not None and not self._exited:
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    def _why(self) -> KnowledgeError | EmbedderEnded:
        if not self._trouble:
            return EmbedderEnded(self.log_tail)
        return KnowledgeError(
            "The embedder could not be loaded.",
            hint="Installing Mastra Desktop again may help, or choosing another embedder for the collection.",
            detail=f"{self._trouble}\n{self.log_tail}".strip(),
        )

    def _frames(self) -> Iterable[tuple[int, int, bytes]]:
        while len(self._read) >= FRAME.size:
            number, kind, length = FRAME.unpack_from(self._read)
            end = FRAME.size + length
            if len(self._read) < end:
                return
            payload = bytes(self._read[FRAME.size : end])
            del self._read[:end]
            yield number, kind, payload

    def _take(self, number: int, kind: int, payload: bytes) -> None:
        if number == 0:
            self._trouble = payload.decode("utf-8", "replace")
            self._fail_all()
            return
        future = self._waiting.pop(number, None)
        if future is None or future.done():
            return
        if kind == VECTOR:
            future.set_result(_floats(payload))
        else:
            detail = payload.decode("utf-8", "replace")
            future.set_exception(KnowledgeError("The embedder could not take a text.", detail=detail))

    def _fail_all(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for future in waiting.values():
            if not future.done():
                future.set_exception(self._why())
                future.exception()  # seen: who waits for several hears of the first
        self._watch()

    # asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop has a class of its own

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:  # read without end, so that the child never waits for us; only the end is kept
            self._log += data
            del self._log[:-KEPT_LOG_BYTES]
            return
        self._read += data
        for number, kind, payload in self._frames():
            self._take(number, kind, payload)
        self._watch()

    def process_exited(self) -> None:
        self._exited = True
        if self._kill_later is not None:
            self._kill_later.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        # Only now everything it had to say has been read.
        self._exited = True
        self._fail_all()
        if self._transport is not None:
            self._transport.close()
        self._closed.set()


def _floats(payload: bytes) -> array[float]:
    vector = array("f")
    vector.frombytes(payload)
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
