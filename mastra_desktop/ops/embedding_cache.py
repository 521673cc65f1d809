"""Vectors of texts, in the cache: the same text, given to the same embedder, is computed once."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence

from mastra_desktop.ops.cache import Cache

_HEAD = b"\x01f4"  # the version, and 4-byte floats, little-endian, follow


class EmbeddingCache:
    """`embedder_id` names the embedder with everything that changes its vectors: model, version, prefix."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    async def get_many(self, embedder_id: str, texts: Iterable[str]) -> dict[str, array[float]]:
        """The vectors of those texts that have one, as 32-bit floats."""
        keys = {_key(embedder_id, text): text for text in texts}
        kept = await self._cache.get_many(keys)
        vectors = {keys[key]: _unpacked(value) for key, value in kept.items()}
        return {text: vector for text, vector in vectors.items() if vector is not None}

    async def put_many(self, embedder_id: str, vectors: Mapping[str, Sequence[float]]) -> None:
        """Keeps each text's vector, rounded to 32 bits."""
        await self._cache.put_many(
            {_key(embedder_id, text): _packed(vector) for text, vector in vectors.items()}
        )


def _key(embedder_id: str, text: str) -> str:
    hashed = hashlib.sha256(f"{embedder_id}\0{text}".encode("utf-8", "surrogatepass"))
    return f"embedding:{hashed.hexdigest()}"


def _packed(vector: Sequence[float]) -> bytes:
    floats = array("f", vector)
    if sys.byteorder == "big":
        floats.byteswap()
    return _HEAD + floats.tobytes()


def _unpacked(value: bytes) -> array[float] | None:
    """None for what another version wrote."""
    if not value.startswith(_HEAD) or (len(value) - len(_HEAD)) % 4:
        return None
    floats = array("f", value[len(_HEAD) :])
    if sys.byteorder == "big":
        floats.byteswap()
    return floats
