"""One ranking from two: passages found by their words and passages found by their meaning.

How words and meaning are put together. The scores of the two have nothing in common: BM25 grows with
the question, cosines of one embedder lie between 0.7 and 0.95, those of another between 0 and 0.6. Ranks
have a common scale, but a useless ranking then counts as much as a good one. So each score is turned
into evidence: how unlikely it would be if the list held nothing but noise. Above any high threshold the
scores of noise fall off exponentially (peaks over threshold, the usual model of extremes), so a passage
x above the last of n candidates has -ln p = (x - last) / m, with m from the median, which a few good
passages don't move. Evidence of both sides is added, as in Fisher's method: a side where nothing stands
out adds the same little to everything, one with a clear answer decides, and two that agree beat both.
docs/decisions/0007-hybrid-fusion.md has what was measured.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, Passage
from mastra_desktop.store.words import index_text

CANDIDATES = 100  # of each side: enough to tell noise from what stands out of it
_MOST_EVIDENCE = 20.0  # of one side; a chance of e^-20 is certain enough, and bounds degenerate lists

# (unrelated, related): the best cosine of questions about something else, and of questions that are answered.
_USUAL_COSINES = {MULTILINGUAL_EMBEDDER: (0.80, 0.86), ENGLISH_EMBEDDER: (0.25, 0.5)}
_USUAL_COVERAGE = (0.2, 0.6)
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Fused:
    """A passage in the joined ranking.

    `score` lies in 0 to 1: its evidence, of what a passage that leads both sides would have. `words` is
    the BM25 score relative to the best one's, `meaning` the cosine; None where that side has not found it.
    """

    passage_id: int
    score: float
    words: float | None
    meaning: float | None


def fuse(
    words: Sequence[tuple[int, float]], meaning: Sequence[tuple[int, float]], *, trust: float = 1.0
) -> list[Fused]:
    """Both rankings as one, best first; (passage id, score) in any order, scores higher when better.

    Give about `CANDIDATES` of each side. An empty side leaves the other's order. `trust` (0 to 1) is how
    far the embedder can read the question, see `trust_in`; at 0, meaning only orders what words don't know.
    """
    word_scores, cosines = dict(words), dict(meaning)
    known = max(len(word_scores), len(cosines))
    by_words = _evidence(word_scores, of=known)
    # No such bonus for being in a short list of meanings: while documents are being embedded it holds
    # whatever has a vector, found or not.
    by_meaning = _evidence(cosines, of=len(cosines))
    weight = trust if by_words else 1.0
    most = max(by_words.values(), default=0.0) + weight * max(by_meaning.values(), default=0.0)
    best_words = max(word_scores.values(), default=0.0)
    joined = [
        (
            by_words.get(key, 0.0) + weight * by_meaning.get(key, 0.0),
            word_scores.get(key, -math.inf),
            cosines.get(key, -math.inf),
            -key,
        )
        for key in {**word_scores, **cosines}
    ]
    joined.sort(reverse=True)  # equal evidence: by the scores themselves, then by id
    return [
        Fused(
            -key,
            min(1.0, evidence / most) if most > 0 else 1.0,
            _share(by_bm25, best_words) if -key in word_scores else None,
            min(1.0, max(0.0, cosine)) if -key in cosines else None,
        )
        for evidence, by_bm25, cosine, key in joined
    ]


def trust_in(embedder_id: str, query: str) -> float:
    """How far (0 to 1) an embedder can read a question: for the English one, the share of Latin letters."""
    if embedder_id != ENGLISH_EMBEDDER:
        return 1.0
    letters = [character for character in query if character.isalpha()]
    latin = sum(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return latin / len(letters) if letters else 1.0


def is_relevant(
    query: str,
    words: Sequence[tuple[int, float]],
    meaning: Sequence[tuple[int, float]],
    texts: Sequence[str],
    *,
    embedder_id: str,
) -> bool:
    """Whether what was found seems to answer the query; `texts` are those of the best fused passages.

    Two signs, each 0 where questions about other things end up and 1 where questions about the
    collection do: the best cosine, and how many of the query's words the best passage has. Together
    they must come to 1, so one alone has to be clear.
    """
    if not words and not meaning:
        return False
    usual = _USUAL_COSINES.get(embedder_id)
    sign = 0.0
    if meaning and usual is not None:
        best = max(cosine for _, cosine in meaning)
        sign += trust_in(embedder_id, query) * _between(best, usual)
    if words:
        sign += _between(_coverage(query, texts), _USUAL_COVERAGE)
    return sign >= 1.0


def drop_neighbours(ranked: Sequence[Fused], passages: Mapping[int, Passage], k: int) -> list[Fused]:
    """The best `k`, each from a place of its own: of passages of a document that overlap, the better stays.

    Passages that `passages` does not know are left out. Where too few would be left, the best of those
    dropped come back, still in order.
    """
    chosen: list[int] = []
    dropped: list[int] = []
    places: dict[str, list[Passage]] = {}
    for number, hit in enumerate(ranked):
        passage = passages.get(hit.passage_id)
        if passage is None:
            continue
        same = places.setdefault(passage.document_id, [])
        if any(passage.start < other.end and other.start < passage.end for other in same):
            dropped.append(number)
            continue
        same.append(passage)
        chosen.append(number)
        if len(chosen) == k:
            break
    return [ranked[number] for number in sorted(chosen + dropped[: k - len(chosen)])]


def _evidence(scores: Mapping[int, float], *, of: int) -> dict[int, float]:
    """-ln of the chance that noise scores as high, for each of the best `len(scores)` out of `of`."""
    if not scores:
        return {}
    ordered = sorted(scores.values())
    last, span = ordered[0], ordered[-1] - ordered[0]
    # The median of an exponential distribution is m ln 2.
    scale = max((ordered[len(ordered) // 2] - last) / math.log(2), span / _MOST_EVIDENCE)
    found = math.log(of / len(ordered))  # being among the few found at all
    return {key: found + ((score - last) / scale if scale > 0 else 0.0) for key, score in scores.items()}


def _share(score: float, best: float) -> float:
    return min(1.0, max(0.0, score / best)) if best > 0 else 1.0


def _between(value: float, usual: tuple[float, float]) -> float:
    low, high = usual
    return (value - low) / (high - low)


def _coverage(query: str, texts: Sequence[str]) -> float:
    """The largest share of the query's distinct words (Chinese: pairs of characters) that one text has."""
    wanted = _words(query)
    return max((len(wanted & _words(text)) / len(wanted) for text in texts), default=0.0) if wanted else 0.0


def _words(text: str) -> set[str]:
    return set(_WORD.findall(index_text(text).lower()))
