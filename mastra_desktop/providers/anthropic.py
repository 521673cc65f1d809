"""Anthropic's messages. An answer is complete only after `message_stop`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers import efforts
from mastra_desktop.providers.answer import AnswerReader, count, stream_cut, text
from mastra_desktop.providers.failures import stream_error
from mastra_desktop.providers.sse import SseEvent
from mastra_desktop.providers.streaming import PlainWire
from mastra_desktop.providers.turns import given_arguments, image_base64, pack, turns, unpack

VERSION = "2023-06-01"
NAME = "anthropic"
# Asked for structure, the model "calls" this tool, and what it writes there is the answer.
SCHEMA_TOOL = "answer_in_json"
# The API wants a limit. More than the model has is refused, so this is what the smallest in use have.
_MAX_TOKENS = 8192
_OLD_MAX_TOKENS = 4096
_OLD_MODELS = re.compile(r"claude-3-(opus|sonnet|haiku)|claude-2|claude-instant")
_STATUS = {  # inside a stream an error comes without its HTTP status
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}


class AnthropicAnswer(AnswerReader):
    """`schema_tool`: a call of that tool is the answer's text."""

    reasons: ClassVar[dict[str, str]] = {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }

    def __init__(self, host: str, *, schema_tool: str = "") -> None:
        super().__init__(host)
        self._schema_tool = schema_tool
        self._blocks: dict[int, dict[str, Any]] = {}  # content blocks by index, as they began
        self._structured: set[int] = set()  # those whose input is the answer's text

    def finish(self) -> list[ProviderEvent]:
        # A tool without arguments sends none of them; cut off by the limit, the same is an error.
        self.tools.empty_is_none = self._reason == "tool_use"
        if self._reason == "tool_use" and not self.tools:
            self._reason = "end_turn"
        return super().finish()

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        piece = orjson.loads(event.data)
        kind = piece.get("type")
        if kind == "content_block_delta":
            self._delta(piece["index"], piece["delta"], pieces)
        elif kind == "content_block_start":
            self._block(piece["index"], piece["content_block"], pieces)
        elif kind == "message_start":
            self._message(piece["message"])
        elif kind == "message_delta":
            self._message_delta(piece)
        elif kind == "message_stop":
            self.done = bool(self._reason)
            if not self.done:
                self.failure = stream_cut(self.host)
        elif kind == "error" or event.event == "error":
            self.failure = anthropic_error(piece, self.host)

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        if payload.get("type") == "error":
            self.failure = anthropic_error(payload, self.host)
            return
        self._message(payload)
        for index, block in enumerate(payload["content"]):
            self._block(index, block, pieces)
        self._message_delta({"delta": payload, "usage": payload.get("usage")})

    def _message(self, message: Any) -> None:
        self._model_name = text(message.get("model") or "")
        self._answer_id = str(message.get("id") or "")
        self._count(message.get("usage"))

    def _message_delta(self, piece: Any) -> None:
        self._reason = piece["delta"].get("stop_reason") or self._reason
        self._count(piece.get("usage"))

    def _count(self, usage: Any) -> None:
        """The figures of the end take the place of the first ones."""
        before = self._usage

        def figure(name: str, earlier: int | None) -> int | None:
            number = count(usage, name)
            return earlier if number is None else number

        self._usage = Usage(
            figure("input_tokens", before.input_tokens),
            figure("output_tokens", before.output_tokens),
            figure("cache_read_input_tokens", before.cached_input_tokens),
        )

    def _block(self, index: int, block: Any, pieces: list[ProviderEvent]) -> None:
        kind = block.get("type")
        self._blocks[index] = block
        if kind == "text":
            if block.get("text"):
                pieces.append(TextDelta(text(block["text"])))
        elif kind == "thinking":
            if block.get("thinking"):
                pieces.append(ReasoningDelta(text(block["thinking"])))
        elif kind == "tool_use":
            begun = orjson.dumps(block["input"]).decode() if block.get("input") else ""
            if block["name"] == self._schema_tool:
                self._structured.add(index)
                if begun:
                    pieces.append(TextDelta(begun))
            else:
                self.tools.fragment(index, text(block["id"]), text(block["name"]), begun)

    def _delta(self, index: int, delta: Any, pieces: list[ProviderEvent]) -> None:
        kind = delta.get("type")
        if kind == "text_delta":
            if delta["text"]:
                pieces.append(TextDelta(text(delta["text"])))
        elif kind == "thinking_delta":
            if delta["thinking"]:
                pieces.append(ReasoningDelta(text(delta["thinking"])))
                self._blocks[index].setdefault("parts", []).append(delta["thinking"])
        elif kind == "signature_delta":
            block = self._blocks[index]
            block["signature"] = (block.get("signature") or "") + text(delta["signature"])
        elif kind == "input_json_delta" and delta["partial_json"]:
            if index in self._structured:
                pieces.append(TextDelta(text(delta["partial_json"])))
            else:
                self.tools.fragment(index, "", "", text(delta["partial_json"]))

    def _carry(self) -> str:
        """The signed thoughts, which have to come back before the tools' results."""
        if not self.tools:
            return ""
        kept = []
        for block in self._blocks.values():
            if block.get("type") == "thinking":
                thoughts = (block.get("thinking") or "") + "".join(block.get("parts", ()))
                signature = block.get("signature") or ""
                kept.append({"type": "thinking", "thinking": thoughts, "signature": signature})
            elif block.get("type") == "redacted_thinking":
                kept.append(block)
        return pack(NAME, kept)


