"""Events on the bus: past tense, published after the commit, with ids or one small frozen fact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class ConversationChanged:
    """A conversation was made, renamed, written to, deleted or restored."""

    conversation_id: str


class LocalModelState(StrEnum):
    STOPPED = "stopped"
    LOADING = "loading"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class LocalModelChanged:
    """The built-in model's process changed. `memory_bytes` is its resident memory once it is ready."""

    state: LocalModelState
    name: str = ""
    memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ProvidersChanged:
    """Providers were added, edited or removed in the configuration."""


BusEvent = ConversationChanged | LocalModelChanged | ProvidersChanged
