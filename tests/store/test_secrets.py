from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from keyring.backend import KeyringBackend
from keyring.backends import chainer, fail, null
from keyring.errors import InitError

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store.passphrase_file import PassphraseFile
from mastra_desktop.store.secrets import ENCRYPTED_FILE, MEMORY, Secrets

KEY = "sk-very-secret"
DAEMON = shutil.which("gnome-keyring-daemon")


class Vault(KeyringBackend):
    """The edge, faked: a store in memory that poses as the Secret Service."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.locked = False
        self.release = threading.Event()
        self.release.set()

    def _answer(self) -> None:
        self.release.wait(20)
        if self.locked:
            raise InitError("Prompt dismissed")

    def get_password(self, service: str, username: str) -> str | None:
        self._answer()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._answer()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._answer()
        del self.kept[service, username]


Vault.__module__ = "keyring.backends.SecretService"


class PlainFile(Vault):
    """Poses as nothing that is trusted."""


def test_key_goes_to_the_keyring_under_the_promised_name() -> None:
    """Service and user are those that scripts rely on; the key comes back and can be removed."""
    vault = Vault()

    async def main() -> None:
        secrets = Secrets(environ={"WORK_KEY": "from-environment"}, find_backend=lambda: vault)
        assert await secrets.set("work", KEY)
        assert vault.kept == {("mastra-desktop", "work"): KEY}
        assert (secrets.store_name, secrets.is_persistent) == ("Secret Service", True)
        assert await secrets.get("work", ("WORK_KEY",)) == KEY
        await secrets.remove("work")
        await secrets.remove("work")
        assert await secrets.get("work", ("OTHER", "WORK_KEY")) == "from-environment"
        assert await secrets.get("work") is None

    asyncio.run(main())


@pytest.mark.parametrize("backend", [fail.Keyring, null.Keyring, PlainFile])
def test_stores_that_do_not_encrypt_are_refused(backend: type[KeyringBackend]) -> None:
    """Without a trusted store a key lives for this run only, and the store's name says so."""

    async def main() -> None:
        secrets = Secrets(find_backend=backend)
        assert not await secrets.set("work", KEY)
        assert (secrets.store_name, secrets.is_persistent) == (MEMORY, False)
        assert await secrets.get("work") == KEY
        assert KEY not in repr(secrets)
        await secrets.remove("work")
        assert await secrets.get("work") is None

    asyncio.run(main())


def test_trusted_store_is_taken_out_of_a_chain() -> None:
    """Of several backends only the one that encrypts is ever written to."""
    vault, plain = Vault(), PlainFile()

    class Chain(chainer.ChainerBackend):
        backends = [plain, vault]  # noqa: RUF012 - as the chain itself has it

    Chain.__module__ = chainer.__name__

    async def main() -> None:
        await Secrets(find_backend=Chain).set("work", KEY)

    asyncio.run(main())
    assert vault.kept
    assert not plain.kept


def test_locked_keyring_falls_back_and_a_new_key_wins() -> None:
    """A key set while the keyring is locked is used for this run, also once the old one can be read."""
    vault = Vault()

    async def main() -> None:
        secrets = Secrets(environ={"K": "env"}, find_backend=lambda: vault)
        await secrets.set("work", "old")
        vault.locked = True
        assert await secrets.get("work", ("K",)) == "env"
        assert secrets.store_name == MEMORY
        assert not await secrets.set("work", "new")
        with pytest.raises(StorageError):
            await secrets.remove("other")
        vault.locked = False
        assert await secrets.get("work") == "new"

    asyncio.run(main())


def test_hanging_keyring_hangs_nobody() -> None:
    """A call that does not return costs its time-out once; afterwards the keyring is used again."""
    vault = Vault()
    vault.kept["mastra-desktop", "work"] = KEY

    async def main() -> None:
        secrets = Secrets(environ={"K": "env"}, timeout_s=0.1, find_backend=lambda: vault)
        await secrets.open()
        vault.release.clear()
        start = time.monotonic()
        for _ in range(20):
            assert await secrets.get("work", ("K",)) == "env"
        assert time.monotonic() - start < 1.0
        vault.release.set()
        await asyncio.sleep(0.3)
        assert await secrets.get("work", ("K",)) == KEY

    asyncio.run(main())


