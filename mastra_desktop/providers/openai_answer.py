"""Reads one chat-completions answer: bytes of the stream in, reply events out. No network here."""

from __future__ import annotations

import logging
from typing import Any

import orjson

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.errors import MastraError, ProviderError, StreamCut
from mastra_desktop.domain.replies import AnswerEnd, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers.failures import stream_error
from mastra_desktop.providers.sse import SseDecoder

log = logging.getLogger(__name__)

_REASONS = {
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
# What a stream of events can begin with; anything else is a web page or worse.
_BEGINNINGS = (b"data", b"event", b"id", b"retry", b":", b"\n", b"\r", b"\xef\xbb\xbf")
_BROKEN = (orjson.JSONDecodeError, AttributeError, TypeError, LookupError)


class ChatAnswer:
    """One try of one answer.

    After each `feed`: `done` once finish_reason and `[DONE]` arrived, `failure` what went wrong (to be
    raised after the events were given out, so that no text before it is lost).
    """

    def __init__(self, host: str) -> None:
        self.done = False
        self.streamed = False
        self.failure: MastraError | None = None
        self._host = host
        self._decoder = SseDecoder()
        self._begun = False
        self._reason = ""
        self._usage = Usage()
        self._model_name = ""

    def feed(self, chunk: bytes) -> list[ProviderEvent]:
        """What `chunk` adds, neighbouring pieces of text joined into one. Raises nothing."""
        if not self._begun and chunk:
            self._begun = True
            head = chunk[:5]
            if not any(head.startswith(word) or word.startswith(head) for word in _BEGINNINGS):
                self.failure = no_chat_server(self._host, "answer with a stream")
                return []
            self.streamed = True
        pieces: list[ProviderEvent] = []
        try:
            for event in self._decoder.feed(chunk):
                data = event.data
                if data == "[DONE]":
                    self.done = bool(self._reason)
                    break
                piece = orjson.loads(data)
                self._read(piece, pieces)
                if trouble := piece.get("error") or (piece if event.event == "error" else None):
                    self.failure = stream_error(trouble, host=self._host)
                    break
        except MastraError as error:
            self.failure = error
        except _BROKEN as error:
            log.warning("broken event from %s: %s", self._host, type(error).__name__)
            self.failure = self._broken(error)
        return _joined(pieces) if len(pieces) > 1 else pieces

    def whole(self, payload: Any) -> list[ProviderEvent]:
        """The events of an answer that came as one JSON object, its end included. Raises ProviderError."""
        try:
            if payload.get("error"):
                raise stream_error(payload, host=self._host)
            payload["choices"][0]["delta"] = payload["choices"][0]["message"]
            pieces: list[ProviderEvent] = []
            self._read(payload, pieces)
        except _BROKEN as error:
            raise self._broken(error) from error
        return [*_joined(pieces), self.end()]

    def end(self) -> AnswerEnd:
        return AnswerEnd(_REASONS.get(self._reason, "stop"), self._usage, self._model_name)

    def _read(self, piece: Any, pieces: list[ProviderEvent]) -> None:
        if choices := piece.get("choices"):
            choice = choices[0]
            if delta := choice.get("delta"):
                content = delta.get("content")
                if reasoning := delta.get("reasoning_content") or delta.get("reasoning"):
                    pieces.append(ReasoningDelta(_text(reasoning)))
                if content:
                    if isinstance(content, str):
                        pieces.append(TextDelta(content))
                    else:
                        _read_parts(content, pieces)
                elif refusal := delta.get("refusal"):
                    pieces.append(TextDelta(_text(refusal)))
            if reason := choice.get("finish_reason"):
                self._reason = reason
            if not self._model_name:
                self._model_name = _text(piece.get("model") or "")
        if usage := piece.get("usage"):
            self._usage = _usage(usage)

    def _broken(self, error: Exception) -> ProviderError:
        return ProviderError(
            f"{self._host} sent something that is no chat answer.",
            hint="Try again, or switch the model.",
            detail=type(error).__name__,
        )


def no_chat_server(host: str, deed: str) -> ProviderError:
    """The error for an address where something else answers; `deed` says what it did not do."""
    return ProviderError(
        f"{host} did not {deed}. Is the address right?",
        hint="An OpenAI-compatible address often ends in /v1.",
        retryable=False,
    )


def stream_cut(host: str, detail: str = "") -> StreamCut:
    """The error for an answer that ended before its end marker."""
    return StreamCut(
        f"The answer from {host} broke off.",
        hint="What arrived is kept. Continue, or try again.",
        detail=detail,
    )


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def _read_parts(parts: Any, pieces: list[ProviderEvent]) -> None:
    """Content as a list of typed parts, as Mistral's reasoning models send it."""
    for part in parts:
        if part.get("type") == "text":
            pieces.append(TextDelta(_text(part["text"])))
        elif part.get("type") == "thinking":
            thoughts = part["thinking"]
            text = thoughts if isinstance(thoughts, str) else "".join(t.get("text", "") for t in thoughts)
            pieces.append(ReasoningDelta(_text(text)))


def _joined(pieces: list[ProviderEvent]) -> list[ProviderEvent]:
    """The same pieces with neighbours of one kind made one: fewer steps for everybody after us."""
    joined: list[ProviderEvent] = []
    kind: type[TextDelta] | type[ReasoningDelta] | None = None
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, TextDelta | ReasoningDelta):
            if kind is not type(piece):
                if kind:
                    joined.append(kind("".join(texts)))
                kind, texts = type(piece), []
            texts.append(piece.text)
    if kind:
        joined.append(kind("".join(texts)))
    return joined


def _usage(usage: Any) -> Usage:
    def count(name: str, details: str = "") -> int | None:
        holder = usage.get(details) or {} if details else usage
        number = holder.get(name)
        return number if isinstance(number, int) else None

    return Usage(
        count("prompt_tokens"),
        count("completion_tokens"),
        count("cached_tokens", "prompt_tokens_details"),
        count("reasoning_tokens", "completion_tokens_details"),
    )
