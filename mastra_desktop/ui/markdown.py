"""Markdown source to flat blocks, piece by piece.

A reply is a flat list of blocks: every paragraph, list item, table row and code fence is one `Block` that
knows which quotes and lists it stands in. Flat blocks freeze early, so a long list or table costs no more
per piece than a short one. `MarkdownStream.feed` parses only what is still open; `parse` reads everything;
both agree.

Reference definitions (`[a]: http://…`) stay visible text: they could change blocks finished long ago.
"""

import re
from dataclasses import dataclass, field, replace

from markdown_it import MarkdownIt
from markdown_it.token import Token

from mastra_desktop.ui.markdown_inline import make_parser

_FENCE = re.compile(r"(`{3,}|~{3,})[^\n]*\n")
_TASK = re.compile(r"\[([ xX])\](?:\s+|$)")
_DELIMITER = re.compile(r"[ \t]*[|:-][ \t|:-]*$")


@dataclass(slots=True)
class Block:
    """One painted unit. An open code block grows in place; all others are replaced when they change.

    kind: "paragraph", "heading", "code", "row" (of a table) or "rule".
    inside: one letter per container from outside in: q(uote), b(ullet item), o(rdered item).
    markers: (container index, sign) for list items that begin here; signs are "•", "3.", "☐", "☑".
    line, end: source lines, half open.
    """

    kind: str
    text: str = ""
    level: int = 0
    language: str = ""
    lines: list[str] = field(default_factory=list)
    cells: tuple[str, ...] = ()
    aligns: tuple[str, ...] = ()
    header: bool = False
    inside: str = ""
    markers: tuple[tuple[int, str], ...] = ()
    line: int = 0
    end: int = 0


@dataclass(slots=True)
class _Top:
    """A top-level block of a parse: where it starts, and where its items or rows start (the cuts)."""

    kind: str
    start: int
    end: int
    blocks: list[Block]
    cuts: list[tuple[int, int, int]] = field(default_factory=list)
    """(source line, blocks before it, item number) of each item or body row."""


@dataclass(slots=True)
class _Open:
    """What stands before the tail: the list whose next item has this number, or the head of a table."""

    number: int | None = None
    head: str = ""


