"""Answers in the shapes of OpenAI's chat completions, whole and in pieces."""

from __future__ import annotations

import time
import uuid
from typing import Any

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.replies import AnswerEnd, ToolCall


def usage_json(usage: Usage) -> dict[str, Any] | None:
    """None where the provider gave no figure; a part it did not give is null."""
    read, wrote = usage.input_tokens, usage.output_tokens
    if read is None and wrote is None:
        return None
    found: dict[str, Any] = {
        "prompt_tokens": read,
        "completion_tokens": wrote,
        "total_tokens": None if read is None or wrote is None else read + wrote,
    }
    if usage.cached_input_tokens is not None:
        found["prompt_tokens_details"] = {"cached_tokens": usage.cached_input_tokens}
    if usage.reasoning_tokens is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return found


class Frame:
    """What all pieces of one answer share. `more`: further fields of ours."""

    def __init__(self, model_id: str) -> None:
        self.id = f"chatcmpl-{uuid.uuid4().hex}"
        self.created = int(time.time())
        self.model_id = model_id
        self.more: dict[str, Any] = {}

    def piece(self, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
        return self._head("chat.completion.chunk") | {
            "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}]
        }

    def last(self, usage: Usage) -> dict[str, Any]:
        """After all pieces, where the client asked for it."""
        return self._head("chat.completion.chunk") | {"choices": [], "usage": usage_json(usage)}

    def whole(self, text: str, reasoning: str, calls: list[ToolCall], end: AnswerEnd) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": text or None, "refusal": None}
        if not calls:
            message["content"] = text
        if reasoning:
            message["reasoning_content"] = reasoning
        if calls:
            message["tool_calls"] = [call_json(call) for call in calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": end.reason}
        return self._head("chat.completion") | {
            "choices": [choice],
            "usage": usage_json(end.usage),
            "cached": end.cached,
        }

    def _head(self, kind: str) -> dict[str, Any]:
        head = {"id": self.id, "object": kind, "created": self.created, "model": self.model_id}
        return head | self.more if self.more else head


def call_json(call: ToolCall, index: int | None = None) -> dict[str, Any]:
    """With its `index` in a stream, where the whole call comes in one piece."""
    found: dict[str, Any] = {} if index is None else {"index": index}
    function = {"name": call.name, "arguments": call.raw or "{}"}
    return found | {"id": call.id, "type": "function", "function": function}
