"""The built-in model: answers on this computer, from a child process that comes and goes by itself.

The child starts with the first prompt, ends after a while without one and with the app, and is started once
more when it dies before it wrote anything. It speaks the OpenAI format over loopback; see `model_host`.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.child_process import child_command
from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import (
    LocalModelError,
    MastraError,
    NetworkError,
    ProviderTimeout,
    StreamCut,
)
from mastra_desktop.domain.events import BusEvent, LocalModelChanged, LocalModelState
from mastra_desktop.domain.models import LOCAL_MODEL_ID, LOCAL_PROVIDER_ID, ModelInfo, ProviderTest
from mastra_desktop.domain.replies import (
    ModelLoading,
    Prompt,
    PromptMessage,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
)
from mastra_desktop.providers.http import HttpPool, HttpSettings, Traffic
from mastra_desktop.providers.model_files import KnownModel, ModelFile, find_model
from mastra_desktop.providers.model_process import MEMORY_HINT, ModelProcess
from mastra_desktop.providers.openai_chat import OpenAIChatProvider

if TYPE_CHECKING:
    from mastra_desktop.providers.traffic import Client

log = logging.getLogger(__name__)

LOAD_TIMEOUT_S = 180.0
IDLE_STOP_S = 600.0
SILENCE_S = 600.0  # reading a long prompt takes minutes on a slow computer, and answers queue
WHOLE_ANSWER_S = 3600.0
NOTICE_DEATH_S = 1.0
MOST_THREADS = 8  # more brought nothing for models of this size


class LoopbackPool(HttpPool):
    """No proxy, and one connection a request: the model's server closes a kept one while we send the next."""

    def client(self) -> Client:
        """Call it from the loop that uses it."""
        if self._client is None:
            import httpx
            from aiohttp import ClientSession, DummyCookieJar, TCPConnector

            from mastra_desktop.providers.traffic import Client, Transport

            def session() -> ClientSession:
                return ClientSession(connector=TCPConnector(force_close=True), cookie_jar=DummyCookieJar())

            self._client = Client(
                Transport(client=session),
                self.traffic,
                Traffic,
                mounts={},
                timeout=httpx.Timeout(self.settings.read_idle_timeout_s),
                trust_env=False,
            )
        return self._client


