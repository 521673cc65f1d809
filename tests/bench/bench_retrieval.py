"""How well words, meaning and both together find what answers a question: `python -m tests.bench.bench_retrieval`.

Words are those of the store, meaning is exact cosines of the built-in embedders, both as a search gives
them to `fuse`. Hybrid falls short when it is below the better of its two sides. Also: how many questions are taken
for answered, or for not, wrongly. Without the sets nothing is measured. A part of the questions is asked, over the
passages that answer them and some others; with --full all, over all 2,248 passages, where the first run embeds them
twice, which takes a quarter of an hour. Vectors are kept in build/bench-cache.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection

from mastra_desktop.domain.knowledge import (
    ENGLISH_EMBEDDER,
    MULTILINGUAL_EMBEDDER,
    Block,
    BlockKind,
    PassageSpan,
    ReadText,
)
from mastra_desktop.services.retrieval import CANDIDATES, fuse, is_relevant, trust_in
from mastra_desktop.store import document_texts, documents, knowledge, passages
from mastra_desktop.store.database import Database
from tests.bench.measuring import percentile, tell
from tests.bench.retrieval_sets import Quality, RetrievalSet, Vectors, load, quality

EMBEDDERS = {"multilingual": MULTILINGUAL_EMBEDDER, "english": ENGLISH_EMBEDDER}
OFF_TOPIC = Path(__file__).with_name("off_topic.txt").read_text("utf-8").splitlines()
OTHER_LANGUAGES = [  # language, number of cranfield's question or "-" for something else, the question
    tuple(line.split("\t"))
    for line in Path(__file__).with_name("other_languages.txt").read_text("utf-8").splitlines()
]
PARTS = {"cranfield": slice(24), "cmrc2018": slice(None, None, 60)}  # other_languages.txt asks the first 23
OTHERS = 40  # passages of a set that answer nothing that is asked, in the short run
SHOWN = 10  # texts that the gate reads
Ranking = list[tuple[int, float]]
Matrix = npt.NDArray[np.float32]


def fill(conn: Connection, chosen: RetrievalSet) -> None:
    """A collection of a set's name; its passages get the ids 1, 2, … in the order of all sets."""
    knowledge.create_collection(
        conn, id=chosen.name, name=chosen.name, icon="", description="", embedder_id="", now=1.0
    )
    for place, text in enumerate(chosen.texts):
        name = f"{chosen.name}-{place}"
        documents.add_document(
            conn,
            id=name,
            collection_id=chosen.name,
            name=name,
            source=name,
            size_bytes=len(text),
            sha256=name,
            priority=0,
            now=1.0,
        )
        read = ReadText(text, (Block(BlockKind.PARAGRAPH, 0, len(text)),))
        document_texts.store_text(conn, name, read=read, spans=(PassageSpan(0, 0, len(text), 0),), now=1.0)


class Words:
    """The words of the sets' passages, each set a collection."""

    def __init__(self, db: Database, first_ids: dict[str, int]) -> None:
        self._db = db
        self._first_ids = first_ids

    async def find(self, chosen: RetrievalSet, question: str) -> Ranking:
        found = await self._db.read(passages.search_words, [chosen.name], question, limit=CANDIDATES)
        return [(id - self._first_ids[chosen.name], score) for id, score in found]


def nearest(query: npt.NDArray[np.float32], vectors: Matrix) -> Ranking:
    cosines = vectors @ query
    return [(int(place), float(cosines[place])) for place in np.argsort(-cosines)[:CANDIDATES]]


def report(label: str, sides: dict[str, Quality]) -> None:
    """Words and meaning as they are, hybrid against the better of the two."""
    for measure, title in (("ndcg", "nDCG@10"), ("recall", "recall@10"), ("mrr", "MRR@10")):
        values = {side: getattr(found, measure) for side, found in sides.items()}
        best = max(values["words"], values["meaning"])
        for side in ("words", "meaning"):
            tell(f"{label}, {side}: {title}", values[side], "")
        tell(f"{label}, hybrid: {title}", values["hybrid"], "", floor=best, least=1.0)


