"""Text in the encodings people have, found without being told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.domain.errors import KnowledgeError
from mastra_desktop.ingest.encodings import decode
from mastra_desktop.ingest.readers import read
from tests.ingest.making import check

SIMPLIFIED = "机器学习是人工智能的一个分支，研究计算机怎样模拟人类的学习行为。\n今天天气很好。"
TRADITIONAL = "機器學習是人工智慧的一個分支，研究電腦怎樣模擬人類的學習行為。\n今天天氣很好。"
JAPANESE = "機械学習は人工知能の一分野です。\n東京の天気はとても良いです。カタカナも書きます。"
KOREAN = "기계 학습은 인공지능의 한 분야입니다.\n오늘 날씨가 매우 좋습니다."
RUSSIAN = "Машинное обучение является разделом искусственного интеллекта.\nСегодня хорошая погода."
GERMAN = "Größe und Übermut: die Straße führt über den Fluß.\nSchön für alle Bürger."
FRENCH = "L'été dernier, les élèves français ont étudié à l'école près de la forêt."
HEBREW = "שלום עולם, זה טקסט בעברית.\nعربي"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *[
            (SIMPLIFIED, encoding)
            for encoding in ("gb18030", "gb2312", "utf-16-le", "utf-16-be", "utf-8-sig")
        ],
        *[(TRADITIONAL, encoding) for encoding in ("big5", "gb18030", "utf-16-le", "utf-32")],
        *[(JAPANESE, encoding) for encoding in ("shift_jis", "euc_jp", "utf-16-be", "utf-16")],
        *[(KOREAN, encoding) for encoding in ("euc_kr", "utf-16-le")],
        *[(RUSSIAN, encoding) for encoding in ("cp1251", "koi8-r", "utf-16-le")],
        *[(GERMAN, encoding) for encoding in ("cp1252", "utf-16-le", "utf-8")],
        (FRENCH, "cp1252"),
        (HEBREW, "utf-8"),
        (HEBREW, "utf-16-le"),
        ("你好世界", "gb18030"),
        ("東京都千代田区", "shift_jis"),
        ("Plain ASCII words.", "utf-16-le"),
        ("English with 一些中文 inside, 再来一点。", "gb18030"),
    ],
)
def test_encodings_are_found(text: str, encoding: str) -> None:
    """Long or short, with a mark or without."""
    assert decode(text.encode(encoding)) == text


def test_lines_in_different_encodings_are_all_read() -> None:
    """A log that several programs wrote: most lines UTF-8, some not."""
    data = b"".join(
        [f"{SIMPLIFIED}\n".encode(), SIMPLIFIED.encode("gb18030"), b"\n", f"{SIMPLIFIED}\n".encode()]
    )
    assert decode(data) == f"{SIMPLIFIED}\n" * 3


def test_what_the_file_declares_counts_when_it_fits() -> None:
    """A wrong or unknown name does no harm."""
    assert decode("Ωμέγα".encode("iso8859-7"), declared="iso-8859-7") == "Ωμέγα"
    assert decode("é".encode(), declared="latin-1") == "é"
    assert decode(GERMAN.encode("cp1252"), declared="no-such-encoding") == GERMAN


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\x00\x01\x02\x03" * 500, b"\x8f\x00\x91" * 1000])
def test_what_is_no_text_is_refused(data: bytes) -> None:
    """Binary data under a text's name."""
    with pytest.raises(KnowledgeError, match="not hold text"):
        decode(data)


def test_a_few_nuls_do_not_make_text_binary() -> None:
    """They are dropped, as are lone surrogates and foreign line ends."""
    assert decode(b"one\r\ntwo\x00\rthree and so on") == "one\ntwo\nthree and so on"


BYTES = st.one_of(
    st.binary(max_size=400),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.tuples(st.text(max_size=80), st.sampled_from(["gb18030", "utf-16-le", "big5", "shift_jis"])).map(
        lambda made: made[0].encode(made[1], "ignore")
    ),
    st.lists(
        st.sampled_from([b"{", b"}", b"[", b"]", b'"', b",", b":", b"\n", b"\xff", b"a", b"1", b"\x00", b"#"])
    ).map(b"".join),
)


@pytest.mark.parametrize(
    "suffix",
    [".txt", ".md", ".py", ".csv", ".tsv", ".json", ".jsonl", ".ipynb", ".html", ".eml", ".mbox", ".rtf"],
)
def test_any_bytes_become_text_or_a_reason(tmp_path: Path, suffix: str) -> None:
    """Whatever a file of text holds, its blocks are exact or the person is told why not."""
    path = tmp_path / f"any{suffix}"

    @settings(max_examples=60, deadline=None, database=None)
    @given(BYTES)
    def holds(data: bytes) -> None:
        path.write_bytes(data)
        try:
            check(read(path))
        except KnowledgeError as error:
            assert error.message
            assert error.hint

    holds()
