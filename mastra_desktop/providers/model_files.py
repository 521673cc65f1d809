"""Which GGUF file the built-in model is read from.

A file chosen by the person comes first; then the known files of `resources/models.json` and any other GGUF
in the folders given, in their order.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from mastra_desktop.domain.errors import LocalModelError

GGUF_MAGIC = b"GGUF"
SMALLEST_MODEL_BYTES = 1 << 20
LARGEST_OWN_CONTEXT_TOKENS = 8192  # a model may allow 128k, but its memory is taken when it is loaded
CHOOSE_HINT = "Choose another GGUF file in Settings, or leave the field empty for the built-in model."
if getattr(sys, "frozen", False):  # an installed app has no Makefile beside it
    MISSING_HINT = "Choose a GGUF file or add a server in Settings."
    REPAIR_HINT = "Install Mastra Desktop again, or choose a GGUF file in Settings."
else:
    MISSING_HINT = "Choose a GGUF file in Settings, or run `make model`."
    REPAIR_HINT = "Delete the file and run `make model` again, or choose a GGUF file in Settings."


@dataclass(frozen=True, slots=True)
class KnownModel:
    """A model we ship: one entry of the manifest."""

    name: str
    file: str
    sha256: str
    size_bytes: int
    context_tokens: int


@dataclass(frozen=True, slots=True)
class ModelFile:
    """The file to load. `known` is its manifest entry, None for a file of the person's own."""

    path: Path
    name: str
    size_bytes: int
    context_tokens: int
    known: KnownModel | None = None


def read_manifest(path: Path) -> tuple[KnownModel, ...]:
    """The models of `resources/models.json`, the preferred one first."""
    entries = json.loads(path.read_text(encoding="utf-8"))
    return tuple(
        KnownModel(
            entry["name"], entry["file"], entry["sha256"], entry["size_bytes"], entry["context_tokens"]
        )
        for entry in entries.values()
    )


def find_model(configured: Path | None, folders: Sequence[Path], manifest: Sequence[KnownModel]) -> ModelFile:
    """The file to load. Reads at most a header, hashes nothing.

    A damaged file in one folder is passed over for a good one in a later folder. Raises LocalModelError
    when the configured file is unusable, or when no folder has a usable one.
    """
    if configured is not None:
        if not configured.is_file():
            raise LocalModelError(f"The model file {configured} does not exist.", hint=CHOOSE_HINT)
        return check_file(configured, manifest)
    first_trouble: LocalModelError | None = None
    for path in _candidates(folders, manifest):
        try:
            return check_file(path, manifest)
        except LocalModelError as trouble:
            first_trouble = first_trouble or trouble
    if first_trouble is not None:
        raise first_trouble
    raise LocalModelError(
        "The built-in model isn't on this computer.",
        hint=MISSING_HINT,
        detail="looked in " + ", ".join(str(folder) for folder in folders),
    )


def check_file(path: Path, manifest: Sequence[KnownModel]) -> ModelFile:
    """`path` as a model file. Raises LocalModelError when it is cut short, or not a GGUF file at all."""
    known = next((entry for entry in manifest if entry.file == path.name), None)
    try:
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
            own = read_header(file) if magic == GGUF_MAGIC and known is None else {}
    except OSError as error:
        raise LocalModelError(
            f"The model file {path} cannot be read.", hint=CHOOSE_HINT, detail=str(error)
        ) from error
    if known is not None and size_bytes != known.size_bytes:
        raise LocalModelError(
            f"The model file {path} is not complete: {size_bytes:,} of {known.size_bytes:,} bytes.",
            hint=REPAIR_HINT,
        )
    if magic != GGUF_MAGIC:
        raise LocalModelError(f"{path} is not a GGUF model file.", hint=CHOOSE_HINT)
    if known is not None:
        return ModelFile(path, known.name, size_bytes, known.context_tokens, known)
    if size_bytes < SMALLEST_MODEL_BYTES:
        raise LocalModelError(f"The model file {path} is not complete.", hint=CHOOSE_HINT)
    context_tokens = own.get(f"{own.get('general.architecture')}.context_length", LARGEST_OWN_CONTEXT_TOKENS)
    return ModelFile(
        path,
        str(own.get("general.name") or path.stem),
        size_bytes,
        min(int(context_tokens), LARGEST_OWN_CONTEXT_TOKENS),
    )


def verify_hash(model: ModelFile) -> None:
    """Raises LocalModelError when a known model's SHA-256 is another one.

    Reads the whole file (a second or more), for `doctor`: a start compares only the size.
    """
    if model.known is None:
        return
    with model.path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != model.known.sha256:
        raise LocalModelError(
            f"The model file {model.path} is damaged.",
            hint=REPAIR_HINT,
            detail=f"SHA-256 {found}, expected {model.known.sha256}",
        )


def _candidates(folders: Sequence[Path], manifest: Sequence[KnownModel]) -> Iterator[Path]:
    for folder in folders:
        known = [folder / entry.file for entry in manifest]
        yield from (path for path in known if path.is_file())
        yield from (path for path in sorted(folder.glob("*.gguf")) if path not in known)


# The layout of a GGUF header: docs/gguf.md of the ggml project.
_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING = 8
_LONGEST_STRING_BYTES = 1 << 16
_MOST_FIELDS = 64  # the name and the context length stand before the word list


def read_header(file: BinaryIO) -> dict[str, str | int | float | bool]:
    """The plain fields at the start of a GGUF header, `file` standing behind the magic.

    Stops without an error at the first list, or where the bytes make no sense: loading judges the file,
    this is only for its name.
    """
    fields: dict[str, str | int | float | bool] = {}
    try:
        _version, _tensors, count = struct.unpack("<IQQ", file.read(20))
        for _ in range(min(count, _MOST_FIELDS)):
            key = _read_string(file)
            (kind,) = struct.unpack("<I", file.read(4))
            if kind == _STRING:
                fields[key] = _read_string(file)
            elif layout := _NUMBERS.get(kind):
                (fields[key],) = struct.unpack(layout, file.read(struct.calcsize(layout)))
            else:
                break
    except (struct.error, ValueError):
        pass
    return fields


def _read_string(file: BinaryIO) -> str:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > _LONGEST_STRING_BYTES:
        raise ValueError("a string too long for a name")
    return file.read(length).decode("utf-8", "replace")
