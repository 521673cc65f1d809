"""The window as a whole: starting, trouble at the start, closing, what it remembers, and who can use it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psutil
import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractScrollArea,
    QComboBox,
    QFrame,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QWidget,
)

from mastra_desktop.domain.chat import MessageState
from mastra_desktop.ops.lock import HomeLock
from tests.ui.desk import Desk

CONTROLS = (QAbstractButton, QLineEdit, QPlainTextEdit, QComboBox, QAbstractItemView)
CLOSE_LIMIT_S = 5.0


# -- starting ----------------------------------------------------------------------------------------


def test_a_first_start_asks_how_and_start_now_leads_to_the_chat(desk: Desk) -> None:
    """Without a database the first page shows and has the keyboard; Skip and Start now lead on."""
    window = desk.open(first_run=True)
    page = window.findChild(QWidget, "FirstRunPage")
    assert page is not None
    assert page.isVisible()
    assert not window.chat.isVisible()
    focused = desk.application.focusWidget()
    assert focused is None or page.isAncestorOf(focused)
    desk.find("skipButton", QPushButton).click()
    desk.wait(window.chat.isVisible)
    desk.wait(lambda: desk.editor.hasFocus())


@pytest.mark.slow
def test_a_second_start_goes_to_the_chat_of_last_time(desk: Desk) -> None:
    """The conversation that was in view is in view again, scrolled to its end."""
    desk.open("fast")
    desk.ask("Alpha")
    desk.close()
    window = desk.open()
    assert window.chat.isVisible()
    assert [turn.text for turn in desk.turns][:1] == ["Alpha"]


@pytest.mark.slow
def test_a_damaged_database_is_told_and_can_be_set_aside(desk: Desk) -> None:
    """The window says what happened and that nothing is deleted; a new start keeps the old file beside it."""
    desk.home.database.write_bytes(b"this is no database at all, only words" * 400)
    window = desk.open(started=False)
    desk.wait(lambda: window.findChild(QWidget, "StartTrouble") is not None)
    assert "Nothing is deleted" in _words(window)
    desk.find("setAsideButton", QPushButton).click()
    desk.wait(window.chat.isVisible)
    desk.wait(lambda: not window.tasks.running("start"))
    assert [p.name for p in desk.home.home.glob("mastra.db*") if p.read_bytes().startswith(b"this is no")]
    desk.use("fast")
    assert desk.ask("Does it work?").text


def test_a_data_home_in_use_is_told_and_can_be_tried_again(desk: Desk) -> None:
    """Who has it is named; once it is free, Try again starts."""
    lock = HomeLock.acquire(desk.home.home, "ask")
    try:
        window = desk.open(started=False)
        desk.wait(lambda: window.findChild(QWidget, "StartTrouble") is not None)
    finally:
        lock.release()
    desk.find("tryAgainButton", QPushButton).click()
    desk.wait(window.chat.isVisible)
    desk.wait(lambda: not window.tasks.running("start"))


def test_a_mistake_in_the_configuration_is_told_with_its_line(desk: Desk) -> None:
    """File, line and key are named, nothing is overwritten; mended, Try again starts."""
    wrong = "[http]\nmax_retrys = 3\n"
    desk.home.config.write_text(wrong, "utf-8")
    window = desk.open(started=False)
    desk.wait(lambda: window.findChild(QWidget, "StartTrouble") is not None)
    assert "max_retrys" in _words(window)
    assert desk.home.config.read_text("utf-8") == wrong
    desk.add_server("fast")
    desk.find("tryAgainButton", QPushButton).click()
    desk.wait(window.chat.isVisible)


def _words(window: QWidget) -> str:
    """All that is written on the trouble page."""
    page = window.findChild(QWidget, "StartTrouble")
    assert page is not None
    labels = [child.property("text") or "" for child in page.findChildren(QWidget)]
    return " ".join([page.accessibleDescription(), *(str(text) for text in labels)])


# -- closing -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_closing_in_mid_answer_keeps_its_text_and_ends_everything(desk: Desk) -> None:
    """The window is gone within 5 s, no thread is left, and the next start shows the answer as stopped."""
    before = set(threading.enumerate())
    desk.open("slow")
    desk.send("Go")
    desk.wait_text(8)
    text = desk.last.text
    started = time.perf_counter()
    QTest.keyClick(desk.window, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
    desk.wait(lambda: desk.closed, CLOSE_LIMIT_S)
    assert time.perf_counter() - started < CLOSE_LIMIT_S
    desk.wait(lambda: not (set(threading.enumerate()) - before), 1)
    desk.open()
    assert desk.last.status == "Stopped"
    assert desk.last.text.startswith(text)
    assert "Continue" in desk.pressable(desk.last)
    assert desk.stored()[-1].state is MessageState.STOPPED


def test_closing_while_the_core_still_starts_ends_too(desk: Desk) -> None:
    """Whoever closes at once is not kept waiting."""
    desk.open(started=False)
    started = time.perf_counter()
    desk.close()
    assert time.perf_counter() - started < CLOSE_LIMIT_S


@pytest.mark.slow
def test_size_and_splitter_are_remembered(desk: Desk) -> None:
    """The next window is as high, and its list as wide, as the last one was."""
    window = desk.open()
    window.resize(1300, 700)  # the test platform's screen is narrow; only the height comes through it
    desk.pause(0.05)
    splitter = window.chat.findChildren(QSplitter)[0]
    splitter.setSizes([310, 10_000])
    width = splitter.sizes()[0]
    desk.close()
    window = desk.open()
    assert window.height() == 700
    window.resize(1300, 700)
    desk.pause(0.05)
    assert window.chat.findChildren(QSplitter)[0].sizes()[0] == width


@pytest.mark.slow
def test_a_hidden_list_stays_hidden(desk: Desk) -> None:
    """Ctrl+B is remembered too."""
    desk.open().chat.toggle_list()
    desk.close()
    window = desk.open()
    assert not window.chat.list.isVisible()


# -- narrow windows ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_in_a_narrow_window_the_list_is_a_drawer(desk: Desk) -> None:
    """Below 960 px it is out of the way, Ctrl+B brings it over the chat, Esc or a choice closes it."""
    window = desk.open("fast")
    desk.ask("Alpha")
    window.resize(900, 650)
    desk.pause(0.05)
    assert not window.chat.list.isVisible()
    desk.key(Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    assert window.chat.list.isVisible()
    desk.key(Qt.Key.Key_Escape)
    assert not window.chat.list.isVisible()
    desk.key(Qt.Key.Key_B, Qt.KeyboardModifier.ControlModifier)
    desk.open_row("Alpha")
    assert not window.chat.list.isVisible()
    window.resize(1400, 800)
    desk.pause(0.05)
    assert window.chat.list.isVisible()


# -- everyone ----------------------------------------------------------------------------------------


def pages(desk: Desk) -> Iterator[QWidget]:
    """First run, the chat with and without turns, Knowledge, Settings with each of its groups."""
    window = desk.open(first_run=True)
    yield window
    desk.find("skipButton", QPushButton).click()
    desk.wait(window.chat.isVisible)
    desk.use("fast")
    yield window
    desk.ask("Alpha")
    yield window
    window.show_page("knowledge")
    desk.wait(lambda: not window.tasks.running("knowledge-list"))
    yield window
    desk.ask_core(lambda core: core.knowledge.create_collection("Runbooks"))
    desk.wait(
        lambda: window.pages.knowledge is not None and window.pages.knowledge.documents.drop_area.isVisible()
    )
    yield window
    window.show_page("metrics")
    desk.pause(0.3)
    yield window
    window.show_page("settings")
    desk.pause(0.1)
    settings = window.pages.settings
    assert settings is not None
    for number in range(settings.pages.count()):
        settings.pages.setCurrentIndex(number)
        desk.pause(0.02)
        yield window


def controls(window: QWidget) -> list[QWidget]:
    """What can be pressed or typed into and shows, but for Qt's own inner parts."""
    found = (w for kind in CONTROLS for w in window.findChildren(kind))
    return [w for w in found if w.isVisible() and not w.objectName().startswith("qt_")]


