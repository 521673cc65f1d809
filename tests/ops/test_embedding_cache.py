from __future__ import annotations

import asyncio

from mastra_desktop.ops.cache import Cache
from mastra_desktop.ops.embedding_cache import EmbeddingCache


def test_vectors_come_back() -> None:
    """By text and embedder, rounded to 32 bits; another embedder has none of them."""

    async def main() -> None:
        vectors = EmbeddingCache(Cache(max_entries=10, ttl_s=60))
        await vectors.put_many("e5", {"one": [0.5, -1.25], "zwei\ud800": [], "三": (1 / 3, 2.0)})
        found = await vectors.get_many("e5", ["one", "三", "none", "one"])
        assert set(found) == {"one", "三"}
        assert found["one"].tolist() == [0.5, -1.25]
        assert abs(found["三"][0] - 1 / 3) < 1e-7
        assert (await vectors.get_many("e5", ["zwei\ud800"]))["zwei\ud800"].tolist() == []
        assert await vectors.get_many("minilm", ["one"]) == {}

    asyncio.run(main())


def test_what_another_version_wrote_is_a_miss() -> None:
    """A value that is not in our form is computed anew."""

    async def main() -> None:
        cache = Cache(max_entries=10, ttl_s=60)
        vectors = EmbeddingCache(cache)
        await vectors.put_many("e5", {"one": [1.0]})
        [key] = list(cache._memory)
        for other in (b"", b"\x02f4abcd", b"\x01f4abc"):
            await cache.put(key, other)
            assert await vectors.get_many("e5", ["one"]) == {}

    asyncio.run(main())
