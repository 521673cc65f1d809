"""One conversation: transcript and composer, and the replies that run, also in conversations out of view."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from mastra_desktop.domain.chat import Conversation, Message, MessageState, Role
from mastra_desktop.domain.models import LOCAL_MODEL_ID
from mastra_desktop.services.history import estimate_tokens
from mastra_desktop.services.price_book import PriceBook
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.errors import details_of
from mastra_desktop.ui.icons import Icons
from mastra_desktop.ui.panes.empty_chat import EmptyChat
from mastra_desktop.ui.panes.parts import label
from mastra_desktop.ui.panes.prompt_queue import PromptQueue
from mastra_desktop.ui.panes.runs import Runs
from mastra_desktop.ui.panes.turns import RunningTurn, turn_of
from mastra_desktop.ui.tasks import Tasks
from mastra_desktop.ui.theme import ThemeController
from mastra_desktop.ui.widgets.composer import Composer
from mastra_desktop.ui.widgets.kbd import Kbd
from mastra_desktop.ui.widgets.transcript import Transcript
from mastra_desktop.ui.widgets.transcript_view import TurnView

if TYPE_CHECKING:
    from mastra_desktop.services.conversations import Branch

DRAFT_DELAY_MS = 500
NEW_CHAT = ""  # the id of the conversation that does not exist yet


class ChatView(QWidget):
    """Shows one conversation and sends its prompts; `runs` are the replies of all of them."""

    conversation_started = Signal(str)  # a new chat got its id
    opened = Signal(str, str, str)  # conversation id, title, model id
    knowledge_opened = Signal(str, object)  # conversation id, the ids of its collections
    messages_changed = Signal()  # in view: others, or one settled
    source_wanted = Signal(object)  # a Source to be opened at its passage
    settings_wanted = Signal()
    model_wanted = Signal()  # the person asked for another model
    failed = Signal(object)  # a MastraError that belongs to no turn

    def __init__(
        self,
        theme: ThemeController,
        icons: Icons,
        bridge: Bridge,
        tasks: Tasks,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._bridge = bridge
        self._tasks = tasks
        self.conversation_id = NEW_CHAT
        self.model_id = LOCAL_MODEL_ID
        self.knowledge: tuple[str, ...] = ()  # ids of the collections that answers draw on
        self.positions: dict[str, tuple[object, ...]] = {}  # of conversations, the one left last at the end
        self._messages: dict[str, Message] = {}  # settled messages in view, by id
        self._editing: str | None = None  # the user message whose text is in the composer
        self._oldest_depth = 0
        self._loading_older = False

        self.transcript = Transcript(theme, icons)
        self.empty = EmptyChat(theme, icons)
        self.composer = Composer(theme, icons)
        self.runs = Runs(bridge, tasks, self)
        self.queue = PromptQueue(self.composer)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.transcript)
        self._hints = self._make_hints(theme)
        foot = QVBoxLayout()
        foot.setContentsMargins(0, 0, 0, 12)
        foot.setSpacing(10)
        foot.addWidget(self.composer)
        foot.addWidget(self._hints)
        middle = QWidget()
        middle.setLayout(foot)
        middle.setMaximumWidth(theme.current.px("layout.content.readingMax"))
        row = QHBoxLayout()
        row.setContentsMargins(24, 0, 24, 0)
        row.addStretch(1)
        row.addWidget(middle, 1000)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self._stack, 1)
        layout.addLayout(row)

        self._draft_timer = QTimer(self, singleShot=True, interval=DRAFT_DELAY_MS)
        self._draft_timer.timeout.connect(self._save_draft)
        self.composer.submitted.connect(self.submit)
        self.composer.stop_requested.connect(self.stop)
        self.composer.text_edited.connect(self._text_edited)
        self.composer.history_wanted.connect(self._edit_last_prompt)
        self.queue.send_wanted.connect(self._send_now)
        self.runs.started.connect(self._run_started)
        self.runs.progressed.connect(self._show_progress)
        self.runs.settled.connect(self._show_settled)
        self.runs.finished.connect(self._send_next)
        self.runs.refused.connect(self._refused)
        self.runs.changed.connect(self._update_busy)
        self.transcript.action_triggered.connect(self._turn_action)
        self.transcript.source_activated.connect(self.open_source)
        self.transcript.older_wanted.connect(self._load_older)
        self.empty.suggestion_chosen.connect(self._use_suggestion)

    def _make_hints(self, theme: ThemeController) -> QWidget:
        hints = QWidget()
        row = QHBoxLayout(hints)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addStretch(1)
        for keys, what in (
            ("Enter", self.tr("Send")),
            ("Shift Enter", self.tr("New line")),
            ("Ctrl N", self.tr("New chat")),
            ("Ctrl F", self.tr("Search chats")),
        ):
            row.addWidget(Kbd(keys))
            row.addWidget(label(what, "small"))
            row.addSpacing(10)
        row.addStretch(1)
        return hints

    # -- opening ------------------------------------------------------------------------------------

    def open(self, conversation_id: str, *, message_id: str = "", words: tuple[str, ...] = ()) -> None:
        """Shows a conversation (NEW_CHAT: an empty one); `message_id` is scrolled to, with `words` marked."""
        self._leave()
        self.conversation_id = conversation_id
        self._update_busy()
        self._tasks.start(self._open(conversation_id, message_id, words), key="open-conversation")

    async def _open(self, conversation_id: str, message_id: str, words: tuple[str, ...]) -> None:
        if conversation_id == NEW_CHAT:
            self._show_branch(None)
        elif message_id:
            branch = await self._bridge.call(lambda core: core.conversations.select(message_id))
            self._show_branch(await self._with_older(branch, message_id))
            self.transcript.scroll_to_turn(message_id, words)
        else:
            branch = await self._bridge.call(lambda core: core.conversations.open(conversation_id))
            if position := self.positions.get(conversation_id):
                branch = await self._with_older(branch, str(position[0]))
            self._show_branch(branch)
        draft = await self._bridge.call(lambda core: core.conversations.draft(conversation_id))
        if self.conversation_id == conversation_id and not self.composer.text():
            self.composer.set_text(draft)
        if self.isVisible():  # else another page has the keyboard
            self.composer.setFocus()
        await self._load_all_older(conversation_id)

    def _show_branch(self, branch: Branch | None) -> None:
        self._messages = {m.id: m for m in branch.messages} if branch else {}
        self._oldest_depth = branch.messages[0].depth if branch and branch.messages else 0
        turns = [self._turn(m) for m in branch.messages] if branch else []
        self.transcript.set_turns(turns)
        self._show_page(bool(turns))
        if branch is not None:
            self._tell_opened(branch.conversation)
            position = self.positions.get(branch.conversation.id)
            if position is None:
                self.transcript.scroll_to_end()
            else:
                self.transcript.restore(position)
        else:
            self.opened.emit(NEW_CHAT, "", "")
            self.knowledge_opened.emit(NEW_CHAT, ())
        self.queue.show(self.conversation_id)
        self.messages_changed.emit()

    @property
    def messages(self) -> list[Message]:
        """The settled messages in view, oldest first."""
        return list(self._messages.values())

    def _tell_opened(self, conversation: Conversation) -> None:
        self.opened.emit(conversation.id, conversation.title, conversation.model_id)
        self.knowledge_opened.emit(conversation.id, conversation.knowledge)

    def _show_page(self, has_turns: bool) -> None:
        self._stack.setCurrentWidget(self.transcript if has_turns else self.empty)
        self._hints.setVisible(not has_turns)

    def _turn(self, message: Message) -> TurnView:
        run = self.runs.of_message(message.conversation_id, message.id)
        question = self._question(message)
        if run is not None:
            run.question = question
            return run.view()
        runs, notice = self.runs, self.runs.notices.get(message.id, "")
        return turn_of(message, runs.model_names, runs.prices, question=question, notice=notice)

    def _question(self, message: Message) -> str:
        """What an answer answers, where that is in view."""
        asked = self._messages.get(message.parent_id or "")
        return asked.text if asked is not None else ""

    def _leave(self) -> None:
        self.keep_position()
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            self._save_draft()
        self._editing = None
        self.composer.set_text("")

    def keep_position(self) -> None:
        """Remembers where the conversation in view is scrolled to."""
        if self.conversation_id != NEW_CHAT and self._stack.currentWidget() is self.transcript:
            self.positions.pop(self.conversation_id, None)
            self.positions[self.conversation_id] = self.transcript.position()

    def _load_older(self) -> None:
        self._tasks.start(self._load_all_older(self.conversation_id), key="load-older")

    async def _load_all_older(self, conversation_id: str) -> None:
        """Brings the rest in, page by page, so that the scroll bar is true and search can jump."""
        while self.conversation_id == conversation_id and await self._load_one_older(conversation_id):
            pass

    async def _load_one_older(self, conversation_id: str) -> bool:
        if self._oldest_depth == 0 or self._loading_older or not conversation_id:
            return False
        self._loading_older = True
        try:
            older = await self._older(conversation_id, self._oldest_depth)
        finally:
            self._loading_older = False
        if self.conversation_id != conversation_id or not older:
            return False
        self._oldest_depth = older[0].depth
        self._messages = {m.id: m for m in older} | self._messages
        self.transcript.prepend_turns([self._turn(m) for m in older])
        return self._oldest_depth > 0

    async def _with_older(self, branch: Branch, message_id: str) -> Branch:
        """With the messages from that one on, or all when it is not among them."""
        while branch.has_older and all(m.id != message_id for m in branch.messages):
            older = await self._older(branch.conversation.id, branch.messages[0].depth)
            branch = replace(branch, messages=(*older, *branch.messages))
        return branch

    async def _older(self, conversation_id: str, before_depth: int) -> list[Message]:
        return await self._bridge.call(lambda core: core.conversations.older(conversation_id, before_depth))

    def remember_model(self, model_id: str) -> None:
        """Keeps the model for the conversation in view."""
        if conversation_id := self.conversation_id:
            self._tasks.start(
                self._bridge.call(lambda core: core.conversations.set_model(conversation_id, model_id))
            )

    def forget(self, conversation_id: str) -> None:
        """The conversation was deleted: its reply stops, its place in the view is gone."""
        self.runs.stop(conversation_id)
        self.queue.forget(conversation_id)
        self.positions.pop(conversation_id, None)

    # -- sending and running ------------------------------------------------------------------------

    def submit(self, text: str) -> None:
        """Sends the composer's text, or queues it while this conversation is being answered."""
        if self.runs.busy(self.conversation_id):
            self.queue.add(self.conversation_id, text)
        else:
            self._send(self.conversation_id, text)

    def _send(self, conversation_id: str, text: str) -> None:
        model_id, editing, self._editing = self.model_id, self._editing, None
        knowledge = self.knowledge
        if editing is not None:
            self.runs.start(
                conversation_id, lambda core: core.chat.edit(editing, text, model_id=model_id), prompt=text
            )
        else:
            target = conversation_id or None
            self.runs.start(
                conversation_id,
                lambda core: core.chat.reply(
                    text, conversation_id=target, model_id=model_id, knowledge=knowledge
                ),
                prompt=text,
            )

    def retry(self, message_id: str) -> None:
        model_id = self.model_id
        self.runs.start(self.conversation_id, lambda core: core.chat.retry(message_id, model_id=model_id))

    def continue_reply(self, message_id: str) -> None:
        old = self._messages[message_id]
        self.runs.start(
            self.conversation_id,
            lambda core: core.chat.continue_reply(message_id),
            so_far=(old.text, old.reasoning),
        )

    def stop(self) -> None:
        """Stops the answer in view: marked at once, its text kept."""
        self.runs.stop(self.conversation_id)

    def _send_now(self, text: str) -> None:
        self._tasks.start(self._stop_then_send(self.conversation_id, text))

    async def _stop_then_send(self, conversation_id: str, text: str) -> None:
        await self.runs.stop_and_wait(conversation_id)
        self._send(conversation_id, text)

    def _send_next(self, conversation_id: str) -> None:
        if text := self.queue.next(conversation_id):
            self._send(conversation_id, text)

    def _refused(self, asked_in: str, prompt: str, error: object) -> None:
        """Nothing was stored: the prompt goes back into the box, so it is not lost."""
        if prompt and self.conversation_id == asked_in and not self.composer.text():
            self.composer.set_text(prompt)
        if error is not None:
            self.failed.emit(error)

    def _run_started(self, asked_in: str, run: RunningTurn, has_prompt: bool) -> None:
        in_view = self.conversation_id == asked_in
        if asked_in == NEW_CHAT:
            self.queue.move(NEW_CHAT, run.conversation_id)
            if in_view:
                self.conversation_id = run.conversation_id
                self.queue.show(run.conversation_id)
            self.conversation_started.emit(run.conversation_id)
        if has_prompt:
            self._tasks.start(self._keep_draft(asked_in, ""))
        if in_view:
            self._tasks.start(self._show_started(run), key="open-conversation")

    async def _show_started(self, run: RunningTurn) -> None:
        """Adds the new turns below what is shown; a branch that parts higher up is laid out anew."""
        branch = await self._bridge.call(lambda core: core.conversations.open(run.conversation_id))
        if self.runs.of_message(run.conversation_id, run.message_id) is None:
            # It ended meanwhile; what was read may be from before its end.
            branch = await self._bridge.call(lambda core: core.conversations.open(run.conversation_id))
        if self.conversation_id != run.conversation_id:
            return
        if ids := branch.messages[-1].sibling_ids:
            run.siblings = (ids.index(run.message_id) + 1, len(ids))
        self._tell_opened(branch.conversation)
        new = [m for m in branch.messages if m.id not in self._messages]
        if not new:  # an answer that is continued
            self._messages |= {m.id: m for m in branch.messages}
            self.transcript.update_turn(self._turn(self._messages[run.message_id]))
        elif new[0].parent_id == next(reversed(self._messages), None):
            self._messages |= {m.id: m for m in new}
            for message in new:
                self.transcript.add_turn(self._turn(message))
            self._show_page(True)
        else:
            self.positions.pop(run.conversation_id, None)
            self._show_branch(branch)
        self.transcript.scroll_to_end()
        await self._load_all_older(run.conversation_id)

    def _show_progress(self, run: RunningTurn, text: str, thought: str) -> None:
        if self.conversation_id != run.conversation_id or run.message_id not in self._messages:
            return
        if thought:
            self.transcript.append_reasoning(run.message_id, thought)
        if text:
            self.transcript.append_text(run.message_id, text)
        self.transcript.update_turn(run.view())

    def _show_settled(self, message: Message) -> None:
        if self.conversation_id == message.conversation_id and message.id in self._messages:
            self._messages[message.id] = message
            self.transcript.update_turn(self._turn(message))
            self.messages_changed.emit()

    def show_prices(self, book: PriceBook) -> None:
        """From now on costs are told by these prices, in the turns in view as well."""
        if book == self.runs.prices:
            return
        self.runs.prices = book
        for message in self._messages.values():
            if message.role is Role.ASSISTANT and message.state is not MessageState.WRITING:
                self.transcript.update_turn(self._turn(message))

    def _update_busy(self) -> None:
        busy = self.runs.busy(self.conversation_id)
        self.composer.set_busy(busy)
        waiting = self.tr("Type your next message while the reply is being written")
        self.composer.set_placeholder(waiting if busy else self.tr("Ask anything"))

    # -- what turns offer ---------------------------------------------------------------------------

    def _turn_action(self, message_id: str, action: str) -> None:
        message = self._messages.get(message_id)
        match action:
            case "copy" if message is not None:
                QGuiApplication.clipboard().setText(message.text)
            case "copy_error" if message is not None and message.error is not None:
                QGuiApplication.clipboard().setText(details_of(message.error))
            case "retry":
                self.retry(message_id)
            case "continue":
                self.continue_reply(message_id)
            case "edit":
                self._edit(message_id)
            case "previous" | "next" if message is not None and message.sibling_ids:
                step = 1 if action == "next" else -1
                index = message.sibling_ids.index(message_id) + step
                if 0 <= index < len(message.sibling_ids):
                    self._tasks.start(self._select(message.sibling_ids[index]), key="open-conversation")
            case "settings":
                self.settings_wanted.emit()
            case "switch_model":
                self.model_wanted.emit()

    def open_source(self, message_id: str, n: int) -> None:
        """A citation was followed, also one of an answer that is still being written."""
        message = self._messages.get(message_id)
        run = self.runs.of_message(self.conversation_id, message_id)
        sources = run.sources if run is not None else message.sources if message is not None else ()
        if (source := next((source for source in sources if source.n == n), None)) is not None:
            self.source_wanted.emit(source)

    async def _select(self, message_id: str) -> None:
        branch = await self._bridge.call(lambda core: core.conversations.select(message_id))
        if branch.conversation.id == self.conversation_id:
            self.positions.pop(self.conversation_id, None)
            self._show_branch(branch)
            self.transcript.scroll_to_turn(message_id, ())
            await self._load_all_older(self.conversation_id)

    def _edit(self, message_id: str) -> None:
        message = self._messages.get(message_id)
        if message is not None and not self.runs.busy(self.conversation_id):
            self._editing = message_id
            self.composer.set_text(message.text)
            self.composer.setFocus()

    def _edit_last_prompt(self) -> None:
        for message in reversed(self._messages.values()):
            if message.role is Role.USER:
                self._edit(message.id)
                return

    # -- drafts, queue, suggestions -----------------------------------------------------------------

    def _text_edited(self, text: str) -> None:
        self.composer.set_estimate(
            self.tr("≈ {n} tokens").format(n=f"{estimate_tokens(text):,}") if text else ""
        )
        self._draft_timer.start()

    def _save_draft(self) -> None:
        if not self.composer.text():
            self._editing = None  # wiped out by hand; when it is sent the box is empty for a moment only
        self._tasks.start(self._keep_draft(self.conversation_id, self.composer.text()))

    async def _keep_draft(self, conversation_id: str, text: str) -> None:
        await self._bridge.call(lambda core: core.conversations.save_draft(conversation_id, text))

    async def keep_draft_now(self) -> None:
        """For closing: what is in the composer is in the database when this returns."""
        if self._draft_timer.isActive():
            self._draft_timer.stop()
            await self._keep_draft(self.conversation_id, self.composer.text())

    def _use_suggestion(self, text: str) -> None:
        self.composer.set_text(text)
        self.composer.setFocus()
