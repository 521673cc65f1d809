"""Files on their way in: folders walked, unchanged files skipped, changed ones replaced, clashes told."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urldefrag, urlsplit

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, KnowledgeError
from mastra_desktop.domain.events import CollectionChanged, DocumentChanged
from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.store import documents, knowledge

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.store.database import Database

OnSameName = Literal["ask", "replace", "keep_both"]
MOST_BYTES = 100 * 1024**2  # read at most this much; the child that reads has the same limit
MOST_FILES = 100_000  # of one folder
WATCHED = 0  # the priority of what nobody added by hand
AT_ONCE = 32  # files looked at while others wait
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the files given. `clashes`: another file of that name is there; nothing was done."""

    documents: tuple[Document, ...] = ()
    unchanged: tuple[Path, ...] = ()
    clashes: tuple[Path, ...] = ()
    refused: tuple[tuple[Path, ErrorInfo], ...] = ()


Outcome = tuple[Path, Document | Literal["unchanged", "clash"] | ErrorInfo]


class Adding:
    """Makes rows of files; the pipeline takes them from there."""

    def __init__(self, db: Database, bus: Bus, clock: Callable[[], float]) -> None:
        self._db = db
        self._bus = bus
        self._clock = clock

    async def add(
        self, collection_id: str, paths: Sequence[Path], *, on_same_name: OnSameName, by_hand: bool = True
    ) -> Added:
        """`by_hand`: goes before everything that waits; else after it. Raises NotFound for the collection."""
        await self._db.read(knowledge.collection, collection_id)
        files = await asyncio.to_thread(lambda: list(dict.fromkeys(_walk(paths))))
        # The first of a later call goes first.
        now = int(self._clock() * 1e6)
        priorities: Iterator[int] = itertools.count(now, -1) if by_hand else itertools.repeat(WATCHED)
        outcomes: list[Outcome] = []
        for some in _groups(list(zip(files, priorities, strict=False)), AT_ONCE):
            outcomes += await asyncio.gather(
                *(self._add_one(collection_id, path, priority, on_same_name) for path, priority in some)
            )
        made = tuple(what for _, what in outcomes if isinstance(what, Document))
        if made:
            self._bus.publish(CollectionChanged(collection_id))
        return Added(
            made,
            tuple(path for path, what in outcomes if what == "unchanged"),
            tuple(path for path, what in outcomes if what == "clash"),
            tuple((path, what) for path, what in outcomes if isinstance(what, ErrorInfo)),
        )

    async def add_page(self, collection_id: str, url: str) -> Document:
        """Queues an address; the same one is read anew and replaced. BadRequest for what is none."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadRequest(
                f"“{url}” is no web address.", hint="An address begins with https:// or http://."
            )
        # With its query: pages of one address that differ in it only are different ones.
        name = parts.hostname + parts.path.rstrip("/") + (f"?{parts.query}" if parts.query else "")
        source = urldefrag(url).url
        document = await self._db.write(
            self._row, collection_id, source, name, 0, "", int(self._clock() * 1e6), "keep_both"
        )
        assert isinstance(document, Document)  # noqa: S101  # without a hash nothing is unchanged
        self._bus.publish(DocumentChanged(document))
        self._bus.publish(CollectionChanged(collection_id))
        return document

    async def _add_one(self, collection_id: str, path: Path, priority: int, same: OnSameName) -> Outcome:
        try:
            size, digest = await asyncio.to_thread(_look_at, path)
        except KnowledgeError as error:
            return path, error.info
        what = await self._db.write(
            self._row, collection_id, str(path), path.name, size, digest, priority, same
        )
        if isinstance(what, Document):
            self._bus.publish(DocumentChanged(what))
        return path, what

    def _row(
        self,
        conn: Connection,
        collection_id: str,
        source: str,
        name: str,
        size: int,
        digest: str,
        priority: int,
        same: OnSameName,
    ) -> Document | Literal["unchanged", "clash"]:
        old = documents.find_source(conn, collection_id, source)
        twin = documents.same_content(conn, collection_id, digest) if old is None and digest else None
        if twin is not None and (twin.state is not DocumentState.FAILED or priority == WATCHED):
            return "unchanged"  # the same content under another name or elsewhere
        other = documents.same_name(conn, collection_id, name) if old is None else None
        if twin is not None:  # the copy is tried in the place of what failed
            if other is not None and other.id != twin.id:
                name = _free_name(conn, collection_id, name)
        elif other is not None:
            if same == "ask":
                return "clash"
            if same == "replace":
                old = other
            else:
                name = _free_name(conn, collection_id, name)
        if old is not None and digest and documents.document_hash(conn, old.id) == digest:
            if old.state is not DocumentState.FAILED or priority == WATCHED:
                return "unchanged"  # what failed is tried again by hand only, not at every change of a folder
            documents.retry(conn, old.id, priority)
            return documents.document(conn, old.id)
        return documents.add_document(
            conn,
            id=uuid.uuid4().hex,
            collection_id=collection_id,
            name=name,
            source=source,
            size_bytes=size,
            sha256=digest,
            priority=priority,
            now=self._clock(),
            replaces=replaced.id if (replaced := old or twin) else None,
            place=self._db.me.place if digest else "",  # a page can be fetched from everywhere
        )


def _walk(paths: Sequence[Path]) -> Iterator[Path]:
    """The files given, and those in the folders given that we can read, without hidden ones."""
    from mastra_desktop.ingest.readers import suffixes

    readable = suffixes()
    for path in paths:
        absolute = Path(os.path.abspath(path))
        if not absolute.is_dir():
            yield absolute
            continue
        count = 0
        for folder, folders, names in os.walk(absolute):
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            for name in sorted(names):
                if name.startswith((".", "~$")) or Path(name).suffix.lower() not in readable:
                    continue
                count += 1
                if count > MOST_FILES:
                    raise KnowledgeError(
                        f"{absolute} has more than {MOST_FILES:,} files.", hint="Add smaller folders."
                    )
                yield Path(folder, name)


def _look_at(path: Path) -> tuple[int, str]:
    """(size in bytes, SHA-256). Raises KnowledgeError when it cannot be read or is too large."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise KnowledgeError(
                f"{path.name} is larger than {MOST_BYTES // 1024**2} MB.",
                hint="Split it, or add a part of it.",
            )
        if not path.is_file():
            raise KnowledgeError(f"{path.name} is no ordinary file.")
        with path.open("rb") as file:
            return size, hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise KnowledgeError(f"{path} does not exist.", detail=str(error)) from error
    except OSError as error:
        raise KnowledgeError(
            f"{path.name} cannot be read: {error.strerror or error}.",
            hint="Check its permissions.",
            detail=str(error),
        ) from error


def _free_name(conn: Connection, collection_id: str, name: str) -> str:
    path = Path(name)
    for n in itertools.count(2):
        candidate = f"{path.stem} ({n}){path.suffix}"
        if documents.same_name(conn, collection_id, candidate) is None:
            return candidate
    raise AssertionError


def _groups(items: list[tuple[Path, int]], size: int) -> Iterator[list[tuple[Path, int]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
