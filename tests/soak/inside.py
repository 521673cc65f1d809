"""The app's own command or window with a second door for the soak: `python -m tests.soak.inside SOCKET [COMMAND...]`.

Runs what `mastra-desktop COMMAND...` runs, and answers lines of JSON on a Unix socket beside it: what this
process holds at the moment, and what the HTTP API does not offer (removing, restoring, adding). Nothing of
it is in the product. With SOAK_PLANT in the environment each answer leaks that many bytes: the detector
has to find it.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import json
import os
import queue
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from mastra_desktop import core as core_module
from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.knowledge import Document
from mastra_desktop.domain.tokens import TokenRole
from mastra_desktop.services.recording import Recorder, Watch

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

LINE_LIMIT = 16 * 1024**2
ADD_PATIENCE_S = 120.0
RING_SAMPLES = 6
PLANTED: list[bytes] = []


_MALLOC_FIELDS = (
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
)


class _Malloc(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLOC_FIELDS]


def live_bytes() -> int:
    """Bytes in use of the C library's memory, to the byte: all of Python's too, under PYTHONMALLOC=malloc.

    Without SQLite's, whose page caches fill up to their limit and would look like a leak for half an hour.
    Where the C library does not tell: resident memory, which is coarser.
    """
    if not hasattr(ctypes.CDLL(None), "mallinfo2"):
        return int(psutil.Process().memory_info().rss)
    ask = ctypes.CDLL(None).mallinfo2
    ask.restype = _Malloc
    found = ask()
    return int(found.uordblks) + int(found.hblkhd) - sqlite_bytes()


def sqlite_bytes() -> int:
    """What SQLite has from the C library; 0 where Python brings a SQLite of its own."""
    try:
        library = ctypes.CDLL("libsqlite3.so.0")
    except OSError:
        return 0
    library.sqlite3_memory_used.restype = ctypes.c_int64
    return int(library.sqlite3_memory_used())


class Widgets:
    """Counts widgets and timers of the window, on its thread, where it is made.

    Asking Qt for them would make Python objects for what is Qt's own, and those end in a crash at the exit. So
    Python's are counted; what was there before the app froze it (5 s after its start) is not among them.
    """

    def __init__(self, application: QApplication) -> None:
        from PySide6.QtCore import QObject, Qt, QTimer, Signal
        from PySide6.QtWidgets import QWidget

        class Asked(QObject):
            now = Signal(object)

        def count(answer: queue.Queue[tuple[int, int]]) -> None:
            kinds = [type(thing) for thing in gc.get_objects()]
            widgets = sum(issubclass(kind, QWidget) for kind in kinds)
            answer.put((widgets, sum(issubclass(kind, QTimer) for kind in kinds)))

        self._asked = Asked(application)
        self._asked.now.connect(count, Qt.ConnectionType.QueuedConnection)

    def count(self) -> tuple[int, int]:
        """(widgets, timers); from any thread but the window's."""
        answer: queue.Queue[tuple[int, int]] = queue.Queue()
        self._asked.now.emit(answer)
        return answer.get(timeout=10)


