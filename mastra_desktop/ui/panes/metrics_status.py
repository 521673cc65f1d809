"""The status bar's figures: processor, memory, and how many health checks are well."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.item_models.metric_words import size
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.widgets.status_bar import DOT, StatusBar

if TYPE_CHECKING:
    from mastra_desktop.core import Core
    from mastra_desktop.services.health import Report

EVERY_MS = 5000
HEALTH_S = 30.0  # a quick look, where the Metrics pane does not tell
_TASK = "status-figures"


@dataclass(frozen=True, slots=True)
class _Figures:
    cpu_share: float | None
    memory_bytes: int
    memory_total_bytes: int | None
    health: Report | None


class FigureStatus(QObject):
    """Reads each 5 s while the window can be seen; words that stay the same are not painted again."""

    health_pressed = Signal()

    def __init__(self, bar: StatusBar, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__(bar)
        self._bar, self._bridge, self._tasks = bar, bridge, tasks
        for item in ("cpu", "memory", "health"):
            bar.add_right(item, clickable=item == "health")
        bar.item_clicked.connect(lambda item: self.health_pressed.emit() if item == "health" else None)
        self._health_due = 0.0  # by time.monotonic
        self._timer = QTimer(self, interval=EVERY_MS)
        self._timer.timeout.connect(self._read)

    def start(self) -> None:
        """Once the core is there."""
        self._timer.start()
        self._bar.window().installEventFilter(self)
        self._read()

    def stop(self) -> None:
        self._timer.stop()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.WindowStateChange:
            if self._bar.window().isMinimized():
                self._timer.stop()
            else:
                self._timer.start()
        return False

    def show_health(self, healthy: int, checks: int) -> None:
        """Of the newest round of health checks; nothing is said before the first."""
        if not checks:
            return
        self._health_due = time.monotonic() + HEALTH_S
        words = self.tr("{n} of {all} healthy").format(n=healthy, all=checks)
        self._show("health", words, DOT, "success" if healthy == checks else "warn")

    def _read(self) -> None:
        if not self._tasks.running(_TASK):
            self._tasks.start(self._ask(), key=_TASK)

    async def _ask(self) -> None:
        with_health = time.monotonic() >= self._health_due
        found = await self._bridge.call(lambda core: _figures(core, with_health))
        if found.health is not None:
            healthy = sum(check.status == "healthy" for check in found.health.checks)
            self.show_health(healthy, len(found.health.checks))
        if found.cpu_share is not None:
            self._show("cpu", self.tr("CPU {n}%").format(n=f"{found.cpu_share * 100:.0f}"))
        if found.memory_bytes and found.memory_total_bytes:
            words = self.tr("Memory {used} of {all}")
            words = words.format(used=size(found.memory_bytes), all=size(found.memory_total_bytes))
            self._show("memory", words, tooltip=self.tr("What this app and its models take"))

    def _show(self, item: str, words: str, icon: str = "", tone: str = "", tooltip: str = "") -> None:
        if words != self._bar.text(item):
            self._bar.set_item(item, words, icon, tone, tooltip)  # type: ignore[arg-type]


async def _figures(core: Core, with_health: bool) -> _Figures:
    return _Figures(*core.telemetry.figures(), await core.health.quick() if with_health else None)
