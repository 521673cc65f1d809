"""The parent's side of `embedding_host`. What is asked before the model is loaded waits in the pipe."""

from __future__ import annotations

import asyncio
import json
import sys
from array import array
from collections.abc import Iterable, Sequence

from mastra_desktop.child_process import ChildProcess
from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.providers.embedding_host import FRAME, LONGEST_CHARS, VECTOR, EmbedSettings

SILENCE_S = 120.0  # a text takes a second or two even on a slow computer


class EmbedderEnded(Exception):
    """The child ended with work left. Doing it again in another one may help."""


class EmbeddingProcess(ChildProcess):
    """A child that has loaded, or is loading, an embedder. Made by `start`."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, asyncio.Future[array[float]]] = {}
        self._last_id = 0
        self._read = bytearray()
        self._trouble = ""  # why the model could not be loaded
        self._silence: asyncio.TimerHandle | None = None

    @classmethod
    async def start(cls, command: Sequence[str], settings: EmbedSettings) -> EmbeddingProcess:
        """Starts a child; does not wait for its model. Raises KnowledgeError."""
        process = cls()
        try:
            await process.begin(command, settings.to_line())
        except OSError as error:
            raise KnowledgeError(
                "The embedder's program could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        return process

    @property
    def alive(self) -> bool:
        """It may be asked."""
        return not (self.exited or self.stopping or self._trouble)

    def ask(self, text: str, *, query: bool) -> tuple[int, asyncio.Future[array[float]]]:
        """A number to `drop` it by, and the vector to come.

        The future raises KnowledgeError, or EmbedderEnded when the child ends first.
        """
        future: asyncio.Future[array[float]] = self._loop.create_future()
        self._last_id += 1
        number = self._last_id
        if self.alive:
            self._waiting[number] = future
            self.write(
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
            self.write(json.dumps({"drop": gone}).encode() + b"\n")
            self._watch()

    def _watch(self) -> None:
        """A child that owes an answer and stays silent too long is ended."""
        if self._silence is not None:
            self._silence.cancel()
        self._silence = self._loop.call_later(SILENCE_S, self.kill) if self._waiting else None

    def _why(self) -> KnowledgeError | EmbedderEnded:
        if not self._trouble:
            return EmbedderEnded(self.log[-1000:])
        return KnowledgeError(
            "The embedder could not be loaded.",
            hint="Installing Mastra Desktop again may help, or choosing another embedder for the collection.",
            detail=f"{self._trouble}\n{self.log[-1000:]}".strip(),
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

    def received(self, data: bytes) -> None:
        self._read += data
        for number, kind, payload in self._frames():
            self._take(number, kind, payload)
        self._watch()

    def gone(self) -> None:
        self._fail_all()


def _floats(payload: bytes) -> array[float]:
    vector = array("f")
    vector.frombytes(payload)
    if sys.byteorder == "big":
        vector.byteswap()
    return vector
