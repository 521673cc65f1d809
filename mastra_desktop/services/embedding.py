"""Vectors of texts, for whoever asks."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from mastra_desktop.domain.errors import BadRequest
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, EmbedderInfo
from mastra_desktop.domain.models import LOCAL_MODEL_ID

if TYPE_CHECKING:
    from mastra_desktop.services.embedders import Embedders

    Vector: TypeAlias = "array[float]"

BUILTIN = (MULTILINGUAL_EMBEDDER, ENGLISH_EMBEDDER)


@dataclass(frozen=True, slots=True)
class Embedded:
    """One vector for each text. `tokens` of all of them; None where the embedder does not count."""

    embedder_id: str
    vectors: tuple[Vector, ...]
    tokens: int | None


class EmbeddingService:
    """Embeds with a built-in embedder, or with a provider's model."""

    def __init__(self, embedders: Embedders, resources: Path) -> None:
        self._embedders = embedders
        self._resources = resources
        self._counters: dict[str, Callable[[str], int]] = {}

    def infos(self) -> tuple[EmbedderInfo, ...]:
        """The built-in ones."""
        return self._embedders.infos()

    async def embed(
        self, embedder_id: str, texts: Sequence[str], *, query: bool = False, dimension: int | None = None
    ) -> Embedded:
        """`local/default` is the best built-in one. `query`: texts are looked for, not looked through.

        Raises NotFound for an unknown embedder, KnowledgeError when it fails, BadRequest for a `dimension`
        that is not the embedder's.
        """
        if embedder_id == LOCAL_MODEL_ID:
            embedder_id = self._embedders.default_id()
        embedder = self._embedders.get(embedder_id)
        if query:
            vectors = [await self._embedders.query(embedder_id, text) for text in texts]
        else:
            vectors = await embedder.embed_passages(texts)
        if dimension is not None and any(len(vector) != dimension for vector in vectors):
            raise BadRequest(f"{embedder_id} makes vectors of {len(vectors[0])} numbers, not {dimension}.")
        tokens = await asyncio.to_thread(self._count, embedder_id, texts) if embedder_id in BUILTIN else None
        return Embedded(embedder_id, tuple(vectors), tokens)

    def _count(self, embedder_id: str, texts: Sequence[str]) -> int:
        count = self._counters.get(embedder_id)
        if count is None:
            from mastra_desktop.ingest.tokenizers import token_counter

            count = self._counters[embedder_id] = token_counter(embedder_id, self._resources)
        return sum(count(text) for text in texts)