class Door:
    """Answers on the socket, on the core's loop."""

    def __init__(self, core: Core, widgets: Widgets | None) -> None:
        self._core = core
        self._widgets = widgets
        # An hour of samples is kept, about 300 bytes of each answer in it: bounded, but not within a soak.
        core.telemetry._ring = deque(maxlen=RING_SAMPLES)
        self._verbs: dict[str, Callable[..., Any]] = {
            "probe": self._probe,
            "token": self._token,
            "search": self._search,
            "delete": core.conversations.delete,
            "restore": core.conversations.restore,
            "collection": self._collection,
            "add": self._add,
            "remove_document": core.knowledge.remove,
            "restore_document": core.knowledge.restore,
            "verify": self._verify,
            "figures": self._figures,
        }

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while line := await reader.readline():
                asked = json.loads(line)
                try:
                    found = await self._verbs[asked.pop("do")](**asked)
                    answer = {"ok": found}
                except MastraError as error:
                    answer = {"error": error.info.code, "message": error.info.message}
                except Exception as error:
                    answer = {"error": "bug", "message": repr(error)}
                writer.write(json.dumps(answer).encode() + b"\n")
                await writer.drain()
        writer.close()

    async def _probe(self) -> dict[str, int]:
        await self._figures()  # rows that wait for the database would look like growth
        if self._widgets is None:  # in the window only its own thread collects
            gc.collect()
        me = psutil.Process()
        loop = asyncio.get_running_loop()
        widgets, qt_timers = await asyncio.to_thread(self._widgets.count) if self._widgets else (0, 0)
        return {
            "live_bytes": live_bytes(),
            "sqlite_bytes": sqlite_bytes(),
            "rss": me.memory_info().rss,
            "tasks": len(asyncio.all_tasks(loop)),
            "timers": _timers(loop),
            "threads": me.num_threads(),
            "descriptors": me.num_fds(),
            "children": len(me.children(recursive=True)),
            "widgets": widgets,
            "qt_timers": qt_timers,
        }

    async def _token(self) -> str:
        return (await self._core.tokens.create(TokenRole.OPERATOR, "soak")).secret

    async def _search(self, text: str) -> list[str]:
        return [hit.conversation_id for hit in await self._core.conversations.search(text)]

    async def _collection(self, name: str) -> str:
        with suppress(MastraError):
            return (await self._core.knowledge.collection(name)).id
        return (await self._core.knowledge.create_collection(name)).id

    async def _add(self, collection: str, path: str) -> dict[str, str]:
        """The document once it is ready or failed."""
        added = await self._core.knowledge.add(collection, [Path(path)], on_same_name="keep_both")
        for _, refused in added.refused:
            return {"id": "", "state": "failed", "code": refused.code, "error": refused.message}
        last: Document = added.documents[0]
        async with asyncio.timeout(ADD_PATIENCE_S):
            async for document in self._core.knowledge.wait([last.id]):
                last = document
        code, text = (last.error.code, last.error.message) if last.error else ("", "")
        return {"id": last.id, "state": last.state.value, "code": code, "error": text}

    async def _verify(self) -> dict[str, Any]:
        found = (await self._core.audit.verify()).verdict
        return {"ok": found.ok, "rows": found.rows, "problem": found.problem}

    async def _figures(self) -> int:
        """What was counted is in the database after this; how many rows of the last minute there are."""
        return len(await self._core.telemetry.requests(time.time() - 60, time.time() + 60))


def _timers(loop: asyncio.AbstractEventLoop) -> int:
    """Timers of the loop that are still to come."""
    scheduled = getattr(loop, "_scheduled", None)  # uvloop keeps them out of sight
    if scheduled is not None:
        return sum(not timer.cancelled() for timer in scheduled)
    return sum(type(thing).__name__ == "TimerHandle" for thing in gc.get_objects())


def _plant(size_bytes: int) -> None:
    watch = Recorder.watch

    def leaking(self: Recorder) -> Watch:
        PLANTED.append(bytes(size_bytes))
        return watch(self)

    Recorder.watch = leaking  # type: ignore[method-assign]


def main(socket: str, command: list[str]) -> int:
    widgets: list[Widgets] = []

    @asynccontextmanager
    async def open_with_door(*args: Any, **named: Any) -> AsyncIterator[Core]:
        async with open_core(*args, **named) as core:
            door = Door(core, widgets[0] if widgets else None)
            server = await asyncio.start_unix_server(door.answer, socket, limit=LINE_LIMIT)
            try:
                yield core
            finally:
                server.close()

    core_module.open_core = open_with_door
    if size := int(os.environ.get("SOAK_PLANT", "0")):
        _plant(size)
    if command:
        from mastra_desktop.cli import run_command

        return run_command(command)
    from mastra_desktop import app

    make = app.make_application

    def make_with_counter() -> QApplication:
        application = make()
        widgets.append(Widgets(application))
        return application

    app.make_application = make_with_counter
    assert threading.current_thread() is threading.main_thread()
    return app.run_window()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
