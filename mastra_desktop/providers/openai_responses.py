"""OpenAI's responses. An answer is complete only after `response.completed` or `response.incomplete`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers import efforts
from mastra_desktop.providers.answer import AnswerReader, count, text
from mastra_desktop.providers.failures import stream_error
from mastra_desktop.providers.openai_answer import CHAT_HINT
from mastra_desktop.providers.openai_chat import ChatWire, Dialect
from mastra_desktop.providers.sse import SseEvent
from mastra_desktop.providers.turns import (
    given_arguments,
    image_url,
    is_strict,
    pack,
    turns,
    unpack,
    without_arguments,
)

NAME = "responses"
_ONLY_RESPONSES = re.compile(r"codex|deep-research|^o\d-pro|^gpt-5[.\d]*-pro")


class ResponsesAnswer(AnswerReader):
    reasons: ClassVar[dict[str, str]] = {"max_output_tokens": "length", "content_filter": "content_filter"}
    hint: ClassVar[str] = CHAT_HINT

    def __init__(self, host: str, *, no_arguments: frozenset[str] = frozenset()) -> None:
        super().__init__(host, no_arguments=no_arguments)
        self._thoughts: list[Any] = []  # reasoning items, for the next turn

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        if event.data == "[DONE]":
            return
        piece = orjson.loads(event.data)
        match piece.get("type"):
            case "response.output_text.delta":
                if piece["delta"]:
                    pieces.append(TextDelta(text(piece["delta"])))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                if piece["delta"]:
                    pieces.append(ReasoningDelta(text(piece["delta"])))
            case "response.reasoning_summary_part.added":
                if piece.get("summary_index"):
                    pieces.append(ReasoningDelta("\n\n"))
            case "response.refusal.delta":
                self._refused = True
                pieces.append(TextDelta(text(piece["delta"])))
            case "response.output_item.added" | "response.output_item.done":
                self._item(piece["output_index"], piece["item"])
            case "response.function_call_arguments.delta":
                self.tools.fragment(piece["output_index"], "", "", text(piece["delta"]))
            case "response.completed" | "response.incomplete":
                self._end(piece["response"])
                self.done = True
            case "response.failed" | "response.cancelled":
                self.failure = stream_error(piece["response"].get("error") or {}, host=self.host)
            case "error":
                self.failure = stream_error(piece, host=self.host)
            case _ if event.event == "error":
                self.failure = stream_error(piece, host=self.host)

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        if payload.get("error"):
            self.failure = stream_error(payload, host=self.host)
            return
        for index, item in enumerate(payload["output"]):
            thoughts = "\n\n".join(text(thought["text"]) for thought in item.get("summary") or ())
            if thoughts:
                pieces.append(ReasoningDelta(thoughts))
            for part in item.get("content") or ():
                if part.get("type") == "output_text":
                    pieces.append(TextDelta(text(part["text"])))
                elif part.get("type") == "refusal":
                    self._refused = True
                    pieces.append(TextDelta(text(part["refusal"])))
            self._item(index, item)
        self._end(payload)

    def _item(self, index: int, item: Any) -> None:
        if item.get("type") == "function_call":
            self.tools.settle(index, text(item["call_id"]), text(item["name"]), item.get("arguments") or "")
        elif item.get("type") == "reasoning" and item.get("encrypted_content"):
            kept = {"type": "reasoning", "id": item.get("id"), "summary": item.get("summary") or []}
            self._thoughts = [t for t in self._thoughts if t["id"] != item.get("id")]
            self._thoughts.append({**kept, "encrypted_content": item["encrypted_content"]})

    def _end(self, response: Any) -> None:
        self._model_name = text(response.get("model") or "")
        self._answer_id = str(response.get("id") or "")
        self._reason = (response.get("incomplete_details") or {}).get("reason") or "completed"
        usage = response.get("usage")
        self._usage = Usage(
            count(usage, "input_tokens"),
            count(usage, "output_tokens"),
            count(usage, "input_tokens_details", "cached_tokens"),
            count(usage, "output_tokens_details", "reasoning_tokens"),
        )

    def _carry(self) -> str:
        return pack(NAME, self._thoughts if self.tools else None)


class ResponsesWire(ChatWire):
    """Models and embeddings are those of the chat completions' API."""

    endings: ClassVar[tuple[str, ...]] = ("/responses",)

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        body: dict[str, Any] = {
            "model": prompt.model_name,
            "input": [item for message in turns(prompt) for item in _items(message)],
            "stream": stream,
            "store": False,
        }
        if prompt.system:
            body["instructions"] = prompt.system
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.max_tokens is not None:
            body["max_output_tokens"] = prompt.max_tokens
        if efforts.openai_reasons(prompt.model_name):
            # Nothing is stored there, so the thoughts travel with us, encrypted.
            body["include"] = ["reasoning.encrypted_content"]
            if prompt.reasoning_effort:
                body["reasoning"] = {"effort": prompt.reasoning_effort, "summary": "auto"}
        if prompt.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": is_strict(tool.parameters),
                }
                for tool in prompt.tools
            ]
            plain = prompt.tool_choice in ("auto", "none", "required")
            named = {"type": "function", "name": prompt.tool_choice}
            body["tool_choice"] = prompt.tool_choice if plain else named
        if (schema := prompt.response_schema) is not None:
            described = {"type": "json_schema", "name": "answer", "schema": schema}
            body["text"] = {"format": {**described, "strict": is_strict(schema)}}
        return "/responses", body

    def reader(self, host: str, prompt: Prompt) -> AnswerReader:
        return ResponsesAnswer(host, no_arguments=without_arguments(prompt))


class OpenAIWire(ChatWire):
    """OpenAI itself: chat completions, but responses for the models that are offered there only."""

    def __init__(self, dialect: Dialect) -> None:
        super().__init__(dialect)
        self._responses = ResponsesWire(dialect)

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        if _ONLY_RESPONSES.search(prompt.model_name):
            return self._responses.request(prompt, stream=stream)
        return super().request(prompt, stream=stream)

    def reader(self, host: str, prompt: Prompt) -> AnswerReader:
        if _ONLY_RESPONSES.search(prompt.model_name):
            return self._responses.reader(host, prompt)
        return super().reader(host, prompt)


def _items(message: PromptMessage) -> Sequence[dict[str, Any]]:
    if message.role is Role.TOOL:
        return [{"type": "function_call_output", "call_id": message.call_id, "output": message.text}]
    items: list[dict[str, Any]] = list(unpack(NAME, message.carry) or ())
    direction = "output_text" if message.role is Role.ASSISTANT else "input_text"
    parts: list[dict[str, Any]] = [{"type": direction, "text": message.text}] if message.text else []
    parts += [{"type": "input_image", "image_url": image_url(image)} for image in message.images]
    if parts:
        items.append({"role": message.role.value, "content": parts})
    items += [
        {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": orjson.dumps(given_arguments(call)).decode(),
        }
        for call in message.tool_calls
    ]
    return items
