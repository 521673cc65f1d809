"""Collections, documents and passages and their rows, one into the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, select

from mastra_desktop.domain.knowledge import Collection, Document, DocumentState, Passage
from mastra_desktop.store import message_rows, schema

_c = schema.collections.c
_d = schema.documents.c
_p = schema.passages.c
_STATES = {state.value: state for state in DocumentState}

UNDER_WAY = (
    DocumentState.QUEUED.value,
    DocumentState.READING.value,
    DocumentState.SPLITTING.value,
    DocumentState.EMBEDDING.value,
)
DOCUMENT_COLUMNS = (
    _d.id,
    _d.collection_id,
    _d.name,
    _d.source,
    _d.state,
    _d.size_bytes,
    _d.done,
    _d.total,
    _d.passages,
    _d.summary,
    _d.error,
    _d.added_at,
    _d.replaces,
)
PASSAGE_COLUMNS = (
    _p.id,
    _d.id,
    _d.collection_id,
    _p.position,
    _p.start_char,
    _p.end_char,
    _p.text,
    _p.page,
    _p.heading,
    _p.embedded,
    _p.tokens,
)


def _over_documents(value: ColumnElement[Any], *conditions: ColumnElement[bool]) -> ColumnElement[Any]:
    mine = select(value).where(_d.collection_id == _c.id, _d.deleted_at.is_(None), *conditions)
    return func.coalesce(mine.scalar_subquery(), 0)


COLLECTION_COLUMNS = (
    _c.id,
    _c.name,
    _c.icon,
    _c.description,
    _c.embedder_id,
    _c.dimension,
    _c.created_at,
    _c.paused,
    _c.watched,
    _over_documents(func.count(), _d.searchable == 1),
    _over_documents(func.sum(_d.passages), _d.searchable == 1),
    _over_documents(func.sum(_d.embedded), _d.searchable == 1),
    _over_documents(func.count(), _d.state.in_(UNDER_WAY)),
    _over_documents(func.count(), _d.state == DocumentState.FAILED.value),
)


def collection_from_row(row: Sequence[Any]) -> Collection:
    """A row of `COLLECTION_COLUMNS`."""
    id, name, icon, description, embedder_id, dimension, created_at, paused, watched, *counts = row
    return Collection(
        id,
        name,
        icon,
        description,
        embedder_id,
        dimension,
        created_at,
        bool(paused),
        watched,
        *(int(count) for count in counts),
    )


def document_from_row(row: Sequence[Any]) -> Document:
    """A row of `DOCUMENT_COLUMNS`. A state this version doesn't know counts as failed."""
    id, collection_id, name, source, state, size_bytes, done, total, passages, summary, error, *rest = row
    return Document(
        id,
        collection_id,
        name,
        source,
        _STATES.get(state, DocumentState.FAILED),
        size_bytes,
        done,
        total,
        passages,
        summary,
        message_rows.error_from_json(error) if error else None,
        *rest,
    )


def passage_from_row(row: Sequence[Any]) -> Passage:
    """A row of `PASSAGE_COLUMNS`."""
    id, document_id, collection_id, position, start, end, text, page, heading, embedded, tokens = row
    path = tuple(json.loads(heading)) if heading else ()
    place = (position, start, end)
    return Passage(id, document_id, collection_id, *place, text, page, path, bool(embedded), tokens)


def heading_json(heading: Sequence[str]) -> str:
    return json.dumps(list(heading), ensure_ascii=False) if heading else ""
