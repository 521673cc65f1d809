"""Small real files, made by the standard library and by the readers' own libraries."""

from __future__ import annotations

import hashlib
import struct
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
    return _pdf_of(objects, b"/Info 4 0 R")


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


def make_locked_pdf(password: str) -> bytes:
    """A one-page PDF that opens with `password` only: 40-bit RC4, as the PDF reference's section 7.6 has it."""
    pad = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    key_of = hashlib.md5((password.encode() + pad)[:32]).digest()[:5]
    owner = _rc4(key_of, pad)
    identity = b"0123456789abcdef"
    key = hashlib.md5((password.encode() + pad)[:32] + owner + b"\xfc\xff\xff\xff" + identity).digest()[:5]
    user = _rc4(key, pad)

    def locked(number: int, data: bytes) -> bytes:
        return _rc4(hashlib.md5(key + number.to_bytes(3, "little") + b"\0\0").digest()[:10], data)

    stream = locked(4, b"BT /F1 12 Tf 60 700 Td (The secret words.) Tj ET")
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>"
        % (owner.hex().encode(), user.hex().encode()),
    ]
    return _pdf_of(
        objects, b"/Encrypt 6 0 R /ID [<%s> <%s>]" % (identity.hex().encode(), identity.hex().encode())
    )


def make_scan() -> bytes:
    """A PDF whose only page is a picture."""
    stream = b"612 0 0 792 0 0 cm /Im Do"
    return _pdf_of(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /XObject << /Im 5 0 R >> >> "
            b"/Contents 4 0 R >>",
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
            b"<< /Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceGray /BitsPerComponent 8 "
            b"/Length 4 >>\nstream\n\x00\xff\xff\x00\nendstream",
        ]
    )


def _rc4(key: bytes, data: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    i = j = 0
    out = bytearray()
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def _pdf_of(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    at = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer << /Size %d /Root 1 0 R %s >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        trailer,
        at,
    )
    return bytes(out)


def make_msg(texts: dict[int, str]) -> bytes:
    """An Outlook message with these properties (identifier to text), by [MS-OXMSG]."""
    entries = b"".join(
        struct.pack("<HHIQ", 0x1F, identifier, 6, len(text.encode("utf-16-le")) + 2)
        for identifier, text in texts.items()
    )
    streams = {"__properties_version1.0": bytes(32) + entries}
    for identifier, text in texts.items():
        streams[f"__substg1.0_{identifier:04X}001F"] = text.encode("utf-16-le")
    return make_ole(streams)


def make_ole(streams: dict[str, bytes]) -> bytes:
    """A compound file with small streams (under 4,096 bytes each), by [MS-CFB]."""
    end, free, none = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF
    mini, mini_fat, starts = bytearray(), [], []
    for data in streams.values():
        starts.append(len(mini) // 64)
        mini += data + bytes(-len(data) % 64)
        blocks = len(mini) // 64 - starts[-1]
        mini_fat += [*range(starts[-1] + 1, starts[-1] + blocks), end]
    mini += bytes(-len(mini) % 512)

    def entry(name: str, kind: int, right: int, child: int, start: int, size: int) -> bytes:
        encoded = name.encode("utf-16-le")
        head = (
            encoded
            + bytes(64 - len(encoded))
            + struct.pack("<HBBIII", len(encoded) + 2, kind, 1, none, right, child)
        )
        return head + bytes(36) + struct.pack("<IQ", start, size)

    count = len(streams)
    directories = -(-(count + 1) // 4)
    first_mini = 2 + directories
    folder = entry("Root Entry", 5, none, 1, first_mini, len(mini))
    for number, ((name, data), start) in enumerate(zip(streams.items(), starts, strict=True), 1):
        folder += entry(name, 2, number + 1 if number < count else none, none, start, len(data))
    folder += bytes(-len(folder) % 512)
    chain = [0xFFFFFFFD, *range(2, 1 + directories), end, end]
    chain += [*range(first_mini + 1, first_mini + len(mini) // 512), end]
    header = (
        bytes.fromhex("d0cf11e0a1b11ae1")
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<IIIIIIIIII", 0, 1, 1, 0, 4096, 1 + directories, 1, end, 0, 0)
    header += struct.pack("<108I", *[free] * 108)

    def sector(numbers: list[int]) -> bytes:
        return struct.pack("<128I", *numbers, *[free] * (128 - len(numbers)))

    return header + sector(chain) + folder + sector(mini_fat) + bytes(mini)
