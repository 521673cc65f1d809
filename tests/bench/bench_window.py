"""The window: start, first request, idle memory and CPU, opening a long chat: `python -m tests.bench.bench_window`.

The floor of start and memory is the smallest chat window that PySide6 can show, in the same run. Real key
strokes on a virtual screen tell when the window takes typing; the long chat is opened in this process,
offscreen. Without Xvfb and xdotool only the latter is measured.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import psutil

os.environ["QT_QPA_PLATFORM"] = "offscreen"

import qasync
from PySide6.QtCore import QEvent, QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from sqlalchemy import Connection

from mastra_desktop.core import open_core
from mastra_desktop.domain.chat import MessageState, Usage
from mastra_desktop.paths import Paths, prepare_home
from mastra_desktop.store import conversations, messages
from mastra_desktop.store.database import Database
from tests.bench.measuring import ROOT, tell
from tests.e2e.driver import Home, Screen, Window, missing_programs, wait_for
from tests.fakes import ScriptedProvider
from tests.ui.desk import Desk

ROUNDS = 7
START_LIMIT_S = 0.8
REQUEST_LIMIT_S = 0.2
MEMORY_LIMIT_MB = 150.0
SETTLE_S = 13.0  # the start's garbage is collected after 5 s, the caret rests after 10
IDLE_S = 20.0
IDLE_LIMIT_PERCENT = 0.1
LONG_CHAT = 10_000  # messages
OPEN_LIMIT_MS = 150.0
MB = 1024**2

SMALLEST = """
import sys, time
from PySide6.QtWidgets import *
class Smallest(QMainWindow):
    told = False
    def paintEvent(self, event):
        super().paintEvent(event)
        if not self.told:
            self.told = True
            print(f"painted {time.time():.6f}", flush=True)
application = QApplication(sys.argv[:1])
window = Smallest()
window.setWindowTitle("Mastra Desktop")
middle = QWidget()
column = QVBoxLayout(middle)
column.addWidget(QTextEdit())
line = QLineEdit()
column.addWidget(line)
window.setCentralWidget(middle)
window.resize(1440, 900)
window.show()
line.setFocus()
application.exec()
"""


def main() -> None:
    if missing := missing_programs():
        print(f"Without {' and '.join(missing)} start, memory and CPU are not measured.", file=sys.stderr)
    else:
        with Screen() as screen, ScriptedProvider() as server, tempfile.TemporaryDirectory() as folder:
            home = Home(Path(folder) / "home")
            home.use_server(server.base_url, ["normal"])
            (home.folder / "mastra.db").touch()  # not the first start
            with Window(screen, home) as window:  # warms the files; makes the database
                window.close()
            floor_home = Home(Path(folder) / "floor", (sys.executable, "-c", SMALLEST))
            measure_start(screen, home, floor_home)
            measure_first_request(screen, home, server)
            measure_idle(screen, home, floor_home)
    measure_long_chat()


def measure_start(screen: Screen, home: Home, floor_home: Home) -> None:
    """Process start to first paint, and to the first typed key that shows; both windows by turns."""
    paints: dict[Home, list[float]] = {home: [], floor_home: []}
    keys: dict[Home, list[float]] = {home: [], floor_home: []}
    for _ in range(ROUNDS):
        for each in (floor_home, home):
            painted, typed = start_once(screen, each)
            paints[each].append(painted)
            keys[each].append(typed)
    for name, figures in (("start to first paint", paints), ("start to first typed key", keys)):
        value, floor = statistics.median(figures[home]), statistics.median(figures[floor_home])
        tell(name, value, "s", floor=floor, limit=START_LIMIT_S)


def start_once(screen: Screen, home: Home) -> tuple[float, float]:
    """Seconds from process start to paint and to a key on the screen.

    Keys go out one after another from the moment of the first paint; the text box is where the pixels of the
    caret's line differ by far more than a caret.
    """
    started = time.time()
    window = Window(screen, home)
    try:
        wait_for("the first paint", window._has_painted, pause_s=0.005)
        wait_for("the window", lambda: screen.xdotool("getactivewindow", check=False), pause_s=0.005)
        before = screen.picture()
        while True:
            screen.xdotool("key", "m")
            now = screen.picture()
            if typed_between(before.pixels, now.pixels, before.width):
                typed = time.time() - started
                break
            if time.time() - started > 20:
                raise TimeoutError("no typed key was seen")
        return window.painted_at - started, typed
    finally:
        window.__exit__(None, None, None)


def typed_between(before: bytes, now: bytes, width: int) -> bool:
    """Whether something of a letter's size changed in the lower third, where both windows have their box."""
    low = len(before) * 2 // 3
    line = width * 4
    changed = 0
    for at in range(low, len(before), line):
        if before[at : at + line] != now[at : at + line]:
            ours, theirs = (
                memoryview(before[at : at + line]).cast("I"),
                memoryview(now[at : at + line]).cast("I"),
            )
            columns = [x for x, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a != b]
            changed += columns[-1] - columns[0] > 4  # a caret is thinner
    return changed >= 5


