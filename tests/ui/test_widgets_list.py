"""The section list: keys, opening, renaming, painting."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QContextMenuEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.section_list import SectionList
from tests.ui.kit import RESOURCES, Row, RowsModel

Seen = list[tuple[str, ...]]


@pytest.fixture
def view(qtbot: QtBot) -> SectionList:
    theme = ThemeController(RESOURCES, mode="dark")
    theme.load_fonts()
    made = SectionList("Chats", theme, Icons(theme))
    made.setModel(
        RowsModel(
            [
                Row("Today", kind="section"),
                Row("First", "a", "10:00", "Finance Reader"),
                Row("Second", "b", "09:00", "Writing…", busy=True),
                Row("Yesterday", kind="section"),
                Row("Third", "c", "Mon", unread=True, title_marks=[(0, 3)]),
            ],
            made,
        )
    )
    made.resize(280, 400)
    qtbot.addWidget(made)
    made.show()
    return made


def centre(view: SectionList, row_id: str) -> QPoint:
    return view.visualRect(view.index_of(row_id)).center()


def record(seen: Seen, name: str) -> Callable[..., None]:
    return lambda *args: seen.append((name, *(str(arg) for arg in args[:2] if isinstance(arg, str))))


def test_click_and_enter_open_a_row(view: SectionList) -> None:
    """Headings are passed over by the keys and do nothing when clicked."""
    seen: Seen = []
    view.row_activated.connect(record(seen, "open"))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=centre(view, "b"))
    QTest.keyClick(view, Qt.Key.Key_Down)
    QTest.keyClick(view, Qt.Key.Key_Return)
    heading = view.visualRect(view.model().index(0, 0)).center()
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=heading)
    assert seen == [("open", "b"), ("open", "c")]


def test_f2_renames_in_place(view: SectionList) -> None:
    """Enter keeps the new name, Esc, an empty and an unchanged one do not."""
    seen: Seen = []
    view.renamed.connect(record(seen, "rename"))
    view.set_selected_id("a")
    for typed, end in (
        ("New name", Qt.Key.Key_Return),
        ("Gone", Qt.Key.Key_Escape),
        ("First", Qt.Key.Key_Return),
    ):
        QTest.keyClick(view, Qt.Key.Key_F2)
        editor = view.findChildren(QLineEdit, "renameEditor")[-1]
        assert editor.selectedText() == "First"
        QTest.keyClicks(editor, typed)
        QTest.keyClick(editor, end)
    assert seen == [("rename", "a", "New name")]


def test_delete_and_context_menu_name_their_row(view: SectionList) -> None:
    """Del asks for the current row; the menu key opens the menu of the current row, a click that under the mouse."""
    seen: Seen = []
    view.delete_requested.connect(record(seen, "delete"))
    view.context_menu_requested.connect(record(seen, "menu"))
    view.set_selected_id("c")
    QTest.keyClick(view, Qt.Key.Key_Delete)
    for reason, at in (
        (QContextMenuEvent.Reason.Keyboard, QPoint(0, 0)),
        (QContextMenuEvent.Reason.Mouse, centre(view, "b")),
    ):
        QApplication.sendEvent(
            view.viewport(), QContextMenuEvent(reason, at, view.viewport().mapToGlobal(at))
        )
    assert seen == [("delete", "c"), ("menu", "c"), ("menu", "b")]


def test_rows_have_the_designs_heights_and_grow_with_text(qtbot: QtBot) -> None:
    """52 px for two lines, 32 for one, headings 28 with 4 above; 150 % text makes them higher."""
    for text_scale, one_line, height in ((1.0, False, 52), (1.0, True, 32), (1.5, False, 78)):
        theme = ThemeController(RESOURCES, mode="light", text_scale=text_scale)
        view = SectionList("Chats", theme, Icons(theme), one_line=one_line)
        qtbot.addWidget(view)
        view.setModel(RowsModel([Row("Today", kind="section"), Row("First", "a")], view))
        view.resize(280, 300)
        view.show()
        assert view.visualRect(view.index_of("a")).height() == height


def test_spinners_turn_only_while_something_is_busy_and_seen(view: SectionList) -> None:
    """A list without busy rows costs nothing when idle."""
    assert view._turning.isActive()
    view.hide()
    assert not view._turning.isActive()
    view.show()
    view.setModel(RowsModel([Row("Quiet", "q")], view))
    assert not view._turning.isActive()


def test_a_reset_keeps_the_opened_row(view: SectionList) -> None:
    """When the model is filled again, the keys start at the opened row."""
    view.set_selected_id("b")
    model = view.model()
    assert isinstance(model, RowsModel)
    model.beginResetModel()
    model.rows = model.rows[1:]
    model.endResetModel()
    assert view.currentIndex().row() == view.index_of("b").row() == 1
    assert not view.grab().isNull()
