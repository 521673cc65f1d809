"""Keys in one file, encrypted under a passphrase: for computers without a keyring.

The cryptography is the `cryptography` package's: scrypt (RFC 7914) makes the encryption key from the
passphrase, Fernet (AES-128-CBC with HMAC-SHA256) encrypts all keys together. The file is JSON with a
format, a version and scrypt's parameters in clear; it is readable by its owner only and replaced whole.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastra_desktop.domain.errors import StorageError

if TYPE_CHECKING:
    from cryptography.fernet import Fernet

_FORMAT = "mastra-desktop keys"
_VERSION = 1
_SCRYPT = {
    "n": 2**15,
    "r": 8,
    "p": 3,
}  # 32 MiB and a quarter of a second; OWASP's recommendation of this size
_MOST_WORK = 2**21  # n * r * p of a file we open: a forged one must not take minutes or all memory
_LOCK_WAIT_S = 2.0


class PassphraseFile:
    """The file at `path`, closed until `unlock`. For any thread; calls take up to a second.

    Another process may change the file meanwhile: what it wrote is seen, and kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mutex = threading.RLock()
        self._passphrase = ""
        self._salt = ""
        self._scrypt = _SCRYPT
        self._fernet: Fernet | None = None
        self._seen: tuple[int, int, int] | None = None
        self._keys: dict[str, str] = {}

    def __repr__(self) -> str:
        return f"<PassphraseFile {self.path}, {'open' if self.is_open else 'closed'}>"

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @property
    def is_open(self) -> bool:
        return bool(self._passphrase)

    def unlock(self, passphrase: str) -> None:
        """Opens the file; makes an empty one, if there is none, that this passphrase opens.

        Raises StorageError for a wrong or empty passphrase, and for a file that is none of ours.
        """
        if not passphrase:
            raise StorageError("The passphrase is empty.", hint="Choose one of several words.")
        with self._mutex:
            if self.exists:
                self._read(passphrase)
            else:
                self._passphrase = passphrase
                try:
                    self._change(dict)  # no key yet
                except BaseException:
                    self._passphrase = ""
                    raise

    def get(self, name: str) -> str | None:
        """The key kept under `name`. None as well while the file is closed."""
        with self._mutex:
            self._refresh()
            return self._keys.get(name)

    def names(self) -> tuple[str, ...]:
        """Under which names keys are kept; none while the file is closed."""
        with self._mutex:
            self._refresh()
            return tuple(self._keys)

    def set(self, name: str, key: str) -> None:
        """Keeps `key`; on disk when this returns. Raises StorageError, and then nothing has changed."""
        self._change(lambda keys: keys.__setitem__(name, key))

    def remove(self, name: str) -> None:
        """Forgets a key; nothing happens without one. Raises StorageError."""
        if self.get(name) is not None:
            self._change(lambda keys: keys.pop(name, None))

    def _change(self, change: Callable[[dict[str, str]], object]) -> None:
        from filelock import FileLock, Timeout

        if not self.is_open:
            raise StorageError("The file of keys is locked.", hint="Enter its passphrase.")
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), mode=0o600)
        try:
            with self._mutex, lock.acquire(timeout=_LOCK_WAIT_S):
                self._refresh()
                keys = dict(self._keys)
                change(keys)
                self._write(keys)
        except Timeout as error:
            raise StorageError("Another process is changing the file of keys.", retryable=True) from error
        except OSError as error:
            raise StorageError(
                f"The file of keys {self.path} cannot be written: {error.strerror or error}."
            ) from error

    def _refresh(self) -> None:
        """Reads the file again if it is not as it was last seen."""
        if self.is_open and self._stamp() != self._seen:
            if self.exists:
                self._read(self._passphrase)
            else:
                self._keys, self._seen = {}, None

    def _read(self, passphrase: str) -> None:
        from cryptography.fernet import InvalidToken

        stamp = self._stamp()
        head = self._head()
        salt, token = head["salt"], head["data"]
        fernet = self._fernet if salt == self._salt and passphrase == self._passphrase else None
        try:
            fernet = fernet or _fernet(passphrase, salt, head["scrypt"])
            keys: dict[str, str] = json.loads(fernet.decrypt(token))
        except (ValueError, TypeError) as error:  # parameters that scrypt does not take
            raise self._unreadable(error) from error
        except InvalidToken as error:
            raise StorageError(
                "This passphrase does not open the file of keys.",
                hint=f"Try again, or move {self.path} away and enter the keys anew.",
            ) from error
        self._passphrase, self._salt, self._scrypt, self._fernet = passphrase, salt, head["scrypt"], fernet
        self._keys, self._seen = keys, stamp

    def _head(self) -> dict[str, Any]:
        """The file's outer part, checked. Raises StorageError."""
        try:
            found = dict(json.loads(self.path.read_bytes()))
            cost = found["scrypt"]
            ours = found["format"] == _FORMAT and 0 < cost["n"] * cost["r"] * cost["p"] <= _MOST_WORK
            later = found["version"] != _VERSION
            base64.b64decode(found["salt"], validate=True)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise self._unreadable(error) from error
        if not ours or not isinstance(found.get("data"), str):
            raise self._unreadable(ValueError())
        if later:
            raise StorageError(
                f"The file of keys {self.path} was written by a later version of the app.",
                hint="It was left as it is. Use that version, or move the file away.",
            )
        return found

    def _unreadable(self, error: Exception) -> StorageError:
        return StorageError(
            f"The file of keys {self.path} cannot be read.",
            hint="It was left as it is. Move it away and enter the keys anew.",
            detail=type(error).__name__,
        )

    def _write(self, keys: dict[str, str]) -> None:
        if self._fernet is None:
            self._salt = base64.b64encode(secrets.token_bytes(16)).decode()
            self._fernet = _fernet(self._passphrase, self._salt, self._scrypt)
        head = {
            "format": _FORMAT,
            "version": _VERSION,
            "scrypt": self._scrypt,
            "salt": self._salt,
            "data": self._fernet.encrypt(json.dumps(keys).encode()).decode(),
        }
        partial = self.path.with_name(f"{self.path.name}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        try:
            with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(head, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, self.path)
        finally:
            partial.unlink(missing_ok=True)
        self._keys, self._seen = keys, self._stamp()

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _fernet(passphrase: str, salt: str, parameters: dict[str, int]) -> Fernet:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    kdf = Scrypt(salt=base64.b64decode(salt), length=32, **parameters)
    return Fernet(base64.urlsafe_b64encode(kdf.derive(passphrase.encode())))
