"""Settings over a real core, with a scripted server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.domain.replies import TextDelta
from mastra_desktop.paths import Paths
from mastra_desktop.providers import kinds as provider_kinds
from mastra_desktop.services.keys import KeyState
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from mastra_desktop.ui.panes.settings_server import ServerPage
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
    live.until(lambda: not live.tasks.running("settings-models"))
    live.until(lambda: not live.tasks.running("settings-limits-used"))
    live.settle()


def add(live: Live, server: ScriptedProvider, name: str = "team") -> None:
    live.run(live.engine.call(lambda core: core.providers.add_server(name, server.base_url, key="sk-1")))


def pick_kind(made: SettingsPane, kind: str) -> None:
    made.providers.kinds.setCurrentIndex(made.providers.kinds.findData(kind))


def press(widget: QWidget, name: str) -> None:
    button = widget.findChild(QPushButton, name)
    assert button is not None
    button.click()


@pytest.mark.slow
def test_a_server_shows_how_it_is(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A configured server is listed with its state; its page has address, key store, a test and its models."""
    add(live, server)
    made = pane(live, qtbot)
    row = made.providers.provider_rows["team"]
    assert (row.text(), row.accessibleDescription()) == ("team", f"{server.host} · 2 models, Ready")
    row.click()
    page = made.providers.server
    assert made.providers.details.currentWidget() is page
    assert page.models.names() == ["normal", "slow"]
    assert page.key.words.text() == "Kept in: memory for this run"  # too short a key to show its end
    page.test_button.click()
    live.until(page.result.isVisible)
    assert page.result.text().startswith(f"Connected to {server.host}")


@pytest.mark.slow
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
    """Add opens the form at the choice of kind; a saved server appears, is shown, and a notice says so."""
    made = pane(live, qtbot)
    notices: list[str] = []
    made.notice.connect(lambda title, _text, _tone: notices.append(title))
    made.providers.add_button.click()
    assert made.providers.kinds.hasFocus()
    pick_kind(made, "openai-compatible")
    form = made.providers.form
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


@pytest.mark.slow
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


