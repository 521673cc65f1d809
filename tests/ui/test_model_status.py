"""The status bar's words on providers that are left alone."""

from __future__ import annotations

import time

import pytest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.domain.events import ProviderHealthChanged, ProviderState
from mastra_desktop.paths import Paths
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.model_status import ModelStatus
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.status_bar import StatusBar


@pytest.mark.slow
def test_a_provider_left_alone_is_told(qapp: QApplication, home: Paths, qtbot: QtBot) -> None:
    """The latest is in the bar with its seconds, all are in the tooltip; what is asked again, or whose time is
    over, goes."""
    theme = ThemeController(home.resources)
    bar = StatusBar(theme, Icons(theme))
    qtbot.addWidget(bar)
    status = ModelStatus(bar)

    def tell(name: str, state: ProviderState, seconds: float | None) -> None:
        until = None if seconds is None else time.time() + seconds
        status.show_health(ProviderHealthChanged(name, state, until))

    tell("slow", ProviderState.COOLING, 12)
    assert bar.text("provider-health") == "slow: asked for a pause, goes on in 12 s"
    tell("work", ProviderState.OPEN, 28)
    assert bar.text("provider-health") == "work: paused after errors, tries again in 28 s"
    item = bar.findChild(QWidget, "status-provider-health")
    assert item is not None
    assert "slow: asked for a pause" in item.toolTip()
    tell("work", ProviderState.HALF_OPEN, None)
    assert bar.text("provider-health").startswith("slow: ")
    tell("slow", ProviderState.COOLING, 1.2)
    qtbot.waitUntil(lambda: bar.text("provider-health") == "", timeout=4000)
