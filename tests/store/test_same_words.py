"""Words of passages are ranked the same on SQLite and on a real PostgreSQL."""

from __future__ import annotations

from contextlib import ExitStack
from random import Random

import pytest
from sqlalchemy import Connection

from mastra_desktop.domain.knowledge import SearchFilter
from mastra_desktop.store import documents, knowledge, passages
from mastra_desktop.store.engines import make_engines
from tests.store.documents import add, new_collection

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

LETTERS = [
    "storage",
    "stored",
    "store",
    "storing",
    "paid",
    "pay",
    "payment",
    "invoices",
    "invoice",
    "days",
    "day",
    "office",
    "the",
    "of",
    "a",
    "is",
    "Über",
    "naïve",
]


def fill(conn: Connection, many: int) -> list[str]:
    """Passages of common and rare words, and Chinese, in two collections; returns questions."""
    draw = Random(7)
    rare = [f"word{n}" for n in range(400)]
    chinese = [chr(0x4E00 + n) for n in range(60)]

    def sentence(longest: int) -> str:
        made = [draw.choice(LETTERS) for _ in range(draw.randint(1, longest))]
        made += [draw.choice(rare[: draw.choice((5, 50, 400))]) for _ in range(draw.randint(0, longest))]
        made.append("".join(draw.choices(chinese, k=draw.randint(0, 12))))
        draw.shuffle(made)
        return " ".join(made)

    for id in ("c", "other"):
        new_collection(conn, id, id)
    for n in range(many // 250):
        texts = [sentence(40) for _ in range(250)]
        add(conn, f"d{n}", texts, collection=("c", "other")[n % 2], heading=(f"Head{n}",), now=float(n))
    documents.delete_document(conn, "d1", 5.0)
    while knowledge.purge_deleted(conn, 6.0, limit=100):
        pass
    return [sentence(12) for _ in range(60)] + [
        "七",
        "一",
        "word1",
        "the",
        "Head3 storage",
        "storage stored store",
    ]


def test_the_same_order(url: str, postgres_url: str) -> None:
    """Sixty questions over 6,000 passages, some removed: the same passages in the same order, with scores
    that are equal but for rounding; one collection, both, and with a filter."""
    with ExitStack() as stack:
        conns = []
        for one in (url, postgres_url):
            engines = make_engines(one, read_only=False)
            stack.callback(engines.dispose)
            if one is url:
                from mastra_desktop.store.upgrade import bring_up_to_date

                bring_up_to_date(engines, read_only=False, backups=None)
            conns.append(stack.enter_context(engines.writer.begin()))
        questions = [fill(conn, 6_000) for conn in conns]
        assert questions[0] == questions[1]
        different = empty = 0
        for where, filter in ((["c"], None), (["c", "other"], None), (["c"], SearchFilter(added_after=10.0))):
            for question in questions[0]:
                one, two = (
                    passages.search_words(conn, where, question, limit=40, filter=filter) for conn in conns
                )
                assert [score for _, score in two] == pytest.approx([score for _, score in one], rel=1e-9), (
                    question
                )
                different += [id for id, _ in one] != [id for id, _ in two]
                empty += not one
        assert different == 0
        assert empty < 4
