"""The transcript as a person uses it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.transcript import Transcript, TurnAction, TurnCard, TurnView
from mastra_desktop.ui.widgets.transcript_chrome import Hot
from mastra_desktop.ui.widgets.transcript_code import CodePiece
from mastra_desktop.ui.widgets.transcript_heights import Heights
from mastra_desktop.ui.widgets.transcript_table import share_widths
from tests.ui.kit import RESOURCES

CODE = "Before.\n\n```python\ndef f(x):\n    return x\n```\n\nAfter a [link](https://example.org/a)."
ACTIONS = (TurnAction("copy", "Copy", "copy"), TurnAction("retry", "Try again", "refresh-cw"))


@pytest.fixture
def view(qtbot: QtBot) -> Transcript:
    theme = ThemeController(RESOURCES, mode="dark")
    theme.load_fonts()
    transcript = Transcript(theme, Icons(theme))
    qtbot.addWidget(transcript)
    transcript.resize(800, 600)
    transcript.show()
    QTest.qWaitForWindowActive(transcript)
    return transcript


def answer(turn_id: str, text: str, **more: object) -> TurnView:
    return TurnView(turn_id, "assistant", text, author="Model", **more)  # type: ignore[arg-type]


def many(count: int) -> list[TurnView]:
    return [
        answer(str(n), f"Paragraph {n} of the answer. " * 12)
        if n % 2
        else TurnView(str(n), "user", f"Ask {n}")
        for n in range(count)
    ]


def hot(view: Transcript, turn_id: str, kind: str, hot_id: str = "") -> tuple[Hot, QPoint]:
    """A hot area and where its middle shows."""
    number = view.turns.index[turn_id]
    areas = view.turns.turn(number).hot_areas(links=True)
    found = next(area for area in areas if area.kind == kind and hot_id in ("", area.id))
    top = view.turns.top_of(number) - view.scroll_y
    return found, found.rect.center() + QPoint(view.column().left(), top)


def click(view: Transcript, at: QPoint) -> None:
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)


def wheel(view: Transcript, at: QPoint, delta: QPoint, keys: Qt.KeyboardModifier) -> None:
    event = QWheelEvent(
        QPointF(at),
        QPointF(at),
        QPoint(),
        delta,
        Qt.MouseButton.NoButton,
        keys,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), event)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 60), max_size=40), st.integers(-5, 2_500), st.integers(0, 40))
def test_heights_find_what_a_plain_sum_finds(values: list[int], position: int, cut: int) -> None:
    """The tree agrees with adding up, also after appending, changing and cutting."""
    heights = Heights()
    for value in values:
        heights.append(value)
    if values:
        heights[0] = values[0] = 7
    heights.truncate(cut)
    values = values[:cut]
    assert heights.total == sum(values)
    sums = [sum(values[: n + 1]) for n in range(len(values))]
    expected = next((n for n, end in enumerate(sums) if position < end), max(0, len(values) - 1))
    assert heights.find(position) == expected


def test_only_what_shows_is_laid_out(view: Transcript) -> None:
    """Ten thousand turns open at the end with a handful of layouts."""
    view.set_turns(many(10_000))
    assert len(view.turns._laid) < 40
    assert view.scroll_y == view.turns.total - view.viewport().height()
    assert view.following


def test_appending_in_pieces_looks_like_the_whole(view: Transcript) -> None:
    """A streamed reply ends pixel for pixel as one that was there at once."""
    text = f"# Title\n\n- one\n- two\n\n| a | b |\n|--|--:|\n| long cell | 2 |\n\n{CODE}\n\n> quote"
    view.set_turns([answer("a", "", streaming=True)])
    for at in range(0, len(text), 7):
        view.append_text("a", text[at : at + 7])
    view.update_turn(replace(view.turn("a"), streaming=False))
    QTest.qWait(150)
    streamed = view.grab().toImage()
    view.set_turns([answer("a", text)])
    QTest.qWait(150)
    assert streamed == view.grab().toImage()


def test_streaming_keeps_pixels_right(view: Transcript) -> None:
    """Moving the old pixels and painting the strip below equals painting everything."""
    view.set_turns([*many(6), answer("a", "", streaming=True)])
    for word in range(150):
        view.append_text("a", f"word{word} " if word % 9 else "\n\n- item **bold** ")
        if word % 10 == 0:
            QTest.qWait(1)
    QTest.qWait(50)
    moved = view.grab().toImage()
    view.viewport().update()
    QTest.qWait(10)
    assert moved == view.grab().toImage()


def test_follows_the_end_until_the_person_scrolls_up(view: Transcript, qtbot: QtBot) -> None:
    """Text that arrives does not move what a person reads; jumping back follows again."""
    view.set_turns([*many(30), answer("a", "", streaming=True)])
    with qtbot.waitSignal(view.following_changed) as signal:
        view.scroll_to(view.scroll_y - 200)
    assert signal.args == [False]
    assert view._pill.isVisible()
    y = view.scroll_y
    view.append_text("a", "many words " * 200)
    assert view.scroll_y == y
    view._pill.click()
    assert view.following
    assert not view._pill.isVisible()
    view.append_text("a", "more words " * 200)
    assert view.scroll_y == view.verticalScrollBar().maximum()


def test_older_turns_keep_the_place(view: Transcript, qtbot: QtBot) -> None:
    """Near the top older turns are asked for once, and adding them moves nothing that shows."""
    view.set_turns(many(40))
    with qtbot.waitSignal(view.older_wanted):
        view.scroll_to(100)
    QTest.qWait(100)
    before = view.position()
    picture = view.viewport().grab().toImage()
    view.prepend_turns([TurnView(f"old{n}", "user", f"Older {n}") for n in range(50)])
    assert view.position() == before
    assert view.viewport().grab().toImage() == picture


def test_position_is_restored_after_another_conversation(view: Transcript) -> None:
    """Coming back to a conversation shows what showed when it was left."""
    view.set_turns(many(60))
    view.scroll_to(view.scroll_y // 2)
    place = view.position()
    picture = view.viewport().grab().toImage()
    view.set_turns(many(4))
    view.set_turns(many(60))
    view.restore(place)
    assert view.viewport().grab().toImage() == picture


def test_resize_and_theme_keep_the_first_line(view: Transcript) -> None:
    """Neither another width nor another theme loses the place."""
    view.set_turns(many(60))
    view.scroll_to(view.scroll_y // 2)
    first = view.turns.anchor_at(view.scroll_y, 0)
    view.resize(560, 600)
    view._theme.set_mode("light")
    view.resize(800, 600)
    again = view.turns.anchor_at(view.scroll_y, 0)
    assert first is not None
    assert again is not None
    assert (first.turn_id, first.key) == (again.turn_id, again.key)


def test_copy_of_a_code_block(view: Transcript) -> None:
    """Copy in the header copies the code alone and says so."""
    view.set_turns([answer("a", CODE)])
    area, at = hot(view, "a", "copy")
    click(view, at)
    assert QGuiApplication.clipboard().text() == "def f(x):\n    return x"
    assert view.canvas._done == ("a", area.key)


def test_links_open_only_safe_schemes(view: Transcript, qtbot: QtBot) -> None:
    """A click on a web link is passed on; a script is not."""
    view.set_turns([answer("a", CODE)])
    _, at = hot(view, "a", "link")
    with qtbot.waitSignal(view.link_activated) as signal:
        click(view, at)
    assert signal.args == ["https://example.org/a"]
    opened: list[str] = []
    view.link_activated.connect(opened.append)
    view.press.open_link("javascript:alert(1)")
    view.press.open_link("file:///etc/passwd")
    assert opened == []


def test_actions_siblings_and_card_buttons(view: Transcript) -> None:
    """Everything that can be pressed reports its turn and its name."""
    card = TurnCard(
        "danger", "Key refused", "Your prompt is saved.", (TurnAction("settings", "Open settings"),)
    )
    view.set_turns([answer("a", "Text.", actions=ACTIONS, siblings=(2, 3), card=card)])
    seen: list[tuple[str, str]] = []
    view.action_triggered.connect(lambda turn_id, action: seen.append((turn_id, action)))
    for kind, name in (("action", "retry"), ("sibling", "next"), ("card", "settings")):
        click(view, hot(view, "a", kind, name)[1])
    assert seen == [("a", "retry"), ("a", "next"), ("a", "settings")]


def test_reasoning_folds(view: Transcript) -> None:
    """The thought is closed at first, opens with a click and closes again."""
    view.set_turns([answer("a", "Answer.", reasoning="Hmm.\n\nYes.", reasoning_label="Thought for 12 s")])
    closed = view.turns.heights[0]
    click(view, hot(view, "a", "fold")[1])
    assert view.turns.heights[0] > closed
    click(view, hot(view, "a", "fold")[1])
    assert view.turns.heights[0] == closed


def test_selection_across_blocks(view: Transcript) -> None:
    """Dragging selects text over paragraphs and code; copies are plain text or the Markdown source."""
    view.set_turns([answer("a", CODE)])
    turn, left = view.turns.turn(0), view.column().left() + 40
    top = view.turns.top_of(0) + turn.body_top - view.scroll_y
    viewport = view.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=QPoint(left + 1, top + 5))
    end = QPointF(view.column().right(), top + turn.body.height + 4)
    glob = QPointF(viewport.mapToGlobal(end.toPoint()))
    buttons = (Qt.MouseButton.NoButton, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(viewport, QMouseEvent(QEvent.Type.MouseMove, end, glob, *buttons))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end.toPoint())
    assert view.selected_text() == "Before.\n\ndef f(x):\n    return x\n\nAfter a link."
    assert view.selected_text(markdown=True) == CODE
    QTest.keyClick(view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text().startswith("Before.")


def test_double_click_word_triple_paragraph(view: Transcript) -> None:
    """Two clicks select the word under the pointer, a third its paragraph."""
    view.set_turns([answer("a", "Hello wonderful world")])
    turn = view.turns.turn(0)
    at = QPoint(view.column().left() + 110, view.turns.top_of(0) + turn.body_top - view.scroll_y + 10)
    click(view, at)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert view.selected_text() == "wonderful"
    click(view, at)
    assert view.selected_text() == "Hello wonderful world"


def test_keyboard_reaches_everything(view: Transcript) -> None:
    """Arrows move between turns, Tab goes through what a turn offers and leaves at the end, Enter presses."""
    view.set_turns([TurnView("u", "user", "Ask"), answer("a", CODE, actions=ACTIONS)])
    seen: list[tuple[str, str]] = []
    view.action_triggered.connect(lambda turn_id, action: seen.append((turn_id, action)))
    view.clearFocus()
    view.setFocus(Qt.FocusReason.TabFocusReason)
    assert view.keys.focused == 1
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert view.keys.focused == 0
    QTest.keyClick(view, Qt.Key.Key_Down)
    kinds = []
    while view.keys.tab(forward=True):
        assert view.keys.hot_key is not None
        kinds.append(view.keys.hot_key)
    assert kinds == [
        ("copy", "1"),
        ("link", "https://example.org/a"),
        ("action", "copy"),
        ("action", "retry"),
    ]
    QTest.keyClick(view, Qt.Key.Key_Return)
    assert seen == [("a", "retry")]
    QTest.keyClick(view, Qt.Key.Key_A, Qt.KeyboardModifier.ControlModifier)
    assert view.selected_text(markdown=True) == CODE


def test_context_menu_does_not_block(view: Transcript) -> None:
    """The menu pops up without a nested loop and copies the message as Markdown."""
    view.set_turns([answer("a", CODE)])
    at = QPoint(view.column().left() + 60, view.turns.top_of(0) + 40)
    view.pointer.menu(at, view.mapToGlobal(at))
    menu = view.findChild(QMenu, "transcriptMenu")
    assert isinstance(menu, QMenu)
    labels = {action.text(): action for action in menu.actions()}
    labels["Copy as Markdown"].trigger()
    assert QGuiApplication.clipboard().text() == CODE
    menu.close()


def test_long_code_scrolls_sideways(view: Transcript) -> None:
    """Shift and the wheel move long lines inside their block only."""
    view.set_turns([answer("a", "```\n" + "x" * 300 + "\n```")])
    code = view.turns.turn(0).body.pieces[0]
    assert isinstance(code, CodePiece)
    assert code.scroll_max > 0
    at = QPoint(view.column().left() + 100, view.turns.top_of(0) + 28 + 50)
    wheel(view, at, QPoint(0, -120), Qt.KeyboardModifier.ShiftModifier)
    assert code.scroll_x > 0


def test_code_gets_colours_while_idle(view: Transcript, qtbot: QtBot) -> None:
    """Highlighting comes after the first paint and uses the theme's syntax colours."""
    view.set_turns([answer("a", CODE)])
    code = view.turns.turn(0).body.pieces[1]
    assert isinstance(code, CodePiece)
    qtbot.waitUntil(lambda: bool(code.colors.runs), timeout=3_000)
    assert (0, 3, "keyword") in code.colors.runs[0]