class MarkdownStream:
    """Blocks of a text that grows. `blocks` always equals `parse(everything fed so far)`."""

    def __init__(self) -> None:
        self._parser = make_parser()
        self.blocks: list[Block] = []
        self._kept = 0
        self._tail = ""
        self._line = 0
        self._open = _Open()
        self._fence: re.Pattern[str] | None = None
        self._shown_partial = False
        self._return = False

    def feed(self, delta: str) -> int:
        """Append text. Returns the index of the first block that is new or changed."""
        if self._return:
            delta = "\r" + delta
        self._return = delta.endswith("\r")
        if self._return:
            delta = delta[:-1]
        if "\r" in delta:
            delta = delta.replace("\r\n", "\n").replace("\r", "\n")
        if "\0" in delta:
            delta = delta.replace("\0", "\ufffd")
        if not delta:
            return len(self.blocks)
        first = self._kept
        if self._grows_paragraph(delta):
            self._tail += delta
            self.blocks[-1] = replace(self.blocks[-1], text=self._tail.strip())
            return first
        self._tail += delta
        if self._fence is None or self._feed_fence(self._fence):
            self._parse_tail()
        return first

    def _grows_paragraph(self, delta: str) -> bool:
        """Whether text only makes the last line of the one open paragraph longer; that needs no parsing."""
        if (
            "\n" in delta
            or self._fence is not None
            or self._open != _Open()
            or len(self.blocks) != self._kept + 1
        ):
            return False
        block = self.blocks[-1]
        if block.kind != "paragraph" or block.inside or block.line != self._line:
            return False
        # A line that begins with a letter can become nothing but text.
        return self._tail[self._tail.rfind("\n") + 1 :][:1].isalpha()

    def _parse_tail(self) -> None:
        head = self._open.head
        shift = self._line - head.count("\n")
        tops = _parse(self._parser, head + self._tail, shift, self._open)
        self.blocks[self._kept :] = [block for top in tops for block in top.blocks]
        lines = self._tail.split("\n")
        complete = self._line + len(lines) - 1
        last = -1
        for index, top in enumerate(tops):
            # The line below may still make a table of this one, so it must be there.
            if top.start + 1 < complete:
                last = index
        if last < 0:
            return
        top = tops[last]
        kept = sum(len(earlier.blocks) for earlier in tops[:last])
        cut, number = top.start, None
        for line, before, item in top.cuts:
            below = line + 1 - self._line
            # Read alone, an item above a row of dashes would be the head of a table.
            if cut < line < complete - 1 and (top.kind == "table" or not _DELIMITER.match(lines[below])):
                cut, number = line, item
                inside = before
        if number is not None and cut > top.start:
            kept += inside
        if cut >= self._line and (cut > self._line or kept):
            self._cut(top, cut, number, kept)
        if top.kind == "fence" and last == len(tops) - 1:
            self._begin_fence(top)

    def _cut(self, top: _Top, cut: int, number: int | None, kept: int) -> None:
        """Keep `kept` more blocks for good; the tail begins at source line `cut`."""
        if number is None:
            opened = _Open() if cut != top.start or cut > self._line else self._open
        elif top.kind == "table":
            begin = top.start - self._line
            head = (
                self._open.head
                if begin < 0
                else "\n".join(self._tail.split("\n", begin + 2)[begin:-1]) + "\n"
            )
            opened = _Open(head=head)
        else:
            opened = _Open(number=number)
        at = 0
        for _ in range(cut - self._line):
            at = self._tail.index("\n", at) + 1
        self._tail = self._tail[at:]
        self._line = cut
        self._kept += kept
        self._open = opened

    def _begin_fence(self, top: _Top) -> None:
        """From here on lines go straight into the open code block."""
        opening = _FENCE.match(self._tail)
        if opening is None:
            return
        mark = opening.group(1)
        closing = re.compile(rf" {{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ \t]*")
        body = self._tail[opening.end() :]
        lines = body.split("\n")
        if any(closing.fullmatch(line) for line in lines[:-1]):
            return
        self._fence = closing
        self._tail = lines[-1]
        self._line += len(lines)
        self._shown_partial = bool(lines[-1].strip(" \t")) and not closing.fullmatch(lines[-1])
        self._kept = len(self.blocks) - 1

    def _feed_fence(self, closing: re.Pattern[str]) -> bool:
        """Take lines into the open code block. True when it closed and a tail is left to parse."""
        block = self.blocks[self._kept]
        if self._shown_partial:
            block.lines.pop()
            self._shown_partial = False
        *whole, partial = self._tail.split("\n")
        for index, line in enumerate(whole):
            self._line += 1
            block.end = self._line
            if closing.fullmatch(line):
                self._fence = None
                self._tail = "\n".join([*whole[index + 1 :], partial])
                self._kept += 1
                self._open = _Open()
                return True
            block.lines.append(line)
        self._tail = partial
        if partial.strip(" \t"):  # the parser leaves out a last line of blanks, too
            block.end = self._line + 1
            if not closing.fullmatch(partial):
                block.lines.append(partial)
                self._shown_partial = True
        return False

    @property
    def code_is_open(self) -> bool:
        """Whether the last block is a code fence that has not been closed."""
        return self._fence is not None


def parse(source: str) -> list[Block]:
    """All blocks of a text, read at once."""
    source = source.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
    return [block for top in _parse(make_parser(), source, 0, _Open()) for block in top.blocks]


def plain_blocks(source: str) -> list[Block]:
    """A text shown as it was typed: one paragraph per line, nothing interpreted."""
    lines = source.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [Block("line", text=line, line=index, end=index + 1) for index, line in enumerate(lines)]


def _parse(parser: MarkdownIt, source: str, shift: int, opened: _Open) -> list[_Top]:
    tokens: list[Token] = []
    parser.block.parse(source, parser, {}, tokens)
    tops: list[_Top] = []
    begin = 0
    for index, token in enumerate(tokens):
        if token.level == 0 and token.nesting <= 0:
            tops.append(_top(tokens[begin : index + 1], shift, opened if not tops else _Open()))
            begin = index + 1
    return tops


def _top(tokens: list[Token], shift: int, opened: _Open) -> _Top:
    """One top-level block flattened."""
    first = tokens[0]
    start, end = _lines(first)
    kind = {"table_open": "table", "fence": "fence"}.get(
        first.type, "list" if "list" in first.type else "block"
    )
    top = _Top(kind, start + shift, end + shift, [])
    if kind == "table":
        _table(tokens, shift, "", (), top, headless=bool(opened.head))
        return top
    _Flattener(top, shift, opened.number).run(tokens)
    return top


