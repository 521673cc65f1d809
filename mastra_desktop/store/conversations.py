"""Conversations: the list, titles, drafts, and the trash.

A deleted conversation stays for a while, unseen, so that deleting can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, bindparam, func, insert, select, update

from mastra_desktop.domain.chat import Conversation, MessageState
from mastra_desktop.domain.errors import NotFound
from mastra_desktop.store import schema, search
from mastra_desktop.store.prepared import Prepared
from mastra_desktop.store.words import clean

_c = schema.conversations.c
_m = schema.messages.c
_d = schema.drafts.c
_STATES = {state.value: state for state in MessageState if state is not MessageState.DONE}

_leaf = schema.messages.alias("leaf")
_COUNT = select(func.count()).where(_m.conversation_id == _c.id).scalar_subquery()
_SELECT: sa.Select[Any] = (
    select(
        _c.id,
        _c.title,
        _c.created_at,
        _c.updated_at,
        _c.model_id,
        _c.leaf_id,
        _COUNT,
        _leaf.c.state,
        _d.text,
        _c.knowledge,
    )
    .select_from(
        schema.conversations.outerjoin(_leaf, _leaf.c.id == _c.leaf_id).outerjoin(
            schema.drafts, _d.conversation_id == _c.id
        )
    )
    .where(_c.deleted_at.is_(None))
)
_GET = Prepared(_SELECT.where(_c.id == bindparam("id_")))
_RECENT = _SELECT.order_by(_c.updated_at.desc(), _c.seq.desc()).limit(bindparam("limit_"))
_INSERT = Prepared(insert(schema.conversations))
_UPDATE = update(schema.conversations).where(_c.id == bindparam("id_"), _c.deleted_at.is_(None))
_RENAME = _UPDATE.values(title=bindparam("title_"), updated_at=bindparam("now"))
_SET_MODEL = _UPDATE.values(model_id=bindparam("model"))
_SET_KNOWLEDGE = _UPDATE.values(knowledge=bindparam("ids"))
_DELETE = _UPDATE.values(deleted_at=bindparam("now"))
_RESTORE = update(schema.conversations).where(_c.id == bindparam("id_")).values(deleted_at=None)
_OLD = select(_c.id).where(_c.deleted_at < bindparam("before_"))
_INDEXED = select(_m.seq, _m.text).where(
    _m.conversation_id == bindparam("id_"), _m.state != sa.literal(MessageState.WRITING.value)
)
_PURGE_MESSAGES = sa.delete(schema.messages).where(_m.conversation_id == bindparam("id_"))
_PURGE = sa.delete(schema.conversations).where(_c.id == bindparam("id_"))
_DRAFT = select(_d.text).where(_d.conversation_id == bindparam("id_"))
_CLEAR_DRAFT = sa.delete(schema.drafts).where(_d.conversation_id == bindparam("id_"))
_INSERT_DRAFT = insert(schema.drafts)


def create(conn: Connection, *, id: str, title: str, model_id: str, now: float) -> Conversation:
    """A new, empty conversation."""
    title = clean(title)
    row = {"id": id, "title": title, "created_at": now, "updated_at": now, "model_id": model_id}
    _INSERT.run(conn, row)
    search.add_title(conn, id, title)
    return Conversation(id, title, now, now, model_id)


def get(conn: Connection, id: str) -> Conversation:
    """Raises `NotFound`, also for a deleted one."""
    row = _GET.run(conn, {"id_": id}).fetchone()
    if row is None:
        raise _missing(id)
    return _from_row(row)


def list_recent(conn: Connection, limit: int = 500) -> list[Conversation]:
    """Last used first, without the deleted ones."""
    return [_from_row(row) for row in conn.execute(_RECENT, {"limit_": limit})]


def rename(conn: Connection, id: str, title: str, now: float) -> None:
    """Raises `NotFound`."""
    title = clean(title)
    _expect_one(conn.execute(_RENAME, {"id_": id, "title_": title, "now": now}).rowcount, id)
    search.remove_title(conn, id)
    search.add_title(conn, id, title)


def set_model(conn: Connection, id: str, model_id: str) -> None:
    """The model its next answer comes from. Raises `NotFound`."""
    _expect_one(conn.execute(_SET_MODEL, {"id_": id, "model": model_id}).rowcount, id)


def set_knowledge(conn: Connection, id: str, collection_ids: Sequence[str]) -> None:
    """The collections its next answers draw on. Raises `NotFound`."""
    _expect_one(conn.execute(_SET_KNOWLEDGE, {"id_": id, "ids": "\n".join(collection_ids)}).rowcount, id)


def delete(conn: Connection, id: str, now: float) -> None:
    """Puts it in the trash. Raises `NotFound`, also when it is there already."""
    _expect_one(conn.execute(_DELETE, {"id_": id, "now": now}).rowcount, id)


def restore(conn: Connection, id: str) -> None:
    """Takes it out of the trash. Raises `NotFound` when it is gone for good."""
    _expect_one(conn.execute(_RESTORE, {"id_": id}).rowcount, id)


def purge_deleted(conn: Connection, before: float) -> int:
    """Removes for good what was deleted before that time; returns how many conversations that were."""
    gone = conn.execute(_OLD, {"before_": before}).scalars().all()
    for id in gone:
        search.remove_messages(conn, [(n, text) for n, text in conn.execute(_INDEXED, {"id_": id})])
        search.remove_title(conn, id)
        for statement in (_PURGE_MESSAGES, _CLEAR_DRAFT, _PURGE):
            conn.execute(statement, {"id_": id})
    return len(gone)


def draft(conn: Connection, id: str) -> str:
    """What was typed and not sent; "" without any. The new chat's id is ""."""
    return conn.execute(_DRAFT, {"id_": id}).scalar() or ""


def save_draft(conn: Connection, id: str, text: str) -> None:
    """Keeps what was typed and not sent, instead of what was there; an empty text forgets it."""
    conn.execute(_CLEAR_DRAFT, {"id_": id})
    if text:
        conn.execute(_INSERT_DRAFT, {"conversation_id": id, "text": clean(text)})


def _from_row(row: Sequence[Any]) -> Conversation:
    id, title, created_at, updated_at, model_id, leaf_id, count, state, draft_text, knowledge = row
    return Conversation(
        id,
        title,
        created_at,
        updated_at,
        model_id,
        leaf_id,
        count,
        _STATES.get(state),
        draft_text or "",
        tuple(knowledge.split()),
    )


def _expect_one(rowcount: int, id: str) -> None:
    if rowcount == 0:
        raise _missing(id)


def _missing(id: str) -> NotFound:
    return NotFound(
        "This conversation does not exist.", hint="It may have been deleted.", detail=f"conversation {id}"
    )
