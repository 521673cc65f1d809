"""One answer while it is being written: what has arrived, and how it ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from mastra_desktop.domain.chat import Message, MessageState, Usage
from mastra_desktop.domain.errors import ErrorInfo, MastraError, StreamCut
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.domain.models import split_model_id
from mastra_desktop.domain.replies import AnswerEnd, Prompt, ReplyFailed, ReplyFinished
from mastra_desktop.domain.telemetry import Outcome, RequestRecord
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import messages, processes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.services.grounding import Grounding
    from mastra_desktop.services.recording import Watch
    from mastra_desktop.store.database import Database

SAVE_INTERVAL_S = 0.8  # from the first unsaved piece, so that with the write itself no more than 1 s is lost

log = get_logger(__name__)


class Reply:
    """Saves itself while it grows, and exactly once at its end. Begins in state `writing`."""

    def __init__(self, db: Database, clock: Callable[[], float], watch: Watch | None = None) -> None:
        self._db = db
        self._clock = clock
        self._watch = watch
        self._message: Message | None = None
        self.grounding: Grounding | None = None  # of an answer from knowledge
        self.state = MessageState.WRITING
        self.settled = False
        self._settling = False
        self._parts: list[str] = []
        self._reasoning: list[str] = []
        self._reason = ""
        self._usage = Usage()
        self._cached = False
        self._error: ErrorInfo | None = None
        self._answered_by = ""  # a model id, when a fallback answers
        self._started = time.perf_counter()
        self._first_token_ms: float | None = None
        self._total_ms = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._ground: tuple[tuple[Source, ...], tuple[tuple[int, int], ...]] = (), ()
        self._unsaved: tuple[MessageState, str, ErrorInfo | None] | None = None

    @property
    def begun(self) -> bool:
        return self._message is not None

    @property
    def message(self) -> Message:
        """The row as it began. Only after `begin`."""
        if self._message is None:
            raise RuntimeError("the reply has not begun")
        return self._message

    def begin(self, answer: Message) -> None:
        """`answer` is the row, in state `writing`; a continued one has text already."""
        self._message = answer
        self._parts = [answer.text] if answer.text else []
        self._reasoning = [answer.reasoning] if answer.reasoning else []

    def add_text(self, text: str) -> str:
        """Keeps a piece; what of the text may be shown now. That is all of it but for unsure citations."""
        if self.grounding is not None:
            text = self.grounding.feed(text)
        if text:
            self._parts.append(text)
        self._arrived()
        return text

    def rest(self) -> str:
        """What was held back of the text, and a citation it lacks. Nothing is added afterwards."""
        if self.grounding is None:
            return ""
        text = self.grounding.finish()
        if self.state is MessageState.DONE and self._reason == "stop":
            text += self.grounding.closing("".join(self._parts) + text)
        if text:
            self._parts.append(text)
        return text

    def add_reasoning(self, text: str) -> None:
        self._reasoning.append(text)
        self._arrived()

    def fall_back(self, model_id: str) -> None:
        """Another model answers from now on."""
        if self._watch is not None:
            self._watch.fell_back(self._answered_by or self.message.model_id, model_id)
        self._answered_by = model_id

    def retried(self) -> None:
        """A try failed before its first piece, and another one follows."""
        if self._watch is not None:
            self._watch.retried(self._answered_by or self.message.model_id)

    def step(self, name: str) -> None:
        """The next step of the trace begins: `retrieval`, or `model`."""
        if self._watch is not None:
            self._watch.step(name, self.message.model_id if name == "model" else "")

    def asked(self, prompt: Prompt) -> None:
        """The model is sent this."""
        if self._watch is not None:
            self._watch.asked(prompt)

    def found(self, query: str, sources: tuple[Source, ...]) -> None:
        """Knowledge was searched for it."""
        if self._watch is not None:
            self._watch.found(query, sources)

    def drop(self) -> None:
        """It never began: there is no row to settle, and nothing to count."""
        self.settled = True
        if self._watch is not None:
            self._watch.drop()

    def end(self, event: AnswerEnd) -> None:
        self.state, self._reason, self._usage = MessageState.DONE, event.reason, event.usage
        self._cached = event.cached

    def check_ended(self) -> None:
        """Raises StreamCut when the provider stopped without its end marker and without an error."""
        if self.state is MessageState.WRITING:
            raise StreamCut("The answer ended early.", hint="Continue, or try again.")

    def fail(self, error: ErrorInfo) -> ReplyFailed:
        """With text it is interrupted (and can be continued), without it failed."""
        self._error = error
        if self._parts or self._reasoning:
            self.state, self._reason = MessageState.INTERRUPTED, "interrupted"
        else:
            self.state, self._reason = MessageState.FAILED, "error"
        return ReplyFailed(error)

    async def settle(self) -> ReplyFailed | None:
        """Stores the end of this answer. When that fails, says so: the row has what was saved before."""
        self._settling = True
        try:
            return await self._settle()
        finally:
            self._settling = False

    async def _settle(self) -> ReplyFailed | None:
        if self._timer is not None:
            self._timer.cancel()
        self._total_ms = (time.perf_counter() - self._started) * 1000
        if self.grounding is not None and self.grounding.sources:
            unsupported = self.grounding.unsupported("".join(self._parts))
            self._ground = self.grounding.cited_sources(), unsupported
        try:
            await self._db.write(self._store_end)
        except MastraError as error:
            log.warning("answer not saved", message=error.message, detail=error.detail)
            self.settled = True
            self._unsaved = self.state, self._reason, self._error
            failed = self.fail(error.info)
            self._count()
            return failed
        self.settled = True
        self._count()
        return None

    @property
    def unsaved(self) -> bool:
        """Whether it ended and could not be stored."""
        return self._unsaved is not None

    async def save_again(self) -> None:
        """Stores it after all, as it ended. Raises what storing raises."""
        if self._unsaved is not None:
            self.state, self._reason, self._error = self._unsaved
            await self._db.write(self._store_end)
            self._unsaved = None

    async def stop(self) -> None:
        """Settles, unless that is done: as stopped by the person when nothing else ended it.

        Also when cancelled while the row was being stored: writes happen in order, so by the time this
        one runs the row is there, or never will be. A cancelled write still happens, whole.
        """
        if self.state is MessageState.WRITING:
            self.state, self._reason = MessageState.STOPPED, "stopped"
        if not self.settled and not self._settling:
            self.rest()
            await self.settle()

    def finished(self) -> ReplyFinished:
        return ReplyFinished(
            self.message.id,
            self._reason,
            self.state,
            self._usage,
            self._answered_by or self.message.model_id,
            self._cached,
            self._first_token_ms,
            self._total_ms,
            *self._ground,
        )

    def _arrived(self) -> None:
        if self._first_token_ms is None:
            self._first_token_ms = (time.perf_counter() - self._started) * 1000
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SAVE_INTERVAL_S, self._save)

    def _save(self) -> None:
        self._timer = None
        text, reasoning = "".join(self._parts), "".join(self._reasoning)
        self._db.write_soon(messages.save_partial, self.message.id, text, reasoning)

    def _count(self) -> None:
        if self._watch is not None and (record := self._record(self._watch)):
            if self._watch.exporting:
                self._watch.tell(self._reason, self._parts, self._reasoning)
            self._watch.ended(record)

    def _record(self, watch: Watch) -> RequestRecord | None:
        """The figures of this answer; None when it never began."""
        if self._message is None:
            return None
        provider, model = split_model_id(self._answered_by or self._message.model_id)
        usage = self._usage
        return RequestRecord(
            watch.id,
            self._clock(),
            provider,
            model,
            Outcome(self.state.value),
            self._error.code if self._error else "",
            self._total_ms,
            self._first_token_ms,
            usage.input_tokens,
            usage.output_tokens,
            usage.cached_input_tokens,
            usage.reasoning_tokens,
            None,
            watch.retries,
            self._cached,
            watch.trace_id,
            self._message.conversation_id,
            self._message.id,
        )

    def _store_end(self, conn: Connection) -> None:
        if self._message is None:
            return
        sources, unsupported = self._ground
        messages.settle(
            conn,
            self._message.id,
            text="".join(self._parts),
            reasoning="".join(self._reasoning),
            state=self.state,
            finish_reason=self._reason,
            usage=self._usage,
            first_token_ms=self._first_token_ms,
            total_ms=self._total_ms,
            error=self._error,
            now=self._clock(),
            model_id=self._answered_by,
            sources=sources,
            unsupported=unsupported,
            cached=self._cached,
        )
        processes.release(conn, self._db.me, messages.ANSWERING + self._message.conversation_id)
