"""The search over Settings, with the keyboard. It needs nothing of the core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.paths import Paths
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from mastra_desktop.ui.panes.settings_search import Findable, find
from mastra_desktop.ui.row_roles import RowRole
from tests.ui.live import live_core

ALL = [
    "App",
    "Appearance",
    "Models",
    "Providers",
    "Local models",
    "Data",
    "Local API",
    "Storage",
    "Audit",
    "Advanced",
]


@pytest.fixture
def made(qapp: QApplication, home: Paths, qtbot: QtBot) -> Iterator[SettingsPane]:
    with live_core(qapp, home, start=False) as live:
        shown = SettingsPane(live.theme, live.icons, live.state, live.paths, live.engine, live.tasks)
        live.show(shown, qtbot)
        yield shown


def rows(made: SettingsPane) -> list[str]:
    return [made._model.item(row).text() for row in range(made._model.rowCount())]


def ids(made: SettingsPane) -> list[str]:
    found = [made._model.item(row).data(RowRole.ID) for row in range(made._model.rowCount())]
    return [str(row_id) for row_id in found if row_id and "/" in str(row_id)]


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def search(made: SettingsPane, words: str) -> None:
    made.focus_search()
    assert made.search.hasFocus()
    QTest.keyClicks(made.search, words)


def test_by_name_enter_goes_to_the_field(made: SettingsPane) -> None:
    """Typing leaves what fits; Enter opens the best find and puts the keys into its field."""
    search(made, "text size")
    assert rows(made) == ["App", "Appearance", "Text size"]
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.pages.currentWidget() is made.appearance
    assert made.appearance.sizes.isAncestorOf(focused())


FINDS = (
    ("http.max_retries", "http.max_retries"),  # the key as it is written
    ("Longest silence", "http.read_idle_timeout_s"),  # the name
    ("postgresql", "database.url"),  # a word of the description
    ("certificates pem", "http.ca_file"),
    ("redis", "cache.redis_url"),
)


def test_keys_and_descriptions(made: SettingsPane, qtbot: QtBot) -> None:
    """Each leads to the field itself on the page of all keys, and the field is in view."""
    for words, name in FINDS:
        made.search.clear()
        search(made, words)
        assert f"advanced/{name}" in ids(made)
        QTest.keyClick(made.search, Qt.Key.Key_Return)
        assert made.pages.currentWidget() is made.advanced
        qtbot.waitUntil(lambda name=name: focused().objectName() == f"config-{name}")  # type: ignore[misc]
        assert not focused().visibleRegion().isEmpty()
        assert made.groups.selected_id() == f"advanced/{name}"


def test_a_page_by_its_name(made: SettingsPane) -> None:
    """Comes before settings that only mention it."""
    search(made, "audit")
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.pages.currentWidget() is made.audit


def test_down_and_enter_in_the_list(made: SettingsPane) -> None:
    """The keyboard alone: Down from the field into the list, on to another find, Enter opens that."""
    search(made, "retries")
    QTest.keyClick(made.search, Qt.Key.Key_Down)
    assert made.groups.hasFocus()
    assert made.groups.currentIndex().data(RowRole.ID) == "advanced/http.max_retries"
    made.search.clear()
    search(made, "server")
    QTest.keyClick(made.search, Qt.Key.Key_Down)
    before = str(made.groups.currentIndex().data(RowRole.ID))
    QTest.keyClick(made.groups, Qt.Key.Key_Down)
    after = str(made.groups.currentIndex().data(RowRole.ID))
    assert after != before
    QTest.keyClick(made.groups, Qt.Key.Key_Return)
    assert made.groups.selected_id() == after


def test_a_click_goes_to_the_field(made: SettingsPane, qtbot: QtBot) -> None:
    """On a find in the list."""
    search(made, "max_connections")
    index = made.groups.index_of("advanced/http.max_connections")
    QTest.mouseClick(
        made.groups.viewport(), Qt.MouseButton.LeftButton, pos=made.groups.visualRect(index).center()
    )
    qtbot.waitUntil(lambda: focused().objectName() == "config-http.max_connections")


def test_escape_clears(made: SettingsPane) -> None:
    """In the field and in the list; then everything is there again, and the keys are in the field."""
    search(made, "retries")
    QTest.keyClick(made.search, Qt.Key.Key_Escape)
    assert made.search.text() == ""
    assert rows(made) == ALL
    headings = [made._model.item(row).data(RowRole.KIND) for row in range(made._model.rowCount())]
    assert headings.count("section") == 3
    search(made, "retries")
    QTest.keyClick(made.search, Qt.Key.Key_Down)
    QTest.keyClick(made.groups, Qt.Key.Key_Escape)
    assert made.search.text() == ""
    assert made.search.hasFocus()


def test_nothing_found_says_so(made: SettingsPane) -> None:
    """With the words that were looked for, also for screen readers; Enter then does nothing."""
    search(made, "zzz")
    assert rows(made) == []
    assert made._nothing.isVisible()
    assert made._nothing.text() == "Nothing in Settings is called or described as “zzz”."
    assert made.search.accessibleDescription() == made._nothing.text()
    before = made.pages.currentWidget()
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.pages.currentWidget() is before
    made.search.setText("retries")
    assert not made._nothing.isVisible()
    assert made.search.accessibleDescription() == "1 found"


def test_every_setting_is_found_by_its_name(made: SettingsPane) -> None:
    """And revealing it puts the keys somewhere on its page."""
    for group, _section, title, _icon, page in made._groups:
        for each in page.findable():
            assert [f.findable for f in find(each.title, page.findable(), title) if f.findable == each]
            if group != "providers":
                made.open(f"{group}/{each.name}")
                assert made.pages.currentWidget() is page


def test_the_most_exact_comes_first() -> None:
    """The whole name, then words of the name, of the key, of the description; every word must occur."""
    port = Findable("server.port", "Port", "where it listens")
    host = Findable("server.host", "Listen on", "an address, beside the port")
    ports = Findable("x", "Port range")
    found = find("port", [host, ports, port], "Advanced")
    assert [each.findable for each in found] == [port, ports, host]
    assert found[1].marks == ((0, 4),)
    assert find("port nowhere", [host, ports, port], "Advanced") == []
    assert find("", [port], "Advanced") == []
    assert [each.findable for each in find("advanced port", [port], "Advanced")] == [port]
