"""What the window asks of the core when it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mastra_desktop.core import Core


async def what_was_interrupted(core: Core) -> tuple[int, int]:
    """Answers that a crash cut off, and documents that were being added, which go on now."""
    return core.interrupted, sum(c.adding for c in await core.knowledge.collections() if not c.paused)


async def start_background(core: Core) -> None:
    """What may begin once the chats can be seen."""
    await core.knowledge.start()
    await core.api.follow()


async def add_samples(core: Core) -> None:
    """The documents of a first run."""
    await core.knowledge.add_samples(core.paths.resources / "samples")
