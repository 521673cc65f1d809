"""The composer: sending, growing, queueing, input methods."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QInputMethodEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.composer import Composer
from tests.ui.kit import RESOURCES


@pytest.fixture
def composer(qtbot: QtBot) -> Composer:
    theme = ThemeController(RESOURCES, mode="dark")
    theme.load_fonts()
    made = Composer(theme, Icons(theme))
    made.setFixedWidth(500)
    qtbot.addWidget(made)
    made.show()
    return made


def editor(composer: Composer) -> QPlainTextEdit:
    found = composer.findChild(QPlainTextEdit, "composer")
    assert isinstance(found, QPlainTextEdit)
    return found


def button(composer: Composer, name: str) -> Button:
    found = composer.findChild(Button, name)
    assert isinstance(found, Button)
    return found


def test_enter_sends_and_empties_the_box(composer: Composer, qtbot: QtBot) -> None:
    """Enter gives the text out once, without the white space around it."""
    QTest.keyClicks(editor(composer), "Hello ")
    with qtbot.waitSignal(composer.submitted) as sent:
        QTest.keyClick(editor(composer), Qt.Key.Key_Return)
    assert sent.args == ["Hello"]
    assert composer.text() == ""


def test_shift_enter_is_a_new_line(composer: Composer) -> None:
    """The text keeps its lines and nothing is sent."""
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    QTest.keyClicks(editor(composer), "a")
    QTest.keyClick(editor(composer), Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClicks(editor(composer), "b")
    assert composer.text() == "a\nb"
    assert sent == []


def test_enter_while_an_input_method_composes_never_sends(composer: Composer) -> None:
    """The Enter that ends a composition belongs to the input method; the next one sends."""
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    composer.set_text("你")
    QApplication.sendEvent(editor(composer), QInputMethodEvent("hao", []))
    QTest.keyClick(editor(composer), Qt.Key.Key_Return)
    assert sent == []
    commit = QInputMethodEvent("", [])
    commit.setCommitString("好")
    QApplication.sendEvent(editor(composer), commit)
    composer.set_text("你好")
    QTest.keyClick(editor(composer), Qt.Key.Key_Return)
    assert sent == ["你好"]


def test_send_needs_text(composer: Composer) -> None:
    """White space alone enables nothing and sends nothing."""
    sent: list[str] = []
    composer.submitted.connect(sent.append)
    assert not button(composer, "sendButton").isEnabled()
    QTest.keyClicks(editor(composer), "  ")
    assert not button(composer, "sendButton").isEnabled()
    QTest.keyClick(editor(composer), Qt.Key.Key_Return)
    QTest.keyClicks(editor(composer), "x")
    QTest.mouseClick(button(composer, "sendButton"), Qt.MouseButton.LeftButton)
    assert sent == ["x"]


def test_busy_shows_stop_and_esc_stops(composer: Composer) -> None:
    """While a reply is written Stop replaces Send, by mouse and Esc; typed text can still be submitted."""
    stops: list[bool] = []
    sent: list[str] = []
    composer.stop_requested.connect(lambda: stops.append(True))
    composer.submitted.connect(sent.append)
    QTest.keyClick(editor(composer), Qt.Key.Key_Escape)
    composer.set_busy(True)
    assert button(composer, "sendButton").isHidden()
    QTest.mouseClick(button(composer, "stopButton"), Qt.MouseButton.LeftButton)
    QTest.keyClick(editor(composer), Qt.Key.Key_Escape)
    assert len(stops) == 2
    QTest.keyClicks(editor(composer), "next")
    QTest.keyClick(editor(composer), Qt.Key.Key_Return)
    assert sent == ["next"]


def test_grows_to_eight_lines_then_scrolls(composer: Composer) -> None:
    """Height follows the lines, wrapped ones too, up to eight."""
    one = editor(composer).height()
    composer.set_text("a\nb\nc")
    three = editor(composer).height()
    composer.set_text("word " * 40)
    wrapped = editor(composer).height()
    composer.set_text("\n".join("abcdefgh"))
    eight = editor(composer).height()
    composer.set_text("\n".join("abcdefghijkl"))
    assert one < three < wrapped < eight
    assert editor(composer).height() == eight
    assert editor(composer).verticalScrollBar().maximum() > 0
    composer.set_text("")
    assert editor(composer).height() == one


def test_up_asks_for_history_only_in_an_empty_box(composer: Composer) -> None:
    """With text, Up moves the cursor."""
    asked: list[bool] = []
    composer.history_wanted.connect(lambda: asked.append(True))
    QTest.keyClick(editor(composer), Qt.Key.Key_Up)
    composer.set_text("x")
    QTest.keyClick(editor(composer), Qt.Key.Key_Up)
    assert asked == [True]


def test_replaced_text_can_be_undone(composer: Composer) -> None:
    """set_text is one step of the box's own undo."""
    QTest.keyClicks(editor(composer), "mine")
    composer.set_text("other")
    editor(composer).undo()
    assert composer.text() == "mine"


def test_queued_messages_have_three_actions(composer: Composer) -> None:
    """Send now, Edit and Remove carry the message's id; an empty queue takes no room."""
    seen: list[tuple[str, str]] = []
    composer.queued_send.connect(lambda i: seen.append(("send", i)))
    composer.queued_edit.connect(lambda i: seen.append(("edit", i)))
    composer.queued_remove.connect(lambda i: seen.append(("remove", i)))
    before = composer.sizeHint().height()
    composer.set_queued([("q1", "first"), ("q2", "second")])
    QTest.qWait(10)
    assert composer.sizeHint().height() > before
    sends = [found for found in composer.findChildren(Button) if found.text() == "Send now"]
    icons = composer.findChildren(IconButton)
    QTest.mouseClick(sends[1], Qt.MouseButton.LeftButton)
    for name in ("Edit", "Remove"):
        first = next(found for found in icons if found.accessibleName() == name)
        QTest.mouseClick(first, Qt.MouseButton.LeftButton)
    assert seen == [("send", "q2"), ("edit", "q1"), ("remove", "q1")]
    composer.set_queued([])
    assert composer.sizeHint().height() == before
