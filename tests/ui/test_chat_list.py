"""The list of conversations: new, rename, delete with Undo, search, and chats that go on out of view."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QLineEdit

from mastra_desktop.ui.row_roles import RowRole
from tests.ui.desk import Desk

CTRL = Qt.KeyboardModifier.ControlModifier


def new_chat(desk: Desk) -> None:
    desk.find("newChatButton", QAbstractButton).click()
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"))


def two_chats(desk: Desk) -> None:
    """Alpha, then Beta, which is in view."""
    desk.open("fast")
    desk.ask("Alpha")
    new_chat(desk)
    desk.ask("Beta")
    desk.wait(lambda: desk.titles == ["Beta", "Alpha"])


@pytest.mark.slow
def test_a_new_chat_gets_a_row_named_by_its_prompt(desk: Desk) -> None:
    """The newest stands first; the empty page shows again for the next one."""
    two_chats(desk)
    assert desk.window.chat.list.rows.selected_id() == desk.conversation
    new_chat(desk)
    assert desk.turns == []
    assert desk.window.chat.view.empty.isVisible()
    assert desk.application.focusWidget() is desk.editor


@pytest.mark.slow
def test_a_click_opens_a_conversation(desk: Desk) -> None:
    """Its messages are shown, the keyboard is in the composer."""
    two_chats(desk)
    desk.open_row("Alpha")
    assert desk.turns[0].text == "Alpha"
    desk.open_row("Beta")
    assert desk.turns[0].text == "Beta"


@pytest.mark.slow
def test_f2_renames_in_place(desk: Desk) -> None:
    """Enter keeps the new name, in the list, in the header and in the database."""
    two_chats(desk)
    desk.window.chat.list.rows.setFocus()
    desk.key(Qt.Key.Key_F2)
    editor = desk.find("renameEditor", QLineEdit)
    editor.setText("Gamma")
    desk.key(Qt.Key.Key_Return, to=editor)
    desk.wait(lambda: desk.titles == ["Gamma", "Alpha"])
    conversation_id = desk.conversation
    branch = desk.ask_core(lambda core: core.conversations.open(conversation_id))
    assert branch.conversation.title == "Gamma"


@pytest.mark.slow
def test_esc_leaves_the_name_as_it_was(desk: Desk) -> None:
    """A rename that is given up changes nothing."""
    two_chats(desk)
    desk.window.chat.list.rows.setFocus()
    desk.key(Qt.Key.Key_F2)
    editor = desk.find("renameEditor", QLineEdit)
    editor.setText("Gamma")
    desk.key(Qt.Key.Key_Escape, to=editor)
    desk.pause(0.1)
    assert desk.titles == ["Beta", "Alpha"]


@pytest.mark.slow
def test_delete_can_be_undone(desk: Desk) -> None:
    """The row goes at once, a toast brings it back with every message."""
    two_chats(desk)
    desk.window.chat.list.rows.setFocus()
    desk.key(Qt.Key.Key_Delete)
    desk.wait(lambda: desk.titles == ["Alpha"])
    desk.wait(lambda: "Chat deleted" in desk.window.toasts.titles())
    desk.wait(lambda: desk.turns == [])
    desk.press_toast("Undo")
    desk.wait(lambda: desk.titles == ["Beta", "Alpha"])
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.turns[0].text == "Beta"


@pytest.mark.slow
def test_deleting_a_chat_that_is_being_answered_stops_it(desk: Desk) -> None:
    """Its request ends, and Undo finds the text that had come."""
    desk.open("slow")
    desk.send("Alpha")
    desk.wait_text(5)
    desk.wait(lambda: desk.titles == ["Alpha"])
    desk.window.chat.list.rows.setFocus()
    desk.key(Qt.Key.Key_Delete)
    desk.wait(lambda: desk.titles == [])
    desk.wait(lambda: desk.server.chats[0].disconnected)
    desk.wait(lambda: "Chat deleted" in desk.window.toasts.titles())
    desk.press_toast("Undo")
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.settle().status == "Stopped"


@pytest.mark.slow
def test_search_finds_words_of_every_message_and_jumps_there(desk: Desk) -> None:
    """Hits stand under Messages with the words marked; Enter or a click opens the message itself."""
    desk.add_server("echo", "fast")
    desk.open("echo")
    desk.ask("the zebra sleeps")
    desk.use("fast")
    for n in range(3):
        desk.ask(f"more {n}")
    new_chat(desk)
    desk.ask("Beta")
    desk.key(Qt.Key.Key_F, CTRL, desk.editor)
    search = desk.window.chat.list.search
    assert search.hasFocus()
    search.setText("zebra")
    rows = desk.window.chat.list.rows
    desk.wait(lambda: "the zebra sleeps" in desk.titles and "Beta" not in desk.titles)
    model = rows.model()
    hits = [model.index(row, 0) for row in range(model.rowCount())]
    marked = [hit for hit in hits if hit.data(RowRole.NOTE_MARKS)]
    assert marked
    rows.row_activated.emit(str(marked[0].data(RowRole.ID)))
    desk.wait(lambda: bool(desk.turns) and desk.turns[0].text == "the zebra sleeps")
    assert desk.window.chat.view.transcript.words == ("zebra",)


@pytest.mark.slow
def test_a_search_without_hits_says_so(desk: Desk) -> None:
    """Nothing found is said in words; Esc or clearing the field brings the list back."""
    two_chats(desk)
    desk.window.chat.list.search.setText("xyzzy")
    desk.wait(lambda: desk.titles == [])
    desk.window.chat.list.search.clear()
    desk.wait(lambda: desk.titles == ["Beta", "Alpha"])


@pytest.mark.slow
def test_an_answer_goes_on_while_another_chat_is_in_view(desk: Desk) -> None:
    """The list shows a spinner beside it; coming back shows it still growing, then whole."""
    desk.add_server("fast", "long-150")
    desk.open("fast")
    desk.ask("Alpha")
    new_chat(desk)
    desk.use("long-150")
    desk.send("Beta")
    desk.wait_text(5)
    beta, so_far = desk.conversation, desk.last.text
    desk.wait(lambda: "Beta" in desk.titles)
    desk.open_row("Alpha")
    assert desk.turns[0].text == "Alpha"
    rows = desk.window.chat.list.rows
    assert rows.index_of(beta).data(RowRole.BUSY)
    assert not desk.find("stopButton", QAbstractButton).isVisible()
    desk.open_row("Beta")
    assert desk.last.streaming
    assert len(desk.last.text) > len(so_far)
    assert desk.find("stopButton", QAbstractButton).isVisible()
    answer = desk.settle()
    assert answer.status == ""
    assert len(answer.text.split()) == 150
    desk.wait(lambda: not rows.index_of(beta).data(RowRole.BUSY))
    assert desk.server.chats[-1].finished


@pytest.mark.slow
def test_two_chats_are_answered_at_the_same_time(desk: Desk) -> None:
    """Each text ends up in its own conversation."""
    desk.add_server("normal", "echo")
    desk.open("normal")
    desk.send("Alpha")
    desk.wait_text()
    new_chat(desk)
    desk.use("echo")
    assert desk.ask("Beta").text == "Beta"
    desk.wait(lambda: not desk.window.chat.view.runs.running)
    desk.open_row("Alpha")
    assert desk.last.text.startswith("The quick")
    assert len(desk.last.text.split()) == 20
