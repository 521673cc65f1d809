"""Chatting: sending, streaming, stopping, trying again, errors, queue and drafts, through real widgets."""

from __future__ import annotations

import time

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QInputMethodEvent
from PySide6.QtWidgets import QPushButton

from mastra_desktop.domain.chat import MessageState
from mastra_desktop.ui.widgets.transcript import TurnView
from tests.ui.desk import Desk

SHIFT = Qt.KeyboardModifier.ShiftModifier
STOP_LIMIT_S = 0.2


def arrow(desk: Desk, turn: TurnView) -> str:
    """The one arrow that can be pressed: of two siblings only the other one is there to go to."""
    (found,) = (hot.label for hot in desk.pressable(turn).values() if hot.kind == "sibling")
    return found


# -- sending and streaming ---------------------------------------------------------------------------


def test_a_prompt_is_shown_at_once_and_its_answer_streams_until_it_is_whole(desk: Desk) -> None:
    """Send draws the prompt, an answer row says what happens, text grows, and the footer tells the cost."""
    desk.open("normal")
    desk.send("Tell me about foxes")
    assert desk.editor.toPlainText() == ""
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.turns[0].text == "Tell me about foxes"
    assert desk.last.streaming
    assert desk.last.busy
    desk.wait_text(10)
    assert desk.last.streaming
    answer = desk.settle()
    assert answer.text.startswith("The quick brown fox")
    assert answer.status == ""
    assert "20 tokens" in answer.footer
    assert answer.footer.endswith(" · $0.00, local")
    assert [m.text for m in desk.stored()] == ["Tell me about foxes", answer.text]


@pytest.mark.slow
def test_enter_sends_and_shift_enter_is_a_new_line(desk: Desk) -> None:
    """Shift+Enter only breaks the line; Enter sends all of it; an empty box sends nothing."""
    desk.open("fast")
    desk.key(Qt.Key.Key_Return, to=desk.editor)
    desk.write("one")
    desk.key(Qt.Key.Key_Return, SHIFT)
    desk.write("two")
    assert desk.turns == []
    desk.key(Qt.Key.Key_Return)
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.turns[0].text == "one\ntwo"
    desk.settle()
    assert len(desk.server.chats) == 1


@pytest.mark.slow
def test_enter_while_an_input_method_composes_never_sends(desk: Desk) -> None:
    """The Enter that confirms Chinese characters is the input method's; the next one sends."""
    desk.open("fast")
    desk.application.sendEvent(desk.editor, QInputMethodEvent("ni hao", []))
    desk.key(Qt.Key.Key_Return, to=desk.editor)
    desk.pause(0.05)
    assert desk.turns == []
    done = QInputMethodEvent()
    done.setCommitString("你好")
    desk.application.sendEvent(desk.editor, done)
    desk.key(Qt.Key.Key_Return, to=desk.editor)
    desk.wait(lambda: len(desk.turns) == 2)
    assert desk.turns[0].text == "你好"
    desk.settle()


@pytest.mark.slow
def test_reasoning_is_kept_apart_from_the_answer(desk: Desk) -> None:
    """A model that thinks first shows its thoughts folded, not in the answer."""
    desk.add_server("reasoning")
    desk.open("reasoning")
    answer = desk.ask("Think")
    assert answer.reasoning == "Let me think. "
    assert "think" not in answer.text


# -- stopping and going on ---------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("model", ["slow", "pause-3"])
def test_stop_keeps_what_arrived_within_200_ms(desk: Desk, model: str) -> None:
    """Esc ends a slow answer and one that went silent; its text stays, marked as stopped."""
    desk.add_server(model)
    desk.open(model)
    desk.send("Go")
    desk.wait_text(5)
    before, text = time.perf_counter(), desk.last.text
    desk.key(Qt.Key.Key_Escape)
    answer = desk.settle()
    took_s = time.perf_counter() - before
    assert answer.status == "Stopped"
    assert answer.text.startswith(text)
    assert took_s < STOP_LIMIT_S, f"Stop took {took_s * 1000:.0f} ms"
    assert desk.server.wait_until("disconnected")
    assert desk.stored()[-1].state is MessageState.STOPPED


def test_stop_works_before_the_first_word(desk: Desk) -> None:
    """The Stop button ends an answer of which nothing has come; Try again is offered, Continue is not."""
    desk.open("silent")
    desk.send("Anybody there?")
    desk.wait(lambda: len(desk.turns) == 2 and bool(desk.server.chats))
    stop = desk.find("stopButton", QPushButton)
    assert stop.isVisible()
    assert not desk.find("sendButton", QPushButton).isVisible()
    before = time.perf_counter()
    stop.click()
    answer = desk.settle()
    assert time.perf_counter() - before < STOP_LIMIT_S
    assert answer.status == "Stopped"
    assert "Try again" in desk.pressable(answer)
    assert "Continue" not in desk.pressable(answer)
    assert not stop.isVisible()
    assert desk.find("sendButton", QPushButton).isVisible()


