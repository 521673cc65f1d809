"""Searching and opening, and how their cost grows: `python -m tests.bench.bench_search`.

Databases of 1,000, 10,000 and 100,000 messages made of plausible words, in conversations of 100; and
conversations of 100, 1,000 and 10,000 messages to open.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from sqlalchemy import Connection

from mastra_desktop.domain.chat import MessageState, Usage
from mastra_desktop.ops.bus import Bus
from mastra_desktop.ops.redaction import KnownSecrets
from mastra_desktop.services.audit import AuditService
from mastra_desktop.services.conversations import ConversationsService
from mastra_desktop.store import conversations, messages
from mastra_desktop.store.database import Database
from mastra_desktop.store.secrets import Secrets
from tests.bench.measuring import percentile, tell

SIZES = (1_000, 10_000, 100_000)
QUERIES = 300
OPENINGS = 60
WORDS_PER_MESSAGE = 40


class Writer:
    """Text in which few words are frequent and many are rare, as in any language."""

    def __init__(self) -> None:
        self._chance = random.Random(3)
        letters = "aeioustrnlmdpkbcg"
        self.words = [
            "".join(self._chance.choices(letters, k=self._chance.randint(2, 10))) for _ in range(20_000)
        ]
        self._weights = [1 / (rank + 1) for rank in range(len(self.words))]

    def text(self) -> str:
        return " ".join(self._chance.choices(self.words, self._weights, k=WORDS_PER_MESSAGE))

    def query(self) -> str:
        """One or two words, common or rare; often the last one is still being typed."""
        chosen = self._chance.choices(self.words, self._weights, k=self._chance.randint(1, 2))
        if self._chance.random() < 0.5:
            chosen[-1] = chosen[-1][: self._chance.randint(1, 4)]
        return " ".join(chosen)


def fill(conn: Connection, writer: Writer, name: str, turns: int) -> None:
    """A conversation of `turns` prompts and as many answers."""
    conversations.create(conn, id=name, title=f"Conversation {name}", model_id="work/x", now=1.0)
    parent: str | None = None
    for number in range(turns):
        answer_id = f"{name}-{number}-a"
        messages.begin_turn(
            conn,
            conversation_id=name,
            user_id=f"{name}-{number}-u",
            answer_id=answer_id,
            parent_id=parent,
            text=writer.text(),
            model_id="work/x",
            now=float(number),
        )
        messages.settle(
            conn,
            answer_id,
            text=writer.text(),
            reasoning="",
            state=MessageState.DONE,
            finish_reason="stop",
            usage=Usage(),
            first_token_ms=1.0,
            total_ms=2.0,
            error=None,
            now=float(number),
        )
        parent = answer_id


def fill_some(conn: Connection, writer: Writer, numbers: range) -> None:
    """Several conversations of 100 messages, with one sync of the disk for all."""
    for number in numbers:
        fill(conn, writer, f"c{number}", 50)


async def timed(run: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await run()
    return (time.perf_counter() - began) * 1000


async def main() -> None:
    writer = Writer()
    with tempfile.TemporaryDirectory() as folder:
        db = await Database.open(f"sqlite:///{Path(folder) / 'bench.db'}")
        service = ConversationsService(db, Bus(), AuditService(db, Secrets(False), KnownSecrets()))
        there = 0
        for size in SIZES:
            for first in range(there // 100, size // 100, 10):
                await db.write(fill_some, writer, range(first, min(first + 10, size // 100)))
            there = size
            times = [await timed(lambda: service.search(writer.query())) for _ in range(QUERIES)]
            tell(f"search, {size:,} messages, P50", percentile(times, 0.5), "ms")
            limit = 50 if size == SIZES[-1] else None
            tell(f"search, {size:,} messages, P95", percentile(times, 0.95), "ms", limit=limit)
            listing = [await timed(service.recent) for _ in range(20)]
            tell(f"list of conversations, {size:,} messages", percentile(listing, 0.5), "ms")
        for size in (100, 1_000, 10_000):
            await db.write(fill, writer, f"long{size}", size // 2)
            times = [await timed(partial(service.open, f"long{size}")) for _ in range(OPENINGS)]
            limit = 150 if size == 10_000 else None
            tell(f"open a conversation of {size:,}, P95", percentile(times, 0.95), "ms", limit=limit)
            times = [await timed(partial(service.older, f"long{size}", size // 2)) for _ in range(OPENINGS)]
            tell(f"500 older of {size:,}, P95", percentile(times, 0.95), "ms")
        await db.close()


if __name__ == "__main__":
    asyncio.run(main())
