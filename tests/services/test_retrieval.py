"""One ranking from words and meaning."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, Passage
from mastra_desktop.services.retrieval import Fused, drop_neighbours, fuse, is_relevant, trust_in

Scores = dict[int, float]
BM25 = st.dictionaries(st.integers(1, 60), st.floats(0, 100), max_size=40)
COSINES = st.dictionaries(st.integers(1, 60), st.floats(-1, 1), max_size=40)
NOISE = {n: 0.80 - n * 0.0005 for n in range(1, 101)}  # nothing stands out


def ids(ranked: list[Fused]) -> list[int]:
    return [hit.passage_id for hit in ranked]


@given(BM25, COSINES, st.floats(0, 1))
def test_scores_fall_from_at_most_1_and_nothing_is_lost(words: Scores, meaning: Scores, trust: float) -> None:
    """Every passage of either side is in the ranking once; scores lie in 0 to 1 and fall."""
    ranked = fuse(list(words.items()), list(meaning.items()), trust=trust)
    scores = [hit.score for hit in ranked]
    assert sorted(ids(ranked)) == sorted(words.keys() | meaning.keys())
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    for hit in ranked:
        assert (hit.words is None) == (hit.passage_id not in words)
        assert (hit.meaning is None) == (hit.passage_id not in meaning)
        assert 0 <= (hit.words or 0) <= 1
        assert 0 <= (hit.meaning or 0) <= 1


@given(BM25, st.floats(0, 1))
def test_without_one_side_the_other_keeps_its_order(scores: Scores, trust: float) -> None:
    """With an empty side the ranking is the other's, equal scores by id."""
    expected = sorted(scores, key=lambda key: (-scores[key], key))
    assert ids(fuse(list(scores.items()), [], trust=trust)) == expected
    assert ids(fuse([], list(scores.items()), trust=trust)) == expected


@given(BM25, COSINES, st.randoms())
def test_the_order_of_the_input_does_not_matter(words: Scores, meaning: Scores, chance: Random) -> None:
    """Shuffled input gives the same ranking."""
    shuffled_words, shuffled_meaning = list(words.items()), list(meaning.items())
    chance.shuffle(shuffled_words)
    chance.shuffle(shuffled_meaning)
    assert fuse(shuffled_words, shuffled_meaning) == fuse(list(words.items()), list(meaning.items()))


@given(BM25, st.floats(0.1, 10))
def test_the_scale_of_bm25_does_not_matter(words: Scores, factor: float) -> None:
    """BM25 grows with the question; the ranking with meaning stays the same (but for rounding)."""
    rounded = {key: float(round(score)) for key, score in words.items()}
    grown = {key: score * factor for key, score in rounded.items()}
    before = {hit.passage_id: hit.score for hit in fuse(list(rounded.items()), list(NOISE.items()))}
    after = {hit.passage_id: hit.score for hit in fuse(list(grown.items()), list(NOISE.items()))}
    assert all(abs(before[key] - after[key]) < 1e-6 for key in before)


def test_a_clear_answer_is_not_outvoted_by_noise() -> None:
    """One passage has the rare words of the question; a hundred cosines that say nothing leave it first."""
    words = {500: 30.0, **{n: 6 - n * 0.02 for n in range(501, 580)}}
    assert ids(fuse(list(words.items()), list(NOISE.items())))[0] == 500
    meaning = {500: 0.9, **NOISE}
    flat = {n: 6 - n * 0.01 for n in range(1, 100)}
    assert ids(fuse(list(flat.items()), list(meaning.items())))[0] == 500


def test_what_both_find_comes_before_what_one_finds() -> None:
    """Two sides equally sure of different passages: the one that the other side has too comes first."""
    words = {1: 20.0, 2: 19.0, **{n: 10 - n * 0.01 for n in range(10, 60)}}
    meaning = {3: 0.90, 2: 0.895, **{n: 0.8 - n * 0.0001 for n in range(100, 150)}}
    assert ids(fuse(list(words.items()), list(meaning.items())))[0] == 2


def test_a_single_passage_with_the_word_beats_many_that_only_lie_near() -> None:
    """Words found in one passage only are evidence, though one score shows no spread."""
    assert ids(fuse([(7, 3.0)], [(n, 0.80 - n * 0.001) for n in range(1, 9)]))[0] == 7


def test_the_english_embedder_is_not_trusted_with_other_scripts() -> None:
    """Where it reads nothing, the order is that of the words; the multilingual one reads all."""
    assert trust_in(ENGLISH_EMBEDDER, "what is a boundary layer?") == 1
    assert trust_in(ENGLISH_EMBEDDER, "广茂铁路全长多少公里？") == 0
    assert 0 < trust_in(ENGLISH_EMBEDDER, "PDF 文件") < 1
    assert trust_in(ENGLISH_EMBEDDER, "42?") == 1
    assert trust_in(MULTILINGUAL_EMBEDDER, "广茂铁路全长多少公里？") == 1
    words = [(1, 9.0), (2, 8.0), (3, 1.0)]
    assert ids(fuse(words, [(3, 0.9), (4, 0.8), (1, 0.1)], trust=0)) == [1, 2, 3, 4]


