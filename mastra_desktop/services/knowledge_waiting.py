"""Waiting for documents: what the bus tells of them, and what the database says when it tells nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError, NotFound
from mastra_desktop.domain.events import BusEvent, DocumentChanged
from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.store import documents

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.store.database import Database

LOOK_S = 2.0
SETTLED = (DocumentState.READY, DocumentState.FAILED)

Hindrance = Callable[[Document], Awaitable[MastraError | None]]


async def follow(
    db: Database, bus: Bus, document_ids: Iterable[str], hindrance: Hindrance | None = None
) -> AsyncGenerator[Document]:
    """Yields what becomes of these documents until each is ready or failed; a removed one is left out.

    `hindrance`: what keeps a document from ever being ready. Raises it once every one has one.
    """
    waiting = set(document_ids)
    changes: asyncio.Queue[Document] = asyncio.Queue()

    def hear(event: BusEvent) -> None:
        if isinstance(event, DocumentChanged) and event.document.id in waiting:
            changes.put_nowait(event.document)

    unsubscribe = bus.subscribe(hear)
    try:
        for found in await _still_there(db, waiting):
            changes.put_nowait(found)
        while waiting:
            try:
                document = await asyncio.wait_for(changes.get(), LOOK_S)
            except TimeoutError:  # removed, or another process did it: nobody tells that here
                there = await _still_there(db, waiting)
                for found in there:
                    if db.path is None or found.state in SETTLED:
                        changes.put_nowait(found)
                if hindrance is not None and changes.empty():
                    await _raise_if_all(there, hindrance)
                continue
            if document.id not in waiting:
                continue
            yield document
            if document.state in SETTLED:
                waiting.discard(document.id)
    finally:
        unsubscribe()


async def _still_there(db: Database, waiting: set[str]) -> list[Document]:
    """Those that were not removed; the others are waited for no longer."""
    there = []
    for document_id in tuple(waiting):
        try:
            there.append(await db.read(documents.document, document_id))
        except NotFound:
            waiting.discard(document_id)
    return there


async def _raise_if_all(there: Iterable[Document], hindrance: Hindrance) -> None:
    errors = [await hindrance(document) for document in there]
    if errors and errors[0] is not None and all(errors):
        raise errors[0]