class LocalProvider:
    """`Provider` for the model file found by `find_model`, offered as `local/default`.

    `publish` hears `LocalModelChanged` on the loop's thread. `context_tokens` and `threads` are chosen here
    when None or 0; `command` starts the child. On Linux the child also ends with the thread whose loop
    started it.
    """

    id = LOCAL_PROVIDER_ID
    on_this_computer = True

    def __init__(
        self,
        manifest: Sequence[KnownModel],
        folders: Sequence[Path],
        publish: Callable[[BusEvent], None],
        *,
        model_path: Path | None = None,
        context_tokens: int | None = None,
        threads: int | None = None,
        idle_stop_s: float = IDLE_STOP_S,
        load_timeout_s: float = LOAD_TIMEOUT_S,
        command: Sequence[str] | None = None,
    ) -> None:
        self._manifest = tuple(manifest)
        self._folders = tuple(folders)
        self._publish = publish
        self._model_path = model_path
        self._configured_context_tokens = context_tokens
        self.context_tokens = self._expected_context_tokens()
        self._threads = threads
        self._idle_stop_s = idle_stop_s
        self._load_timeout_s = load_timeout_s
        self._command = list(command) if command is not None else child_command("_model-host")
        self._pool = LoopbackPool(
            HttpSettings(read_idle_timeout_s=SILENCE_S, whole_answer_s=WHOLE_ANSWER_S, max_retries=0)
        )
        self._current: ModelProcess | None = None
        self._processes: set[ModelProcess] = set()  # also those that are ending
        self._starting = asyncio.Lock()
        self._idle_timer: asyncio.TimerHandle | None = None
        self._closed = False

    async def find(self) -> ModelFile:
        """The file the next start loads. Raises LocalModelError when there is none."""
        found = await asyncio.to_thread(find_model, self._model_path, self._folders, self._manifest)
        found = replace(found, context_tokens=self._configured_context_tokens or found.context_tokens)
        self.context_tokens = found.context_tokens
        return found

    def set_model_file(self, path: Path | None) -> None:
        """Takes another file (None: the built-in one) from the next answer on; a running one ends first."""
        self._model_path = path
        if self._current is not None:
            self._current.stale = True
            self._release_if_unused(self._current)

    def configure(
        self,
        model_path: Path | None,
        threads: int | None,
        idle_stop_s: float,
        context_tokens: int | None = None,
    ) -> None:
        """Other settings from the next answer on; threads from the next start of the child on."""
        same_size = context_tokens == self._configured_context_tokens
        self._configured_context_tokens = context_tokens
        if model_path != self._model_path or not same_size:
            self.set_model_file(model_path)
            self.context_tokens = self._expected_context_tokens()
        self._threads, self._idle_stop_s = threads, idle_stop_s

    def _expected_context_tokens(self) -> int | None:
        """Until the file is looked at."""
        return self._configured_context_tokens or (
            self._manifest[0].context_tokens if self._manifest else None
        )

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        """Answers; `ModelLoading` comes first when the model has to be loaded.

        Cancelling while it loads returns at once and lets it load on. Raises StreamCut when the child dies in
        mid-answer, LocalModelError when it cannot be loaded or dies twice before writing anything.
        """
        for last_try in (False, True):
            process = await self._running()
            process.users += 1
            wrote = False
            try:
                if not process.ready:
                    yield ModelLoading(process.model.name)
                await process.wait_ready()
                async with aclosing(self._ask(process, prompt)) as events:
                    async for event in events:
                        wrote = wrote or isinstance(event, TextDelta | ReasoningDelta)
                        yield event
                return  # noqa: TRY300  # an else would sit far below its try
            except (NetworkError, ProviderTimeout) as error:
                if not await process.died_within(NOTICE_DEATH_S):
                    raise
                log.warning("the local model's process ended by itself: %s", process.log[-300:])
                if wrote:
                    raise StreamCut(
                        "The local model stopped in the middle of the answer.",
                        hint="Continue, or try again: it starts by itself.",
                        detail=error.detail,
                    ) from error
                if last_try:
                    raise LocalModelError(
                        "The local model stopped working twice.",
                        hint=MEMORY_HINT,
                        detail=process.log[-1000:],
                    ) from error
            finally:
                process.users -= 1
                self._release_if_unused(process)

    async def models(self) -> list[ModelInfo]:
        """The one model, under the name of its file. Raises LocalModelError when no file can be used."""
        found = await self.find()
        return [
            ModelInfo(
                LOCAL_MODEL_ID,
                self.id,
                found.name,
                on_this_computer=True,
                context_tokens=found.context_tokens,
            )
        ]

    async def test(self, *, tools: bool = True) -> ProviderTest:
        """Loads the model if need be and has it say a few words; the latency is that of the first one."""
        names: tuple[str, ...] = ()
        latency_ms: float | None = None
        pieces = 0
        prompt = Prompt("default", (PromptMessage(Role.USER, "Say hello."),), max_tokens=8)
        try:
            names = ((await self.find()).name,)
            started = time.perf_counter()
            async with aclosing(self.stream(prompt)) as events:
                async for event in events:
                    if isinstance(event, TextDelta):
                        pieces += 1
                        latency_ms = latency_ms or (time.perf_counter() - started) * 1000
        except MastraError as error:
            return ProviderTest(names, False, latency_ms, error.code, error.message, error.hint)
        return ProviderTest(names, pieces > 1, latency_ms)

    async def aclose(self) -> None:
        """Ends the child and its connections. Safe to call twice."""
        self._closed = True
        self._cancel_idle_timer()
        for process in list(self._processes):
            await process.aclose()
        await self._pool.aclose()

    def memory_bytes(self) -> int | None:
        """Of the model's process; None while there is none."""
        return self._current.memory_bytes() if self._current is not None else None

    async def _running(self) -> ModelProcess:
        """A child that is loading or ready. Concurrent callers share one start."""
        self._cancel_idle_timer()
        async with self._starting:
            if self._current is not None and self._current.alive and not self._current.stale:
                return self._current
            if self._closed:
                raise LocalModelError("The local model is being shut down.")
            found = await self.find()
            process = await ModelProcess.start(
                self._command,
                found,
                threads=self._threads or _default_threads(),
                load_timeout_s=self._load_timeout_s,
                on_change=self._on_change,
            )
            self._processes.add(process)
            self._current = process
        self._publish(LocalModelChanged(LocalModelState.LOADING, found.name))
        return process

    def _ask(self, process: ModelProcess, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        async def key() -> str:
            return process.api_key

        adapter = OpenAIChatProvider(
            self.id,
            f"http://127.0.0.1:{process.port}/v1",
            http=self._pool,
            key=key,
            on_this_computer=True,
            supports_continue=True,
        )
        return adapter.stream(prompt)

    def _on_change(self, process: ModelProcess) -> None:
        """A child became ready, or ended."""
        if process.exited:
            self._processes.discard(process)
        if process is not self._current:
            return
        if not process.exited:
            if process.ready:
                memory_bytes = process.memory_bytes()
                self._publish(LocalModelChanged(LocalModelState.READY, process.model.name, memory_bytes))
            return
        self._current = None
        self._cancel_idle_timer()
        unwanted = process.trouble is not None or (process.users > 0 and not process.stopping)
        state = LocalModelState.FAILED if unwanted else LocalModelState.STOPPED
        self._publish(LocalModelChanged(state, process.model.name))

    def _release_if_unused(self, process: ModelProcess) -> None:
        if process.users or not process.alive:
            return
        if process.stale:
            process.stop()
        elif process is self._current:
            self._cancel_idle_timer()
            loop = asyncio.get_running_loop()
            self._idle_timer = loop.call_later(self._idle_stop_s, self._stop_idle, process)

    def _stop_idle(self, process: ModelProcess) -> None:
        if not process.users:
            process.stop()

    def _cancel_idle_timer(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None


def _default_threads() -> int:
    """The physical cores, and both halves of a single one."""
    import psutil

    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    return min(max(physical, min(logical, 2)), MOST_THREADS)
