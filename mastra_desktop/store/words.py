"""Words as full-text search sees them: text for the index, a typed query, and where it matches.

FTS5's unicode61 takes a run of Chinese, Japanese or Korean for one word. Such runs become overlapping
pairs, with the last character once more alone: 东京塔 -> 东京 京塔 塔. A run typed as a query is then a
phrase of its pairs, and a single character is the beginning of a pair.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

_CJK = (
    "\u3005\u3007\u3040-\u3098\u309d-\u309f\u30a0-\u30fa\u30fc-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff"
)
_CJK_RUN = re.compile(f"[{_CJK}]+")
_LETTER = rf"[^\W_{_CJK}]"
_PIECE = re.compile(rf"[{_CJK}]+|{_LETTER}(?:{_LETTER}|[\u0300-\u036f])*")
_QUOTED = re.compile(r'"([^"]*)("|$)|([^\s"]+)')
_MAX_QUERY_CHARS = 400
_MAX_TERMS = 24


@dataclass(frozen=True, slots=True)
class Term:
    """Pieces that must follow one another: a word, a run of characters, or a quoted phrase."""

    pieces: tuple[str, ...]
    prefix: bool  # the last piece may go on

    def tokens(self) -> list[str]:
        """As words of the index, in order."""
        last = self.pieces[-1]
        found = [token for piece in self.pieces[:-1] for token in _tokens(piece, last=False)]
        return [*found, *_tokens(last, last=True)]

    def as_fts(self) -> str:
        """As an FTS5 string; what is in it can never be syntax."""
        return f'"{" ".join(self.tokens())}"' + ("*" if self.prefix else "")

    def as_pattern(self) -> str:
        """As a regular expression over folded text."""
        body = r"[\W_]*".join(_spelled(piece) for piece in self.pieces)
        before = "" if _CJK_RUN.match(self.pieces[0]) else f"(?<!{_LETTER})"
        after = "" if self.prefix or _CJK_RUN.match(self.pieces[-1]) else f"(?!{_LETTER})"
        return before + body + after


@dataclass(frozen=True, slots=True)
class Query:
    """What a person typed. All terms must match. Empty when nothing in it can be searched."""

    terms: tuple[Term, ...]

    def as_fts(self) -> str:
        return " AND ".join(term.as_fts() for term in self.terms)

    def pattern(self) -> re.Pattern[str]:
        """Matches any of the terms in text that went through `fold`."""
        longest_first = sorted((term.as_pattern() for term in self.terms), key=len, reverse=True)
        return re.compile("|".join(longest_first) or r"(?!)")


def parse(typed: str) -> Query:
    """A query from whatever was typed: words, "quoted phrases", anything else is passed over.

    The last word counts as the beginning of one, unless it is quoted to the end.
    """
    text = _composed(clean(typed[:_MAX_QUERY_CHARS])).lower()
    found = list(_QUOTED.finditer(text))
    terms = []
    for match in found[:_MAX_TERMS]:
        phrase, closing, word = match.groups()
        pieces = tuple(_PIECE.findall(word or phrase or ""))
        if pieces:
            unfinished = match is found[-1] and closing != '"' and not text[-1:].isspace()
            terms.append(Term(pieces, unfinished or _is_single_cjk(pieces[-1])))
    return Query(tuple(dict.fromkeys(terms)))


def index_text(text: str) -> str:
    """`text` as it goes into a full-text table."""
    if text.isascii():
        return text
    return _CJK_RUN.sub(lambda run: f" {' '.join(_tokens(run[0], last=False))} ", _composed(text))


def question_tokens(text: str) -> list[str]:
    """The words of the index in a question, each once, in order; a run of Chinese as its pairs."""
    pieces = _PIECE.findall(_composed(clean(text)).lower())
    return list(dict.fromkeys(token for piece in pieces for token in _tokens(piece, last=True)))


def clean(text: str) -> str:
    """`text` as every database can keep it: surrogates joined or replaced, no NUL."""
    if "\0" in text:
        text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


class _Fold(dict[int, int]):
    """One character to one: lower case, without its accent, compatibility forms made plain."""

    def __missing__(self, code: int) -> int:
        plain = unicodedata.normalize("NFKD", chr(code)).lower()
        first = next((c for c in plain if not unicodedata.combining(c)), chr(code))
        # Hangul and voiced kana come apart into several; there the character itself is the letter.
        kept = code if _CJK_RUN.match(chr(code)) else ord(first)
        self[code] = kept
        return kept


class Finder:
    """Finds a query in texts. Keeps what it learns about characters; one per search."""

    def __init__(self, query: Query) -> None:
        self._pattern = query.pattern()
        self._fold = _Fold()

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) of each match in `text`, in order."""
        folded = text.lower() if text.isascii() else text.translate(self._fold)
        return (match.span() for match in self._pattern.finditer(folded))


def _tokens(piece: str, *, last: bool) -> list[str]:
    """The words of the index for one piece. The last of a query may stop inside a run."""
    if not _CJK_RUN.match(piece):
        return [piece]
    pairs = [piece[i : i + 2] for i in range(len(piece) - 1)]
    return pairs if pairs and last else [*pairs, piece[-1]]


def _is_single_cjk(piece: str) -> bool:
    return len(piece) == 1 and _CJK_RUN.match(piece) is not None


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def _spelled(piece: str) -> str:
    """The piece's letters, each with any accents that may follow it as characters of their own."""
    letters = [chr(_Fold()[ord(c)]) for c in piece if not unicodedata.combining(c)]
    if _CJK_RUN.match(piece):
        return re.escape("".join(letters))
    return "".join(re.escape(letter) + r"[\u0300-\u036f]*" for letter in letters)
