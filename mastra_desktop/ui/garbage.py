"""Collects Python's garbage on the window's thread, and only there.

Qt objects that are collected on another thread (the engine's allocates most) leave their timers alive and
crash the process. So the automatic collection is off, and a timer does its work.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 2_000
START_UP_MS = 5_000


class GarbageTimer(QObject):
    """Looks every 2 s whether a generation is over its threshold; looking costs a microsecond."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=INTERVAL_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()
        QTimer.singleShot(START_UP_MS, self, self._keep_start_up)

    def stop(self) -> None:
        """Back to the automatic collection."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _keep_start_up(self) -> None:
        """What was made until now stays for good: later full collections need not look at it (30 ms)."""
        gc.collect()
        gc.freeze()

    def _collect(self) -> None:
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return
