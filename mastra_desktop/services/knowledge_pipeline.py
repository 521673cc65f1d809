"""Documents on their way: read and split in a child process, then given vectors, in two speeds.

Words can be searched as soon as a file is read; meaning follows batch by batch. Every step is a row, so a
process that is killed goes on at the last batch.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import ErrorInfo, KnowledgeError, MastraError, NotFound, describe
from mastra_desktop.domain.events import CollectionChanged, DocumentChanged
from mastra_desktop.domain.knowledge import (
    ENGLISH_EMBEDDER,
    MULTILINGUAL_EMBEDDER,
    Collection,
    Document,
    DocumentState,
)
from mastra_desktop.ops.background import Background
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.services.embedder_health import EmbedderAway
from mastra_desktop.services.embedders import packed
from mastra_desktop.store import document_texts, documents, embeddings, knowledge

if TYPE_CHECKING:
    from mastra_desktop.ingest.read_process import ReadingProcess
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.services.embedders import Embedders
    from mastra_desktop.services.knowledge_index import MeaningIndex
    from mastra_desktop.store.database import Database

READERS = 2  # files read at once, each in a child of its own
BATCH = {MULTILINGUAL_EMBEDDER: 8, ENGLISH_EMBEDDER: 32}  # passages: a few seconds of work is lost at most
REMOTE_BATCH = 64
TRASH_S = 30 * 24 * 3600.0
PROGRESS_S = 0.25  # between two events of one document
BACK_OFF_S = 5.0
INDEX_RETRY_S = 10.0

log = get_logger(__name__)

FetchPage = Callable[[str], Awaitable[tuple[bytes, str, str]]]  # address -> content, its type, final address


class Pipeline:
    """Works while `running` is entered, once `start` was called."""

    def __init__(
        self,
        db: Database,
        bus: Bus,
        embedders: Embedders,
        index: MeaningIndex,
        reading: ReadingProcess,
        fetch_page: FetchPage,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._bus = bus
        self._embedders = embedders
        self._index = index
        self._reading = reading
        self._fetch_page = fetch_page
        self._clock = clock
        self._to_read = asyncio.Event()
        self._to_embed = asyncio.Event()
        embedders.health.on_due = index.on_behind = self._to_embed.set
        self._background = Background()
        self._open = self._started = False
        self._claim = asyncio.Lock()
        self._at_work: dict[str, asyncio.Task[None]] = {}  # what reads a document now
        self._passwords: dict[str, str] = {}  # given with a retry; forgotten once used
        self._told: dict[str, float] = {}
        self._left: list[str] = []  # documents to give back

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Ends what runs on the way out; unfinished documents go on at the next start."""
        self._open = True
        try:
            yield
        finally:
            self._open = False
            await self._background.end()

    def start(self) -> None:
        """Begins, or looks again for something to do. Safe to call any time."""
        if self._open and not self._started:
            self._started = True
            for step in (*[self._read_next] * READERS, self._embed_next):
                self._background.start(partial(self._go_on, step), "documents")
        self._to_read.set()
        self._to_embed.set()

    def keep_running(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None] | None:
        """A task beside, that ends with the pipeline; what it raises is logged."""
        return self._background.start(work, "beside the documents") if self._open else None

    def stop_reading(self, document_id: str) -> None:
        """Ends the child that reads it, if one does."""
        if task := self._at_work.get(document_id):
            task.cancel()

    def with_password(self, document_id: str, password: str) -> None:
        """For the next try to read it; kept in memory only."""
        self._passwords[document_id] = password

    async def _go_on(self, step: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await step()
            except MastraError as error:  # a full disk, a database that is away: it comes back by itself
                log.warning("adding documents waits", message=error.message, detail=error.detail)
                await asyncio.sleep(BACK_OFF_S)
            except Exception:
                log.exception("adding documents failed by a bug")
                await asyncio.sleep(BACK_OFF_S)

    # -- reading ------------------------------------------------------------------------------------

    async def _read_next(self) -> None:
        while self._left:
            await self._give_back(self._left.pop())
        async with self._claim:  # two readers never take the same document
            self._to_read.clear()  # before the look: what is added during it is not missed
            job = await self._db.read(documents.next_job, self._db.me)
            if job is not None:
                job = await self._db.write(documents.take_job, self._db.me)
        if job is None:
            await self._to_read.wait()
            return
        self._to_read.set()  # there may be more, for the other one
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(self._read(job))
                self._at_work[job.id] = task
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        finally:
            self._at_work.pop(job.id, None)
            self._told.pop(job.id, None)
            self._left.append(job.id)
        self._to_embed.set()

    async def _give_back(self, document_id: str) -> None:
        """When the database is away it is tried anew: the document waits, half read, until that is done."""
        try:
            await self._db.write(documents.give_back, self._db.me, document_id)
        except MastraError:
            self._left.append(document_id)
            raise

    async def _read(self, job: Document) -> None:
        """One document from queued to searchable by words, or failed. Cancelled: somebody removed it."""

        def progress(state: str, done: int, of: int) -> None:
            self._tell(replace(job, state=DocumentState(state), done=done, of=of))

        self._tell(replace(job, state=DocumentState.READING), at_once=True)
        try:
            collection = await self._db.read(knowledge.collection, job.collection_id)
            tokenizer = collection.embedder_id
            if tokenizer not in (MULTILINGUAL_EMBEDDER, ENGLISH_EMBEDDER):
                tokenizer = MULTILINGUAL_EMBEDDER if self._has_multilingual() else ENGLISH_EMBEDDER
            password = self._passwords.pop(job.id, "")
            async with self._file_of(job) as path:
                read, spans = await self._reading.read(
                    path, tokenizer=tokenizer, password=password, on_progress=progress
                )
            await document_texts.store_long_text(self._db, job.id, read=read, spans=spans, now=self._clock())
        except MastraError as error:
            if error.code == "storage":
                raise
            if not isinstance(error, NotFound):  # else it was removed meanwhile
                await self._fail(job, error.info)
            return
        except Exception as error:  # a bug fails this document only
            log.exception("a document could not be read", document_id=job.id)
            await self._fail(job, describe(error))
            return
        await self._tell_stored(job.id)

    @asynccontextmanager
    async def _file_of(self, job: Document) -> AsyncGenerator[Path]:
        """The document as a file; a page is fetched into one that goes afterwards."""
        if not job.source.startswith(("http://", "https://")):
            yield Path(job.source)
            return
        content, content_type, _ = await self._fetch_page(job.source)
        suffix = (
            ".pdf" if "pdf" in content_type else ".txt" if content_type.startswith("text/plain") else ".html"
        )
        with tempfile.TemporaryDirectory(prefix="mastra-page-") as folder:
            path = Path(folder) / f"page{suffix}"
            await asyncio.to_thread(path.write_bytes, content)
            yield path

    def _has_multilingual(self) -> bool:
        return self._embedders.default_id() == MULTILINGUAL_EMBEDDER

    async def _fail(self, job: Document, error: ErrorInfo) -> None:
        await self._db.write(documents.fail, job.id, error)
        await self._tell_stored(job.id)

    # -- meaning ------------------------------------------------------------------------------------

    async def _embed_next(self) -> None:
        self._to_embed.clear()  # before the look: what is read during it is not missed
        rests = self._embedders.health.rests()
        job = await self._db.read(documents.next_embedding, self._db.me, besides=rests)
        if job is None:
            await self._wait_for_work()
            return
        if not await self._db.write(documents.take, self._db.me, job.id):
            return  # another computer was faster
        try:
            await self._embed(job)
        except NotFound:
            if await self._exists(job):
                raise
        finally:
            with suppress(MastraError):  # it is this process's turn again then, once the database is back
                await self._db.write(documents.give_back, self._db.me, job.id)

    async def _wait_for_work(self) -> None:
        """Tidies up, and tries those embedders again that were away: a window says so until they are back."""
        while await self._db.write(knowledge.purge_deleted, self._clock() - TRASH_S):
            pass
        health = self._embedders.health
        for embedder_id in health.due():
            await self._embedders.try_out(embedder_id)
        in_step = await self._index.try_to_catch_up(only_if_behind=True)
        waits = [*health.rests().values(), *([] if in_step else [INDEX_RETRY_S])]
        with suppress(TimeoutError):
            await asyncio.wait_for(self._to_embed.wait(), min(waits, default=None))

    async def _embed(self, job: Document) -> None:
        """The next batch of a document. It waits while its embedder is away, and fails for its own faults."""
        collection = await self._db.read(knowledge.collection, job.collection_id)
        try:
            await self._embed_batch(job, collection)
        except EmbedderAway as error:
            log.info("a document waits for its embedder", document_id=job.id, message=error.message)
        except MastraError as error:
            if error.code == "storage" or not await self._exists(job):
                raise
            await self._fail(job, error.info)
        except Exception as error:  # a bug, or an answer nobody expects: fails this document only
            log.exception("a document could not be embedded", document_id=job.id)
            await self._fail(job, describe(error))

    async def _exists(self, job: Document) -> bool:
        try:
            await self._db.read(documents.document, job.id)
        except NotFound:
            return False
        return True

    async def _embed_batch(self, job: Document, collection: Collection) -> None:
        size = BATCH.get(collection.embedder_id, REMOTE_BATCH)
        passages = await self._db.read(embeddings.pending_passages, job.id, size)
        if passages:
            texts = [passage.text for passage in passages]
            vectors = await self._embedders.passages(collection.embedder_id, texts)
            lengths = {len(vector) for vector in vectors}
            if lengths != {collection.dimension or len(vectors[0])}:
                raise KnowledgeError(
                    f"The embedding model now gives vectors of another length ({max(lengths)}).",
                    hint="Index the collection again.",
                )
            rows = [(p.id, packed(v)) for p, v in zip(passages, vectors, strict=True)]
            made_by = collection.embedder_id
            job = await self._db.write(embeddings.store_vectors, job.id, rows, made_by=made_by)
            self._tell(job)
        if job.done >= job.of:
            await self._index.try_to_catch_up()
            await self._db.write(embeddings.finish, job.id, self._clock())
            await self._tell_stored(job.id)

    # -- telling ------------------------------------------------------------------------------------

    def _tell(self, document: Document, *, at_once: bool = False) -> None:
        now = time.monotonic()
        if at_once or now - self._told.get(document.id, 0.0) >= PROGRESS_S:
            self._told[document.id] = now
            self._bus.publish(DocumentChanged(document))

    async def _tell_stored(self, document_id: str) -> None:
        self._told.pop(document_id, None)
        try:
            document = await self._db.read(documents.document, document_id)
        except MastraError:  # removed meanwhile
            return
        self._bus.publish(DocumentChanged(document))
        self._bus.publish(CollectionChanged(document.collection_id))
