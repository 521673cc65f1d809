"""One key of the configuration is changed or reset from Settings: used, written, or nothing at all."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mastra_desktop.core import Core, open_core
from mastra_desktop.domain.errors import ConfigError, StorageError
from mastra_desktop.domain.events import ConfigChanged
from mastra_desktop.ops.config import Loaded, load
from mastra_desktop.paths import find_paths
from mastra_desktop.services.configuration import ConfigurationService, Part
from tests.cores import make_home
from tests.services.test_configuration import NOWHERE, listen
from tests.services.test_providers import in_a_loop

WRITTEN = """\
# mine
[http]
# patience
max_retries = 3   # three times

[cache]
redis_url = "redis://:hunter22@127.0.0.1:1/0"
"""


def opened(home: Path, **environ: str) -> AbstractAsyncContextManager[Core]:
    environ = {"MASTRA_HOME": str(home), **environ}
    return open_core(find_paths(environ), environ, purpose="test")


def service_over(core_settings: ConfigurationService, *parts: Part) -> ConfigurationService:
    """The same service with other parts."""
    kept = core_settings
    return ConfigurationService(kept._paths, kept._environ, kept.loaded, kept._bus, parts, kept._audit)


def part(*keys: str, use: Callable[[Loaded], Awaitable[None]]) -> Part:
    return Part(frozenset(keys), use)


@in_a_loop
async def test_change_and_reset(tmp_path: Path) -> None:
    """The value is used at once and written, comments stay; reset takes it out again with its default."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    file = home / "config.toml"
    async with opened(home) as core:
        heard = listen(core)
        assert core.settings.settings()["http.max_retries"].place == f"{file}, line 8"
        await core.settings.change("http", "max_retries", 5)
        assert core.providers.config.http.max_retries == 5
        assert "# patience\nmax_retries = 5   # three times\n" in file.read_text()
        assert ConfigChanged(("http",)) in heard
        await core.settings.reset("http", "max_retries")
        now = core.settings.settings()["http.max_retries"]
        assert (now.value, now.source, now.place, now.resettable) == (2, "default", "", False)
        assert "max_retries" not in file.read_text()
        assert "# patience" in file.read_text()
        await core.settings.reset("http", "max_retries")  # nothing to reset is fine
        await core.settings.change("logging", "level", "DEBUG")
        await core.settings.reset("logging", "level")
        assert "[logging]" not in file.read_text()  # its heading goes with the last key


@in_a_loop
async def test_a_password_is_neither_shown_nor_lost(tmp_path: Path) -> None:
    """Dots stand for it; with another host or another key edited it stays what it was."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:
        shown = core.settings.settings()["cache.redis_url"].value
        assert shown == "redis://:••••••@127.0.0.1:1/0"
        await core.settings.change("cache", "ttl_s", 9)
        await core.settings.change("cache", "redis_url", str(shown).replace("/0", "/2"))
        assert core.settings.loaded.config.cache.redis_url == "redis://:hunter22@127.0.0.1:1/2"
        assert "hunter22@127.0.0.1:1/2" in (home / "config.toml").read_text()


@in_a_loop
async def test_what_waits_for_a_restart(tmp_path: Path) -> None:
    """Such keys say so, and that they were changed; going back to what is in use ends the waiting."""
    home = make_home(tmp_path, NOWHERE)
    async with opened(home) as core:
        await core.settings.change("vectors", "url", "http://127.0.0.1:8000")
        settings = core.settings.settings()
        assert (settings["vectors.url"].restart, settings["vectors.url"].waiting) == (True, True)
        assert (settings["database.url"].restart, settings["database.url"].waiting) == (True, False)
        assert not settings["http.max_retries"].restart
        await core.settings.reset("vectors", "url")
        assert not core.settings.settings()["vectors.url"].waiting


@in_a_loop
async def test_the_environment_wins(tmp_path: Path) -> None:
    """Its keys name their variable, and can be neither changed nor reset."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home, MASTRA_HTTP__MAX_RETRIES="4") as core:
        now = core.settings.settings()["http.max_retries"]
        assert (now.value, now.source, now.place) == (4, "environment", "MASTRA_HTTP__MAX_RETRIES")
        assert not now.resettable
        before = core.paths.config.read_bytes()
        for work in (
            core.settings.change("http", "max_retries", 1),
            core.settings.reset("http", "max_retries"),
        ):
            with pytest.raises(ConfigError, match="MASTRA_HTTP__MAX_RETRIES in the environment sets this"):
                await work
        assert core.paths.config.read_bytes() == before


