"""Checks an answer's citations while it streams, and afterwards what of it nothing backs.

A citation is a number in brackets: [1]. Models also write [1, 3], [1-3] and 【1】. All of them come out as
[1][3]; a number without a source goes. Code, links like [1](address) and escaped brackets stay as they are.
"""

from __future__ import annotations

import re

_SEPARATOR = r" ?[,;，、；] ?| ?[-–] ?"
_NUMBERS = rf" ?\d{{1,3}}(?:(?:{_SEPARATOR})\d{{1,3}}){{0,11}} ?"
_CITATION = re.compile(rf"([ \t]*)(?:\[({_NUMBERS})\]|【({_NUMBERS})(?:†[^】\n]{{0,60}})?】)")
# What may yet become one. Longer than the longest possible one it never does.
_UNFINISHED = re.compile(
    r"[ \t]*(?:\[[\d ,;，、；–-]{0,90}\]?|【[\d ,;，、；–-]{0,90}(?:†[^】\n]{0,60})?】?)?\Z"
)
_PLAIN = re.compile(r"[^`~\[【\\\n \t]+|[ \t]+|`+|.", re.DOTALL)
_RANGE = re.compile(r"(\d+) ?[-–] ?(\d+)|(\d+)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})([^\n]*)\n?")
_FENCE_BEGINS = re.compile(r" {0,3}(?:[`~]*|(?:`{3,}|~{3,})[^\n]*)\Z")
_BLANK = re.compile(r"[ \t]*\Z")


class Citations:
    """Takes an answer in pieces and gives it back checked, however it was cut into pieces.

    `count` sources exist, 1 to `count`. A little is held back while it may be a citation: what `finish`
    gives belongs at the end. `cited` are the numbers met so far.
    """

    def __init__(self, count: int) -> None:
        self.cited: set[int] = set()
        self._count = count
        self._held = ""
        self._line = ""  # the current line up to its first word
        self._ticks = 0  # inside `code` that this many backticks opened
        self._fence = ""  # inside a block of code that this opened

    def feed(self, piece: str) -> str:
        """What may be shown now. Empty while nothing is sure."""
        self._held += piece
        return self._take(final=False)

    def finish(self) -> str:
        """What was still held back."""
        return self._take(final=True)

    def _take(self, *, final: bool) -> str:
        out: list[str] = []
        text, at = self._held, 0
        while at < len(text):
            step = self._step(text, at, final=final)
            if step is None:
                break
            end, shown = step
            out.append(shown)
            self._remember(text[at:end])
            at = end
        self._held = text[at:]
        return "".join(out)

    def _step(self, text: str, at: int, *, final: bool) -> tuple[int, str] | None:
        """(end, what to show) of the next stretch, or None while it is not clear what it is."""
        if not self._line:
            if (found := _FENCE.match(text, at)) and (final or found.group().endswith("\n")):
                if self._turns_fence(found[1], found[2]):
                    return found.end(), found.group()
            elif not final and _FENCE_BEGINS.match(text, at):
                return None
        if self._fence:
            end = text.find("\n", at) + 1 or len(text)
            return end, text[at:end]
        char = text[at]
        if char == "\\" and not self._ticks:
            return None if at + 1 == len(text) and not final else (min(at + 2, len(text)), text[at : at + 2])
        if not self._ticks and char in "[【 \t":
            if (found := _CITATION.match(text, at)) and (final or found.end() < len(text)):
                if text[found.end() : found.end() + 1] != "(":
                    return found.end(), self._checked(found)
            elif not final and _UNFINISHED.match(text, at):
                return None
        plain = _PLAIN.match(text, at)
        end = plain.end() if plain else at + 1
        if char == "`":
            if end == len(text) and not final:
                return None
            self._ticks = 0 if self._ticks == end - at else self._ticks or end - at
        return end, text[at:end]

    def _turns_fence(self, mark: str, after: str) -> bool:
        """Whether this line opens or ends a block of code; if so, it does."""
        if self._fence:
            if mark[0] != self._fence[0] or len(mark) < len(self._fence) or after.strip():
                return False
            self._fence = ""
        elif mark[0] == "`" and "`" in after:
            return False
        else:
            self._fence, self._ticks = mark, 0
        return True

    def _remember(self, raw: str) -> None:
        """Follows the lines: a blank one ends `code` that nobody closed."""
        before, newline, last = raw.rpartition("\n")
        if newline:
            if _BLANK.match(self._line + before):
                self._ticks = 0
            self._line = last
        elif not self._line.strip():
            self._line += raw

    def _checked(self, found: re.Match[str]) -> str:
        """The citation without what does not exist. The space before it goes when nothing is left."""
        numbers = _numbers(found[2] or found[3])
        if 0 in numbers and len(numbers) > 1:
            return found.group()  # an interval, a list: sources count from 1
        real = [n for n in numbers if 1 <= n <= self._count]
        self.cited.update(real)
        if real:
            return found[1] + "".join(f"[{n}]" for n in real)
        return "" if self._line.strip() else found[1]


def without_citations(text: str) -> str:
    """The text without its citations: in another answer's prompt the numbers would mean other passages."""
    check = Citations(0)
    return check.feed(text) + check.finish()


def _numbers(group: str) -> list[int]:
    """1, 3-5 as [1, 3, 4, 5]; each once, in the order written."""
    numbers: list[int] = []
    for first, last, one in _RANGE.findall(group):
        low, high = (int(one), int(one)) if one else (int(first), int(last))
        numbers += range(low, min(high, low + 50) + 1) if low <= high else (low, high)
    return list(dict.fromkeys(numbers))
