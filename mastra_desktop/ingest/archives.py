"""Zip files, checked before any reader unpacks them (docx, pptx, xlsx, odt, epub)."""

from __future__ import annotations

import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import IO

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.building import protected

MOST_EXPANDED = 500 * 1024 * 1024  # bytes, everything together
MOST_RATIO = 100  # expanded to packed
_SMALL = 1024 * 1024  # bytes: what expands to no more than this may be as repetitive as it likes
_MOST_ENTRIES = 20_000
_DEEPEST = 3  # archives within archives
_PIECE = 1024 * 1024


def check_archive(path: Path) -> None:
    """Unpacks the whole file to nowhere, and archives within it too. Its directory may lie.

    Raises KnowledgeError when that is too much, or when the archive is damaged or locked.
    """
    try:
        with path.open("rb") as file:
            _expand(file, path.stat().st_size, 0, 0)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, ValueError) as error:
        raise KnowledgeError(
            "This file is damaged.", hint="Copy or download it again.", detail=str(error)
        ) from error
    except RuntimeError as error:  # how zipfile says that a password is needed
        raise protected() from error


def _expand(file: IO[bytes], packed: int, before: int, depth: int) -> int:
    """Bytes that this archive and those in it expand to, with the `before` that came earlier."""
    total = before
    own = 0
    with zipfile.ZipFile(file) as archive:
        entries = archive.infolist()
        if len(entries) > _MOST_ENTRIES:
            raise _bomb()
        for entry in entries:
            kept = bytearray()  # an archive within
            size = 0
            with archive.open(entry) as unpacked:
                while piece := unpacked.read(_PIECE):
                    if kept or (size == 0 and piece.startswith(b"PK\x03\x04")):
                        kept += piece
                    size += len(piece)
                    own += len(piece)
                    if total + own > MOST_EXPANDED or (own > _SMALL and own > MOST_RATIO * max(packed, 1)):
                        raise _bomb()
            if kept:
                total = _nested(kept, total, depth)
    return total + own


def _nested(data: bytearray, total: int, depth: int) -> int:
    if depth + 1 >= _DEEPEST:
        raise _bomb()
    try:
        return _expand(BytesIO(data), len(data), total, depth + 1)
    except zipfile.BadZipFile:  # only looked like an archive; no reader will unpack it
        return total


def _bomb() -> KnowledgeError:
    return KnowledgeError(
        "This file unpacks to far more than its size.",
        hint="It may be made to do harm. Add it only after unpacking it yourself.",
    )
