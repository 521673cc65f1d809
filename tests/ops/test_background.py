from __future__ import annotations

import asyncio

import pytest

from mastra_desktop.ops.background import in_background


def test_what_fails_beside_a_block_does_not_end_it() -> None:
    """The block goes on, and its own errors arrive as themselves."""

    async def work() -> None:
        raise ValueError("beside")

    async def main() -> None:
        async with in_background(work, "failing"):
            await asyncio.sleep(0.05)
            raise KeyError("own")

    with pytest.raises(KeyError, match="own"):
        asyncio.run(main())
