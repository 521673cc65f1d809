"""Citations in an answer that streams: what stays, what goes, whatever the pieces."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.services.citations import Citations, without_citations

_PARTS = (
    "[1]|[2]|[9]| [9]|[1, 3]|[2-7]|【1】|【3†source】|【9】|[|]|1|,| |  |`|``|~|\\|(|)|a|word|水|。|-|[x]"
)
BITS = st.sampled_from([*_PARTS.split("|"), "\n", "\n\n", "```\n", "```py\n", "~~~\n"])
TEXTS = st.lists(BITS, max_size=30).map("".join)


def checked(text: str, *cuts: int, count: int = 3) -> tuple[str, set[int]]:
    check = Citations(count)
    places = [0, *sorted(cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    return "".join(map(check.feed, pieces)) + check.finish(), check.cited


@pytest.mark.parametrize(
    ("answer", "shown", "cited"),
    [
        ("At most 36 hours [1].", "At most 36 hours [1].", {1}),
        ("At most 36 hours [9].", "At most 36 hours.", set()),
        ("Both [1, 3] and [2,9].", "Both [1][3] and [2].", {1, 2, 3}),
        ("All of it [1-3], [2-9].", "All of it [1][2][3], [2][3].", {1, 2, 3}),
        ("One[1][9][2] after another", "One[1][2] after another", {1, 2}),
        ("三十六小时【1】。另见【7】。", "三十六小时[1]。另见。", {1}),
        ("As said 【2†notes.pdf】.", "As said [2].", {2}),
        ("A link [1](http://a.example/) stays", "A link [1](http://a.example/) stays", set()),
        ("`a[9]` and ``b`[9]`` but [9] not", "`a[9]` and ``b`[9]`` but not", set()),
        ("```py\nx[9] = 1\n```\nDone [9].", "```py\nx[9] = 1\n```\nDone.", set()),
        ("~~~\n```\n[9]\n~~~\n[9]!", "~~~\n```\n[9]\n~~~\n!", set()),
        ("an unclosed ` there\n\nand [9] here", "an unclosed ` there\n\nand here", set()),
        ("escaped \\[9] stays", "escaped \\[9] stays", set()),
        ("[2024], [a], [ ], [] and [0, 1] are none", "[2024], [a], [ ], [] and [0, 1] are none", set()),
        ("- [9] in a list", "- in a list", set()),
        ("it ends in [1", "it ends in [1", set()),
    ],
)
def test_what_stays_and_what_goes(answer: str, shown: str, cited: set[int]) -> None:
    """A number without a source goes with the space before it; other brackets and code stay."""
    assert checked(answer) == (shown, cited)


@settings(max_examples=400, deadline=None)
@given(TEXTS, st.lists(st.integers(0, 80), max_size=6))
def test_the_pieces_make_no_difference(text: str, cuts: list[int]) -> None:
    """However an answer is cut into pieces, the same comes out and the same is cited."""
    assert checked(text, *(min(cut, len(text)) for cut in cuts)) == checked(text)
    assert checked(text, *range(len(text))) == checked(text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_only_citations_change(text: str) -> None:
    """Apart from brackets with numbers and the spaces before them, an answer comes out as it came in."""

    def rest(of: str) -> str:
        return re.sub(r"[ \t]*(\[[\d ,-]*\]|【[^】\n]*】)", "", of)

    def bare(of: str) -> str:
        return re.sub(r"[ \t\d\[\]【】,†-]|source", "", of)

    shown, _ = checked(text)
    assert bare(shown) == bare(text)
    if "[" not in text and "【" not in text:
        assert shown == text
    assert len(rest(shown)) >= len(rest(rest(text))) - text.count(" ")


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_checking_twice_changes_nothing_more(text: str) -> None:
    """A checked answer that is real citations and prose passes unchanged; with no sources none is left."""
    once, cited = checked(text.replace("`", "").replace("~", "").replace("\\", ""))
    assert cited <= {1, 2, 3}
    assert not re.search(r"\[(9|[4-8])\](?!\()", once)


def test_text_goes_out_at_once() -> None:
    """Only what may be a citation is held back, never the words before it."""
    check = Citations(2)
    assert check.feed("At most 36 hours") == "At most 36 hours"
    assert check.feed(" [") == ""
    assert check.feed("1") == ""
    assert check.feed("]") == ""
    assert check.feed(". Then") == " [1]. Then"
    assert check.finish() == ""


def test_without_citations() -> None:
    """An earlier answer's numbers are gone before it is shown to the model again."""
    assert without_citations("At most 36 hours [1][2]. See `x[1]`.") == "At most 36 hours. See `x[1]`."
