"""Knowledge in the store: words in 100,000 made-up passages, and vectors beside bare Chroma.

Texts follow Zipf's law, two thirds made-up words of letters, one third made-up Chinese. Vectors have 384
numbers. `--full` adds 100,000 vectors.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import Connection

from mastra_desktop.domain.events import VectorIndexState
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, PassageSpan, ReadText
from mastra_desktop.store import document_texts, documents, knowledge, passages
from mastra_desktop.store.database import Database
from mastra_desktop.store.vectors import Vectors
from tests.bench.measuring import percentile, tell

PASSAGES = 100_000
IN_DOCUMENT = 1_000
QUESTIONS = 200
DIMENSION = 384
ENGLISH, CHINESE = "english", "chinese"


class Zipf:
    """Draws words, the n-th with a share of about 1/n."""

    def __init__(self, draw: Random, letters: list[str], lengths: tuple[int, ...], many: int) -> None:
        self._draw = draw
        made = dict.fromkeys("".join(draw.choices(letters, k=draw.choice(lengths))) for _ in range(many))
        self._words = list(made)
        self._shares = list(accumulate(1 / (n + 2.7) for n in range(len(self._words))))

    def words(self, count: int) -> list[str]:
        return self._draw.choices(self._words, cum_weights=self._shares, k=count)


async def fill(database: Database, english: Zipf, chinese: Zipf) -> float:
    """Stores all passages; passages a second."""
    for id in (ENGLISH, CHINESE):
        new: dict[str, Any] = {
            "id": id,
            "name": id,
            "icon": "",
            "description": "",
            "embedder_id": ENGLISH_EMBEDDER,
        }
        await database.write(knowledge.create_collection, **new, now=1.0)
    took = 0.0
    for n in range(PASSAGES // IN_DOCUMENT):
        where, words, gap = (CHINESE, chinese, "") if n % 3 == 2 else (ENGLISH, english, " ")
        texts = [gap.join(words.words(100)) for _ in range(IN_DOCUMENT)]
        ends = list(accumulate(len(text) + 1 for text in texts))
        spans = [
            PassageSpan(i, e - len(t) - 1, e - 1, 100)
            for i, (t, e) in enumerate(zip(texts, ends, strict=True))
        ]
        read = ReadText("\n".join(texts), ())
        about: dict[str, Any] = {
            "id": f"d{n}",
            "collection_id": where,
            "name": f"{n}.txt",
            "source": f"/{n}.txt",
        }
        numbers: dict[str, Any] = {"size_bytes": 1, "sha256": str(n), "priority": 0, "now": 1.0}
        await database.write(documents.add_document, **about, **numbers)
        start = time.perf_counter()
        await document_texts.store_long_text(database, f"d{n}", read=read, spans=spans, now=1.0)
        took += time.perf_counter() - start
    return PASSAGES / took


async def bench_words(folder: Path) -> None:
    await bench_words_at(f"sqlite:///{folder}/mastra.db")
    tell("100,000 passages on the disk", (folder / "mastra.db").stat().st_size / 1e6, "MB")


async def bench_words_at(url: str) -> None:
    draw = Random(1)
    syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "an", "er", "on")]
    english = Zipf(draw, syllables, (1, 2, 2, 3, 3, 4), 90_000)
    chinese = Zipf(draw, [chr(0x4E00 + n) for n in range(3_000)], (1, 2, 2, 2, 3), 30_000)
    database = await Database.open(url)
    tell("store passages and their words, per second", await fill(database, english, chinese), "/s")
    for where, words, gap in ((ENGLISH, english, " "), (CHINESE, chinese, "")):
        times = []
        for n in range(QUESTIONS + 10):
            question = gap.join(words.words(draw.randint(5, 12)))
            start = time.perf_counter()
            await database.read(ask, [ENGLISH, CHINESE], question)
            if n >= 10:
                times.append((time.perf_counter() - start) * 1000)
        tell(f"words in 100,000 passages, {where}, P50", percentile(times, 0.5), "ms", limit=8.0)
        tell(f"words in 100,000 passages, {where}, P99", percentile(times, 0.99), "ms", limit=25.0)
    await database.close()


def ask(conn: Connection, where: list[str], question: str) -> None:
    passages.search_words(conn, where, question, limit=60)


async def bench_vectors(folder: Path, count: int) -> None:
    """Ours first, in a process apart, then bare Chroma in this one."""
    import numpy
    import psutil

    made = numpy.random.default_rng(1).standard_normal((count, DIMENSION)).astype("<f4")
    told: list[VectorIndexState] = []
    vectors = Vectors(folder / "ours", "", lambda state, _: told.append(state))
    before = psutil.Process().memory_info().rss
    start = time.perf_counter()
    await vectors.open()
    opened = time.perf_counter() - start
    start = time.perf_counter()
    for at in range(0, count, 1_000):
        piece = made[at : at + 1_000]
        await vectors.upsert("bench", range(at, at + len(piece)), [row.tobytes() for row in piece])
    rate = count / (time.perf_counter() - start)
    times = []
    for row in made[:QUESTIONS]:
        start = time.perf_counter()
        await vectors.query("bench", row.tobytes(), 60)
        times.append((time.perf_counter() - start) * 1000)
    child = vectors.memory_bytes() or 0
    grown = psutil.Process().memory_info().rss - before
    vectors.rebuilt()
    await vectors.aclose()
    disk = sum(path.stat().st_size for path in (folder / "ours").rglob("*") if path.is_file())
    again = Vectors(folder / "ours", "", lambda state, _: told.append(state))
    start = time.perf_counter()
    await again.open()
    reopened = time.perf_counter() - start
    await again.aclose()

    floor_rate, floor_times = bare_chroma(folder / "bare", made)
    name = f"{count:,} vectors"
    tell(f"{name}: time of a vector put in", 1e3 / rate, "ms", floor=1e3 / floor_rate)
    tell(f"{name}: query P50", percentile(times, 0.5), "ms", floor=percentile(floor_times, 0.5))
    tell(f"{name}: query P99", percentile(times, 0.99), "ms", floor=percentile(floor_times, 0.99))
    tell(f"{name}: memory of the child", child / 1e6, "MB")
    tell(f"{name}: memory the parent grew by", grown / 1e6, "MB")
    tell(f"{name}: disk", disk / 1e6, "MB")
    tell(f"{name}: open a new index", opened, "s")
    tell(f"{name}: open again", reopened, "s")


def bare_chroma(folder: Path, made: Any) -> tuple[float, list[float]]:
    """(vectors a second, query times in ms) of Chroma in this process."""
    import chromadb
    from chromadb.config import Settings

    client = chromadb.PersistentClient(str(folder), settings=Settings(anonymized_telemetry=False))
    how: Any = {"hnsw": {"space": "cosine"}}
    space = client.create_collection("bench", embedding_function=None, configuration=how)
    start = time.perf_counter()
    for at in range(0, len(made), 500):
        piece = made[at : at + 500]
        space.upsert(ids=[str(n) for n in range(at, at + len(piece))], embeddings=piece)
    rate = len(made) / (time.perf_counter() - start)
    times = []
    for row in made[:QUESTIONS]:
        start = time.perf_counter()
        space.query(query_embeddings=[row], n_results=60, include=["distances"])
        times.append((time.perf_counter() - start) * 1000)
    return rate, times


def main() -> None:
    counts = [1_000, 10_000, *([100_000] if "--full" in sys.argv else [])]
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(bench_words(Path(folder)))
        for count in counts:
            inside = Path(folder) / str(count)
            inside.mkdir()
            asyncio.run(bench_vectors(inside, count))


if __name__ == "__main__":
    main()