def measure_first_request(screen: Screen, home: Home, server: ScriptedProvider) -> None:
    """Enter in a window that has just come to rest, to the request at the stand-in."""
    taken = []
    for _ in range(3):
        with Window(screen, home) as window:
            window.keys("ctrl+n")
            window.type("hello")
            count = len(server.chats)
            pressed = time.monotonic()
            window.keys("Return")
            wait_for("the request", lambda count=count: len(server.chats) > count, pause_s=0.005)  # type: ignore[misc]  # bound per round
            taken.append(server.chats[-1].at - pressed)
            window.close()
    tell("first Send to the request on the wire", statistics.median(taken), "s", limit=REQUEST_LIMIT_S)


def measure_idle(screen: Screen, home: Home, floor_home: Home) -> None:
    """Memory and CPU of a window nobody touches."""
    with Window(screen, floor_home) as window:
        floor = psutil.Process(window.process.pid).memory_full_info()
    with Window(screen, home) as window:
        time.sleep(SETTLE_S)
        process = psutil.Process(window.process.pid)
        memory, before = process.memory_full_info(), process.cpu_times()
        time.sleep(IDLE_S)
        after = process.cpu_times()
        used_s = after.user + after.system - before.user - before.system
        window.close()
    tell("idle memory, RSS", memory.rss / MB, "MB", floor=floor.rss / MB, limit=MEMORY_LIMIT_MB)
    tell("idle memory, PSS", memory.pss / MB, "MB", floor=floor.pss / MB, limit=MEMORY_LIMIT_MB)
    tell("idle CPU", used_s / IDLE_S * 100, "%", limit=IDLE_LIMIT_PERCENT)


# -- the long chat -----------------------------------------------------------------------------------


def measure_long_chat() -> None:
    """From the click on a conversation to the first paint of its end; 100 messages beside it."""
    with tempfile.TemporaryDirectory() as folder, ScriptedProvider() as server:
        home = Paths(Path(folder) / "home", Path(folder) / "cache", ROOT / "resources")
        prepare_home(home)
        asyncio.run(write_chats(home))
        application = QApplication([])
        application.setQuitOnLastWindowClosed(False)
        loop = qasync.QEventLoop(application)
        asyncio.events._set_running_loop(loop)
        desk = Desk(application, loop, home, server)
        desk.open()
        desk.window.resize(1440, 900)
        taken: dict[str, list[float]] = {"short": [], "long": []}
        for _ in range(ROUNDS):
            for chat in taken:
                taken[chat].append(open_once(desk, chat))
        desk.close()
        asyncio.events._set_running_loop(None)
        loop.close()
    for chat, count in (("short", 100), ("long", LONG_CHAT)):
        middle = statistics.median(taken[chat])
        tell(f"open a chat of {count:,} messages", middle, "ms", limit=OPEN_LIMIT_MS)


def open_once(desk: Desk, chat: str) -> float:
    """Milliseconds until its last turn is painted. The rest of it loads afterwards and is waited for."""
    view = desk.window.chat.view
    painted: list[float] = []

    def on_paint() -> None:
        if view.transcript.isVisible() and desk.turns and desk.last.id.startswith(f"{chat}-"):
            painted.append(time.perf_counter())

    watcher = _Paints(on_paint)
    view.transcript.viewport().installEventFilter(watcher)
    started = time.perf_counter()
    desk.window.chat.open(chat)
    desk.wait(lambda: painted, 10)
    view.transcript.viewport().removeEventFilter(watcher)
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"), 60)
    QTest.qWait(50)
    return (painted[0] - started) * 1000


class _Paints(QObject):
    """Tells of each paint event."""

    def __init__(self, tell_of: Callable[[], None]) -> None:
        super().__init__()
        self._tell_of = tell_of

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Paint:
            self._tell_of()
        return False


async def write_chats(home: Paths) -> None:
    """A short and a long conversation, written as the app writes them."""
    async with AsyncExitStack() as stack:
        core = await stack.enter_async_context(open_core(home, {}, purpose="bench"))
        await write_chat(core.db, "short", 100)
        await write_chat(core.db, "long", LONG_CHAT)


async def write_chat(db: Database, name: str, count: int) -> None:
    def write(conn: Connection) -> None:
        conversations.create(conn, id=name, title=f"A {name} one", model_id="m/m", now=time.time())
        parent: str | None = None
        for n in range(count // 2):
            now = time.time()
            answer = f"{name}-{n}-a"
            messages.begin_turn(
                conn, conversation_id=name, user_id=f"{name}-{n}-u", answer_id=answer, parent_id=parent,
                text=f"Question {n} about the weather?", model_id="m/m", now=now,
            )  # fmt: skip
            messages.settle(
                conn, answer, text=f"Answer **{n}**.\n\n- one\n- two\n\n" + "Some words of an answer. " * 20,
                reasoning="", state=MessageState.DONE, finish_reason="stop", usage=Usage(),
                first_token_ms=None, total_ms=None, error=None, now=now,
            )  # fmt: skip
            parent = answer

    await db.write(write)


if __name__ == "__main__":
    main()
