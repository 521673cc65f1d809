"""The parent's side of `read_host`: one child for each file, with a limit on its time and memory."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mastra_desktop.child_process import ChildProcess, child_command
from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import Block, BlockKind, PassageSpan, ReadText
from mastra_desktop.ingest.read_host import MEMORY_HINT, MEMORY_MESSAGE, ReadOrder

WALL_S = 60.0
MEMORY_BYTES = 1024**3
_MEMORY_LOOK_S = 0.5
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
        return sum(child.memory_bytes() or 0 for child in self._children)

    async def read(
        self, path: Path, *, tokenizer: str, password: str = "", on_progress: Progress = lambda *_: None
    ) -> Result:
        """The text of a file and its passages, counted as the embedder `tokenizer` counts.

        `on_progress` hears ("reading" or "splitting", done, of) in this loop. Cancelling ends the child.
        Raises KnowledgeError when the file cannot be read within the limits.
        """
        order = ReadOrder(str(path), password, tokenizer, str(self._resources), self._memory_bytes)
        child = _Child(on_progress, self._memory_bytes)
        await child.start(self._command or child_command("_read-host"), order.to_line())
        self._children.add(child)
        try:
            async with asyncio.timeout(self._wall_s):
                await child.closed()
        except TimeoutError:
            raise KnowledgeError(
                f"Reading this file takes longer than {self._wall_s:.0f} s.",
                hint="Split it into smaller files and add those.",
            ) from None
        finally:
            self._children.discard(child)
        return await child.result()


class _Child(ChildProcess):
    """One child, and what it says of its file."""

    def __init__(self, on_progress: Progress, most_bytes: int) -> None:
        super().__init__()
        self._on_progress = on_progress
        self._most_bytes = most_bytes
        self._watch: asyncio.TimerHandle | None = None
        self._data = bytearray()
        self._text: bytes | None = None
        self._rest: bytes | None = None
        self._error: KnowledgeError | None = None

    async def start(self, command: Sequence[str], order: bytes) -> None:
        """Raises KnowledgeError when the program cannot be started."""
        try:
            await self.begin(command, order)
        except OSError as error:
            raise KnowledgeError(
                "The program that reads files could not be started.",
                hint="Installing Mastra Desktop again may help.",
                detail=str(error),
            ) from error
        if sys.platform != "linux":  # there it limits itself
            self._watch = self._loop.call_later(_MEMORY_LOOK_S, self._look_at_memory)

    async def result(self) -> Result:
        """What it read. Raises KnowledgeError with its reason, or with how it ended."""
        if self._error is not None:
            raise self._error
        if self._text is None or self._rest is None:
            raise self._crashed()
        # A long text takes a while to unpack, and the loop has others to serve.
        return await asyncio.to_thread(_unpack, self._text, self._rest)

    def _crashed(self) -> KnowledgeError:
        log = self.log
        detail = f"exit code {self.exit_code}: {log[-1000:]}"
        if any(word in log for word in ("MemoryError", "bad_alloc", "memory allocation", "out of memory")):
            return KnowledgeError(MEMORY_MESSAGE, hint=MEMORY_HINT, detail=detail)
        return KnowledgeError(
            "Reading this file failed: it is damaged, or needs more memory than a file may use.",
            hint="Open it in another program and save it again, or split it into smaller files.",
            detail=detail,
        )

    def _look_at_memory(self) -> None:
        used = self.memory_bytes()
        if used is None:
            return
        if used > self._most_bytes + 256 * 1024**2:
            self._error = KnowledgeError(MEMORY_MESSAGE, hint=MEMORY_HINT)
            self.kill()
            return
        self._watch = self._loop.call_later(_MEMORY_LOOK_S, self._look_at_memory)

    def received(self, data: bytes) -> None:
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
        elif letter == b"P":
            parts = json.loads(content)
            self._on_progress(parts["state"], parts["done"], parts["of"])

    def process_exited(self) -> None:
        super().process_exited()
        if self._watch is not None:
            self._watch.cancel()


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
