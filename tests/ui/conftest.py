"""The window's loop, and a desk with a window on it."""

from __future__ import annotations

import asyncio
import gc
from asyncio.events import _set_running_loop as set_running_loop
from collections.abc import Iterator
from typing import Any

import pytest
import qasync
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mastra_desktop.paths import Paths
from tests.fakes import ScriptedProvider
from tests.ui.desk import Desk

PIECE_DELAY_S = 0.01


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[asyncio.AbstractEventLoop]:
    """qasync's loop as in app.py, driven by whatever lets Qt's events through; nothing runs it as a whole.

    It counts as the running one all the time, because Qt's own test functions let events through as well.
    What it could not hand to anybody fails the test.
    """
    qapp.setQuitOnLastWindowClosed(False)
    loop = qasync.QEventLoop(qapp)
    trouble: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: trouble.append(context))
    set_running_loop(loop)
    yield loop
    QTest.qWait(1)
    set_running_loop(None)
    loop.close()
    assert not trouble, trouble


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(delay_s=PIECE_DELAY_S) as provider:
        yield provider


@pytest.fixture
def desk(
    qapp: QApplication, loop: asyncio.AbstractEventLoop, home: Paths, server: ScriptedProvider
) -> Iterator[Desk]:
    """Without a window yet; the last one is closed afterwards.

    Rubbish is collected here, on the window's thread: Qt's objects must not end on the engine's.
    """
    gc.disable()
    desk = Desk(qapp, loop, home, server)
    desk.add_server("normal", "slow", "silent", "fast", "markdown")
    yield desk
    desk.close()
    gc.collect()
    gc.enable()
    assert "Traceback" not in desk.log(), desk.log()
