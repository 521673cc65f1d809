"""The parent's side of `read_host`: one child for each file, with a limit on its time and memory."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import Block, BlockKind, PassageSpan, ReadText
from mastra_desktop.ingest.read_host import MEMORY_HINT, MEMORY_MESSAGE, ReadOrder, host_command

WALL_S = 60.0
MEMORY_BYTES = 1024**3
_MEMORY_LOOK_S = 0.5
_KEPT_LOG_BYTES = 8192
_LONGEST_FRAME = 400 * 1024**2  # bytes
_HEAD = 9  # a letter and the length
_KINDS = {kind.value: kind for kind in BlockKind}

Progress = Callable[[str, int, int], None]
Result = tuple[ReadText, tuple[PassageSpan, ...]]


class ReadingProcess:
    """Reads files in child processes, one for each. `resources` holds the tokenizers' files."""

    def __init__(
        self,
        resources: Path,
        *,
        command: Sequence[str] = (),
        wall_s: float = WALL_S,
        memory_bytes: int = MEMORY_BYTES,
    ) -> None:
        self._resources = resources
        self._command = tuple(command)
        self._wall_s = wall_s
        self._memory_bytes = memory_bytes
        self._children: set[_Child] = set()

    def used_bytes(self) -> int:
        """Resident memory of all files being read now."""
        return sum(child.used_bytes() or 0 for child in self._children)

    async def read(
        self, path: Path, *, tokenizer: str, password: str = "", on_progress: Progress = lambda *_: None
    ) -> Result:
        """The text of a file and its passages, counted as the embedder `tokenizer` counts.

        `on_progress` hears ("reading" or "splitting", done, of) in this loop. Cancelling ends the child.
        Raises KnowledgeError when the file cannot be read within the limits.
        """
        order = ReadOrder(str(path), password, tokenizer, str(self._resources), self._memory_bytes)
        child = _Child(on_progress, self._memory_bytes)
        await child.start(self._command or host_command(), order.to_line())
        self._children.add(child)
        try:
            async with asyncio.timeout(self._wall_s):
                await child.ended()
        except TimeoutError:
            raise KnowledgeError(
                f"Reading this file takes longer than {self._wall_s:.0f} s.",
                hint="Split it into smaller files and add those.",
            ) from None
        finally:
            self._children.discard(child)
            child.kill()
            await child.closed()
        return await child.result()


