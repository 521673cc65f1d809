"""What the window finds again at the next start."""

from __future__ import annotations

import json

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QPushButton

from mastra_desktop.paths import Paths
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.session import MOST_POSITIONS, load_positions, save_positions
from tests.ui.desk import Desk


def scrolled(desk: Desk) -> tuple[object, ...]:
    return desk.window.chat.view.transcript.position()


@pytest.mark.slow
def test_the_page_and_the_place_in_a_chat_come_back(desk: Desk) -> None:
    """Also over a start at which the chat was not looked at; who is at the end of a chat stays there."""
    window = desk.open("markdown")
    for prompt in ("first", "second", "third", "fourth"):
        desk.ask(prompt)
    transcript = window.chat.view.transcript
    transcript.scroll_to_turn(desk.turns[3].id)
    before = scrolled(desk)
    assert before
    window.show_page("knowledge")
    desk.close()
    window = desk.open()
    assert window.pages.currentWidget() is window.pages.knowledge
    assert window.rail.selected() == "knowledge"
    desk.close()
    window = desk.open()
    window.show_page("chat")
    desk.pause(0.05)
    assert scrolled(desk) == before
    window.chat.view.transcript.scroll_to_end()
    desk.close()
    window = desk.open()
    assert window.chat.isVisible()
    assert window.chat.view.transcript.following


def test_a_person_who_is_quicker_stays(desk: Desk) -> None:
    """What was typed before the core is there keeps the chat in view."""
    desk.open().show_page("metrics")
    desk.close()
    window = desk.open(started=False)
    desk.write("a question")
    desk.wait(lambda: not window.tasks.running("start"))
    assert window.chat.isVisible()
    assert desk.editor.toPlainText() == "a question"


def test_closing_with_a_question_open(desk: Desk) -> None:
    """It ends with the window; nothing of it hears of the theme afterwards."""
    window = desk.open("fast")
    window.show_page("settings")
    assert window.pages.settings is not None
    window.pages.settings.open("storage")
    backups = window.pages.settings.data.backups
    backups.make_button.click()

    def button() -> QPushButton | None:
        found = backups.findChildren(QPushButton)
        return next((b for b in found if b.accessibleName().startswith("Restore")), None)

    desk.wait(lambda: button() is not None)
    asked = button()
    assert asked is not None
    asked.click()
    assert window.findChildren(ConfirmDialog)
    desk.close()
    desk.theme.set_text_scale(1.1)
    desk.theme.set_text_scale(1.0)


def test_places_that_cannot_be_read(home: Paths) -> None:
    """Are left out; the newest 200 are kept."""
    home.home.mkdir(parents=True, exist_ok=True)
    state = QSettings(str(home.home / "window.ini"), QSettings.Format.IniFormat)
    assert load_positions(state) == {}
    for broken in ("{", "[]", json.dumps({"a": [1, 2], "b": ["turn", [1, 2], 3], "c": None})):
        state.setValue("chat/positions", broken)
        assert load_positions(state) == {}
    save_positions(state, {str(n): (f"turn-{n}", (n, 0), 4) for n in range(300)} | {"end": ()})
    kept = load_positions(state)
    assert len(kept) == MOST_POSITIONS
    assert kept["299"] == ("turn-299", (299, 0), 4)
    assert "99" not in kept
