"""The list of conversations: search, open, rename, delete with Undo."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFileDialog, QMenu, QWidget

from mastra_desktop.domain.chat import Conversation
from mastra_desktop.domain.errors import StorageError
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.item_models.conversation_rows import ConversationRows
from mastra_desktop.ui.panes.list_column import ListColumn
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController

SEARCH_DELAY_MS = 120
MINUTE_MS = 60_000


class ChatList(ListColumn):
    """The column at the left of the chat pane. Its rows' ids are those of `ConversationRows`."""

    opened = Signal(str, str, tuple)  # conversation id, message id or "", words to mark
    deleted = Signal(str)
    notice = Signal(str, str, str, str, object)

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(theme, icons, parent)
        self._model = ConversationRows(self)
        self.lay_out(
            self._model,
            title=self.tr("Chats"),
            rows=self.tr("Conversations"),
            search=self.tr("Search chats"),
            new=self.tr("New chat"),
            new_icon="square-pen",
        )
        self._bridge, self._tasks = bridge, tasks
        self._conversations: list[Conversation] = []
        self._running: set[str] = set()
        self.model_names: dict[str, str] = {}
        self.search.setObjectName("searchField")
        self.rows.setObjectName("conversationList")
        self.new_button.setObjectName("newChatButton")
        self._search_timer = QTimer(self, singleShot=True, interval=SEARCH_DELAY_MS)
        self._search_timer.timeout.connect(self.refresh)
        self._clock = QTimer(self, interval=MINUTE_MS)  # "now" and "Today" grow old
        self._clock.timeout.connect(self._show)
        self._clock.start()
        self.search.textChanged.connect(lambda _text: self._search_timer.start())
        self.rows.row_activated.connect(self._open)
        self.rows.renamed.connect(lambda row, title: self._tasks.start(self._rename(row, title)))
        self.rows.delete_requested.connect(self.delete)
        self.rows.context_menu_requested.connect(self._open_menu)

    # -- showing ------------------------------------------------------------------------------------

    async def load(self) -> None:
        """Reads the list, or the hits of the search, and shows them."""
        query = self.search.text().strip()
        if query:
            hits = await self._bridge.call(lambda core: core.conversations.search(query))
            self._model.show_hits(hits, time.time())
            self.nothing.set(self.tr("Nothing found"), self.tr("Every word has to occur. Try fewer words."))
        else:
            self._conversations = await self._bridge.call(lambda core: core.conversations.recent())
            self._show()
        self.show_found(bool(self._model.rowCount()) or not query)

    def refresh(self, select: str = "") -> None:
        if select:
            self.rows.set_selected_id(select)
        self._tasks.start(self.load(), key="list")

    def select(self, conversation_id: str) -> None:
        """Marks the row of the conversation in view; "" marks none."""
        self.rows.set_selected_id(conversation_id)

    def set_running(self, conversation_ids: set[str]) -> None:
        self._running = conversation_ids
        self._show()

    def knows(self, conversation_id: str) -> bool:
        return any(c.id == conversation_id for c in self._conversations)

    def _show(self) -> None:
        if not self.search.text().strip():
            self._model.show_conversations(self._conversations, self._running, self.model_names, time.time())

    def _open(self, row_id: str) -> None:
        conversation_id, _, message_id = row_id.partition("/")
        words = tuple(self.search.text().replace('"', " ").split()) if message_id else ()
        self.opened.emit(conversation_id, message_id, words)

    # -- changing -----------------------------------------------------------------------------------

    def menu_for(self, row_id: str) -> QMenu:
        """What can be done with a conversation."""
        conversation_id = row_id.partition("/")[0]
        menu = QMenu(self)
        add, icon = menu.addAction, self._icons.icon
        rename = add(icon("pencil"), self.tr("Rename"), lambda: self.begin_rename(conversation_id))
        rename.setShortcut("F2")
        add(icon("copy"), self.tr("Copy as Markdown"), lambda: self._tasks.start(self._copy(conversation_id)))
        add(icon("download"), self.tr("Export as Markdown…"), lambda: self._export(conversation_id))
        menu.addSeparator()
        delete = add(icon("trash", "danger.fg"), self.tr("Delete"), lambda: self.delete(conversation_id))
        delete.setShortcut("Del")
        return menu

    def delete(self, row_id: str) -> None:
        """Moves to the trash at once; the toast brings it back."""
        self._tasks.start(self._delete(row_id.partition("/")[0]))

    async def _delete(self, conversation_id: str) -> None:
        title = next((c.title for c in self._conversations if c.id == conversation_id), "")
        await self._bridge.call(lambda core: core.conversations.delete(conversation_id))
        await self.load()
        self.deleted.emit(conversation_id)
        self.notice.emit(
            self.tr("Chat deleted"),
            title,
            "info",
            self.tr("Undo"),
            lambda: self._tasks.start(self._restore(conversation_id)),
        )

    async def _restore(self, conversation_id: str) -> None:
        await self._bridge.call(lambda core: core.conversations.restore(conversation_id))
        await self.load()
        self.opened.emit(conversation_id, "", ())

    async def _rename(self, row_id: str, title: str) -> None:
        conversation_id = row_id.partition("/")[0]
        await self._bridge.call(lambda core: core.conversations.rename(conversation_id, title))
        await self.load()

    async def _copy(self, conversation_id: str) -> None:
        text = await self._bridge.call(lambda core: core.conversations.export_markdown(conversation_id))
        QGuiApplication.clipboard().setText(text)
        self.notice.emit(self.tr("Copied as Markdown"), "", "success", "", None)

    def _export(self, conversation_id: str) -> None:
        name = "".join(c if c.isalnum() or c in " -_" else "-" for c in self._model.title(conversation_id))
        dialog = QFileDialog(
            self, self.tr("Export as Markdown"), f"{name.strip() or 'chat'}.md", "Markdown (*.md)"
        )
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._tasks.start(self._write(conversation_id, path)))
        dialog.open()

    async def _write(self, conversation_id: str, path: str) -> None:
        text = await self._bridge.call(lambda core: core.conversations.export_markdown(conversation_id))
        try:
            await asyncio.to_thread(Path(path).write_text, text, "utf-8")
        except OSError as error:
            raise StorageError(
                self.tr("The file {path} could not be written.").format(path=path),
                hint=self.tr("Choose another folder."),
                detail=str(error),
            ) from error
        self.notice.emit(self.tr("Chat exported"), path, "success", "", None)

    def _open_menu(self, row_id: str, at: QPoint) -> None:
        menu = self.menu_for(row_id)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(at)
