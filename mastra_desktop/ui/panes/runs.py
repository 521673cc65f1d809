"""The replies that run, whichever conversation is in view: one state machine per reply."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, TypeAlias

from PySide6.QtCore import QObject, Signal

from mastra_desktop.domain.chat import MessageState
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.replies import ReplyEvent, ReplyStarted
from mastra_desktop.services.price_book import PriceBook
from mastra_desktop.ui.bridge import Bridge
from mastra_desktop.ui.panes.turns import RunningTurn
from mastra_desktop.ui.tasks import Tasks

if TYPE_CHECKING:
    from mastra_desktop.core import Core

Ask: TypeAlias = "Callable[[Core], AsyncGenerator[ReplyEvent]]"


class Runs(QObject):
    """Asks, follows and stops. A conversation has at most one reply at a time; a new chat's id is ""."""

    started = Signal(
        str, object, bool
    )  # the id it was asked in ("" for a new chat), RunningTurn, has a new prompt
    progressed = Signal(object, str, str)  # RunningTurn, new text, new reasoning
    settled = Signal(object)  # the Message as it is stored
    finished = Signal(str)  # conversation id: the answer came to its end
    refused = Signal(str, str, object)  # the id it was asked in, the prompt that was not stored, MastraError
    changed = Signal()  # which conversations are being answered

    def __init__(self, bridge: Bridge, tasks: Tasks, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._bridge, self._tasks = bridge, tasks
        self.running: dict[str, RunningTurn] = {}
        self._starting: set[str] = set()  # their prompt is on its way to the database
        self.model_names: dict[str, str] = {}
        self.prices = PriceBook()
        self.notices: dict[str, str] = {}  # by message id: what a search had to do without, of this session

    def busy(self, conversation_id: str) -> bool:
        return conversation_id in self.running or conversation_id in self._starting

    def of_message(self, conversation_id: str, message_id: str) -> RunningTurn | None:
        run = self.running.get(conversation_id)
        return run if run is not None and run.message_id == message_id else None

    def start(
        self, conversation_id: str, ask: Ask, *, prompt: str = "", so_far: tuple[str, str] = ("", "")
    ) -> None:
        """`prompt` comes back with `refused` if it was not stored; `so_far`: text and reasoning before."""
        if not self.busy(conversation_id):
            self._starting.add(conversation_id)
            self.changed.emit()
            self._tasks.start(self._follow(conversation_id, ask, prompt, so_far), key=_key(conversation_id))

    def stop(self, conversation_id: str) -> None:
        """Ends the reply at once; what has arrived is kept."""
        if (run := self.running.get(conversation_id)) is not None:
            run.status = self.tr("Stopping")
            self.progressed.emit(run, "", "")
        self._tasks.cancel(_key(conversation_id))

    async def stop_and_wait(self, conversation_id: str) -> None:
        """Returns when the reply has been kept as stopped."""
        await self._tasks.cancel_and_wait(_key(conversation_id))

    async def _follow(self, asked_in: str, ask: Ask, prompt: str, so_far: tuple[str, str]) -> None:
        run: RunningTurn | None = None
        stopped = False
        try:
            async with aclosing(self._bridge.stream(ask)) as batches:
                async for batch in batches:
                    if run is None:
                        run = self._begin(asked_in, batch, so_far)
                    text, thought = run.feed(batch)
                    self.progressed.emit(run, text, thought)
        except asyncio.CancelledError:
            stopped = True  # the engine has kept what arrived
        except MastraError as error:
            self.refused.emit(asked_in, "" if run else prompt, error)
        finally:
            self._starting.discard(asked_in)
            if run is not None:
                self.running.pop(run.conversation_id, None)
            elif stopped:
                self.refused.emit(asked_in, prompt, None)
            self.changed.emit()
        if run is not None:
            message_id = run.message_id
            if run.notice:
                self.notices[message_id] = run.notice
            self.settled.emit(await self._bridge.call(lambda core: core.conversations.message(message_id)))
            if not stopped and run.finished is not None and run.finished.state is MessageState.DONE:
                self.finished.emit(run.conversation_id)

    def _begin(self, asked_in: str, batch: list[ReplyEvent], so_far: tuple[str, str]) -> RunningTurn:
        event = next(event for event in batch if isinstance(event, ReplyStarted))
        name = self.model_names.get(event.model_id, event.model_id.partition("/")[2])
        run = RunningTurn(event.message_id, event.conversation_id, event.model_id, name, *so_far)
        self._starting.discard(asked_in)
        self.running[run.conversation_id] = run
        self._tasks.rename(_key(asked_in), _key(run.conversation_id))
        self.started.emit(asked_in, run, event.user_message_id is not None)
        self.changed.emit()
        return run


def _key(conversation_id: str) -> str:
    return f"run:{conversation_id}"
