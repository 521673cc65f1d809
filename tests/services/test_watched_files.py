"""Watched folders: what is read at a change, and what a person took out of one."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.core import Core
from mastra_desktop.domain.knowledge import ENGLISH_EMBEDDER, Collection
from mastra_desktop.ops.bus import Bus
from mastra_desktop.services import knowledge_files
from mastra_desktop.services.knowledge_files import Adding
from mastra_desktop.store import documents, knowledge, seen_files
from mastra_desktop.store.database import Database
from tests.cores import core_over

OLD_S = 100.0


class Folder:
    """Files of some age, as most are; `read` are those whose content was hashed since `forget`."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path.mkdir()
        self.path = path
        self.read: list[str] = []
        # A file's change time cannot be set: what counts as fresh is moved instead.
        monkeypatch.setattr(knowledge_files, "_FRESH_NS", -(10**18))
        digest = hashlib.file_digest

        def counted(file: Any, name: str) -> Any:
            self.read.append(Path(file.name).name)
            return digest(file, name)

        monkeypatch.setattr(hashlib, "file_digest", counted)

    def write(self, name: str, text: str) -> Path:
        file = self.path / name
        file.write_text(text)
        os.utime(file, (time.time() - OLD_S,) * 2)
        return file


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    return Folder(tmp_path / "notes", monkeypatch)


async def looked(adding: Adding, folder: Folder) -> tuple[list[str], list[str]]:
    """(names queued, names read) of one look at the folder."""
    folder.read.clear()
    found = await adding.add("c", [folder.path], on_same_name="keep_both", by_hand=False)
    return sorted(d.name for d in found.documents), sorted(folder.read)


async def opened(path: Path) -> tuple[Database, Adding]:
    db = await Database.open(f"sqlite:///{path}")
    return db, Adding(db, Bus(), time.time)


async def make_collection(db: Database, watched: Path) -> None:
    await db.write(
        knowledge.create_collection,
        id="c",
        name="Notes",
        icon="folder",
        description="",
        embedder_id=ENGLISH_EMBEDDER,
        now=1.0,
    )
    await db.write(knowledge.change_collection, "c", watched=str(watched))


def test_only_what_changed_is_read(tmp_path: Path, folder: Folder) -> None:
    """At a change, and after a restart, files that were not written to are not read again, copies included."""

    async def main() -> None:
        db, adding = await opened(tmp_path / "mastra.db")
        try:
            await make_collection(db, folder.path)
            for name in "abc":
                folder.write(f"{name}.md", f"text {name}")
            folder.write("copy.md", "text a")
            assert await looked(adding, folder) == (
                ["a.md", "b.md", "c.md"],
                ["a.md", "b.md", "c.md", "copy.md"],
            )
            assert await looked(adding, folder) == ([], [])
            folder.write("b.md", "text B")  # as long as before
            folder.write("new.md", "text new")
            assert await looked(adding, folder) == (["b.md", "new.md"], ["b.md", "new.md"])
        finally:
            await db.close()
        db, adding = await opened(tmp_path / "mastra.db")
        try:
            assert await looked(adding, folder) == ([], [])
            (folder.path / "a.md").unlink()
            (gone,) = [d for d in await db.read(documents.documents, "c") if d.name == "a.md"]
            await db.write(documents.delete_document, gone.id, 5.0)
            assert await looked(adding, folder) == (["copy.md"], [])  # no copy any more, and known already
            folder.write("a.md", "text a")
            assert await looked(adding, folder) == ([], ["a.md"])
        finally:
            await db.close()

    asyncio.run(main())


def test_a_fresh_file_is_read_again(tmp_path: Path, folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written within the last seconds may be written to once more within the clock's step."""
    monkeypatch.setattr(knowledge_files, "_FRESH_NS", 3 * 10**9)

    async def main() -> None:
        db, adding = await opened(tmp_path / "mastra.db")
        try:
            await make_collection(db, folder.path)
            (folder.path / "a.md").write_text("text")
            assert await looked(adding, folder) == (["a.md"], ["a.md"])
            assert await looked(adding, folder) == ([], ["a.md"])
        finally:
            await db.close()

    asyncio.run(main())


def test_what_was_removed_stays_away(tmp_path: Path, folder: Folder) -> None:
    """Under another name too, until its content changes, it is added by hand, or the removal is undone."""

    async def main() -> None:
        db, adding = await opened(tmp_path / "mastra.db")
        try:
            await make_collection(db, folder.path)
            file = folder.write("a.md", "text a")
            await looked(adding, folder)
            (first,) = await db.read(documents.documents, "c")
            await db.write(seen_files.remove, first.id, 5.0)
            assert await looked(adding, folder) == ([], [])
            file.rename(folder.path / "b.md")
            assert (await looked(adding, folder))[0] == []
            folder.write("b.md", "another text")
            assert (await looked(adding, folder))[0] == ["b.md"]
            (second,) = await db.read(documents.documents, "c")
            await db.write(seen_files.remove, second.id, 6.0)
            assert (await looked(adding, folder))[0] == []
            await db.write(seen_files.restore, second.id)
            await db.write(documents.delete_document, second.id, 7.0)  # not by hand: its file was gone
            assert (await looked(adding, folder))[0] == ["b.md"]
            (third,) = await db.read(documents.documents, "c")
            await db.write(seen_files.remove, third.id, 8.0)
            found = await adding.add("c", [folder.path], on_same_name="ask")
            assert [d.name for d in found.documents] == ["b.md"]
            assert (await looked(adding, folder))[0] == []
            assert len(await db.read(documents.documents, "c")) == 1
        finally:
            await db.close()

    asyncio.run(main())


@pytest.mark.slow
def test_removed_in_a_watched_collection(tmp_path: Path) -> None:
    """Other files come and go; the removed one stays away, also after a restart; Undo brings it back."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for name in ("one.md", "two.md"):
        (folder / name).write_text(f"# {name}\n\nA water sample of {name}.\n")
    home = tmp_path / "home"
    home.mkdir()

    async def until(core: Core, collection: Collection, *names: str) -> None:
        async with asyncio.timeout(20):
            while {  # noqa: ASYNC110 - another process's files
                d.name for d in await core.knowledge.documents(collection.id)
            } != set(names):
                await asyncio.sleep(0.1)

    async def main() -> None:
        async with core_over(home) as core:
            collection = await core.knowledge.create_collection("Notes", embedder_id=ENGLISH_EMBEDDER)
            await core.knowledge.watch(collection.id, folder)
            await until(core, collection, "one.md", "two.md")
            (one,) = [d for d in await core.knowledge.documents(collection.id) if d.name == "one.md"]
            await core.knowledge.remove(one.id)
            (folder / "three.md").write_text("# Three\n\nAnother one.\n")
            await until(core, collection, "two.md", "three.md")
        async with core_over(home) as core:
            await core.knowledge.start()
            (folder / "four.md").write_text("# Four\n\nAnother one still.\n")
            await until(core, collection, "two.md", "three.md", "four.md")
            await core.knowledge.restore(one.id)
            await until(core, collection, "one.md", "two.md", "three.md", "four.md")

    asyncio.run(main())