def test_search_words_are_marked(view: Transcript) -> None:
    """Going to a hit shows its turn at the top with the words in the highlight colour."""
    view.set_turns(many(40))
    view.scroll_to_turn("11", ["answer"])
    picture = view.viewport().grab().toImage()
    color = view._theme.current.color("highlight.bg").rgb()
    assert any(picture.pixel(x, y) == color for x in range(0, 800, 2) for y in range(0, 200, 2))
    with pytest.raises(KeyError):
        view.scroll_to_turn("nobody")


def test_a_silent_reply_shows_its_status_only(view: Transcript) -> None:
    """Before the first word there is just the header line; its spinner stops with the work."""
    view.set_turns([answer("a", "", streaming=True, busy=True, status="Waiting for the model")])
    assert view.turns.heights[0] == 28 + 12
    view.grab()
    assert view.canvas._spinner.isActive()
    view.update_turn(answer("a", "Done."))
    QTest.qWait(120)
    assert not view.canvas._spinner.isActive()


def test_nothing_runs_when_idle(view: Transcript) -> None:
    """Without spinners and work no timer is active."""
    view.set_turns(many(20))
    QTest.qWait(400)
    assert not view._idle._timer.isActive()
    assert not view.canvas._spinner.isActive()


def test_screen_readers_see_a_list_of_turns(view: Transcript) -> None:
    """The transcript is a list, each turn an item that says who wrote what, with its buttons inside."""
    view.set_turns([TurnView("u", "user", "Ask"), answer("a", "Answer", actions=ACTIONS)])
    found = QAccessible.queryAccessibleInterface(view)
    assert found.role() == QAccessible.Role.List
    assert found.text(QAccessible.Text.Name) == "Transcript"
    items = [found.child(number).text(QAccessible.Text.Name) for number in range(found.childCount())]
    assert items == ["You: Ask", "Model: Answer"]
    item = found.child(1)
    assert [item.child(n).text(QAccessible.Text.Name) for n in range(item.childCount())] == [
        "Copy",
        "Try again",
    ]


@pytest.mark.parametrize("natural", [[100, 50], [900, 900], [40, 2_000, 60], [10]])
def test_columns_fill_the_table(natural: list[int]) -> None:
    """Column widths add up to the table's; a narrow column is never squeezed for a wide one."""
    shares = share_widths(natural, 672)
    assert sum(shares) == 672
    assert all(share >= min(wide, 36) for share, wide in zip(shares, natural, strict=True))


def test_a_removed_turn_is_gone(view: Transcript) -> None:
    """Removing keeps the rest, and unknown ids are errors."""
    view.set_turns(many(4))
    view.remove_turn("1")
    assert [turn.id for turn in view.turns.views] == ["0", "2", "3"]
    with pytest.raises(KeyError):
        view.append_text("1", "x")
