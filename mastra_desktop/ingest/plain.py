"""Text and code: kept as written, with blocks found by blank lines."""

from __future__ import annotations

import re

from mastra_desktop.domain.knowledge import Block, BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, check_length, measure
from mastra_desktop.ingest.encodings import decode

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")
_BLANK_THEN_UNINDENTED = re.compile(r"\n[^\S\n]*\n(?=[^\s})\]])")


def read_text(asked: Asked) -> ReadText:
    """A block per paragraph."""
    return text_as_written(decode(asked.path.read_bytes()))


def read_code(asked: Asked) -> ReadText:
    """A block per piece that begins unindented after an empty line: about one per function."""
    text = decode(asked.path.read_bytes())
    return ReadText(text, _blocks(text, _BLANK_THEN_UNINDENTED, BlockKind.CODE), summary=measure_lines(text))


def text_as_written(text: str) -> ReadText:
    """A text that is clean already, with a block per paragraph."""
    check_length(len(text))
    return ReadText(text, _blocks(text, _BLANK, BlockKind.PARAGRAPH), summary=measure(text))


def measure_lines(text: str) -> str:
    """ "84 lines"."""
    number = text.count("\n") + (not text.endswith("\n"))
    return f"{number:,} {'line' if number == 1 else 'lines'}"


def _blocks(text: str, between: re.Pattern[str], kind: BlockKind) -> tuple[Block, ...]:
    blocks: list[Block] = []
    start = 0
    for gap in between.finditer(text):
        add_stripped(blocks, text, kind, start, gap.start())
        start = gap.end()
    add_stripped(blocks, text, kind, start, len(text))
    return tuple(blocks)


def add_stripped(
    blocks: list[Block], text: str, kind: BlockKind, start: int, end: int, level: int = 0
) -> None:
    """Adds `text[start:end]` without the white space around it, unless nothing is left.

    The indentation of the first line stays: in code it means something.
    """
    stretch = text[start:end]
    end = start + len(stretch.rstrip())
    lead = len(stretch) - len(stretch.lstrip())
    start += lead if kind is not BlockKind.CODE else stretch.rfind("\n", 0, lead) + 1
    if start < end:
        blocks.append(Block(kind, start, end, level))