@pytest.mark.slow
def test_continue_goes_on_in_the_same_turn(desk: Desk) -> None:
    """Continue appends to the stopped text and leaves one answer, now whole."""
    desk.add_server("long-80")
    desk.open("long-80")
    desk.send("Go")
    desk.wait_text(5)
    desk.key(Qt.Key.Key_Escape)
    stopped = desk.settle()
    desk.press(stopped, "Continue")
    desk.wait(lambda: desk.last.streaming)
    answer = desk.settle()
    assert answer.id == stopped.id
    assert len(desk.turns) == 2
    assert answer.text.startswith(stopped.text)
    assert len(answer.text) > len(stopped.text)
    assert answer.status == ""
    assert answer.siblings == (1, 1)


# -- siblings ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_try_again_makes_a_sibling_and_arrows_switch(desk: Desk) -> None:
    """A second try stands as 2/2 in the first one's place; the arrows bring either back."""
    desk.add_server("fast", "echo")
    desk.open("fast")
    first = desk.ask("Say it")
    desk.use("echo")
    desk.press(first, "Try again")
    desk.wait(lambda: desk.last.siblings == (2, 2))
    second = desk.settle()
    assert second.text == "Say it"
    assert len(desk.turns) == 2
    desk.press(second, arrow(desk, second))
    desk.wait(lambda: desk.last.siblings == (1, 2))
    assert desk.last.text == first.text
    desk.press(desk.last, arrow(desk, desk.last))
    desk.wait(lambda: desk.last.siblings == (2, 2))
    assert desk.last.text == "Say it"


def test_an_edited_prompt_makes_a_sibling(desk: Desk) -> None:
    """Edit puts the prompt into the box; sending it makes a second branch and keeps the first."""
    desk.add_server("echo")
    desk.open("echo")
    desk.ask("first wording")
    desk.press(desk.turns[0], "Edit")
    assert desk.editor.toPlainText() == "first wording"
    desk.editor.selectAll()
    desk.send("second wording")
    desk.wait(lambda: bool(desk.turns) and desk.turns[0].siblings == (2, 2))
    desk.settle()
    assert [t.text for t in desk.turns] == ["second wording", "second wording"]
    desk.press(desk.turns[0], arrow(desk, desk.turns[0]))
    desk.wait(lambda: desk.turns[0].siblings == (1, 2))
    assert [t.text for t in desk.turns] == ["first wording", "first wording"]


def test_up_in_an_empty_box_edits_the_last_prompt(desk: Desk) -> None:
    """As in a terminal: the Up key brings the last prompt back."""
    desk.open("fast")
    desk.ask("the last one")
    desk.key(Qt.Key.Key_Up, to=desk.editor)
    assert desk.editor.toPlainText() == "the last one"


# -- errors ------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "title", "ways", "keeps_text"),
    [
        ("status-401", "The key was refused", ["Open settings", "Try again", "Copy details"], False),
        ("busy-300", "Too many requests", ["Try again", "Switch model", "Copy details"], False),
        ("quota", "The account has no credit left", ["Try again", "Switch model", "Copy details"], False),
        ("too-long", "The conversation is too long", ["Try again", "Switch model", "Copy details"], False),
        ("html", "", ["Try again", "Copy details"], False),
        ("error-200", "", ["Try again", "Copy details"], False),
        ("malformed", "", ["Continue", "Try again", "Copy details"], True),
        ("cut-900", "The answer broke off", ["Continue", "Try again", "Copy details"], True),
        ("no-done", "The answer broke off", ["Continue", "Try again", "Copy details"], True),
    ],
)
def test_an_error_is_a_card_in_its_turn(
    desk: Desk, model: str, title: str, ways: list[str], keeps_text: bool
) -> None:
    """The card names the cause and the ways forward; the prompt, and text that came, are never lost."""
    desk.add_server(model)
    desk.open(model)
    answer = desk.ask("Precious words")
    assert answer.card is not None
    assert answer.card.title == title or not title
    assert answer.card.text
    labels = [action.label for action in answer.card.actions]
    assert [label for label in labels if label in ways] == ways
    assert bool(answer.text) == keeps_text
    assert answer.status == ("Interrupted" if keeps_text else "Failed")
    assert desk.turns[0].text == "Precious words"
    assert desk.stored()[0].text == "Precious words"
    assert set(ways) <= set(desk.pressable(answer))


