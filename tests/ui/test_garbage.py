"""Garbage is collected on the window's thread."""

from __future__ import annotations

import gc
import threading

from PySide6.QtCore import QObject
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from mastra_desktop.ui.garbage import GarbageTimer


def test_cycles_are_collected_here_and_not_on_another_thread(qapp: QApplication) -> None:
    """Another thread that allocates collects nothing; the timer on this one does."""
    where: list[int] = []

    def note(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            where.append(threading.get_ident())

    parent = QObject()
    garbage = GarbageTimer(parent)
    garbage._timer.setInterval(20)
    gc.callbacks.append(note)
    kept: list[list[object]] = []
    try:
        worker = threading.Thread(target=lambda: kept.extend([object()] for _ in range(20_000)))
        worker.start()
        worker.join()
        assert where == []
        QTest.qWait(100)
        assert where
        assert set(where) == {threading.get_ident()}
    finally:
        gc.callbacks.remove(note)
        garbage.stop()
    assert gc.isenabled()