def test_file_under_a_passphrase_stands_in_for_the_keyring(tmp_path: Path) -> None:
    """Keys of this run move into the file once it is opened; the next run has them by the environment's
    passphrase, and a wrong one is told instead of looking like no key."""
    path = tmp_path / "keys.encrypted"

    async def first() -> None:
        secrets = Secrets(find_backend=lambda: None, file=PassphraseFile(path))
        assert not await secrets.set("work", KEY)
        await secrets.unlock("words")
        assert (secrets.store_name, secrets.is_persistent) == (ENCRYPTED_FILE, True)
        assert await secrets.set("other", "second")
        assert set(await secrets.kept_names()) == {"work", "other"}

    async def next_run() -> None:
        locked = Secrets(find_backend=lambda: None, file=PassphraseFile(path))
        assert await locked.get("work") is None
        assert (locked.has_locked_file, locked.store_name) == (True, MEMORY)
        environ = {"MASTRA_PASSPHRASE": "words"}
        secrets = Secrets(environ=environ, find_backend=lambda: None, file=PassphraseFile(path))
        found = await secrets.find("work")
        assert found
        assert (found.key, found.source, found.kept_in) == (KEY, "file", ENCRYPTED_FILE)
        assert KEY not in repr(found)
        await secrets.remove("work")
        assert await secrets.get("work") is None
        environ = {"MASTRA_PASSPHRASE": "wrong"}
        with pytest.raises(StorageError, match="passphrase"):
            await Secrets(environ=environ, find_backend=lambda: None, file=PassphraseFile(path)).get("other")

    asyncio.run(first())
    asyncio.run(next_run())


def test_keyring_comes_before_the_file(tmp_path: Path) -> None:
    """With a keyring no file is made; a key that moves there leaves the file."""
    path, vault, environ = tmp_path / "keys.encrypted", Vault(), {"MASTRA_PASSPHRASE": "words"}

    async def main() -> None:
        await Secrets(environ=environ, find_backend=lambda: vault, file=PassphraseFile(path)).open()
        assert not path.exists()
        await Secrets(environ=environ, find_backend=lambda: None, file=PassphraseFile(path)).set(
            "work", "old"
        )
        secrets = Secrets(environ=environ, find_backend=lambda: vault, file=PassphraseFile(path))
        assert await secrets.get("work") == "old"
        await secrets.set("work", KEY)
        assert await secrets.kept_names() == ()
        vault.kept.clear()
        assert await secrets.get("work") is None

    asyncio.run(main())


def test_keys_in_use_are_told() -> None:
    """Whoever keeps keys out of the log hears of each one, wherever it came from."""
    told: list[str] = []

    async def main() -> None:
        secrets = Secrets(environ={"K": "from-environment"}, find_backend=lambda: None, on_key=told.append)
        await secrets.get("work", ("K",))
        await secrets.set("work", KEY)

    asyncio.run(main())
    assert told == ["from-environment", KEY]


def test_two_lookups_at_once() -> None:
    """Lookups side by side each reach the keyring."""
    vault = Vault()
    vault.kept = {("mastra-desktop", n): n for n in "abc"}

    async def main() -> list[str | None]:
        secrets = Secrets(find_backend=lambda: vault)
        return await asyncio.gather(*(secrets.get(n) for n in "abc"))

    assert asyncio.run(main()) == ["a", "b", "c"]


def test_no_keyring_wanted() -> None:
    """With the keyring switched off it is not even imported."""
    code = (
        "import asyncio, sys\nfrom mastra_desktop.store.secrets import Secrets\n"
        "s = Secrets(use_keyring=False, environ={'K': 'env'})\n"
        "print(asyncio.run(s.get('work', ('K',))), s.store_name, 'keyring' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == f"env {MEMORY} False"


@pytest.mark.slow
@pytest.mark.skipif(DAEMON is None, reason="gnome-keyring is not installed")
def test_real_secret_service(tmp_path: Path) -> None:
    """A real Secret Service keeps the key from one process to the next."""
    script = tmp_path / "use.py"
    script.write_text(
        "import asyncio, sys\nfrom mastra_desktop.store.secrets import Secrets\n"
        "async def main():\n    s = Secrets()\n    if sys.argv[1] == 'set':\n"
        "        await s.set('work', 'from the first')\n"
        "    print(await s.get('work'), '|', s.store_name, s.is_persistent)\n"
        "asyncio.run(main())\n"
    )
    steps = (
        r'printf "\n" | gnome-keyring-daemon --unlock --components=secrets --daemonize >/dev/null;'
        f'"{sys.executable}" "{script}" set; "{sys.executable}" "{script}" get'
    )
    environ = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        ["dbus-run-session", "--", "bash", "-c", steps],
        capture_output=True,
        text=True,
        env=environ,
        timeout=50,
    )
    assert done.stdout.splitlines() == ["from the first | Secret Service True"] * 2, done.stderr
