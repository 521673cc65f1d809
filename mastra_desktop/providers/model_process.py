"""The parent's side of `model_host`: one child process from its start to its end.

Everything here is callbacks of the running loop, no tasks: a caller that is cancelled while it waits leaves
the child loading for the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import cast

from mastra_desktop.domain.errors import LocalModelError
from mastra_desktop.providers.model_files import ModelFile
from mastra_desktop.providers.model_host import HostSettings

KEPT_LOG_BYTES = 8192
TERMINATE_WAIT_S = 2.0
MEMORY_HINT = (
    "There may not be enough free memory. Close other programs, or choose a smaller model file in Settings."
)
FILE_HINT = "The file may be damaged or of an unknown kind. Choose another GGUF file in Settings."


class ModelProcess(asyncio.SubprocessProtocol):
    """A child that loads `model` and serves it on loopback. Made by `start`.

    `users` counts the answers it is writing; `stale` says that the next answer needs another child.
    """

    def __init__(self, model: ModelFile, on_change: Callable[[ModelProcess], None]) -> None:
        self.model = model
        self.api_key = secrets.token_hex(32)
        self.port = 0
        self.trouble: LocalModelError | None = None  # why it could not be loaded
        self.users = 0
        self.stale = False
        self.stopping = False
        self._on_change = on_change
        self._transport: asyncio.SubprocessTransport | None = None
        self._loop = asyncio.get_running_loop()
        self._settled = asyncio.Event()  # ready, or failed to load
        self._exited = asyncio.Event()
        self._closed = asyncio.Event()  # its pipes too
        self._line = b""
        self._log = bytearray()
        self._timers: list[asyncio.TimerHandle] = []

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        model: ModelFile,
        *,
        threads: int,
        load_timeout_s: float,
        on_change: Callable[[ModelProcess], None],
    ) -> ModelProcess:
        """Starts a child; does not wait for the model. `on_change` hears ready, failed and every exit.

        Raises LocalModelError when the program cannot be started.
        """
        process = cls(model, on_change)
        flags = 0  # no console window flashes up on Windows
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        try:
            transport, _ = await process._loop.subprocess_exec(
                lambda: process, *command, stdin=subprocess.PIPE, creationflags=flags
            )
        except OSError as error:
            raise LocalModelError(
                "The local model's program could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        settings = HostSettings(str(model.path), process.api_key, model.context_tokens, threads)
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        stdin.write(settings.to_line())
        process._timers.append(process._loop.call_later(load_timeout_s, process._load_timed_out))
        return process

    @property
    def pid(self) -> int:
        """Its process id; 0 before it has one."""
        return self._transport.get_pid() or 0 if self._transport is not None else 0

    @property
    def ready(self) -> bool:
        return self.port != 0 and self.alive

    @property
    def alive(self) -> bool:
        """Loading or ready, and meant to stay."""
        return not (self.exited or self.stopping or self.trouble)

    @property
    def exited(self) -> bool:
        return self._exited.is_set()

    @property
    def log_tail(self) -> str:
        """The end of what the native code printed."""
        return self._log.decode("utf-8", "replace").strip()

    async def wait_ready(self) -> None:
        """Raises LocalModelError when the model could not be loaded."""
        await self._settled.wait()
        if self.trouble is not None:
            raise self.trouble

    async def died_within(self, wait_s: float) -> bool:
        """True when it has ended. A broken connection is noticed a little before the exit is."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._exited.wait(), wait_s)
        return self.exited

    def memory_bytes(self) -> int | None:
        """Resident memory, None when it has ended."""
        import psutil

        try:
            return None if self.exited else int(psutil.Process(self.pid).memory_info().rss)
        except psutil.Error:
            return None

    def stop(self) -> None:
        """Ends it: asks first, kills after two seconds. Returns at once."""
        if self._transport is None or self.exited or self.stopping:
            return
        self.stopping = True
        with contextlib.suppress(ProcessLookupError):
            self._transport.terminate()
        self._timers.append(self._loop.call_later(TERMINATE_WAIT_S, self._kill))

    async def aclose(self) -> None:
        """Ends it and waits until nothing of it is left."""
        self.stop()
        await self._closed.wait()

    def _kill(self) -> None:
        if self._transport is not None:
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    def _load_timed_out(self) -> None:
        if not self._settled.is_set():
            self._fail("The local model took too long to load.", MEMORY_HINT)
            self._kill()

    def _fail(self, message: str, hint: str) -> None:
        self.trouble = LocalModelError(message, hint=hint, detail=self.log_tail[-1000:])
        self._settled.set()

    # asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop has a class of its own

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:  # read without end, so that the child never waits for us; only the end is kept
            self._log += data
            del self._log[:-KEPT_LOG_BYTES]
            return
        self._line += data
        if self._settled.is_set() or b"\n" not in self._line:
            return
        try:
            answer = json.loads(self._line.partition(b"\n")[0])
        except ValueError:
            answer = {"error": "the program did not keep to the protocol"}
        if "ready" in answer:
            self.port = answer["ready"]["port"]
            self._settled.set()
        else:
            self._log += str(answer["error"]).encode()
            self._fail("The local model could not be loaded.", FILE_HINT)
            self.stop()
        self._on_change(self)

    def process_exited(self) -> None:
        self._exited.set()
        for timer in self._timers:
            timer.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        # Only now everything it had to say has been read.
        if not self._settled.is_set():
            self._fail("The local model stopped while it was being loaded.", MEMORY_HINT)
        if self._transport is not None:
            self._transport.close()
        self._closed.set()
        self._on_change(self)