@pytest.mark.slow
def test_every_control_has_an_accessible_name(desk: Desk) -> None:
    """A screen reader can say what each button, field and list is, on every page."""
    nameless = set()
    for window in pages(desk):
        for control in controls(window):
            text = str(control.property("text") or "") if isinstance(control, QAbstractButton) else ""
            if not (control.accessibleName() or text):
                nameless.add(f"{type(control).__name__} {control.objectName()} in {_path(control)}")
    assert not nameless


def _path(widget: QWidget) -> str:
    names = []
    parent: QWidget | None = widget.parentWidget()
    while parent is not None:
        names.append(parent.objectName() or type(parent).__name__)
        parent = parent.parentWidget()
    return " < ".join(names)


@pytest.mark.slow
def test_the_promised_object_names_exist(desk: Desk) -> None:
    """Scripts find panes and their main parts by name."""
    window = desk.open("fast")
    desk.ask("Alpha")
    window.show_page("settings")
    window.show_page("metrics")
    for name in (
        "MetricsPane",
        "healthCards",
        "ChatPane",
        "SettingsPane",
        "composer",
        "sendButton",
        "stopButton",
        "transcript",
    ):
        assert window.findChild(QWidget, name) is not None, name
    for name in ("conversationList", "searchField"):
        assert window.chat.findChild(QWidget, name) is not None, name
    desk.pause(0.05)


@pytest.mark.slow
def test_larger_text_clips_nothing(desk: Desk) -> None:
    """At 150 % every visible button, and every label that does not shorten itself, gets the room it asks for."""
    desk.theme.set_text_scale(1.5)
    desk.theme.apply(desk.application)
    clipped = set()
    try:
        for window in pages(desk):
            desk.pause(0.05)
            for control in controls(window):
                if isinstance(control, QAbstractScrollArea):
                    continue
                want, have = control.minimumSizeHint(), control.size()
                if have.width() < want.width() - 1 or have.height() < want.height() - 1:
                    clipped.add(f"{_name(control)} {have.toTuple()} < {want.toTuple()}")
    finally:
        desk.theme.set_text_scale(1.0)
        desk.theme.apply(desk.application)
    assert not clipped


