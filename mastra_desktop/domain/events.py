"""Events on the bus: past tense, published after the commit, with ids or one small frozen fact."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Document


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


@dataclass(frozen=True, slots=True)
class ConfigChanged:
    """`config.toml` was changed on disk and is in use, but for the keys in `restart`, which wait for one."""

    sections: tuple[str, ...]
    restart: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigRefused:
    """`config.toml` was changed on disk and has a mistake, told with file, line and key: the last good one
    stays in use."""

    message: str


@dataclass(frozen=True, slots=True)
class KeysLocked:
    """A key was looked for and the file of keys is locked. Published once, until the app starts again."""


class ProviderState(StrEnum):
    CLOSED = "closed"  # it is asked
    OPEN = "open"  # it failed too often and is left alone
    HALF_OPEN = "half-open"  # the next request tries whether it works again
    COOLING = "cooling"  # it asked for fewer requests


@dataclass(frozen=True, slots=True)
class ProviderHealthChanged:
    """Whether a provider is asked now. `until` (seconds since 1970): after that the state is over by
    itself, without a further event; open becomes half-open, cooling becomes closed."""

    provider_id: str
    state: ProviderState
    until: float | None


@dataclass(frozen=True, slots=True)
class CollectionChanged:
    """A collection was made, edited, removed or restored, or its documents or counts changed."""

    collection_id: str


@dataclass(frozen=True, slots=True)
class DocumentChanged:
    """A document was added or went on; at most a few per second and document. Gone when removed."""

    document: Document


class VectorIndexState(StrEnum):
    CLOSED = "closed"  # not opened yet, or closed
    READY = "ready"
    REBUILDING = "rebuilding"  # from the database; meanwhile words only
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class VectorIndexChanged:
    """The index of meanings. `detail` is a sentence for the person; empty when all is well."""

    state: VectorIndexState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class EmbedderChanged:
    """An embedder cannot be used for now, because of `error`; None: it works again."""

    embedder_id: str
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class BackupsChanged:
    """A backup was made, or old ones were thinned."""


@dataclass(frozen=True, slots=True)
class ApiChanged:
    """The HTTP API began to listen at `url`, or no longer does (""). `problem`: what keeps it from that."""

    url: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class WorkFailed:
    """Something that the app does by itself did not go well; `what`: backup, ..."""

    what: str
    error: ErrorInfo


BusEvent = (
    ConversationChanged
    | LocalModelChanged
    | ProvidersChanged
    | ConfigChanged
    | ConfigRefused
    | KeysLocked
    | ProviderHealthChanged
    | CollectionChanged
    | DocumentChanged
    | VectorIndexChanged
    | EmbedderChanged
    | BackupsChanged
    | ApiChanged
    | WorkFailed
)
