"""Adds a folder to a collection until everything is ready: `python -m tests.e2e.adding_script HOME FOLDER`.

Prints a line when work begins and one when it is done. A later run goes on where an earlier one was killed.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from mastra_desktop.core import Core
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER
from tests.cores import core_over


async def add(core: Core, folder: Path) -> None:
    found = await core.knowledge.collections()
    collection = (
        found[0] if found else await core.knowledge.create_collection("Papers", embedder_id=ENGLISH_EMBEDDER)
    )
    await core.knowledge.add(collection.id, [folder])
    await core.knowledge.start()
    print("begun", flush=True)
    ids = [document.id for document in await core.knowledge.documents(collection.id)]
    async for _ in core.knowledge.wait(ids):
        pass
    print("done", flush=True)


async def main(home: Path, folder: Path) -> None:
    async with core_over(home) as core:
        await add(core, folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