def _name(control: QWidget) -> str:
    return control.objectName() or control.accessibleName() or str(control.property("text"))


@pytest.mark.slow
def test_f6_goes_round_through_the_panes(desk: Desk) -> None:
    """Rail, list, transcript, composer, and from the start again; Shift+F6 goes back."""
    window = desk.open("fast")
    desk.ask("Alpha")
    stops = [window.rail, window.chat.list.rows, window.chat.view.transcript, window.chat.view.composer]
    assert stops[3].isAncestorOf(desk.editor)
    assert desk.editor.hasFocus()
    for stop in stops:
        desk.key(Qt.Key.Key_F6)
        focused = desk.application.focusWidget()
        assert focused is not None
        assert stop is focused or stop.isAncestorOf(focused), stop
    desk.key(Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
    assert desk.application.focusWidget() is stops[2]


@pytest.mark.slow
def test_opening_a_page_shows_no_second_window(desk: Desk) -> None:
    """Nothing flashes up beside the window while pages are built, and it keeps the keyboard."""
    for window in pages(desk):
        others = [w for w in desk.application.topLevelWidgets() if w.isVisible() and w is not window]
        assert not others
        assert window.isActiveWindow()


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_both_schemes_paint_a_window_that_is_not_blank(desk: Desk, mode: str) -> None:
    """The theme can change while the window is open, and all of it follows."""
    window = desk.open("markdown")
    desk.ask("Show me everything")
    desk.theme.set_mode("light" if mode == "light" else "dark")
    desk.theme.apply(desk.application)
    desk.pause(0.1)
    image = window.grab().toImage()
    across = [image.pixelColor(x, y).lightness() for x in range(0, image.width(), 40) for y in (200, 500)]
    middle = sorted(across)[len(across) // 2]
    assert (middle > 128) == (mode == "light")
    desk.theme.set_mode("system")
    desk.theme.apply(desk.application)


@pytest.mark.slow
def test_a_window_does_not_hold_on_to_sockets(desk: Desk) -> None:
    """After a closed window no connection to the provider is left."""
    desk.open("fast")
    desk.ask("Alpha")
    desk.close()
    desk.wait(lambda: not desk.server.open_connections)
    mine = [
        c for c in psutil.Process().net_connections("tcp") if c.raddr and c.raddr.port == desk.server.port
    ]
    assert [c for c in mine if c.status == psutil.CONN_ESTABLISHED] == []


@pytest.mark.slow
def test_what_is_typed_before_the_chats_are_loaded_is_kept(desk: Desk) -> None:
    """The box has the keyboard from the first paint, and Enter sends as soon as the core is there."""
    desk.open("fast")
    desk.ask("Alpha")
    desk.close()
    window = desk.open(started=False)
    assert desk.editor.hasFocus()
    desk.write("early bird")
    desk.wait(lambda: not window.tasks.running("start"))
    assert desk.editor.toPlainText() == "early bird"
    desk.key(Qt.Key.Key_Return)
    desk.wait(lambda: len(desk.turns) == 2)
    desk.settle()
    assert desk.turns[0].text == "early bird"


@pytest.mark.slow
def test_a_mistake_in_the_configuration_is_told(desk: Desk) -> None:
    """config.toml broken while the app runs: a toast with file, line and key; keys that wait are named."""
    desk.open("normal")
    good = desk.home.config.read_text()
    desk.home.config.write_text(f"[http]\nmax_retries = -1\n{good}")

    def said() -> str:
        return " ".join(label.text() for label in desk.window.findChildren(QLabel))

    desk.wait(lambda: "config.toml has a mistake" in said())
    assert "line 2" in said()
    assert "http.max_retries" in said()
    desk.home.config.write_text(f"[logging]\nmax_bytes = 20000000\n{good}")
    desk.wait(lambda: "After a restart: logging.max_bytes" in said())
    assert "quick" in desk.ask("Hello").text


def test_toasts_leave_the_composer_free(desk: Desk) -> None:
    """Where there is room beside what is written in they lie in the corner, else above it."""
    window = desk.open("fast")
    composer = window.chat.view.composer
    for width, is_free in ((2000, True), (1440, False), (900, False)):
        window.resize(width, 700)
        desk.pause(0.05)
        window.toasts.show_toast("Ended unexpectedly", "One answer was cut off.", stays=True)
        desk.pause(0.05)
        toast = next(t for t in window.findChildren(QFrame, "toast") if t.isVisible())
        box = QRect(composer.mapTo(window, QPoint(0, 0)), composer.size())
        assert not toast.geometry().intersects(box)
        assert (toast.geometry().bottom() > box.top()) is is_free
        window.toasts.close_newest()