@pytest.mark.parametrize("failure", [OSError("no"), asyncio.CancelledError()])
@in_a_loop
async def test_what_a_part_refuses_is_undone_whole(tmp_path: Path, failure: BaseException) -> None:
    """Parts that had taken it get the old one again, the file is untouched, nobody hears of a change."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:
        used: list[int] = []

        async def take(loaded: Loaded) -> None:
            used.append(loaded.config.http.max_retries)

        async def refuse(loaded: Loaded) -> None:
            if loaded.config.http.max_retries == 7:
                raise failure

        settings = service_over(core.settings, part("http", use=take), part("http.max_retries", use=refuse))
        before, heard = (home / "config.toml").read_bytes(), listen(core)
        with pytest.raises((ConfigError, asyncio.CancelledError)):
            await settings.change("http", "max_retries", 7)
        assert used == [7, 3]
        assert (home / "config.toml").read_bytes() == before
        assert settings.loaded.config.http.max_retries == 3
        assert not heard


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
@in_a_loop
async def test_a_file_that_cannot_be_written_undoes_it(tmp_path: Path) -> None:
    """What is in use goes back too."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:
        home.chmod(0o500)
        try:
            with pytest.raises(StorageError):
                await core.settings.change("http", "max_retries", 7)
        finally:
            home.chmod(0o700)
        assert core.providers.config.http.max_retries == 3


@in_a_loop
async def test_a_folder_in_the_way_undoes_it(tmp_path: Path) -> None:
    """A disk that does not take the file: what was in use is used again."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:
        used: list[int] = []

        async def lose_the_folder(loaded: Loaded) -> None:
            used.append(loaded.config.http.max_retries)
            if loaded.config.http.max_retries == 7:
                home.rename(tmp_path / "elsewhere")
            else:
                (tmp_path / "elsewhere").rename(home)

        settings = service_over(core.settings, part("http", use=lose_the_folder))
        with pytest.raises(StorageError, match="cannot be written"):
            await settings.change("http", "max_retries", 7)
        assert used == [7, 3]
        assert settings.loaded.config.http.max_retries == 3
        assert load(core.paths, {}).config.http.max_retries == 3


@in_a_loop
async def test_what_others_write_meanwhile_stays(tmp_path: Path) -> None:
    """A provider that is added while a part still takes the change is not written over."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:

        async def add_one(_loaded: Loaded) -> None:
            await core.providers.add_server("second", NOWHERE)

        await service_over(core.settings, part("http", use=add_one)).change("http", "max_retries", 7)
        config = load(core.paths, {}).config
        assert config.http.max_retries == 7
        assert [each.id for each in config.providers] == ["work", "second"]


CRASH = """
import asyncio, os, sys
from pathlib import Path
from mastra_desktop.core import open_core
from mastra_desktop.paths import find_paths
from mastra_desktop.services.configuration import ConfigurationService, Part

home, where = Path(sys.argv[1]), sys.argv[2]

async def die(_loaded):
    os._exit(9)

async def main():
    paths = find_paths({"MASTRA_HOME": str(home)})
    async with open_core(paths, {}, purpose="test") as core:
        s = core.settings
        parts = [Part(frozenset({"http"}), die)] if where == "taking" else []
        s = ConfigurationService(paths, {}, s.loaded, s._bus, parts, s._audit)
        if where == "written":
            s._took = lambda _found: os._exit(9)
        await s.change("http", "max_retries", 7)

asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(("where", "left"), [("taking", 3), ("written", 7)])
def test_a_crash_leaves_a_valid_file(tmp_path: Path, where: str, left: int) -> None:
    """Between taking and writing the old file is whole; after writing, the new one is."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    done = subprocess.run([sys.executable, "-c", CRASH, str(home), where], check=False)
    assert done.returncode == 9
    config = load(find_paths({"MASTRA_HOME": str(home)}), {}).config
    assert config.http.max_retries == left
    assert config.cache.redis_url.endswith("hunter22@127.0.0.1:1/0")
    assert not list(home.glob(".config-*"))


@in_a_loop
async def test_where_values_stand_is_told_too(tmp_path: Path) -> None:
    """A default that is written into the file on disk, or moves to another line, changes no value; pages hear
    of it all the same."""
    home = make_home(tmp_path, NOWHERE, WRITTEN)
    async with opened(home) as core:
        heard = listen(core)
        file = home / "config.toml"
        file.write_text("\n\n" + file.read_text() + "\n[logging]\nbackups = 5\n")
        assert await core.settings.reload()
        assert heard == [ConfigChanged(())]
        settings = core.settings.settings()
        assert settings["http.max_retries"].place == f"{file}, line 10"
        assert settings["logging.backups"].source == "file"
