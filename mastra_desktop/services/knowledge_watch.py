"""Folders that collections are kept in step with."""

from __future__ import annotations

import asyncio
import stat
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError, NotFound
from mastra_desktop.domain.events import CollectionChanged
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import documents

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.knowledge_files import Adding
    from mastra_desktop.services.knowledge_pipeline import Pipeline
    from mastra_desktop.store.database import Database

DEBOUNCE_MS = 1600
STEP_MS = 500  # how often it is looked whether something changed: a wake-up of the process each
LOOK_MS = 10_000  # how often it is looked whether the folder is still there
GONE_RETRY_S = 5.0  # a folder on a drive that is not there

log = get_logger(__name__)


class FolderWatch:
    """One task per watched folder, kept by the pipeline."""

    def __init__(self, db: Database, bus: Bus, adding: Adding) -> None:
        self._db = db
        self._bus = bus
        self._adding = adding
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def begin(self, collection_id: str, folder: Path, pipeline: Pipeline) -> None:
        """Looks at the folder now, and again whenever something in it changes."""
        self.end(collection_id)

        async def keep_in_step() -> None:
            while True:
                try:
                    if await asyncio.to_thread(_identity, folder) is not None:
                        await self._follow(collection_id, folder, pipeline.start)
                except NotFound:
                    return  # the collection went
                except (
                    MastraError,
                    OSError,
                    RuntimeError,
                ) as error:  # a full disk, too many watches: it passes
                    log.warning("a folder is not watched for a while", folder=str(folder), reason=str(error))
                await asyncio.sleep(GONE_RETRY_S)

        if task := pipeline.keep_running(keep_in_step):
            self._tasks[collection_id] = task

    def end(self, collection_id: str) -> None:
        if task := self._tasks.pop(collection_id, None):
            task.cancel()

    async def _follow(self, collection_id: str, folder: Path, added: Callable[[], None]) -> None:
        """Returns when the folder is gone, or another one is in its place: nothing is heard of that."""
        from watchfiles import awatch

        begun = await asyncio.to_thread(_identity, folder)
        await self._bring_in_step(collection_id, folder, added)
        looks = awatch(
            folder, debounce=DEBOUNCE_MS, step=STEP_MS, rust_timeout=LOOK_MS, yield_on_timeout=True
        )
        async with aclosing(looks) as events:
            async for changes in events:
                if await asyncio.to_thread(_identity, folder) != begun:
                    return
                if changes:
                    await self._bring_in_step(collection_id, folder, added)

    async def _bring_in_step(self, collection_id: str, folder: Path, added: Callable[[], None]) -> None:
        await self._remove_gone(collection_id, folder)  # first: a renamed file is no copy of itself then
        found = await self._adding.add(collection_id, [folder], on_same_name="keep_both", by_hand=False)
        if found.documents:
            added()

    async def _remove_gone(self, collection_id: str, folder: Path) -> None:
        inside = [
            document
            for document in await self._db.read(documents.at_place, collection_id, self._db.me.place)
            if Path(document.source).is_relative_to(folder)
        ]
        gone = await asyncio.to_thread(lambda: [d for d in inside if not Path(d.source).exists()])
        if not await asyncio.to_thread(folder.is_dir):
            return  # the drive went, not the files
        for document in gone:
            await self._db.write(documents.delete_document, document.id, time.time())
        if gone:
            self._bus.publish(CollectionChanged(collection_id))


def _identity(folder: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of its name; None when there is none. Raises OSError."""
    try:
        found = folder.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None
