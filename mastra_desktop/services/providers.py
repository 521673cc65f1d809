"""Who can answer, as the person sees it: the built-in model and the servers of the configuration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, LocalModelError, NotFound
from mastra_desktop.domain.events import ProviderHealthChanged, ProvidersChanged, ProviderState
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID, ModelInfo, ProviderTest
from mastra_desktop.ops import config as configuration
from mastra_desktop.ops import config_file
from mastra_desktop.providers.guard import Guard, Tries
from mastra_desktop.providers.http import HttpPool, HttpSettings, Traffic, check_ca_file
from mastra_desktop.providers.kinds import BASE_URLS, KEY_VARIABLES, build_provider
from mastra_desktop.providers.local import LocalProvider
from mastra_desktop.providers.model_files import check_file, read_manifest

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import Config, HttpConfig, Loaded, ProviderConfig
    from mastra_desktop.ops.redaction import KnownSecrets
    from mastra_desktop.paths import Paths
    from mastra_desktop.providers.base import Provider
    from mastra_desktop.providers.registry import Registry
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.store.secrets import Secrets

OWN_SERVER = "openai-compatible"
Key = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """A configured provider. `key_kept_in` is empty when it has no key, a limit of 0 is none.

    A key from a variable is told as "Environment: OPENAI_API_KEY".

    `base_url` is empty when it is the kind's own.
    """

    id: str
    kind: str
    base_url: str
    models: tuple[str, ...]
    key_kept_in: str
    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    max_concurrent: int = 0
    fallbacks: tuple[str, ...] = ()
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class LocalModelInfo:
    """The built-in model's file, or why there is none. `chosen`: the person picked this file."""

    name: str
    path: Path | None
    size_bytes: int
    chosen: bool
    error: ErrorInfo | None = None


