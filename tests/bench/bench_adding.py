"""Documents into a collection, against the bare embedder: `python -m tests.bench.bench_adding [--full]`.

Real texts (the Cranfield abstracts, as Markdown files of twenty each) are added until all are ready, and the
same passages go through the embedder alone, in turns. Skipped where the recorded sets are absent.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

from mastra_desktop.core import Core
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER
from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder
from tests.bench.measuring import ROOT, tell
from tests.bench.retrieval_sets import FOLDER as SETS
from tests.cores import core_over

ROUNDS = 3
FILES = 8  # a round, of twenty texts each


def make_files(folder: Path, rounds: int) -> list[list[Path]]:
    """Files for each round, of different texts."""
    texts = [json.loads(line) for line in (SETS / "cranfield" / "corpus.jsonl").read_text().splitlines()]
    files = []
    for at in range(0, rounds * FILES * 20, 20):
        path = folder / f"abstracts {at}.md"
        parts = [f"# {text['title']}\n\n{text['text']}\n" for text in texts[at : at + 20]]
        path.write_text("\n".join(parts))
        files.append(path)
    return [files[at : at + FILES] for at in range(0, len(files), FILES)]


async def add(core: Core, files: list[Path]) -> tuple[float, list[str]]:
    """Passages a second until all is ready, and the passages."""
    collection = await core.knowledge.create_collection(files[0].stem, embedder_id=ENGLISH_EMBEDDER)
    began = time.perf_counter()
    added = await core.knowledge.add(collection.id, files)
    async for _ in core.knowledge.wait(d.id for d in added.documents):
        pass
    took = time.perf_counter() - began
    texts = [
        passage.text
        for document in added.documents
        for passage in (await core.knowledge.document_text(document.id)).passages
    ]
    return len(texts) / took, texts


async def main(rounds: int) -> None:
    if not SETS.exists():
        print("no recorded sets: skipped", file=sys.stderr)
        return
    with tempfile.TemporaryDirectory() as folder:
        batches = make_files(Path(folder), rounds + 1)
        home = Path(folder) / "home"
        home.mkdir()
        bare = BuiltinEmbedder(ROOT / "resources", embedder_id=ENGLISH_EMBEDDER)
        ours: list[float] = []
        floor: list[float] = []
        count = 0
        async with core_over(home) as core:
            for n, files in enumerate(batches):
                rate, texts = await add(core, files)
                began = time.perf_counter()
                await bare.embed_passages(texts)
                if n:  # the first warms up
                    ours.append(rate)
                    floor.append(len(texts) / (time.perf_counter() - began))
                    count += len(texts)
        await bare.aclose()
        tell(
            f"adding {count} passages, English",
            statistics.median(ours),
            "passages/s",
            floor=statistics.median(floor),
            least=0.85,
        )


if __name__ == "__main__":
    asyncio.run(main(ROUNDS * (3 if "--full" in sys.argv else 1)))