async def measure(embedder: str, chosen: RetrievalSet, words: Words, vectors: Vectors) -> None:
    label = f"{chosen.name}, {embedder}"
    held = np.array(await vectors.passages(chosen.texts))
    asked = np.array(await vectors.queries(chosen.questions))
    by_words = [await words.find(chosen, question) for question in chosen.questions]
    by_meaning = [nearest(query, held) for query in asked]
    hybrid, times = [], []
    for question, found, near in zip(chosen.questions, by_words, by_meaning, strict=True):
        began = time.perf_counter()
        fused = fuse(found, near, trust=trust_in(EMBEDDERS[embedder], question))
        times.append((time.perf_counter() - began) * 1000)
        hybrid.append([hit.passage_id for hit in fused])
    sides = {
        "words": [[place for place, _ in found] for found in by_words],
        "meaning": [[place for place, _ in near] for near in by_meaning],
        "hybrid": hybrid,
    }
    report(label, {side: quality(rankings, chosen.relevant) for side, rankings in sides.items()})
    tell(f"{label}, fusing 100 and 100, P50", percentile(times, 0.5), "ms", limit=1.0)


async def taken(
    embedder: str, chosen: RetrievalSet, questions: Sequence[str], words: Words, vectors: Vectors
) -> float:
    """The share of `questions`, in per cent, that `chosen` seems to answer."""
    held = np.array(await vectors.passages(chosen.texts))
    yes = 0
    for question, query in zip(questions, await vectors.queries(questions), strict=True):
        found, near = await words.find(chosen, question), nearest(np.array(query), held)
        ranked = fuse(found, near, trust=trust_in(EMBEDDERS[embedder], question))
        texts = [chosen.texts[hit.passage_id] for hit in ranked[:SHOWN]]
        yes += is_relevant(question, found, near, texts, embedder_id=EMBEDDERS[embedder])
    return 100 * yes / len(questions)


async def gate(embedder: str, sets: list[RetrievalSet], words: Words, vectors: Vectors) -> None:
    for chosen, other in (sets, sets[::-1]):
        own = await taken(embedder, chosen, chosen.questions, words, vectors)
        tell(f"{chosen.name}, {embedder}: own questions refused", 100 - own, "%", limit=10)
        foreign = await taken(embedder, chosen, other.questions, words, vectors)
        tell(f"{chosen.name}, {embedder}: {other.name}'s accepted", foreign, "%", limit=10)
        same_language = [line for line in OFF_TOPIC if line.isascii() == chosen.questions[0].isascii()]
        beside = await taken(embedder, chosen, same_language, words, vectors)
        tell(f"{chosen.name}, {embedder}: off-topic accepted", beside, "%", limit=10)
    if embedder == "multilingual":
        await across(sets[0], words, vectors)


async def across(chosen: RetrievalSet, words: Words, vectors: Vectors) -> None:
    """Questions in other languages than the passages."""
    for language in sorted({language for language, *_ in OTHER_LANGUAGES}):
        mine = [(number, text) for found, number, text in OTHER_LANGUAGES if found == language]
        own = [text for number, text in mine if number != "-"]
        other = [text for number, text in mine if number == "-"]
        refused = 100 - await taken("multilingual", chosen, own, words, vectors)
        tell(f"{chosen.name}, {language} to en: own questions refused", refused, "%", limit=30)
        beside = await taken("multilingual", chosen, other, words, vectors)
        tell(f"{chosen.name}, {language} to en: off-topic accepted", beside, "%", limit=10)


async def main(full: bool) -> None:
    sets = [
        found for name, part in PARTS.items() if (found := load(name) if full else load(name, part, OTHERS))
    ]
    if len(sets) < 2:
        print("  the retrieval sets are not on this machine: nothing is measured", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        db = await Database.open(f"sqlite:///{Path(folder) / 'bench.db'}")
        first_ids = {}
        at = 1
        for chosen in sets:
            await db.write(fill, chosen)
            first_ids[chosen.name] = at
            at += len(chosen.texts)
        words = Words(db, first_ids)
        for embedder, embedder_id in EMBEDDERS.items():
            vectors = Vectors(embedder_id)
            for chosen in sets:
                await measure(embedder, chosen, words, vectors)
            await gate(embedder, sets, words, vectors)
            await vectors.aclose()
        await db.close()


if __name__ == "__main__":
    asyncio.run(main("--full" in sys.argv))
