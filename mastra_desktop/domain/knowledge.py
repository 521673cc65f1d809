"""Knowledge: collections of documents, the passages they are split into, and what a search finds.

A document's text is kept whole; a passage is `text[start:end]` of it, in characters. Words can be searched
as soon as the passages are stored; meaning follows as each passage gets its vector.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mastra_desktop.domain.errors import ErrorInfo

MULTILINGUAL_EMBEDDER = "builtin/multilingual"
ENGLISH_EMBEDDER = "builtin/english"


@dataclass(frozen=True, slots=True)
class EmbedderInfo:
    """An embedder a collection can choose. `passages_per_s`: about how fast it is on a common computer."""

    id: str
    name: str
    passages_per_s: float
    installed: bool


class BlockKind(StrEnum):
    """What a reader says a stretch of text is; splitting goes by it."""

    HEADING = "heading"
    PARAGRAPH = "paragraph"
    LIST_ITEM = "list_item"
    TABLE_ROW = "table_row"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]` of the text read. `level` is 1 to 6 for headings, else 0; `page` counts from 1."""

    kind: BlockKind
    start: int
    end: int
    level: int = 0
    page: int | None = None


@dataclass(frozen=True, slots=True)
class ReadText:
    """A file as text. Blocks are in order and don't overlap; what lies between them is white space.

    `summary` is what a person knows the file by: "96 pages", "6 sheets", "418 messages".
    """

    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    summary: str = ""
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class PassageSpan:
    """A passage as splitting makes it: `text[start:end]`, its page, and the headings above it."""

    index: int
    start: int
    end: int
    tokens: int
    page: int | None = None
    heading: tuple[str, ...] = ()


class DocumentState(StrEnum):
    QUEUED = "queued"
    READING = "reading"
    SPLITTING = "splitting"
    EMBEDDING = "embedding"  # words can be searched, meaning follows
    READY = "ready"
    FAILED = "failed"
    SKIPPED = "skipped"  # unchanged since it was added; only while adding, never stored


@dataclass(frozen=True, slots=True)
class Document:
    """A file or page in a collection.

    `source` is an absolute path or an address. `done` of `of` counts pages while reading and passages
    while embedding (`of` 0: not known). `replaces` names the earlier version that stays searchable until
    this one is ready.
    """

    id: str
    collection_id: str
    name: str
    source: str
    state: DocumentState
    size_bytes: int = 0
    done: int = 0
    of: int = 0
    passages: int = 0
    summary: str = ""
    error: ErrorInfo | None = None
    added_at: float = 0.0
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """Documents that are searched together.

    `icon` is the name of an icon, `dimension` that of the vectors (None before the first). `documents`,
    `passages` and `embedded` count what is searchable; `embedded` passages have their meaning indexed.
    `adding` and `failed` count documents on their way and failed ones.
    """

    id: str
    name: str
    icon: str = "book-open"
    description: str = ""
    embedder_id: str = MULTILINGUAL_EMBEDDER
    dimension: int | None = None
    created_at: float = 0.0
    paused: bool = False
    watched: str = ""  # a folder that is kept in step, or empty
    documents: int = 0
    passages: int = 0
    embedded: int = 0
    adding: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Passage:
    """A stored passage."""

    id: int
    document_id: str
    collection_id: str
    index: int
    start: int
    end: int
    text: str
    page: int | None = None
    heading: tuple[str, ...] = ()
    embedded: bool = False
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class DocumentText:
    """A document with its whole text and its passages in order."""

    document: Document
    text: str
    passages: tuple[Passage, ...]


class SearchMode(StrEnum):
    HYBRID = "hybrid"
    MEANING = "meaning"
    WORDS = "words"


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """Empty fields filter nothing. `suffixes` like ".pdf"; `added_after`, `added_before` in seconds, UTC."""

    document_ids: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    added_after: float | None = None
    added_before: float | None = None


@dataclass(frozen=True, slots=True)
class PassageHit:
    """A passage that was found. `score` falls with `rank` (1 first) and lies in 0 to 1.

    `meaning` and `words` are each index's own score in 0 to 1, None where that index did not find it.
    `marks` are the (start, end) of the query's words in `passage.text`.
    """

    rank: int
    score: float
    passage: Passage
    document: Document
    collection: str  # its name
    meaning: float | None = None
    words: float | None = None
    marks: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """`notice` says what the search had to do without (for one, the meaning index), else it is empty.

    `relevant` is False when nothing found seems to answer the query; `hits` are then the nearest.
    """

    hits: tuple[PassageHit, ...]
    took_ms: float
    notice: str = ""
    relevant: bool = True


@dataclass(frozen=True, slots=True)
class Source:
    """A passage an answer was given, and may cite as [n]. What is here is kept with the answer.

    `cited`: the answer cites it. `passage_id` and `document_id` may be gone by the time it is looked at.
    """

    n: int
    collection: str
    document: str
    document_id: str
    passage_id: int
    page: int | None
    start: int
    end: int
    text: str
    score: float
    heading: tuple[str, ...] = ()
    cited: bool = False
