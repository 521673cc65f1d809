"""Settings › Storage over a real core."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mastra_desktop.core import Core
from mastra_desktop.paths import Paths
from tests.fakes import ScriptedProvider
from tests.ui.live import Live, live_core
from tests.ui.test_settings_pane import add, pane


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=("normal", "slow")) as running:
        yield running


def test_storage_tells_where_things_are(live: Live, qtbot: QtBot) -> None:
    """Data folder, log and the place of keys are told as they are here."""
    made = pane(live, qtbot)
    made.open("storage")
    assert made.data.keys.words.text().startswith(
        "Keys are kept until you quit: no system keyring was found."
    )


def test_storage_where_the_database_is_named(qapp: QApplication, home: Paths, qtbot: QtBot) -> None:
    """Another SQLite file is backed up and looked through as the data folder's own."""
    home.home.mkdir(parents=True, exist_ok=True)
    other = home.home.parent / "other.db"
    home.config.write_text(f'[database]\nurl = "sqlite:///{other}"\n', "utf-8")
    with live_core(qapp, home) as live:
        made = pane(live, qtbot)
        made.open("storage")
        live.settle()
        assert made.data.backups.isVisible()
        assert made.data.check.isVisible()
        assert not made.data.backups.on_server


@pytest.mark.slow
def test_storage_says_what_figures_take(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Each kind with its rows, its size and how long it is kept, as the database has them; all together below."""
    add(live, server)

    async def ask(core: Core) -> None:
        async for _ in core.chat.reply("Hello", model_id="team/normal"):
            continue

    live.run(live.engine.call(ask))
    made = pane(live, qtbot)
    made.open("storage")
    live.until(lambda: len(made.data.figures.lines) == 8)
    stored = live.run(live.engine.call(lambda core: core.telemetry.sizes()))
    lines = {line[0]: line[1:] for line in made.data.figures.lines}
    assert lines["Requests"][:2] == ("kept for 90 days, at most 1,000,000 rows", "1 row")
    assert lines["Traces"][0] == "kept for 7 days, at most 200,000 rows"
    assert lines["Figures by the minute"][0] == "kept for 7 days"
    assert lines["Audit log"][0] == "kept for good"
    assert lines["Requests"][2] == QLocale().formattedDataSize(stored["requests"].size_bytes, 1)
    assert list(lines) == [
        "Requests",
        "Traces",
        "Figures by the minute",
        "Figures by the hour",
        "Health checks",
        "Audit log",
        "Together",
        "Whole database",
    ]
