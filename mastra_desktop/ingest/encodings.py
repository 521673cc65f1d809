"""Bytes to text: byte order mark, UTF-8, UTF-16 without a mark, then what the bytes look like."""

from __future__ import annotations

import codecs
import re

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.building import check_length, clean

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LOOKED_AT = 65_536  # bytes that say which encoding it is
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f\x80-\x9f]")
_ONE_BYTE = ("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "cp437")
_WESTERN = frozenset("äöüÄÖÜßéèêëàâçîïôûùÿœæÉÈÊÀÇñÑáíóúÁÍÓÚåÅøØæÆãõìò¿¡§°«»“”‘’„…–—€£©®·\xa0")
_EAST_ASIAN = ("gb18030", "big5", "shift_jis", "euc_jp", "euc_kr")


def decode(data: bytes, *, declared: str = "") -> str:
    """The text of `data`, cleaned. `declared` is what the file itself says (a header, a meta tag).

    Raises KnowledgeError when it is not text, or too long.
    """
    check_length(len(data) // 4)
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _checked(data[len(mark) :].decode(encoding, "replace"))
    if b"\x00" in data and not _padded(data):
        return _checked(data.decode(_utf16(data), "replace"))
    try:
        return _checked(data.decode("utf-8"))
    except UnicodeDecodeError:
        pass
    if declared:
        try:
            return _checked(data.decode(declared))
        except (LookupError, UnicodeError):
            pass
    return _checked(_mixed(data))


def _checked(text: str) -> str:
    text = clean(text)
    check_length(len(text))
    sample = text[:_LOOKED_AT]
    odd = len(_CONTROL.findall(sample)) + sample.count("\ufffd")
    if odd > 2 + len(sample) // 20:
        raise not_text()
    return text


def not_text() -> KnowledgeError:
    """What is said of a file that holds no readable text."""
    return KnowledgeError(
        "This file does not hold text.", hint="Programs, archives, sound and video cannot be added."
    )


def _padded(data: bytes) -> bool:
    """Whether it is UTF-8 with a few NULs in it, as crashed programs leave in their logs."""
    return data.count(0) <= 2 + len(data) // 50 and _is_utf8(data)


def _utf16(data: bytes) -> str:
    """UTF-16 without a mark, by which of its two orders makes sense. Raises KnowledgeError for neither."""
    sample = data[:_LOOKED_AT]
    best = max(("utf-16-le", "utf-16-be"), key=lambda encoding: _sense(sample, encoding))
    if _sense(sample, best) < 0.9:
        raise not_text()
    return best


def _sense(data: bytes, encoding: str) -> float:
    """How much of it looks like writing in UTF-16, 0 to 1: the usual blocks, no controls."""
    text = data[: len(data) & ~1].decode(encoding, "replace")
    usual = sum(
        1
        for char in text
        if " " <= char < "\x7f"
        or char in "\t\r\n\ufeff"
        or "\xa0" <= char < "\u0250"
        or "\u0370" <= char < "\u0700"
        or "\u2000" <= char < "\u2070"
        or "\u3000" <= char < "\u3100"
        or "\u4e00" <= char < "\u9fa6"
        or "\uac00" <= char < "\ud7a4"
        or "\uff00" <= char < "\uffef"
    )
    return usual / len(text) if text else 0.0


def _mixed(data: bytes) -> str:
    """Not UTF-8 as a whole. Where most lines are, only the others are in another encoding."""
    lines = data.splitlines(keepends=True)
    foreign = [line for line in lines if not _is_utf8(line)]
    encoding = _guess(b"".join(foreign)[:_LOOKED_AT])
    proper = [line for line in lines if not line.isascii()]
    if len(foreign) == len(proper):
        return data.decode(encoding, "replace")
    return "".join(
        line.decode("utf-8") if _is_utf8(line) else line.decode(encoding, "replace") for line in lines
    )


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _guess(sample: bytes) -> str:
    """The encoding of text that is not UTF-8."""
    best, score = "", 0.0
    for encoding in _EAST_ASIAN:
        found = _commonness(sample, encoding)
        if found > score:
            best, score = encoding, found
    if score >= 0.7:
        return best
    for encoding in ("utf-16-le", "utf-16-be"):
        if len(sample) % 2 == 0 and _sense(sample, encoding) > 0.95:
            return encoding
    western = sample.decode("cp1252", "replace")
    if all(char < "\x80" or char in _WESTERN for char in western):
        return "cp1252"
    from charset_normalizer import from_bytes

    guess = from_bytes(sample, cp_isolation=list(_ONE_BYTE)).best()
    return guess.encoding if guess is not None else "cp1252"


def _commonness(sample: bytes, encoding: str) -> float:
    """Share of everyday characters among those beyond ASCII, 0 to 1; 0 when it can't be that encoding."""
    text = ""
    for cut in range(4):  # the sample may end within a character
        try:
            text = sample[: len(sample) - cut].decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    beyond = [char for char in text if char >= "\x80"]
    if len(beyond) < 2:
        return 0.0
    return sum(_everyday(char, encoding) for char in beyond) / len(beyond)


def _everyday(char: str, encoding: str) -> float:
    """1 for a character of the encoding's first level and its writing, less for what is rarely written."""
    if "\u3000" <= char <= "\u3002" or char in "，。、；：？！（）「」『』“”‘’…—《》・ー":
        return 1.0
    if "\u3041" <= char <= "\u30fe":
        return 1.0 if encoding in ("shift_jis", "euc_jp") else 0.1
    if "\uff61" <= char <= "\uff9f":  # half-width katakana: what other encodings look like in Shift_JIS
        return 0.1
    first = char.encode(encoding, "replace")[0]
    if "\uac00" <= char <= "\ud7a3":
        return 1.0 if encoding == "euc_kr" else 0.0
    if not "\u4e00" <= char <= "\u9fa5":
        return 0.3
    level_one = {
        "gb18030": 0xB0 <= first <= 0xD7,
        "big5": 0xA4 <= first <= 0xC6,
        "shift_jis": 0x88 <= first <= 0x98,
        "euc_jp": 0xB0 <= first <= 0xCF,
        "euc_kr": False,
    }
    if encoding == "euc_kr":
        return 0.2  # Korean is hardly written with hanja any more
    return 0.95 if level_one[encoding] else 0.2
