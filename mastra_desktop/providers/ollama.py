"""Ollama's own API: one JSON object on each line, the last one with `done`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import ProviderError
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, ReasoningDelta
from mastra_desktop.providers import efforts
from mastra_desktop.providers.answer import AnswerReader, Decoder, count, text
from mastra_desktop.providers.failures import stream_error
from mastra_desktop.providers.sse import MAX_EVENT_BYTES, SseEvent
from mastra_desktop.providers.streaming import PlainWire
from mastra_desktop.providers.think_tags import ThinkTags
from mastra_desktop.providers.turns import given_arguments, image_base64, turns

_OLLAMAS_OWN_TOKENS = 4096  # what it has room for unless told, or set up otherwise by the person
_BYTES_PER_TOKEN = 3
_IMAGE_TOKENS = 1536
_ANSWER_TOKENS = 2048


class LineDecoder:
    """Whole lines out of bytes split anywhere; an unfinished last line never comes out."""

    def __init__(self, *, max_line_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max_line_bytes = max_line_bytes
        self._tail = bytearray()

    def feed(self, data: bytes) -> list[SseEvent]:
        """Raises ProviderError when a line grows over its limit."""
        head, newline, rest = data.rpartition(b"\n")
        if not newline:
            self._tail += data
        else:
            head = bytes(self._tail) + head
            self._tail = bytearray(rest)
        lines = head.split(b"\n") if newline else []
        if max(len(self._tail), *map(len, lines), 0) > self._max_line_bytes:
            raise ProviderError(
                f"The answer holds one line of more than {self._max_line_bytes // (1024 * 1024)} MiB.",
                hint="The server sends something that is no chat answer.",
                retryable=False,
            )
        return [SseEvent("message", line.decode("utf-8", "replace"), "") for line in lines if line.strip()]


class OllamaAnswer(AnswerReader):
    beginnings: ClassVar[tuple[bytes, ...]] = (b"{", b" ", b"\n", b"\r")
    reasons: ClassVar[dict[str, str]] = {"length": "length"}

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self._think = ThinkTags()

    def finish(self) -> list[ProviderEvent]:
        return [*self._think.rest(), *super().finish()]

    def _new_decoder(self) -> Decoder:
        return LineDecoder()

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        self._read_whole(orjson.loads(event.data), pieces)

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        if payload.get("error"):
            self.failure = stream_error(payload, host=self.host)
            return
        message = payload.get("message") or {}
        if thought := message.get("thinking"):
            pieces.append(ReasoningDelta(text(thought)))
        if written := message.get("content"):
            self._think.feed(text(written), pieces)
        for call in message.get("tool_calls") or ():
            function = call["function"]
            arguments = function.get("arguments")
            self.tools.add(
                call.get("id") or "", text(function["name"]), {} if arguments is None else arguments
            )
        if payload.get("done"):
            self.done = True
            self._model_name = text(payload.get("model") or "")
            self._answer_id = str(payload.get("created_at") or "")
            self._reason = payload.get("done_reason") or "stop"
            self._usage = Usage(count(payload, "prompt_eval_count"), count(payload, "eval_count"))


class OllamaWire(PlainWire):
    models_path: ClassVar[str] = "/api/tags"
    hint: ClassVar[str] = "Ollama usually listens at http://127.0.0.1:11434."
    endings: ClassVar[tuple[str, ...]] = ("/api/chat", "/api")
    default_path: ClassVar[str] = ""

    def reader(self, host: str, prompt: Prompt) -> OllamaAnswer:
        return OllamaAnswer(host)

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        messages: list[dict[str, Any]] = (
            [{"role": "system", "content": prompt.system}] if prompt.system else []
        )
        names: dict[str, str] = {}  # of the tools, by call
        for message in turns(prompt):
            names |= {call.id: call.name for call in message.tool_calls}
            messages.append(_message(message, names))
        body: dict[str, Any] = {"model": prompt.model_name, "messages": messages, "stream": stream}
        body |= {"truncate": False, "shift": False}  # too long a prompt is an error then, not cut in silence
        options: dict[str, Any] = {}
        if prompt.temperature is not None:
            options["temperature"] = prompt.temperature
        if prompt.max_tokens is not None:
            options["num_predict"] = prompt.max_tokens
        if prompt.reasoning_effort:
            body |= efforts.ollama(prompt.model_name, prompt.reasoning_effort)
        if prompt.tools and prompt.tool_choice != "none":  # it knows no other choice
            body["tools"] = [
                {
                    "type": "function",
                    "function": {"name": t.name, "description": t.description, "parameters": t.parameters},
                }
                for t in prompt.tools
            ]
        if prompt.response_schema is not None:
            body["format"] = prompt.response_schema
        if (tokens := _context_tokens(prompt, body)) > _OLLAMAS_OWN_TOKENS:
            options["num_ctx"] = tokens
        if options:
            body["options"] = options
        return "/api/chat", body

    def models(self, payload: Any) -> list[tuple[str, int | None]]:
        return [(text(row["name"]), None) for row in payload["models"]]

    def embedding_request(self, texts: Sequence[str], model_name: str) -> tuple[str, Mapping[str, Any]]:
        return "/api/embed", {"model": model_name, "input": list(texts)}

    def embeddings(self, payload: Any) -> list[list[float]]:
        return list(payload["embeddings"])


def _context_tokens(prompt: Prompt, body: Mapping[str, Any]) -> int:
    """The room that prompt and answer need, on the safe side, as a power of two: Ollama loads the model anew
    for another one. It takes what the model has when this is more."""
    images = [image for message in prompt.messages for image in message.images]
    text_bytes = len(orjson.dumps(body)) - sum(len(image_base64(image)) for image in images)
    need = text_bytes // _BYTES_PER_TOKEN + len(images) * _IMAGE_TOKENS
    need += prompt.max_tokens or _ANSWER_TOKENS
    return 1 << (need - 1).bit_length()


def _message(message: PromptMessage, names: Mapping[str, str]) -> dict[str, Any]:
    written: dict[str, Any] = {"role": message.role.value, "content": message.text}
    if message.role is Role.TOOL:
        written["tool_name"] = names.get(message.call_id, "")
    if message.images:
        written["images"] = [image_base64(image) for image in message.images]
    if message.tool_calls:
        if message.reasoning:
            written["thinking"] = message.reasoning
        written["tool_calls"] = [
            {"function": {"name": call.name, "arguments": given_arguments(call)}}
            for call in message.tool_calls
        ]
    return written
