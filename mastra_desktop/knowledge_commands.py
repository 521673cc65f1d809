"""`mastra-desktop knowledge ...`: add, search, list, remove, reindex, retry. All go by name or id."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mastra_desktop.command_line import over_core, print_json
from mastra_desktop.domain.errors import ErrorInfo, NotFound
from mastra_desktop.domain.events import BusEvent, EmbedderChanged
from mastra_desktop.domain.knowledge import Collection, Document, DocumentState, SearchMode
from mastra_desktop.services.as_json import collection_json, document_json, search_json, step_json

if TYPE_CHECKING:
    from mastra_desktop.core import Core

SETTLED = (DocumentState.READY, DocumentState.FAILED)
_MOST_NAMES = 20  # in a sentence that says what there is


def add_to(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(metavar="add|search|list|remove|reindex|retry", required=True)
    add = verbs.add_parser("add", help="add files and folders, and wait until they are ready")
    add.add_argument("collection", metavar="COLLECTION", help="it is made when there is none")
    add.add_argument("paths", metavar="PATH", nargs="+", type=Path)
    search = verbs.add_parser("search", help="the passages that answer a question best")
    search.add_argument("collection", metavar="COLLECTION")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("-k", type=_count, default=10, metavar="N", help="how many (default 10)")
    modes = [mode.value for mode in SearchMode]
    search.add_argument("--mode", choices=modes, default="hybrid", help="what decides (default hybrid)")
    listing = verbs.add_parser("list", help="the collections, or the documents of one")
    listing.add_argument("collection", metavar="COLLECTION", nargs="?")
    remove = verbs.add_parser("remove", help="remove a collection, or a document of it")
    remove.add_argument("collection", metavar="COLLECTION")
    remove.add_argument("document", metavar="DOCUMENT", nargs="?")
    reindex = verbs.add_parser("reindex", help="compute the meaning of every passage again")
    reindex.add_argument("collection", metavar="COLLECTION")
    retry = verbs.add_parser("retry", help="try the documents that failed again")
    retry.add_argument("collection", metavar="COLLECTION")
    for sub, run in (
        (add, over_core(_add, purpose="knowledge add", access="own")),
        (search, over_core(_search)),
        (listing, over_core(_list)),
        (remove, over_core(_remove, purpose="knowledge remove", access="own")),
        (reindex, over_core(_reindex, purpose="knowledge reindex", access="own")),
        (retry, over_core(_retry, purpose="knowledge retry", access="own")),
    ):
        sub.add_argument("--json", action="store_true")
        sub.set_defaults(run=run)


async def _add(core: Core, args: argparse.Namespace) -> int:
    collection = await _found_or_made(core, args.collection)
    # Nobody is asked: another file of the same name is another document.
    added = await core.knowledge.add(collection.id, args.paths, on_same_name="keep_both")
    steps = _Steps(as_json=args.json)
    for path, error in added.refused:
        steps.refuse(path.name or str(path), error)
    # What an earlier command left unfinished goes on, and is waited for.
    unfinished = {
        document.source: document
        for document in await core.knowledge.documents(collection.id)
        if document.state not in SETTLED
    }
    waiting = list(added.documents)
    for path in added.unchanged:
        if document := unfinished.get(str(path)):
            waiting.append(document)
        else:
            steps.skip(path.name)
    for document in waiting:
        steps.show(document)
    await _follow(core, steps, [document.id for document in waiting])
    return 1 if steps.failed else 0


async def _reindex(core: Core, args: argparse.Namespace) -> int:
    collection = await core.knowledge.collection(args.collection)
    before = await core.knowledge.documents(collection.id)
    ids = [document.id for document in before if document.state is not DocumentState.FAILED]
    await core.knowledge.reindex(collection.id)
    steps = _Steps(as_json=args.json)
    await _follow(core, steps, ids)
    return 1 if steps.failed else 0


async def _retry(core: Core, args: argparse.Namespace) -> int:
    collection = await core.knowledge.collection(args.collection)
    steps = _Steps(as_json=args.json)
    await _follow(core, steps, await core.knowledge.retry_failed(collection.id))
    return 1 if steps.failed else 0


async def _search(core: Core, args: argparse.Namespace) -> int:
    collection = await core.knowledge.collection(args.collection)
    mode = SearchMode(args.mode)
    result = await core.knowledge.search([collection.id], args.query, k=args.k, mode=mode)
    if result.notice:
        print(result.notice, file=sys.stderr)
    if args.json:
        print_json(search_json(result))
        return 0
    if not result.relevant:
        print("Nothing found seems to answer this. The nearest:", file=sys.stderr)
    for hit in result.hits:
        page = f", page {hit.passage.page}" if hit.passage.page else ""
        print(f"{hit.rank}. {hit.document.name}{page}  ({hit.score:.2f})")
        print(f"{hit.passage.text.strip()}\n")
    return 0


async def _list(core: Core, args: argparse.Namespace) -> int:
    if args.collection is None:
        collections = await core.knowledge.collections()
        if args.json:
            print_json({"collections": [collection_json(c) for c in collections]})
            return 0
        for c in collections:
            print(f"{c.id}  {c.documents:>5} documents  {c.passages:>7} passages  {c.name}")
        return 0
    collection = await core.knowledge.collection(args.collection)
    documents = await core.knowledge.documents(collection.id)
    if args.json:
        print_json({"documents": [document_json(d) for d in documents]})
        return 0
    for d in documents:
        print(f"{d.id}  {d.state:<9}  {d.passages:>6} passages  {d.name}  {_reason(d.error)}".rstrip())
    return 0


async def _remove(core: Core, args: argparse.Namespace) -> int:
    collection = await core.knowledge.collection(args.collection)
    if args.document is None:
        await core.knowledge.remove_collection(collection.id)
        name = collection.name
    else:
        document = _chosen(await core.knowledge.documents(collection.id), args.document)
        await core.knowledge.remove(document.id)
        name = document.name
    if args.json:
        print_json({"removed": name})
    else:
        print(f"{name} was removed.")
    return 0


class _Steps:
    """What becomes of documents: a line for each step. `failed` once one of them has."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._last: dict[str, dict[str, Any]] = {}
        self._told: dict[str, str] = {}  # the state a person was told, by document
        self.failed = False

    async def follow(self, changes: AsyncIterable[Document]) -> None:
        async for document in changes:
            self.show(document)

    def show(self, document: Document) -> None:
        step = step_json(document.name, document.state, document.done, document.of, _reason(document.error))
        if self._last.get(document.id) != step:
            self._last[document.id] = step
            self._tell(step, document.id, document)

    def refuse(self, name: str, error: ErrorInfo) -> None:
        self._tell(step_json(name, DocumentState.FAILED, reason=_reason(error)), name)

    def skip(self, name: str) -> None:
        self._tell(step_json(name, DocumentState.SKIPPED, reason="It has not changed."), name)

    def _tell(self, step: dict[str, Any], key: str, document: Document | None = None) -> None:
        self.failed = self.failed or step["state"] == DocumentState.FAILED
        if self._as_json:
            print_json(step)
            return
        if self._told.get(key) == step["state"]:
            return  # people are told the state, not each batch
        self._told[key] = step["state"]
        more = step["reason"]
        if document is not None and document.state is DocumentState.READY:
            more = f"{document.passages} passages"
        print(f"{step['document']}: {step['state']}" + (f" ({more})" if more else ""), flush=True)


