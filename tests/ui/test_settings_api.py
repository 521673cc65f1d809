"""Settings of the local API: switched, moved, tokens made and revoked, over a real core."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mastra_desktop.core import open_core
from mastra_desktop.domain.events import ApiChanged, ConfigChanged
from mastra_desktop.domain.tokens import TokenRole
from mastra_desktop.engine import Engine
from mastra_desktop.paths import Paths
from mastra_desktop.ui.dialogs.confirm import ConfirmDialog
from mastra_desktop.ui.dialogs.token_dialog import TokenDialog
from mastra_desktop.ui.panes.settings_api import TASK, ApiPage
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from tests.ui.live import Live, live_core
from tests.ui.test_settings_pane import pane


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        made.run(made.engine.call(lambda core: core.api.follow()))
        yield made


def opened(live: Live, qtbot: QtBot) -> tuple[SettingsPane, ApiPage]:
    made = pane(live, qtbot)
    made.open("local-api")
    live.settle()
    return made, made.api


def done(live: Live) -> None:
    live.settle()
    live.until(lambda: not live.tasks.running(TASK))
    live.settle()


def answers(url: str) -> bool:
    host, port = url.removeprefix("http://").removesuffix("/v1").split(":")
    try:
        socket.create_connection((host, int(port)), timeout=1).close()
    except OSError:
        return False
    return True


def test_switch_and_port(live: Live, qtbot: QtBot) -> None:
    """The switch starts and stops it at once and is kept; a port that is taken is told and nothing changes."""
    _pane, page = opened(live, qtbot)
    assert not page.switch.isChecked()
    page.switch.click()
    done(live)
    url = page.address.text()
    assert page.switch.isChecked()
    assert answers(url)
    assert "enabled = true" in live.paths.config.read_text()
    assert url in page.example.text()
    page.copy_address.click()
    assert QGuiApplication.clipboard().text() == url
    with socket.create_server(("127.0.0.1", 0)) as taken:
        page.port.setValue(taken.getsockname()[1])
        page.port.editingFinished.emit()
        done(live)
        assert "in use" in page.trouble.text()
        assert answers(page.address.text())
        assert "port" not in live.paths.config.read_text()
    page.switch.click()
    done(live)
    assert not page.switch.isChecked()
    assert not answers(url)
    assert page.address.text() == "Not listening"


def test_tokens(live: Live, qtbot: QtBot) -> None:
    """A new one is shown once, to copy; the list knows it; revoking asks first."""
    _pane, page = opened(live, qtbot)
    page.create_button.click()
    dialog = page.window().findChild(TokenDialog)
    assert isinstance(dialog, TokenDialog)
    dialog._name.setText("My script")
    dialog.accept()
    done(live)
    page.copy_secret.click()
    secret = QGuiApplication.clipboard().text()
    token = live.run(live.engine.call(lambda core: core.tokens.check(secret)))
    assert token is not None
    assert (token.name, token.role.value) == ("My script", "operator")
    assert token.expires_at is not None
    [row] = page.token_rows.values()
    row.revoke_button.click()
    asked = page.window().findChild(ConfirmDialog)
    assert isinstance(asked, ConfirmDialog)
    asked.accept()
    done(live)
    assert not page.token_rows
    assert secret not in page.secret.text()
    assert live.run(live.engine.call(lambda core: core.tokens.check(secret))) is None


@pytest.mark.slow
def test_changes_made_elsewhere(live: Live, qtbot: QtBot) -> None:
    """The open page follows: a switch in the file, a port that is taken, a token that a command made."""
    made, page = opened(live, qtbot)

    def hear() -> None:
        """What the window does with the bus."""
        made.heard(ApiChanged(""))
        made.heard(ConfigChanged(("server",)))
        live.until(lambda: not live.tasks.running("settings-follow"))
        live.settle()

    live.paths.config.write_text("[server]\nenabled = true\n", "utf-8")
    live.run(live.engine.call(lambda core: core.settings.reload()))
    hear()
    assert page.switch.isChecked()
    assert answers(page.address.text())
    assert page.badges["enabled"].chip.text() == "File"
    assert page.badges["port"].chip.text() == "Default"
    environ = {"MASTRA_HOME": str(live.paths.home)}
    command = [
        sys.executable,
        "-m",
        "mastra_desktop",
        "tokens",
        "create",
        "--role",
        "viewer",
        "--name",
        "cron",
    ]
    done = subprocess.run(command, env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    live.until(lambda: len(page.token_rows) == 1)  # without any event
    [row] = page.token_rows.values()
    row.revoke_button.setFocus()
    live.run(live.engine.call(lambda core: core.tokens.create(TokenRole.VIEWER, "second", None)))
    live.until(lambda: len(page.token_rows) == 2)
    assert any(row.revoke_button.hasFocus() for row in page.token_rows.values())  # the keys stay


@pytest.mark.slow
def test_reset_and_source(live: Live, qtbot: QtBot) -> None:
    """Beside switch and port: where the value comes from, and the way back, which stops the API too."""
    _pane, page = opened(live, qtbot)
    page.switch.click()
    done(live)
    assert page.badges["enabled"].chip.text() == "File"
    page.port.editingFinished.emit()  # left without an edit: nothing is written
    done(live)
    assert page.badges["port"].chip.text() == "Default"
    url = page.address.text()
    page.badges["enabled"].reset_button.click()
    done(live)
    assert page.badges["enabled"].chip.text() == "Default"
    assert not page.badges["enabled"].reset_button.isVisible()
    assert not page.switch.isChecked()
    assert not answers(url)
    assert "enabled" not in live.paths.config.read_text("utf-8")


@pytest.mark.slow
def test_set_by_the_environment(qapp: QApplication, home: Paths, qtbot: QtBot) -> None:
    """The switch is locked and says which variable sets it; so is the file of the built-in model."""
    environ = {"MASTRA_SERVER__ENABLED": "false", "MASTRA_LOCAL__MODEL_PATH": "/m.gguf"}
    with live_core(qapp, home, start=False) as live:
        live.engine = Engine(lambda: open_core(home, environ, purpose="test"))
        live.engine.start()
        made, page = opened(live, qtbot)
        assert not page.switch.isEnabled()
        assert "MASTRA_SERVER__ENABLED in the environment" in page._locked["enabled"].text()
        assert page._locked["enabled"].isVisible()
        assert page.port.isEnabled()
        local = made.local_models
        assert local.badge.chip.text() == "Environment"
        assert not local.choose_button.isEnabled()
        assert "MASTRA_LOCAL__MODEL_PATH" in local._locked.text()
