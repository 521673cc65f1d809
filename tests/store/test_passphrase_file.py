from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import StorageError
from mastra_desktop.store.passphrase_file import PassphraseFile

KEY = "sk-very-secret-0001"
WORDS = "correct horse 电池"


def opened(path: Path, passphrase: str = WORDS) -> PassphraseFile:
    file = PassphraseFile(path)
    file.unlock(passphrase)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.encrypted"


def test_keys_come_back_with_the_passphrase(path: Path) -> None:
    """Another run reads them; the file holds neither key nor name nor passphrase, and is the owner's only."""
    file = opened(path)
    file.set("work", KEY)
    file.set("other", "x")
    file.remove("other")
    again = opened(path)
    assert (again.get("work"), again.get("other"), again.names()) == (KEY, None, ("work",))
    written = path.read_text("utf-8")
    assert not [word for word in (KEY, "work", WORDS) if word in written]
    assert KEY not in repr(vars(again)["path"]) + repr(again)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in path.parent.iterdir()) == ["keys.encrypted", "keys.encrypted.lock"]


def test_wrong_passphrase(path: Path) -> None:
    """It is told, the file stays as it is and closed, and the right one still opens it."""
    opened(path).set("work", KEY)
    before = path.read_bytes()
    file = PassphraseFile(path)
    for wrong in ("other", ""):
        with pytest.raises(StorageError, match="passphrase"):
            file.unlock(wrong)
    assert not file.is_open
    assert file.get("work") is None
    with pytest.raises(StorageError, match="locked"):
        file.set("work", "new")
    assert path.read_bytes() == before
    file.unlock(WORDS)
    assert file.get("work") == KEY


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 2},
        {"scrypt": {"n": 2**30, "r": 8, "p": 1}},
        {"scrypt": {"n": 3, "r": 1, "p": 1}},
        {"scrypt": "none"},
        {"salt": "!"},
        {"data": None},
        {"data": "AAAA"},
    ],
)
def test_foreign_and_damaged_files_are_refused_and_kept(path: Path, change: dict[str, object]) -> None:
    """Every part that is not as written is refused, quickly, and never overwritten."""
    opened(path).set("work", KEY)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    before = path.read_bytes()
    with pytest.raises(StorageError):
        PassphraseFile(path).unlock(WORDS)
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff\x00", b"{}"])
def test_a_file_that_is_none_of_ours(path: Path, content: bytes) -> None:
    """Whatever it holds, it is refused by name and left alone."""
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"keys\.encrypted"):
        PassphraseFile(path).unlock(WORDS)
    assert path.read_bytes() == content


def test_two_processes_lose_no_key(path: Path) -> None:
    """What another one wrote is seen at the next look, and kept by the next change."""
    one, two = opened(path), opened(path)

    def fill(file: PassphraseFile, name: str) -> None:
        for number in range(10):
            file.set(f"{name}{number}", KEY)

    threads = [threading.Thread(target=fill, args=pair) for pair in ((one, "a"), (two, "b"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(one.names()) == len(two.names()) == 20
    path.unlink()
    assert one.get("a0") is None


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    """A file that cannot be made is told, and nothing pretends to be open."""
    file = PassphraseFile(tmp_path / "missing" / "keys.encrypted")
    (tmp_path / "missing").write_text("a file in the way")
    with pytest.raises(StorageError, match="cannot be written"):
        file.unlock(WORDS)
    assert not file.is_open
