"""The first-run page over a real core, with a scripted server."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QLineEdit, QScrollArea, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.paths import Paths
from mastra_desktop.providers import kinds as provider_kinds
from mastra_desktop.services.providers import OWN_SERVER
from mastra_desktop.ui.panes.first_run import FirstRunPage
from mastra_desktop.ui.panes.model_file import memory_words, size_words
from mastra_desktop.ui.panes.parts import IconText
from mastra_desktop.ui.panes.server_address import (
    full_address,
    is_loopback,
    name_for,
    name_trouble,
    sends_key_in_clear,
)
from tests.fakes import ScriptedProvider
from tests.ui.live import Live, live_core


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=("normal", "slow"), keys=("sk-good", "")) as running:
        yield running


def model_file(folder: Path) -> Path:
    """A file with the head of a GGUF model and enough behind it to be taken for one."""
    file = folder / "tiny.gguf"
    file.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(2 << 20))
    return file


def page(
    live: Live, qtbot: QtBot, width: int = 1440, height: int = 900, kind: str = OWN_SERVER
) -> tuple[FirstRunPage, list[str]]:
    """The page with this kind of provider chosen."""
    made = FirstRunPage(live.theme, live.icons, live.paths, live.engine, live.tasks)
    finished: list[str] = []
    made.finished.connect(finished.append)
    live.show(made, qtbot, width, height)
    made.kinds.choose(kind)
    live.settle()
    return made, finished


def loaded(live: Live, made: FirstRunPage) -> None:
    live.until(lambda: not live.tasks.running("first-run"))


def pick(live: Live, dialog: QFileDialog, file: Path) -> None:
    """Chooses the file as a click on Open would, with the window's loop running."""

    async def choose() -> None:
        dialog.fileSelected.emit(str(file))
        dialog.close()

    live.run(choose())


def fill(field: QLineEdit, text: str) -> None:
    """Types in place of what is there."""
    field.setFocus()
    field.selectAll()
    QTest.keyClicks(field, text)


def test_starts_with_the_built_in_model(live: Live, qtbot: QtBot) -> None:
    """With a model file there, the card says so with facts about it, and Start now picks the local model."""
    file = model_file(live.paths.models)
    made, finished = page(live, qtbot)
    loaded(live, made)
    assert made.local.chip.text() == "Ready"
    words = [fact.text() for fact in made.local.findChildren(IconText) if fact.isVisible()]
    assert words == ["No key needed", memory_words(file.stat().st_size), "tiny, 2 MB"]
    made.local.start_button.click()
    assert finished == ["local/default"]


def test_without_a_model_one_can_be_chosen(live: Live, qtbot: QtBot, tmp_path: Path) -> None:
    """A slim installation says what is missing; a wrong file is refused with the reason, a good one taken."""
    made, finished = page(live, qtbot)
    loaded(live, made)
    assert made.local.chip.text() == "Not on this computer"
    assert not made.local.start_button.isVisible()
    wrong = tmp_path / "notes.gguf"
    wrong.write_text("not a model")
    for file in (wrong, model_file(tmp_path)):
        made.local.choose_button.click()
        dialog = made.findChild(QFileDialog, "modelFileDialog")
        assert dialog is not None
        pick(live, dialog, file)
        live.settle()
        live.until(lambda: not live.tasks.running("first-run-local-model"))
        if file is wrong:
            assert "is not a GGUF model file" in made.local._trouble.text()
            assert made.local._trouble.isVisible()
    assert made.local.chip.text() == "Ready"
    assert not made.local._trouble.isVisible()
    made.local.start_button.click()
    assert finished == ["local/default"]


def test_skip_asks_for_nothing(qapp: QApplication, home: Paths, qtbot: QtBot) -> None:
    """Skipping works before the core is ready, and nothing of the page keeps running."""
    with live_core(qapp, home, start=False) as live:
        made, finished = page(live, qtbot)
        assert not made.local.start_button.isEnabled()
        made.skip_button.click()
        live.settle()
        assert finished == [""]
        assert not live.tasks.running("first-run")