def passage(number: int, start: int, document: str = "d") -> Passage:
    return Passage(number, document, "c", number, start, start + 100, "")


def ranking(*numbers: int) -> list[Fused]:
    return [Fused(n, 1 - i / 10, None, None) for i, n in enumerate(numbers)]


def test_of_overlapping_passages_the_better_one_stays() -> None:
    """Three overlapping passages in a row give one place, or two when the middle one is not the best."""
    known = {n: passage(n, n * 80) for n in range(1, 6)} | {9: passage(9, 80, "other")}
    assert ids(drop_neighbours(ranking(2, 1, 3, 5, 9), known, 3)) == [2, 5, 9]
    assert ids(drop_neighbours(ranking(1, 2, 3, 5, 9), known, 3)) == [1, 3, 5]


def test_dropped_passages_come_back_rather_than_nothing() -> None:
    """A single short document still gives k passages, in their order; unknown ones are left out."""
    known = {n: passage(n, n * 80) for n in range(1, 4)}
    assert ids(drop_neighbours(ranking(2, 8, 1, 3), known, 3)) == [2, 1, 3]
    assert ids(drop_neighbours(ranking(2, 8, 1, 3), known, 2)) == [2, 1]
    assert drop_neighbours([], known, 3) == []


ABOUT_TRAINS = "The Guangmao railway in Guangdong is 364 km long and has been run by one company since 1991."


@pytest.mark.parametrize(
    ("query", "cosine", "expected"),
    [
        ("How long is the Guangmao railway?", 0.91, True),
        ("When did trains first go there?", 0.91, True),  # other words, clear meaning
        ("Guangmao railway", 0.80, True),  # all of the words, weak meaning
        ("Guangmao railways", 0.86, True),
        ("How long should I boil eggs?", 0.83, False),
        ("What does the lease say about pets?", 0.86, False),  # near by chance, no word of it
        ("Is the Guangmao company hiring cooks for a kitchen?", 0.81, False),
    ],
)
def test_one_clear_sign_or_two_fair_ones_make_a_hit_relevant(
    query: str, cosine: float, expected: bool
) -> None:
    """The best cosine and the share of the question's words together decide; words that ask count for nothing."""
    words, meaning = [(1, 3.0)], [(1, cosine), (2, 0.78)]
    assert is_relevant(query, words, meaning, [ABOUT_TRAINS], embedder_id=MULTILINGUAL_EMBEDDER) is expected


def test_relevance_without_one_of_the_signs() -> None:
    """Words alone, meaning alone, an embedder that can't read the question or one that is not known."""
    trains = [ABOUT_TRAINS]
    known, english = MULTILINGUAL_EMBEDDER, ENGLISH_EMBEDDER
    assert not is_relevant("anything", [], [], [], embedder_id=known)
    assert is_relevant("Guangmao railway", [(1, 3.0)], [], trains, embedder_id=known)
    assert not is_relevant("railway tickets to Rome", [(1, 3.0)], [], trains, embedder_id=known)
    assert is_relevant("Züge in Guangdong", [], [(1, 0.87)], trains, embedder_id=known)
    assert not is_relevant("Eier kochen", [], [(1, 0.81)], trains, embedder_id=known)
    chinese = ["广茂铁路全长364公里"]
    assert is_relevant("广茂铁路全长多少公里？", [(1, 9.0)], [(1, 0.3)], chinese, embedder_id=english)
    assert not is_relevant("怎么做红烧肉才好吃？", [(1, 1.0)], [(1, 0.7)], chinese, embedder_id=english)
    assert is_relevant("How long is it?", [(1, 1.0)], [(1, 0.87)], chinese, embedder_id=known)
    assert is_relevant("Where do trains go?", [(1, 1.0)], [(1, 0.84)], chinese, embedder_id=known)
    assert not is_relevant("Where do trains go?", [(1, 1.0)], [(1, 0.4)], chinese, embedder_id=english)
    assert is_relevant("广茂铁路通往哪里？", [], [(1, 0.84)], trains, embedder_id=known)
    assert not is_relevant("怎么做红烧肉才好吃？", [], [(1, 0.81)], trains, embedder_id=known)
    assert is_relevant("eggs", [(1, 1.0)], [(1, 0.1)], trains, embedder_id="server/unknown")


def test_across_languages_the_cosine_alone_decides() -> None:
    """Words cannot match there, and cosines of answered questions are lower: from 0.82 on it is relevant."""
    trains = [ABOUT_TRAINS]
    for question in ("Wie lang ist die Eisenbahn?", "Quelle est la longueur du chemin de fer ?"):
        for cosine, expected in ((0.83, True), (0.81, False)):
            found = is_relevant(question, [], [(1, cosine)], trains, embedder_id=MULTILINGUAL_EMBEDDER)
            assert found is expected
        assert not is_relevant(question, [], [(1, 0.3)], trains, embedder_id=ENGLISH_EMBEDDER)
    same = "How do I bake a cake?"  # in the passages' language the cosine has to be a clear one
    assert not is_relevant(same, [(1, 1.0)], [(1, 0.83)], trains, embedder_id=MULTILINGUAL_EMBEDDER)
