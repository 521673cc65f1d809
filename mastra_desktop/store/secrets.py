"""Keys of providers: in the system's keyring; without one in a file under a passphrase, or in memory.

Keyring calls can hang (a locked collection waits for its prompt), so each runs on a daemon thread with a
time-out: neither the loop nor the exit ever waits for one. `keyring` is imported there as well.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from mastra_desktop.domain.errors import StorageError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

    from mastra_desktop.store.passphrase_file import PassphraseFile

SERVICE = "mastra-desktop"
MEMORY = "memory for this run"
ENCRYPTED_FILE = "file encrypted under a passphrase"
PASSPHRASE_VARIABLE = "MASTRA_PASSPHRASE"  # noqa: S105 - a name
_NOT_OPENED = "not opened yet"

# Stores that encrypt. Everything else (plain files, null, fail, unknown plug-ins) is refused.
_TRUSTED = {
    "keyring.backends.SecretService": "Secret Service",
    "keyring.backends.libsecret": "Secret Service",
    "keyring.backends.kwallet": "KWallet",
    "keyring.backends.Windows": "Windows Credential Manager",
    "keyring.backends.macOS": "macOS Keychain",
}

T = TypeVar("T")
Source = Literal["keyring", "file", "memory", "environment"]


@dataclass(frozen=True, slots=True)
class FoundKey:
    """A key and where it was found. `kept_in` is for people: "Secret Service", a variable's name, ..."""

    key: str = field(repr=False)
    source: Source
    kept_in: str


