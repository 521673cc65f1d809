"""The configuration is changed on disk while the core runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.events import BusEvent, ConfigChanged, ConfigRefused, ProvidersChanged
from mastra_desktop.domain.replies import ReplyEvent
from tests.cores import core_over, finished, make_home, text_of
from tests.fakes import ScriptedProvider
from tests.services.test_providers import in_a_loop

NOWHERE = "http://127.0.0.1:9/v1"


def listen(core: Core) -> list[BusEvent]:
    heard: list[BusEvent] = []
    core.bus.subscribe(heard.append)
    return heard


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - a list has no event to wait for
            await asyncio.sleep(0.02)


def add(home: Path, text: str) -> None:
    file = home / "config.toml"
    file.write_text(text + file.read_text())


@in_a_loop
async def test_a_change_on_disk_is_taken(tmp_path: Path) -> None:
    """Within a second or so, without being asked; a file that goes away means the defaults."""
    home = make_home(tmp_path, NOWHERE)
    async with core_over(home) as core:
        heard = listen(core)
        more = '[[providers]]\nid = "second"\nkind = "openai"\n'
        (home / "config.toml").write_text((home / "config.toml").read_text() + more)
        await until(lambda: ConfigChanged(("providers",)) in heard)
        assert [p.id for p in core.providers.config.providers] == ["work", "second"]
        assert core.registry.provider("second").id == "second"
        (home / "config.toml").unlink()
        await until(lambda: not core.providers.config.providers)


@in_a_loop
async def test_a_mistake_keeps_the_last_good_one(tmp_path: Path) -> None:
    """It is told with file, line and key; once it is mended, what was meant is taken."""
    home = make_home(tmp_path, NOWHERE)
    async with core_over(home) as core:
        heard = listen(core)
        add(home, "[logging]\nlevel = 5\n\n")
        await until(lambda: any(isinstance(e, ConfigRefused) for e in heard))
        (refused,) = [e for e in heard if isinstance(e, ConfigRefused)]
        assert f"{home / 'config.toml'}, line 2" in refused.message
        assert "logging.level" in refused.message
        assert core.registry.provider("work").id == "work"
        file = home / "config.toml"
        file.write_text(file.read_text().replace("level = 5", 'level = "DEBUG"'))
        await until(lambda: ConfigChanged(("logging",)) in heard)
        assert logging.getLogger("mastra_desktop").level == logging.DEBUG


@in_a_loop
async def test_what_one_part_cannot_use_changes_nothing(tmp_path: Path) -> None:
    """Log level and cache, which come before the broken part, go back as well."""
    home = make_home(tmp_path, NOWHERE)
    async with core_over(home) as core:
        heard = listen(core)
        await core.cache.put("kept", b"1")
        add(home, '[logging]\nlevel = "ERROR"\n[cache]\nmax_entries = 9\n[http]\nca_file = "/nowhere.pem"\n')
        assert not await core.settings.reload()
        (refused,) = [e for e in heard if isinstance(e, ConfigRefused)]
        assert "/nowhere.pem cannot be used" in refused.message
        assert logging.getLogger("mastra_desktop").level == logging.INFO
        assert core.providers.config.http.ca_file == ""
        assert core.settings.loaded.config.cache.max_entries == 4096
        for number in range(20):
            await core.cache.put(str(number), b"1")
        assert core.cache.stats.entries == 21


@pytest.mark.parametrize("change", ["limits", "address", "removed", "http"])
@in_a_loop
async def test_running_answers_are_never_dropped(tmp_path: Path, change: str) -> None:
    """An answer that is being written when its provider changes, or goes, comes whole."""
    with ScriptedProvider(pieces=12, delay_s=0.03) as server:
        home = make_home(tmp_path, server.base_url)
        file = home / "config.toml"
        async with core_over(home) as core:
            seen: list[ReplyEvent] = []
            reloaded = False
            async with aclosing(core.chat.reply("Hello", model_id="work/normal")) as events:
                async for event in events:
                    seen.append(event)
                    if not reloaded and len(text_of(seen).split()) == 2:
                        text = file.read_text()
                        file.write_text(
                            {
                                "limits": text + "requests_per_minute = 3\n",
                                "address": text.replace(server.base_url, NOWHERE),
                                "removed": "",
                                "http": "[http]\nread_idle_timeout_s = 7\nmax_connections = 3\n" + text,
                            }[change]
                        )
                        reloaded = await core.settings.reload()
            assert reloaded
            assert len(text_of(seen).split()) == 12
            assert finished(seen).state is MessageState.DONE


@in_a_loop
async def test_our_own_writes_are_not_taken_twice(tmp_path: Path) -> None:
    """What Settings writes is in use at once; the change of the file brings no second reload."""
    home = make_home(tmp_path, NOWHERE)
    async with core_over(home) as core:
        heard = listen(core)
        await core.providers.change_server("work", requests_per_minute=4)
        provider = core.registry.provider("work")
        await until(lambda: ConfigChanged(("providers",)) in heard)
        assert heard.count(ProvidersChanged()) == 1
        assert core.registry.provider("work") is provider


@in_a_loop
async def test_some_keys_wait_for_a_restart(tmp_path: Path) -> None:
    """They are named; a listener that fails keeps nobody else from hearing it."""
    home = make_home(tmp_path, NOWHERE)

    def fail(_event: BusEvent) -> None:
        raise RuntimeError("a listener's bug")

    async with core_over(home) as core:
        core.bus.subscribe(fail)
        heard = listen(core)
        add(home, '[vectors]\nurl = "http://127.0.0.1:8000"\n[http]\nmax_retries = 1\n[cache]\nttl_s = 9\n')
        assert await core.settings.reload()
        assert ConfigChanged(("vectors", "cache"), ("vectors.url",)) in heard


@in_a_loop
async def test_the_built_in_models_context(tmp_path: Path) -> None:
    """Counts from the start and, changed on disk, for the next answer; 0 is what the file says."""
    home = make_home(tmp_path, NOWHERE, "[local]\ncontext_tokens = 1024\n")
    async with core_over(home) as core:
        local = core.registry.provider("local")
        assert local.context_tokens == 1024
        file = home / "config.toml"
        file.write_text(file.read_text().replace("1024", "2048"))
        assert await core.settings.reload()
        assert local.context_tokens == 2048
        file.write_text(file.read_text().replace("2048", "0"))
        assert await core.settings.reload()
        assert local.context_tokens == 8192
