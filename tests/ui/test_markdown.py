"""Markdown to blocks, at once and in pieces."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.ui.markdown import MarkdownStream, parse, plain_blocks
from mastra_desktop.ui.markdown_inline import BOLD, CODE, INLINE_LIMIT, InlineReader, Span

FRAGMENTS = [
    "# H\n", "para", "para two\n", "\n", "\n\n", "- a", "- ", "-", "1. x\n", "2) y\n", "10. z\n", "   ", "    ",
    "  - nested\n", "> q\n", ">", "```", "```py\n", "~~~\n", "code line\n", "|a|b|\n", "|-|-:|\n", "|-", "|1|2|\n",
    "1|2", "***", "---\n", "--", "#", "* * *\n", "**b** `c`", "[l](http://x)", "[r]: http://y\n", "\t", "\r", "\r\n",
    "- [x] task\n", "<div>\n", "中文", "===\n", "\\", "&amp;", " `", "\0",
]  # fmt: skip


def spans(source: str) -> list[Span]:
    return InlineReader().spans(source)


@settings(max_examples=600, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=14))
def test_pieces_give_the_blocks_of_the_whole(parts: list[str]) -> None:
    """After every piece of any text the blocks are those of parsing all of it at once."""
    stream, text = MarkdownStream(), ""
    for part in parts:
        text += part
        stream.feed(part)
        # A carriage return at the end waits for the line feed that may follow.
        assert stream.blocks == parse(text.removesuffix("\r"))


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab -*_`#>|\n\r~1.[]()!中🙂\t", max_size=120), st.integers(1, 9))
def test_any_text_in_any_pieces(text: str, size: int) -> None:
    """Characters cut anywhere, even in a line end or a fence, change nothing."""
    stream = MarkdownStream()
    for at in range(0, len(text), size):
        stream.feed(text[at : at + size])
    assert stream.blocks == parse(text.removesuffix("\r"))


def test_feed_tells_the_first_changed_block() -> None:
    """Blocks before the returned index are untouched, so a view lays out only the tail."""
    stream = MarkdownStream()
    stream.feed("one\n\ntwo\n\nthree\n")
    before = [id(block) for block in stream.blocks[:1]]
    assert stream.feed("\nfour") >= 1
    assert [id(block) for block in stream.blocks[:1]] == before


@pytest.mark.parametrize(
    ("line", "count"), [("- item **bold**\n", 400), ("| a | 1 |\n", 400), ("code\n", 400)]
)
def test_long_lists_tables_and_code_freeze(line: str, count: int) -> None:
    """The part that is parsed again stays small however long a list, table or fence grows."""
    stream = MarkdownStream()
    stream.feed({"|": "| x | y |\n|---|--:|\n", "c": "```py\n"}.get(line[0], ""))
    for _ in range(count):
        stream.feed(line)
    assert len(stream._tail) < 4 * len(line)


def test_lists_keep_numbers_tasks_and_depth() -> None:
    """Ordered items count on from their start, tasks have boxes, nested items know what they stand in."""
    blocks = parse("3. a\n4. b\n   - c\n\n- [x] d\n- [ ] e\n")
    assert [block.markers[-1][1] for block in blocks] == ["3.", "4.", "•", "☑", "☐"]
    assert [block.inside for block in blocks] == ["o", "o", "ob", "b", "b"]


def test_tables_keep_alignment() -> None:
    """Each row is a block; columns keep the alignment that the source asks for."""
    head, row = parse("| a | b |\n|:-:|--:|\n| 1 | **2** |\n")
    assert head.header
    assert not row.header
    assert row.cells == ("1", "**2**")
    assert row.aligns == ("center", "right")


def test_html_and_references_are_text() -> None:
    """Raw HTML and link definitions are shown, never obeyed."""
    assert [block.text for block in parse("<b>x</b>\n\n[a]: http://b\n")] == ["<b>x</b>", "[a]: http://b"]
    assert "".join(span.text for span in spans("<img src=x>")) == "<img src=x>"


def test_spans_of_a_paragraph() -> None:
    """Bold, code, links and bare addresses become runs; an image becomes its name with a link."""
    assert spans("**b** `c`") == [Span("b", BOLD), Span(" "), Span("c", CODE)]
    assert spans("[t](http://a)")[0] == Span("t", 0, "http://a")
    assert spans("see https://a.b/c.")[1] == Span("https://a.b/c", 0, "https://a.b/c")
    assert spans("![alt](http://i.png)") == [Span("alt", 0, "http://i.png")]


def test_huge_paragraphs_stay_plain_at_the_end() -> None:
    """Beyond the limit nothing is interpreted, so hostile text cannot stall the window."""
    rest = "*x*"
    assert spans("a" * INLINE_LIMIT + rest)[-1] == Span(rest)
    assert len(spans("[" * 20_000)[-1].text) > 19_000


def test_prompts_are_shown_as_typed() -> None:
    """A prompt keeps its lines and its signs."""
    assert [block.text for block in plain_blocks("# a\r\n\n- b")] == ["# a", "", "- b"]
