"""Settings over a real core, with a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.paths import Paths
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from mastra_desktop.ui.row_roles import RowRole
from tests.fakes import ScriptedProvider
from tests.ui.live import Live, live_core
from tests.ui.test_first_run import fill, model_file, pick


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=("normal", "slow")) as running:
        yield running


def pane(live: Live, qtbot: QtBot, width: int = 1368, height: int = 874) -> SettingsPane:
    made = SettingsPane(live.theme, live.icons, live.state, live.paths, live.engine, live.tasks)
    live.show(made, qtbot, width, height)
    refreshed(live, made)
    return made


def refreshed(live: Live, made: SettingsPane) -> None:
    made.refresh()
    quiet(live)


def quiet(live: Live) -> None:
    """Until nothing that Settings started still runs."""
    live.settle()
    live.until(lambda: not live.tasks.running("settings-load"))
    live.until(lambda: not live.tasks.running("settings-provider-status"))
    live.settle()


def add(live: Live, server: ScriptedProvider, name: str = "team") -> None:
    live.run(live.engine.call(lambda core: core.providers.add_server(name, server.base_url, key="sk-1")))


def rows(made: SettingsPane) -> list[str]:
    return [made._model.item(row).text() for row in range(made._model.rowCount())]


def press(widget: QWidget, name: str) -> None:
    button = widget.findChild(QPushButton, name)
    assert button is not None
    button.click()


def test_a_server_shows_how_it_is(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A configured server is listed with its state; its page has address, key store, a test and its models."""
    add(live, server)
    made = pane(live, qtbot)
    row = made.providers.provider_rows["team"]
    assert (row.text(), row.accessibleDescription()) == ("team", f"{server.host} · 2 models, Ready")
    row.click()
    page = made.providers.server
    assert made.providers.details.currentWidget() is page
    assert page._models.text() == "normal\nslow"
    assert page._key.text() == "Kept in: memory for this run"
    page.test_button.click()
    live.until(page.result.isVisible)
    assert page.result.text().startswith(f"Connected to {server.host}")


