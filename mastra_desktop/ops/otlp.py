"""Spans as a request of OTLP/HTTP, in the names of OpenTelemetry's GenAI conventions.

The messages are those of opentelemetry-proto, imported when something is first sent. Its SDK is left aside:
it keeps globals, a thread and a context of its own beside those of ops/traces.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from mastra_desktop.domain.replies import PromptMessage, ToolCall
from mastra_desktop.domain.telemetry import Outcome, RequestRecord, Span
from mastra_desktop.ops.redaction import REMOVED, is_secret_name, redact
from mastra_desktop.ops.traces import Extra, Fact, OpenSpan

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.trace.v1 import trace_pb2

PATH = "/v1/traces"
CONTENT_TYPE = "application/x-protobuf"
MOST_TEXT = 16_000  # characters of one message
MOST_CONTENTS = 64_000  # of all messages of a span
_OVERLAP = 400  # read beyond the cut, so that a key there is seen whole
_SAMPLED = 0x101  # "sampled", and "the parent is known to be local"
_PROVIDERS = {"google": "gcp.gemini", "mistral": "mistral_ai", "xai": "x_ai"}  # where the conventions differ
_NAMES = {
    "message_id": "mastra.message.id",
    "retries": "mastra.retries",
    "first_token_ms": "mastra.first_token_ms",
}
_OF_MODEL = ("gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADERS = re.compile(r"\s*[A-Za-z0-9-]+\s*=[^=,]+(,\s*[A-Za-z0-9-]+\s*=[^=,]+)*")

Clean = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Origin:
    """Who sends, and what the conventions want to know of it. `kinds`: of each provider, by its id."""

    resource: Mapping[str, str]
    database: str  # sqlite or postgresql
    kinds: Mapping[str, str]


def traces_url(url: str) -> str:
    """Where traces go, of a collector at `url`."""
    url = url.rstrip("/")
    return url if url.endswith(PATH) else url + PATH


def headers_of(secret: str, *, variable: bool) -> dict[str, str]:
    """The headers in `secret`: those of OTEL_EXPORTER_OTLP_HEADERS (name=value, percent-encoded, with commas
    between), or else a token. What cannot be a header is left out."""
    if not variable and not _HEADERS.fullmatch(secret):
        return {"Authorization": f"Bearer {secret}"}
    found = {}
    for part in secret.split(","):
        name, _, value = part.partition("=")
        name, value = name.strip(), unquote(value).strip()
        if value and _HEADER.fullmatch(name) and value.isascii() and value.isprintable():
            found[name] = value
    return found


def encode(
    spans: Sequence[OpenSpan], origin: Origin, *, contents: bool = False, clean: Clean = redact
) -> bytes:
    """The body of a request with these spans; `contents`: with what was noted of prompts and answers."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    if not spans:
        return b""  # as a request without anything is written
    encoder = _Encoder(origin, contents, clean)
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.extend(encoder.attributes(origin.resource))
    of_scope = of_resource.scope_spans.add()
    of_scope.scope.name = "mastra_desktop"
    of_scope.scope.version = origin.resource.get("service.version", "")
    for span in spans:
        encoder.fill(of_scope.spans.add(), span)
    return bytes(request.SerializeToString())


def refused_spans(body: bytes, content_type: str) -> tuple[int, str]:
    """How many spans of a request that went well were refused after all, and why."""
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    if "json" in content_type:
        try:
            said = json.loads(body or b"{}").get("partialSuccess") or {}
            return int(said.get("rejectedSpans", 0)), str(said.get("errorMessage", ""))
        except (ValueError, AttributeError, TypeError):
            return 0, ""
    try:
        answer = ExportTraceServiceResponse.FromString(body)
    except DecodeError:
        return 0, ""
    return answer.partial_success.rejected_spans, answer.partial_success.error_message


