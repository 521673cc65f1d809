"""Retrieval sets, how good a ranking of one is, and vectors that are computed once."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sqlite3
import sys
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mastra_desktop.ingest.tokenizers import token_counter
from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder
from tests.bench.measuring import ROOT

FOLDER = Path(os.environ.get("MASTRA_FIXTURES", ROOT.parent / "shared" / "fixtures")) / "retrieval"
CACHE = ROOT / "build" / "bench-cache"
RESOURCES = ROOT / "resources"
MOST_TOKENS = 256  # of a passage, as splitting makes them
DEPTH = 10


@dataclass(frozen=True, slots=True)
class RetrievalSet:
    """Documents, each one passage; questions; and which documents answer them, how well."""

    name: str
    texts: tuple[str, ...]
    questions: tuple[str, ...]
    relevant: tuple[Mapping[int, int], ...]  # of each question: place in `texts` -> grade, higher is better


@dataclass(frozen=True, slots=True)
class Quality:
    """Means over all questions, 0 to 1."""

    ndcg: float
    recall: float
    mrr: float


def load(name: str, chosen: slice = slice(None), others: int | None = None) -> RetrievalSet | None:
    """The `chosen` questions of a set; None when it is not on this machine.

    With all of its documents, or of those that answer no question `others` at most, evenly taken.
    """
    folder = FOLDER / name
    if not folder.exists():
        return None
    documents, questions = (
        [json.loads(line) for line in (folder / f"{kind}.jsonl").read_text("utf-8").splitlines()]
        for kind in ("corpus", "queries")
    )
    graded: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels.tsv").read_text("utf-8").splitlines()[1:]:
        question, document, grade = line.split("\t")
        graded.setdefault(question, {})[document] = int(grade)
    asked = [question for question in questions if question["id"] in graded][chosen]
    if others is not None:
        wanted = {id for question in asked for id in graded[question["id"]]}
        rest = [document["id"] for document in documents if document["id"] not in wanted]
        wanted.update(rest[:: max(1, -(-len(rest) // others))])
        documents = [document for document in documents if document["id"] in wanted]
    places = {document["id"]: place for place, document in enumerate(documents)}
    return RetrievalSet(
        name,
        tuple(document["text"] for document in documents),
        tuple(question["text"] for question in asked),
        tuple({places[id]: grade for id, grade in graded[question["id"]].items()} for question in asked),
    )


def quality(rankings: Sequence[Sequence[int]], relevant: Sequence[Mapping[int, int]]) -> Quality:
    """nDCG@10 (gain: the grade), recall@10 and MRR@10 of rankings of places."""
    ndcg = recall = mrr = 0.0
    for ranking, grades in zip(rankings, relevant, strict=True):
        top = ranking[:DEPTH]
        best = sorted(grades.values(), reverse=True)[:DEPTH]
        gain = sum(grades.get(place, 0) / math.log2(rank + 2) for rank, place in enumerate(top))
        ndcg += gain / sum(grade / math.log2(rank + 2) for rank, grade in enumerate(best))
        recall += sum(place in grades for place in top) / len(grades)
        mrr += next((1 / (rank + 1) for rank, place in enumerate(top) if place in grades), 0.0)
    count = len(relevant)
    return Quality(ndcg / count, recall / count, mrr / count)


class Vectors:
    """Vectors of one embedder, kept in build/bench-cache by its version and the text."""

    def __init__(self, embedder_id: str) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        self._file = sqlite3.connect(CACHE / "vectors.db", isolation_level=None)
        self._file.execute("CREATE TABLE IF NOT EXISTS vectors (key TEXT PRIMARY KEY, vector BLOB)")
        self._embedder = BuiltinEmbedder(RESOURCES, embedder_id=embedder_id)
        self._count = token_counter(embedder_id, RESOURCES)

    async def passages(self, texts: Sequence[str]) -> list[array[float]]:
        """As much of each text as fits into one passage."""
        cut = [_beginning(text, self._count) for text in texts]
        missing = [text for text in dict.fromkeys(cut) if self._kept("p", text) is None]
        if len(missing) > DEPTH:
            print(f"  {len(missing):,} passages are embedded, once; this takes minutes", file=sys.stderr)

        def keep(place: int, vector: array[float]) -> None:
            self._keep("p", missing[place], vector)

        await self._embedder.embed_passages(missing, on_vector=keep)
        return [vector for text in cut if (vector := self._kept("p", text)) is not None]

    async def queries(self, texts: Sequence[str]) -> list[array[float]]:
        for text in texts:
            if self._kept("q", text) is None:
                self._keep("q", text, await self._embedder.embed_query(text))
        return [vector for text in texts if (vector := self._kept("q", text)) is not None]

    async def aclose(self) -> None:
        await self._embedder.aclose()
        self._file.close()

    def _kept(self, kind: str, text: str) -> array[float] | None:
        row = self._file.execute(
            "SELECT vector FROM vectors WHERE key = ?", (self._key(kind, text),)
        ).fetchone()
        return array("f", row[0]) if row else None

    def _keep(self, kind: str, text: str, vector: array[float]) -> None:
        row = (self._key(kind, text), vector.tobytes())
        self._file.execute("INSERT OR REPLACE INTO vectors VALUES (?, ?)", row)

    def _key(self, kind: str, text: str) -> str:
        return hashlib.sha256(f"{self._embedder.version}\0{kind}\0{text}".encode()).hexdigest()


def _beginning(text: str, count: Callable[[str], int]) -> str:
    while (tokens := count(text)) > MOST_TOKENS:
        text = text[: int(len(text) * min(0.98, MOST_TOKENS / tokens))]
    return text
