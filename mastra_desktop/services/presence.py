"""One of several processes on one database: says that it is there, tidies up after those that are not.

Runs on a server only. Every few seconds: what this process has in hand stays its own; answers and documents
of a process that went are free; what others changed is told on the bus, so that the window shows it.
"""

from __future__ import annotations

import asyncio
import platform
import time
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import CollectionChanged, ConversationChanged
from mastra_desktop.ops.background import in_background
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import conversations, documents, knowledge, messages, processes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.domain.knowledge import Collection
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.chat import ChatService
    from mastra_desktop.services.knowledge import KnowledgeService
    from mastra_desktop.store.database import Database

_PLACE = "place"  # a file in the data home: its name among those that share a server

log = get_logger(__name__)


def who_am_i(home: Path) -> processes.Me:
    """This process and its data home, named the same at every start. For a database on a server."""
    file = home / _PLACE
    if not file.exists():
        file.write_text(uuid.uuid4().hex, encoding="utf-8")
    return processes.Me(uuid.uuid4().hex, file.read_text(encoding="utf-8").strip(), platform.node())


def who_was_i(home: Path) -> processes.Me:
    """This data home as servers know it; nobody when it never shared one."""
    return who_am_i(home) if (home / _PLACE).exists() else processes.NOBODY


class Presence:
    """Enter `running` once everything that works on the database is there."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        chat: ChatService,
        knowledge_service: KnowledgeService,
        *,
        clock: Callable[[], float] = time.time,
        beat_s: float = processes.BEAT_S,
    ) -> None:
        self._db = db
        self._bus = bus
        self._chat = chat
        self._knowledge = knowledge_service
        self._clock = clock
        self._beat_s = beat_s
        self._looked = False  # at what there is; only changes are told
        self._seen: dict[str, float] = {}  # conversations and when they changed
        self._collections: dict[str, Collection] = {}

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """On the way out, what was in hand is free at once."""
        try:
            async with in_background(self._go_on, "presence"):
                yield
        finally:
            with suppress(MastraError):  # else it is free after the lease
                await self._db.write(processes.leave, self._db.me)

    async def _go_on(self) -> None:
        away = False
        while True:
            try:
                await self.beat()
            except MastraError as error:
                if not away:
                    log.warning("the shared database is away", message=error.message, detail=error.detail)
                away = True
            except Exception:
                log.exception("a beat failed by a bug")
            else:
                if away:
                    log.info("the shared database is back")
                away = False
            await asyncio.sleep(self._beat_s)

    async def beat(self) -> None:
        """Once of what `running` does all the time. Raises StorageError while the server is away."""
        await self._chat.save_unsaved()
        await self._db.write(self._tidy)
        await self._tell_changes()
        self._knowledge.look_again()

    def _tidy(self, conn: Connection) -> None:
        me = self._db.me
        processes.appear(conn, me)
        processes.give_up(conn, me, messages.ANSWERING, self._chat.being_written())
        if cut_off := messages.mark_interrupted(conn, self._clock()):
            log.info("answers of a process that went", conversations=len(cut_off))
        if again := documents.reset_unfinished(conn):
            log.info("documents of a process that went are read again", documents=again)

    async def _tell_changes(self) -> None:
        recent = {c.id: c.updated_at for c in await self._db.read(conversations.list_recent)}
        for id in dict.fromkeys((*recent, *self._seen)):
            if recent.get(id) != self._seen.get(id) and self._looked:
                self._bus.publish(ConversationChanged(id))
        self._seen = recent
        kept = {c.id: c for c in await self._db.read(knowledge.collections)}
        for id in dict.fromkeys((*kept, *self._collections)):
            if kept.get(id) != self._collections.get(id) and self._looked:
                self._bus.publish(CollectionChanged(id))
        self._collections = kept
        self._looked = True
