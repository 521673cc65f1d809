"""The order of fallbacks in Settings: picker, buttons, keys and the mouse."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.paths import Paths
from mastra_desktop.ui.panes.settings_fallback_row import FallbackRow
from mastra_desktop.ui.panes.settings_server import ServerPage
from mastra_desktop.ui.widgets.buttons import IconButton
from tests.fakes import ScriptedProvider
from tests.ui.live import Live, live_core
from tests.ui.test_settings_pane import add, opened, pane, quiet, servers


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=("normal", "slow")) as running:
        yield running


def fallbacks(live: Live) -> list[str]:
    """As the configuration has them once nothing runs any more."""
    live.settle()
    live.until(lambda: not live.tasks.running("settings-change-fallbacks"))
    quiet(live)
    return list(servers(live)["team"].fallbacks)


def pick_fallback(live: Live, page: ServerPage, typed: str) -> list[str]:
    """Opens the list of models, types and takes what is found first."""
    page.fallbacks.picker.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(page.fallbacks.picker, Qt.Key.Key_Return)
    QTest.keyClicks(focused(), typed)
    QTest.keyClick(focused(), Qt.Key.Key_Return)
    return fallbacks(live)


def focused() -> QWidget:
    found = QApplication.focusWidget()
    assert found is not None
    return found


@pytest.mark.slow
def test_fallbacks_have_an_order(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Models of all providers are found by typing, up to five; the buttons and Alt+Up and Alt+Down move them,
    the keys stay where they were, and every step is in the configuration."""
    with ScriptedProvider(models=("one", "two", "three", "four", "five", "six")) as second:
        add(live, second, "spare")
        _made, page = opened(live, qtbot, server)
        for model in ("one", "two", "three"):
            assert f"spare/{model}" in pick_fallback(live, page, f"sp {model}")
        offered = [item.id for item in page.fallbacks.picker._items]
        assert "spare/one" not in offered
        assert "team/normal" in offered
        up = page.fallbacks.findChild(IconButton, "up spare/three")
        assert up is not None
        up.setFocus()
        up.click()
        assert fallbacks(live) == ["spare/one", "spare/three", "spare/two"]
        assert focused().objectName() == "up spare/three"
        QTest.keyClick(focused(), Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        assert fallbacks(live) == ["spare/three", "spare/one", "spare/two"]
        assert focused().objectName() == "fallback spare/three"  # its button up is of no use at the top
        QTest.keyClick(focused(), Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
        QTest.keyClick(focused(), Qt.Key.Key_Down, Qt.KeyboardModifier.AltModifier)
        assert fallbacks(live) == ["spare/one", "spare/three", "spare/two"]
        gone = page.fallbacks.findChild(IconButton, "remove spare/one")
        assert gone is not None
        gone.click()
        assert fallbacks(live) == ["spare/three", "spare/two"]
        for model in ("four", "five", "six"):
            pick_fallback(live, page, f"sp {model}")
        assert len(fallbacks(live)) == 5
        assert not page.fallbacks.picker.isVisible()
        assert page.fallbacks.note.text() == "At most 5 models."


@pytest.mark.slow
def test_fallbacks_are_dragged_into_order(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A line shows where the row will go; Esc and a click without way change nothing."""
    with ScriptedProvider(models=("a", "b", "c")) as second:
        add(live, second, "spare")
        chosen = ("spare/a", "spare/b", "spare/c")
        add(live, server)
        live.run(live.engine.call(lambda core: core.providers.change_server("team", fallbacks=chosen)))
        made = pane(live, qtbot)
        made.providers.choose("team")
        quiet(live)
        rows = made.providers.server.fallbacks.rows

        def row(model: str) -> FallbackRow:
            found = rows.findChild(FallbackRow, f"fallback spare/{model}")
            assert found is not None
            return found

        def drag(model: str, onto: str, below: int) -> FallbackRow:
            """Presses the row and moves it to below the other's middle by so many pixels."""
            taken, target = row(model), row(onto)
            QTest.mousePress(taken, Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
            to = taken.mapFrom(rows, target.geometry().center() + QPoint(0, below))
            for point in (QPoint(8, 10), to - QPoint(0, 2), to):
                QTest.mouseMove(taken, point)
                live.settle()
            return taken

        def release(taken: FallbackRow, onto: str, below: int) -> None:
            to = taken.mapFrom(rows, row(onto).geometry().center() + QPoint(0, below))
            QTest.mouseRelease(taken, Qt.MouseButton.LeftButton, pos=to)

        taken = drag("a", "c", 4)
        assert taken.dragging
        assert rows.marks(3)
        release(taken, "c", 4)
        assert fallbacks(live) == ["spare/b", "spare/c", "spare/a"]
        assert not rows.marks()
        taken = drag("a", "c", -4)
        assert rows.marks(1)
        release(taken, "c", -4)
        assert fallbacks(live) == ["spare/b", "spare/a", "spare/c"]
        taken = drag("c", "b", -4)
        QTest.keyClick(taken, Qt.Key.Key_Escape)
        release(taken, "b", -4)
        QTest.mouseClick(row("b"), Qt.MouseButton.LeftButton, pos=QPoint(8, 8))
        assert fallbacks(live) == ["spare/b", "spare/a", "spare/c"]
        assert not rows.marks()
