"""Conversations and messages.

A conversation is a tree: every message but the first names its `parent_id`; messages with the same
parent are siblings (tries of one answer, edits of one prompt). The conversation's `leaf_id` is the tip
of the branch in view; the transcript is the path from the root down to it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Source


class Role(StrEnum):
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"  # a tool's result, in prompts only


class MessageState(StrEnum):
    """A user's message is always `DONE`. An answer is `WRITING` until it settles as one of the others."""

    WRITING = "writing"
    DONE = "done"
    STOPPED = "stopped"  # by the person
    INTERRUPTED = "interrupted"  # the stream ended without its end marker, or the app was killed
    FAILED = "failed"  # an error before any text


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. None where the provider gave no figure, never 0 instead."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """One turn's half. Times are seconds since the epoch, UTC; durations are milliseconds.

    `sources` is what an answer was given from knowledge and cites as [n], only ever in that form;
    `unsupported` are the (start, end) in `text` of sentences that nothing in them seems to back.
    `cached`: the answer came from the cache; nobody was asked, and `usage` is that of the first time.
    """

    id: str
    conversation_id: str
    parent_id: str | None
    role: Role
    text: str
    state: MessageState
    created_at: float
    depth: int = 0  # 0 for the first message of its branch
    model_id: str = ""  # provider-id/model-name; empty for the user's
    reasoning: str = ""
    finish_reason: str = ""
    usage: Usage = field(default_factory=Usage)
    first_token_ms: float | None = None
    total_ms: float | None = None
    error: ErrorInfo | None = None
    sibling_ids: tuple[str, ...] = ()  # oldest first, this one included; () counts as alone
    sources: tuple[Source, ...] = ()
    unsupported: tuple[tuple[int, int], ...] = ()
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """A row of the list. `status` is the state of its newest answer when that is not `done`.

    `knowledge` are the ids of the collections that its answers draw on; some may be gone.
    """

    id: str
    title: str
    created_at: float
    updated_at: float
    model_id: str = ""
    leaf_id: str | None = None
    message_count: int = 0
    status: MessageState | None = None
    draft: str = ""
    knowledge: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message (or a title: `message_id` None) that matches; `marks` are (start, end) in `snippet`."""

    conversation_id: str
    title: str
    message_id: str | None
    snippet: str
    marks: tuple[tuple[int, int], ...]
    created_at: float