def test_adds_a_server(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Address, key, Test, choice of a model, Save: the server is in the configuration and its model starts."""
    made, finished = page(live, qtbot)
    loaded(live, made)
    form = made.form
    fill(form.address, server.base_url)
    assert form.name.text() == "this-computer"
    assert not form.save_button.isEnabled()
    fill(form.key, "sk-good")
    form.test_button.click()
    live.until(form.save_button.isEnabled)
    assert form.result.isVisible()
    assert form.result.text().startswith(
        f"Connected to {server.host}. Key accepted, 2 models found, Streaming"
    )
    form.models.setCurrentText("slow")
    fill(form.name, "mine")
    form.save_button.click()
    live.until(lambda: bool(finished))
    assert finished == ["mine/slow"]
    (saved,) = live.run(live.engine.call(lambda core: core.providers.servers()))
    assert (saved.id, saved.base_url, saved.key_kept_in) == ("mine", server.base_url, "memory for this run")
    assert "sk-good" not in live.paths.config.read_text()


@pytest.fixture
def vendors(monkeypatch: pytest.MonkeyPatch, server: ScriptedProvider) -> dict[str, str]:
    """Titles by kind; the stand-in has taken the vendors' places in the table of kinds."""
    for kind, version in (("openai", "v1"), ("anthropic", "v1"), ("google", "v1beta")):
        address = f"http://{server.host}/{version}"
        row = replace(provider_kinds.KINDS[kind], base_url=address)
        monkeypatch.setitem(provider_kinds.KINDS, kind, row)
        monkeypatch.setitem(provider_kinds.BASE_URLS, kind, address)
    return {"openai": "OpenAI", "anthropic": "Anthropic", "google": "Google"}


@pytest.mark.parametrize("kind", ["openai", "anthropic", "google"])
def test_adds_a_vendors_key(
    live: Live, qtbot: QtBot, server: ScriptedProvider, vendors: dict[str, str], kind: str
) -> None:
    """A vendor is asked for the key only: Test tells of key, models, streaming and time, Save keeps the key
    where it says, writes the vendor without an address, and starts with the model that was chosen."""
    made, finished = page(live, qtbot, kind=kind)
    loaded(live, made)
    form = made.form
    assert not form.address.isVisible()
    assert not form.name.isVisible()
    assert form.save_button.text() == "Save key and continue"
    assert form.key.accessibleDescription().startswith("No system keyring was found: a key is kept until")
    fill(form.key, "sk-good")
    QTest.keyClick(form.key, Qt.Key.Key_Return)
    live.until(form.save_button.isEnabled)
    told = form.result.text()
    facts = "Key accepted, 2 models found, Streaming works, Tools work, normal answered in "
    assert told.startswith(f"Connected to {vendors[kind]}. {facts}")
    form.models.setCurrentText("slow")
    form.save_button.click()
    live.until(lambda: bool(finished))
    assert finished == [f"{kind}/slow"]
    (saved,) = live.run(live.engine.call(lambda core: core.providers.servers()))
    assert (saved.id, saved.kind, saved.base_url) == (kind, kind, "")
    assert saved.key_kept_in == "memory for this run"
    assert "sk-good" not in live.paths.config.read_text()


def test_a_key_stays_with_its_vendor(live: Live, qtbot: QtBot, vendors: dict[str, str]) -> None:
    """The arrow keys move between the tiles. What was typed for one vendor is not in another's field, and is
    there again on the way back."""
    made, _ = page(live, qtbot, kind="openai")
    loaded(live, made)
    fill(made.form.key, "sk-openai")
    made.kinds.tiles["openai"].setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(made.kinds.tiles["openai"], Qt.Key.Key_Right)
    assert made.kinds.tiles["anthropic"].isChecked()
    assert made.kinds.tiles["anthropic"].hasFocus()
    assert made.form.key.text() == ""
    assert made.form.key.isVisible()
    QTest.keyClick(made.kinds.tiles["anthropic"], Qt.Key.Key_Left)
    assert made.form.key.text() == "sk-openai"


def test_a_vendor_needs_a_key(
    live: Live, qtbot: QtBot, server: ScriptedProvider, vendors: dict[str, str]
) -> None:
    """Without a key, or with spaces in it, nothing is asked: the field says why and has the focus. A refused
    key is told with its remedy, and cannot be saved."""
    made, _ = page(live, qtbot, kind="anthropic")
    loaded(live, made)
    form = made.form
    for typed, told in (("", "The key is empty."), ("two words", "A key has no spaces")):
        fill(form.key, typed)
        form.test_button.click()
        assert form.key.property("invalid")
        assert form.key.accessibleDescription().startswith(told)
        assert form.key.hasFocus()
    assert not server.requests
    fill(form.key, "sk-wrong")
    assert not form.key.property("invalid")
    form.test_button.click()
    live.until(form.result.isVisible)
    assert form.result.accessibleName() == "The key was refused"
    assert not form.save_button.isEnabled()


def test_a_failed_test_keeps_what_was_typed(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A refused key shows cause and remedy; fields stay; saving waits until a test is good."""
    made, _ = page(live, qtbot, 880, 600)
    loaded(live, made)
    form = made.form
    fill(form.address, server.base_url)
    fill(form.key, "sk-wrong")
    QTest.keyClick(form.key, Qt.Key.Key_Return)
    live.until(form.result.isVisible)
    assert form.result.accessibleName() == "The key was refused"
    assert not form.save_button.isEnabled()
    assert (form.address.text(), form.key.text()) == (server.base_url, "sk-wrong")
    live.settle()
    area = made.findChild(QScrollArea)
    assert area is not None
    bottom = form.result.mapTo(area.viewport(), QPoint(0, form.result.height())).y()
    assert bottom <= area.viewport().height()  # the low window has scrolled to it
    fill(form.key, "sk-good")
    assert not form.result.isVisible()  # it was about another key
    form.test_button.click()
    live.until(form.save_button.isEnabled)


@pytest.mark.parametrize("kind", [OWN_SERVER, "openai"])
def test_a_low_window_shows_the_way_on(
    live: Live, qtbot: QtBot, server: ScriptedProvider, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """After a test that found several models, Save stands whole in a window of 900 by 650."""
    monkeypatch.setitem(provider_kinds.BASE_URLS, "openai", server.base_url)
    made, _ = page(live, qtbot, 900, 650, kind)
    loaded(live, made)
    form = made.form
    if kind == OWN_SERVER:
        fill(form.address, server.base_url)
    else:
        form.address.setText(server.base_url)
    fill(form.key, "sk-good")
    form.test_button.click()
    live.until(form.save_button.isEnabled)
    live.settle()
    area = made.findChild(QScrollArea)
    assert area is not None
    assert form.models.isVisible()
    corner = form.save_button.mapTo(area.viewport(), QPoint(0, form.save_button.height()))
    assert corner.y() + 12 <= area.viewport().height()


def test_without_a_model_the_keys_are_at_skip(live: Live, qtbot: QtBot) -> None:
    """Where there is nothing to start at once, Enter skips the set-up."""
    made, finished = page(live, qtbot)
    loaded(live, made)
    live.settle()
    live.until(made.skip_button.hasFocus)
    QTest.keyClick(made.skip_button, Qt.Key.Key_Return)
    assert finished == [""]


def test_editing_during_a_test_abandons_it(live: Live, qtbot: QtBot) -> None:
    """A server that says nothing can be left at once: the button rests, and the connection is closed."""
    with ScriptedProvider(models=("silent",)) as running:
        made, _ = page(live, qtbot)
        loaded(live, made)
        fill(made.form.address, running.base_url)
        made.form.test_button.click()
        live.until(lambda: bool(running.chats))
        assert made.form.test_button.loading
        fill(made.form.address, "http://127.0.0.1:9/v1")
        live.until(lambda: not made.form.test_button.loading)
        assert not made.form.result.isVisible()
        assert running.wait_until("disconnected")


@pytest.mark.parametrize(
    ("address", "trouble"),
    [("", "Enter the server's address"), ("ftp://example.org", "http"), ("http://", "http")],
)
def test_a_wrong_address_is_told_at_its_field(live: Live, qtbot: QtBot, address: str, trouble: str) -> None:
    """What cannot be an address is refused beside the field, which gets the keys."""
    made, _ = page(live, qtbot)
    loaded(live, made)
    fill(made.form.address, address)
    made.form.test_button.click()
    live.until(lambda: bool(made.form.address.property("invalid")))
    assert trouble in made.form.address.accessibleDescription()
    assert made.form.address.hasFocus()


def test_a_name_that_cannot_be_is_told(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """A name is checked when saving; the message says what is allowed, and the rest stays."""
    made, finished = page(live, qtbot)
    loaded(live, made)
    form = made.form
    fill(form.address, server.base_url)
    form.test_button.click()
    live.until(form.save_button.isEnabled)
    for name in ("My server", "local"):
        fill(form.name, name)
        form.save_button.click()
        assert form.name.property("invalid")
        assert form.name.accessibleDescription() == name_trouble(name, set())
    assert not finished
    assert form.save_button.isEnabled()


def test_a_failing_first_model_leaves_the_choice(live: Live, qtbot: QtBot) -> None:
    """Where the first model cannot chat, choosing another tests that one."""
    with ScriptedProvider(models=("status-400", "normal")) as running:
        made, _ = page(live, qtbot)
        loaded(live, made)
        form = made.form
        fill(form.address, running.base_url)
        form.test_button.click()
        live.until(form.result.isVisible)
        assert not form.save_button.isEnabled()
        form.models.setCurrentText("normal")
        form.models.activated.emit(1)
        live.until(form.save_button.isEnabled)
        assert form.models.currentText() == "normal"


def test_the_key_is_hidden_until_asked(live: Live, qtbot: QtBot) -> None:
    """The eye shows the key; leaving the page hides it again."""
    made, _ = page(live, qtbot)
    key = made.form.key
    assert key.echoMode() == QLineEdit.EchoMode.Password
    key.eye.click()
    assert key.echoMode() == QLineEdit.EchoMode.Normal
    assert key.eye.accessibleName() == "Hide the key"
    made.hide()
    assert key.echoMode() == QLineEdit.EchoMode.Password


def test_tab_follows_the_reading_order(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Every control is reached by Tab, in the order of reading, and has a name."""
    model_file(live.paths.models)
    made, _ = page(live, qtbot)
    loaded(live, made)
    fill(made.form.address, server.base_url)
    made.form.test_button.click()
    live.until(made.form.save_button.isEnabled)
    made.skip_button.setFocus()
    seen: list[str] = []
    focused: QWidget | None = made.skip_button
    while focused is not None and focused.objectName() not in seen:
        seen.append(focused.objectName())
        assert focused.accessibleName() or focused.property("text")
        QTest.keyClick(focused, Qt.Key.Key_Tab)
        focused = made.focusWidget()
    assert seen == [
        "skipButton",
        "startNowButton",
        f"kind-{OWN_SERVER}",
        "serverAddress",
        "serverName",
        "serverKey",
        "showKeyButton",
        "testButton",
        "serverModel",
        "saveServerButton",
    ]


@pytest.mark.parametrize("width", [880, 1024, 1440])
def test_nothing_is_cut_off(live: Live, qtbot: QtBot, width: int) -> None:
    """Down to the smallest window all controls lie inside the page; the brand goes where it has no room."""
    model_file(live.paths.models)
    made, _ = page(live, qtbot, width, 600)
    loaded(live, made)
    live.settle()
    assert made.width() == width
    assert made.brand.isVisible() == (width >= 1100)
    for control in (made.skip_button, made.local.start_button, made.form.test_button, made.form.save_button):
        right = control.mapTo(made, QPoint(control.width(), 0)).x()
        assert 0 < right <= width


def test_addresses_as_people_type_them() -> None:
    """A missing scheme is added by where the host is, and a slash at the end goes."""
    assert full_address(" localhost:1234/v1/ ") == "http://localhost:1234/v1"
    assert full_address("api.example.org/v1") == "https://api.example.org/v1"
    assert full_address("http://box:1") == "http://box:1"
    assert full_address("") == ""
    assert is_loopback("http://[::1]:8080/v1")
    assert not is_loopback("http://[broken")
    assert sends_key_in_clear("http://box:8080/v1")
    assert not sends_key_in_clear("http://127.0.0.1:8080/v1")


def test_names_from_addresses() -> None:
    """A name comes from the host, has only allowed characters and is one that no server has."""
    assert name_for("https://api.Example.org/v1", set()) == "example-org"
    assert name_for("http://127.0.0.1:8080", {"this-computer"}) == "this-computer-2"
    assert name_for("", set()) == ""
    assert name_trouble("this-computer", {"this-computer"})
    assert not name_trouble("a_b-1", set())


def test_sizes_in_words() -> None:
    """Sizes are in decimal units; the memory is the file, a fifth more and 0.1 GB."""
    assert size_words(491_400_064) == "491 MB"
    assert size_words(4_700_000_000) == "4.7 GB"
    assert memory_words(491_400_064) == "Needs about 0.7 GB of memory"