class Secrets:
    """Looks keys up and keeps them. Belongs to one loop.

    `environ` is where environment variables are read from, `MASTRA_PASSPHRASE` among them, which opens
    `file`. `find_backend` is for tests; by default `keyring` chooses. `on_key` is told each key that is
    used, so that it can be kept out of logs; `on_locked` is called once, when a provider's key is looked for
    in vain while `file` is locked. Without a keyring and without an open file, keys live in
    memory and `is_persistent` is False.
    """

    def __init__(
        self,
        use_keyring: bool = True,
        environ: Mapping[str, str] | None = None,
        *,
        file: PassphraseFile | None = None,
        on_key: Callable[[str], object] | None = None,
        on_locked: Callable[[], object] | None = None,
        timeout_s: float = 3.0,
        find_backend: Callable[[], KeyringBackend | None] | None = None,
    ) -> None:
        self._use_keyring = use_keyring
        self._environ = environ or {}
        self._file = file
        self._on_key = on_key
        self._on_locked = on_locked
        self._timeout_s = timeout_s
        self._find_backend = find_backend or _keyring_choice
        self._backend: KeyringBackend | None = None
        self._opened = not use_keyring
        self._memory: dict[str, str] = {}
        self._hanging: set[asyncio.Future[Any]] = set()  # calls that timed out and still run
        self._failed = False  # the last call did not come through

    def __repr__(self) -> str:
        return f"<Secrets in {self.store_name}>"

    @property
    def store_name(self) -> str:
        """Where `set` keeps keys, for people: "Secret Service", "memory for this run", ..."""
        if not self._opened:
            return _NOT_OPENED
        if self._backend and not self._failed:
            return _trusted_name(self._backend)
        return ENCRYPTED_FILE if self._file and self._file.is_open else MEMORY

    @property
    def place(self) -> Literal["keyring", "file", "memory"]:
        """The same in one word; memory before the first use."""
        if not self.is_persistent:
            return "memory"
        return "file" if self.store_name == ENCRYPTED_FILE else "keyring"

    @property
    def is_persistent(self) -> bool:
        """Whether a key that is set now outlives this run. False before the first use."""
        return self.store_name not in (_NOT_OPENED, MEMORY)

    @property
    def has_locked_file(self) -> bool:
        """Whether a file of keys is there that waits for its passphrase."""
        return self._file is not None and self._file.exists and not self._file.is_open

    async def open(self) -> None:
        """Finds the store, so that `store_name` tells. The other methods do it by themselves.

        Opens the file with the passphrase in the environment, making it where there is no keyring;
        raises StorageError when that is the wrong one.
        """
        if self._opened:
            return
        found, backend = await self._call(partial(_choose, self._find_backend))
        self._backend = backend
        passphrase = self._environ.get(PASSPHRASE_VARIABLE)
        if passphrase and self._file and (self._file.exists or backend is None):
            await self.unlock(passphrase)
        self._opened = found  # a search that hung is tried again

    async def unlock(self, passphrase: str) -> None:
        """Opens the file of keys, or makes it. From then on it is where keys go without a keyring.

        Raises StorageError for a wrong passphrase, or where no file may be made.
        """
        if self._file is None:
            raise StorageError("There is no file of keys here.")
        await asyncio.to_thread(self._file.unlock, passphrase)
        for name, key in tuple(self._memory.items()):  # what waited for it
            await asyncio.to_thread(self._file.set, name, key)
            del self._memory[name]

    async def get(
        self, provider_id: str, env_names: Iterable[str] = (), *, quietly: bool = False
    ) -> str | None:
        """The provider's key, or None: kept in this run, in the keyring, the file, or a variable.

        `quietly`: the app's own keys, for which nobody is asked to open the file.
        """
        found = await self.find(provider_id, env_names, quietly=quietly)
        return found.key if found else None

    async def find(
        self, provider_id: str, env_names: Iterable[str] = (), *, quietly: bool = False
    ) -> FoundKey | None:
        """As `get`, with the place where the key is."""
        found = await self._find(provider_id, env_names)
        if found:
            self._tell(found.key)
        elif self._on_locked and self.has_locked_file and not quietly:
            tell, self._on_locked = self._on_locked, None
            tell()
        return found

    async def _find(self, provider_id: str, env_names: Iterable[str]) -> FoundKey | None:
        if provider_id in self._memory:  # only there when nothing lasting took it, so it is newer
            return FoundKey(self._memory[provider_id], "memory", MEMORY)
        await self.open()
        if self._backend:
            _, key = await self._call(partial(self._backend.get_password, SERVICE, provider_id))
            if key:
                return FoundKey(key, "keyring", _trusted_name(self._backend))
        if (
            self._file
            and self._file.is_open
            and (key := await asyncio.to_thread(self._file.get, provider_id))
        ):
            return FoundKey(key, "file", ENCRYPTED_FILE)
        for name in env_names:
            if key := self._environ.get(name):
                return FoundKey(key, "environment", name)
        return None

    async def set(self, provider_id: str, key: str) -> bool:
        """Keeps `key` instead of the old one; returns whether it outlives this run."""
        self._tell(key)
        await self.open()
        if self._backend:
            kept, _ = await self._call(partial(self._backend.set_password, SERVICE, provider_id, key))
            if kept:
                self._memory.pop(provider_id, None)
                await self._forget_in_file(provider_id)
                return True
        if self._file and self._file.is_open:
            await asyncio.to_thread(self._file.set, provider_id, key)
            self._memory.pop(provider_id, None)
            return True
        self._memory[provider_id] = key
        return False

    async def remove(self, provider_id: str) -> None:
        """Forgets the key; nothing happens without one. Raises `StorageError` when the keyring refuses."""
        self._memory.pop(provider_id, None)
        await self.open()
        await self._forget_in_file(provider_id)
        if self._backend:
            gone, _ = await self._call(partial(_delete, self._backend, provider_id))
            if not gone:
                raise StorageError(
                    "The key could not be removed from the keyring.",
                    hint="Unlock the keyring and try again.",
                    retryable=True,
                )

    async def kept_names(self) -> tuple[str, ...]:
        """For whom a key is in memory or in the open file; a keyring does not list its keys."""
        await self.open()
        filed = await asyncio.to_thread(self._file.names) if self._file and self._file.is_open else ()
        return tuple(dict.fromkeys((*self._memory, *filed)))

    def _tell(self, key: str) -> None:
        if self._on_key:
            self._on_key(key)

    async def _forget_in_file(self, provider_id: str) -> None:
        """An old key in the file would come back on a day without the keyring."""
        if self._file and self._file.is_open:
            await asyncio.to_thread(self._file.remove, provider_id)

    async def _call(self, work: Callable[[], T]) -> tuple[bool, T | None]:
        """(True, result) of `work` on a thread of its own; (False, None) when it fails or takes too long."""
        if self._hanging:
            return False, None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[tuple[bool, T | None]] = loop.create_future()

        def run() -> None:
            try:
                outcome: tuple[bool, T | None] = (True, work())
            except Exception:  # noqa: BLE001 - a backend raises whatever its platform does; keys stay out of logs
                outcome = (False, None)
            with suppress(RuntimeError):  # it came after the loop's end
                loop.call_soon_threadsafe(finish, outcome)

        def finish(outcome: tuple[bool, T | None]) -> None:
            if done.done():
                self._hanging.discard(done)
            else:
                done.set_result(outcome)

        threading.Thread(target=run, name="keyring", daemon=True).start()
        try:
            outcome = await asyncio.wait_for(done, self._timeout_s)
        except TimeoutError:
            self._hanging.add(done)
            outcome = (False, None)
        self._failed = not outcome[0]
        return outcome


def _keyring_choice() -> KeyringBackend | None:
    if sys.platform == "linux" and "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        return None  # every store we trust is reached over the session bus; looking costs 0.15 s
    import keyring

    return keyring.get_keyring()


def _choose(find: Callable[[], KeyringBackend | None]) -> KeyringBackend | None:
    """The trusted store among what `find` finds; out of a chain the first one, by itself."""
    found = find()
    candidates = [found]
    if type(found).__module__ == "keyring.backends.chainer":
        candidates = list(getattr(found, "backends", ()))
    return next((backend for backend in candidates if _trusted_name(backend)), None)


def _trusted_name(backend: KeyringBackend | None) -> str:
    return _TRUSTED.get(type(backend).__module__, "")


def _delete(backend: KeyringBackend, provider_id: str) -> None:
    from keyring.errors import PasswordDeleteError

    if backend.get_password(SERVICE, provider_id) is not None:
        with suppress(PasswordDeleteError):  # somebody else removed it meanwhile
            backend.delete_password(SERVICE, provider_id)
