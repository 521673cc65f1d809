"""Splits a text into passages, along its own structure.

The text first becomes pieces: a whole block where it fits into a passage, else its sentences or lines, else
its words. Pieces are then packed in order. A heading starts a passage; a block is cut only when it is too
long, or when what comes before it is too little to stand alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from mastra_desktop.domain.knowledge import Block, BlockKind, PassageSpan, ReadText

CHARS_PER_TOKEN = 12  # a passage of long runs of spaces or symbols ends by its characters
TINY_SHARE = 4  # less than a quarter of a passage does not stand alone
LONGEST_HEADING = 200
JOINER = "\u200d"
_SENTENCES = re.compile(
    r"[^\n.!?。！？；…]*(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？；]+[”’」』）]*|[.!?…]+|\n+|$)"
)
_LINES = re.compile(r"[^\n]*(?:\n|$)")
_WORDS = re.compile(r"\s*\S+\s*")
_MARKUP = re.compile(r"^#{1,6}\s+|\s+#+$")


@dataclass(frozen=True, slots=True)
class _Piece:
    """`text[start:end]`, without space around it. `sentence`: may be repeated where its block is cut."""

    start: int
    end: int
    cost: int  # tokens, without what the model adds to each passage
    block: int
    sentence: bool = False


def split(
    read: ReadText, count: Callable[[str], int], *, limit: int = 256, overlap: int = 48
) -> tuple[PassageSpan, ...]:
    """The passages of `read`, in order; together they hold every character that is not white space.

    None has more than `limit` tokens by `count` (which includes what the model adds), unless a single
    character has. Where a paragraph had to be cut, the next passage repeats up to `overlap` tokens of whole
    sentences.
    """
    return _Splitter(read, count, limit, overlap).passages()


class _Splitter:
    def __init__(self, read: ReadText, count: Callable[[str], int], limit: int, overlap: int) -> None:
        self._text = read.text
        self._count = count
        self._limit = limit
        self._overlap = overlap
        self._most_chars = limit * CHARS_PER_TOKEN
        self._base = count("")
        self._blocks = tuple(_whole(read))
        self._headings = _heading_paths(self._text, self._blocks)
        self._pieces = [piece for at in range(len(self._blocks)) for piece in self._cut_block(at)]
        self._block_cost = [0] * len(self._blocks)
        for piece in self._pieces:
            self._block_cost[piece.block] += piece.cost

    # pieces

    def _cut_block(self, at: int) -> Iterator[_Piece]:
        block = self._blocks[at]
        start, end = _trimmed(self._text, block.start, block.end)
        if start == end:
            return
        if block.kind is BlockKind.CODE:
            spans, sentence = _spans(_LINES, self._text, start, end), False
        elif block.kind is BlockKind.TABLE_ROW:
            spans, sentence = iter([(start, end)]), False
        else:
            spans, sentence = _spans(_SENTENCES, self._text, start, end), True
        for a, b in spans:
            cost = self._cost(a, b)
            if self._small(a, b, cost):
                yield _Piece(a, b, cost, at, sentence)
            else:
                yield from self._cut_words(a, b, at)

    def _cut_words(self, start: int, end: int, at: int) -> Iterator[_Piece]:
        """Runs of words, half a passage each at most, and the parts of words that are too long for one."""
        room = (self._limit - self._base) // 2
        run: list[_Piece] = []
        for a, b in _spans(_WORDS, self._text, start, end):
            cost = self._cost(a, b)
            if run and (
                sum(piece.cost for piece in run) + cost > room or b - run[0].start > self._most_chars // 2
            ):
                yield from self._joined(run)
                run = []
            if self._small(a, b, cost):
                run.append(_Piece(a, b, cost, at))
            else:
                yield from self._joined(run)
                run = []
                yield from self._cut_word(a, b, at)
        yield from self._joined(run)

    def _joined(self, run: Sequence[_Piece]) -> Iterator[_Piece]:
        if len(run) > 1:
            a, b = run[0].start, run[-1].end
            cost = self._cost(a, b)
            if self._small(a, b, cost):
                yield _Piece(a, b, cost, run[0].block)
                return
        yield from run

    def _cut_word(self, start: int, end: int, at: int) -> Iterator[_Piece]:
        step = max(1, self._limit - self._base - 1)  # characters; rarely more than one token each
        a = start
        while a < end:
            b = end if end - a <= step else _before_marks(self._text, a, a + step)
            cost = self._cost(a, b)
            while not self._small(a, b, cost) and b - a > 1:
                b = _before_marks(self._text, a, (a + b) // 2)
                cost = self._cost(a, b)
            yield _Piece(a, b, cost, at)
            a = b

    def _cost(self, start: int, end: int) -> int:
        return self._count(self._text[start:end]) - self._base

    def _small(self, start: int, end: int, cost: int) -> bool:
        return self._base + cost <= self._limit and end - start <= self._most_chars

    # packing

    def passages(self) -> tuple[PassageSpan, ...]:
        found: list[PassageSpan] = []
        first = new = 0  # pieces: where the passage starts, and the first not in an earlier one
        while new < len(self._pieces):
            first, last, tokens = self._fill(first, new)
            found.append(self._span(len(found), first, last, tokens))
            new = last + 1
            first = self._repeat_from(first, new)
        return tuple(found)

    def _fill(self, first: int, new: int) -> tuple[int, int, int]:
        """The passage that holds piece `new`: its first and last piece and its tokens."""
        last = self._end_by_estimate(first, new)
        while True:
            a, b = self._pieces[first].start, self._pieces[last].end
            tokens = self._count(self._text[a:b])
            if self._small(a, b, tokens - self._base) or first == last:
                return first, last, tokens
            if last > new:
                last -= 1
            else:
                first += 1  # repeats less

    def _end_by_estimate(self, first: int, new: int) -> int:
        pieces = self._pieces
        cost = sum(piece.cost for piece in pieces[first : new + 1])
        last = new
        content = not self._is_heading(new)
        while last + 1 < len(pieces):
            piece = pieces[last + 1]
            if content and self._is_heading(last + 1) and piece.block != pieces[last].block:
                return last
            if self._blocks[piece.block].page != self._blocks[pieces[last].block].page:
                return last  # so that a citation names the page its words are on
            if not self._small(pieces[first].start, piece.end, cost + piece.cost):
                return self._better_end(first, new, last)
            content = content or not self._is_heading(last + 1)
            cost += piece.cost
            last += 1
        return last

    def _better_end(self, first: int, new: int, last: int) -> int:
        """The end of the block before the one that would be cut, if enough stands before it."""
        block = self._pieces[last].block
        if self._pieces[last + 1].block != block:
            return last
        begin = last
        while begin > new and self._pieces[begin - 1].block == block:
            begin -= 1
        before = sum(piece.cost for piece in self._pieces[first:begin])
        return begin - 1 if begin > new and before * TINY_SHARE >= self._limit else last

    def _repeat_from(self, first: int, new: int) -> int:
        """Where the next passage starts: it repeats the last sentences of a paragraph that was cut."""
        pieces = self._pieces
        start, cost = new, 0
        if new == len(pieces) or not pieces[new].sentence:
            return new
        while (
            start - 1 > first
            and pieces[start - 1].sentence
            and pieces[start - 1].block == pieces[new].block
            and cost + pieces[start - 1].cost <= self._overlap
        ):
            start -= 1
            cost += pieces[start].cost
        return start

    def _is_heading(self, piece: int) -> bool:
        return self._blocks[self._pieces[piece].block].kind is BlockKind.HEADING

    def _span(self, index: int, first: int, last: int, tokens: int) -> PassageSpan:
        body = next((at for at in range(first, last + 1) if not self._is_heading(at)), last)
        return PassageSpan(
            index,
            self._pieces[first].start,
            self._pieces[last].end,
            tokens,
            self._blocks[self._pieces[first].block].page,
            self._headings[self._pieces[body].block],
        )


def _whole(read: ReadText) -> Iterator[Block]:
    """The blocks, with a paragraph for text that a reader left outside of them."""
    at = 0
    for block in read.blocks:
        if read.text[at : block.start].strip():
            yield Block(BlockKind.PARAGRAPH, at, block.start, page=block.page)
        yield block
        at = block.end
    if read.text[at:].strip():
        yield Block(BlockKind.PARAGRAPH, at, len(read.text))


def _heading_paths(text: str, blocks: Sequence[Block]) -> list[tuple[str, ...]]:
    """For each block the headings it stands under; a heading stands under itself."""
    open_headings: list[tuple[int, str]] = []
    path: tuple[str, ...] = ()
    paths = []
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            while open_headings and open_headings[-1][0] >= block.level:
                open_headings.pop()
            title = " ".join(_MARKUP.sub("", text[block.start : block.end].strip()).split())
            if title:
                open_headings.append((block.level, title[:LONGEST_HEADING]))
            path = tuple(title for _, title in open_headings)
        paths.append(path)
    return paths


def _spans(pattern: re.Pattern[str], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """What `pattern` finds one after the other, without space around it; nothing but space is left out."""
    at = start
    while at < end:
        match = pattern.match(text, at, end)
        stop = match.end() if match and match.end() > at else end
        a, b = _trimmed(text, at, stop)
        if a < b:
            yield a, b
        at = stop


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    inner = part.lstrip()
    start += len(part) - len(inner)
    return start, start + len(inner.rstrip())


def _before_marks(text: str, start: int, cut: int) -> int:
    """`cut`, moved back so that no accent or joined emoji is torn off, but not to `start`."""
    at = cut
    while at - 1 > start and (_is_mark(text[at]) or text[at - 1] == JOINER):
        at -= 1
    return at if at - 1 > start else cut


def _is_mark(character: str) -> bool:
    return (
        unicodedata.category(character)[0] == "M"
        or character == JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
