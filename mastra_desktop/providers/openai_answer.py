"""Reads one chat-completions answer, with the ways in which vendors differ from OpenAI's own.

An answer is complete only after a `finish_reason` and `data: [DONE]`.
"""

from __future__ import annotations

from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.replies import ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers.answer import AnswerReader, count, stream_cut, text
from mastra_desktop.providers.failures import stream_error
from mastra_desktop.providers.sse import SseEvent
from mastra_desktop.providers.think_tags import ThinkTags
from mastra_desktop.providers.turns import pack

DETAILS = "reasoning_details"  # what a carry of OpenRouter's is kept under
CHAT_HINT = "An OpenAI-compatible address often ends in /v1."
# The vendor gave up in mid-answer: OpenRouter's and DeepSeek's words for it.
_GAVE_UP = ("error", "insufficient_system_resource")
_DETAIL_TEXTS = {"reasoning.text": "text", "reasoning.summary": "summary"}


class ChatAnswer(AnswerReader):
    """`think_tags`: the server may write reasoning into the text, between tags."""

    reasons: ClassVar[dict[str, str]] = {
        "length": "length",
        "model_length": "length",  # Mistral
        "max_tokens": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "content_filter": "content_filter",
    }
    hint: ClassVar[str] = CHAT_HINT

    def __init__(
        self, host: str, *, no_arguments: frozenset[str] = frozenset(), think_tags: bool = False
    ) -> None:
        super().__init__(host, no_arguments=no_arguments)
        self._think = ThinkTags() if think_tags else None
        self._details: list[dict[str, Any]] = []

    def finish(self) -> list[ProviderEvent]:
        return [*(self._think.rest() if self._think else ()), *super().finish()]

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        if event.data == "[DONE]":
            self.done = bool(self._reason)
            if not self.done:
                self.failure = stream_cut(self.host)
            return
        piece = orjson.loads(event.data)
        self._read(piece, pieces)
        if trouble := piece.get("error") or (piece if event.event == "error" else None):
            self.failure = stream_error(trouble, host=self.host)
        elif trouble := (piece.get("x_groq") or {}).get("error"):  # a sentence
            self.failure = stream_error({"error": trouble}, host=self.host)

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        if payload.get("error"):
            self.failure = stream_error(payload, host=self.host)
            return
        payload["choices"][0]["delta"] = payload["choices"][0]["message"]
        self._read(payload, pieces)

    def _read(self, piece: Any, pieces: list[ProviderEvent]) -> None:
        if choices := piece.get("choices"):
            choice = choices[0]
            if delta := choice.get("delta"):
                self._read_delta(delta, pieces)
            if reason := choice.get("finish_reason"):
                self._reason = reason
                if reason in _GAVE_UP:
                    said = piece.get("error") or choice.get("error") or {"message": reason}
                    self.failure = stream_error(said, host=self.host)
            if not self._model_name:
                self._model_name = text(piece.get("model") or "")
                self._answer_id = str(piece.get("id") or "")
        if usage := piece.get("usage") or (piece.get("x_groq") or {}).get("usage"):
            self._usage = _usage(usage)

    def _read_delta(self, delta: Any, pieces: list[ProviderEvent]) -> None:
        content = delta.get("content")
        reasoning = delta.get("reasoning_content") or delta.get("reasoning")
        if details := delta.get("reasoning_details"):
            reasoning = reasoning or _in_words(details)
            self._keep(details)
        if reasoning:
            pieces.append(ReasoningDelta(text(reasoning)))
        if content:
            if not isinstance(content, str):
                _read_parts(content, pieces)
            elif self._think:
                self._think.feed(content, pieces)
            else:
                pieces.append(TextDelta(content))
        elif refusal := delta.get("refusal"):
            self._refused = True
            pieces.append(TextDelta(text(refusal)))
        if calls := delta.get("tool_calls"):
            for call in calls:
                function = call.get("function") or {}
                arguments = function.get("arguments")
                if not isinstance(arguments, str):  # an object, from some local servers
                    arguments = "" if arguments is None else orjson.dumps(arguments).decode()
                self.tools.fragment(
                    call.get("index"), call.get("id") or "", function.get("name") or "", arguments
                )

    def _keep(self, details: Any) -> None:
        """Puts OpenRouter's details together again: a text comes in pieces, its signature with the last."""
        for detail in details:
            last = self._details[-1] if self._details else {}
            field = _DETAIL_TEXTS.get(detail.get("type"))
            if field and all(last.get(name) == detail.get(name) for name in ("type", "index")):
                written = (last.get(field) or "") + (detail.get(field) or "")
                last |= {name: value for name, value in detail.items() if value is not None}
                last[field] = written
            else:
                self._details.append(dict(detail))

    def _carry(self) -> str:
        return pack(DETAILS, self._details if self.tools else None)


def _in_words(details: Any) -> str:
    fields = ((detail, _DETAIL_TEXTS.get(detail.get("type"), "")) for detail in details)
    return "".join(detail.get(field) or "" for detail, field in fields)


def _read_parts(parts: Any, pieces: list[ProviderEvent]) -> None:
    """Content as a list of typed parts, as Mistral's reasoning models send it."""
    for part in parts:
        if part.get("type") == "text":
            pieces.append(TextDelta(text(part["text"])))
        elif part.get("type") == "thinking":
            thoughts = part["thinking"]
            thought = thoughts if isinstance(thoughts, str) else "".join(t.get("text", "") for t in thoughts)
            pieces.append(ReasoningDelta(text(thought)))


def _usage(usage: Any) -> Usage:
    cached = count(usage, "prompt_tokens_details", "cached_tokens")
    return Usage(
        count(usage, "prompt_tokens"),
        count(usage, "completion_tokens"),
        count(usage, "prompt_cache_hit_tokens") if cached is None else cached,  # DeepSeek's own name
        count(usage, "completion_tokens_details", "reasoning_tokens"),
    )
