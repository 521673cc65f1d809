"""Backups from the window when the database is on a server, a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QLabel, QPushButton

from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.upgrade import bring_up_to_date
from tests.postgres_server import PROGRAMS, PostgresServer
from tests.ui.desk import Desk
from tests.ui.test_recovery import lines, open_storage, press

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(PROGRAMS is None, reason="PostgreSQL is not installed"),
]


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


def test_back_up_and_go_back_on_a_server(desk: Desk, postgres: PostgresServer) -> None:
    """The page says what differs, offers no look through files, and going back asks for everybody."""
    url = postgres.new_database()
    engines = make_engines(url, read_only=False)
    bring_up_to_date(engines, read_only=False, backups=None)  # takes longer than the desk waits for a start
    engines.dispose()
    desk.add_server("normal", extra=f'[database]\nurl = "{url}"\n')
    desk.open("normal")
    desk.ask("the first question")
    open_storage(desk)
    assert desk.window.pages.settings is not None
    page = desk.window.pages.settings.data
    desk.wait(lambda: page.backups.on_server)
    words = [label.text() for label in page.findChildren(QLabel) if label.isVisible()]
    assert any("The database is on a server, and none is taken by itself." in text for text in words)
    check = page.findChild(QPushButton, "checkDatabaseButton")
    assert check is not None
    assert not check.isVisible()
    press(desk, "backUpButton")
    desk.wait(lambda: len(lines(desk)) == 1, 15)
    desk.window.show_page("chat")
    desk.window.chat.new_chat()
    desk.wait(lambda: not desk.turns)
    desk.ask("the second question")
    desk.wait(lambda: len(desk.titles) == 2)
    open_storage(desk)
    lines(desk)[-1].click()
    said = " ".join(label.text() for label in desk.window.findChildren(QLabel) if label.isVisible())
    assert "everybody who works on this database" in said
    press(desk, "confirmAccept")
    desk.wait(lambda: "Backup restored" in desk.window.toasts.titles(), 30)
    desk.window.show_page("chat")
    desk.wait(lambda: desk.titles == ["the first question"])
