"""The models of a provider in Settings: switches, prices, calls, and how much of the limits was used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from mastra_desktop.core import Core
from mastra_desktop.paths import Paths
from mastra_desktop.services.providers import ServerInfo
from mastra_desktop.ui.panes import money
from mastra_desktop.ui.panes.settings_models import FIRST, chosen_after
from mastra_desktop.ui.panes.settings_pane import SettingsPane
from mastra_desktop.ui.panes.settings_server import ServerPage
from tests.fakes import ScriptedProvider
from tests.ui.live import Live, live_core
from tests.ui.test_first_run import fill
from tests.ui.test_settings_pane import pane, quiet, refreshed

MANY = ("normal", *(f"z{number}" for number in range(9)))
few = st.lists(st.sampled_from("abcde"), unique=True)


@pytest.fixture
def live(qapp: QApplication, home: Paths) -> Iterator[Live]:
    with live_core(qapp, home) as made:
        yield made


@pytest.fixture
def server() -> Iterator[ScriptedProvider]:
    with ScriptedProvider(models=MANY) as running:
        yield running


def opened(
    live: Live, qtbot: QtBot, server: ScriptedProvider, *, kind: str = "openai", models: tuple[str, ...] = ()
) -> tuple[SettingsPane, ServerPage]:
    live.run(
        live.engine.call(
            lambda core: core.providers.add_server(
                "team", server.base_url, key="sk-1", kind=kind, model_names=models
            )
        )
    )
    made = pane(live, qtbot)
    made.providers.choose("team")
    loaded(live)
    return made, made.providers.server


def loaded(live: Live) -> None:
    quiet(live)
    live.until(lambda: not live.tasks.running("settings-change-models"))
    live.until(lambda: not live.tasks.running("settings-provider-status"))
    quiet(live)


def configured(live: Live) -> ServerInfo:
    return live.run(live.engine.call(lambda core: core.providers.servers()))[0]


@given(few, few, st.sampled_from("abcde"), st.booleans())
def test_switching_changes_one_model_and_no_other(
    listed: list[str], chosen: list[str], name: str, on: bool
) -> None:
    """Whatever is listed and chosen, one switch changes that model alone; () stands for all that are listed."""
    assume(name in listed or name in chosen)
    before = set(chosen or listed)
    after = chosen_after(listed, chosen, name, on)
    wanted = before | {name} if on else before - {name}
    if after is None:
        assert not wanted
    else:
        assert set(after or listed) == wanted


@pytest.mark.slow
def test_models_are_switched(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """All are on at first; one that is switched off leaves the configuration; all on again is no list."""
    made, page = opened(live, qtbot, server)
    assert (len(page.models.names()), len(page.models.rows)) == (10, FIRST)
    assert page.models_row._hint.text() == "10 of 10 on"
    assert page.models.more_button.text() == "Show 3 more models"
    page.models.rows["z1"].switch.click()
    loaded(live)
    assert set(configured(live).models) == set(MANY) - {"z1"}
    assert page.models_row._hint.text() == "9 of 10 on"
    assert not page.models.rows["z1"].switch.isChecked()
    offered, _ = live.run(live.engine.call(lambda core: core.providers.models()))
    assert "team/z1" not in [model.id for model in offered]
    page.models.rows["z1"].switch.click()
    loaded(live)
    assert configured(live).models == ()
    page.models.more_button.click()
    assert len(page.models.rows) == 10
    assert not page.models.more_button.isVisible()
    assert made.isVisible()


@pytest.mark.slow
def test_one_model_stays_on(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """The last one cannot be switched off: no list at all would mean every model. It is said why."""
    _made, page = opened(live, qtbot, server, models=("normal",))
    assert page.models_row._hint.text() == "1 of 10 on"
    assert next(iter(page.models.rows)) == "normal"
    page.models.rows["normal"].switch.click()
    loaded(live)
    assert page.models.rows["normal"].switch.isChecked()
    assert configured(live).models == ("normal",)
    assert "switch the provider off" in page.models.trouble.text()


@pytest.mark.slow
def test_the_list_is_asked_anew(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Refresh shows what the provider lists now; where it cannot be asked, the rows stay and the cause is told."""
    _made, page = opened(live, qtbot, server)
    server._models = (*MANY, "newest")
    page.models.refresh_button.click()
    assert live.tasks.running("settings-models")
    loaded(live)
    assert "newest" in page.models.names()
    live.run(
        live.engine.call(lambda core: core.providers.change_server("team", base_url="http://127.0.0.1:9/v1"))
    )
    server._models = MANY
    page.models.refresh_button.click()
    loaded(live)
    assert page.models.trouble.isVisible()
    assert "newest" in page.models.names()
    assert not page.models.refresh_button.loading