async def _follow(core: Core, steps: _Steps, document_ids: Sequence[str]) -> None:
    """Until each is ready or failed. Raises when all wait for what a person has to mend."""

    def hear(event: BusEvent) -> None:
        if isinstance(event, EmbedderChanged) and event.error is not None and event.error.retryable:
            print(f"{_reason(event.error)} The documents wait for it.", file=sys.stderr, flush=True)

    unsubscribe = core.bus.subscribe(hear)
    try:
        await steps.follow(core.knowledge.wait(document_ids, patient=False))
    finally:
        unsubscribe()


async def _found_or_made(core: Core, name: str) -> Collection:
    try:
        collection = await core.knowledge.collection(name)
    except NotFound:
        return await core.knowledge.create_collection(name)
    if collection.paused:  # whoever adds here waits for it to be done
        await core.knowledge.resume(collection.id)
    return collection


def _chosen(documents: Sequence[Document], name_or_id: str) -> Document:
    """By id, else by name. Raises NotFound, naming those that exist."""
    for document in documents:
        if document.id == name_or_id:
            return document
    for document in documents:
        if document.name == name_or_id:
            return document
    names = ", ".join(document.name for document in documents[:_MOST_NAMES])
    more = ", …" if len(documents) > _MOST_NAMES else ""
    raise NotFound(
        f"There is no document “{name_or_id}” in this collection.",
        hint=f"It holds: {names}{more}." if names else "It is empty.",
    )


def _reason(error: ErrorInfo | None) -> str:
    return f"{error.message} {error.hint}".strip() if error else ""


def _count(text: str) -> int:
    if text.isdecimal() and 1 <= int(text) <= 100:
        return int(text)
    raise argparse.ArgumentTypeError(f"{text} is not possible; allowed is 1 to 100")
