"""What a provider streams while it answers, and what a reply streams to whoever asked.

A provider yields any number of `TextDelta`, `ReasoningDelta` and notices, then exactly one `AnswerEnd`,
or raises a `MastraError`. `ChatService` adds `ReplyStarted` before and `ReplyFinished` after.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mastra_desktop.domain.chat import MessageState, Role, Usage
from mastra_desktop.domain.errors import ErrorInfo


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
class AnswerEnd:
    """The provider's end marker. `reason`: stop, length, tool_calls or content_filter."""

    reason: str
    usage: Usage = field(default_factory=Usage)
    model_name: str = ""


ProviderEvent = TextDelta | ReasoningDelta | ModelLoading | RetryScheduled | AnswerEnd


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The prompt is stored and the answer's row exists. `user_message_id` is None for a second try."""

    conversation_id: str
    message_id: str
    model_id: str
    user_message_id: str | None = None
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    error: ErrorInfo


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """Always the last event. `reason` adds stopped, interrupted and error to the provider's reasons."""

    message_id: str
    reason: str
    state: MessageState
    usage: Usage
    model_id: str
    cached: bool
    first_token_ms: float | None
    total_ms: float


ReplyEvent = (
    ReplyStarted | TextDelta | ReasoningDelta | ModelLoading | RetryScheduled | ReplyFailed | ReplyFinished
)


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """One message of the history that goes to a provider."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything that determines an answer. `continue_last`: go on with the assistant message at the end."""

    model_name: str
    messages: tuple[PromptMessage, ...]
    system: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    continue_last: bool = False
