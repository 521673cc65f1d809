"""Files on their way in: folders walked, unchanged files skipped, changed ones replaced, clashes told."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urldefrag, urlsplit

from mastra_desktop.domain.errors import BadRequest, ErrorInfo, KnowledgeError
from mastra_desktop.domain.events import CollectionChanged, DocumentChanged
from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.store import documents, knowledge, seen_files

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.store.database import Database

OnSameName = Literal["ask", "replace", "keep_both"]
MOST_BYTES = 100 * 1024**2  # read at most this much; the child that reads has the same limit
MOST_FILES = 100_000  # of one folder
WATCHED = 0  # the priority of what nobody added by hand
AT_ONCE = 32  # files looked at while others wait
_FRESH_NS = 3 * 10**9
_NO_STAMP = ""
_SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "$RECYCLE.BIN", "System Volume Information"})


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the files given. `clashes`: another file of that name is there; nothing was done."""

    documents: tuple[Document, ...] = ()
    unchanged: tuple[Path, ...] = ()
    clashes: tuple[Path, ...] = ()
    refused: tuple[tuple[Path, ErrorInfo], ...] = ()


@dataclass(frozen=True, slots=True)
class _Look:
    """A file as it is. `stamp` is empty where it was not read now, or may not be relied on."""

    size_bytes: int = 0
    sha256: str = ""
    stamp: str = ""
    error: ErrorInfo | None = None


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
        """`by_hand`: goes before everything that waits; else after it, and only what changed is read.

        Raises NotFound for the collection.
        """
        await self._db.read(knowledge.collection, collection_id)
        files = await asyncio.to_thread(lambda: list(dict.fromkeys(_walk(paths))))
        known: dict[Path, str] = {}
        if not by_hand:
            files, known = await self._changed(collection_id, files)
        # The first of a later call goes first.
        now = int(self._clock() * 1e6)
        priorities: Iterator[int] = itertools.count(now, -1) if by_hand else itertools.repeat(WATCHED)
        outcomes: list[Outcome] = []
        for some in _groups(list(zip(files, priorities, strict=False)), AT_ONCE):
            looks = await asyncio.gather(*(asyncio.to_thread(_look_at, path, known) for path, _ in some))
            for (path, priority), look in zip(some, looks, strict=True):
                outcomes.append(
                    (path, await self._add_one(collection_id, path, priority, on_same_name, look))
                )
            if not by_hand:
                read = [(str(p), f.stamp, f.sha256) for (p, _), f in zip(some, looks, strict=True) if f.stamp]
                await self._db.write(seen_files.saw, collection_id, read)
        made = tuple(what for _, what in outcomes if isinstance(what, Document))
        if made:
            self._bus.publish(CollectionChanged(collection_id))
        return Added(
            made,
            tuple(path for path, what in outcomes if what == "unchanged"),
            tuple(path for path, what in outcomes if what == "clash"),
            tuple((path, what) for path, what in outcomes if isinstance(what, ErrorInfo)),
        )

    async def _changed(self, collection_id: str, files: list[Path]) -> tuple[list[Path], dict[Path, str]]:
        """The files of a watched folder that may be new, and the SHA-256 of those that were read before."""
        seen = await self._db.read(seen_files.known, collection_id)
        gone = seen.keys() - {str(path) for path in files}
        if gone:
            await self._db.write(seen_files.forget, collection_id, gone)

        def look() -> tuple[list[Path], dict[Path, str]]:
            new, known = [], {}
            for path in files:
                before = seen.get(str(path))
                same = before is not None and before.stamp == _stamp(path)
                if before is not None and same:
                    known[path] = before.sha256
                if before is None or not (same and before.settled):
                    new.append(path)
            return new, known

        return await asyncio.to_thread(look)

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

    async def _add_one(
        self, collection_id: str, path: Path, priority: int, same: OnSameName, look: _Look
    ) -> Document | Literal["unchanged", "clash"] | ErrorInfo:
        if look.error is not None:
            return look.error
        what = await self._db.write(
            self._row, collection_id, str(path), path.name, look.size_bytes, look.sha256, priority, same
        )
        if isinstance(what, Document):
            self._bus.publish(DocumentChanged(what))
        return what

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
        if priority == WATCHED:
            if seen_files.is_left_out(conn, collection_id, digest):
                return "unchanged"
        elif digest:
            seen_files.take_back(conn, collection_id, digest)
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


def _look_at(path: Path, known: Mapping[Path, str]) -> _Look:
    """Its content's hash, unless that is `known`; the error when it cannot be read or is too large."""
    stamp = _stamp(path)  # first: what is written while it is read makes another one
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            most = f"{path.name} is larger than {MOST_BYTES // 1024**2} MB."
            return _Look(error=KnowledgeError(most, hint="Split it, or add a part of it.").info)
        if not path.is_file():
            return _Look(error=KnowledgeError(f"{path.name} is no ordinary file.").info)
        if path in known:
            return _Look(size, known[path])
        with path.open("rb") as file:
            return _Look(size, hashlib.file_digest(file, "sha256").hexdigest(), stamp)
    except FileNotFoundError as error:
        return _Look(error=KnowledgeError(f"{path} does not exist.", detail=str(error)).info)
    except OSError as error:
        why = f"{path.name} cannot be read: {error.strerror or error}."
        return _Look(error=KnowledgeError(why, hint="Check its permissions.", detail=str(error)).info)


def _stamp(path: Path) -> str:
    """Differs once the file was written to. A fresh one says nothing: the clock of files may be coarse."""
    try:
        found = path.stat()
    except OSError:
        return _NO_STAMP
    if time.time_ns() - max(found.st_mtime_ns, found.st_ctime_ns) < _FRESH_NS:
        return _NO_STAMP
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns}"


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
