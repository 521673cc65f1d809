"""Answers: one prompt in, a stream of reply events out, every step kept.

The prompt and an empty answer are committed before the request goes out; what has arrived is saved
about once a second and when the reply ends, whatever ends it.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mastra_desktop.domain.chat import Message, MessageState, Role
from mastra_desktop.domain.errors import (
    BadRequest,
    KnowledgeError,
    MastraError,
    NotFound,
    StorageError,
    describe,
)
from mastra_desktop.domain.events import ConversationChanged
from mastra_desktop.domain.models import LOCAL_MODEL_ID
from mastra_desktop.domain.replies import (
    AnswerEnd,
    FallbackTaken,
    Prompt,
    ProviderEvent,
    ReasoningDelta,
    ReplyEvent,
    ReplyStarted,
    RetryScheduled,
    Searching,
    SourcesFound,
    TextDelta,
)
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.services import answering
from mastra_desktop.services.grounding import Grounding, Retriever, plain_history
from mastra_desktop.services.history import build_messages
from mastra_desktop.services.reply import Reply
from mastra_desktop.store import conversations, messages, processes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.redaction import KnownSecrets
    from mastra_desktop.providers.base import Provider
    from mastra_desktop.providers.registry import Registry
    from mastra_desktop.services.answer_cache import AnswerCache
    from mastra_desktop.services.recording import Recorder
    from mastra_desktop.store.database import Database

HISTORY_MESSAGES = 400
SAVE_AGAIN_S = 3.0
SYSTEM_PROMPT = "You are a helpful assistant. Answer briefly, in the language of the question."

log = get_logger(__name__)

# Stores the beginning of a turn: (the prompt when it is new, the answer's row, the collections to search).
Turn = tuple[Message | None, Message, tuple[str, ...]]
Begin = Callable[["Connection"], Turn]


class ChatService:
    """Replies to prompts. One reply at a time per conversation; any number of conversations.

    Every reply is an async generator. Closing or cancelling it ends the request, and what arrived is
    kept as stopped by the time that returns. Nothing happens before its first step.
    """

    def __init__(
        self,
        db: Database,
        registry: Registry,
        bus: Bus,
        known: KnownSecrets,
        answers: AnswerCache,
        *,
        retriever: Retriever | None = None,
        recorder: Recorder | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._registry = registry
        self._bus = bus
        self._known = known
        self._answers = answers
        self._retriever = retriever
        self._recorder = recorder
        self._clock = clock
        self._answering: dict[str, Reply] = {}  # by conversation
        self._unsaved: list[Reply] = []  # ended while the database was away
        self._to_save = asyncio.Event()

    @property
    def in_progress(self) -> int:
        """How many answers are being written."""
        return len(self._answering)

    def reply(
        self,
        text: str,
        *,
        conversation_id: str | None = None,
        model_id: str = "",
        temperature: float | None = None,
        parent_id: str | None = None,
        cached: bool | None = None,
        knowledge: Sequence[str] | None = None,
    ) -> AsyncGenerator[ReplyEvent]:
        """Answers `text` at the end of the conversation (a new one when it is None).

        `parent_id` puts it after that message instead. `cached`: whether the cache may answer; None where
        the answer would be the same, True also where it is sampled. `knowledge`: ids of the collections it
        draws on, remembered for the turns to come; None for those of the conversation, () for none.
        Raises BadRequest for an empty prompt or while the conversation is being answered, NotFound,
        StorageError; trouble with the provider or the search comes as a `ReplyFailed` event.
        """

        def begin(conn: Connection) -> Turn:
            if conversation_id is None:
                conversation = conversations.create(
                    conn, id=_new_id(), title=title_from(text), model_id=model_id, now=self._clock()
                )
            else:
                conversation = conversations.get(conn, conversation_id)
            asked = conversation.knowledge if knowledge is None else tuple(knowledge)
            if asked != conversation.knowledge:
                conversations.set_knowledge(conn, conversation.id, asked)
            model = model_id or conversation.model_id
            parent = parent_id or conversation.leaf_id
            return *self._begin_turn(conn, conversation.id, parent, text, model), asked

        _must_say_something(text)
        return self._run(begin, temperature=temperature, cached=cached)

    def edit(self, message_id: str, text: str, *, model_id: str = "") -> AsyncGenerator[ReplyEvent]:
        """Asks an earlier prompt anew with other words: a sibling of that message, and its answer."""

        def begin(conn: Connection) -> Turn:
            old = _of_role(messages.get(conn, message_id), Role.USER)
            conversation = conversations.get(conn, old.conversation_id)
            model = model_id or conversation.model_id
            turn = self._begin_turn(conn, old.conversation_id, old.parent_id, text, model)
            return *turn, conversation.knowledge

        _must_say_something(text)
        return self._run(begin)

    def retry(self, message_id: str, *, model_id: str = "") -> AsyncGenerator[ReplyEvent]:
        """Answers the same prompt once more: the new answer is a sibling of `message_id`."""

        def begin(conn: Connection) -> Turn:
            old = _of_role(messages.get(conn, message_id), Role.ASSISTANT)
            if old.parent_id is None:
                raise NotFound("This answer has no prompt.", hint="Ask again in the box below.")
            answer = messages.begin_try(
                conn,
                user_message_id=old.parent_id,
                answer_id=_new_id(),
                model_id=model_id or old.model_id,
                now=self._clock(),
            )
            return None, answer, conversations.get(conn, answer.conversation_id).knowledge

        return self._run(begin, cached=False)

    def continue_reply(self, message_id: str) -> AsyncGenerator[ReplyEvent]:
        """Goes on with a stopped or interrupted answer; the new text is appended to the same message."""

        def begin(conn: Connection) -> Turn:
            old = _of_role(messages.get(conn, message_id), Role.ASSISTANT)
            if old.state is MessageState.DONE and old.finish_reason != "length":
                raise BadRequest("This answer is complete.", hint="Ask a new question instead.")
            answer = messages.begin_continue(conn, message_id=message_id, now=self._clock())
            return None, answer, conversations.get(conn, answer.conversation_id).knowledge

        return self._run(begin, continuing=True)

    async def _run(
        self,
        begin: Begin,
        *,
        temperature: float | None = None,
        continuing: bool = False,
        cached: bool | None = None,
    ) -> AsyncGenerator[ReplyEvent]:
        """The one way every reply goes: begin, answer, settle."""
        reply = Reply(self._db, self._clock, self._recorder.watch() if self._recorder else None)
        try:
            started, history, knowledge = await self._begin(reply, begin)
            yield started
            try:
                if knowledge or reply.message.sources:
                    reply.step("retrieval")
                    async with aclosing(self._search(reply, history, knowledge)) as found:
                        async for told in found:
                            yield told
                reply.step("model")
                async with aclosing(self._ask(reply, history, temperature, continuing, cached)) as events:
                    async for event in events:
                        if isinstance(event, AnswerEnd):
                            reply.end(event)
                            continue
                        if isinstance(event, TextDelta):
                            if not (shown := reply.add_text(event.text)):
                                continue
                            if shown != event.text:
                                event = TextDelta(shown)
                        elif isinstance(event, ReasoningDelta):
                            reply.add_reasoning(event.text)
                        elif isinstance(event, RetryScheduled | FallbackTaken):
                            event = replace(event, reason=self._known.clean(event.reason))
                            if isinstance(event, FallbackTaken):
                                reply.fall_back(event.to_id)
                            else:
                                reply.retried()
                        yield event
                if rest := reply.rest():
                    yield TextDelta(rest)
                reply.check_ended()
            except MastraError as error:
                log.warning("reply failed", code=error.code, message=error.message, detail=error.detail)
                if rest := reply.rest():
                    yield TextDelta(rest)
                yield reply.fail(self._known.clean_error(error.info))
            except Exception as error:  # a bug settles the turn like any other failure
                log.exception("reply failed by a bug")
                yield reply.fail(describe(error))
            if trouble := await reply.settle():
                yield trouble
            yield reply.finished()
        finally:
            # Reached from every await and yield above, so also when cancelled or closed at one.
            try:
                await reply.stop()
            finally:  # also when cancelled once more, or the conversation could not be asked again
                self._forget(reply)

    async def _search(
        self, reply: Reply, history: list[Message], knowledge: tuple[str, ...]
    ) -> AsyncGenerator[ReplyEvent]:
        """Finds what the answer stands on. One that goes on keeps its sources: its text cites them.

        Raises KnowledgeError and whatever the search raises, NotFound for an unknown model.
        """
        provider, _ = self._registry.resolve(reply.message.model_id)
        grounding = reply.grounding = Grounding(reply.message.text, provider.context_tokens)
        query = grounding.query(history)
        if kept := reply.message.sources:
            grounding.found(kept)
            yield SourcesFound(kept)
            return
        if self._retriever is None:
            raise KnowledgeError("There is no knowledge to search here.", hint="Ask without it.")
        yield Searching(knowledge)
        found = await self._retriever.search_for(knowledge, query, budget=grounding.budget)
        grounding.found(found.sources)
        reply.found(query, found.sources)
        yield SourcesFound(found.sources, found.notice)

    async def _begin(self, reply: Reply, begin: Begin) -> tuple[ReplyStarted, list[Message], tuple[str, ...]]:
        """Stores the beginning of the turn. Raises what `begin` raises, and then nothing is stored."""

        def begin_alone(conn: Connection) -> tuple[Turn, list[Message]]:
            # On the writer's thread, one after another: two replies never begin in one conversation.
            turn = begin(conn)
            question, answer, _ = turn
            claim = messages.ANSWERING + answer.conversation_id
            if answer.conversation_id in self._answering or not processes.claim(
                conn, self._db.me, claim, answer.id
            ):
                raise BadRequest(
                    "This conversation is still being answered.",
                    hint="Wait for the answer, or stop it.",
                    retryable=True,
                )
            if question is not None and question.parent_id is None:
                history = [question, answer]
            else:
                history = messages.path_page(conn, answer.conversation_id, limit=HISTORY_MESSAGES)
            reply.begin(answer)
            self._answering[answer.conversation_id] = reply
            return turn, history

        try:
            (question, answer, knowledge), history = await self._db.write(begin_alone)
        except Exception:
            reply.drop()
            raise
        self._bus.publish(ConversationChanged(answer.conversation_id))
        started = ReplyStarted(
            answer.conversation_id,
            answer.id,
            answer.model_id,
            question.id if question else None,
            question.parent_id if question else answer.parent_id,
        )
        return started, history, knowledge

    def _begin_turn(
        self, conn: Connection, conversation_id: str, parent_id: str | None, text: str, model_id: str
    ) -> tuple[Message, Message]:
        return messages.begin_turn(
            conn,
            conversation_id=conversation_id,
            user_id=_new_id(),
            answer_id=_new_id(),
            parent_id=parent_id,
            text=text,
            model_id=model_id or LOCAL_MODEL_ID,
            now=self._clock(),
        )

    def _ask(
        self,
        reply: Reply,
        history: list[Message],
        temperature: float | None,
        continuing: bool,
        cached: bool | None,
    ) -> AsyncGenerator[ProviderEvent | FallbackTaken]:
        if reply.grounding is not None and (said := reply.grounding.instead):
            return _said(said)
        if reply.grounding is not None and reply.grounding.small and temperature is None:
            temperature = 0.0  # chance makes a small model say what the passages do not
        goes_on = continuing and bool(reply.message.text)
        history = plain_history(history)

        def prompt_for(provider: Provider, model_name: str) -> Prompt:
            path = history
            if reply.grounding is not None:
                path = reply.grounding.prompted(history, provider.context_tokens)
            prompt = Prompt(
                model_name,
                build_messages(path, provider.context_tokens, keep_last=goes_on),
                system=SYSTEM_PROMPT,
                temperature=temperature,
                continue_last=goes_on,
            )
            reply.asked(prompt)
            return prompt

        stream = partial(self._answers.stream, wanted=cached)
        return answering.answer(self._registry, reply.message.model_id, prompt_for, stream)

    def being_written(self) -> list[str]:
        """The ids of the answers this process has in hand. From any thread."""
        return [reply.message.id for reply in (*self._answering.values(), *self._unsaved)]

    async def keep_texts(self) -> None:
        """Stores what there is of every answer that is still in hand. Raises StorageError."""
        await asyncio.gather(*(reply.stop() for reply in list(self._answering.values())))
        await self.save_unsaved()

    async def save_unsaved(self) -> None:
        """Stores what ended while the database was away. Raises StorageError while it still is."""
        while self._unsaved:
            reply = self._unsaved[0]
            try:
                await reply.save_again()
            except NotFound:  # its conversation went meanwhile
                log.info("an answer has no place any more", message_id=reply.message.id)
            if reply in self._unsaved:  # when closing, another may be at it as well
                self._unsaved.remove(reply)
            self._bus.publish(ConversationChanged(reply.message.conversation_id))

    async def keep_saving(self) -> None:
        """Tries again every few seconds to store what could not be stored, until cancelled."""
        while True:
            await self._to_save.wait()
            await asyncio.sleep(SAVE_AGAIN_S)
            try:
                await self.save_unsaved()
            except StorageError as error:
                log.warning("answers wait to be saved", count=len(self._unsaved), message=error.message)
            else:
                self._to_save.clear()

    def _forget(self, reply: Reply) -> None:
        if not reply.begun:
            return
        if reply.unsaved:
            self._unsaved.append(reply)
            self._to_save.set()
        conversation_id = reply.message.conversation_id
        if self._answering.get(conversation_id) is reply:
            del self._answering[conversation_id]
        self._bus.publish(ConversationChanged(conversation_id))
        log.info("reply settled", message_id=reply.message.id, state=reply.state)


async def _said(text: str) -> AsyncGenerator[ProviderEvent | FallbackTaken]:
    yield TextDelta(text)
    yield AnswerEnd("stop")


def title_from(text: str) -> str:
    """A conversation's first title: the prompt's first line, cut at a word near 60 characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    line = line.lstrip("#>*- ").strip() or "New chat"
    if len(line) <= 60:
        return line
    cut = line[:60]
    return (cut.rsplit(" ", 1)[0] if " " in cut[30:] else cut).rstrip(" ,.;:") + "…"


def _new_id() -> str:
    return uuid.uuid4().hex


def _of_role(message: Message, role: Role) -> Message:
    if message.role is not role:
        raise BadRequest("That works on another kind of message.", detail=f"{message.id} is {message.role}")
    return message


def _must_say_something(text: str) -> None:
    if not text.strip():
        raise BadRequest("The prompt is empty.", hint="Write something to ask.")