class _Child(asyncio.SubprocessProtocol):
    """One child from its start to its end; callbacks of the running loop, so that nothing waits for us."""

    def __init__(self, on_progress: Progress, memory_bytes: int) -> None:
        self._on_progress = on_progress
        self._memory_bytes = memory_bytes
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.SubprocessTransport | None = None
        self._closed = self._loop.create_future()
        self._watch: asyncio.TimerHandle | None = None
        self._base = 0
        self._data = bytearray()
        self._log = bytearray()
        self._text: bytes | None = None
        self._rest: bytes | None = None
        self._error: KnowledgeError | None = None

    async def start(self, command: Sequence[str], order: bytes) -> None:
        """Raises KnowledgeError when the program cannot be started."""
        flags = 0  # no console window flashes up on Windows
        if sys.platform == "win32":
            flags = subprocess.CREATE_NO_WINDOW
        try:
            transport, _ = await self._loop.subprocess_exec(
                lambda: self, *command, stdin=subprocess.PIPE, creationflags=flags
            )
        except OSError as error:
            raise KnowledgeError(
                "The program that reads files could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        stdin.write(order)
        if sys.platform != "linux":  # there it limits itself
            self._watch = self._loop.call_later(_MEMORY_LOOK_S, self._look_at_memory)

    async def ended(self) -> None:
        """Waits until it has ended and everything it had to say has been read."""
        await asyncio.shield(self._closed)

    def kill(self) -> None:
        """Ends it at once, if it has not ended."""
        if self._watch is not None:
            self._watch.cancel()
        if self._transport is not None and not self._closed.done():
            with contextlib.suppress(ProcessLookupError):
                self._transport.kill()

    async def closed(self) -> None:
        """Waits for the end, also when the caller is cancelled once more: a killed child ends at once."""
        again: asyncio.CancelledError | None = None
        while not self._closed.done():
            try:
                await asyncio.shield(self._closed)
            except asyncio.CancelledError as error:
                again = error
        if again is not None:
            raise again

    async def result(self) -> Result:
        """What it read. Raises KnowledgeError with its reason, or with how it ended."""
        if self._error is not None:
            raise self._error
        if self._text is None or self._rest is None:
            raise self._crashed()
        # A long text takes a while to unpack, and the loop has others to serve.
        return await asyncio.to_thread(_unpack, self._text, self._rest)

    def _crashed(self) -> KnowledgeError:
        log = self._log.decode("utf-8", "replace").strip()
        code = self._transport.get_returncode() if self._transport is not None else None
        detail = f"exit code {code}: {log[-1000:]}"
        if any(word in log for word in ("MemoryError", "bad_alloc", "memory allocation", "out of memory")):
            return KnowledgeError(MEMORY_MESSAGE, hint=MEMORY_HINT, detail=detail)
        return KnowledgeError(
            "Reading this file failed: it is damaged, or needs more memory than a file may use.",
            hint="Open it in another program and save it again, or split it into smaller files.",
            detail=detail,
        )

    def used_bytes(self) -> int | None:
        """Its resident memory, None when it has ended."""
        import psutil

        pid = self._transport.get_pid() if self._transport is not None else None
        try:
            return int(psutil.Process(pid).memory_info().rss) if pid else None
        except psutil.Error:
            return None

    def _look_at_memory(self) -> None:
        used = self.used_bytes()
        if used is None:
            return
        if used > self._memory_bytes + 256 * 1024**2:
            self._error = KnowledgeError(MEMORY_MESSAGE, hint=MEMORY_HINT)
            self.kill()
            return
        self._watch = self._loop.call_later(_MEMORY_LOOK_S, self._look_at_memory)

    # asyncio.SubprocessProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)  # uvloop has a class of its own

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd == 2:  # read without end, so that the child never waits for us; only the end is kept
            self._log += data
            del self._log[:-_KEPT_LOG_BYTES]
            return
        self._data += data
        while len(self._data) >= _HEAD:
            length = int.from_bytes(self._data[1:_HEAD], "big")
            if length > _LONGEST_FRAME or self._error is not None:
                self._data.clear()
                self.kill()
                return
            if len(self._data) < _HEAD + length:
                return
            letter = bytes(self._data[:1])
            content = bytes(memoryview(self._data)[_HEAD : _HEAD + length])
            del self._data[: _HEAD + length]
            self._take(letter, content)

    def _take(self, letter: bytes, content: bytes) -> None:
        if letter == b"T":
            self._text = content
        elif letter == b"R":
            self._rest = content
        elif letter == b"E":
            parts = json.loads(content)
            self._error = KnowledgeError(parts["message"], hint=parts["hint"], detail=parts["detail"])
        elif letter == b"P" and not self._closed.done():
            parts = json.loads(content)
            self._on_progress(parts["state"], parts["done"], parts["of"])

    def connection_lost(self, exc: Exception | None) -> None:
        # Only now everything it had to say has been read.
        if self._transport is not None:
            self._transport.close()
        if not self._closed.done():
            self._closed.set_result(None)


def _unpack(text: bytes, rest: bytes) -> Result:
    import orjson

    parts: dict[str, Any] = orjson.loads(rest)
    blocks = tuple(
        Block(_KINDS[kind], start, end, level, page) for kind, start, end, level, page in parts["blocks"]
    )
    spans = tuple(
        PassageSpan(index, start, end, tokens, page, tuple(heading))
        for index, (start, end, tokens, page, heading) in enumerate(parts["spans"])
    )
    return ReadText(text.decode(), blocks, parts["title"], parts["summary"], parts["pages"]), spans
