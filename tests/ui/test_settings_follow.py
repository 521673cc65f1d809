"""Settings are open while config.toml is changed by somebody else: in the real window."""

from __future__ import annotations

import socket

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit

from mastra_desktop.ui.panes.settings_pane import SettingsPane
from mastra_desktop.ui.widgets.value_fields import NumberValue
from tests.ui.desk import Desk


def opened(desk: Desk, page: str) -> SettingsPane:
    desk.open()
    desk.window.show_page("settings")
    pane = desk.window.pages.settings
    assert pane is not None
    pane.open(page)
    desk.wait(lambda: len(pane.advanced.rows) > 20 or page != "advanced")
    desk.wait(lambda: not desk.window.tasks.running("settings-config"))
    return pane


def number(pane: SettingsPane, name: str) -> NumberValue:
    field = pane.advanced.controls[name].field
    assert isinstance(field, NumberValue)
    return field


@pytest.mark.slow
def test_rows_follow_the_file(desk: Desk) -> None:
    """Values and badges change with it; what is being typed stays; a mistake leaves the rows and is told."""
    pane = opened(desk, "advanced")
    file = desk.home.config
    before = file.read_text("utf-8")
    typed = number(pane, "http.max_connections")
    typed.findChild(QLineEdit).setText("12")  # type: ignore[union-attr]
    file.write_text(before + "\n[http]\nmax_retries = 7\nmax_connections = 50\n", "utf-8")
    desk.wait(lambda: number(pane, "http.max_retries").text() == "7")
    badge = pane.advanced.controls["http.max_retries"].badge
    assert badge.chip.text() == "File"
    assert badge.reset_button.isVisible()
    assert typed.text() == "12"
    QTest.keyClick(typed, Qt.Key.Key_Escape)
    assert typed.text() == "50"
    file.write_text(before + "\n[http]\nmax_retries = 70\n", "utf-8")
    desk.wait(lambda: "config.toml has a mistake" in desk.window.toasts.titles())
    assert number(pane, "http.max_retries").text() == "7"
    file.write_text(before, "utf-8")
    desk.wait(lambda: number(pane, "http.max_retries").text() == "2")
    assert badge.chip.text() == "Default"


@pytest.mark.slow
def test_the_api_page_follows_the_file(desk: Desk) -> None:
    """Its switch goes on, the address appears, and goes away again."""
    pane = opened(desk, "local-api")
    file = desk.home.config
    before = file.read_text("utf-8")
    assert not pane.api.switch.isChecked()
    file.write_text(before + "\n[server]\nenabled = true\n", "utf-8")
    desk.wait(pane.api.switch.isChecked)
    desk.wait(lambda: pane.api.address.text().startswith("http://127.0.0.1:"))
    file.write_text(before, "utf-8")
    desk.wait(lambda: pane.api.address.text() == "Not listening")
    assert not pane.api.switch.isChecked()


@pytest.mark.slow
def test_a_port_that_is_taken_stays_told(desk: Desk) -> None:
    """The news that the API listens where it did do not take the reason away."""
    pane = opened(desk, "local-api")
    desk.wait(lambda: pane.api.badges["enabled"].chip.toolTip())
    pane.api.switch.click()
    desk.wait(lambda: pane.api.address.text().startswith("http://127.0.0.1:"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        pane.api.port.setValue(taken.getsockname()[1])
        pane.api.port.editingFinished.emit()
        desk.wait(lambda: "in use" in pane.api.trouble.text())
        desk.pause(0.5)
        assert "in use" in pane.api.trouble.text()
        assert pane.api.address.text().startswith("http://127.0.0.1:")
    pane.api.switch.click()
    desk.wait(lambda: pane.api.address.text() == "Not listening")
    assert not pane.api.trouble.isVisible()


def test_escape_clears_the_search_first(desk: Desk) -> None:
    """In the real window, where Esc is a shortcut too: from the field and from the list, before a toast goes."""
    pane = opened(desk, "appearance")
    desk.window.toasts.show_toast("Still there", "", "danger")
    pane.focus_search()
    QTest.keyClicks(pane.search, "retries")
    QTest.keyClick(pane.search, Qt.Key.Key_Escape)
    assert pane.search.text() == ""
    QTest.keyClicks(pane.search, "retries")
    QTest.keyClick(pane.search, Qt.Key.Key_Down)
    QTest.keyClick(pane.groups, Qt.Key.Key_Escape)
    assert pane.search.text() == ""
    assert pane.search.hasFocus()
    assert "Still there" in desk.window.toasts.titles()
    QTest.keyClick(pane.search, Qt.Key.Key_Escape)
    assert "Still there" not in desk.window.toasts.titles()
