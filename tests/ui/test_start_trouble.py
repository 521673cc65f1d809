"""The page shown when the core cannot be built."""

from __future__ import annotations

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

from mastra_desktop.domain.errors import DatabaseDamaged, DataHomeBusy
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.start_trouble import StartTrouble
from mastra_desktop.ui.theme import ThemeController
from tests.ui.kit import RESOURCES

DAMAGED = DatabaseDamaged(
    "The database is damaged.", hint="Set it aside.", detail="file is not a database"
).info


@pytest.fixture
def theme(qtbot: QtBot) -> ThemeController:
    made = ThemeController(RESOURCES, mode="dark")
    made.load_fonts()
    return made


def press(page: StartTrouble, name: str) -> None:
    button = page.findChild(QPushButton, name)
    assert button is not None
    button.click()


def test_offers_every_way_out(qtbot: QtBot, theme: ThemeController) -> None:
    """A damaged database can be tried again, set aside, or left; the details can be copied."""
    page = StartTrouble(theme, Icons(theme), DAMAGED, damaged=True)
    qtbot.addWidget(page)
    page.resize(880, 600)
    page.show()
    heard: list[str] = []
    page.try_again.connect(lambda: heard.append("again"))
    page.set_aside.connect(lambda: heard.append("aside"))
    page.quit.connect(lambda: heard.append("quit"))
    for name in ("tryAgainButton", "setAsideButton", "copyDetailsButton", "quitButton"):
        press(page, name)
    assert heard == ["again", "aside", "quit"]
    assert "file is not a database" in QGuiApplication.clipboard().text()
    assert "The database is damaged. Set it aside." in page.accessibleDescription()


def test_keys_go_to_trying_again(qtbot: QtBot, theme: ThemeController) -> None:
    """The safe button has the keys at first, and Tab leaves the details."""
    page = StartTrouble(theme, Icons(theme), DAMAGED, damaged=True)
    qtbot.addWidget(page)
    page.show()
    assert page.focusWidget() is page.again_button
    details = page.findChild(QPlainTextEdit)
    assert details is not None
    assert details.tabChangesFocus()


def test_sets_nothing_aside_that_is_whole(qtbot: QtBot, theme: ThemeController) -> None:
    """Where another process has the data home, giving the database up is not offered."""
    error = DataHomeBusy("Another Mastra Desktop uses this data folder.", hint="Close it.").info
    page = StartTrouble(theme, Icons(theme), error, damaged=False)
    qtbot.addWidget(page)
    assert page.findChild(QPushButton, "setAsideButton") is None
    assert page.findChild(QPlainTextEdit) is None
