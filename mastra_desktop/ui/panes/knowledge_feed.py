"""What the pane hears and asks of knowledge: events gathered, counts read at most a few times a second."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.events import (
    CollectionChanged,
    DocumentChanged,
    EmbedderChanged,
    VectorIndexChanged,
)
from mastra_desktop.domain.knowledge import Collection, Document, EmbedderInfo

if TYPE_CHECKING:
    from mastra_desktop.core import Core

KnowledgeEvent = DocumentChanged | CollectionChanged | VectorIndexChanged | EmbedderChanged

GATHER_MS = 60  # events are shown together
COUNTS_MS = 300  # the list of collections is read again at most this often
RELOAD_MS = 800  # the documents too, after a change that named none of them


@dataclass(frozen=True, slots=True)
class Overview:
    """What the pane asks first. `size_bytes` is what the index takes, `away` the embedders that are away."""

    collections: Sequence[Collection]
    embedders: Sequence[EmbedderInfo]
    index: VectorIndexChanged | None
    size_bytes: int
    away: Mapping[str, ErrorInfo]


async def read_overview(core: Core) -> Overview:
    knowledge = core.knowledge
    collections = await knowledge.collections()
    size_bytes = await knowledge.sizes()
    embedders, away = knowledge.embedders(), knowledge.embedders_away()
    return Overview(collections, embedders, knowledge.index_state(), size_bytes, away)


async def read_counts(core: Core) -> tuple[Sequence[Collection], int]:
    """The collections, and what the index takes in bytes."""
    return await core.knowledge.collections(), await core.knowledge.sizes()


class KnowledgeFeed(QObject):
    """Turns many events into few: each document's latest state, and what has to be read again."""

    documents_changed = Signal(list)  # Documents, of any collection
    counts_stale = Signal()
    documents_stale = Signal()  # of the collection in view, `current`
    index_changed = Signal(object)
    away_changed = Signal(object)  # embedder id -> ErrorInfo, of all that cannot be used

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.current = ""
        self._documents: dict[str, Document] = {}
        self._away: dict[str, ErrorInfo] = {}
        self._gather = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._gather.timeout.connect(self._hand_over)
        self._counts = QTimer(self, singleShot=True, interval=COUNTS_MS)
        self._counts.timeout.connect(self.counts_stale)
        self._reload = QTimer(self, singleShot=True, interval=RELOAD_MS)
        self._reload.timeout.connect(self.documents_stale)

    def heard(self, event: KnowledgeEvent) -> None:
        match event:
            case DocumentChanged():
                self._documents[event.document.id] = event.document
                _begin(self._gather)
            case CollectionChanged():
                named = any(d.collection_id == event.collection_id for d in self._documents.values())
                if event.collection_id == self.current and not named:
                    _begin(self._reload)
                _begin(self._counts)
            case VectorIndexChanged():
                self.index_changed.emit(event)
            case EmbedderChanged():
                self._away.pop(event.embedder_id, None)
                if event.error is not None:
                    self._away[event.embedder_id] = event.error
                self.away_changed.emit(dict(self._away))

    def know_away(self, away: Mapping[str, ErrorInfo]) -> None:
        """What was read of the embedders; events go on from there."""
        self._away = dict(away)
        self.away_changed.emit(away)

    def counts_are_stale(self) -> None:
        """Something was done here: the counts follow soon."""
        _begin(self._counts)

    def _hand_over(self) -> None:
        documents, self._documents = list(self._documents.values()), {}
        self.documents_changed.emit(documents)


def _begin(timer: QTimer) -> None:
    """A timer that runs is left alone: what goes on all the time is shown all the time."""
    if not timer.isActive():
        timer.start()
