"""Buttons, fields, rail, status bar, popovers, toasts and the confirm dialog."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QLineEdit, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.buttons import Button, IconButton
from mastra_desktop.ui.widgets.elided_label import ElidedLabel
from mastra_desktop.ui.widgets.empty_state import EmptyState
from mastra_desktop.ui.widgets.focus_ring import FocusRing
from mastra_desktop.ui.widgets.form_field import FormField
from mastra_desktop.ui.widgets.kbd import Kbd
from mastra_desktop.ui.widgets.picker_button import PickerButton
from mastra_desktop.ui.widgets.popup_list import PopupItem
from mastra_desktop.ui.widgets.rail import Rail
from mastra_desktop.ui.widgets.search_field import SearchField
from mastra_desktop.ui.widgets.segmented import Segmented
from mastra_desktop.ui.widgets.status_bar import StatusBar
from mastra_desktop.ui.widgets.switch import Switch
from mastra_desktop.ui.widgets.toast import ToastArea
from tests.ui.kit import RESOURCES


@dataclass
class Stage:
    """A shown window to put widgets in."""

    window: QWidget
    theme: ThemeController
    icons: Icons

    def add(self, *widgets: QWidget) -> None:
        layout = self.window.layout()
        assert layout is not None
        for widget in widgets:
            layout.addWidget(widget)
            widget.show()
        QTest.qWait(10)


@pytest.fixture
def stage(qtbot: QtBot) -> Stage:
    theme = ThemeController(RESOURCES, mode="dark")
    theme.load_fonts()
    window = QWidget()
    QVBoxLayout(window)
    window.resize(800, 600)
    qtbot.addWidget(window)
    window.show()
    QTest.qWaitForWindowActive(window)
    return Stage(window, theme, Icons(theme))


def test_focus_ring_shows_for_keys_not_for_clicks(stage: Stage) -> None:
    """The ring surrounds the button by 4 px and goes when the focus goes."""
    first, second = Button("One", stage.theme, stage.icons), Button("Two", stage.theme, stage.icons)
    stage.add(first, second)
    ring = first.findChild(FocusRing)
    assert isinstance(ring, FocusRing)
    second.setFocus(Qt.FocusReason.MouseFocusReason)
    first.setFocus(Qt.FocusReason.MouseFocusReason)
    shown = [ring.shown]
    second.setFocus(Qt.FocusReason.TabFocusReason)
    first.setFocus(Qt.FocusReason.TabFocusReason)
    shown.append(ring.shown)
    assert ring._ring is not None
    assert ring._ring.geometry() == first.geometry().adjusted(-4, -4, 4, 4)
    second.setFocus(Qt.FocusReason.TabFocusReason)
    shown.append(ring.shown)
    assert shown == [False, True, False]


def test_focus_ring_goes_with_its_button(stage: Stage, qtbot: QtBot) -> None:
    """Deleting a focused button leaves no ring behind."""
    button = Button("One", stage.theme, stage.icons)
    stage.add(button)
    button.setFocus(Qt.FocusReason.TabFocusReason)
    before = len(stage.window.children())
    button.deleteLater()
    qtbot.waitUntil(lambda: len(stage.window.children()) == before - 2)


def test_loading_button_takes_no_clicks(stage: Stage) -> None:
    """It keeps its label, and neither mouse nor Space nor click() reach anyone."""
    clicks: list[bool] = []
    button = Button("Save", stage.theme, stage.icons, "primary")
    button.clicked.connect(lambda: clicks.append(True))
    stage.add(button)
    button.set_loading(True)
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    QTest.keyClick(button, Qt.Key.Key_Space)
    button.click()
    assert (clicks, button.text()) == ([], "Save")
    button.set_loading(False)
    button.click()
    assert clicks == [True]


def test_icon_buttons_have_names(stage: Stage) -> None:
    """Screen readers hear the label; the tooltip adds the keys."""
    button = IconButton("panel-right", "Details", stage.theme, stage.icons, "Ctrl+I")
    assert button.accessibleName() == "Details"
    assert button.toolTip() == "Details  Ctrl I"
    assert Kbd("Ctrl+F").text() == "Ctrl F"


def test_search_field_clears_with_esc(stage: Stage) -> None:
    """The first Esc clears, the next goes to whoever is above."""
    field = SearchField("Search chats", stage.theme, stage.icons, "Ctrl+F")
    stage.add(field)
    QTest.keyClicks(field, "ledger")
    QTest.keyClick(field, Qt.Key.Key_Escape)
    assert field.text() == ""
    assert field.accessibleName() == "Search chats"


def test_form_field_shows_error_in_place_of_help(stage: Stage) -> None:
    """The error is also what screen readers hear with the field."""
    line = QLineEdit()
    field = FormField("Requests a minute", line, "0 is unlimited.")
    stage.add(field)
    assert line.accessibleName() == "Requests a minute"
    field.set_error("Enter a whole number from 1 to 600.")
    texts = [label.text() for label in field.findChildren(QLabel)]
    assert "Enter a whole number from 1 to 600." in texts
    assert line.property("invalid") is True
    field.set_error("")
    assert line.accessibleDescription() == "0 is unlimited."


def test_switch_and_segments_work_by_keyboard(stage: Stage) -> None:
    """Space toggles a switch, Right moves the choice; setting the choice in code emits nothing."""
    switch = Switch(stage.theme, label="Knowledge")
    segments = Segmented([("a", "All"), ("b", "Some"), ("c", "None")], "Which", stage.theme)
    stage.add(switch, segments)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    assert switch.isChecked()
    chosen: list[str] = []
    segments.chosen.connect(chosen.append)
    segments.set_chosen("b")
    button = next(found for found in segments.findChildren(QPushButton) if found.isChecked())
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Right)
    assert (chosen, segments.chosen_id()) == (["c"], "c")


def test_rail_selects_and_narrows(stage: Stage) -> None:
    """A click reports the item; without labels the rail is 56 wide; the badge tells its words."""
    rail = Rail(stage.theme, stage.icons)
    rail.add_item("chat", "Chat", "message-square", "Ctrl+1")
    rail.add_item("settings", "Settings", "settings", bottom=True)
    stage.add(rail)
    seen: list[str] = []
    rail.item_selected.connect(seen.append)
    rail.select("chat")
    rail._items["settings"].click()
    assert (seen, rail.selected()) == (["settings"], "settings")
    assert rail.width() == 72
    rail.set_labels(False)
    assert rail.width() == 56
    rail.set_badge("chat", 2, "2 approvals waiting")
    assert rail._items["chat"].accessibleDescription() == "2 approvals waiting"


def test_status_items_hide_without_words_and_click(stage: Stage) -> None:
    """Only clickable items report a click."""
    bar = StatusBar(stage.theme, stage.icons)
    bar.add_left("where")
    bar.add_right("health", clickable=True)
    stage.add(bar)
    seen: list[str] = []
    bar.item_clicked.connect(seen.append)
    bar.set_item("where", "Private", "shield-check", "success")
    bar.set_item("health", "4 of 6 healthy", "dot", "warn")
    assert bar.height() == 26
    for name in ("where", "health"):
        item = bar.findChild(QWidget, f"status-{name}")
        assert isinstance(item, QWidget)
        QTest.mouseClick(item, Qt.MouseButton.LeftButton)
    assert seen == ["health"]
    bar.set_item("where", "")
    assert bar._items["where"].isHidden()


def _models() -> list[PopupItem]:
    names = ["mini", "nano", "base", "large"]
    return [
        PopupItem("local/default", "Built-in model", "this computer", "This computer", checked=True),
        *(PopupItem(f"work/{name}", f"gpt-{name}", "Work", "Network") for name in names),
        PopupItem("work/off", "gpt-off", "no key yet", "Network", enabled=False),
        PopupItem("lab/x", "other", "Lab", "Lab"),
    ]


def test_picker_filters_chooses_and_gives_focus_back(stage: Stage, qtbot: QtBot) -> None:
    """Typing narrows the list, arrows pass headings and disabled items, Enter chooses."""
    picker = PickerButton("Model", stage.theme, stage.icons, "cpu")
    picker.set_items(_models())
    stage.add(picker)
    picker.setFocus()
    assert picker.text() == "Built-in model"
    assert picker.accessibleName() == "Model: Built-in model"
    QTest.keyClick(picker, Qt.Key.Key_Down)
    search = stage.window.findChild(SearchField)
    assert isinstance(search, SearchField)
    QTest.keyClicks(search, "gpt")
    QTest.keyClick(search, Qt.Key.Key_Up)
    with qtbot.waitSignal(picker.picked) as picked:
        QTest.keyClick(search, Qt.Key.Key_Return)
    assert picked.args == ["work/large"]
    assert picker.popup is None
    assert picker.hasFocus()


def test_popover_closes_with_esc_and_a_click_elsewhere(stage: Stage) -> None:
    """It stays inside the window and nothing below gets the click."""
    picker = PickerButton("Model", stage.theme, stage.icons)
    picker.set_items(_models())
    stage.add(picker)
    for close in ("esc", "click"):
        picker.open_list()
        popup = picker.popup
        assert popup is not None
        scrim = popup.parentWidget()
        assert scrim is not None
        assert stage.window.rect().contains(popup.geometry())
        if close == "esc":
            QTest.keyClick(popup, Qt.Key.Key_Escape)
        else:
            QTest.mouseClick(scrim, Qt.MouseButton.LeftButton, pos=stage.window.rect().bottomRight())
        assert picker.popup is None


def test_toasts_are_at_most_three_and_errors_stay(stage: Stage) -> None:
    """The oldest calm one makes room; the action runs and closes."""
    area = ToastArea(stage.window, stage.theme, stage.icons)
    undone: list[bool] = []
    area.show_toast("Failed", "Disk is full.", "danger", "Try again")
    area.show_toast("One")
    area.show_toast("Two", action="Undo", on_action=lambda: undone.append(True))
    area.show_toast("Three")
    assert area.titles() == ["Failed", "Two", "Three"]
    toasts = {toast.title: toast for toast in area._toasts}
    assert not toasts["Failed"].timer.isActive()
    assert toasts["Three"].timer.interval() == 5000
    QTest.mouseClick(toasts["Two"].action, Qt.MouseButton.LeftButton)
    assert undone == [True]
    toasts["Three"].timer.timeout.emit()
    assert area.titles() == ["Failed"]
    last = toasts["Failed"]
    assert last.geometry().right() == stage.window.width() - 17
    assert last.width() == 368


def test_confirm_starts_on_the_safe_button(stage: Stage, qtbot: QtBot) -> None:
    """Enter right away keeps things; Tab stays inside; focus goes back to where it was."""
    opener = Button("Delete", stage.theme, stage.icons)
    stage.add(opener)
    opener.setFocus()

    def ask() -> ConfirmDialog:
        dialog = ConfirmDialog(
            stage.window, stage.theme, stage.icons, "Delete it?", "It goes.", "Delete", "Keep", danger=True
        )
        dialog.open()
        return dialog

    dialog = ask()
    assert dialog.reject_button.hasFocus()
    with qtbot.waitSignal(dialog.rejected):
        QTest.keyClick(dialog.reject_button, Qt.Key.Key_Return)
    assert opener.hasFocus()
    dialog = ask()
    QTest.keyClick(dialog.reject_button, Qt.Key.Key_Tab)
    QTest.keyClick(dialog.accept_button, Qt.Key.Key_Tab)
    QTest.keyClick(dialog.reject_button, Qt.Key.Key_Tab)
    assert dialog.accept_button.hasFocus()
    with qtbot.waitSignal(dialog.accepted):
        QTest.keyClick(dialog.accept_button, Qt.Key.Key_Space)
    dialog = ask()
    with qtbot.waitSignal(dialog.rejected):
        QTest.keyClick(dialog, Qt.Key.Key_Escape)


def test_elided_label_shows_markup_as_text(stage: Stage) -> None:
    """What does not fit is in the tooltip; markup is not interpreted."""
    label = ElidedLabel("<b>bold</b> " * 30)
    stage.add(label)
    label.resize(100, 20)
    assert label.textFormat() == Qt.TextFormat.PlainText
    assert label.toolTip().startswith("<b>bold</b>")
    label.setText("short")
    assert label.toolTip() == ""


def test_empty_state_offers_one_way_forward(stage: Stage, qtbot: QtBot) -> None:
    """Its button is its signal."""
    empty = EmptyState(
        stage.theme, stage.icons, "library", "No collections yet", "Drop a folder.", "New collection"
    )
    stage.add(empty)
    button = empty.findChild(Button)
    assert isinstance(button, Button)
    with qtbot.waitSignal(empty.activated):
        button.click()