class _Encoder:
    def __init__(self, origin: Origin, contents: bool, clean: Clean) -> None:
        from opentelemetry.proto.common.v1 import common_pb2
        from opentelemetry.proto.trace.v1 import trace_pb2

        self._common, self._trace = common_pb2, trace_pb2
        self._origin = origin
        self._contents = contents
        self._clean = clean
        self._seen: dict[str, str] = {}

    def fill(self, to: trace_pb2.Span, opened: OpenSpan) -> None:
        span, extra = opened.finished(), opened.extra or Extra()
        to.trace_id = bytes.fromhex(span.trace_id.rjust(32, "0"))
        to.span_id = bytes.fromhex(span.id)
        to.parent_span_id = bytes.fromhex(span.parent_id)
        to.name = self._name(span)
        inside = span.name in ("request", "retrieval", "tool")
        to.kind = self._trace.Span.SPAN_KIND_INTERNAL if inside else self._trace.Span.SPAN_KIND_CLIENT
        to.start_time_unix_nano = round(span.at * 1e9)
        to.end_time_unix_nano = round(span.at * 1e9) + round(span.duration_ms * 1e6)
        to.flags = _SAMPLED
        to.attributes.extend(self.attributes(self._facts(span, extra)))
        if self._contents:
            to.attributes.extend(self.attributes(self._written(extra), cleaned=True))
        events = list(extra.events)
        code = extra.record.error_code if extra.record else str(span.facts.get("error.type", ""))
        if span.outcome in (Outcome.FAILED, Outcome.INTERRUPTED):
            to.status.code = self._trace.Status.STATUS_CODE_ERROR
            to.status.message = code or span.outcome.value
            if code:
                events.append((span.at + span.duration_ms / 1000, "exception", {"exception.type": code}))
        if span.name == "request" and (first := span.facts.get("first_token_ms")):
            events.append((span.at + float(first) / 1000, "first_token", {}))
        for at, name, facts in sorted(events, key=lambda event: event[0]):
            event = to.events.add()
            event.time_unix_nano = round(at * 1e9)
            event.name = name
            event.attributes.extend(self.attributes(facts))

    def attributes(self, facts: Mapping[str, Any], *, cleaned: bool = False) -> list[KeyValue]:
        found = []
        for name, value in facts.items():
            pair = self._common.KeyValue(key=name)
            if isinstance(value, str):
                pair.value.string_value = _valid(value) if cleaned else self._once(value)
            elif isinstance(value, bool):
                pair.value.bool_value = value
            elif isinstance(value, int) and abs(value) < 2**63:
                pair.value.int_value = value
            elif isinstance(value, int | float):
                pair.value.double_value = float(value)
            else:
                for item in value:
                    pair.value.array_value.values.add().string_value = self._once(str(item))
            found.append(pair)
        return found

    def _once(self, text: str) -> str:
        """Cleaned. A few values come again and again."""
        if (known := self._seen.get(text)) is None:
            known = self._seen[text] = _valid(self._clean(text))
        return known

    def _name(self, span: Span) -> str:
        """As the conventions name a span of its kind."""
        if span.name == "model":
            return f"chat {self._once(str(span.facts.get('gen_ai.request.model', '')))}".rstrip()
        if span.name == "tool":
            return f"execute_tool {self._once(str(span.facts.get('gen_ai.tool.name', '')))}".rstrip()
        if span.name == "database":
            return self._once(str(span.facts.get("db.operation.name", span.name)))
        return span.name

    def _facts(self, span: Span, extra: Extra) -> dict[str, Any]:
        facts: dict[str, Any] = {_NAMES.get(name, name): value for name, value in span.facts.items()}
        facts["mastra.outcome"] = span.outcome.value
        if provider := facts.get("gen_ai.provider.name"):
            kind = self._origin.kinds.get(str(provider), str(provider))
            facts |= {"gen_ai.provider.name": _PROVIDERS.get(kind, kind), "mastra.provider.id": provider}
        if span.name == "request":
            # The model's span has them: who adds up tokens by these names would count them twice.
            for name in _OF_MODEL:
                facts.pop(name, None)
            if extra.record is not None and extra.record.conversation_id:
                facts["gen_ai.conversation.id"] = extra.record.conversation_id
        elif span.name == "model":
            facts |= {"gen_ai.operation.name": "chat"} | _figures(extra)
        elif span.name == "retrieval":
            facts["gen_ai.operation.name"] = "retrieval"
        elif span.name == "tool":
            facts["gen_ai.operation.name"] = "execute_tool"
        elif span.name == "database":
            facts["db.system.name"] = self._origin.database
        return facts

    def _written(self, extra: Extra) -> dict[str, str]:
        """What people and models wrote, without keys, the newest first to be kept where it is much."""
        found: dict[str, Any] = {}
        if extra.prompt is not None:
            if extra.prompt.system:
                found["gen_ai.system_instructions"] = [self._text(extra.prompt.system)]
            found["gen_ai.input.messages"] = self._messages(extra.prompt.messages)
        parts = [self._text(extra.text)] if extra.text else []
        if extra.reasoning:
            parts.insert(0, self._text(extra.reasoning, "reasoning"))
        parts += [self._call(call) for call in extra.calls]
        if parts:
            answer = {"role": "assistant", "parts": parts, "finish_reason": extra.finish_reason}
            found["gen_ai.output.messages"] = [answer]
        if extra.query:
            found["gen_ai.retrieval.query.text"] = self._cut(extra.query)
            found["gen_ai.retrieval.documents"] = [
                {"id": self._cut(source.document), "score": source.score, "content": self._cut(source.text)}
                for source in extra.sources
            ]
        return {n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in found.items()}

    def _messages(self, messages: Sequence[PromptMessage]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        left = MOST_CONTENTS
        for message in reversed(messages):
            if left <= 0:
                break
            parts = [self._text(message.text)] if message.text else []
            left -= min(len(message.text), MOST_TEXT)
            if message.call_id:
                result = self._cut(message.text)
                parts = [{"type": "tool_call_response", "id": message.call_id, "response": result}]
            parts += [self._call(call) for call in message.tool_calls]
            parts += [{"type": "blob", "mime_type": image.media_type} for image in message.images]
            found.append({"role": message.role.value, "parts": parts})
        return found[::-1]

    def _text(self, text: str, kind: str = "text") -> dict[str, Any]:
        return {"type": kind, "content": self._cut(text)}

    def _call(self, call: ToolCall) -> dict[str, Any]:
        arguments = self._cut(call.raw) if call.arguments is None else self._scrubbed(call.arguments)
        return {"type": "tool_call", "id": call.id, "name": self._cut(call.name), "arguments": arguments}

    def _cut(self, text: str) -> str:
        return self._clean(text[: MOST_TEXT + _OVERLAP])[:MOST_TEXT]

    def _scrubbed(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._cut(value)
        if isinstance(value, Mapping):
            return {
                self._cut(str(name)): REMOVED if of and is_secret_name(str(name)) else self._scrubbed(of)
                for name, of in value.items()
            }
        return [self._scrubbed(item) for item in value] if isinstance(value, list | tuple) else value


def _valid(text: str) -> str:
    """Half a character, which JSON can bring, is not UTF-8."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _figures(extra: Extra) -> dict[str, Any]:
    """Of the model's part of an answer."""
    record: RequestRecord | None = extra.record
    if record is None:  # a fallback took over
        return {}
    first_ms = record.first_token_ms
    figures: dict[str, Fact | None] = {
        "gen_ai.usage.input_tokens": record.input_tokens,
        "gen_ai.usage.output_tokens": record.output_tokens,
        "gen_ai.usage.cache_read.input_tokens": record.cached_input_tokens,
        "gen_ai.usage.reasoning.output_tokens": record.reasoning_tokens,
        "gen_ai.response.time_to_first_chunk": None if first_ms is None else first_ms / 1000,
        "mastra.cached": record.cached,
        "error.type": record.error_code or None,
    }
    found: dict[str, Any] = {name: value for name, value in figures.items() if value is not None}
    if extra.finish_reason:
        found["gen_ai.response.finish_reasons"] = (extra.finish_reason,)
    return found
