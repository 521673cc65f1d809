"""Knowledge: collections, the documents in them, and searching."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, KnowledgeError, MastraError, NotFound
from mastra_desktop.domain.events import CollectionChanged, DocumentChanged, VectorIndexChanged
from mastra_desktop.domain.knowledge import (
    Collection,
    Document,
    DocumentState,
    DocumentText,
    EmbedderInfo,
    SearchFilter,
    SearchMode,
    SearchResult,
)
from mastra_desktop.services.knowledge_files import Added, Adding, OnSameName
from mastra_desktop.services.knowledge_waiting import follow
from mastra_desktop.services.knowledge_watch import FolderWatch
from mastra_desktop.store import documents, knowledge, seen_files

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.services.embedders import Embedders
    from mastra_desktop.services.knowledge_index import MeaningIndex
    from mastra_desktop.services.knowledge_pipeline import Pipeline
    from mastra_desktop.services.knowledge_search import KnowledgeSearch
    from mastra_desktop.store.database import Database


class KnowledgeService:
    """Unknown ids raise NotFound. Adding returns at once; what becomes of each document comes over the bus.

    `pipeline` and `index` are None where another process owns the data home: it can be looked at then,
    not changed.
    """

    def __init__(
        self,
        db: Database,
        bus: Bus,
        embedders: Embedders,
        search: KnowledgeSearch,
        pipeline: Pipeline | None,
        index: MeaningIndex | None,
        audit: AuditService,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._bus = bus
        self._embedders = embedders
        self._search = search
        self._pipeline = pipeline
        self._index = index
        self._audit = audit
        self._clock = clock
        self._started = False
        self._adding = Adding(db, bus, clock)
        self._watch = FolderWatch(db, bus, self._adding)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Work goes on inside, once `start` was called; unfinished documents wait for the next time."""
        if self._pipeline is None:
            yield
            return
        await self._db.write(documents.reset_unfinished)
        async with self._pipeline.running():
            yield

    async def start(self) -> None:
        """Goes on with what waits, watches folders, and probes the index when it should hold something."""
        pipeline = self._owned()
        self._started = True
        pipeline.start()
        collections = await self.collections()
        here = await self._db.read(knowledge.watched_at, self._db.me.place)
        for collection_id, folder in here.items():
            self._watch.begin(collection_id, Path(folder), pipeline)
        if self._index is not None and any(c.embedded for c in collections):
            index = self._index

            async def probe() -> None:
                await index.try_to_catch_up()

            pipeline.keep_running(probe)

    def look_again(self) -> None:
        """Another process may have added something, or left something undone."""
        if self._pipeline is not None and self._started:
            self._pipeline.start()

    # -- collections --------------------------------------------------------------------------------

    async def collections(self) -> list[Collection]:
        return await self._db.read(knowledge.collections)

    async def collection(self, name_or_id: str) -> Collection:
        """By id, else by name. Raises NotFound, naming those that exist."""
        found = {c.id: c for c in await self.collections()}
        if name_or_id in found:
            return found[name_or_id]
        return await self._db.read(knowledge.collection_named, name_or_id)

    async def create_collection(
        self, name: str, *, icon: str = "", description: str = "", embedder_id: str = ""
    ) -> Collection:
        """Raises BadRequest for an empty name or one that is taken."""
        self._owned()
        embedder_id = embedder_id or self._embedders.default_id()
        self._embedders.get(embedder_id)  # raises for one that does not exist
        made = await self._db.write(
            knowledge.create_collection,
            id=uuid.uuid4().hex,
            name=name,
            icon=icon or "book-open",
            description=description.strip(),
            embedder_id=embedder_id,
            now=self._clock(),
        )
        self._bus.publish(CollectionChanged(made.id))
        return made

    async def change_collection(
        self,
        collection_id: str,
        *,
        name: str | None = None,
        icon: str | None = None,
        description: str | None = None,
        embedder_id: str | None = None,
    ) -> Collection:
        """Another embedder indexes all passages again; words stay searchable meanwhile."""
        old = await self._db.read(knowledge.collection, collection_id)
        other = embedder_id if embedder_id != old.embedder_id else None
        if other is not None:
            self._embedders.get(other)  # raises for one that does not exist
        changed = await self._db.write(
            knowledge.change_collection,
            collection_id,
            name=name,
            icon=icon,
            description=description,
        )
        if other is not None:  # last: a name that is taken has changed nothing then
            await self._index_anew(old, other)
            changed = await self._db.read(knowledge.collection, collection_id)
        self._bus.publish(CollectionChanged(collection_id))
        return changed

    async def reindex(self, collection_id: str) -> None:
        """Computes the meaning of every passage again."""
        collection = await self._db.read(knowledge.collection, collection_id)
        await self._index_anew(collection, collection.embedder_id)
        self._bus.publish(CollectionChanged(collection_id))

    async def _index_anew(self, collection: Collection, embedder_id: str) -> None:
        pipeline = self._owned()
        await self._db.write(knowledge.set_embedder, collection.id, embedder_id)
        if self._index is not None:
            await self._index.forget(collection)
        pipeline.start()

    async def remove_collection(self, collection_id: str) -> None:
        """Hides it with its documents; `restore_collection` brings it back for 30 days."""
        self._owned()
        self._watch.end(collection_id)
        await self._db.write(knowledge.delete_collection, collection_id, self._clock())
        self._audit.record("user", "collection.removed", collection_id)
        self._bus.publish(CollectionChanged(collection_id))

    async def restore_collection(self, collection_id: str) -> None:
        pipeline = self._owned()
        restored = await self._db.write(knowledge.restore_collection, collection_id)
        self._bus.publish(CollectionChanged(collection_id))
        pipeline.start()
        if restored.watched:
            here = await self._db.read(knowledge.watched_at, self._db.me.place)
            if folder := here.get(collection_id):
                self._watch.begin(collection_id, Path(folder), pipeline)

    async def pause(self, collection_id: str) -> None:
        """What is being read or embedded at this moment is finished; the rest waits."""
        await self._set_paused(collection_id, True)

    async def resume(self, collection_id: str) -> None:
        await self._set_paused(collection_id, False)

    async def _set_paused(self, collection_id: str, paused: bool) -> None:
        pipeline = self._owned()
        await self._db.write(knowledge.change_collection, collection_id, paused=paused)
        self._bus.publish(CollectionChanged(collection_id))
        pipeline.start()

    async def watch(self, collection_id: str, folder: Path | None) -> None:
        """Keeps the collection in step with `folder`: new and changed files come in, removed ones go.

        None ends that; what was added stays. Raises KnowledgeError when it is no folder.
        """
        pipeline = self._owned()
        if folder is not None and not await asyncio.to_thread(folder.is_dir):
            raise KnowledgeError(f"{folder} is no folder.", hint="Choose a folder that exists.")
        self._watch.end(collection_id)
        watched = _absolute(folder)
        place = self._db.me.place if watched else ""
        await self._db.write(knowledge.change_collection, collection_id, watched=watched, watched_place=place)
        await self._db.write(seen_files.begin_anew, collection_id)
        self._bus.publish(CollectionChanged(collection_id))
        if watched:
            pipeline.start()
            self._watch.begin(collection_id, Path(watched), pipeline)

    async def add_samples(self, folder: Path) -> Collection | None:
        """The collection of a first run: documents that come with the app. None where there is one."""
        if await self.collections():
            return None
        made = await self.create_collection(
            "Getting started", icon="sparkles", description="What Mastra Desktop can do, to try it with."
        )
        await self.add(made.id, [folder])
        return made

    # -- documents ----------------------------------------------------------------------------------

    async def documents(self, collection_id: str) -> list[Document]:
        """The newest first."""
        return await self._db.read(documents.documents, collection_id)

    async def document(self, document_id: str) -> Document:
        return await self._db.read(documents.document, document_id)

    async def document_text(self, document_id: str) -> DocumentText:
        """Its whole text with its passages."""
        return await self._db.read(documents.document_text, document_id)

    async def add(
        self, collection_id: str, paths: Sequence[Path], *, on_same_name: OnSameName = "ask"
    ) -> Added:
        """Queues files, and the files in folders; what was added last goes first.

        A file that was added before is skipped when it is unchanged and replaced when it is not. Another
        file of the same name is a clash: "ask" leaves it out and tells so, "keep_both" adds it under
        another name, "replace" puts it in the other's place.
        """
        pipeline = self._owned()
        added = await self._adding.add(collection_id, paths, on_same_name=on_same_name)
        pipeline.start()
        return added

    async def add_url(self, collection_id: str, url: str) -> Document:
        """Queues a page. Raises BadRequest for what is no web address."""
        pipeline = self._owned()
        document = await self._adding.add_page(collection_id, url.strip())
        pipeline.start()
        return document

    def wait(self, document_ids: Iterable[str], *, patient: bool = True) -> AsyncGenerator[Document]:
        """Yields what becomes of these documents until each is ready or failed; a removed one is left out.

        Not `patient`: raises once all of them wait for an embedder that a person has to mend, such as one
        that refuses its key.
        """
        return follow(self._db, self._bus, document_ids, None if patient else self._hindrance)

    async def _hindrance(self, document: Document) -> MastraError | None:
        if document.state is not DocumentState.EMBEDDING:
            return None
        collection = await self._db.read(knowledge.collection, document.collection_id)
        error = self._embedders.health.error(collection.embedder_id)
        return error if error is not None and not error.retryable else None

    async def cancel(self, document_id: str) -> None:
        """Stops adding it. An earlier version stays."""
        await self.remove(document_id)

    async def retry(self, document_id: str, *, password: str = "") -> None:
        """Reads a failed document again, before the others. The password is kept for this try only."""
        pipeline = self._owned()
        if password:
            pipeline.with_password(document_id, password)
        await self._db.write(documents.retry, document_id, int(self._clock() * 1e6))
        await self._tell(document_id)
        pipeline.start()

    async def retry_failed(self, collection_id: str) -> list[str]:
        """Tries every failed document of a collection again; returns their ids."""
        pipeline = self._owned()
        now = int(self._clock() * 1e6)
        ids = await self._db.write(documents.retry_failed, collection_id, now)
        self._bus.publish(CollectionChanged(collection_id))
        pipeline.start()
        return ids

    async def remove(self, document_id: str) -> None:
        """Hides it at once; `restore` brings it back for 30 days. One of a watched folder stays away until
        its file's content changes."""
        pipeline = self._owned()
        document = await self._db.write(seen_files.remove, document_id, self._clock())
        self._audit.record("user", "document.removed", document_id)
        pipeline.stop_reading(document_id)
        self._bus.publish(CollectionChanged(document.collection_id))

    async def restore(self, document_id: str) -> None:
        pipeline = self._owned()
        await self._db.write(seen_files.restore, document_id)
        await self._tell(document_id)
        pipeline.start()

    async def restore_all(self, removed: Iterable[Document]) -> list[tuple[Document, ErrorInfo]]:
        """Brings back what can be; returns the others with the reason of each."""
        failed = []
        for document in removed:
            try:
                await self.restore(document.id)
            except (BadRequest, NotFound) as error:
                failed.append((document, error.info))
        return failed

    async def _tell(self, document_id: str) -> None:
        document = await self.document(document_id)
        self._bus.publish(DocumentChanged(document))
        self._bus.publish(CollectionChanged(document.collection_id))

    # -- searching ----------------------------------------------------------------------------------

    async def search(
        self,
        collection_ids: Sequence[str],
        query: str,
        *,
        k: int = 10,
        mode: SearchMode = SearchMode.HYBRID,
        filter: SearchFilter | None = None,
    ) -> SearchResult:
        """The best `k` passages of these collections. Raises BadRequest for an empty query."""
        if not query.strip():
            raise BadRequest("There is nothing to search for.", hint="Write some words.")
        known = {c.id: c for c in await self.collections()}
        wanted = [known[i] for i in dict.fromkeys(collection_ids) if i in known]
        if not wanted:
            raise BadRequest("None of these collections exists.", hint="Choose another one.")
        return await self._search.search(
            wanted, query.strip(), k=max(1, min(k, 100)), mode=mode, filter=filter
        )

    def embedders(self) -> tuple[EmbedderInfo, ...]:
        return self._embedders.infos()

    def embedders_away(self) -> dict[str, ErrorInfo]:
        """Embedders of collections that cannot be used for now, and why; EmbedderChanged tells changes."""
        return self._embedders.health.away()

    def index_state(self) -> VectorIndexChanged | None:
        """None where another process owns the index."""
        return self._index.state if self._index is not None else None

    @property
    def index_is_remote(self) -> bool:
        """Whether a server has the index of meanings."""
        return self._index is not None and self._index.is_remote

    async def open_index(self) -> None:
        """Starts the index of meanings and reads from it. Raises KnowledgeError."""
        if self._index is not None:
            await self._index.open()

    async def sizes(self) -> int:
        """Bytes that knowledge takes in the database."""
        return await self._db.read(knowledge.sizes)

    def _owned(self) -> Pipeline:
        if self._pipeline is None:
            raise KnowledgeError(
                "Another Mastra Desktop has this data folder and does the adding.",
                hint="Add documents in its window, or close it first.",
            )
        return self._pipeline


def _absolute(folder: Path | None) -> str:
    return os.path.abspath(folder) if folder is not None else ""
