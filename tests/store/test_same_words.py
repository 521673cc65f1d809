"""Words of passages are ranked the same on SQLite and on a real PostgreSQL."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Connection, text

from mastra_desktop.domain.knowledge import SearchFilter
from mastra_desktop.store import documents, knowledge, passages
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.upgrade import MIGRATIONS, bring_up_to_date
from tests.postgres_server import PostgresServer
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
        for place in (url, postgres_url):
            engines = make_engines(place, read_only=False)
            stack.callback(engines.dispose)
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


def test_an_earlier_database_is_indexed_anew(postgres: PostgresServer, tmp_path: Path) -> None:
    """Passages that were stored before there were lists are found after the migration."""
    earlier = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, earlier)
    (earlier / "versions" / "m0010_words.py").unlink()
    url = postgres.new_database()
    engines = make_engines(url, read_only=False)
    try:
        bring_up_to_date(engines, read_only=False, backups=None, migrations=earlier, head="0009")
        with engines.writer.begin() as conn:
            new_collection(conn)
            conn.execute(
                text(
                    "INSERT INTO documents SELECT 1, 'd', 'c', 'n', '/n', 'ready', 1, '', 0, 0, 0, 300, 0, '',"
                    " NULL, 1, 1, NULL, 1, 1, NULL, ''"
                )
            )
            conn.execute(
                text(
                    "INSERT INTO passages (document_seq, position, start_char, end_char, tokens, heading,"
                    " embedded, text) SELECT 1, n, 0, 1, 1, '', 0, 'the zebra number ' || n"
                    " FROM generate_series(1, 300) AS n"
                )
            )
        bring_up_to_date(engines, read_only=False, backups=None)
        with engines.writer.begin() as conn:
            ((id, _),) = passages.search_words(conn, ["c"], "number 217", limit=1)
            assert passages.passages(conn, [id])[id][0].text == "the zebra number 217"
            assert len(passages.search_words(conn, ["c"], "zebra", limit=400)) == 300
    finally:
        engines.dispose()
