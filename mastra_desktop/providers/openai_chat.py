"""OpenAI's chat completions: the wire format of most servers, hosted or on this computer.

Vendors that speak it differ in details; a `Dialect` lists them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import BadRequest
from mastra_desktop.domain.replies import Prompt, PromptMessage, ToolCall
from mastra_desktop.providers import efforts
from mastra_desktop.providers.answer import AnswerReader
from mastra_desktop.providers.http import HttpPool
from mastra_desktop.providers.openai_answer import CHAT_HINT, DETAILS, ChatAnswer
from mastra_desktop.providers.streaming import HttpProvider, PlainWire
from mastra_desktop.providers.turns import (
    given_arguments,
    image_url,
    is_strict,
    turns,
    unpack,
    without_arguments,
)

# Models that hosted lists hold among others and that answer no prompt.
NO_CHAT = re.compile(
    r"embed|whisper|\btts|dall-e|gpt-image|-image\b|imagen|imagine|moderation|realtime|transcribe|-audio|\bsora"
    r"|\bveo|\bocr|\baqa|guard|babbage|davinci|turbo-instruct|computer-use",
    re.I,
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """Where a vendor departs from the common ground of chat completions."""

    max_tokens: str = "max_tokens"  # the field's name
    asks_usage: bool = True  # usage in a stream comes only when `stream_options` asks for it
    required: str = "required"  # the word for "call some tool"
    call_ids: re.Pattern[str] | None = None  # what a call's id has to look like
    json_schema: bool = True  # else only "some JSON": the schema goes into the system message
    images: bool = True
    embeddings: bool = True
    effort: efforts.Effort = efforts.as_is
    reasoning_back: bool = False  # wants the reasoning of an answer back with its tools' results
    details_back: bool = False  # the same in OpenRouter's `reasoning_details`, unchanged
    think_tags: bool = False  # reasoning may stand in the text between <think> tags
    continues: bool = False  # goes on with an assistant message at the end by itself
    lists_only_chat: bool = True  # else models that answer no prompt are left out of the list
    headers: Mapping[str, str] = field(default_factory=dict)


class ChatWire(PlainWire):
    """`extra_body` is sent with each request."""

    models_path: ClassVar[str] = "/models"
    hint: ClassVar[str] = CHAT_HINT
    endings: ClassVar[tuple[str, ...]] = ("/chat/completions",)

    def __init__(self, dialect: Dialect, extra_body: Mapping[str, object] | None = None) -> None:
        self._dialect = dialect
        self._extra_body = extra_body or {}

    def headers(self, key: str) -> dict[str, str]:
        return {**super().headers(key), **self._dialect.headers}

    def reader(self, host: str, prompt: Prompt) -> AnswerReader:
        return ChatAnswer(
            host,
            no_arguments=without_arguments(prompt) if prompt.tools else frozenset(),
            think_tags=self._dialect.think_tags,
        )

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        dialect = self._dialect
        body: dict[str, Any] = {"model": prompt.model_name, "messages": self._messages(prompt)}
        body["stream"] = stream
        if stream and dialect.asks_usage:
            body["stream_options"] = {"include_usage": True}
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.max_tokens is not None:
            body[dialect.max_tokens] = prompt.max_tokens
        if prompt.reasoning_effort:
            body |= dialect.effort(prompt.model_name, prompt.reasoning_effort)
        if prompt.tools:
            body["tools"] = [
                {
                    "type": "function",
                    "function": {
                        "name": tool.name,
                        "description": tool.description,
                        "parameters": tool.parameters,
                    },
                }
                for tool in prompt.tools
            ]
            body["tool_choice"] = self._choice(prompt.tool_choice)
        if prompt.response_schema is not None:
            body["response_format"] = self._format(prompt.response_schema)
        return "/chat/completions", {**body, **self._extra_body}

    def models(self, payload: Any) -> list[tuple[str, int | None]]:
        found: list[tuple[str, int | None]] = []
        for row in payload if isinstance(payload, list) else payload["data"]:
            name = row.get("id") if isinstance(row, dict) else None
            if not (isinstance(name, str) and name) or not self._answers(name, row):
                continue
            sizes = (
                row.get(key)
                for key in ("context_length", "context_window", "max_model_len", "max_context_length")
            )
            found.append((name, next((size for size in sizes if isinstance(size, int) and size > 0), None)))
        return found

    def embedding_request(self, texts: Sequence[str], model_name: str) -> tuple[str, Mapping[str, Any]]:
        if not self._dialect.embeddings:
            return super().embedding_request(texts, model_name)
        return "/embeddings", {"model": model_name, "input": list(texts), "encoding_format": "float"}

    def embeddings(self, payload: Any) -> list[list[float]]:
        return [row["embedding"] for row in sorted(payload["data"], key=lambda row: int(row["index"]))]

    def _answers(self, name: str, row: dict[str, Any]) -> bool:
        if self._dialect.lists_only_chat:
            return True
        abilities = row.get("capabilities")
        if isinstance(abilities, dict) and "completion_chat" in abilities:  # Mistral
            return bool(abilities["completion_chat"])
        return not NO_CHAT.search(name)

    def _messages(self, prompt: Prompt) -> list[dict[str, Any]]:
        system = prompt.system
        if prompt.response_schema is not None and not self._dialect.json_schema:
            schema = orjson.dumps(prompt.response_schema).decode()
            system = f"{system}\n\nAnswer with one JSON object of this JSON schema: {schema}".strip()
        messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
        messages += [self._message(m) for m in turns(prompt, continues=self._dialect.continues)]
        return messages

    def _message(self, message: PromptMessage) -> dict[str, Any]:
        if message.role is Role.TOOL:
            return {"role": "tool", "tool_call_id": self._call_id(message.call_id), "content": message.text}
        if message.images:
            if not self._dialect.images:
                raise BadRequest("This provider takes no images.", hint="Remove them, or switch the model.")
            parts: list[dict[str, Any]] = [{"type": "text", "text": message.text}] if message.text else []
            parts += [
                {"type": "image_url", "image_url": {"url": image_url(image)}} for image in message.images
            ]
            return {"role": message.role.value, "content": parts}
        written: dict[str, Any] = {"role": message.role.value, "content": message.text}
        if message.tool_calls:
            written["tool_calls"] = [self._call(call) for call in message.tool_calls]
            if message.reasoning and self._dialect.reasoning_back:
                written["reasoning_content"] = message.reasoning
            if self._dialect.details_back and (details := unpack(DETAILS, message.carry)):
                written["reasoning_details"] = details
        return written

    def _call(self, call: ToolCall) -> dict[str, Any]:
        arguments = orjson.dumps(given_arguments(call)).decode()
        return {
            "id": self._call_id(call.id),
            "type": "function",
            "function": {"name": call.name, "arguments": arguments},
        }

    def _call_id(self, id: str) -> str:
        """The id, or one made from it when it came from a vendor with other rules."""
        if self._dialect.call_ids is None or self._dialect.call_ids.fullmatch(id):
            return id
        return hashlib.blake2b(id.encode(), digest_size=5).hexdigest()[:9]

    def _choice(self, choice: str) -> object:
        if choice in ("auto", "none"):
            return choice
        if choice == "required":
            return self._dialect.required
        return {"type": "function", "function": {"name": choice}}

    def _format(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        if not self._dialect.json_schema:
            return {"type": "json_object"}
        described = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
        return {"type": "json_schema", "json_schema": described}


class OpenAIChatProvider(HttpProvider):
    """A server on the common ground. `supports_continue`: it goes on with an assistant message at the end
    of the prompt by itself; others are asked in words. The rest is as in `HttpProvider`."""

    def __init__(
        self,
        id: str,
        base_url: str,
        *,
        http: HttpPool,
        key: Callable[[], Awaitable[str | None]] | None = None,
        on_this_computer: bool = False,
        models: tuple[str, ...] = (),
        extra_body: Mapping[str, object] | None = None,
        supports_continue: bool = False,
        context_tokens: int | None = None,
    ) -> None:
        super().__init__(
            id,
            base_url,
            ChatWire(Dialect(continues=supports_continue), extra_body),
            http=http,
            key=key,
            on_this_computer=on_this_computer,
            models=models,
            context_tokens=context_tokens,
        )
