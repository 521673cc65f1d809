"""Backups from the window: taken, restored, offered for a damaged database; rescuing one without a backup."""

from __future__ import annotations

import os

import pytest
from PySide6.QtWidgets import QPushButton, QWidget

from mastra_desktop.ui.panes.settings_backups import BackupList, DatabaseCheck
from mastra_desktop.ui.panes.start_trouble import StartTrouble
from tests.ui.desk import Desk


def press(desk: Desk, name: str, within: QWidget | None = None) -> None:
    button = (within or desk.window).findChild(QPushButton, name)
    assert button is not None, name
    button.click()


def lines(desk: Desk) -> list[QPushButton]:
    """The buttons that restore, newest backup first."""
    backups = desk.window.findChild(BackupList)
    assert backups is not None
    return [b for b in backups.findChildren(QPushButton) if b.isVisible() and b.text().startswith("Restore")]


def open_storage(desk: Desk) -> None:
    desk.window.show_page("settings")
    assert desk.window.pages.settings is not None
    desk.window.pages.settings.open("storage")


@pytest.mark.slow
def test_back_up_and_go_back(desk: Desk) -> None:
    """A chat begun after a backup is gone after restoring it, and back after restoring what was before."""
    desk.open("normal")
    desk.ask("the first question")
    open_storage(desk)
    press(desk, "backUpButton")
    desk.wait(lambda: len(lines(desk)) == 1)
    desk.window.show_page("chat")
    desk.window.chat.new_chat()
    desk.wait(lambda: not desk.turns)
    desk.ask("the second question")
    desk.wait(lambda: len(desk.titles) == 2)
    open_storage(desk)
    lines(desk)[-1].click()
    press(desk, "confirmAccept")
    desk.wait(lambda: "Backup restored" in desk.window.toasts.titles(), 15)
    desk.window.show_page("chat")
    desk.wait(lambda: desk.titles == ["the first question"])
    open_storage(desk)
    desk.wait(lambda: len(lines(desk)) == 2)
    lines(desk)[0].click()
    press(desk, "confirmAccept")
    desk.wait(lambda: len(desk.titles) == 2, 15)
    desk.wait(lambda: not desk.window.tasks.running("recovery"))
    actions = [e.action for e in desk.ask_core(lambda core: core.audit.entries())]
    assert actions.count("backup.restored") == 2
    desk.window.show_page("chat")
    desk.open_row("the first question")
    desk.ask("it goes on")


@pytest.mark.slow
def test_a_damaged_database_offers_the_newest_backup(desk: Desk) -> None:
    """Instead of the panes: the newest good backup by its time, and it is restored with one click."""
    desk.open("normal")
    desk.ask("the first question")
    desk.ask_core(lambda core: core.backups.make())
    desk.close()
    desk.home.database.write_bytes(os.urandom(20_000))
    desk.open("normal", started=False)
    desk.wait(lambda: desk.window.findChild(StartTrouble))
    page = desk.find("StartTrouble", StartTrouble)
    button = page.findChild(QPushButton, "restoreButton")
    assert button is not None
    assert button.text().startswith("Restore the backup of ")
    button.click()
    desk.wait(lambda: desk.titles == ["the first question"], 15)
    assert list(desk.home.home.glob("mastra.db.corrupt-*"))
    desk.wait(lambda: not desk.window.tasks.running("recovery"))


@pytest.mark.slow
def test_the_whole_database_is_looked_through(desk: Desk) -> None:
    """The button says that nothing is damaged."""
    desk.open()
    open_storage(desk)
    press(desk, "checkDatabaseButton")
    check = desk.window.findChild(DatabaseCheck)
    assert check is not None
    desk.wait(lambda: "No damage found" in check.result.text())
    assert not check.rescue_button.isVisible()
