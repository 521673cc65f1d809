"""What a provider streams while it answers, and what a reply streams to whoever asked.

A provider yields any number of `TextDelta`, `ReasoningDelta` and notices, then the answer's `ToolCall`s
and exactly one `AnswerEnd`, or raises a `MastraError`: an answer that breaks off never calls a tool.
`ChatService` adds `ReplyStarted` before and `ReplyFinished` after. An answer from knowledge has `Searching`
and `SourcesFound` between its start and its first text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mastra_desktop.domain.chat import MessageState, Role, Usage
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Source


@dataclass(slots=True)
class TextDelta:
    text: str


@dataclass(slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ModelLoading:
    """The built-in model is being loaded; `name` is what the person sees."""

    name: str


@dataclass(frozen=True, slots=True)
class RetryScheduled:
    """A try failed before any text; the next one starts in `wait_s` seconds."""

    attempt: int
    of: int
    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """The request goes out in about `wait_s` seconds: our own limit, or a provider that asked for rest.

    0 is not known: it waits for the end of another one.
    """

    wait_s: float
    reason: str


@dataclass(frozen=True, slots=True)
class FallbackTaken:
    """The model `from_id` failed before any text, and `to_id` is asked instead (provider/model)."""

    from_id: str
    to_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model asks for a tool. `raw` is what it wrote as arguments.

    `arguments` is None when that is no JSON object; `error` then says so, in words for the model: the
    call is not run, and the error is its result.
    """

    id: str
    name: str
    arguments: dict[str, Any] | None
    raw: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class AnswerEnd:
    """The provider's end marker. `reason`: stop, length, tool_calls or content_filter.

    `carry` is what the vendor wants back unchanged with the tools' results (signed thoughts and the
    like): it goes into `PromptMessage.carry` of this answer, and nobody else reads it. `cached`: nobody
    was asked, and `usage` is that of the first time.
    """

    reason: str
    usage: Usage = field(default_factory=Usage)
    model_name: str = ""
    carry: str = field(default="", repr=False)
    cached: bool = False


ProviderEvent = TextDelta | ReasoningDelta | ToolCall | ModelLoading | RetryScheduled | Waiting | AnswerEnd


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, for those who do not want it in pieces."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    end: AnswerEnd


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The prompt is stored and the answer's row exists. `user_message_id` is None for a second try."""

    conversation_id: str
    message_id: str
    model_id: str
    user_message_id: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Searching:
    """Knowledge is searched, before the model is asked."""

    collection_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SourcesFound:
    """What the model is given to answer from, best first; nothing when nothing seems to be about it.

    `notice` says what the search had to do without (for one, the index of meanings), else it is empty.
    """

    sources: tuple[Source, ...]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """Always the last event. `reason` adds stopped, interrupted and error to the provider's reasons.

    `sources` are those of `SourcesFound`, now with what the answer cites; `unsupported` are the (start, end)
    in the answer's text of sentences that nothing in the sources seems to back.
    """

    message_id: str
    reason: str
    state: MessageState
    usage: Usage
    model_id: str
    cached: bool
    first_token_ms: float | None
    total_ms: float
    sources: tuple[Source, ...] = ()
    unsupported: tuple[tuple[int, int], ...] = ()


ReplyEvent = (
    ReplyStarted
    | Searching
    | SourcesFound
    | TextDelta
    | ReasoningDelta
    | ToolCall
    | ModelLoading
    | RetryScheduled
    | Waiting
    | FallbackTaken
    | ReplyFailed
    | ReplyFinished
)


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool the model may ask for. `parameters` is the JSON schema of its arguments, an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Image:
    """A picture for the model. `media_type` like image/png."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the history that goes to a provider.

    `images` go with the person's messages, `tool_calls`, `reasoning` and `carry` with an answer. Role
    TOOL is the result of the call `call_id`, in `text`.
    """

    role: Role
    text: str
    images: tuple[Image, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    call_id: str = ""
    is_error: bool = False
    reasoning: str = ""
    carry: str = ""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that determines an answer. `continue_last`: go on with the assistant message at the end.

    `tool_choice`: auto, none, required, or the name of the one tool to call. `response_schema`: the answer
    is to be one JSON object of this schema. `reasoning_effort`: low, medium, high; empty leaves it to the
    model.
    """

    model_name: str
    messages: tuple[PromptMessage, ...]
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    continue_last: bool = False
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: str = "auto"
    response_schema: Mapping[str, Any] | None = None
    reasoning_effort: str = ""
