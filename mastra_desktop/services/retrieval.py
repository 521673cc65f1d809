"""One ranking from two: passages found by their words and passages found by their meaning.

How words and meaning are put together. The scores of the two have nothing in common: BM25 grows with
the question, cosines of one embedder lie between 0.7 and 0.95, those of another between 0 and 0.6. Ranks
have a common scale, but a useless ranking then counts as much as a good one. So each score is turned
into evidence: how unlikely it would be if the list held nothing but noise. Above any high threshold the
scores of noise fall off exponentially (peaks over threshold, the usual model of extremes), so a passage
scored x has -ln p = (x - last) / m, where m is the mean excess over the last candidate's score. Evidence of
both sides is added, as in Fisher's method: a side where nothing stands out adds the same little to
everything, one with a clear answer decides, and what both find beats what one finds.
docs/decisions/0007-hybrid-fusion.md has what was measured.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, Passage
from mastra_desktop.services.languages import is_foreign
from mastra_desktop.store.words import question_tokens

CANDIDATES = 100  # of each side: enough to tell noise from what stands out of it
_MOST_EVIDENCE = 10.0  # of one side: 1 in 22,000; a side that is wrong can be outweighed

# Per embedder: the best cosine that most questions about something else stay below, and one only seen
# with an answer.
_USUAL_COSINES = {MULTILINGUAL_EMBEDDER: (0.82, 0.90), ENGLISH_EMBEDDER: (0.2, 0.6)}
_USUAL_COVERAGE = (0.2, 0.8)  # the same for the share of the question's words that a passage has
_TELLING = 3  # of the best passages: enough to tell their language
_STEM = 6  # letters: "heating" and "heated" are one word
# Words that say how is asked, not about what.
_ASKING_ENGLISH = (
    "a about an and any are as at be been by can could did do does for from get give had has have how i "
    "if in into is it its make made me my no not of on or our shall should so some such than that the "
    "their them then there these they this those to up us use used was we were what when where which "
    "while who whom whose why will with would you your"
)
_ASKING = frozenset(_ASKING_ENGLISH.split())
_ASKING_CHINESE = frozenset(
    "的了是在有和与吗呢吧啊么哪谁几多何怎为被把从到也都就要会能它他她这那之其及或而个"
)


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
    return _latin(query) if embedder_id == ENGLISH_EMBEDDER else 1.0


def is_relevant(
    query: str,
    words: Sequence[tuple[int, float]],
    meaning: Sequence[tuple[int, float]],
    texts: Sequence[str],
    *,
    embedder_id: str,
) -> bool:
    """Whether what was found seems to answer the query; `texts` are those of the best ten or so passages.

    Two signs, each from 0, as for questions about other things, to 1, as only for questions that are
    answered: the best cosine, and how many of the query's words one passage has. Their mean must reach a
    half, so one alone has to be clear. Across languages words say nothing, and cosines are lower for what is
    answered as for what is not: there the cosine alone decides, at the lower bound. An embedder whose cosines
    are not known here refuses nothing.
    """
    if not words and not meaning:
        return False
    wanted = _subjects(query) if words else set()
    by_words = _between(_coverage(wanted, texts), _USUAL_COVERAGE)
    if not meaning:
        return by_words >= 0.5 or not wanted
    if embedder_id not in _USUAL_COSINES:
        return True
    by_meaning = _between(max(cosine for _, cosine in meaning), _USUAL_COSINES[embedder_id])
    trust = min(trust_in(embedder_id, text) for text in (query, *texts[:1]))
    if trust == 1 and texts and abs(_latin(query) - _latin(texts[0])) > 0.5:
        return by_meaning > 0  # in other letters no word can occur, and all cosines are lower
    if by_meaning > 0 and _is_foreign(embedder_id, query, texts):
        return True
    if not wanted:
        return by_meaning >= 0.5
    return trust * by_meaning + by_words >= (trust + 1) / 2


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
    last, best = min(scores.values()), max(scores.values())
    mean_excess = math.fsum(score - last for score in scores.values()) / len(scores)
    scale = max(mean_excess, (best - last) / _MOST_EVIDENCE)
    found = math.log(of / len(scores))  # being among the few found at all
    return {key: found + ((score - last) / scale if scale > 0 else 0.0) for key, score in scores.items()}


def _share(score: float, best: float) -> float:
    return min(1.0, max(0.0, score / best)) if best > 0 else 1.0


def _is_foreign(embedder_id: str, query: str, texts: Sequence[str]) -> bool:
    """Whether the question is in another language than what was found, and the embedder reads both."""
    return embedder_id == MULTILINGUAL_EMBEDDER and is_foreign(query, "\n".join(texts[:_TELLING]))


def _between(value: float, usual: tuple[float, float]) -> float:
    low, high = usual
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _latin(text: str) -> float:
    """The share of Latin among the letters of a text; 1 for a text without letters."""
    letters = [character for character in text if character.isalpha()]
    latin = sum(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)
    return latin / len(letters) if letters else 1.0


def _coverage(wanted: set[str], texts: Sequence[str]) -> float:
    """The largest share of the wanted words that one text has."""
    found = max((len(wanted & _subjects(text)) for text in texts), default=0)
    return found / len(wanted) if wanted else 0.0


def _subjects(text: str) -> set[str]:
    """The words of a text that are about something, without endings; of Chinese, pairs of characters."""
    return {
        word[:_STEM] if word.isascii() else word
        for word in question_tokens(text)
        if word not in _ASKING and not _ASKING_CHINESE & set(word)
    }
