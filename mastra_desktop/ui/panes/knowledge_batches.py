"""Which documents are being added together, per collection: what "6 of 12 files" counts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mastra_desktop.domain.knowledge import Document, DocumentState
from mastra_desktop.ui.item_models.document_table import UNFINISHED
from mastra_desktop.ui.panes.knowledge_words import tr


class Batches:
    """A batch begins with the first unfinished document and ends when none of it is unfinished."""

    def __init__(self) -> None:
        self._batches: dict[str, dict[str, Document]] = {}

    def of(self, collection_id: str) -> list[Document]:
        return list(self._batches.get(collection_id, {}).values())

    def take(self, documents: Iterable[Document]) -> list[list[Document]]:
        """Documents as they are now; returns the batches that ended with them."""
        touched: set[str] = set()
        for document in documents:
            batch = self._batches.get(document.collection_id, {})
            if document.state in UNFINISHED or document.id in batch:
                self._batches.setdefault(document.collection_id, batch)[document.id] = document
                touched.add(document.collection_id)
        return [ended for collection_id in touched if (ended := self._end(collection_id))]

    def forget(self, document_ids: Iterable[str]) -> None:
        """They were removed."""
        gone = set(document_ids)
        for collection_id in list(self._batches):
            batch = self._batches[collection_id]
            for document_id in gone & batch.keys():
                del batch[document_id]
            self._end(collection_id)

    def forget_missing(self, collection_id: str, documents: Iterable[Document]) -> None:
        """`documents` are all that the collection has now."""
        there = {document.id for document in documents}
        self.forget(self._batches.get(collection_id, {}).keys() - there)

    def _end(self, collection_id: str) -> list[Document]:
        batch = self._batches[collection_id]
        if any(document.state in UNFINISHED for document in batch.values()):
            return []
        del self._batches[collection_id]
        return list(batch.values())


def ended_words(batch: Sequence[Document]) -> tuple[str, str]:
    """What a batch that ended is told by: "12 files are ready", and how many could not be added."""
    failed = sum(document.state is DocumentState.FAILED for document in batch)
    added = len(batch) - failed
    title = tr("1 file is ready") if added == 1 else tr("{n} files are ready").format(n=added)
    return title, tr("{n} could not be added.").format(n=failed) if failed else ""
