"""Moving 10,000 messages and 15,000 passages with vectors to PostgreSQL and back; meaning there from memory.

With `--full` only: a PostgreSQL that syncs its disk is started for it, and it takes a minute or more.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from random import Random

from mastra_desktop.domain.knowledge import Collection
from mastra_desktop.store import backups, documents, embeddings, knowledge
from mastra_desktop.store.database import Database
from mastra_desktop.store.engines import make_engines
from mastra_desktop.store.processes import Me
from mastra_desktop.store.upgrade import bring_up_to_date
from mastra_desktop.store.vectors_memory import MemoryVectors
from tests.bench.measuring import percentile, tell
from tests.postgres_server import PROGRAMS, PostgresServer
from tests.store.documents import add, new_collection
from tests.store.turns import begin, finish, new_conversation

MESSAGES, PASSAGES, IN_DOCUMENT, DIMENSION = 10_000, 15_000, 500, 384
ME = Me("me", "here", "this-computer")


def fill(database: Path) -> None:
    import numpy

    draw = Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(20_000)]
    shares = [1 / (n + 2.7) for n in range(len(words))]
    texts = [" ".join(draw.choices(words, weights=shares, k=100)) for _ in range(2_000)]
    numbers = numpy.random.default_rng(1)
    engines = make_engines(f"sqlite:///{database}", read_only=False)
    bring_up_to_date(engines, read_only=False, backups=None)
    with engines.writer.begin() as conn:
        for n in range(MESSAGES // 200):
            new_conversation(conn, f"c{n}", f"Talk {n}")
            last = None
            for turn in range(100):
                last = begin(conn, f"{n}-{turn}", last, draw.choice(texts)[:200], f"c{n}")
                finish(conn, last, draw.choice(texts))
        new_collection(conn)
        for n in range(PASSAGES // IN_DOCUMENT):
            add(conn, f"d{n}", [f"{draw.choice(texts)} {n}" for _ in range(IN_DOCUMENT)])
            pending = embeddings.pending_passages(conn, f"d{n}", IN_DOCUMENT)
            made = numbers.standard_normal((len(pending), DIMENSION)).astype("<f4")
            vectors = [(p.id, row.tobytes()) for p, row in zip(pending, made, strict=True)]
            embeddings.store_vectors(conn, f"d{n}", vectors)
            documents.finish(conn, f"d{n}", 2.0)
    engines.dispose()


def timed(name: str, work: Callable[[], object]) -> None:
    began, own = time.perf_counter(), time.process_time()
    work()
    tell(name, time.perf_counter() - began, "s")
    tell(f"{name}, own CPU", time.process_time() - own, "s")


async def meaning(url: str) -> None:
    """The first question reads all vectors, the others look what changed."""
    database = await Database.open(url)
    vectors = MemoryVectors(database)
    collection: Collection = await database.read(knowledge.collection, "c")
    draw = Random(2)
    times = []
    for _ in range(101):
        asked = b"".join(draw.randbytes(1) + b"\0\0\x3f" for _ in range(DIMENSION))  # numbers from 0.5 on
        began = time.perf_counter()
        await vectors.query(collection, asked, 60)
        times.append((time.perf_counter() - began) * 1000)
    tell(f"meaning from memory, {PASSAGES:,} vectors, first", times[0], "ms")
    tell(f"meaning from memory, {PASSAGES:,} vectors, P50", percentile(times[1:], 0.5), "ms")
    await database.close()


def main() -> None:
    if PROGRAMS is None or "--full" not in sys.argv:
        return
    with PostgresServer(fsync=True) as server, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        file, kept, copy, url = home / "mastra.db", home / "backups", home / "copy.db", server.new_database()
        fill(file)
        timed("backup of SQLite", lambda: backups.copy_to(file, copy))
        none = home / "none.db"
        timed("restore into PostgreSQL", lambda: backups.restore_on_server(copy, url, none, kept, ME))
        timed("backup of PostgreSQL", lambda: backups.copy_to(url, copy))
        timed("restore over it", lambda: backups.restore_on_server(copy, url, none, kept, ME))
        timed("restore into SQLite", lambda: backups.restore(copy, file, kept, home / "vectors"))
        asyncio.run(meaning(url))


if __name__ == "__main__":
    main()