def test_a_server_that_is_down_says_so(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Without an answer the row says "Not ready", and the test gives cause and remedy. Nothing is raised."""
    live.run(live.engine.call(lambda core: core.providers.add_server("gone", "http://127.0.0.1:9/v1")))
    made = pane(live, qtbot)
    live.until(lambda: made.providers.provider_rows["gone"].state[0] == "Not ready")
    made.providers.choose("gone")
    made.providers.server.test_button.click()
    live.until(made.providers.server.result.isVisible)
    assert made.providers.server.result.accessibleName() == "No connection"
    assert "Check that the server runs" in made.providers.server.result.accessibleDescription()


def test_adds_a_server_by_the_form(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Add opens the form with the keys in it; a saved server appears, is shown, and a notice says so."""
    made = pane(live, qtbot)
    notices: list[str] = []
    made.notice.connect(lambda title, _text, _tone: notices.append(title))
    made.providers.add_button.click()
    form = made.providers.form
    assert form.address.hasFocus()
    fill(form.address, server.base_url)
    refreshed(live, made)
    assert form.address.text() == server.base_url  # a refresh takes nothing away
    assert made.providers.details.currentWidget() is made.providers.form_page
    form.test_button.click()
    live.until(form.save_button.isEnabled)
    form.save_button.click()
    live.until(lambda: "this-computer" in made.providers.provider_rows)
    quiet(live)
    assert notices == ["this-computer was added"]
    assert made.providers.server.server_id == "this-computer"
    assert made.providers.provider_rows["this-computer"].isChecked()
    assert form.address.text() == ""


def test_removing_asks_first(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Remove names what it affects; Keep changes nothing; Remove takes address and key away."""
    add(live, server)
    made = pane(live, qtbot)
    made.providers.choose("team")
    for answer in ("confirmReject", "confirmAccept"):
        made.providers.server.remove_button.click()
        dialog = made.findChild(ConfirmDialog)
        assert dialog is not None
        assert "Its key is deleted from: memory for this run." in dialog.accessibleDescription()
        press(dialog, answer)
        live.settle()
        live.until(lambda: not live.tasks.running("settings-remove-server"))
        quiet(live)
        assert ("team" in made.providers.provider_rows) == (answer == "confirmReject")
    assert made.providers.details.currentWidget() is made.providers.local
    assert "team" not in live.paths.config.read_text()


def test_without_servers_the_list_says_what_to_do(live: Live, qtbot: QtBot) -> None:
    """Only the built-in model is there, with its state and a line about adding a server."""
    made = pane(live, qtbot)
    assert list(made.providers.provider_rows) == ["local"]
    assert made.providers.provider_rows["local"].state[0] == "No file"
    assert made.providers.local._trouble.isVisible()


def test_a_model_file_of_ones_own(live: Live, qtbot: QtBot, tmp_path: Path) -> None:
    """A wrong file is refused beside the button and changes nothing; a good one answers, and can be undone."""
    made = pane(live, qtbot)
    made.open("local-models")
    page = made.local_models
    wrong = tmp_path / "notes.gguf"
    wrong.write_text("not a model")
    own = model_file(tmp_path)
    for file in (own, wrong):
        page.choose_button.click()
        dialog = page.findChild(QFileDialog, "modelFileDialog")
        assert dialog is not None
        pick(live, dialog, file)
        live.settle()
        live.until(lambda: not page.choose_button.loading)
        quiet(live)
    assert "is not a GGUF model file" in page._trouble.text()
    assert (page.name.text(), page.chip.text(), page.path.text()) == ("tiny", "Ready", str(own))
    assert made.providers.provider_rows["local"].state[0] == "Ready"  # the other page heard of it
    page.back_button.click()
    live.settle()
    live.until(lambda: not page.back_button.loading)
    quiet(live)
    assert not page.back_button.isVisible()
    assert page.chip.text() == "Not here"


def test_the_look_changes_at_once_and_is_kept(live: Live, qtbot: QtBot) -> None:
    """Theme and text size show while Settings is open and are in the window's state afterwards."""
    made = pane(live, qtbot)
    made.open("appearance")
    dark = next(b for b in made.appearance.modes.findChildren(QPushButton) if b.text() == "Dark")
    large = next(b for b in made.appearance.sizes.findChildren(QPushButton) if b.text() == "125 %")
    dark.click()
    large.click()
    assert live.theme.current.dark
    assert live.theme.current.text_scale == 1.25
    assert live.state.value("appearance/mode") == "dark"
    assert float(str(live.state.value("appearance/text_scale"))) == 1.25


def test_search_finds_groups_and_settings(live: Live, qtbot: QtBot) -> None:
    """Typing leaves what fits, also single settings; Enter opens the first; nothing found is said."""
    made = pane(live, qtbot)
    made.focus_search()
    assert made.search.hasFocus()
    QTest.keyClicks(made.search, "text")
    assert rows(made) == ["App", "Appearance", "Text size"]
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.pages.currentWidget() is made.appearance
    focused = QApplication.focusWidget()
    assert focused is not None
    assert made.appearance.sizes.isAncestorOf(focused)
    made.search.setText("zzz")
    assert rows(made) == []
    assert made._nothing.isVisible()
    made.search.clear()
    assert rows(made) == ["App", "Appearance", "Models", "Providers", "Local models", "Data", "Storage"]
    headings = [made._model.item(row).data(RowRole.KIND) for row in range(made._model.rowCount())]
    assert headings.count("section") == 3


def test_storage_tells_where_things_are(live: Live, qtbot: QtBot) -> None:
    """Data folder, log and the place of keys are told as they are here."""
    made = pane(live, qtbot)
    made.open("storage")
    assert made.data.keys.text().startswith("Until you quit: no system keyring was found.")


@pytest.mark.parametrize("width", [824, 968, 1368])
@pytest.mark.parametrize("group", ["appearance", "providers", "local-models", "storage"])
def test_nothing_is_cut_off(
    live: Live, qtbot: QtBot, server: ScriptedProvider, width: int, group: str
) -> None:
    """In the smallest window too, every visible control of a group lies inside the pane."""
    add(live, server)
    made = pane(live, qtbot, width, 574)
    made.providers.choose("team")
    made.open(group)
    live.settle()
    assert made.width() == width
    buttons = [button for button in made.findChildren(QPushButton) if button.isVisible()]
    assert buttons
    for button in buttons:
        assert button.mapTo(made, QPoint(0, 0)).x() >= 0
        assert button.mapTo(made, QPoint(button.width(), 0)).x() <= width
