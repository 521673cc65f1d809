"""The window: ui on the qasync loop over the core in its engine thread. The only file that knows qasync."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from typing import TYPE_CHECKING

import qasync
from PySide6.QtCore import QSettings, QSocketNotifier, Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from mastra_desktop import __version__
from mastra_desktop.engine import Engine
from mastra_desktop.ops.crash import CrashReporter, Ended
from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.paths import Paths, find_paths
from mastra_desktop.ui.garbage import GarbageTimer
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.main_window import MainWindow
from mastra_desktop.ui.single_instance import FirstInstance, show_first_instance
from mastra_desktop.ui.theme import ThemeController

if TYPE_CHECKING:
    from mastra_desktop.core import Core

SWITCH_INTERVAL_S = 0.002  # the engine's Python lets the window's thread in after at most this


def run_window(files: Sequence[str] = ()) -> int:
    """Opens the window, or brings the one that is open to the front. The exit code.

    `files`: absolute paths to put into a collection, which it asks for.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    paths = find_paths(os.environ)
    application = make_application()
    address = instance_address(paths)
    if show_first_instance(address, files):
        return 0
    with qasync.QEventLoop(application) as loop:
        asyncio.set_event_loop(loop)
        known = KnownSecrets()
        crashes = CrashReporter(paths.logs, known.clean)
        ended = crashes.ended_before()
        with crashes.watching():
            loop.run_until_complete(_show(application, paths, address, known, crashes, ended, files))
            gc.collect()  # icons that a cycle keeps until Python ends would outlive Qt, and crash it then
    return 0


def make_application() -> QApplication:
    """The QApplication with the names and policies this app needs."""
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    if os.environ.get("QT_IM_MODULE") == "fcitx":  # the wheels ship no fcitx; fcitx5 speaks ibus too
        os.environ["QT_IM_MODULE"] = "ibus"
    application = QApplication(sys.argv[:1])
    application.setApplicationName("mastra-desktop")
    application.setApplicationDisplayName("Mastra Desktop")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("mastra-desktop")
    application.setQuitOnLastWindowClosed(False)  # the window closes the engine first, then the loop ends
    return application


def instance_address(paths: Paths) -> str:
    """The name under which the window over this data home can be reached."""
    return "mastra-desktop-" + hashlib.sha256(str(paths.home.absolute()).encode()).hexdigest()[:16]


async def _show(
    application: QApplication,
    paths: Paths,
    address: str,
    known: KnownSecrets,
    crashes: CrashReporter,
    ended: Ended | None,
    files: Sequence[str],
) -> None:
    theme = ThemeController(paths.resources)
    icons = Icons(theme)
    state = QSettings(str(paths.home / "window.ini"), QSettings.Format.IniFormat)
    mode = str(state.value("appearance/mode", ""))
    theme.set_mode("light" if mode == "light" else "dark" if mode == "dark" else "system")
    theme.set_text_scale(float(str(state.value("appearance/text_scale", 1.0))))
    theme.apply(application)
    application.setWindowIcon(icons.app_icon())

    closed = asyncio.get_running_loop().create_future()

    def build_core() -> AbstractAsyncContextManager[Core]:
        from mastra_desktop.core import open_core  # on the engine's thread, once the window can be seen

        return open_core(paths, os.environ, purpose="window", known=known)

    def make_engine() -> Engine:
        return Engine(build_core)

    def end() -> None:
        if not closed.done():
            closed.set_result(None)

    window = MainWindow(
        theme,
        icons,
        state,
        paths,
        make_engine,
        on_closed=end,
        loop=asyncio.get_running_loop(),
        crashes=crashes,
        ended=ended,
    )
    window.show()
    garbage = GarbageTimer(window)
    window.opening.add(files)

    def show(asked: list[str]) -> None:
        window.come_to_front()
        window.opening.add(asked)

    first = FirstInstance(address, show)

    def begin() -> None:
        first.listen()
        window.start()

    _after_first_paint(window, begin)
    application.aboutToQuit.connect(end)
    with _signals_close(window):
        await closed
    garbage.stop()
    first.close()
    state.sync()


@contextmanager
def _signals_close(window: MainWindow) -> Iterator[None]:
    """SIGTERM and SIGINT close the window in order. Qt waits in C++, where no Python runs; a pair
    of sockets that Python writes to on a signal wakes it up."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    notifier = QSocketNotifier(reader.fileno(), QSocketNotifier.Type.Read)

    def close() -> None:
        with suppress(BlockingIOError):
            reader.recv(64)  # else the notifier would call again and again, and each time counts as a request
        window.close()

    notifier.activated.connect(close)
    before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    try:
        yield
    finally:
        notifier.setEnabled(False)
        signal.set_wakeup_fd(before)
        reader.close()
        writer.close()


def _after_first_paint(window: MainWindow, run: Callable[[], object]) -> None:
    """Runs `run` once the window can be seen: nothing heavy happens before."""

    def painted() -> None:
        window.painted.disconnect(painted)
        if os.environ.get("MASTRA_START_REPORT"):  # for the start-up benchmark
            print(f"painted {time.time():.6f}", flush=True)
        QTimer.singleShot(0, run)

    window.painted.connect(painted)