def anthropic_error(payload: Any, host: str) -> MastraError:
    error = payload.get("error") or payload
    status = _STATUS.get(str(error.get("type")), 0)
    return stream_error({"error": {**error, "code": status}}, host=host)


class AnthropicWire(PlainWire):
    models_path: ClassVar[str] = "/models?limit=1000"
    hint: ClassVar[str] = "Anthropic's address ends in /v1."
    endings: ClassVar[tuple[str, ...]] = ("/messages",)
    default_path: ClassVar[str] = "/v1"

    def headers(self, key: str) -> dict[str, str]:
        return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}

    def reader(self, host: str, prompt: Prompt) -> AnthropicAnswer:
        return AnthropicAnswer(host, schema_tool=SCHEMA_TOOL if prompt.response_schema is not None else "")

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        own = _OLD_MAX_TOKENS if _OLD_MODELS.search(prompt.model_name) else _MAX_TOKENS
        body: dict[str, Any] = {
            "model": prompt.model_name,
            "messages": _messages(prompt),
            "max_tokens": prompt.max_tokens or own,
            "stream": stream,
        }
        if prompt.system:
            body["system"] = prompt.system
        tools = [
            {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
            for tool in prompt.tools
        ]
        if prompt.response_schema is not None:
            about = "Gives the answer in the form that was asked for."
            tools.append({"name": SCHEMA_TOOL, "description": about, "input_schema": prompt.response_schema})
        if tools:
            body["tools"] = tools
            body["tool_choice"] = _choice(prompt)
        forced = bool(tools) and body["tool_choice"]["type"] in ("any", "tool")
        thinking = efforts.anthropic(prompt.model_name, prompt.reasoning_effort)
        if thinking and not forced:  # a forced tool allows no thinking
            body |= thinking
            body["max_tokens"] += efforts.THOUGHT_TOKENS[prompt.reasoning_effort]  # thoughts count as well
        elif prompt.temperature is not None:  # nor does thinking allow a temperature
            body["temperature"] = prompt.temperature
        return "/messages", body

    def models(self, payload: Any) -> list[tuple[str, int | None]]:
        return [(text(row["id"]), count(row, "max_input_tokens")) for row in payload["data"]]


def _choice(prompt: Prompt) -> dict[str, str]:
    if prompt.response_schema is not None:
        return {"type": "any"} if prompt.tools else {"type": "tool", "name": SCHEMA_TOOL}
    if prompt.tool_choice in ("auto", "none"):
        return {"type": prompt.tool_choice}
    if prompt.tool_choice == "required":
        return {"type": "any"}
    return {"type": "tool", "name": prompt.tool_choice}


def _messages(prompt: Prompt) -> list[dict[str, Any]]:
    """Results count as the person's, roles alternate, and the person begins."""
    written: list[dict[str, Any]] = []
    for message in turns(prompt):
        role = "assistant" if message.role is Role.ASSISTANT else "user"
        if not written and role == "assistant":
            continue
        blocks = _blocks(message)
        if written and written[-1]["role"] == role:
            written[-1]["content"] += blocks
        else:
            written.append({"role": role, "content": blocks})
    return written


def _blocks(message: PromptMessage) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        result = {"type": "tool_result", "tool_use_id": message.call_id, "content": message.text}
        return [{**result, "is_error": True} if message.is_error else result]
    blocks: list[dict[str, Any]] = list(unpack(NAME, message.carry) or ())
    blocks += [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": image.media_type, "data": image_base64(image)},
        }
        for image in message.images
    ]
    if message.text.strip():
        blocks.append({"type": "text", "text": message.text})
    blocks += [
        {"type": "tool_use", "id": call.id, "name": call.name, "input": given_arguments(call)}
        for call in message.tool_calls
    ]
    return blocks
