"""Small real files, made by the standard library and by the readers' own libraries."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from mastra_desktop.domain.knowledge import BlockKind, ReadText


def make_pdf(pages: Iterable[Sequence[tuple[int, str]]], *, title: str = "") -> bytes:
    """A PDF with these pages of (font size, line), written by hand; lines step down by 1.2 sizes."""
    streams = []
    for lines in pages:
        parts, y = [], 760.0
        for size, line in lines:
            y -= size * (1.2 if line else 0.8)
            escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            if line:
                parts.append(f"BT /F1 {size} Tf 1 0 0 1 60 {y:.1f} Tm ({escaped}) Tj ET")
        streams.append("\n".join(parts).encode("latin-1"))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    objects.append(f"<< /Title ({title}) >>".encode())
    kids = []
    for stream in streams:
        kids.append(len(objects) + 1)
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> "
            b"/Contents %d 0 R >>" % (len(objects) + 2)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream))
    references = " ".join(f"{kid} 0 R" for kid in kids)
    objects[1] = f"<< /Type /Pages /Kids [{references}] /Count {len(kids)} >>".encode()
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R /Info 4 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        at,
    )
    return bytes(out)


def make_zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return path


def pieces(read: ReadText) -> list[tuple[BlockKind, str]]:
    """The blocks as (kind, text)."""
    return [(block.kind, read.text[block.start : block.end]) for block in read.blocks]


def check(read: ReadText) -> ReadText:
    """Fails unless the blocks are in order, not empty, apart, and hold everything that is written."""
    end = 0
    for block in read.blocks:
        assert end <= block.start < block.end <= len(read.text)
        assert not read.text[end : block.start].strip()
        assert read.text[block.start : block.end].strip()
        end = block.end
    assert not read.text[end:].strip()
    assert "\x00" not in read.text
    assert "\r" not in read.text
    read.text.encode()
    return read
