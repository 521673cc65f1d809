"""What the child process costs an embedder: `python -m tests.bench.bench_embedding [--full]`.

The floor is the bare library with the same threads and at the child's priority, in this process. Blocks of passages go through either
in turn, so that a slow moment of the machine hits both. The time of a query is taken alone, and while
passages are in work.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

os.environ["OMP_WAIT_POLICY"] = "passive"  # as in the child; read when the native library is loaded

from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER
from mastra_desktop.ingest.tokenizers import token_counter
from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder, available_embedders, default_threads
from mastra_desktop.providers.embedding_host import EmbedSettings, load_model
from tests.bench.measuring import ROOT, percentile, tell

RESOURCES = ROOT / "resources"
QUERIES = 20


def passages(count: int, embedder_id: str) -> list[str]:
    """Different texts of about 200 tokens each."""
    tokens = token_counter(embedder_id, RESOURCES)
    line = "Lot {n}: the harvest was good, and the cellar filled with apples before the first frost came."
    lines = 1
    while tokens(" ".join([line] * (lines + 1))) <= 200:
        lines += 1
    return [" ".join(line.format(n=at * lines + k) for k in range(lines)) for at in range(count)]


async def measure(embedder_id: str, blocks: int, block: int) -> None:
    name = embedder_id.rpartition("/")[2]
    threads = default_threads()
    bare = load_model(EmbedSettings(embedder_id, str(RESOURCES), threads))
    ours = BuiltinEmbedder(RESOURCES, embedder_id=embedder_id, threads=threads)
    texts = passages(block * (blocks + 1), embedder_id)
    rates: dict[str, list[float]] = {"bare": [], "ours": []}
    bare_query: list[float] = []
    query: list[float] = []
    low, middling = (ThreadPoolExecutor(1, initializer=os.nice, initargs=(by,)) for by in (10, 5))
    for at in range(blocks + 1):
        part = texts[at * block : (at + 1) * block]
        began = time.perf_counter()
        low.submit(lambda: [bare.vector(text, False) for text in part]).result()  # noqa: B023  # runs now
        middle = time.perf_counter()
        await ours.embed_passages(part)
        ended = time.perf_counter()
        if at:  # the first warms up
            rates["bare"].append(block / (middle - began))
            rates["ours"].append(block / (ended - middle))
    for number in range(QUERIES):
        text = f"How good was harvest {number}?"
        began = time.perf_counter()
        middling.submit(bare.vector, text, True).result()
        middle = time.perf_counter()
        await ours.embed_query(text)
        bare_query.append((middle - began) * 1000)
        query.append((time.perf_counter() - middle) * 1000)
    busy = await while_embedding(ours, texts)
    shares = [mine / floor for mine, floor in zip(rates["ours"], rates["bare"], strict=True)]
    median = statistics.median
    tell(f"{name}: passages/s, bare", median(rates["bare"]), "/s")
    tell(f"{name}: passages/s, through the child", median(rates["ours"]), "/s")
    tell(f"{name}: cost of a passage, in those of the bare", 1 / median(shares), "x", floor=1, most=1.05)
    tell(f"{name}: query, P50", percentile(query, 0.5), "ms", floor=percentile(bare_query, 0.5))
    tell(f"{name}: query while embedding, P50", percentile(busy, 0.5), "ms")
    tell(f"{name}: memory of the child", (ours.memory_bytes() or 0) / 2**20, "MB")
    await ours.aclose()
    low.shutdown()
    middling.shutdown()


async def while_embedding(ours: BuiltinEmbedder, texts: list[str]) -> list[float]:
    """Milliseconds of queries that come while passages are in work."""
    times = []
    begun = asyncio.Event()
    heard: Callable[[int, array[float]], None] = lambda *_: begun.set()  # noqa: E731
    async with asyncio.TaskGroup() as group:
        work = group.create_task(ours.embed_passages(texts * 50, on_vector=heard))
        await begun.wait()
        for number in range(QUERIES):
            began = time.perf_counter()
            await ours.embed_query(f"Which cellar had {number} apples?")
            times.append((time.perf_counter() - began) * 1000)
        work.cancel()
    return times


async def main(*, full: bool) -> None:
    installed = {info.id for info in available_embedders() if info.installed}
    if ENGLISH_EMBEDDER in installed:
        await measure(ENGLISH_EMBEDDER, 20 if full else 10, 16)
    if MULTILINGUAL_EMBEDDER in installed:
        await measure(MULTILINGUAL_EMBEDDER, 12 if full else 6, 4)


if __name__ == "__main__":
    asyncio.run(main(full="--full" in sys.argv))
