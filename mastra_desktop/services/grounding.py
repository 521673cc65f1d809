"""An answer's ground in knowledge: what was found for the question, and what the answer makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from mastra_desktop.domain.chat import Message, Role
from mastra_desktop.domain.knowledge import Collection, PassageHit, SearchMode, SearchResult, Source
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.services.citations import Citations, without_citations
from mastra_desktop.services.fencing import (
    MOST_PASSAGES,
    budget_for,
    fence,
    fitting,
    is_small,
    nothing_found,
    search_query,
)
from mastra_desktop.services.support import origin, unsupported

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Found:
    """Sources numbered from 1, best first; none when nothing seems to be about the question."""

    sources: tuple[Source, ...] = ()
    notice: str = ""


class Retriever(Protocol):
    """Finds what a question can be answered from: before an answer, or as an agent's tool."""

    async def search_for(self, collection_ids: Sequence[str], question: str, *, budget: int) -> Found:
        """The best passages, `budget` tokens of them at most. Raises KnowledgeError and its kin."""
        ...


class Knowledge(Protocol):
    """What of `KnowledgeService` is asked here."""

    async def collections(self) -> list[Collection]: ...

    async def search(
        self, collection_ids: Sequence[str], query: str, *, k: int = 10, mode: SearchMode = SearchMode.HYBRID
    ) -> SearchResult: ...


class KnowledgeRetriever:
    """Searches the collections that still exist. Without any of them, nothing is found."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge

    async def search_for(self, collection_ids: Sequence[str], question: str, *, budget: int) -> Found:
        existing = {collection.id for collection in await self._knowledge.collections()}
        ids = [id for id in dict.fromkeys(collection_ids) if id in existing]
        if not ids:
            return Found(notice="The collection that was asked does not exist any more.")
        result = await self._knowledge.search(ids, question, k=MOST_PASSAGES)
        log.info("knowledge searched", hits=len(result.hits), relevant=result.relevant)
        if not result.relevant:
            return Found(notice=result.notice)
        sources = tuple(_source(n, hit) for n, hit in enumerate(result.hits, 1))
        return Found(fitting(sources, budget), result.notice)


class Grounding:
    """What one answer stands on. Takes the answer's text in pieces, as `Citations` does.

    Begins without sources; `found` brings them. `so_far` is the text of an answer that goes on,
    `context_tokens` how much the model reads that is asked first.
    """

    def __init__(self, so_far: str = "", context_tokens: int | None = None) -> None:
        self.budget = budget_for(context_tokens)
        self.small = is_small(context_tokens)
        self.sources: tuple[Source, ...] = ()
        self._so_far = so_far
        self._question = ""
        self._citations = Citations(0)

    def found(self, sources: Sequence[Source]) -> None:
        """The sources that the answer may cite."""
        self.sources = tuple(sources)
        self._citations = Citations(len(sources))
        self._citations.feed(self._so_far)
        self._citations.finish()

    def query(self, history: Sequence[Message]) -> str:
        """What to search for: the last question of `history`."""
        questions = [message.text for message in history if message.role is Role.USER]
        self._question = questions[-1] if questions else ""
        return search_query(self._question, questions[-2] if len(questions) > 1 else "")

    def prompted(self, history: Sequence[Message], context_tokens: int | None) -> list[Message]:
        """The history for a model that reads so many tokens: passages in the last question."""
        last = max((i for i, m in enumerate(history) if m.role is Role.USER), default=-1)
        if last < 0:
            return list(history)
        budget, small = budget_for(context_tokens), is_small(context_tokens)
        text = fence(history[last].text, self.sources, budget, small=small)
        return [*history[:last], replace(history[last], text=text), *history[last + 1 :]]

    @property
    def instead(self) -> str:
        """What is said without asking the model: nothing was found, and it would make something up."""
        return nothing_found(self._question) if self.small and not self.sources else ""

    def feed(self, piece: str) -> str:
        return self._citations.feed(piece)

    def finish(self) -> str:
        return self._citations.finish()

    def closing(self, text: str) -> str:
        """A citation for the end of a short answer that has none, where it is clear what it is from."""
        if self._citations.cited or (n := origin(text, self.sources, self._question)) is None:
            return ""
        self._citations.cited.add(n)
        return f" [{n}]"

    def cited_sources(self) -> tuple[Source, ...]:
        """The sources, with what the answer cites so far."""
        return tuple(replace(s, cited=s.n in self._citations.cited) for s in self.sources)

    def unsupported(self, text: str) -> tuple[tuple[int, int], ...]:
        return unsupported(text, self.sources, self._question)


def plain_history(history: Sequence[Message]) -> list[Message]:
    """Earlier answers without their citations; a last one that is being continued keeps them."""
    earlier = (
        replace(message, text=without_citations(message.text)) if message.sources else message
        for message in history[:-1]
    )
    return [*earlier, *history[-1:]]


def _source(n: int, hit: PassageHit) -> Source:
    passage = hit.passage
    return Source(
        n,
        hit.collection,
        hit.document.name,
        hit.document.id,
        passage.id,
        passage.page,
        passage.start,
        passage.end,
        passage.text,
        hit.score,
        passage.heading,
    )