def test_removing_leaves_the_environment_alone(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A key that a variable holds is not ours to delete, and the question does not say that it were."""
    live.run(live.engine.call(lambda core: core.providers.add_server("mine", server.base_url, kind="openai")))
    made = pane(live, qtbot)
    live.until(lambda: "mine" in made.providers.provider_rows)
    quiet(live)
    made.providers._keys["mine"] = KeyState("mine", "environment", "OPENAI_API_KEY")
    made.providers.choose("mine")
    made.providers.server.remove_button.click()
    dialog = made.findChild(ConfirmDialog)
    assert dialog is not None
    said = dialog.accessibleDescription()
    assert "Its key stays in the environment: OPENAI_API_KEY." in said
    assert "deleted" not in said
    press(dialog, "confirmReject")


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


@pytest.mark.slow
def test_search_leads_to_a_providers_setting(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Without a provider only adding one is found; with one, its fields are, and Enter goes there."""
    made = pane(live, qtbot)
    assert [each.title for each in made.providers.findable()] == ["Add a provider"]
    add(live, server)
    refreshed(live, made)
    made.focus_search()
    QTest.keyClicks(made.search, "requests a minute")
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.pages.currentWidget() is made.providers
    assert made.providers.server.server_id == "team"
    assert made.providers.server.limits.requests.hasFocus()
    made.search.setText("add a provider")
    QTest.keyClick(made.search, Qt.Key.Key_Return)
    assert made.providers.add_button.hasFocus()


@pytest.mark.slow
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


def servers(live: Live) -> dict[str, ServerInfo]:
    found = live.run(live.engine.call(lambda core: core.providers.servers()))
    return {server.id: server for server in found}


def saved_as(live: Live, setting: str, value: object) -> None:
    """Until the configuration of `team` has this. Not by `until`, whose condition cannot ask the core."""
    for _ in range(300):
        if getattr(servers(live)["team"], setting) == value:
            return
        live.settle()
    raise AssertionError(f"{setting} did not become {value}")


def opened(live: Live, qtbot: QtBot, server: ScriptedProvider) -> tuple[SettingsPane, ServerPage]:
    """Settings with the details of the provider `team`, whose key is `sk-1`."""
    add(live, server)
    made = pane(live, qtbot)
    made.providers.choose("team")
    quiet(live)
    return made, made.providers.server


def test_adds_a_vendor(
    live: Live, qtbot: QtBot, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every kind of the table can be picked. A vendor's form has its name filled in and its usual address as
    the placeholder; saved without an address, it keeps the usual one."""
    row = replace(provider_kinds.KINDS["mistral"], base_url=server.base_url)
    monkeypatch.setitem(provider_kinds.KINDS, "mistral", row)
    monkeypatch.setitem(provider_kinds.BASE_URLS, "mistral", server.base_url)
    made = pane(live, qtbot)
    made.providers.add_button.click()
    kinds = made.providers.kinds
    assert [kinds.itemData(i) for i in range(kinds.count())] == list(provider_kinds.KINDS)
    pick_kind(made, "mistral")
    form = made.providers.form
    assert (form.name.text(), form.address.placeholderText()) == ("mistral", server.base_url)
    fill(form.key, "0123456789abcdefWXYZ")
    form.test_button.click()
    live.until(form.save_button.isEnabled)
    assert form.result.accessibleName() == "Connected to Mistral"
    form.save_button.click()
    live.until(lambda: "mistral" in made.providers.provider_rows)
    quiet(live)
    saved = servers(live)["mistral"]
    assert (saved.kind, saved.base_url) == ("mistral", "")
    described = made.providers.provider_rows["mistral"].accessibleDescription()
    assert described == "Key ends in WXYZ · 2 models, Ready"
    assert made.providers.server.key.words.text() == "Ends with …WXYZ. Kept in: memory for this run"
    pick_kind(made, "mistral")
    assert made.providers.form.name.text() == "mistral-2"  # the form is empty for the next


@pytest.mark.slow
def test_rotating_tests_the_new_key_first(live: Live, qtbot: QtBot) -> None:
    """A key that is refused leaves the old one in use; one that works replaces it, also for the next answer.
    The field is empty afterwards, and Cancel empties it too."""
    with ScriptedProvider(models=("normal",), keys=("sk-1", "sk-new-0123456789abcd")) as server:
        _made, page = opened(live, qtbot, server)
        page.key.rotate_button.click()
        assert page.key.key.hasFocus()
        fill(page.key.key, "half a key")
        page.key.replace_button.click()
        assert page.key.key.accessibleDescription().startswith("A key has no spaces")
        page.key.cancel_button.click()
        assert not page.key.key.isVisible()
        page.key.rotate_button.click()
        assert page.key.key.text() == ""
        for key, found in (
            ("sk-wrong", "The key was refused"),
            ("sk-new-0123456789abcd", "Connected to team"),
        ):
            fill(page.key.key, key)
            page.key.replace_button.click()
            live.until(page.key.result.isVisible)
            quiet(live)
            assert page.key.result.accessibleName() == found
            page.test()
            live.until(lambda: not live.tasks.running("settings-server-test"))
            assert page.result.accessibleName() == f"Connected to {server.host}"  # with the old, then the new
        assert page.key.words.text() == "Ends with …abcd. Kept in: memory for this run"
        assert not page.key.key.isVisible()
        assert page.key.key.text() == ""
        assert server.requests[-1].headers["authorization"] == "Bearer sk-new-0123456789abcd"


@pytest.mark.slow
def test_removing_a_key_keeps_the_provider(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """It asks first and says from where the key goes; afterwards there is none, and one can be added."""
    made, page = opened(live, qtbot, server)
    page.key.remove_button.click()
    dialog = made.findChild(ConfirmDialog)
    assert dialog is not None
    assert "memory for this run" in dialog.accessibleDescription()
    press(dialog, "confirmAccept")
    live.until(lambda: page.key.words.text() == "None")
    quiet(live)
    assert page.key.rotate_button.text() == "Add a key"
    assert not page.key.remove_button.isVisible()
    assert servers(live)["team"].key_kept_in == ""


@pytest.mark.slow
def test_another_address_holds_at_once(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Save writes the address and the next question goes there; what cannot be one is told at the field and
    changes nothing; Reset goes back to what is saved, or to the kind's usual address."""
    with ScriptedProvider(models=("other",)) as second:
        _made, page = opened(live, qtbot, server)
        assert not page.save_address_button.isVisible()
        fill(page.address, "ftp://example.org")
        assert page.save_address_button.isVisible()
        page.save_address_button.click()
        live.until(lambda: bool(page.address.property("invalid")))
        assert servers(live)["team"].base_url == server.base_url
        page.reset_button.click()
        assert page.address.text() == server.base_url
        assert not page.address.property("invalid")
        fill(page.address, second.base_url)
        QTest.keyClick(page.address, Qt.Key.Key_Return)
        live.until(lambda: not page.save_address_button.isVisible())
        quiet(live)
        assert servers(live)["team"].base_url == second.base_url
        assert page.models.names() == ["other"]


@pytest.mark.slow
def test_resetting_a_vendors_address(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A vendor behind a proxy goes back to the vendor's own address, which stands there as placeholder."""
    live.run(
        live.engine.call(
            lambda core: core.providers.add_server(
                "openai", server.base_url, kind="openai", model_names=("normal",)
            )
        )
    )
    made = pane(live, qtbot)
    made.providers.choose("openai")
    page = made.providers.server
    assert page.reset_button.isVisible()
    page.reset_button.click()
    live.until(lambda: not page.reset_button.isVisible())
    quiet(live)
    assert servers(live)["openai"].base_url == ""
    assert (page.address.text(), page.address.placeholderText()) == ("", "https://api.openai.com/v1")
    assert 'models = ["normal"]' in live.paths.config.read_text()  # what was not edited stays


@pytest.mark.slow
def test_limits_hold_at_once(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """0 reads as unlimited; numbers are written once the person has finished, without a restart."""
    made, page = opened(live, qtbot, server)
    assert page.limits.requests.text() == "Unlimited"
    page.limits.requests.setFocus()
    page.limits.requests.selectAll()
    QTest.keyClicks(page.limits.requests, "60")
    assert servers(live)["team"].requests_per_minute == 0
    QTest.keyClick(page.limits.requests, Qt.Key.Key_Return)
    saved_as(live, "requests_per_minute", 60)
    page.limits.tokens.setValue(90_000)
    page.limits.at_once.setValue(4)
    made.providers.choose("local")
    made.providers.choose("team")
    saved_as(live, "tokens_per_minute", 90_000)
    quiet(live)
    saved = servers(live)["team"]
    assert (saved.requests_per_minute, saved.tokens_per_minute, saved.max_concurrent) == (60, 90_000, 4)
    shown = (page.limits.requests, page.limits.tokens, page.limits.at_once)
    assert tuple(field.value() for field in shown) == (60, 90_000, 4)


@pytest.mark.slow
def test_an_edit_leaves_a_running_answer_alone(live: Live, qtbot: QtBot) -> None:
    """Another address and other limits do not end an answer that is being written: it comes whole."""
    with ScriptedProvider(pieces=30, delay_s=0.02, models=("normal",)) as server:
        _made, page = opened(live, qtbot, server)
        pieces: list[str] = []

        async def ask() -> None:
            stream = live.engine.stream(lambda core: core.chat.reply("Hello", model_id="team/normal"))
            async for batch in stream:
                pieces.extend(event.text for event in batch if isinstance(event, TextDelta))

        live.tasks.start(ask(), key="ask")
        live.until(lambda: bool(pieces))
        page.limits.requests.setValue(7)
        fill(page.address, "http://127.0.0.1:9/v1")
        page.save_address_button.click()
        saved_as(live, "base_url", "http://127.0.0.1:9/v1")
        assert live.tasks.running("ask")
        live.until(lambda: not live.tasks.running("ask"))
        assert len("".join(pieces).split()) == 30


def test_asking_servers_ends_with_the_page(live: Live, qtbot: QtBot) -> None:
    """What a server answers after Settings are gone finds nobody, and breaks nothing."""
    with ScriptedProvider(models=("normal",), delay_s=0.3) as server:
        add(live, server)
        made = SettingsPane(live.theme, live.icons, live.state, live.paths, live.engine, live.tasks)
        made.refresh()
        live.until(lambda: live.tasks.running("settings-provider-status"))
        made.deleteLater()
        live.until(lambda: not live.tasks.running("settings-provider-status"))
        live.settle()
