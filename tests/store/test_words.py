from __future__ import annotations

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_desktop.store import words

AWKWARD = st.text(
    st.one_of(
        st.sampled_from("\"*()-+:^{}[]'\\ANDORNEAR \0\t\n.,_天气预报かなガ한국éÉßİ\u0301\u3099\ud800"),
        st.characters(),
    ),
    max_size=60,
)


def matches(typed: str, text: str) -> bool:
    """Whether a real full-text table with `text` in it finds `typed`."""
    conn = sqlite3.connect(":memory:")
    try:
        conn.execute("CREATE VIRTUAL TABLE t USING fts5(x, tokenize='unicode61 remove_diacritics 2')")
        conn.execute("INSERT INTO t VALUES (?)", (words.index_text(words.clean(text)),))
        query = words.parse(typed)
        if not query.terms:
            return False
        return bool(conn.execute("SELECT 1 FROM t WHERE x MATCH ?", (query.as_fts(),)).fetchone())
    finally:
        conn.close()


@given(AWKWARD)
def test_whatever_is_typed_is_a_query(typed: str) -> None:
    """No input makes a syntax error, and none makes the marks fail."""
    matches(typed, typed)
    for start, end in words.Finder(words.parse(typed)).spans(words.clean(typed)):
        assert start < end


@given(st.lists(st.text("天气预报说明abcdé", min_size=1, max_size=6), min_size=1, max_size=5), st.data())
def test_every_part_of_a_text_finds_it(parts: list[str], data: st.DataObject) -> None:
    """A word, or any stretch of a Chinese run, finds the text it was taken from, and is marked there."""
    text = " ".join(parts)
    piece = data.draw(st.sampled_from(words._PIECE.findall(text)))
    if words._CJK_RUN.match(piece):
        start = data.draw(st.integers(0, len(piece) - 1))
        piece = piece[start : data.draw(st.integers(start + 1, len(piece)))]
    assert matches(piece, text)
    assert list(words.Finder(words.parse(piece)).spans(text))


@pytest.mark.parametrize(
    ("typed", "text", "found"),
    [
        ("weath", "the weather", True),
        ("weath tomorrow", "the weather tomorrow", False),
        ("weather tom", "tomorrow's weather", True),
        ('"weather tomorrow"', "tomorrow the weather", False),
        ('"the weath', "the weather", True),
        ('"the weath"', "the weather", False),
        ("cafe", "Café", True),
        ("CAFÉ", "a cafe", True),
        ("天气", "明天天气预报", True),
        ("报", "明天天气预报", True),
        ("天预", "明天天气预报", False),
        ("气预报", "明天天气预报", True),
        ("Qt6窗口", "用Qt6窗口编程", True),
        ("foo-bar", "a foo-bar b", True),
        ("foo-bar", "bar foo", False),
        ("AND", "this and that", True),
        ("NOT x", "this", False),
        ("ＡＢＣ", "abc", True),
        ("***", "***", False),
    ],
)
def test_what_finds_what(typed: str, text: str, found: bool) -> None:
    """All words must occur, the last may be unfinished, quotes hold together, accents do not matter."""
    assert matches(typed, text) is found


def test_index_text_of_a_run() -> None:
    """A run becomes pairs and its last character; other text stays as it is."""
    assert words.index_text("see 东京塔!").split() == ["see", "东京", "京塔", "塔", "!"]
    assert words.index_text("plain") == "plain"


@pytest.mark.parametrize(
    ("typed", "text", "marked"),
    [
        ("cafe", "Le Café, cafés", ["Café", "café"]),
        ("cafe", "a cafe\u0301 b", ["cafe\u0301"]),
        ("art ", "start art", ["art"]),
        ("气预", "天气预报", ["气预"]),
        ("foo bar", "Foo, bar", ["Foo", "bar"]),
        ("İstanbul", "in istanbul", ["istanbul"]),
    ],
)
def test_marks(typed: str, text: str, marked: list[str]) -> None:
    """What was searched for is marked in the text as it was written."""
    assert [text[start:end] for start, end in words.Finder(words.parse(typed)).spans(text)] == marked
