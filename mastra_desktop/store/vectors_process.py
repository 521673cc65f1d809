"""The parent's side of `vectors_host`: one child process, and the requests under way in it."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from mastra_desktop.child_process import ChildProcess, child_command
from mastra_desktop.store.vectors_host import FRAME


class ChildTrouble(Exception):
    """The child died, did not answer in time, or says that something is wrong with what it holds.

    `kind` is `gone`, `hangs`, or as the child said: `bad`, `server`, `damaged`.
    """

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.text = text


class VectorsProcess(ChildProcess):
    """A running child; made by `start`. Answers may come in any order."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._data = bytearray()

    @classmethod
    async def start(cls) -> VectorsProcess:
        """Raises ChildTrouble when the program cannot be started."""
        process = cls()
        try:
            await process.begin(child_command("_vectors-host"))
        except OSError as error:
            raise ChildTrouble("gone", str(error)) from error
        return process

    async def ask(self, head: dict[str, Any], body: bytes, timeout_s: float) -> dict[str, Any]:
        """Sends a request and waits for its answer. Raises ChildTrouble."""
        if self._closed.is_set():
            raise ChildTrouble("gone", self.log[-1000:])
        self._last_id += 1
        number = self._last_id
        answer: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._waiting[number] = answer
        data = orjson.dumps(head | {"id": number})
        try:
            self.write(FRAME.pack(len(data), len(body)), data, body)
            reply = await asyncio.wait_for(answer, timeout_s)
        except TimeoutError:
            raise ChildTrouble("hangs", f"{head['op']} took over {timeout_s:.0f} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in reply:
            raise ChildTrouble(reply["error"]["kind"], reply["error"]["text"])
        return reply

    async def aclose(self, *, gently: bool = False) -> None:
        """Ends it and waits until nothing of it is left. `gently`: at the end of its stdin."""
        if gently:
            self.end_input()
        else:
            self.kill()
        await self.closed()

    def received(self, data: bytes) -> None:
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

    def gone(self) -> None:
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ChildTrouble("gone", self.log[-1000:]))
