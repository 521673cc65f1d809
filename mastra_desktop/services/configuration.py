"""The configuration while the app runs: a change on disk is checked whole, and taken whole or not at all.

A change from Settings is used first and written then, so that the file never holds what nothing can use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import ConfigError, MastraError, describe
from mastra_desktop.domain.events import ConfigChanged, ConfigRefused
from mastra_desktop.ops import config as configuration
from mastra_desktop.ops import config_file, config_keys
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.ops.toml_lines import line_numbers

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import Config, Loaded, Source
    from mastra_desktop.ops.config_keys import KeyInfo
    from mastra_desktop.ops.toml_lines import KeyPath
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.audit import AuditService

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Who uses which keys ("http" or "logging.level"). `apply` takes a whole configuration, which may be the
    one it has, and raises when it cannot; it is then called with the old one again."""

    keys: frozenset[str]
    apply: Callable[[Loaded], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Setting:
    """How a key is now. Addresses in `value` have dots for their passwords.

    `place` is the line of config.toml or the variable that it comes from, "" for a default; `resettable`:
    it stands in config.toml, from where it can go. `restart`: another value counts from the next start on;
    `waiting`: it has had one since this start.
    """

    info: KeyInfo
    value: bool | float | str
    source: Source
    place: str
    resettable: bool
    restart: bool
    waiting: bool


class ConfigurationService:
    """`loaded` is what is in use. `parts` are applied in their order, and undone in reverse."""

    def __init__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        loaded: Loaded,
        bus: Bus,
        parts: Sequence[Part],
        audit: AuditService,
    ) -> None:
        self._paths, self._environ, self._bus = paths, environ, bus
        self._parts = tuple(parts)
        self._audit = audit
        self._lock = asyncio.Lock()
        self._at_start = loaded.config
        self.loaded = loaded

    def settings(self) -> dict[str, Setting]:
        """Each key but those of providers, as "http.max_retries", in the schema's order."""
        lines = line_numbers(self.loaded.text)
        return {info.name: self._setting(info, lines) for info in config_keys.all_keys()}

    def _setting(self, info: KeyInfo, lines: Mapping[KeyPath, int]) -> Setting:
        source = self.loaded.sources[info.name]
        place = {
            "default": "",
            "file": f"{self._paths.config}, line {lines.get((info.section, info.key), 1)}",
            "environment": configuration.variable_of(info.section, info.key),
        }[source]
        value = _value_of(self.loaded.config, info.section, info.key)
        restart = not _covers(self._live(), info.name)
        return Setting(
            info=info,
            value=config_keys.hide_password(value) if isinstance(value, str) else value,
            source=source,
            place=place,
            resettable=source == "file",
            restart=restart,
            waiting=restart and value != _value_of(self._at_start, info.section, info.key),
        )

    def _live(self) -> frozenset[str]:
        return frozenset[str]().union(*(part.keys for part in self._parts))

    async def reload(self) -> bool:
        """Takes what is on disk now; returns whether that was fine.

        What is refused, or what a part cannot use, changes nothing and is told as `ConfigRefused`. Keys that
        nobody can change while the app runs are told with `ConfigChanged` as waiting for a restart.
        """
        async with self._lock:
            try:
                found = configuration.load(self._paths, self._environ)
                await self._apply(found)
            except ConfigError as error:
                log.warning("configuration refused", problem=error.message)
                self._audit.record("user", "config.reloaded", "config.toml", "refused", error.message)
                self._bus.publish(ConfigRefused(error.message))
                return False
            self._took(found)
        return True

    async def change(self, section: str, key: str, value: object) -> None:
        """Uses another value for one key and writes it into config.toml.

        Dots for the password of an address stand for the one it has. Raises ConfigError or StorageError, and
        then the file and what is in use are as they were.
        """
        self._check_changeable(section, key)
        if isinstance(value, str):
            now = _value_of(self.loaded.config, section, key)
            value = config_keys.keep_password(value, now if isinstance(now, str) else "")
        config_keys.check_value(section, key, value)
        await self._edit(
            partial(config_file.with_value, self._paths.config, section, key, value),
            partial(config_file.set_value, self._paths.config, section, key, value),
        )

    async def reset(self, section: str, key: str) -> None:
        """Takes one key out of config.toml: its default holds. Raises as `change`."""
        self._check_changeable(section, key)
        await self._edit(
            partial(config_file.without_value, self._paths.config, section, key),
            partial(config_file.remove_value, self._paths.config, section, key),
        )

    def _check_changeable(self, section: str, key: str) -> None:
        if self.loaded.sources.get(f"{section}.{key}") == "environment":
            variable = configuration.variable_of(section, key)
            raise ConfigError(f"{variable} in the environment sets this; it can be changed only there.")

    async def _edit(self, edited: Callable[[], str], write: Callable[[], None]) -> None:
        async with self._lock:
            before = self.loaded
            found = configuration.check(edited(), self._paths.config, self._environ)
            await self._apply(found)
            try:
                # Reads the file anew, and in one go on this thread, as providers are written: what they or
                # an editor wrote meanwhile stays.
                write()
            except BaseException:
                await self._go_back(self._concerned(changed_keys(before.config, found.config)))
                raise
            self._took(found)

    def _took(self, found: Loaded) -> None:
        before, self.loaded = self.loaded, found
        changed = changed_keys(before.config, found.config)
        if changed:
            live = self._live()
            waiting = tuple(key for key in changed if not _covers(live, key))
            sections = tuple(dict.fromkeys(key.partition(".")[0] for key in changed))
            log.info("configuration changed", keys=", ".join(changed), waiting=", ".join(waiting))
            self._audit.record("user", "config.reloaded", "config.toml", detail=", ".join(changed))
            self._bus.publish(ConfigChanged(sections, waiting))
        elif found.text != before.text:  # where values come from, or on which line they stand
            self._bus.publish(ConfigChanged(()))

    def _concerned(self, changed: Sequence[str]) -> list[Part]:
        return [part for part in self._parts if any(_covers(part.keys, key) for key in changed)]

    async def _apply(self, found: Loaded) -> None:
        """Raises ConfigError, and then everything is as it was; also when this is cancelled."""
        begun: list[Part] = []
        try:
            for part in self._concerned(changed_keys(self.loaded.config, found.config)):
                begun.append(part)
                await part.apply(found)
        except BaseException as error:
            await self._go_back(begun)
            if not isinstance(error, Exception):
                raise
            if not isinstance(error, MastraError):
                log.exception("a part of the configuration could not be applied")
            info = describe(error)
            raise ConfigError(f"{self._paths.config}: {info.message}", hint=info.hint) from error

    async def _go_back(self, parts: Sequence[Part]) -> None:
        for part in reversed(parts):
            try:
                await part.apply(self.loaded)
            except Exception:  # the others still go back
                log.exception("a part of the configuration could not go back")


def changed_keys(before: Config, after: Config) -> tuple[str, ...]:
    """As "http.max_retries"; the list of providers is one key."""
    old, new = before.model_dump(), after.model_dump()
    changed: list[str] = []
    for section, values in new.items():
        if values == old[section]:
            continue
        if isinstance(values, dict):
            changed += [f"{section}.{key}" for key in values if values[key] != old[section][key]]
        else:
            changed.append(section)
    return tuple(changed)


def _covers(keys: frozenset[str], key: str) -> bool:
    return key in keys or key.partition(".")[0] in keys


def _value_of(config: Config, section: str, key: str) -> bool | float | str:
    value: bool | float | str = getattr(getattr(config, section), key)
    return value
