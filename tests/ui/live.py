"""A window's surroundings for tests of panes: the qasync loop, a real core in its engine thread, real tasks."""

from __future__ import annotations

import asyncio
import gc
from asyncio.events import _set_running_loop as set_running_loop
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import qasync
from PySide6.QtCore import QSettings
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.core import open_core
from mastra_desktop.engine import Engine
from mastra_desktop.paths import Paths
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController

T = TypeVar("T")


class Live:
    """What a pane gets. `errors` holds what its tasks reported."""

    def __init__(self, loop: asyncio.AbstractEventLoop, paths: Paths) -> None:
        self.loop = loop
        self.paths = paths
        self.theme = ThemeController(paths.resources, mode="light")
        self.theme.load_fonts()
        self.icons = Icons(self.theme)
        self.state = QSettings(str(paths.home / "window.ini"), QSettings.Format.IniFormat)
        self.errors: list[BaseException] = []
        self.tasks = Tasks(loop, self.errors.append)
        self.engine = Engine(lambda: open_core(paths, {}, purpose="test"))

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = 10.0) -> T:
        """Not by `run_until_complete`: qasync lets tasks step once more after that loop has ended."""
        task = self.loop.create_task(asyncio.wait_for(work, timeout_s))
        while not task.done():
            QTest.qWait(2)
        return task.result()

    def until(self, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        """Lets the window run until `condition` holds."""

        async def wait() -> None:
            while not condition():  # noqa: ASYNC110 - any condition, of widgets that have no events
                await asyncio.sleep(0.005)

        self.run(wait(), timeout_s)

    def settle(self) -> None:
        """Lets layouts and what was posted happen."""
        self.run(asyncio.sleep(0.03))

    def show(self, widget: QWidget, qtbot: QtBot, width: int = 1440, height: int = 900) -> None:
        qtbot.addWidget(widget)
        widget.resize(width, height)
        widget.show()
        self.settle()


@contextmanager
def live_core(app: QApplication, paths: Paths, *, start: bool = True) -> Iterator[Live]:
    """Without `start` the engine waits for the test to start it. Fails when a task reported an error.

    Rubbish is collected here, on the window's thread: Qt's objects must not end on the engine's.
    """
    gc.disable()
    loop = qasync.QEventLoop(app)
    asyncio.set_event_loop(loop)
    set_running_loop(loop)  # also while Qt's test functions let events through
    live = Live(loop, paths)
    dressed = app.styleSheet(), app.font()
    template = (paths.resources / "theme.qss").read_text(encoding="utf-8")
    app.setFont(live.theme.current.font("ui"))
    app.setStyleSheet(live.theme.current.style_sheet(template, paths.resources / "icons" / "control"))
    if start:
        live.engine.start()
    try:
        yield live
        live.run(live.tasks.cancel_all())
    finally:
        live.run(live.engine.stop())
        app.setStyleSheet(dressed[0])
        app.setFont(dressed[1])
        set_running_loop(None)
        loop.close()
        asyncio.set_event_loop(None)
        gc.collect()
        gc.enable()
    assert not live.errors, [repr(error) for error in live.errors]
