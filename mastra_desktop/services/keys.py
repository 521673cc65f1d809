"""Keys of providers, as the person sees them: where each is kept and how it ends, never the key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from mastra_desktop.domain.errors import BadRequest, NotFound, StorageError
from mastra_desktop.domain.events import ProvidersChanged
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID, ProviderTest
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.ops.redaction import redact
from mastra_desktop.services.export import KEY, VARIABLES

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.secrets import Secrets, Source

MOST_CHARACTERS = 8192
_SHOWN = 4
_LEAST_TO_SHOW = 16  # characters; of a shorter key, the last four would be too much

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class KeyState:
    """`source` and `kept_in` are empty when there is no key; `ends_with`: its last four characters.

    `kept_in` is for people: the keyring's name, the name of the environment's variable, ...
    """

    provider_id: str
    source: Source | Literal[""] = ""
    kept_in: str = ""
    ends_with: str = ""


@dataclass(frozen=True, slots=True)
class KeyStore:
    """Where a key that is set now would go. `has_locked_file`: a file of keys waits for its passphrase."""

    name: str
    is_persistent: bool
    has_locked_file: bool
    place: Literal["keyring", "file", "memory"] = "keyring"


class KeyService:
    """Sets, tests, rotates and removes keys. Raises StorageError when the keyring or file refuses."""

    def __init__(self, secrets: Secrets, providers: ProvidersService, bus: Bus, audit: AuditService) -> None:
        self._secrets = secrets
        self._providers = providers
        self._bus = bus
        self._audit = audit

    async def store(self) -> KeyStore:
        await self._secrets.open()
        secrets = self._secrets
        return KeyStore(secrets.store_name, secrets.is_persistent, secrets.has_locked_file, secrets.place)

    async def state(self, provider_id: str) -> KeyState:
        """Where the provider's key is; also for one that is not configured."""
        variables = VARIABLES if provider_id == KEY else self._providers.key_variables(provider_id)
        found = await self._secrets.find(provider_id, variables)
        if found is None:
            return KeyState(provider_id)
        ends_with = found.key[-_SHOWN:] if len(found.key) >= _LEAST_TO_SHOW else ""
        return KeyState(provider_id, found.source, found.kept_in, ends_with)

    async def kept(self) -> list[KeyState]:
        """Every key there is: of the configured providers, those set for one that is still to come, and that
        of the collector of traces."""
        named = [p.id for p in self._providers.config.providers]
        # A name with a dot is no provider's: the audit log's key is kept beside theirs.
        waiting = (
            *(n for n in await self._secrets.kept_names() if "." not in n),
            *self._providers.kinds(),
            KEY,
        )
        states = [await self.state(id) for id in dict.fromkeys((*named, *waiting))]
        return [state for state in states if state.source]

    async def set(self, provider_id: str, key: str) -> KeyState:
        """Keeps `key` for the provider, which need not be configured yet, instead of its old one.

        Raises BadRequest for what can be no key or no provider's name.
        """
        check_provider_id(provider_id)
        key = clean_key(key)
        lasting = await self._secrets.set(provider_id, key)
        log.info("key set", provider=provider_id, kept_in=self._secrets.store_name, lasting=lasting)
        self._audit.record("user", "key.set", provider_id)
        self._bus.publish(ProvidersChanged())
        return await self.state(provider_id)

    async def rotate(self, provider_id: str, key: str) -> ProviderTest:
        """Tries the provider with `key`, and keeps it instead of the old one only if that worked.

        Raises BadRequest for what can be no key, NotFound for a provider that is not configured.
        """
        key = clean_key(key)
        test = await self._providers.test_key(provider_id, key)
        if test.error:
            log.warning("key not rotated", provider=provider_id, code=test.error_code)
            self._audit.record("user", "key.rotated", provider_id, "failed", test.error)
            return test
        await self._secrets.set(provider_id, key)
        log.info("key rotated", provider=provider_id, kept_in=self._secrets.store_name)
        self._audit.record("user", "key.rotated", provider_id)
        self._bus.publish(ProvidersChanged())
        return test

    async def remove(self, provider_id: str) -> KeyState:
        """Forgets the key; returns what is left, which is a key in the environment or nothing.

        Raises NotFound when we keep none for it.
        """
        check_provider_id(provider_id)
        state = await self.state(provider_id)
        if state.source in ("", "environment"):
            hint = "List the keys to see which there are."
            if state.source:
                hint = f"Its key is in the variable {state.kept_in} of the environment: unset that."
            elif (await self.store()).has_locked_file:
                raise StorageError("The file of keys is locked.", hint="Enter its passphrase.")
            raise NotFound(f"No key is kept for {provider_id}.", hint=hint)
        await self._secrets.remove(provider_id)
        log.info("key removed", provider=provider_id, from_=state.kept_in)
        self._audit.record("user", "key.removed", provider_id)
        self._bus.publish(ProvidersChanged())
        return await self.state(provider_id)

    async def unlock(self, passphrase: str) -> KeyStore:
        """Opens the file of keys, or makes it; keys that were in memory move into it.

        Raises StorageError for a wrong passphrase.
        """
        await self._secrets.unlock(passphrase)
        log.info("file of keys opened")
        self._bus.publish(ProvidersChanged())
        return await self.store()


def clean_key(text: str) -> str:
    """The key in what was typed or pasted, without the white space around it. Raises BadRequest."""
    key = text.strip()
    if not key:
        raise BadRequest("The key is empty.", hint="Paste it whole.")
    if any(c.isspace() for c in key):
        raise BadRequest("A key has no spaces or line breaks inside.", hint="Paste the key alone, once.")
    if not (key.isascii() and key.isprintable()) or len(key) > MOST_CHARACTERS:
        raise BadRequest("This holds characters that no key has, or too many.", hint="Copy the key again.")
    return key


def check_provider_id(provider_id: str) -> None:
    """Raises BadRequest for what can be no provider's name, which may be a key in the wrong place."""
    if redact(provider_id) != provider_id or not re.fullmatch(r"[a-z0-9_-]{1,64}", provider_id):
        raise BadRequest(
            "This is no provider's name.",
            hint="A name has 1 to 64 lower-case letters, digits, - and _; the key goes to standard input.",
        )
    if provider_id == LOCAL_PROVIDER_ID:
        raise BadRequest("The built-in model needs no key.")