class _Flattener:
    """Walks the tokens of a top-level block and keeps the containers it stands in."""

    def __init__(self, top: _Top, shift: int, number: int | None) -> None:
        self.top = top
        self.shift = shift
        self.number = number
        self.inside = ""
        self.lists: list[int] = []
        self.markers: list[tuple[int, str]] = []
        self.item_lines: list[int] = []

    def run(self, tokens: list[Token]) -> None:
        index = 0
        while index < len(tokens):
            token = tokens[index]
            kind = token.type
            if kind in ("bullet_list_open", "ordered_list_open"):
                start = int(token.attrs.get("start", 1))
                if token.level == 0 and self.number is not None:
                    start = self.number
                self.lists.append(start)
            elif kind in ("bullet_list_close", "ordered_list_close"):
                self.lists.pop()
            elif kind == "list_item_open":
                self._item(token)
            elif kind == "list_item_close":
                if self.markers and self.markers[-1][0] == len(self.inside) - 1:
                    self._add(Block("paragraph"), (self.item_lines[-1], self.item_lines[-1] + 1))
                self.inside = self.inside[:-1]
                self.item_lines.pop()
            elif kind == "blockquote_open":
                self.inside += "q"
            elif kind == "blockquote_close":
                self.inside = self.inside[:-1]
            elif kind == "inline":
                self._text(tokens[index - 1], token)
            elif kind in ("fence", "code_block"):
                lines = token.content.split("\n")
                if lines[-1] == "":
                    lines.pop()
                language = token.info.strip().split(" ")[0] if kind == "fence" else ""
                self._add(Block("code", language=language, lines=lines), _lines(token))
            elif kind == "hr":
                self._add(Block("rule"), _lines(token))
            elif kind == "table_open":
                close = next(i for i in range(index, len(tokens)) if tokens[i].type == "table_close")
                _table(
                    tokens[index : close + 1],
                    self.shift,
                    self.inside,
                    tuple(self.markers),
                    self.top,
                    headless=False,
                )
                self.markers.clear()
                index = close
            index += 1

    def _item(self, token: Token) -> None:
        ordered = token.markup in (".", ")")
        line = _lines(token)[0]
        self.item_lines.append(line)
        if not self.inside and len(self.lists) == 1:
            self.top.cuts.append((line + self.shift, len(self.top.blocks), self.lists[-1]))
        self.markers.append((len(self.inside), f"{self.lists[-1]}{token.markup}" if ordered else "•"))
        self.inside += "o" if ordered else "b"
        self.lists[-1] += 1

    def _text(self, opening: Token, token: Token) -> None:
        if opening.type == "heading_open":
            self._add(Block("heading", text=token.content, level=int(opening.tag[1])), _lines(token))
            return
        text = token.content
        task = _TASK.match(text) if self.markers and self.markers[-1][0] == len(self.inside) - 1 else None
        if task is not None:
            text = text[task.end() :]
            self.markers[-1] = (self.markers[-1][0], "☐" if task.group(1) == " " else "☑")
        self._add(Block("paragraph", text=text), _lines(token))

    def _add(self, block: Block, lines: tuple[int, int]) -> None:
        block.inside, block.markers = self.inside, tuple(self.markers)
        block.line, block.end = lines[0] + self.shift, lines[1] + self.shift
        self.markers.clear()
        self.top.blocks.append(block)


def _lines(token: Token) -> tuple[int, int]:
    start, end = token.map or (0, 0)
    return start, end


def _table(
    tokens: list[Token],
    shift: int,
    inside: str,
    markers: tuple[tuple[int, str], ...],
    top: _Top,
    *,
    headless: bool,
) -> None:
    """Append one block per row. A `headless` table continues one whose header is kept already."""
    aligns: list[str] = []
    cells: list[str] = []
    header = False
    line = 0
    for index, token in enumerate(tokens):
        if token.type == "th_open":
            aligns.append(str(token.attrs.get("style", "")).removeprefix("text-align:"))
            header = True
        elif token.type == "tr_open":
            cells, header = [], False
            line = _lines(token)[0] + shift
        elif token.type == "inline":
            cells.append(token.content)
        elif token.type == "tr_close" and not (header and headless):
            if not header and not inside:
                top.cuts.append((line, len(top.blocks), 0))
            top.blocks.append(
                Block(
                    "row",
                    cells=tuple(cells),
                    aligns=tuple(aligns),
                    header=header,
                    inside=inside,
                    markers=markers if index and header else (),
                    line=line,
                    end=line + (2 if header else 1),
                )
            )