@pytest.mark.slow
def test_prices_are_shown_and_edited(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """What is unknown says so; own figures are written, shown and can be forgotten; nonsense is refused."""
    _made, page = opened(live, qtbot, server)
    row = page.models.rows["normal"]
    assert (row.context.text(), row.price.text(), row.calls.text()) == ("–", "unknown", "0")
    row.price.click()
    editor = page.models.editor
    assert editor is not None
    assert editor.input.hasFocus()
    assert not editor.forget_button.isVisible()
    fill(editor.input, "cheap")
    editor.save_button.click()
    assert "2.50" in editor.trouble.text()
    fill(editor.context, "128k")
    fill(editor.input, "$2.5")
    fill(editor.output, "10")
    QTest.keyClick(editor.output, Qt.Key.Key_Return)
    live.until(lambda: page.models.editor is None)
    loaded(live)
    assert (row.context.text(), row.price.text()) == ("128k", "$2.50 / $10.00")
    assert "normal = {context = 128000, input = 2.50, output = 10.00}" in live.paths.prices.read_text("utf-8")
    row.price.click()
    editor = page.models.editor
    assert editor is not None
    QTest.keyClick(editor.input, Qt.Key.Key_Escape)
    assert row.price.hasFocus()
    live.until(lambda: page.models.editor is None)
    row.price.click()
    assert page.models.editor is not None
    page.models.editor.forget_button.click()
    live.until(lambda: page.models.editor is None)
    loaded(live)
    assert row.price.text() == "unknown"


@pytest.mark.slow
def test_a_broken_price_file_is_told(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """The table shows the last good prices and says which line is wrong; saving says so too."""
    made, page = opened(live, qtbot, server)
    live.paths.prices.write_text("[provider.team]\nnormal = 3\n", "utf-8")
    refreshed(live, made)
    loaded(live)
    assert "prices.toml, line 2" in page.models.problem.text()
    page.models.rows["normal"].price.click()
    editor = page.models.editor
    assert editor is not None
    fill(editor.input, "1")
    editor.save_button.click()
    live.until(editor.trouble.isVisible)
    assert "line 2" in editor.trouble.text()
    assert live.paths.prices.read_text("utf-8") == "[provider.team]\nnormal = 3\n"


@pytest.mark.slow
def test_calls_are_counted_and_servers_here_are_free(
    live: Live, qtbot: QtBot, server: ScriptedProvider
) -> None:
    """Each model shows how often it answered; a server of one's own on this computer costs nothing."""
    made, page = opened(live, qtbot, server, kind="openai-compatible")
    assert page.models.rows["normal"].price.text() == "free"

    async def ask(core: Core) -> None:
        async with aclosing(core.chat.reply("hello", model_id="team/normal")) as events:
            async for _ in events:
                pass

    live.run(live.engine.call(ask))
    refreshed(live, made)
    loaded(live)
    assert page.models.rows["normal"].calls.text() == "1"


@pytest.mark.slow
def test_a_provider_is_switched_off_and_on(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """Off: listed as such, nothing is asked of it; on again, it comes back by itself."""
    made, page = opened(live, qtbot, server)
    page.enabled.click()
    loaded(live)
    live.until(lambda: made.providers.provider_rows["team"].state[0] == "Off")
    assert not configured(live).enabled
    asked = len(server.requests)
    refreshed(live, made)
    loaded(live)
    assert len(server.requests) == asked
    assert page.chip.text() == "Off"
    assert not page.test_button.isEnabled()
    assert not page.models.refresh_button.isEnabled()
    page.enabled.click()
    loaded(live)
    live.until(lambda: made.providers.provider_rows["team"].state[0] == "Ready")


@pytest.mark.slow
def test_what_is_used_of_the_limits(live: Live, qtbot: QtBot, server: ScriptedProvider) -> None:
    """With a limit the bar says what went in the last minute, and asks only while it can be seen."""
    made, page = opened(live, qtbot, server)
    assert not page.used.isVisible()
    live.run(live.engine.call(lambda core: core.providers.change_server("team", requests_per_minute=4)))
    refreshed(live, made)
    loaded(live)
    assert page.used.isVisible()
    live.until(lambda: page.used.words.text() == "0 of 4 requests")

    async def ask(core: Core) -> None:
        async with aclosing(core.chat.reply("hello", model_id="team/normal")) as events:
            async for _ in events:
                pass

    live.run(live.engine.call(ask))
    live.until(lambda: page.used.words.text() == "1 of 4 requests")
    assert page.used.bar.value() == 250
    assert page.used._timer.isActive()
    made.hide()
    assert not page.used._timer.isActive()


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "$0.00"),
        ("0.00001", "< $0.0001"),
        ("0.0031", "$0.0031"),
        ("0.25", "$0.25"),
        ("1204.5", "$1,204.50"),
    ],
)
def test_amounts_in_words(amount: str, words: str) -> None:
    """As many places as matter."""
    assert money.dollars(Decimal(amount)) == words


@pytest.mark.parametrize(
    ("text", "tokens"), [("", None), ("128k", 128_000), ("1,048,576", 1_048_576), ("1M", 1_000_000)]
)
def test_tokens_as_people_write_them(text: str, tokens: int | None) -> None:
    """With k, M or separators; nothing is unknown."""
    assert money.typed_tokens(text) == tokens


@given(st.text(max_size=8))
def test_anything_typed_is_read_or_refused(text: str) -> None:
    """No text makes the fields fail in another way."""
    for read in (money.typed_tokens, money.typed_amount):
        try:
            found = read(text)
        except ValueError:
            continue
        assert found is None or found >= 0