@pytest.mark.slow
def test_server_errors_are_tried_again_before_they_are_shown(desk: Desk) -> None:
    """Two failures with status 500 are waited out, and the turn says so meanwhile."""
    desk.add_server("flaky-1")
    desk.open("flaky-1")
    desk.send("Go")
    desk.wait(lambda: len(desk.turns) == 2 and desk.last.status.startswith("Trying again"))
    answer = desk.settle()
    assert answer.card is None
    assert answer.text
    assert len(desk.server.chats) == 2


@pytest.mark.slow
def test_try_again_on_an_error_card_answers_beside_it(desk: Desk) -> None:
    """After the cause is gone, the card's own button gives an answer; the failed one stays as a sibling."""
    desk.add_server("status-401", "fast")
    desk.open("status-401")
    failed = desk.ask("Once more")
    desk.use("fast")
    desk.press(failed, "Try again")
    desk.wait(lambda: desk.last.siblings == (2, 2))
    assert desk.settle().card is None


def test_details_of_an_error_can_be_copied(desk: Desk) -> None:
    """Copy details puts the cause on the clipboard."""
    desk.add_server("status-401")
    desk.open("status-401")
    failed = desk.ask("Go")
    desk.press(failed, "Copy details")
    assert "(auth)" in QGuiApplication.clipboard().text()


@pytest.mark.slow
def test_open_settings_on_a_card_opens_them(desk: Desk) -> None:
    """A refused key leads to where keys are set."""
    desk.add_server("status-401")
    window = desk.open("status-401")
    failed = desk.ask("Go")
    desk.press(failed, "Open settings")
    desk.wait(lambda: window.rail.selected() == "settings")
    assert window.pages.currentWidget() is window.pages.settings
    desk.pause(0.1)


# -- queue and drafts --------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_prompt_sent_while_a_reply_runs_waits_its_turn(desk: Desk) -> None:
    """It stands above the box until the reply is whole, then it is sent."""
    desk.add_server("normal", "echo")
    desk.open("normal")
    desk.send("first")
    desk.wait_text()
    desk.send("second")
    assert any(b.text() == "Send now" for b in desk.window.findChildren(QPushButton))
    assert len(desk.server.chats) == 1
    desk.wait(lambda: len(desk.turns) == 4)
    desk.settle()
    assert [t.text for t in desk.turns if t.kind == "user"] == ["first", "second"]


@pytest.mark.slow
def test_a_waiting_prompt_can_be_sent_now(desk: Desk) -> None:
    """Send now stops the reply that runs and sends the waiting prompt."""
    desk.open("slow")
    desk.send("first")
    desk.wait_text()
    desk.send("second")
    desk.use("fast")
    next(b for b in desk.window.findChildren(QPushButton) if b.text() == "Send now").click()
    desk.wait(lambda: len(desk.turns) == 4)
    desk.settle()
    assert desk.turns[1].status == "Stopped"
    assert desk.turns[2].text == "second"


def test_stop_leaves_waiting_prompts_waiting(desk: Desk) -> None:
    """Who stops a reply wants to think; what waits is not sent by itself."""
    desk.open("slow")
    desk.send("first")
    desk.wait_text()
    desk.send("second")
    desk.key(Qt.Key.Key_Escape)
    desk.settle()
    desk.pause(0.1)
    assert len(desk.turns) == 2
    assert len(desk.server.chats) == 1
    assert any(b.text() == "Send now" for b in desk.window.findChildren(QPushButton))


@pytest.mark.slow
def test_each_conversation_keeps_its_draft_over_a_restart(desk: Desk) -> None:
    """What was typed and not sent is there again, each in its own conversation, also in the new chat."""
    desk.open("fast")
    desk.ask("Alpha")
    desk.write("unsent in alpha")
    desk.key(Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    desk.wait(lambda: not desk.window.tasks.running("open-conversation"))
    assert desk.editor.toPlainText() == ""
    desk.write("unsent in the new chat")
    desk.close()
    desk.open("fast")
    desk.wait(lambda: desk.editor.toPlainText() == "unsent in the new chat")
    desk.open_row("Alpha")
    desk.wait(lambda: desk.editor.toPlainText() == "unsent in alpha")


@pytest.mark.slow
def test_a_sent_prompt_leaves_no_draft(desk: Desk) -> None:
    """After sending and a restart the box is empty."""
    desk.open("fast")
    desk.ask("Alpha")
    desk.pause(0.6)
    desk.close()
    desk.open("fast")
    assert desk.editor.toPlainText() == ""
    assert next(t.text for t in desk.turns) == "Alpha"
