"""Google's Gemini. A stream has no end marker but `finishReason` in its last piece."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import ContentFiltered, MastraError, ProviderError, QuotaError, RateLimited
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers import efforts
from mastra_desktop.providers.answer import AnswerReader, count, text
from mastra_desktop.providers.failures import status_error, stream_error
from mastra_desktop.providers.openai_chat import NO_CHAT
from mastra_desktop.providers.sse import SseEvent
from mastra_desktop.providers.streaming import PlainWire
from mastra_desktop.providers.turns import given_arguments, image_base64, pack, turns, unpack

NAME = "google"
# Gemini 3 refuses a call without its signature; this is Google's word for calls another model made.
_NO_SIGNATURE = "skip_thought_signature_validator"
_BAD_CALLS = ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS", "MALFORMED_RESPONSE")


class GoogleAnswer(AnswerReader):
    reasons: ClassVar[dict[str, str]] = {"MAX_TOKENS": "length"} | dict.fromkeys(
        (
            "SAFETY",
            "RECITATION",
            "LANGUAGE",
            "OTHER",
            "BLOCKLIST",
            "PROHIBITED_CONTENT",
            "SPII",
            "IMAGE_SAFETY",
        ),
        "content_filter",
    )

    def __init__(self, host: str) -> None:
        super().__init__(host)
        self._signatures: list[str] = []  # one for each tool call, "" for none

    @property
    def may_end(self) -> bool:
        return bool(self._reason) and self.failure is None

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        self._read_whole(orjson.loads(event.data), pieces)

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        if isinstance(payload, list):  # the same without server-sent events: all pieces as one array
            for piece in payload:
                self._read_whole(piece, pieces)
            return
        if payload.get("error"):
            self.failure = stream_error(payload, host=self.host)
            return
        if candidates := payload.get("candidates"):
            self._candidate(candidates[0], pieces)
        elif blocked := (payload.get("promptFeedback") or {}).get("blockReason"):
            self.failure = ContentFiltered(
                f"{self.host} declined to answer this.", hint="Put it differently.", detail=text(blocked)
            )
            return
        self._model_name = self._model_name or text(payload.get("modelVersion") or "")
        self._answer_id = self._answer_id or str(payload.get("responseId") or "")
        if usage := payload.get("usageMetadata"):
            self._usage = Usage(
                count(usage, "promptTokenCount"),
                count(usage, "candidatesTokenCount"),
                count(usage, "cachedContentTokenCount"),
                count(usage, "thoughtsTokenCount"),
            )

    def _candidate(self, candidate: Any, pieces: list[ProviderEvent]) -> None:
        for part in (candidate.get("content") or {}).get("parts") or ():
            if call := part.get("functionCall"):
                arguments = call.get("args")
                self.tools.add(
                    call.get("id") or "", text(call["name"]), {} if arguments is None else arguments
                )
                self._signatures.append(part.get("thoughtSignature") or "")
            elif written := part.get("text"):
                delta = ReasoningDelta if part.get("thought") else TextDelta
                pieces.append(delta(text(written)))
        self._reason = candidate.get("finishReason") or ""
        if self._reason in _BAD_CALLS:
            self.failure = ProviderError(
                f"The model at {self.host} wrote a tool call that cannot be read.",
                hint="Try again.",
                detail=self._reason,
            )

    def _carry(self) -> str:
        return pack(NAME, self._signatures if any(self._signatures) else None)


class GoogleWire(PlainWire):
    models_path: ClassVar[str] = "/models?pageSize=1000"
    hint: ClassVar[str] = "Google's address ends in /v1beta."
    endings: ClassVar[tuple[str, ...]] = ("/models",)
    default_path: ClassVar[str] = "/v1beta"

    def headers(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def reader(self, host: str, prompt: Prompt) -> GoogleAnswer:
        return GoogleAnswer(host)

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        body: dict[str, Any] = {"contents": _contents(prompt)}
        if prompt.system:
            body["systemInstruction"] = {"parts": [{"text": prompt.system}]}
        if settings := _settings(prompt):
            body["generationConfig"] = settings
        if prompt.tools:
            declared = [
                {"name": t.name, "description": t.description, "parametersJsonSchema": t.parameters}
                for t in prompt.tools
            ]
            body["tools"] = [{"functionDeclarations": declared}]
            body["toolConfig"] = {"functionCallingConfig": _choice(prompt.tool_choice)}
        deed = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"/{_model(prompt.model_name)}:{deed}", body

    def models(self, payload: Any) -> list[tuple[str, int | None]]:
        return [
            (text(row["name"]).removeprefix("models/"), count(row, "inputTokenLimit"))
            for row in payload["models"]
            if "generateContent" in row.get("supportedGenerationMethods", ("generateContent",))
            and not NO_CHAT.search(row["name"])
        ]

    def embedding_request(self, texts: Sequence[str], model_name: str) -> tuple[str, Mapping[str, Any]]:
        model = _model(model_name)
        asked = [{"model": model, "content": {"parts": [{"text": one}]}} for one in texts]
        return f"/{model}:batchEmbedContents", {"requests": asked}

    def embeddings(self, payload: Any) -> list[list[float]]:
        return [row["values"] for row in payload["embeddings"]]

    def status_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, host: str, key: str
    ) -> MastraError:
        """A refused key comes as 400 here, and one code stands for both a spent quota and too many
        requests: asked to wait, it is the latter."""
        if status == 400 and re.search(rb"API_KEY_INVALID|API key not valid|API key expired", body):
            status = 401
        error = status_error(status, headers, body, host=host, key=key or None)
        asked = re.search(rb'"retryDelay"\s*:\s*"([\d.]+)s"', body)
        if status == 429 and asked and isinstance(error, QuotaError | RateLimited):
            per_day = re.search(rb"PerDay", body)
            if not per_day:
                return RateLimited(
                    f"{host} is getting too many requests.",
                    hint="Wait a moment, or switch the model.",
                    detail=error.detail,
                    retry_after_s=float(asked[1]),
                )
        return error


def _model(name: str) -> str:
    return name if "/" in name else f"models/{name}"


def _choice(choice: str) -> dict[str, Any]:
    if choice in ("auto", "none", "required"):
        return {"mode": {"auto": "AUTO", "none": "NONE", "required": "ANY"}[choice]}
    return {"mode": "ANY", "allowedFunctionNames": [choice]}


def _settings(prompt: Prompt) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if prompt.temperature is not None:
        settings["temperature"] = prompt.temperature
    if prompt.max_tokens is not None:
        settings["maxOutputTokens"] = prompt.max_tokens
    if prompt.response_schema is not None:
        settings["responseMimeType"] = "application/json"
        settings["responseJsonSchema"] = prompt.response_schema
    if thinking := efforts.google(prompt.model_name, prompt.reasoning_effort):
        settings["thinkingConfig"] = thinking
    return settings


def _contents(prompt: Prompt) -> list[dict[str, Any]]:
    """Results count as the person's, roles alternate, and the person begins."""
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}  # of the tools, by call
    for message in turns(prompt):
        role = "model" if message.role is Role.ASSISTANT else "user"
        if not contents and role == "model":
            continue
        names |= {call.id: call.name for call in message.tool_calls}
        parts = _parts(message, names, signed="gemini-3" in prompt.model_name)
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        else:
            contents.append({"role": role, "parts": parts})
    return contents


def _parts(message: PromptMessage, names: Mapping[str, str], *, signed: bool) -> list[dict[str, Any]]:
    if message.role is Role.TOOL:
        result = {"error" if message.is_error else "result": message.text}
        return [{"functionResponse": {"name": names.get(message.call_id, ""), "response": result}}]
    parts: list[dict[str, Any]] = [{"text": message.text}] if message.text else []
    parts += [
        {"inlineData": {"mimeType": image.media_type, "data": image_base64(image)}}
        for image in message.images
    ]
    signatures = unpack(NAME, message.carry) or ()
    for number, call in enumerate(message.tool_calls):
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": given_arguments(call)}}
        signature = signatures[number] if number < len(signatures) else ""
        if not signature and signed and not signatures and number == 0:
            signature = _NO_SIGNATURE
        if signature:
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts
