"""The registry of actions: one place for names, labels and shortcuts."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.actions import Actions
from tests.ui.desk import Desk

CTRL = Qt.KeyboardModifier.ControlModifier


def test_a_shortcut_works_at_once_and_belongs_to_one_action(qtbot: QtBot) -> None:
    """A second action with the same keys is refused by the name of the first."""
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    QTest.qWaitForWindowActive(window)
    ran: list[str] = []
    actions = Actions(window)
    actions.add("new", "New chat", lambda: ran.append("new"), shortcut="Ctrl+N")
    QTest.keyClick(window, Qt.Key.Key_N, CTRL)
    assert ran == ["new"]
    with pytest.raises(ValueError, match="already used by New chat"):
        actions.add("other", "Other", lambda: None, shortcut="Ctrl+N")
    assert actions.hint("new").startswith("New chat")
    assert actions["new"].objectName() == "new"


@pytest.mark.slow
def test_every_shortcut_of_the_window_does_something(desk: Desk) -> None:
    """Each key of the registry, pressed in the window, changes what the person sees."""
    window = desk.open("fast")
    desk.ask("Alpha")
    chat = window.chat

    def page() -> object:
        return window.pages.currentWidget()

    tried = {"quit", "escape"}  # closing is in test_main_window, stopping in test_chat_pane

    def press(name: str) -> None:
        tried.add(name)
        QTest.keySequence(desk.application.focusWidget() or window, window.actions_registry[name].shortcut())
        desk.pause(0.03)

    press("show_settings")
    assert page() is window.pages.settings
    press("show_knowledge")
    knowledge = window.pages.knowledge
    assert knowledge is not None
    assert page() is knowledge
    shown = knowledge.search.isVisible()
    press("toggle_inspector")
    assert knowledge.search.isVisible() is not shown
    press("show_metrics")
    assert window.pages.currentWidget() is window.pages.metrics
    press("show_chat")
    assert page() is chat
    press("toggle_list")
    assert not chat.list.isVisible()
    press("toggle_list")
    assert chat.list.isVisible()
    press("search_list")
    assert chat.list.search.hasFocus()
    press("new_chat")
    desk.wait(lambda: desk.turns == [])
    desk.wait(lambda: not window.tasks.running("open-conversation"))
    assert desk.editor.hasFocus()
    press("previous_pane")
    assert not desk.editor.hasFocus()
    press("next_pane")
    assert desk.editor.hasFocus()
    names = {a.objectName() for a in window.actions_registry.all() if not a.shortcut().isEmpty()}
    assert names == tried
