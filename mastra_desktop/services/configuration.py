"""The configuration while the app runs: a change on disk is checked whole, and taken whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import ConfigError, MastraError, describe
from mastra_desktop.domain.events import ConfigChanged, ConfigRefused
from mastra_desktop.ops import config as configuration
from mastra_desktop.ops import config_file
from mastra_desktop.ops.logging import get_logger

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import Config, Loaded
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.audit import AuditService

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """Who uses which keys ("http" or "logging.level"). `apply` takes a whole configuration, which may be the
    one it has, and raises when it cannot; it is then called with the old one again."""

    keys: frozenset[str]
    apply: Callable[[Loaded], Awaitable[None]]


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
        self.loaded = loaded

    async def reload(self) -> bool:
        """Takes what is on disk now; returns whether that was fine.

        What is refused, or what a part cannot use, changes nothing and is told as `ConfigRefused`. Keys that
        nobody can change while the app runs are told with `ConfigChanged` as waiting for a restart.
        """
        async with self._lock:
            try:
                await self._take()
            except ConfigError as error:
                log.warning("configuration refused", problem=error.message)
                self._audit.record("user", "config.reloaded", "config.toml", "refused", error.message)
                self._bus.publish(ConfigRefused(error.message))
                return False
        return True

    async def change(self, section: str, key: str, value: object) -> None:
        """Writes one key into config.toml and uses it.

        Raises ConfigError or StorageError, and then the file and what is in use are as they were.
        """
        file = self._paths.config
        async with self._lock:
            before = await asyncio.to_thread(file.read_bytes) if file.exists() else None
            await asyncio.to_thread(config_file.set_value, file, section, key, value)
            try:
                await self._take()
            except ConfigError:
                if before is None:
                    file.unlink(missing_ok=True)
                else:
                    await asyncio.to_thread(file.write_bytes, before)
                raise

    async def _take(self) -> None:
        before = self.loaded
        found = configuration.load(self._paths, self._environ)
        changed = changed_keys(before.config, found.config)
        await self._apply(changed, found)
        self.loaded = found
        if changed:
            live = frozenset[str]().union(*(part.keys for part in self._parts))
            waiting = tuple(key for key in changed if not _covers(live, key))
            sections = tuple(dict.fromkeys(key.partition(".")[0] for key in changed))
            log.info("configuration changed", keys=", ".join(changed), waiting=", ".join(waiting))
            self._audit.record("user", "config.reloaded", "config.toml", detail=", ".join(changed))
            self._bus.publish(ConfigChanged(sections, waiting))

    async def _apply(self, changed: Sequence[str], found: Loaded) -> None:
        """Raises ConfigError, and then everything is as it was."""
        begun: list[Part] = []
        try:
            for part in self._parts:
                if any(_covers(part.keys, key) for key in changed):
                    begun.append(part)
                    await part.apply(found)
        except Exception as error:
            for part in reversed(begun):
                try:
                    await part.apply(self.loaded)
                except Exception:  # the others still go back
                    log.exception("a part of the configuration could not go back")
            if not isinstance(error, MastraError):
                log.exception("a part of the configuration could not be applied")
            info = describe(error)
            raise ConfigError(f"{self._paths.config}: {info.message}", hint=info.hint) from error


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
