"""Which collections the answers of a conversation draw on, and files that are dropped into it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings, QTimer, Signal

from mastra_desktop.domain.knowledge import Collection, DocumentState
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.chat_view import ChatView
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.knowledge_switch import KnowledgeSwitch
from mastra_desktop.ui.widgets.popup_list import PopupItem, PopupList

if TYPE_CHECKING:
    from mastra_desktop.services.knowledge_files import Added

REFRESH_DELAY_MS = 250
_NEW_CHATS = "chat/knowledge"  # the choice for new chats
_LAST = "chat/knowledge-last"  # what the switch brings back


class ChatKnowledge(QObject):
    """Kept with each conversation; the last choice is also that of new chats."""

    notice = Signal(str, str, str, str, object)  # title, text, tone, action label, what the action does

    def __init__(
        self,
        view: ChatView,
        theme: ThemeController,
        icons: Icons,
        state: QSettings,
        bridge: Bridge,
        tasks: Tasks,
    ) -> None:
        super().__init__(view)
        self._view, self._theme, self._icons = view, theme, icons
        self._state, self._bridge, self._tasks = state, bridge, tasks
        self._collections: list[Collection] | None = None  # None: not asked yet
        self._hash_list: PopupList | None = None
        self.switch = KnowledgeSwitch(theme, icons)
        view.composer.add_widget(self.switch)
        self._refreshing = QTimer(self, singleShot=True, interval=REFRESH_DELAY_MS)
        self._refreshing.timeout.connect(lambda: tasks.start(self.load(), key="chat-collections"))
        self.switch.switched.connect(self._switch)
        self.switch.ticked.connect(self._tick)
        view.knowledge_opened.connect(self._opened)
        view.composer.hash_typed.connect(self._offer_collections)
        view.composer.files_dropped.connect(self._take)
        self._use(self._remembered(_NEW_CHATS))

    # -- which collections there are, and which are chosen -------------------------------------------

    def refresh(self) -> None:
        """Collections changed; several changes at a time are shown together."""
        if not self._refreshing.isActive():
            self._refreshing.start()

    async def load(self) -> None:
        self._collections = await self._bridge.call(lambda core: core.knowledge.collections())
        self._use(self._view.knowledge)

    def _opened(self, conversation_id: str, knowledge: tuple[str, ...]) -> None:
        self._use(knowledge if conversation_id else self._remembered(_NEW_CHATS))

    def _use(self, ids: Iterable[str]) -> None:
        """Answers draw on these; what does not exist any more is left out."""
        chosen = tuple(dict.fromkeys(ids))
        if self._collections is not None:
            existing = {collection.id for collection in self._collections}
            chosen = tuple(id for id in chosen if id in existing)
        self._view.knowledge = chosen
        self.switch.set_items(self._items())

    def _items(self) -> list[PopupItem]:
        return [
            PopupItem(c.id, c.name, self._count(c), icon=c.icon, checked=c.id in self._view.knowledge)
            for c in self._collections or ()
        ]

    def _count(self, collection: Collection) -> str:
        if collection.documents == 1:
            return self.tr("1 document")
        return self.tr("{n} documents").format(n=f"{collection.documents:,}")

    # -- the person's choice ------------------------------------------------------------------------

    def choose(self, ids: Sequence[str]) -> None:
        """Remembered for the conversation in view and for new chats."""
        self._use(ids)
        chosen = self._view.knowledge
        self._state.setValue(_NEW_CHATS, " ".join(chosen))
        if chosen:
            self._state.setValue(_LAST, " ".join(chosen))
        if conversation_id := self._view.conversation_id:
            self._tasks.start(
                self._bridge.call(lambda core: core.conversations.set_knowledge(conversation_id, chosen))
            )

    def _switch(self, on: bool) -> None:
        if not on:
            self.choose(())
            return
        self.choose(self._remembered(_LAST))
        if not self._view.knowledge:
            if len(self._collections or ()) == 1:
                self.choose([c.id for c in self._collections or ()])
            else:
                self.switch.open_list()

    def _tick(self, collection_id: str) -> None:
        chosen = self._view.knowledge
        without = tuple(id for id in chosen if id != collection_id)
        self.choose(without if collection_id in chosen else (*chosen, collection_id))

    def _remembered(self, key: str) -> list[str]:
        return str(self._state.value(key, "")).split()

    def _offer_collections(self) -> None:
        """`#` was typed: the list to choose one; what matches none goes back into the text."""
        if not self._collections or self._hash_list is not None:
            return
        composer = self._view.composer
        offered = PopupList(
            composer,
            self._items(),
            self.tr("Collections"),
            self._theme,
            self._icons,
            self.tr("Find a collection"),
            closes_without_match=True,
        )
        self._hash_list = offered
        offered.chosen.connect(self._choose_by_hash)
        offered.closed.connect(self._end_hash)
        offered.open_popover()

    def _choose_by_hash(self, collection_id: str) -> None:
        self._view.composer.take_back_hash()
        if collection_id not in self._view.knowledge:
            self.choose((*self._view.knowledge, collection_id))

    def _end_hash(self) -> None:
        offered, self._hash_list = self._hash_list, None
        if offered is not None and offered.search_text:
            self._view.composer.insert_text(offered.search_text)

    # -- dropped files ------------------------------------------------------------------------------

    def _take(self, paths: list[Path]) -> None:
        self._tasks.start(self._add(paths))

    async def _add(self, paths: list[Path]) -> None:
        """Into the first chosen collection, the only one, or one for dropped files."""
        await self.load()
        chosen, collections = self._view.knowledge, self._collections or []
        name = self.tr("Dropped files")
        target = next((c for c in collections if c.id in chosen), None)
        if target is None and len(collections) == 1:
            target = collections[0]
        target = target or next((c for c in collections if c.name == name), None)
        made = target is None
        if target is None:
            target = await self._bridge.call(lambda core: core.knowledge.create_collection(name))
        collection = target
        added = await self._bridge.call(
            lambda core: core.knowledge.add(collection.id, paths, on_same_name="keep_both")
        )
        there = len(added.documents) + len(added.unchanged)
        if made and not there:
            await self._bridge.call(lambda core: core.knowledge.remove_collection(collection.id))
        await self.load()
        if there and collection.id not in self._view.knowledge:
            self.choose((*self._view.knowledge, collection.id))
        self._tell(added, collection.name, there)
        await self._tell_failures([document.id for document in added.documents])

    async def _tell_failures(self, ids: list[str]) -> None:
        """A file that cannot be read is known only when it was tried."""
        async with aclosing(self._bridge.stream(lambda core: core.knowledge.wait(ids))) as batches:
            async for batch in batches:
                for document in batch:
                    if document.state is DocumentState.FAILED and document.error is not None:
                        title = self.tr("{file} could not be added").format(file=document.name)
                        self.notice.emit(title, document.error.message, "danger", "", None)

    def _tell(self, added: Added, collection: str, there: int) -> None:
        refused = " ".join(
            self.tr("{file}: {why}").format(file=path.name, why=error.message)
            for path, error in added.refused[:3]
        )
        if not there:
            nothing = refused or self.tr("There is nothing in it that can be read.")
            self.notice.emit(self.tr("Nothing was added"), nothing, "warn", "", None)
            return
        title = (
            self.tr("1 file added to {collection}")
            if there == 1
            else self.tr("{n} files added to {collection}")
        )
        text = self.tr("Knowledge is on for this chat; answers draw on them as soon as they are read.")
        self.notice.emit(
            title.format(n=f"{there:,}", collection=collection),
            f"{text} {refused}".strip(),
            "warn" if refused else "success",
            "",
            None,
        )
