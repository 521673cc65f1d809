"""Splitting: passages follow the text's structure, lose nothing and are never too long."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.domain.knowledge import Block, BlockKind, PassageSpan, ReadText
from mastra_desktop.ingest.splitting import split
from mastra_desktop.ingest.tokenizers import token_counter
from tests.conftest import RESOURCES

HEADING, PARAGRAPH = BlockKind.HEADING, BlockKind.PARAGRAPH


def words(text: str) -> int:
    """A stand-in for a tokenizer: two tokens around, one for each word or CJK character."""
    return 2 + len(re.findall(r"[^\W\u3040-\u9fff]+|[^\w\s]|[\u3040-\u9fff]", text))


def made(*parts: tuple[BlockKind, str], levels: Sequence[int] = (), page_parts: int = 1000) -> ReadText:
    """A text of `parts`, an empty line between them; every `page_parts` parts a page starts."""
    text, blocks, depth = "", [], iter(levels)
    for at, (kind, part) in enumerate(parts):
        level = next(depth, 1) if kind is HEADING else 0
        blocks.append(Block(kind, len(text), len(text) + len(part), level, 1 + at // page_parts))
        text += part + "\n\n"
    return ReadText(text, tuple(blocks))


def texts(read: ReadText, spans: Sequence[PassageSpan]) -> list[str]:
    return [read.text[span.start : span.end] for span in spans]


def sentence(number: int, length: int = 10) -> str:
    return " ".join(f"w{number}x{at}" for at in range(length - 1)) + f" end{number}."


def test_a_heading_starts_a_passage_and_names_those_below() -> None:
    """Each passage knows the headings above it; one of the same level replaces another."""
    read = made(
        (HEADING, "Top"),
        (HEADING, "First"),
        (PARAGRAPH, "One."),
        (HEADING, "## Second ##"),
        (PARAGRAPH, "Two."),
        levels=(1, 2, 2),
    )
    spans = split(read, words)
    assert texts(read, spans) == ["Top\n\nFirst\n\nOne.", "## Second ##\n\nTwo."]
    assert [span.heading for span in spans] == [("Top", "First"), ("Top", "Second")]


def test_short_paragraphs_share_a_passage() -> None:
    """Paragraphs are packed together up to the limit and not cut where whole ones fit."""
    read = made(*((PARAGRAPH, sentence(n, 30)) for n in range(9)))
    found = texts(read, split(read, words, limit=100))
    assert [part.count("end") for part in found] == [3, 3, 3]


def test_a_long_paragraph_is_cut_between_sentences_and_repeats_a_little() -> None:
    """The last sentences before a cut start the next passage, whole ones, up to the overlap."""
    read = made((PARAGRAPH, " ".join(sentence(n) for n in range(12))))
    found = texts(read, split(read, words, limit=60, overlap=24))
    assert all(part.endswith(".") for part in found)
    for before, after in pairwise(found):
        repeated = after[: after.index(".") + 1]
        assert before.split(". ")[-2] + "." == repeated or before.endswith(repeated)
        assert len(set(after.split()) & set(before.split())) in (10, 11, 20, 22)


def test_chinese_is_cut_between_its_sentences() -> None:
    """。！？； end a sentence without a space after them."""
    read = made((PARAGRAPH, "知识库把文档切分成段落。然后计算向量！可以吗？可以；" * 12))
    found = texts(read, split(read, words, limit=80, overlap=0))
    assert len(found) > 3
    assert all(part[-1] in "。！？；" for part in found)


def test_a_heading_does_not_stand_alone_before_a_long_paragraph() -> None:
    """A heading takes the start of the paragraph with it, even if the paragraph alone would fit."""
    read = made((HEADING, "Title"), (PARAGRAPH, " ".join(sentence(n, 9) for n in range(10))))
    found = texts(read, split(read, words, limit=93, overlap=0))
    assert found[0].startswith("Title\n\nw0x0")


def test_table_rows_stay_whole() -> None:
    """A table is cut between rows only."""
    rows = [" | ".join(f"c{row}x{cell}" for cell in range(12)) for row in range(20)]
    read = made(*((BlockKind.TABLE_ROW, row) for row in rows))
    found = texts(read, split(read, words, limit=70))
    assert [row for part in found for row in part.split("\n\n")] == rows


def test_a_row_longer_than_a_passage_is_cut() -> None:
    """Only a row that is alone over the limit is cut."""
    read = made((BlockKind.TABLE_ROW, " ".join(f"c{cell}" for cell in range(300))))
    spans = split(read, words, limit=100)
    assert len(spans) >= 3
    assert max(span.tokens for span in spans) <= 100


def test_code_is_cut_between_lines() -> None:
    """Code keeps its lines whole, and is not repeated."""
    lines = [f"    value_{line} = call({line})" for line in range(60)]
    read = made((BlockKind.CODE, "\n".join(lines)))
    found = texts(read, split(read, words, limit=60))
    assert "\n".join(found).replace(" ", "") == "\n".join(lines).replace(" ", "")


def test_a_passage_has_the_page_it_starts_on() -> None:
    """Pages come from the block a passage starts with."""
    read = made(*((PARAGRAPH, sentence(n, 40)) for n in range(9)), page_parts=4)
    assert [span.page for span in split(read, words, limit=50)] == [1, 1, 1, 1, 2, 2, 2, 2, 3]


def test_nothing_to_split() -> None:
    """White space alone makes no passage."""
    assert split(ReadText(" \n\t ", ()), words) == ()
    assert split(made((PARAGRAPH, "  "), (HEADING, "\n")), words) == ()


PIECES = st.one_of(
    st.text(max_size=60),
    st.text("知识库文档。！？； \n", max_size=80),
    st.text("ab c.d!\n  ", max_size=80),
    st.text("👩‍👧e\u0301\u0e33🏽\u200d\ufe0fﷺ", max_size=40),
    st.integers(1, 900).map(lambda n: "xyz" * n),
    st.integers(1, 200).map(lambda n: "汉字" * n),
)
BLOCKS = st.lists(st.tuples(st.sampled_from(BlockKind), PIECES), max_size=12)


def check(read: ReadText, count: Callable[[str], int], limit: int) -> None:
    spans = split(read, count, limit=limit, overlap=limit // 5)
    assert [span.index for span in spans] == list(range(len(spans)))
    covered: set[int] = set()
    last = (-1, -1)
    for span in spans:
        part = read.text[span.start : span.end]
        assert part == part.strip()
        assert part
        assert last[0] < span.start
        assert last[1] < span.end
        last = (span.start, span.end)
        assert span.tokens == count(part)
        assert span.tokens <= limit or len(part) == 1
        covered.update(range(span.start, span.end))
    missing = [at for at, character in enumerate(read.text) if at not in covered and not character.isspace()]
    assert not missing


@settings(max_examples=150, deadline=None)
@given(BLOCKS, st.integers(12, 90))
def test_any_text_is_covered_in_order_and_within_the_limit(
    parts: list[tuple[BlockKind, str]], limit: int
) -> None:
    """Every character that is not white space is in a passage, and none is too long, however it is counted."""
    read = made(*parts, levels=(1, 2, 3, 2, 1))
    check(read, words, limit)
    check(read, lambda text: 3 + len(text), limit)


@pytest.mark.parametrize("embedder_id", ["builtin/multilingual", "builtin/english"])
def test_any_text_fits_the_real_embedders(embedder_id: str) -> None:
    """The same holds as the embedders themselves count."""
    count = token_counter(embedder_id, RESOURCES)

    @settings(max_examples=40, deadline=None)
    @given(BLOCKS)
    def holds(parts: list[tuple[BlockKind, str]]) -> None:
        check(made(*parts), count, 64)

    holds()


def test_blocks_may_leave_text_out() -> None:
    """Text outside of any block is not lost."""
    read = ReadText("before heading after", (Block(HEADING, 7, 14, 1),))
    assert texts(read, split(read, words)) == ["before", "heading after"]


def test_a_passage_stays_on_its_page() -> None:
    """Short pages are not joined: each passage names the page all of its words are on."""
    lines = ("One.", "Two is here.", "Three.")
    text = "\n\n".join(lines)
    blocks = tuple(
        Block(BlockKind.PARAGRAPH, text.index(line), text.index(line) + len(line), page=n)
        for n, line in enumerate(lines, 1)
    )
    found = split(ReadText(text, blocks, pages=3), words)
    assert [(text[p.start : p.end], p.page) for p in found] == [(line, n) for n, line in enumerate(lines, 1)]
