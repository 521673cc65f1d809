"""Which sentences of an answer nothing in its sources backs."""

from __future__ import annotations

import dataclasses

import pytest

from mastra_desktop.domain.knowledge import Source
from mastra_desktop.services.support import origin, unsupported

WATER = "A water sample may be stored for no more than 36 hours at 4 degrees. The laboratory keeps a record of it."
WASSER = (
    "Eine Wasserprobe darf höchstens 36 Stunden bei 4 Grad gelagert werden, und das Labor führt Buch darüber."
)
SHUI = "水样的保存时间不得超过三十六小时，保存温度为四摄氏度。实验室应当保留记录。"


def source(text: str) -> Source:
    return Source(1, "Rules", "rules.pdf", "d", 1, 3, 0, len(text), text, 0.9)


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        ("Store the sample for at most 36 hours.", ()),
        ("The capital of the French republic is called Paris and lies on a large river.", (0,)),
        ("The capital of the French republic is called Paris [1].", ()),
        ("The capital of the French republic is called Paris and lies on a large river. [1]", ()),
        ("Is the capital of the French republic the city called Paris?", ()),
        ("Here is the capital of the French republic with its history:", ()),
        ("The documents do not mention the capital of the French republic.", ()),
        ("Yes.", ()),
        ("The company was founded in 1970.", ()),
        ("```\nThe capital of the French republic is called Paris and lies there.\n```", ()),
        ("Samples are stored 36 hours [1].\n- The weather in the mountains of Norway is colder.", (35,)),
        ("Die Hauptstadt von Frankreich heißt Paris und liegt an einem großen Fluss.", ()),
        ("法国的首都是巴黎，位于塞纳河畔，人口众多。", ()),
    ],
)
def test_english_sources(answer: str, marked: tuple[int, ...]) -> None:
    """A sentence whose words are hardly in the sources is marked, unless it cites or can't be compared."""
    assert tuple(start for start, _ in unsupported(answer, [source(WATER)])) == marked


@pytest.mark.parametrize(
    ("answer", "marked"),
    [
        ("水样最多可以保存三十六小时。", ()),
        ("法国的首都是巴黎，位于塞纳河畔，人口众多。水样的保存时间不得超过三十六小时。", (0,)),
        ("法国的首都是巴黎，位于塞纳河畔，人口众多[1]。", ()),
        ("文档中没有提到法国的首都位于哪条河流旁边。", ()),
        ("The capital of the French republic is called Paris and lies on a large river.", ()),
    ],
)
def test_chinese_sources(answer: str, marked: tuple[int, ...]) -> None:
    """Chinese is compared by pairs of characters; other languages are left alone."""
    assert tuple(start for start, _ in unsupported(answer, [source(SHUI)])) == marked


def test_the_range_is_the_sentence() -> None:
    """The range holds the sentence without the list mark before it, and the answer has its text there."""
    answer = "Stored for 36 hours [1].\n\n2. The city of Paris has many famous museums and bridges. It is."
    [(start, end)] = unsupported(answer, [source(WATER)])
    assert answer[start:end] == "The city of Paris has many famous museums and bridges."


def test_nothing_to_compare_with() -> None:
    """Without sources nothing is marked."""
    assert unsupported("The city of Paris has many famous museums and bridges.", []) == ()
    assert unsupported("The city of Paris and its museums in the snow.", [source(WASSER)]) == ()


@pytest.mark.parametrize(
    ("answer", "n"),
    [
        ("A water sample may be stored for no more than 36 hours.", 1),
        ("水样最多可以保存36小时。", 1),
        ("The thermometers are calibrated twice a year.", 2),
        ("The company was founded in 1970.", None),
        ("The documents do not say how long a sample is stored.", None),
        ("A water sample may be stored for no more than 48 hours.", None),
        ("Yes.", None),
    ],
)
def test_where_a_short_answer_is_from(answer: str, n: int | None) -> None:
    """Its words, or figures that one source alone has, say so; a figure that is in none forbids it."""
    other = "Thermometers are calibrated twice a year by the institute and replaced after 5 years."
    sources = [source(WATER), dataclasses.replace(source(other), n=2)]
    assert origin(answer, sources, "How long?") == n
