"""The child process that reads one file: `mastra-desktop _read-host`.

A file from anywhere may hang a library, crash it, or fill the memory, so it is opened here: low priority,
little memory, no network, nothing written, and it ends with its parent.

Protocol: one line of JSON comes in on stdin (`ReadOrder`; a name may hold newlines), frames go out on what
was stdout: one letter, the length as 8 bytes (big-endian), the content.

    P  progress   {"state", "done", "of"}
    T  the text, UTF-8
    R  the rest   {"title", "summary", "pages", "blocks": [[kind, start, end, level, page]], "spans": [...]}
    E  an error   {"message", "hint", "detail"}
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from mastra_desktop.child_side import (
    be_considerate,
    end_with_parent,
    end_with_stdin,
    first_line,
    take_stdout,
)
from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import PassageSpan, ReadText

LINUX_CLONE_NEWUSER, LINUX_CLONE_NEWNET = 0x10000000, 0x40000000
_PROGRESS_S = 0.1  # at least this long between two pieces of progress
MEMORY_MESSAGE = "Reading this file needs more memory than a file may use."
MEMORY_HINT = "Split it into smaller files and add those."


@dataclass(frozen=True, slots=True)
class ReadOrder:
    """What the parent asks for. `memory_bytes` is what reading may need beyond the interpreter itself."""

    path: str
    password: str
    tokenizer: str
    resources: str
    memory_bytes: int

    def to_line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"  # escaped: odd names come through as they are


def main() -> int:
    """Reads one file and ends. Returns 1 when it could not be read."""
    frames = Frames(take_stdout())
    be_considerate(10)
    _shut_in()
    end_with_parent()  # after it: a process that gets other rights forgets this
    order = ReadOrder(**json.loads(first_line()))
    end_with_stdin()
    try:
        _limit_memory(order.memory_bytes)
        read, spans = _read_and_split(order, frames)
        frames.result(read, spans)
    except KnowledgeError as error:
        frames.error(error)
        return 1
    except MemoryError:
        frames.error(KnowledgeError(MEMORY_MESSAGE, hint=MEMORY_HINT))
        return 1
    return 0


def _read_and_split(order: ReadOrder, frames: Frames) -> tuple[ReadText, tuple[PassageSpan, ...]]:
    from mastra_desktop.ingest.readers import read
    from mastra_desktop.ingest.splitting import split
    from mastra_desktop.ingest.tokenizers import token_counter

    frames.progress("reading", 0, 0)
    found = read(
        Path(order.path),
        password=order.password,
        on_progress=lambda done, of: frames.progress("reading", done, of),
    )
    frames.progress("splitting", 0, 0)
    return found, split(found, token_counter(order.tokenizer, Path(order.resources)))


class Frames:
    """Writes frames to a descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._state = ""
        self._next = 0.0

    def progress(self, state: str, done: int, of: int) -> None:
        """Says how far it is; not more often than a person can see, but each new state and every end."""
        now = time.monotonic()
        if state != self._state or now >= self._next or done == of:
            self._state, self._next = state, now + _PROGRESS_S
            self._write(b"P", json.dumps({"state": state, "done": done, "of": of}).encode())

    def error(self, error: KnowledgeError) -> None:
        parts = {"message": error.message, "hint": error.hint, "detail": error.detail}
        self._write(b"E", json.dumps(parts).encode())

    def result(self, read: ReadText, spans: tuple[PassageSpan, ...]) -> None:
        self._write(b"T", read.text.encode())
        rest = {
            "title": read.title,
            "summary": read.summary,
            "pages": read.pages,
            "blocks": [[b.kind.value, b.start, b.end, b.level, b.page] for b in read.blocks],
            "spans": [[s.start, s.end, s.tokens, s.page, s.heading] for s in spans],
        }
        self._write(b"R", json.dumps(rest).encode())

    def _write(self, letter: bytes, content: bytes) -> None:
        for data in (letter + len(content).to_bytes(8, "big"), content):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]


def _limit_memory(extra: int) -> None:
    """Lets this process have `extra` bytes more than it has. Elsewhere than on Linux the parent watches."""
    if sys.platform != "linux":
        return
    import resource

    pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    limit = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _shut_in() -> None:
    """No network and no files written, by Python's own doors and, on Linux, by the kernel's too."""
    sys.dont_write_bytecode = True
    if sys.platform != "win32":
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes

        # A network of our own, with nothing in it; only while there is one thread. Some systems don't allow
        # it: then the hook must do.
        ctypes.CDLL(None).unshare(LINUX_CLONE_NEWUSER | LINUX_CLONE_NEWNET)
    sys.addaudithook(_refuse)


def _refuse(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo"):
        raise PermissionError(errno.EACCES, "no network while reading a file")
    if event != "open" or isinstance(args[0], int):  # a descriptor is open already
        return
    if isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
        raise PermissionError(errno.EACCES, "nothing is written while reading a file")


if __name__ == "__main__":
    sys.exit(main())
