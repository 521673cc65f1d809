"""What reading an answer has in common in every wire format: bytes of the stream in, reply events out.

No network here. A format brings its own reader: what one event means, and what ends an answer.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import orjson

from mastra_desktop.domain.chat import Usage
from mastra_desktop.domain.errors import MastraError, ProviderError, StreamCut
from mastra_desktop.domain.replies import AnswerEnd, ProviderEvent, ReasoningDelta, TextDelta, ToolCall
from mastra_desktop.providers.sse import SseDecoder, SseEvent

log = logging.getLogger(__name__)

# What a stream of events can begin with; anything else is a web page or worse.
SSE_BEGINNINGS = (b"data", b"event", b"id", b"retry", b":", b"\n", b"\r", b"\xef\xbb\xbf")
# What reading JSON of another shape than expected raises.
BROKEN = (orjson.JSONDecodeError, AttributeError, TypeError, LookupError)


class Decoder(Protocol):
    def feed(self, data: bytes) -> list[SseEvent]: ...


class AnswerReader:
    """One try of one answer.

    After each `feed`: `done` once the end marker arrived, `failure` what went wrong (to be raised after
    the events were given out, so that no text before it is lost). When the body ends without `done`, the
    answer is whole only if `may_end`. `finish` then gives the tool calls and the end.
    """

    beginnings: ClassVar[tuple[bytes, ...]] = SSE_BEGINNINGS
    reasons: ClassVar[dict[str, str]] = {}  # the vendor's finish reasons as ours; others are "stop"
    hint: ClassVar[str] = ""  # where the address may be wrong

    def __init__(self, host: str, *, no_arguments: frozenset[str] = frozenset()) -> None:
        """`no_arguments`: the tools that take none, for which an empty string is enough."""
        self.done = False
        self.streamed = False
        self.failure: MastraError | None = None
        self.host = host
        self.tools = ToolCalls(no_arguments)
        self._decoder = self._new_decoder()
        self._begun = False
        self._reason = ""
        self._refused = False
        self._usage = Usage()
        self._model_name = ""
        self._answer_id = ""

    @property
    def may_end(self) -> bool:
        return self.done

    def feed(self, chunk: bytes) -> list[ProviderEvent]:
        """What `chunk` adds, neighbouring pieces of text joined into one. Raises nothing."""
        if not self._begun and chunk:
            self._begun = True
            head = chunk[:5]
            if not any(head.startswith(word) or word.startswith(head) for word in self.beginnings):
                self.failure = no_chat_server(self.host, "answer with a stream", self.hint)
                return []
            self.streamed = True
        pieces: list[ProviderEvent] = []
        try:
            for event in self._decoder.feed(chunk):
                self._read_event(event, pieces)
                if self.done or self.failure:
                    break
        except MastraError as error:
            self.failure = error
        except BROKEN as error:
            log.warning("broken event from %s: %s", self.host, type(error).__name__)
            self.failure = self._broken(error)
        return joined(pieces) if len(pieces) > 1 else pieces

    def whole(self, payload: Any) -> list[ProviderEvent]:
        """The events of an answer that came as one JSON object, its end included. Raises ProviderError."""
        pieces: list[ProviderEvent] = []
        try:
            self._read_whole(payload, pieces)
        except BROKEN as error:
            raise self._broken(error) from error
        if self.failure:
            raise self.failure
        return [*joined(pieces), *self.finish()]

    def finish(self) -> list[ProviderEvent]:
        """The tool calls and the end of an answer that is whole."""
        return [*self.tools.calls(self._answer_id), self.end()]

    def end(self) -> AnswerEnd:
        reason = self.reasons.get(self._reason, "stop")
        if self._refused:
            reason = "content_filter"
        elif reason == "stop" and self.tools:
            reason = "tool_calls"
        return AnswerEnd(reason, self._usage, self._model_name, self._carry())

    def _new_decoder(self) -> Decoder:
        return SseDecoder()

    def _read_event(self, event: SseEvent, pieces: list[ProviderEvent]) -> None:
        """Adds what `event` brings; sets `done` or `failure`. May raise any of `BROKEN`."""
        raise NotImplementedError

    def _read_whole(self, payload: Any, pieces: list[ProviderEvent]) -> None:
        """The same for a whole answer."""
        raise NotImplementedError

    def _carry(self) -> str:
        return ""

    def _broken(self, error: Exception) -> ProviderError:
        return ProviderError(
            f"{self.host} sent something that is no chat answer.",
            hint="Try again, or switch the model.",
            detail=type(error).__name__,
        )


@dataclass(slots=True)
class _Call:
    id: str
    name: str
    index: int | None
    raw: list[str] = field(default_factory=list)


class ToolCalls:
    """The tool calls of one answer, put together from fragments that may alternate between calls."""

    def __init__(self, no_arguments: frozenset[str] = frozenset()) -> None:
        self.empty_is_none = False  # an empty string means "no arguments" whatever the tool
        self._no_arguments = no_arguments
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        return bool(self._calls)

    def fragment(self, index: int | None, id: str, name: str, raw: str) -> None:
        """Adds `raw` to the call it belongs to. Vendors leave out `index` or `id`, or repeat the name:
        a name together with another id than the last one of its index, or with none, begins a call."""
        call = next((c for c in reversed(self._calls) if index is None or c.index == index), None)
        if call is None or (name and ((id and call.id and id != call.id) or (index is None and not id))):
            call = _Call(id, name, index)
            self._calls.append(call)
        call.id = call.id or id
        call.name = call.name or name
        call.raw.append(raw)

    def settle(self, index: int, id: str, name: str, raw: str) -> None:
        """The call at `index` is this, whatever fragments came before; without `raw` they stay."""
        self.fragment(index, id, name, "")
        if raw:
            next(c for c in self._calls if c.index == index).raw = [raw]

    def add(self, id: str, name: str, arguments: Any) -> None:
        """A whole call; arguments that came as JSON are written out again."""
        raw = arguments if isinstance(arguments, str) else orjson.dumps(arguments).decode()
        self._calls.append(_Call(id, name, None, [raw]))

    def calls(self, answer_id: str = "") -> list[ToolCall]:
        return [self._call(call, f"{answer_id}:{n}") for n, call in enumerate(self._calls)]

    def _call(self, call: _Call, place: str) -> ToolCall:
        raw = "".join(call.raw)
        # Made from what arrived, so that the same answer always has the same ids.
        made_id = hashlib.blake2b(f"{place}:{call.name}:{raw}".encode(), digest_size=6).hexdigest()
        id = call.id or f"call_{made_id}"
        try:
            takes_none = self.empty_is_none or call.name in self._no_arguments
            arguments = orjson.loads(raw or ("{}" if takes_none else ""))
        except orjson.JSONDecodeError as error:
            return ToolCall(id, call.name, None, raw, f"The arguments are not valid JSON: {error}.")
        if not isinstance(arguments, dict):
            return ToolCall(id, call.name, None, raw, "The arguments are not a JSON object.")
        return ToolCall(id, call.name, arguments, raw)


def no_chat_server(host: str, deed: str, hint: str = "") -> ProviderError:
    """The error for an address where something else answers; `deed` says what it did not do."""
    return ProviderError(f"{host} did not {deed}. Is the address right?", hint=hint, retryable=False)


def stream_cut(host: str, detail: str = "") -> StreamCut:
    """The error for an answer that ended before its end marker."""
    return StreamCut(
        f"The answer from {host} broke off.",
        hint="What arrived is kept. Continue, or try again.",
        detail=detail,
    )


def text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text expected")
    return value


def count(holder: Any, *path: str) -> int | None:
    """The number at `path`, or None where there is none: a figure not given is never 0."""
    for name in path:
        holder = holder.get(name) if isinstance(holder, dict) else None
    return holder if isinstance(holder, int) and not isinstance(holder, bool) else None


def joined(pieces: list[ProviderEvent]) -> list[ProviderEvent]:
    """The same pieces with neighbours of one kind made one: fewer steps for everybody after us."""
    result: list[ProviderEvent] = []
    kind: type[TextDelta] | type[ReasoningDelta] | None = None
    texts: list[str] = []
    for piece in pieces:
        if isinstance(piece, TextDelta | ReasoningDelta):
            if kind is not type(piece):
                if kind:
                    result.append(kind("".join(texts)))
                kind, texts = type(piece), []
            texts.append(piece.text)
    if kind:
        result.append(kind("".join(texts)))
    return result