class ProvidersService:
    """Keeps the registry equal to the configuration, and edits both together."""

    def __init__(
        self,
        paths: Paths,
        environ: Mapping[str, str],
        loaded: Loaded,
        secrets: Secrets,
        registry: Registry,
        bus: Bus,
        known: KnownSecrets,
        audit: AuditService,
    ) -> None:
        self._paths = paths
        self._environ = environ
        self._loaded = loaded
        self._secrets = secrets
        self._registry = registry
        self._bus = bus
        self._known = known
        self._audit = audit
        self._pool = HttpPool(_http_settings(loaded.config.http))
        self._guards: dict[tuple[str, str], Guard] = {}  # by provider id and base URL; they outlive reloads
        local = loaded.config.local
        self._local = LocalProvider(
            read_manifest(paths.resources / "models.json"),
            (paths.models, paths.resources / "models", paths.cache / "models"),
            bus.publish,
            model_path=Path(local.model_path) if local.model_path else None,
            context_tokens=local.context_tokens or None,
            threads=local.threads or None,
            idle_stop_s=local.idle_stop_s,
        )

    @property
    def config(self) -> Config:
        return self._loaded.config

    async def start(self) -> None:
        """Fills the registry from the configuration."""
        usable = [p for p in self.config.providers if p.base_url or p.kind in BASE_URLS]
        fallbacks = {p.id: p.fallbacks for p in self.config.providers}
        asked = [self._local, *(self._build(p) for p in usable if p.enabled)]
        off = frozenset(p.id for p in usable if not p.enabled)
        await self._registry.replace(asked, fallbacks, off)
        self._drop_guards()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def models(self) -> tuple[list[ModelInfo], dict[str, ErrorInfo]]:
        """The models that can be asked now, and why a provider offers none."""
        self._drop_guards()
        return await self._registry.models()

    async def listed(self, provider_id: str) -> list[ModelInfo]:
        """Every model that the provider itself lists, also those that are not offered here.

        Raises NotFound, and a MastraError when it cannot be asked.
        """
        self._registry.provider(provider_id)  # raises NotFound, also for one that is switched off
        found = next((p for p in self.config.providers if p.id == provider_id), None)
        if found is None:
            return await self._local.models()
        return await self._build(found.model_copy(update={"models": ()})).models()

    def used(self, provider_id: str) -> tuple[int, int]:
        """Requests and tokens of the last minute, as far as they count towards its own limits."""
        found = next((p for p in self.config.providers if p.id == provider_id), None)
        if found is None:
            return (0, 0)
        guard = self._guards.get((provider_id, found.base_url or BASE_URLS.get(found.kind, "")))
        return guard.limits.used() if guard is not None else (0, 0)

    def health(self) -> list[ProviderHealthChanged]:
        """Which providers are asked now; later changes come over the bus."""
        return [guard.breaker.health for guard in self._guards.values()]

    def tries(self) -> list[tuple[str, Tries]]:
        """What was asked of each provider (by id) since the start."""
        return [(guard.provider_id, guard.tries) for guard in self._guards.values()]

    def traffic(self) -> Mapping[str, Traffic]:
        """What went to each host and came from it since the start."""
        return self._pool.traffic

    def local_memory_bytes(self) -> int | None:
        """Of the built-in model's process; None while it does not run."""
        return self._local.memory_bytes()

    async def servers(self) -> list[ServerInfo]:
        found = []
        for provider in self.config.providers:
            key = await self._secrets.find(provider.id, KEY_VARIABLES.get(provider.kind, ()))
            kept_in = key.kept_in if key else ""
            if key and key.source == "environment":
                kept_in = f"Environment: {kept_in}"
            found.append(
                ServerInfo(
                    provider.id,
                    provider.kind,
                    provider.base_url,
                    tuple(provider.models),
                    kept_in,
                    requests_per_minute=provider.requests_per_minute,
                    tokens_per_minute=provider.tokens_per_minute,
                    max_concurrent=provider.max_concurrent,
                    fallbacks=tuple(provider.fallbacks),
                    enabled=provider.enabled,
                )
            )
        return found

    async def test(
        self,
        base_url: str,
        key: str = "",
        model_names: tuple[str, ...] = (),
        *,
        kind: str = OWN_SERVER,
    ) -> ProviderTest:
        """Tries a provider before it is added; "" is the kind's own address.

        Raises ConfigError for an address that is none.
        """
        provider = build_provider(
            kind, "test", base_url, http=self._pool, key=self._given(key), models=model_names
        )
        return await self._test(provider)

    async def test_saved(self, provider_id: str, *, tools: bool = True) -> ProviderTest:
        """Tries a provider as it is configured. Raises NotFound."""
        return await self._test(self._registry.provider(provider_id), tools=tools)

    async def test_key(self, provider_id: str, key: str) -> ProviderTest:
        """Tries a configured provider with another key than its own. Raises NotFound."""
        self._registry.provider(provider_id)  # raises NotFound, naming those that exist
        found = next((p for p in self.config.providers if p.id == provider_id), None)
        if found is None:
            raise BadRequest("The built-in model needs no key.")
        return await self._test(self._build(found, self._given(key)), tools=False)

    def key_variables(self, provider_id: str) -> tuple[str, ...]:
        """The environment's variables that may hold this provider's key."""
        kind = next((p.kind for p in self.config.providers if p.id == provider_id), "")
        return KEY_VARIABLES.get(kind, ())

    def kinds(self) -> tuple[str, ...]:
        """The kinds of providers that need a key: most people name a provider like its kind."""
        return tuple(KEY_VARIABLES)

    async def add_server(
        self,
        provider_id: str,
        base_url: str,
        *,
        key: str = "",
        model_names: tuple[str, ...] = (),
        kind: str = OWN_SERVER,
    ) -> None:
        """Writes a provider into config.toml and its key into the keyring; "" is the kind's own address.

        Raises ConfigError when the result would be refused; the file is then left as it was.
        """
        if any(p.id == provider_id for p in self.config.providers) or provider_id == LOCAL_PROVIDER_ID:
            raise BadRequest(f"A provider named {provider_id} exists already.", hint="Choose another name.")
        entry: dict[str, object] = {"id": provider_id, "kind": kind}
        if base_url:
            entry["base_url"] = base_url
        if model_names:
            entry["models"] = list(model_names)
        config_file.put_provider(self._paths.config, entry)
        if key:
            await self._secrets.set(provider_id, key)
            self._audit.record("user", "key.set", provider_id)
        self._audit.record("user", "provider.added", provider_id, detail=f"{kind} {base_url}".strip())
        await self._reload()

    async def change_server(
        self,
        provider_id: str,
        *,
        base_url: str | None = None,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        max_concurrent: int | None = None,
        fallbacks: tuple[str, ...] | None = None,
        models: tuple[str, ...] | None = None,
        enabled: bool | None = None,
    ) -> None:
        """Writes what is given into config.toml, the rest stays. Answers that run go on as they began.

        No `models` at all means every one that the provider lists.

        Raises NotFound, and ConfigError when the result would be refused; the file is then as it was.
        """
        if all(p.id != provider_id for p in self.config.providers):
            raise NotFound(f"There is no provider named {provider_id}.")
        changes: dict[str, object] = {
            "base_url": base_url,
            "requests_per_minute": requests_per_minute,
            "tokens_per_minute": tokens_per_minute,
            "max_concurrent": max_concurrent,
            "fallbacks": list(fallbacks) if fallbacks is not None else None,
            "models": list(models) if models is not None else None,
            "enabled": enabled,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        if base_url:
            kind = next(p.kind for p in self.config.providers if p.id == provider_id)
            build_provider(kind, provider_id, base_url, http=self._pool)  # raises for no address
        config_file.put_provider(self._paths.config, {"id": provider_id, **given})
        self._audit.record("user", "provider.changed", provider_id, detail=", ".join(given))
        await self._reload()

    async def remove_server(self, provider_id: str) -> None:
        """Takes a server out of config.toml, and its key out of the keyring. Answers that run go on."""
        if all(p.id != provider_id for p in self.config.providers):
            raise NotFound(f"There is no provider named {provider_id}.")
        config_file.remove_provider(self._paths.config, provider_id)
        await self._secrets.remove(provider_id)
        self._audit.record("user", "provider.removed", provider_id)
        await self._reload()

    async def local_model(self) -> LocalModelInfo:
        """The file that `local/default` answers with."""
        chosen = self.config.local.model_path
        try:
            found = await self._local.find()
        except LocalModelError as error:
            return LocalModelInfo("", Path(chosen) if chosen else None, 0, bool(chosen), error.info)
        return LocalModelInfo(found.name, found.path, found.size_bytes, bool(chosen))

    async def choose_local_model(self, path: Path | None) -> LocalModelInfo:
        """Answers with this GGUF file from now on (None: the built-in one again).

        Raises LocalModelError when the file cannot be one; the choice is then left as it was.
        """
        if path is not None:
            check_file(path, read_manifest(self._paths.resources / "models.json"))
            config_file.set_value(self._paths.config, "local", "model_path", str(path))
        else:
            config_file.remove_value(self._paths.config, "local", "model_path")
        self._local.set_model_file(path)
        await self._reload()
        return await self.local_model()

    async def identity(self, provider_id: str) -> str:
        """What decides, besides its id, how a provider answers: its kind and address, or the model's file.

        Raises LocalModelError when there is no such file.
        """
        if provider_id == LOCAL_PROVIDER_ID:
            found = await self._local.find()
            changed = await asyncio.to_thread(found.path.stat)
            return f"{found.path} {found.size_bytes} {changed.st_mtime_ns} {found.context_tokens}"
        settings = next((p for p in self.config.providers if p.id == provider_id), None)
        return f"{settings.kind} {settings.base_url or BASE_URLS[settings.kind]}" if settings else ""

    def key_store(self) -> str:
        """Where keys are kept, in words: the keyring's name, or that it is this run's memory only."""
        return self._secrets.store_name

    def _given(self, key: str) -> Key:
        self._known.add(key)

        async def given_key() -> str | None:
            return key or None

        return given_key

    async def _test(self, provider: Provider, *, tools: bool = True) -> ProviderTest:
        """What it says of itself may quote the key: that is taken out."""
        found = await provider.test(tools=tools)
        return replace(found, error=self._known.clean(found.error), hint=self._known.clean(found.hint))

    def _build(self, settings: ProviderConfig, key: Key | None = None) -> Provider:
        async def kept_key() -> str | None:
            return await self._secrets.get(settings.id, KEY_VARIABLES.get(settings.kind, ()))

        base_url = settings.base_url or BASE_URLS[settings.kind]
        http, read_key = self._pool, key
        if read_key is None:
            guard = self._guard(settings, base_url, kept_key)
            http, read_key = self._pool.guarded(guard), guard.key
        return build_provider(
            settings.kind, settings.id, base_url, http=http, key=read_key, models=tuple(settings.models)
        )

    def _drop_guards(self) -> None:
        """Forgets those of providers and addresses that are gone, once none of their answers runs."""
        ids = {p.id for p in self.config.providers}
        kept = {(p.id, p.base_url or BASE_URLS.get(p.kind, "")) for p in self.config.providers}
        for place, guard in list(self._guards.items()):
            if place in kept or guard.active:
                continue
            del self._guards[place]
            if place[0] not in ids and guard.breaker.health.state is not ProviderState.CLOSED:
                self._bus.publish(ProviderHealthChanged(place[0], ProviderState.CLOSED, None))

    def _guard(self, settings: ProviderConfig, base_url: str, read_key: Key) -> Guard:
        guard = self._guards.get((settings.id, base_url))
        if guard is None:
            guard = Guard(settings.id, publish=self._bus.publish)
            self._guards[settings.id, base_url] = guard
        guard.read_key = read_key
        guard.limits.requests = settings.requests_per_minute
        guard.limits.tokens = settings.tokens_per_minute
        guard.at_once.most = settings.max_concurrent
        return guard

    async def apply(self, loaded: Loaded) -> None:
        """Uses this configuration from the next request on. Answers that run go on as they began.

        What Settings wrote is in use already: then nothing happens. Raises ConfigError; apply the one before
        again then.
        """
        before = self.config
        same = (before.providers, before.http, before.local) == (
            loaded.config.providers,
            loaded.config.http,
            loaded.config.local,
        )
        if not same and loaded.config.http.ca_file != before.http.ca_file:
            await asyncio.to_thread(check_ca_file, loaded.config.http.ca_file)
        self._loaded = loaded
        if same:
            return
        local = loaded.config.local
        path = Path(local.model_path) if local.model_path else None
        self._local.configure(path, local.threads or None, local.idle_stop_s, local.context_tokens or None)
        await self._use()

    async def _reload(self) -> None:
        self._loaded = configuration.load(self._paths, self._environ)
        await self._use()

    async def _use(self) -> None:
        await self._pool.apply(_http_settings(self.config.http))
        await self.start()
        self._bus.publish(ProvidersChanged())


def _http_settings(http: HttpConfig) -> HttpSettings:
    return HttpSettings(
        connect_timeout_s=http.connect_timeout_s,
        read_idle_timeout_s=http.read_idle_timeout_s,
        max_retries=http.max_retries,
        max_connections=http.max_connections,
        proxy=http.proxy,
        ca_file=http.ca_file,
    )
