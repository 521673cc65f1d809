"""Compares an answer with its sources: what none of them backs, and the one that a short answer is from.

Hints for the reader, so they err on the quiet side: a sentence is named only when it cites nothing, is in
the language of the sources, says something, and hardly a word of what it says occurs in them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mastra_desktop.domain.knowledge import Source

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3"
_RUN = re.compile(f"[{_CJK}]+")
_WORD = re.compile(rf"[^\W\d_{_CJK}]+|\d+")
_CODE = re.compile(r"^ {0,3}(`{3,}|~{3,}).*?(?:^ {0,3}\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_CITED = r"(?:[ \t]*\[\d{1,3}\])*"
# Ends after ., ! or ? before white space, after their full-width kin, or with the line.
_SENTENCE = re.compile(
    rf"[^\n]+?(?:[.!?…]+[\"'”’)*_]*{_CITED}(?=\s|\Z)|[。！？]+[”’」』）]*{_CITED}|(?=\n)|\Z)"
)
_LEAD = re.compile(r"\s*(?:>\s*)*(?:[-*+•]\s+|\d{1,3}[.)]\s+)?\s*")
_SAYS_NOTHING = re.compile(
    r"\b(?:not?|cannot|can't|don't|doesn't|unable|nothing|none)\b[^.]*\b(?:passages?|documents?|sources?|"
    r"information|texts?|context|files?)\b|\b(?:passages?|documents?|sources?|information|texts?|context|files?)"
    r"\b[^.]*\b(?:not?|cannot|can't|don't|doesn't|nothing)\b|(?:没有|未|无法|不能|并无|沒有|無法).*",
    re.IGNORECASE,
)
_LEAST_WORDS = 3
_LEAST_PAIRS = 8
_BACKED = 0.25  # of the words that say something
_SAME_LANGUAGE = 0.35  # of the small words
_FROM_IT = 0.5  # of what an answer says, for it to be from a source
_SHORT_ANSWER = 500  # characters that one citation can stand for


def unsupported(text: str, sources: Sequence[Source], question: str = "") -> tuple[tuple[int, int], ...]:
    """The (start, end) in `text` of such sentences, in order. None without sources to compare with."""
    if not sources:
        return ()
    given = "\n".join((*(f"{s.document}\n{' '.join(s.heading)}\n{s.text}" for s in sources), question))
    words = {_stem(word) for word in _words(given)}
    pairs = _pairs(given)
    # Of the same length, so that places stay: code is compared with nothing.
    prose = _CODE.sub(lambda code: re.sub(r"[^\n]", " ", code.group()), text)
    found = []
    for match in _SENTENCE.finditer(prose):
        lead = _LEAD.match(match.group())
        start = match.start() + (lead.end() if lead else 0)
        sentence = prose[start : match.end()].rstrip()
        if sentence and _says_something(sentence) and not _backed(sentence, words, pairs):
            found.append((start, start + len(sentence)))
    return tuple(found)


def origin(text: str, sources: Sequence[Source], question: str = "") -> int | None:
    """The number of the source a short answer without citations is from; None where that is not clear.

    Most of the answer's words are in it; or, in another language, the figures that are in no other source.
    """
    if len(text) > _SHORT_ANSWER or "```" in text or _SAYS_NOTHING.search(text):
        return None
    own, figures = _content(text), set(re.findall(r"\d+", text)) - set(re.findall(r"\d+", question))
    best, best_share = None, 0.0
    holding = []
    for source in sources:
        given = _content(source.text)
        shared = own & given
        share = len(shared) / len(own) if own else 0.0
        if figures <= set(re.findall(r"\d+", source.text)):
            holding.append(source.n)
            if len(shared) >= _LEAST_WORDS and share >= _FROM_IT and share > best_share:
                best, best_share = source.n, share
    if best is None and figures and len(holding) == 1:
        return holding[0]
    return best


def _content(text: str) -> set[str]:
    """The beginnings of its larger words, its figures, and its pairs of characters."""
    return {_stem(word) for word in _words(text) if len(word) >= 4 or word.isdigit()} | _pairs(text)


def _says_something(sentence: str) -> bool:
    """No heading, table, question, lead-in or admission, and nothing that cites."""
    if re.search(r"\[\d{1,3}\]", sentence) or sentence.startswith(("#", "|")):
        return False
    return not sentence.endswith((":", "：", "?", "？")) and not _SAYS_NOTHING.search(sentence)


def _backed(sentence: str, words: set[str], pairs: set[str]) -> bool:
    """Whether enough of the sentence occurs in the sources, or this can't be told."""
    own_pairs = _pairs(sentence)
    if len(own_pairs) >= _LEAST_PAIRS:
        return len(pairs) < _LEAST_PAIRS or len(own_pairs & pairs) >= _BACKED * len(own_pairs)
    own = _words(sentence)
    small = {word for word in own if 1 < len(word) < 4 and not word.isdigit()}
    large = {_stem(word) for word in own if len(word) >= 4 or word.isdigit()}
    if len(large) < _LEAST_WORDS or len(small & words) < max(1, _SAME_LANGUAGE * len(small)):
        return True
    return len(large & words) >= _BACKED * len(large)


def _words(text: str) -> set[str]:
    return set(_WORD.findall(text.casefold()))


def _stem(word: str) -> str:
    """Its beginning, so that stored, storing and storage meet."""
    return word[:5]


def _pairs(text: str) -> set[str]:
    return {run[i : i + 2] for run in _RUN.findall(text) for i in range(len(run) - 1)}
