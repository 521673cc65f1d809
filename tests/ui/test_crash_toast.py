"""The window after a run that did not end in order: what it says, and where the report is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, QSettings, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from mastra_desktop.ops.crash import CrashReporter, Ended
from mastra_desktop.ui.main_window import MainWindow
from tests.ui.desk import Desk

TITLE = "Mastra Desktop ended unexpectedly"
CRASH = """
import os, sys
from pathlib import Path
from mastra_desktop.ops.crash import CrashReporter
with CrashReporter(Path(sys.argv[1])).watching():
    {line}
"""


class Opener(QObject):
    """Stands for the system's file manager, which Qt asks to show folders."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[QUrl] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        self.asked.append(url)


def end_badly(logs: Path, line: str) -> Ended | None:
    """A run of another process that ends with this line; what the next start finds."""
    logs.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [sys.executable, "-c", CRASH.format(line=line), str(logs)], capture_output=True, check=False
    )
    return CrashReporter(logs).ended_before()


def open_after(desk: Desk, ended: Ended | None) -> None:
    """The window as app.py opens it."""
    desk.home.database.touch()
    desk.state = QSettings(str(desk.home.home / "window.ini"), QSettings.Format.IniFormat)
    desk.closed = False
    desk.window = MainWindow(
        desk.theme,
        desk.icons,
        desk.state,
        desk.home,
        desk._engine,
        on_closed=desk._ended,
        loop=desk.loop,
        ended=ended,
    )
    desk.window.show()
    desk.window.start()
    desk.wait(lambda: not desk.window.tasks.running("start"))
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"))


def toast(desk: Desk) -> QWidget:
    [found] = [each for each in desk.window.findChildren(QWidget, "toast") if each.accessibleName() == TITLE]
    return found


def words(of: QWidget) -> str:
    return " ".join(each.text() for each in of.findChildren(QLabel))


def test_after_a_crash_the_folder_can_be_shown(desk: Desk) -> None:
    """It says what is kept and that a report is on this computer; Show folder opens that folder."""
    ended = end_badly(desk.home.logs, "raise SystemError('planted')")
    assert ended is not None
    assert ended.report is not None
    open_after(desk, ended)
    desk.wait(lambda: TITLE in desk.window.toasts.titles())
    shown = toast(desk)
    assert shown.isVisible()
    assert "What was written until then is kept." in words(shown)
    assert "A report is on this computer only." in words(shown)
    [button] = [each for each in shown.findChildren(QPushButton) if each.text() == "Show folder"]
    opener = Opener()
    QDesktopServices.setUrlHandler("file", opener, "open")  # type: ignore[arg-type]  # PySide wants text
    try:
        button.click()
    finally:
        QDesktopServices.unsetUrlHandler("file")
    assert [Path(url.toLocalFile()) for url in opener.asked] == [desk.home.logs / "crashes"]
    assert ended.report.parent == desk.home.logs / "crashes"
    assert TITLE not in desk.window.toasts.titles()  # done
    assert CrashReporter(desk.home.logs).ended_before() is None  # and told once


@pytest.mark.slow
def test_what_was_cut_off_is_counted(desk: Desk) -> None:
    """An answer that was being written is named in the same words; a run that was killed has no folder to show."""
    desk.open("slow")
    desk.send("write something long")
    desk.wait_text(4)
    kept = desk.home.database.read_bytes(), desk.home.database.with_name("mastra.db-wal").read_bytes()
    desk.close()
    desk.home.database.write_bytes(kept[0])
    desk.home.database.with_name("mastra.db-wal").write_bytes(kept[1])
    ended = end_badly(desk.home.logs, "os._exit(9)")
    assert ended is not None
    assert ended.report is None
    open_after(desk, ended)
    desk.wait(lambda: TITLE in desk.window.toasts.titles())
    shown = toast(desk)
    assert "Answers that were cut off: 1; open the chat to continue them." in words(shown)
    assert not [
        each for each in shown.findChildren(QPushButton) if each.text() == "Show folder" and each.isVisible()
    ]


@pytest.mark.slow
def test_after_a_run_in_order_nothing_is_said(desk: Desk) -> None:
    """No toast."""
    ended = end_badly(desk.home.logs, "pass")
    assert ended is None
    open_after(desk, ended)
    desk.pause(0.1)
    assert TITLE not in desk.window.toasts.titles()
