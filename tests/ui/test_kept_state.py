"""What a crash leaves: the window keeps its state while a person uses it, and says what goes on."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QLabel

from mastra_desktop.ops.crash import Ended
from mastra_desktop.ui import session
from mastra_desktop.ui.session import put
from tests.ui.desk import Desk


def test_the_window_keeps_its_state_before_it_closes(desk: Desk) -> None:
    """Its place and the panes' are in the file while it is used; nothing is written for what is the same."""
    window = desk.open()
    window.activateWindow()
    desk.wait(window.isActiveWindow)
    window.show_page("metrics")
    window._keeping.setInterval(10)
    state = QSettings(str(desk.home.home / "window.ini"), QSettings.Format.IniFormat)

    def kept() -> bool:
        state.sync()
        return bool(state.value("window/geometry")) and state.value("metrics/range") == "15m"

    desk.wait(kept)
    assert state.value("window/page") == "metrics"
    assert session.KEEP_MS >= 1000


def test_only_changes_are_written(tmp_path: Path) -> None:
    """A value that is there already does not make the file written anew."""
    file = tmp_path / "a.ini"
    state = QSettings(str(file), QSettings.Format.IniFormat)
    put(state, "a/b", "1")
    state.sync()
    written = file.stat().st_mtime_ns
    put(state, "a/b", "1")
    state.sync()
    assert file.stat().st_mtime_ns == written
    put(state, "a/b", "2")
    state.sync()
    assert file.stat().st_mtime_ns != written


def test_what_was_interrupted_is_told_until_it_is_closed(desk: Desk, tmp_path: Path) -> None:
    """Answers that were cut off, and documents that go on; the words stay."""
    window = desk.open()
    window.recovery.tell(Ended(tmp_path, None, 0.0), 2, 3)
    [toast] = window.toasts._toasts
    words = " ".join(label.text() for label in toast.findChildren(QLabel))
    assert "cut off: 2" in words
    assert "being added: 3" in words
    assert not toast.timer.isActive()
    window.recovery.tell(Ended(tmp_path, None, 0.0), 0, 0)
    words = " ".join(label.text() for label in window.toasts._toasts[-1].findChildren(QLabel))
    assert ("cut off" in words, "being added" in words) == (False, False)
