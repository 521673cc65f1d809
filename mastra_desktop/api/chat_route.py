"""`/v1/chat/completions`: an answer as OpenAI's clients expect it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING

import orjson
from starlette.requests import Request
from starlette.responses import Response

from mastra_desktop.api.chat_answers import Frame, call_json
from mastra_desktop.api.chat_request import ChatRequest
from mastra_desktop.api.errors import json_response, trouble_of
from mastra_desktop.domain.errors import MastraError, describe
from mastra_desktop.domain.replies import (
    AnswerEnd,
    FallbackTaken,
    ReasoningDelta,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    TextDelta,
    ToolCall,
)
from mastra_desktop.ops.logging import get_logger

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mastra_desktop.api.parts import Parts

Piece = TextDelta | ReasoningDelta | ToolCall | AnswerEnd
log = get_logger(__name__)


class _Failed(MastraError):
    """What a kept turn tells as an event, raised."""

    def __init__(self, event: ReplyFailed, parts: Parts) -> None:
        error = event.error
        super().__init__(
            error.message,
            hint=error.hint,
            detail=error.detail,
            retryable=error.retryable,
            retry_after_s=error.retry_after_s,
        )
        parts.telemetry.metrics.errors.mark(self)  # it was counted as the answer's
        self.code = error.code  # type: ignore[misc]  # that of the error it stands for


class ChatRoute:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def answer(self, request: Request, asked: ChatRequest) -> Response:
        """Raises what keeps it from its first piece; a failure after that is told in the stream."""
        self._parts.completions.check(asked.model)
        frame = Frame(asked.model)
        pieces = self._kept(asked, frame) if asked.kept else self._alone(asked, frame)
        if not asked.stream:
            return await _whole(pieces, frame)
        first = await _first(pieces)
        with_usage = bool(asked.stream_options and asked.stream_options.include_usage)
        return EventStream(_events(first, pieces, frame, with_usage, self._parts))

    async def _alone(self, asked: ChatRequest, frame: Frame) -> AsyncGenerator[Piece]:
        answer = self._parts.completions.stream(asked.model, asked.prompt(), cached=asked.cache)
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, FallbackTaken):
                    frame.model_id = event.to_id
                elif isinstance(event, TextDelta | ReasoningDelta | ToolCall | AnswerEnd):
                    yield event

    async def _kept(self, asked: ChatRequest, frame: Frame) -> AsyncGenerator[Piece]:
        """A turn of a conversation, as one in the window."""
        question = asked.question()
        chosen = None
        if asked.knowledge is not None:
            chosen = [(await self._parts.knowledge.collection(name)).id for name in asked.knowledge]
        answer = self._parts.chat.reply(
            question,
            conversation_id=asked.conversation_id,
            model_id=asked.model,
            temperature=asked.temperature,
            cached=asked.cache,
            knowledge=chosen,
        )
        async with aclosing(answer) as events:
            async for event in events:
                if isinstance(event, ReplyStarted):
                    frame.more = {"conversation_id": event.conversation_id}
                elif isinstance(event, FallbackTaken):
                    frame.model_id = event.to_id
                elif isinstance(event, ReplyFailed):
                    raise _Failed(event, self._parts)
                elif isinstance(event, ReplyFinished):
                    yield AnswerEnd(event.reason, event.usage, cached=event.cached)
                elif isinstance(event, TextDelta | ReasoningDelta | ToolCall):
                    yield event


async def _whole(pieces: AsyncGenerator[Piece], frame: Frame) -> Response:
    text: list[str] = []
    reasoning: list[str] = []
    calls: list[ToolCall] = []
    end = AnswerEnd("stop")
    async with aclosing(pieces):
        async for piece in pieces:
            match piece:
                case TextDelta(words):
                    text.append(words)
                case ReasoningDelta(words):
                    reasoning.append(words)
                case ToolCall():
                    calls.append(piece)
                case AnswerEnd():
                    end = piece
    return json_response(frame.whole("".join(text), "".join(reasoning), calls, end))


async def _first(pieces: AsyncGenerator[Piece]) -> Piece:
    """Before it there is an error with a status, after it only one in the stream."""
    try:
        return await anext(pieces)
    except BaseException:
        await pieces.aclose()
        raise


async def _events(
    first: Piece, pieces: AsyncGenerator[Piece], frame: Frame, with_usage: bool, parts: Parts
) -> AsyncGenerator[bytes]:
    calls = 0
    end = AnswerEnd("stop")
    try:
        async with aclosing(pieces):
            yield _event(frame.piece({"role": "assistant", "content": ""}))
            async for piece in _chained(first, pieces):
                match piece:
                    case TextDelta(text):
                        yield _event(frame.piece({"content": text}))
                    case ReasoningDelta(text):
                        yield _event(frame.piece({"reasoning_content": text}))
                    case ToolCall():
                        yield _event(frame.piece({"tool_calls": [call_json(piece, calls)]}))
                        calls += 1
                    case AnswerEnd():
                        end = piece
        yield _event(frame.piece({}, end.reason))
        if with_usage:
            yield _event(frame.last(end.usage))
        yield b"data: [DONE]\n\n"
    except Exception as error:
        if not isinstance(error, MastraError):
            log.exception("an answer failed by a bug")
        parts.telemetry.metrics.errors.met(error)
        yield _event(trouble_of(parts.clean(describe(error))).body())


async def _chained(first: Piece, rest: AsyncIterator[Piece]) -> AsyncIterator[Piece]:
    yield first
    async for piece in rest:
        yield piece


def _event(value: object) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"


class EventStream(Response):
    """Server-sent events. Closes `events` whatever ends it; who leaves is noticed around it."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncGenerator[bytes]) -> None:
        super().__init__(headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._events = events

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async with aclosing(self._events) as events:
            async for event in events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
