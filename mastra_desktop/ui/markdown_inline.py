"""What stands inside a paragraph, heading or table cell: bold, links, code, line breaks and citations."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from markdown_it import MarkdownIt
from markdown_it.token import Token

BOLD, ITALIC, STRIKE, CODE, CITATION = 1, 2, 4, 8, 16
INLINE_LIMIT = 8_000
"""Characters of one paragraph that are read for emphasis and links; the rest is plain text."""
_MARKS_LIMIT = 400
BREAK = "\u2028"

_MARK = re.compile(r"[\[*_]")
_CITATION = re.compile(r"\[(\d{1,3})\]")
_URL = re.compile(r"https?://[^\s<>\"'`]+")


@dataclass(frozen=True, slots=True)
class Span:
    """A run of text in one look. `link` is the target as written, not yet checked."""

    text: str
    style: int = 0
    link: str = ""


def make_parser() -> MarkdownIt:
    """The parser that blocks and what stands inside them are read with."""
    parser = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
    return parser.disable(["reference"])


class InlineReader:
    """Reads what stands inside paragraphs, headings and cells.

    `[1]` to `[sources]` are citations: spans of their own, with their brackets.
    """

    def __init__(self, sources: int = 0) -> None:
        self.sources = sources
        self._parser = make_parser()
        self._last: tuple[str, list[Span]] = ("", [])

    def spans(self, source: str) -> list[Span]:
        """The runs of a text. Images become a link named by their alternative text."""
        found = self._read(source)
        return list(_with_citations(found, self.sources)) if self.sources else found

    def _read(self, source: str) -> list[Span]:
        if len(source) <= _MARKS_LIMIT:
            return _inline_spans(self._parser, source)
        head, rest = source[: inline_limit(source)], source[inline_limit(source) :]
        if not rest:
            return _inline_spans(self._parser, source)
        if self._last[0] != head:  # a paragraph that grows beyond the limit is read once
            self._last = head, _inline_spans(self._parser, head)
        return [*self._last[1], Span(rest.replace("\n", BREAK))]


def inline_limit(source: str) -> int:
    """How many characters are read for marks: few where nesting marks would take the parser seconds."""
    limit = min(len(source), INLINE_LIMIT)
    if (
        source.count("[", 0, limit) + source.count("*", 0, limit) + source.count("_", 0, limit)
        <= _MARKS_LIMIT
    ):
        return limit
    marks = (found.start() for found in _MARK.finditer(source, 0, limit))
    return next(islice(marks, _MARKS_LIMIT, None), limit)


def _inline_spans(parser: MarkdownIt, head: str) -> list[Span]:
    tokens: list[Token] = []
    parser.inline.parse(head, parser, {}, tokens)
    spans: list[Span] = []
    style, links = 0, [""]
    for token in tokens:
        kind = token.type
        if kind == "text":
            spans.extend(_with_urls(token.content, style, links[-1]))
        elif kind in ("softbreak", "hardbreak"):
            spans.append(Span(BREAK, style, links[-1]))
        elif kind == "code_inline":
            spans.append(Span(token.content, style | CODE, links[-1]))
        elif kind == "image":
            target = str(token.attrs.get("src", ""))
            spans.append(Span(token.content or target, style, target))
        elif kind == "link_open":
            links.append(str(token.attrs.get("href", "")))
        elif kind == "link_close":
            links.pop()
        elif kind in _STYLES:
            style |= _STYLES[kind]
        elif kind.replace("close", "open") in _STYLES:
            style &= ~_STYLES[kind.replace("close", "open")]
        elif token.content:
            spans.append(Span(token.content, style, links[-1]))
    return [span for span in spans if span.text]


_STYLES = {"strong_open": BOLD, "em_open": ITALIC, "s_open": STRIKE}


def _with_urls(text: str, style: int, link: str) -> Iterator[Span]:
    """Plain text with bare web addresses made links."""
    at = 0
    if not link and "://" in text:
        for found in _URL.finditer(text):
            address = found.group().rstrip(".,;:!?*_~)]}" if "(" not in found.group() else ".,;:!?*_~]}")
            if found.start() > at:
                yield Span(text[at : found.start()], style)
            yield Span(address, style, address)
            at = found.start() + len(address)
    if at < len(text):
        yield Span(text[at:], style, link)


def _with_citations(spans: list[Span], sources: int) -> Iterator[Span]:
    """Citations of existing sources made spans of their own; not in code and links."""
    for span in spans:
        if "[" not in span.text or span.style & CODE or span.link:
            yield span
            continue
        at = 0
        for found in _CITATION.finditer(span.text):
            if 1 <= int(found[1]) <= sources:
                if found.start() > at:
                    yield Span(span.text[at : found.start()], span.style)
                yield Span(found.group(), CITATION)
                at = found.end()
        if at < len(span.text):
            yield Span(span.text[at:], span.style)
