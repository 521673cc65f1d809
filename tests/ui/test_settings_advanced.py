"""Settings › Advanced over a real core: a row for each key of config.toml, changed, refused, reset, followed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from mastra_desktop.core import Core, open_core
from mastra_desktop.engine import Engine
from mastra_desktop.ops.config import Config, load
from mastra_desktop.ops.config_keys import sections
from mastra_desktop.paths import Paths
from mastra_desktop.ui.panes.settings_advanced import TASK, AdvancedPage
from mastra_desktop.ui.panes.settings_config_row import ConfigControls
from mastra_desktop.ui.widgets.value_fields import ChoiceValue, NumberValue, SwitchValue, TextValue
from tests.ui.live import Live, live_core

WRITTEN = """\
# mine
[http]
read_idle_timeout_s = 60  # a minute

[cache]
redis_url = "redis://:hunter22@127.0.0.1:1/0"
"""
VARIABLE = {"MASTRA_HTTP__MAX_RETRIES": "4"}


@dataclass
class Opened:
    """The page over a core whose home holds `WRITTEN`."""

    live: Live
    page: AdvancedPage

    def at(self, name: str) -> ConfigControls:
        return self.page.controls[name]

    def number(self, name: str) -> NumberValue:
        field = self.at(name).field
        assert isinstance(field, NumberValue)
        return field

    def text(self, name: str) -> TextValue:
        field = self.at(name).field
        assert isinstance(field, TextValue)
        return field

    def type(self, name: str, words: str) -> None:
        """As a person does: into the field, over what is there, Enter."""
        field = self.at(name).field
        field.setFocus()
        inner = field.findChild(QLineEdit) or field
        assert isinstance(inner, QLineEdit)
        inner.selectAll()
        if words.isascii():
            QTest.keyClicks(field, words)
        else:
            inner.insert(words)  # there is no key for a dot
        QTest.keyClick(field, Qt.Key.Key_Return)
        self.done(name)

    def done(self, name: str) -> None:
        self.live.until(lambda: not self.live.tasks.running(f"{TASK}-{name}"))
        self.live.settle()

    def written(self) -> str:
        return self.live.paths.config.read_text("utf-8")

    def in_use(self, name: str) -> object:
        section, key = name.split(".")
        return getattr(getattr(self.live.run(_config(self.live)), section), key)


async def _config(live: Live) -> Config:
    async def ask(core: Core) -> Config:
        return core.settings.loaded.config

    return await live.engine.call(ask)


@pytest.fixture
def opened(qapp: QApplication, home: Paths, qtbot: QtBot) -> Iterator[Opened]:
    home.home.mkdir(parents=True, exist_ok=True)
    home.config.write_text(WRITTEN, "utf-8")
    with live_core(qapp, home, start=False) as live:
        live.engine = Engine(lambda: open_core(home, VARIABLE, purpose="test"))
        live.engine.start()
        page = AdvancedPage(live.theme, live.icons, home, live.engine, live.tasks)
        live.show(page, qtbot, 1000, 900)
        live.until(lambda: len(page.rows) > 20 and not live.tasks.running(TASK))
        yield Opened(live, page)


def test_each_key_of_the_schema_has_a_row(opened: Opened) -> None:
    """With a title, the key, a field that has a name and says what it does, and a badge; passwords are dots."""
    names = [f"{section}.{key}" for section, kind in sections() for key in kind.model_fields]
    assert [row.name for row in opened.page.rows] == [*names, "providers"]
    for row in opened.page.rows[:-1]:
        controls = opened.at(row.name)
        assert row.title
        assert row._hint.text() == row.name
        assert controls.field.accessibleName() == row.title
        assert controls.does.text().startswith(controls.info.description)
        assert len(controls.info.description) > 20
        described = controls.field.accessibleDescription()
        assert described.startswith(controls.does.text())
        assert described.endswith(f"{controls.badge.chip.text()}: {controls.badge.chip.toolTip()}")
        assert controls.badge.chip.text() in ("Default", "File", "Environment")
    assert opened.text("cache.redis_url").text() == "redis://:••••••@127.0.0.1:1/0"
    shown = [field.text() for field in opened.page.findChildren(QLineEdit)]
    assert not any("hunter22" in text for text in shown)
    assert isinstance(opened.at("server.enabled").field, SwitchValue)
    assert isinstance(opened.at("logging.level").field, ChoiceValue)


def test_badges_say_where_values_come_from(opened: Opened) -> None:
    """The tooltip names line or variable; only what stands in the file has a reset; a variable locks."""
    line = opened.at("http.read_idle_timeout_s")
    assert (line.badge.chip.text(), line.badge.chip.toolTip()) == (
        "File",
        f"{opened.live.paths.config}, line 3",
    )
    assert line.badge.reset_button.isVisible()
    assert line.badge.reset_button.accessibleName() == "Reset “Longest silence” to 120"
    default = opened.at("http.connect_timeout_s")
    assert default.badge.chip.text() == "Default"
    assert not default.badge.reset_button.isVisible()
    locked = opened.at("http.max_retries")
    assert (locked.badge.chip.text(), locked.badge.chip.toolTip()) == (
        "Environment",
        "MASTRA_HTTP__MAX_RETRIES",
    )
    assert not locked.badge.reset_button.isVisible()
    assert locked.note is not None
    assert locked.note.text().startswith("MASTRA_HTTP__MAX_RETRIES in the environment sets this")
    opened.type("http.max_retries", "9")
    assert opened.number("http.max_retries").text() == "4"
    assert "max_retries" not in opened.written()


def test_a_change_is_written_and_used(opened: Opened) -> None:
    """Of each kind of field, at once, with the comments kept; its badge and reset appear."""
    opened.type("http.max_connections", "7")
    opened.type("http.proxy", "none")
    assert opened.in_use("http.max_connections") == 7
    assert opened.in_use("http.proxy") == "none"
    opened.type("local.idle_stop_s", "1,200")
    assert load(opened.live.paths, {}).config.local.idle_stop_s == 1200
    level = opened.at("logging.level").field
    assert isinstance(level, QComboBox)
    level.setFocus()
    QTest.keyClick(level, Qt.Key.Key_Home)  # DEBUG
    QTest.keyClick(level, Qt.Key.Key_Down)
    QTest.keyClick(level, Qt.Key.Key_Down)
    opened.done("logging.level")
    assert opened.in_use("logging.level") == "WARNING"
    switch = opened.at("server.enabled").field
    assert isinstance(switch, SwitchValue)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    opened.done("server.enabled")
    text = opened.written()
    assert "read_idle_timeout_s = 60  # a minute\n" in text
    assert "enabled = true" in text
    assert 'level = "WARNING"' in text
    assert opened.at("http.max_connections").badge.chip.text() == "File"
    assert opened.at("http.max_connections").badge.reset_button.isVisible()


@pytest.mark.slow
def test_arrows_keep_to_the_limits_and_write_once(opened: Opened) -> None:
    """A held arrow is written when it settles; the wheel scrolls the page and changes nothing."""
    field = opened.number("logging.backups")
    field.setFocus()
    for _ in range(3):
        QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.text() == "8"
    assert "backups" not in opened.written()
    opened.live.until(lambda: "backups = 8" in opened.written())
    opened.done("logging.backups")
    turned = QWheelEvent(
        QPointF(5, 5),
        QPointF(field.mapToGlobal(QPoint(5, 5))),
        QPoint(0, 0),
        QPoint(0, 120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(field, turned)
    assert field.text() == "8"
    for _ in range(12):
        QTest.keyClick(field, Qt.Key.Key_Down)
    assert field.text() == "0"
    opened.live.until(lambda: "backups = 0" in opened.written())
    opened.done("logging.backups")


IMPOSSIBLE = (
    (
        "http.max_connections",
        "99999",
        "99999 cannot be used here; allowed is a whole number from 1 to 10000.",
    ),
    (
        "http.max_connections",
        "many",
        '"many" cannot be used here; allowed is a whole number from 1 to 10000.',
    ),
    ("http.proxy", "ftp://x", "allowed is system, none, or an address"),
    ("http.ca_file", "/nowhere.pem", "/nowhere.pem cannot be used"),
)


def test_an_impossible_value(opened: Opened) -> None:
    """It is told beside the field and for screen readers, what was typed stays, also when the rows are read
    anew, and nothing is written; Esc puts back what holds."""
    before = opened.written()
    for name, typed, said in IMPOSSIBLE:
        opened.type(name, typed)
        controls = opened.at(name)
        field = opened.page.findChild(QWidget, f"config-{name}")
        assert isinstance(field, (TextValue, NumberValue))
        assert controls.problem.isVisible()
        assert said in controls.problem.text()
        assert field.accessibleDescription() == controls.problem.text()
        assert field.property("invalid") is True
        opened.live.run(opened.page.load())
        assert field.text() == typed
        assert controls.problem.isVisible()
        assert opened.written() == before
        QTest.keyClick(field, Qt.Key.Key_Escape)
        assert field.text() != typed
        assert not controls.problem.isVisible()
        assert field.property("invalid") is False


def test_reset(opened: Opened) -> None:
    """Takes the key out of the file, with the keyboard alone; the field shows the default and has the keys."""
    controls = opened.at("http.read_idle_timeout_s")
    controls.badge.reset_button.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(controls.badge.reset_button, Qt.Key.Key_Space)
    opened.done("http.read_idle_timeout_s")
    assert opened.number("http.read_idle_timeout_s").text() == "120"
    assert controls.badge.chip.text() == "Default"
    assert not controls.badge.reset_button.isVisible()
    assert controls.field.hasFocus()
    assert "read_idle_timeout_s" not in opened.written()
    assert opened.in_use("http.read_idle_timeout_s") == 120


def test_what_is_used_from_the_next_start_on(opened: Opened) -> None:
    """Such a key says so before, and that it waits once it was changed."""
    controls = opened.at("vectors.url")
    assert controls.does.text().endswith("A change is used from the next start on.")
    assert not opened.at("http.proxy").does.text().endswith("from the next start on.")
    opened.type("vectors.url", "http://127.0.0.1:8000")
    assert controls.note is not None
    assert controls.note.isVisible()
    assert controls.note.text() == "Changed. It is used from the next start on."
    controls.badge.reset_button.click()
    opened.done("vectors.url")
    assert not controls.note.isVisible()


def test_a_password_is_not_lost(opened: Opened) -> None:
    """Editing the address around the dots keeps it; without an edit nothing is written."""
    before = opened.written()
    field = opened.text("cache.redis_url")
    field.setFocus()
    QTest.keyClick(field, Qt.Key.Key_Return)
    assert opened.written() == before
    opened.type("cache.redis_url", field.text().replace("/0", "/3"))
    assert opened.in_use("cache.redis_url") == "redis://:hunter22@127.0.0.1:1/3"
    assert field.text() == "redis://:••••••@127.0.0.1:1/3"


@pytest.mark.slow
def test_files_can_be_chosen(opened: Opened, tmp_path: Path) -> None:
    """A key that names a file has a dialog beside the field; one that is locked has it switched off."""
    model = tmp_path / "own.gguf"
    model.write_bytes(b"GGUF")
    controls = opened.at("local.model_path")
    assert controls.choose_button is not None
    assert controls.choose_button.accessibleName() == "Choose a file: Model file"
    controls.choose_button.click()
    dialog = controls.findChild(QFileDialog)
    assert dialog is not None
    assert "*.gguf" in dialog.nameFilters()[0]
    dialog.fileSelected.emit(str(model))
    opened.done("local.model_path")
    dialog.close()
    assert opened.text("local.model_path").text() == str(model)
    assert opened.in_use("local.model_path") == str(model)


def test_units_of_large_numbers() -> None:
    """Seconds and bytes are also said as one reads them."""
    from mastra_desktop.ui.panes.settings_config_row import unit_words

    assert unit_words("s", 3600.0) == "s (1 h)"
    assert unit_words("s", 90) == "s"
    assert unit_words("bytes", 10_485_760).startswith("bytes (10")
    assert unit_words("tokens", 0) == "tokens"


def test_nothing_is_cut(opened: Opened) -> None:
    """Every field, badge, button and sentence lies inside the page, at each width and with large text."""
    inner = opened.page._inner
    for width, scale in ((1440, 1.0), (600, 1.0), (600, 1.5), (900, 1.5)):
        opened.live.theme.set_text_scale(scale)
        opened.page.resize(width, 900)
        opened.live.settle()
        for controls in opened.page.controls.values():
            for part in (controls.field, controls.badge.chip, controls.badge.reset_button, controls.does):
                left = part.mapTo(inner, QPoint(0, 0)).x()
                assert left >= 0
                assert left + part.width() <= inner.width(), (controls.info.name, part, width, scale)
                assert part.height() >= min(part.sizeHint().height(), part.minimumSizeHint().height())
            assert controls.badge.chip.width() >= controls.badge.chip.sizeHint().width()
            assert controls.does.height() >= controls.does.heightForWidth(controls.does.width())
    opened.live.theme.set_text_scale(1.0)


@pytest.mark.slow
def test_tab_reaches_every_field_in_order(opened: Opened) -> None:
    """From row to row, with the resets between them."""
    first = opened.at("database.url").field
    first.setFocus()
    seen: list[str] = []
    for _ in range(80):
        focused = QApplication.focusWidget()
        assert focused is not None
        seen.append(focused.objectName())
        QTest.keyClick(focused, Qt.Key.Key_Tab)
        if QApplication.focusWidget() is first:
            break
    fields = [name.removeprefix("config-") for name in seen if name.startswith("config-")]
    assert fields == list(opened.page.controls)
    reset = seen.index("reset-http.read_idle_timeout_s")
    assert seen[reset - 1] == "config-http.read_idle_timeout_s"
    assert "openProviders" in seen
