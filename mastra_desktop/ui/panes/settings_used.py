"""How much of a provider's own limits was used in the last minute."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from mastra_desktop.core import Core
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.tasks import Tasks

EACH_MS = 1000
_STEPS = 1000
TASK = "settings-limits-used"


class UsedBar(QWidget):
    """Hidden where there is no limit; asks each second, and only while it can be seen."""

    def __init__(self, bridge: Bridge, tasks: Tasks) -> None:
        super().__init__()
        self._bridge, self._tasks = bridge, tasks
        self.destroyed.connect(lambda: tasks.cancel(TASK))
        self._server: ServerInfo | None = None
        self.words = label("", "small")
        self.words.setProperty("tabular", True)
        self.bar = QProgressBar()
        self.bar.setRange(0, _STEPS)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(self.tr("Used in the last minute"))
        self._timer = QTimer(self)
        self._timer.setInterval(EACH_MS)
        self._timer.timeout.connect(self.look)
        above = QHBoxLayout()
        above.addWidget(label(self.tr("Used in the last minute"), "small"))
        above.addStretch(1)
        above.addWidget(self.words)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(6)
        column.addLayout(above)
        column.addWidget(self.bar)
        self.hide()

    def show_server(self, server: ServerInfo) -> None:
        if self._server is None or self._server.id != server.id:
            self._show(0, 0, server)
        self._server = server
        self.setVisible(bool(server.requests_per_minute or server.tokens_per_minute))
        if self.isVisible():
            self.look()

    def look(self) -> None:
        if self._server is not None and not self._tasks.running(TASK):
            self._tasks.start(self._look(self._server), key=TASK)

    async def _look(self, server: ServerInfo) -> None:
        async def ask(core: Core) -> tuple[int, int]:
            return core.providers.used(server.id)

        requests, tokens = await self._bridge.call(ask)
        if self._server is not None and self._server.id == server.id:
            self._show(requests, tokens, self._server)

    def _show(self, requests: int, tokens: int, server: ServerInfo) -> None:
        parts, most = [], 0.0
        if limit := server.requests_per_minute:
            parts.append(self.tr("{n} of {of} requests").format(n=f"{requests:,}", of=f"{limit:,}"))
            most = max(most, requests / limit)
        if limit := server.tokens_per_minute:
            parts.append(self.tr("{n} of {of} tokens").format(n=f"{tokens:,}", of=f"{limit:,}"))
            most = max(most, tokens / limit)
        self.words.setText(" · ".join(parts))
        self.bar.setValue(min(_STEPS, round(most * _STEPS)))
        self.bar.setAccessibleDescription(self.words.text())

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._timer.start()
        self.look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()
