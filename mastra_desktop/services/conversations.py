"""Conversations: list, open, rename, delete and bring back, search, export."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mastra_desktop.domain.chat import Conversation, Message, Role, SearchHit
from mastra_desktop.domain.errors import BadRequest
from mastra_desktop.domain.events import ConversationChanged
from mastra_desktop.store import conversations, messages, search

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.store.database import Database

TRASH_S = 30 * 24 * 3600.0
ALL_MESSAGES = 1_000_000


@dataclass(frozen=True, slots=True)
class Branch:
    """A conversation and the newest part of the branch in view, oldest message first."""

    conversation: Conversation
    messages: tuple[Message, ...]

    @property
    def has_older(self) -> bool:
        return bool(self.messages) and self.messages[0].depth > 0


class ConversationsService:
    """All times are seconds since the epoch. Unknown ids raise NotFound."""

    def __init__(
        self, db: Database, bus: Bus, audit: AuditService, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = db
        self._bus = bus
        self._audit = audit
        self._clock = clock

    async def recent(self, limit: int = 500) -> list[Conversation]:
        """The newest conversations first."""
        return await self._db.read(conversations.list_recent, limit)

    async def open(self, conversation_id: str, *, limit: int = 40) -> Branch:
        """The conversation with the last `limit` messages of the branch in view."""

        def read(conn: Connection) -> Branch:
            conversation = conversations.get(conn, conversation_id)
            return Branch(conversation, tuple(messages.path_page(conn, conversation_id, limit=limit)))

        return await self._db.read(read)

    async def older(self, conversation_id: str, before_depth: int, *, limit: int = 500) -> list[Message]:
        """The `limit` messages above `before_depth` on the branch in view, oldest first."""
        return await self._db.read(
            messages.path_page, conversation_id, before_depth=before_depth, limit=limit
        )

    async def message(self, message_id: str) -> Message:
        return await self._db.read(messages.get, message_id)

    async def create(self, title: str, *, model_id: str = "") -> Conversation:
        now = self._clock()
        made = await self._db.write(
            conversations.create, id=uuid.uuid4().hex, title=title, model_id=model_id, now=now
        )
        self._bus.publish(ConversationChanged(made.id))
        return made

    async def rename(self, conversation_id: str, title: str) -> None:
        """Raises BadRequest for an empty title."""
        title = " ".join(title.split())[:200]
        if not title:
            raise BadRequest("A conversation needs a name.", hint="Write at least one letter.")
        await self._db.write(conversations.rename, conversation_id, title, self._clock())
        self._bus.publish(ConversationChanged(conversation_id))

    async def delete(self, conversation_id: str) -> None:
        """Moves it to the trash, from which `restore` brings it back for 30 days."""
        await self._db.write(conversations.delete, conversation_id, self._clock())
        self._audit.record("user", "conversation.deleted", conversation_id)
        self._bus.publish(ConversationChanged(conversation_id))

    async def restore(self, conversation_id: str) -> None:
        await self._db.write(conversations.restore, conversation_id)
        self._bus.publish(ConversationChanged(conversation_id))

    async def purge_trash(self) -> int:
        """Forgets what has been in the trash for 30 days; how many that were."""
        return await self._db.write(conversations.purge_deleted, self._clock() - TRASH_S)

    async def set_model(self, conversation_id: str, model_id: str) -> None:
        await self._db.write(conversations.set_model, conversation_id, model_id)

    async def set_knowledge(self, conversation_id: str, collection_ids: Sequence[str]) -> None:
        """The collections that its next answers draw on; none of them has to exist any more."""
        await self._db.write(conversations.set_knowledge, conversation_id, tuple(collection_ids))

    async def select(self, message_id: str) -> Branch:
        """Brings the branch through this message into view."""
        await self._db.write(messages.select_branch, message_id)
        message = await self.message(message_id)
        return await self.open(message.conversation_id)

    async def draft(self, conversation_id: str = "") -> str:
        """The text not sent yet; the new chat's draft has the id ""."""
        return await self._db.read(conversations.draft, conversation_id)

    async def save_draft(self, conversation_id: str, text: str) -> None:
        await self._db.write(conversations.save_draft, conversation_id, text)

    async def search(self, query: str, *, limit: int = 50) -> list[SearchHit]:
        """Messages and titles in which every word occurs."""
        return await self._db.read(search.search, query, limit)

    async def whole(self, conversation_id: str) -> Branch:
        """The whole branch in view."""
        return await self.open(conversation_id, limit=ALL_MESSAGES)

    async def export_markdown(self, conversation_id: str) -> str:
        """The branch in view as Markdown."""
        branch = await self.whole(conversation_id)
        self._audit.record("user", "conversation.exported", conversation_id)
        parts = [f"# {branch.conversation.title}\n"]
        for message in branch.messages:
            who = "You" if message.role is Role.USER else message.model_id
            parts.append(f"## {who}\n\n{message.text}\n")
        return "\n".join(parts)
