"""The parent's side of `model_host`. A caller that is cancelled while it waits leaves the child loading."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable, Sequence

from mastra_desktop.child_process import ChildProcess
from mastra_desktop.domain.errors import LocalModelError
from mastra_desktop.providers.model_files import ModelFile
from mastra_desktop.providers.model_host import HostSettings

MEMORY_HINT = (
    "There may not be enough free memory. Close other programs, or choose a smaller model file in Settings."
)
FILE_HINT = "The file may be damaged or of an unknown kind. Choose another GGUF file in Settings."


class ModelProcess(ChildProcess):
    """A child that loads `model` and serves it on loopback. Made by `start`.

    `users` counts the answers it is writing; `stale` says that the next answer needs another child.
    """

    def __init__(self, model: ModelFile, on_change: Callable[[ModelProcess], None]) -> None:
        super().__init__()
        self.model = model
        self.api_key = secrets.token_hex(32)
        self.port = 0
        self.trouble: LocalModelError | None = None  # why it could not be loaded
        self.users = 0
        self.stale = False
        self._on_change = on_change
        self._settled = asyncio.Event()  # ready, or failed to load
        self._line = b""
        self._loading: asyncio.TimerHandle | None = None

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
        settings = HostSettings(str(model.path), process.api_key, model.context_tokens, threads)
        try:
            await process.begin(command, settings.to_line())
        except OSError as error:
            raise LocalModelError(
                "The local model's program could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        process._loading = process._loop.call_later(load_timeout_s, process._load_timed_out)
        return process

    @property
    def ready(self) -> bool:
        return self.port != 0 and self.alive

    @property
    def alive(self) -> bool:
        """Loading or ready, and meant to stay."""
        return not (self.exited or self.stopping or self.trouble)

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

    def _load_timed_out(self) -> None:
        if not self._settled.is_set():
            self._fail("The local model took too long to load.", MEMORY_HINT)
            self.kill()

    def _fail(self, message: str, hint: str) -> None:
        self.trouble = LocalModelError(message, hint=hint, detail=self.log[-1000:])
        self._settled.set()

    def received(self, data: bytes) -> None:
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
        super().process_exited()
        if self._loading is not None:
            self._loading.cancel()

    def gone(self) -> None:
        if not self._settled.is_set():
            self._fail("The local model stopped while it was being loaded.", MEMORY_HINT)
        self._on_change(self)
