"""Files of watched folders: what was seen of each, so that only changed ones are read, and what stays out.

A document that a person removed stays out by its content: under another name too, until it changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, insert, select

from mastra_desktop.domain.knowledge import Document
from mastra_desktop.store import documents, knowledge, schema

_d = schema.documents.c
_s = schema.seen_files.c
_o = schema.left_out.c
_THERE = (
    select(_d.seq)
    .where(_d.collection_id == _s.collection_id, _d.source == _s.source)
    .where(_d.sha256 == _s.sha256, _d.deleted_at.is_(None))
    .exists()
)
_OUT = select(_o.sha256).where(_o.collection_id == _s.collection_id, _o.sha256 == _s.sha256).exists()
_KNOWN = select(_s.source, _s.stamp, _s.sha256, sa.or_(_THERE, _OUT)).where(
    _s.collection_id == bindparam("collection")
)


class Seen(NamedTuple):
    """`stamp` is of the file as it was read. `settled`: it is a document, or is to stay out."""

    stamp: str
    sha256: str
    settled: bool


def known(conn: Connection, collection_id: str) -> dict[str, Seen]:
    """What was seen of each file, by its path."""
    rows = conn.execute(_KNOWN, {"collection": collection_id})
    return {row[0]: Seen(row[1], row[2], bool(row[3])) for row in rows}


def saw(conn: Connection, collection_id: str, files: Sequence[tuple[str, str, str]]) -> None:
    """Keeps (path, stamp, sha256) of files, in place of what was known of them."""
    forget(conn, collection_id, [source for source, _, _ in files])
    rows = [
        {"collection_id": collection_id, "source": source, "stamp": stamp, "sha256": sha256}
        for source, stamp, sha256 in files
    ]
    if rows:
        conn.execute(insert(schema.seen_files), rows)


def forget(conn: Connection, collection_id: str, sources: Iterable[str]) -> None:
    """These files are gone."""
    rows = [{"path": source} for source in sources]
    if rows:
        gone = sa.delete(schema.seen_files).where(_s.collection_id == collection_id)
        conn.execute(gone.where(_s.source == bindparam("path")), rows)


def remove(conn: Connection, document_id: str, now: float) -> Document:
    """A person removes a document: its file stays out of a folder that is watched. Raises `NotFound`."""
    found = documents.document(conn, document_id)
    folder = knowledge.collection(conn, found.collection_id).watched
    sha256 = documents.document_hash(conn, document_id)
    documents.delete_document(conn, document_id, now)
    if folder and sha256 and PurePath(found.source).is_relative_to(folder):
        take_back(conn, found.collection_id, sha256)
        conn.execute(insert(schema.left_out), {"collection_id": found.collection_id, "sha256": sha256})
    return found


def restore(conn: Connection, document_id: str) -> Document:
    """As `documents.restore_document`; its file is followed again."""
    found = documents.restore_document(conn, document_id)
    take_back(conn, found.collection_id, documents.document_hash(conn, document_id))
    return found


def take_back(conn: Connection, collection_id: str, sha256: str) -> None:
    """A file of this content is wanted again."""
    conn.execute(sa.delete(schema.left_out).where(_o.collection_id == collection_id, _o.sha256 == sha256))


def is_left_out(conn: Connection, collection_id: str, sha256: str) -> bool:
    row = select(_o.sha256).where(_o.collection_id == collection_id, _o.sha256 == sha256)
    return conn.execute(row).first() is not None


def begin_anew(conn: Connection, collection_id: str) -> None:
    """A folder was chosen, or no longer is: nothing is known of it, and nothing is to stay out."""
    for table in (schema.seen_files, schema.left_out):
        conn.execute(sa.delete(table).where(table.c.collection_id == collection_id))
