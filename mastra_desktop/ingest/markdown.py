"""Markdown: the text stays as written, its structure comes from markdown-it's line numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mastra_desktop.domain.knowledge import Block, BlockKind, ReadText
from mastra_desktop.ingest.building import Asked, measure, one_line
from mastra_desktop.ingest.encodings import decode
from mastra_desktop.ingest.plain import add_stripped, text_as_written

if TYPE_CHECKING:
    from markdown_it.token import Token

_LONGEST = 5_000_000  # characters; what is longer would take too long, and is no document anyone wrote
_FRONT_MATTER = re.compile(r"\A---\n(?:.*\n)*?(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_HEADING_MARKS = re.compile(r"^#{1,6}\s*|\s*#*\s*$|\n\s*(?:=+|-+)\s*$")


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a block begins and where its own lines end, in characters."""

    start: int
    end: int
    kind: BlockKind
    level: int


def read_markdown(asked: Asked) -> ReadText:
    """A block per heading, paragraph, list item, table row and stretch of code."""
    return markdown_as_written(decode(asked.path.read_bytes()))


def markdown_as_written(text: str) -> ReadText:
    """The same for a text that is clean already."""
    if len(text) > _LONGEST:
        return text_as_written(text)
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable("table").disable("inline")
    front = _FRONT_MATTER.match(text)
    offset = front.end() if front else 0
    body = text[offset:]
    starts = [at + offset for at in _line_starts(body)]
    marks = [
        _Mark(starts[line], starts[min(end, len(starts) - 1)], kind, level)
        for line, end, kind, level in _structure(parser.parse(body))
    ]
    blocks = _cover(text, marks)
    title = next((text[block.start : block.end] for block in blocks if block.kind is BlockKind.HEADING), "")
    return ReadText(text, blocks, title=one_line(_HEADING_MARKS.sub("", title)), summary=measure(text))


def _line_starts(text: str) -> list[int]:
    starts = [0]
    while (end := text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    starts.append(len(text))
    return starts


def _structure(tokens: list[Token]) -> Iterator[tuple[int, int, BlockKind, int]]:
    """(first line, line after it, kind, level) of each block in order; at most one begins on a line."""
    last = -1
    in_list = 0
    for token in tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            in_list += 1
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            in_list -= 1
        found = _kind_of(token, in_list > 0)
        if found is None or token.map is None or token.map[0] <= last:
            continue
        last = token.map[0]
        yield last, token.map[1], *found


def _kind_of(token: Token, in_list: bool) -> tuple[BlockKind, int] | None:
    match token.type:
        case "heading_open":
            return BlockKind.HEADING, int(token.tag[1])
        case "list_item_open":
            return BlockKind.LIST_ITEM, 0
        case "paragraph_open":
            return (BlockKind.LIST_ITEM if in_list else BlockKind.PARAGRAPH), 0
        case "fence" | "code_block":
            return BlockKind.CODE, 0
        case "tr_open":
            return BlockKind.TABLE_ROW, 0
        case "html_block" | "hr":
            return BlockKind.PARAGRAPH, 0
    return None


def _cover(text: str, marks: list[_Mark]) -> tuple[Block, ...]:
    """A block from each mark to the next, so that nothing written lies between blocks."""
    if not marks or text[: marks[0].start].strip():
        marks = [_Mark(0, 0, BlockKind.PARAGRAPH, 0), *marks]
    blocks: list[Block] = []
    nexts = [mark.start for mark in marks[1:]] + [len(text)]
    for mark, following in zip(marks, nexts, strict=True):
        end = following
        if mark.kind in (BlockKind.HEADING, BlockKind.CODE):
            # What follows without being a block (a link's address) is neither heading nor code.
            end = min(mark.end, following)
        add_stripped(blocks, text, mark.kind, mark.start, end, mark.level)
        add_stripped(blocks, text, BlockKind.PARAGRAPH, end, following)
    return tuple(blocks)
