"""Who turns texts into vectors, by embedder id: the built-in ones, or a model of a configured provider.

General on purpose: knowledge uses it now, and whatever else compares meanings can.
"""

from __future__ import annotations

import asyncio
import sys
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast

from mastra_desktop.domain.errors import BadRequest, KnowledgeError, MastraError, ProviderTimeout
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, MULTILINGUAL_EMBEDDER, EmbedderInfo
from mastra_desktop.providers.builtin_embedder import BuiltinEmbedder, available_embedders
from mastra_desktop.services.embedder_health import EmbedderAway, holds_back

if TYPE_CHECKING:
    from mastra_desktop.ops.embedding_cache import EmbeddingCache
    from mastra_desktop.providers import base
    from mastra_desktop.providers.registry import Registry
    from mastra_desktop.services.embedder_health import EmbedderHealth

TRY_S = 10.0

Vector: TypeAlias = "array[float]"  # 3.11 cannot subscript it at run time


class Embedder(Protocol):
    """Vectors of 32-bit floats, all of one length. `version` names everything that changes them."""

    @property
    def version(self) -> str: ...

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]: ...

    async def embed_query(self, text: str) -> Vector: ...


class RemoteEmbedder:
    """A provider's embedding model; each text is sent to it."""

    def __init__(self, provider: base.Embedder, model_name: str, embedder_id: str) -> None:
        self._provider = provider
        self._model_name = model_name
        self.version = embedder_id

    async def embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        vectors = await self._provider.embeddings(texts, self._model_name)
        return [array("f", vector) for vector in vectors]

    async def embed_query(self, text: str) -> Vector:
        return (await self.embed_passages([text]))[0]


class Embedders:
    """Finds an embedder by id; the built-in ones are one process each, started when first used.

    `health` hears how those of collections do, of documents and of questions.
    """

    def __init__(
        self, resources: Path, registry: Registry, cache: EmbeddingCache, health: EmbedderHealth
    ) -> None:
        self._resources = resources
        self._registry = registry
        self._cache = cache
        self.health = health
        self._builtin: dict[str, BuiltinEmbedder] = {}

    def get(self, embedder_id: str) -> Embedder:
        """Raises KnowledgeError for a built-in one that is not installed, BadRequest or NotFound for one
        that does not exist."""
        if embedder_id in self._builtin:
            return self._builtin[embedder_id]
        if embedder_id in (MULTILINGUAL_EMBEDDER, ENGLISH_EMBEDDER):
            if not any(info.id == embedder_id and info.installed for info in available_embedders()):
                raise KnowledgeError(
                    "This embedding model does not run on this computer.",
                    hint="Choose another one for the collection.",
                    detail=embedder_id,
                )
            made = BuiltinEmbedder(self._resources, embedder_id=embedder_id)
            self._builtin[embedder_id] = made
            return made
        provider, model_name = self._registry.resolve(embedder_id)
        if not hasattr(provider, "embeddings"):
            raise BadRequest(f"{provider.id} offers no embeddings.", hint="Choose another provider for them.")
        return RemoteEmbedder(cast("base.Embedder", provider), model_name, embedder_id)

    async def passages(self, embedder_id: str, texts: Sequence[str]) -> list[Vector]:
        """The vectors of passages of a collection.

        Raises EmbedderAway, which `health` knows more about, and a MastraError when it is these texts that
        it refuses.
        """
        if self.health.error(embedder_id) is not None and not await self.try_out(embedder_id):
            raise EmbedderAway("The embedding model is still away.")
        try:
            vectors = await self.get(embedder_id).embed_passages(texts)
        except MastraError as error:
            if holds_back(error):
                self.health.failed(embedder_id, error)
            elif await self.try_out(embedder_id):
                raise
            raise EmbedderAway(error.message) from error
        self.health.works(embedder_id)
        return vectors

    async def try_out(self, embedder_id: str) -> bool:
        """Asks for the vector of a word, for 10 s at most: others wait meanwhile. Whether it answered."""
        try:
            async with asyncio.timeout(TRY_S):
                await self.get(embedder_id).embed_query("health")
        except TimeoutError:
            late = ProviderTimeout(f"{embedder_id} did not answer within {TRY_S:.0f} s.")
            self.health.failed(embedder_id, self.health.error(embedder_id) or late)
            return False
        except MastraError as error:
            self.health.failed(embedder_id, error)
            return False
        self.health.works(embedder_id)
        return True

    async def question(self, embedder_id: str, text: str) -> Vector:
        """As `query`, for a search in collections: what becomes of it is told to `health`."""
        try:
            vector = await self.query(embedder_id, text)
        except MastraError as error:
            if holds_back(error):
                self.health.failed(embedder_id, error)
            raise
        self.health.works(embedder_id)
        return vector

    async def query(self, embedder_id: str, text: str) -> Vector:
        """The vector of what a person asked; the same question is computed once."""
        embedder = self.get(embedder_id)
        key = f"query {embedder.version}"
        found = await self._cache.get_many(key, [text])
        if text not in found:
            found = {text: await embedder.embed_query(text)}
            await self._cache.put_many(key, found)
        return found[text]

    def default_id(self) -> str:
        """The best built-in one that runs here."""
        return next((info.id for info in available_embedders() if info.installed), ENGLISH_EMBEDDER)

    def infos(self) -> tuple[EmbedderInfo, ...]:
        return available_embedders()

    def memory_bytes(self) -> int:
        """Of the embedders' processes together."""
        return sum(embedder.memory_bytes() or 0 for embedder in self._builtin.values())

    async def aclose(self) -> None:
        for embedder in self._builtin.values():
            await embedder.aclose()


def packed(vector: Vector) -> bytes:
    """As it is stored: 4-byte floats, little-endian."""
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return vector.tobytes()
