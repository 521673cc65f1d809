"""The index of meanings: passage numbers and vectors in spaces, one per collection and embedder.

Chroma holds it, in a child process of its own. It is an index only: SQLite has every vector, and whoever
owns this puts them in again when `on_change` says that it is being rebuilt.
"""

from __future__ import annotations

import asyncio
import logging
import math
import shutil
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.events import VectorIndexState
from mastra_desktop.store.vectors_process import ChildTrouble, VectorsProcess

log = logging.getLogger(__name__)

OPEN_TIMEOUT_S = 30.0
REQUEST_TIMEOUT_S = 20.0
TRY_AGAIN_S = 10.0  # after it was down
AT_ONCE = 500  # vectors of one request: a fraction of a second, so that others get their turn
_MOST_ASKED = 2_000
_TRIES = 3
_UNFINISHED = "unfinished"  # a file in the folder until everything was put in
REBUILDING = "The search by meaning is being rebuilt; meanwhile words are searched."
DOWN = "The search by meaning does not work at the moment; words are searched."
DOWN_SERVER = "The vector server cannot be reached; words are searched."


class BadSpace(KnowledgeError):
    """One space refused what it was given; the others work."""


class Vectors:
    """Starts its process with `open`, or on first use; end it with `aclose`. For one event loop.

    A process that dies or does not answer is started again, once; if that does not help, the folder is set
    aside as `<name>.damaged-<time>` and an empty one begun. With `url` nothing is ever set aside. What
    cannot be done raises `KnowledgeError`; it is tried anew by a call at least 10 s later.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        on_change: Callable[[VectorIndexState, str], None],
        *,
        request_timeout_s: float = REQUEST_TIMEOUT_S,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        try_again_s: float = TRY_AGAIN_S,
    ) -> None:
        self._folder = folder
        self._url = url
        self._on_change = on_change
        self._request_timeout_s = request_timeout_s
        self._open_timeout_s = open_timeout_s
        self._try_again_s = try_again_s
        self._state = VectorIndexState.CLOSED
        self._child: VectorsProcess | None = None
        self._starting = asyncio.Lock()
        self._failures = 0  # of the process, since it last answered
        self._down_until = 0.0  # time.monotonic()
        self._anew = False  # an empty index was begun, and nobody was told yet
        self._generation = 0
        self._closed = False

    @property
    def generation(self) -> int:
        """Counts the empty indexes that were begun: what an earlier one was given is not in this one."""
        return self._generation

    @property
    def state(self) -> VectorIndexState:
        return self._state

    async def open(self) -> None:
        """Starts it and reads from every space, so that damage shows now. Raises `KnowledgeError`."""
        await self._running()

    async def upsert(self, space: str, ids: Sequence[int], vectors: Sequence[bytes]) -> None:
        """Puts vectors in, or in place of those with the same numbers. They are kept once this returns.

        Raises BadSpace when they don't fit each other, or what is there.
        """
        lengths = {len(vector) for vector in vectors}
        if len(lengths) > 1:
            found = ", ".join(str(length // 4) for length in sorted(lengths))
            raise BadSpace("The vectors of a collection differ in their length.", detail=found)
        await self._running()
        generation, at = self._generation, 0
        while at < len(ids):
            piece = list(ids[at : at + AT_ONCE])
            body = b"".join(vectors[at : at + AT_ONCE])
            await self._ask({"op": "upsert", "space": space, "ids": piece}, body)
            at += AT_ONCE
            if self._generation != generation:  # what went in before is gone
                generation, at = self._generation, 0

    async def query(
        self, space: str, vector: bytes, limit: int, *, only: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        """(passage id, cosine similarity) of the nearest, nearest first; empty for a space that is not there.

        `only` restricts it to these passages: more are asked for and the others left out.
        """
        if only is None:
            return await self._nearest(space, vector, limit)
        if not only:
            return []
        wanted = only if isinstance(only, set | frozenset) else frozenset(only)
        asked = limit * 4
        while asked <= _MOST_ASKED:
            found = await self._nearest(space, vector, asked)
            hits = [hit for hit in found if hit[0] in wanted][:limit]
            if len(hits) >= min(limit, len(wanted)) or len(found) < asked:
                return hits
            asked *= 5
        return await self._nearest(space, vector, limit, wanted)

    async def delete(self, space: str, ids: Sequence[int]) -> None:
        """Takes these out; those that are not there are passed over."""
        for at in range(0, len(ids), AT_ONCE):
            await self._ask({"op": "delete", "space": space, "ids": list(ids[at : at + AT_ONCE])})

    async def drop(self, space: str) -> None:
        """Takes a space out with all that is in it."""
        await self._ask({"op": "drop", "space": space})

    async def keep_only(self, spaces: Collection[str]) -> None:
        """Drops every space that is not among these. Not on a server, which may hold others' too."""
        if not self._url:
            reply = await self._ask({"op": "spaces"})
            for name in reply["spaces"]:
                if name not in spaces:
                    await self.drop(name)

    async def count(self, space: str) -> int:
        """How many vectors a space holds."""
        reply = await self._ask({"op": "count", "space": space})
        return int(reply["count"])

    def rebuilt(self) -> None:
        """Everything was put in again: it is ready. Until this was called, opening says "rebuilding"."""
        if not self._url:
            (self._folder / _UNFINISHED).unlink(missing_ok=True)
        if self._state is VectorIndexState.REBUILDING:
            self._tell(VectorIndexState.READY)

    async def aclose(self) -> None:
        """Ends the process. Safe to call twice."""
        self._closed = True
        async with self._starting:
            child, self._child = self._child, None
            if child is not None:
                await child.aclose(gently=True)
        self._tell(VectorIndexState.CLOSED)

    def memory_bytes(self) -> int | None:
        """The process's resident memory; None while there is none."""
        return None if self._child is None else self._child.memory_bytes()

    async def _nearest(
        self, space: str, vector: bytes, limit: int, only: Collection[int] | None = None
    ) -> list[tuple[int, float]]:
        head = {"op": "query", "space": space, "limit": limit, "only": None if only is None else list(only)}
        reply = await self._ask(head, vector)
        pairs = zip(reply["ids"], reply["distances"], strict=True)
        return [(id, 1.0 - far) for id, far in pairs if far is not None and math.isfinite(far)]

    async def _ask(self, head: dict[str, Any], body: bytes = b"") -> dict[str, Any]:
        for last in (False,) * (_TRIES - 1) + (True,):
            child = await self._running()
            try:
                reply = await child.ask(head, body, self._request_timeout_s)
            except ChildTrouble as trouble:
                if trouble.kind == "bad":
                    raise BadSpace(
                        "The search by meaning refused what it was given.",
                        hint="Index this collection again.",
                        detail=trouble.text,
                    ) from trouble
                await self._lost(child, trouble)
                if last or self._url:
                    raise self._go_down(trouble) from trouble
            else:
                self._failures = 0
                return reply
        raise AssertionError("not reached")

    async def _running(self) -> VectorsProcess:
        async with self._starting:
            if self._child is not None:
                return self._child
            if self._closed:
                raise KnowledgeError("The search by meaning is closed.")
            if time.monotonic() < self._down_until:
                raise self._down("it was tried a moment ago")
            for last in (False,) * (_TRIES - 1) + (True,):
                try:
                    self._child = await self._start()
                except ChildTrouble as trouble:
                    log.warning("the index of meanings did not open: %s", trouble)
                    self._failures += 1
                    if last or self._url:
                        raise self._go_down(trouble) from trouble
                else:
                    return self._child
            raise AssertionError("not reached")

    async def _start(self) -> VectorsProcess:
        if not self._url:
            await asyncio.to_thread(self._prepare_folder, set_aside=self._failures >= 2)
        child = await VectorsProcess.start()
        head = {"op": "open", "folder": str(self._folder), "url": self._url}
        try:
            await child.ask(head, b"", self._open_timeout_s)
        except BaseException:
            await child.aclose()
            raise
        self._down_until = 0.0
        if not self._url and (self._folder / _UNFINISHED).exists():
            self._tell(VectorIndexState.REBUILDING, REBUILDING, again=self._anew)
            self._anew = False
        else:
            self._tell(VectorIndexState.READY)
        return child

    async def _lost(self, child: VectorsProcess, trouble: ChildTrouble) -> None:
        """Ends a process that failed, unless another call did so before."""
        async with self._starting:
            if self._child is child:
                log.warning("the index of meanings failed: %s", trouble)
                self._child = None
                self._failures += 1
                await child.aclose()

    def _prepare_folder(self, *, set_aside: bool) -> None:
        """Makes the folder when it is missing or damaged; it then counts as unfinished."""
        begun = (self._folder / "chroma.sqlite3").exists()
        if set_aside and begun:
            for older in self._folder.parent.glob(f"{self._folder.name}.damaged-*"):
                shutil.rmtree(older, ignore_errors=True)  # they are large, and all can be made anew
            stamp = time.strftime("%Y%m%d-%H%M%S")
            self._folder.rename(self._folder.with_name(f"{self._folder.name}.damaged-{stamp}"))
            log.warning("the damaged index of meanings was set aside")
            self._failures, begun = 0, False
        if not begun:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / _UNFINISHED).touch()
            self._anew = True
            self._generation += 1

    def _go_down(self, trouble: ChildTrouble) -> KnowledgeError:
        self._down_until = time.monotonic() + self._try_again_s
        self._tell(VectorIndexState.DOWN, DOWN_SERVER if self._url else DOWN)
        return self._down(trouble.text)

    def _down(self, detail: str) -> KnowledgeError:
        if self._url:
            hint = f"Check vectors.url and whether the server at {self._url} runs."
            return KnowledgeError(
                "The vector server cannot be reached.", hint=hint, detail=detail, retryable=True
            )
        hint = "Words are searched meanwhile. Starting Mastra Desktop again may help."
        return KnowledgeError(
            "The search by meaning does not work at the moment.", hint=hint, detail=detail, retryable=True
        )

    def _tell(self, state: VectorIndexState, detail: str = "", *, again: bool = False) -> None:
        if again or state is not self._state:
            self._state = state
            self._on_change(state, detail)
