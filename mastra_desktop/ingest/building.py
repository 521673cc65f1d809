"""What readers build their text with, so that every block's offsets are exact."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.domain.knowledge import Block, BlockKind, ReadText

LONGEST_TEXT = 30_000_000  # characters; more could not be split within the time a file has
_COUNTED_TEXT = 2_000_000  # words of a longer text are not counted, its lines are
_UNWANTED = re.compile("[\x00\ud800-\udfff]")
_WORD = re.compile(r"[぀-ヿ㐀-鿿가-힯]|[^\W぀-ヿ㐀-鿿가-힯]+")
_CLOSE = (BlockKind.LIST_ITEM, BlockKind.TABLE_ROW)


@dataclass(frozen=True, slots=True)
class Asked:
    """One file to read. `on_progress` hears (pages done, pages in all)."""

    path: Path
    password: str
    on_progress: Callable[[int, int], None]


def protected() -> KnowledgeError:
    """For an Office or OpenDocument file that is encrypted, which nothing here can open."""
    return KnowledgeError(
        "This file is protected with a password.",
        hint="Open it, save it without a password (Office: File › Info › Protect; LibreOffice: Save As, "
        "without “Save with password”), and try again.",
    )


def clean(text: str) -> str:
    """`text` with line ends as newline, without NUL and without lone surrogates (they become U+FFFD)."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    # A search is much faster than a substitution, and there is hardly ever anything to replace.
    if not _UNWANTED.search(text):
        return text
    return _UNWANTED.sub(lambda found: "" if found[0] == "\x00" else "\ufffd", text)


def check_length(length: int) -> None:
    """Raises KnowledgeError when a text of `length` characters is more than can be added."""
    if length > LONGEST_TEXT:
        raise KnowledgeError(
            f"This file holds more than {LONGEST_TEXT // 1_000_000} million characters of text.",
            hint="Split it into smaller files and add those.",
        )


class TextBuilder:
    """Collects blocks in order; `text` grows with them."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self._parts: list[str] = []
        self._length = 0

    def add(self, kind: BlockKind, text: str, *, level: int = 0, page: int | None = None) -> None:
        """Adds a block, without the white space around it; nothing when no text is left."""
        text = clean(text).strip()
        if not text:
            return
        if self.blocks:
            close = kind in _CLOSE and self.blocks[-1].kind == kind and self.blocks[-1].page == page
            gap = "\n" if close else "\n\n"
            self._parts.append(gap)
            self._length += len(gap)
        check_length(self._length + len(text))
        self.blocks.append(Block(kind, self._length, self._length + len(text), level, page))
        self._parts.append(text)
        self._length += len(text)

    def first_heading(self) -> str:
        """The text of the first heading, else nothing."""
        for block, part in zip(self.blocks, self._parts[::2], strict=True):
            if block.kind is BlockKind.HEADING:
                return part
        return ""

    def add_read(self, read: ReadText, *, page: int | None = None, deeper: int = 0) -> None:
        """Adds another text block by block, its headings `deeper` levels down."""
        for block in read.blocks:
            level = min(6, block.level + deeper) if block.level else 0
            self.add(block.kind, read.text[block.start : block.end], level=level, page=page or block.page)

    def done(self, *, title: str = "", summary: str = "", pages: int | None = None) -> ReadText:
        """The text read. Without a `summary` its words are counted."""
        text = "".join(self._parts)
        return ReadText(text, tuple(self.blocks), one_line(title), summary or measure(text), pages)


def one_line(text: str, longest: int = 300) -> str:
    """`text` with every run of white space as one space, cut to `longest` characters."""
    return " ".join(clean(text[: longest * 4]).split())[:longest]


def counted(number: int, noun: str, plural: str = "") -> str:
    """ "1 page", "1,204 pages"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def measure(text: str) -> str:
    """How long a text is, for a person: "1,204 words"; of a very long one "81,000 lines"."""
    if len(text) > _COUNTED_TEXT:
        return counted(text.count("\n") + 1, "line")
    return counted(sum(1 for _ in _WORD.finditer(text)), "word")
