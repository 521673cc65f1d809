"""Messages: writing a turn, reading a branch.

A turn is two transactions. `begin_turn` stores the prompt and an empty answer in state `writing` before
the request goes out; `settle` stores the answer as it ended. Between them `save_partial` keeps what came.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, bindparam, delete, func, insert, literal, select, update

from mastra_desktop.domain.chat import Message, MessageState, Role, Usage
from mastra_desktop.domain.errors import BadRequest, ErrorInfo, NotFound
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.store import processes, schema, search
from mastra_desktop.store.message_rows import COLUMNS, error_json, found_json, from_row, new_row
from mastra_desktop.store.prepared import Prepared
from mastra_desktop.store.words import clean

ANSWERING = "answer:"  # what names the claim on a conversation that is being answered begins with

_c = schema.conversations.c
_m = schema.messages.c
_WRITING = literal(MessageState.WRITING.value)
_BY_ID = _m.id == bindparam("id_")
_GET = select(*COLUMNS).where(_BY_ID)
_PLACE = Prepared(select(_m.conversation_id, _m.role, _m.depth).where(_BY_ID))
_INDEXED = select(_m.seq, _m.text).where(_BY_ID)
_INSERT = Prepared(insert(schema.messages))
_REOPEN = (
    update(schema.messages).where(_BY_ID).values(state=_WRITING, finish_reason="", error=None, total_ms=None)
)
_WRITE = Prepared(update(schema.messages).where(_BY_ID, _m.state == _WRITING))
_FORGET_SOURCES = delete(schema.message_sources).where(
    schema.message_sources.c.message_id == bindparam("id_")
)
_KEEP_SOURCES = insert(schema.message_sources)
_UNFINISHED = select(_m.id, _m.conversation_id, _m.text).where(_m.state == _WRITING).order_by(_m.seq)
_INTERRUPT = (
    update(schema.messages)
    .where(_BY_ID, _m.state == _WRITING)
    .values(state=literal(MessageState.INTERRUPTED.value))
)
_TOUCH = update(schema.conversations).where(_c.id == bindparam("id_")).values(updated_at=bindparam("now"))
_TOUCH_AROUND = Prepared(
    update(schema.conversations).where(_c.id == select(_m.conversation_id).where(_BY_ID).scalar_subquery())
)
_NEW_LEAF = Prepared(update(schema.conversations).where(_c.id == bindparam("id_"), _c.deleted_at.is_(None)))
_SELECT_LEAF = update(schema.conversations).where(_c.id == bindparam("id_")).values(leaf_id=bindparam("leaf"))

_LEAF = (
    select(_m.id, _m.depth)
    .select_from(schema.conversations.join(schema.messages, _m.id == _c.leaf_id))
    .where(_c.id == bindparam("id_"))
)
# A message that is alone at its depth is on every branch that reaches so deep. The nearest one below
# the page saves walking up from the leaf, so a page costs the same anywhere in a long conversation.
_ALONE = (
    select(func.min(_m.id), _m.depth)
    .where(_m.conversation_id == bindparam("id_"), _m.depth.between(bindparam("from_"), bindparam("to_")))
    .group_by(_m.depth)
    .having(func.count() == 1)
    .order_by(_m.depth)
    .limit(1)
)
_up = select(_m.seq, _m.parent_id, _m.depth).where(_BY_ID).cte("up", recursive=True)
_up = _up.union_all(
    select(_m.seq, _m.parent_id, _m.depth)
    .select_from(_up.join(schema.messages, _m.id == _up.c.parent_id))
    .where(_up.c.depth > bindparam("top"))
)
_PAGE = (
    select(*COLUMNS)
    .select_from(_up.join(schema.messages, _m.seq == _up.c.seq))
    .where(_up.c.depth <= bindparam("bottom"))
    .order_by(_m.depth)
)
_SIBLINGS = (
    select(_m.id, _m.parent_id)
    .where(_m.conversation_id == bindparam("id_"), _m.depth.between(bindparam("from_"), bindparam("to_")))
    .order_by(_m.seq)
)
_down = select(_m.seq, _m.id).where(_BY_ID).cte("down", recursive=True)
_down = _down.union_all(
    select(_m.seq, _m.id).select_from(_down.join(schema.messages, _m.parent_id == _down.c.id))
)
_NEWEST_BELOW = select(_down.c.id).order_by(_down.c.seq.desc()).limit(1)


def begin_turn(
    conn: Connection,
    *,
    conversation_id: str,
    user_id: str,
    answer_id: str,
    parent_id: str | None,
    text: str,
    model_id: str,
    now: float,
) -> tuple[Message, Message]:
    """Stores a prompt below `parent_id` and the row of its answer, which becomes the leaf in view.

    `parent_id` None begins at the root. The parent of an earlier prompt makes a sibling: an edit.
    Raises `NotFound` for an unknown conversation or parent.
    """
    depth = 0
    if parent_id is not None:
        owner, _, depth = _place(conn, parent_id)
        if owner != conversation_id:
            raise _missing(parent_id)
        depth += 1
    prompt = Message(
        user_id, conversation_id, parent_id, Role.USER, clean(text), MessageState.DONE, now, depth
    )
    answer = _empty_answer(answer_id, conversation_id, user_id, depth + 1, model_id, now)
    _take_leaf(conn, answer)
    _INSERT.run(conn, new_row(prompt))
    _INSERT.run(conn, new_row(answer))
    search.add_message(conn, prompt.id, prompt.text)
    return prompt, answer


def begin_try(
    conn: Connection, *, user_message_id: str, answer_id: str, model_id: str, now: float
) -> Message:
    """The row of another answer to the same prompt; it becomes the leaf in view.

    Raises `NotFound`, `BadRequest` when the message is no prompt.
    """
    conversation_id, role, depth = _place(conn, user_message_id)
    if role != Role.USER:
        raise BadRequest("Only a prompt can be tried again.", detail=f"message {user_message_id}")
    answer = _empty_answer(answer_id, conversation_id, user_message_id, depth + 1, model_id, now)
    _take_leaf(conn, answer)
    _INSERT.run(conn, new_row(answer))
    return answer


def begin_continue(conn: Connection, *, message_id: str, now: float) -> Message:
    """Makes a settled answer `writing` again, with the text it has.

    Raises `NotFound`, `BadRequest` when it is a prompt or being written.
    """
    message = get(conn, message_id)
    if message.role is not Role.ASSISTANT or message.state is MessageState.WRITING:
        raise BadRequest("Only a finished answer can be continued.", detail=f"message {message_id}")
    _reopen(conn, message_id)
    conn.execute(_TOUCH, {"id_": message.conversation_id, "now": now})
    return replace(message, state=MessageState.WRITING, finish_reason="", error=None, total_ms=None)


def save_partial(conn: Connection, message_id: str, text: str, reasoning: str) -> None:
    """Keeps what has arrived so far. Does nothing once the answer has settled."""
    _WRITE.run(conn, {"id_": message_id, "text": clean(text), "reasoning": clean(reasoning)})


def settle(
    conn: Connection,
    message_id: str,
    *,
    text: str,
    reasoning: str,
    state: MessageState,
    finish_reason: str,
    usage: Usage,
    first_token_ms: float | None,
    total_ms: float | None,
    error: ErrorInfo | None,
    now: float,
    model_id: str = "",
    sources: Sequence[Source] = (),
    unsupported: Sequence[tuple[int, int]] = (),
    cached: bool = False,
) -> None:
    """Stores how an answer ended and makes it findable. Settling again replaces what was there.

    `model_id`, when given, is who answered in place of the model that was asked; `sources`, when there are
    any, replace those from before. Raises `NotFound`.
    """
    text = clean(text)
    values = {
        "id_": message_id,
        "text": text,
        "reasoning": clean(reasoning),
        "state": state.value,
        "finish_reason": finish_reason,
        "first_token_ms": first_token_ms,
        "total_ms": total_ms,
        "error": error_json(error),
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cached": int(cached),
    }
    if model_id:
        values["model_id"] = model_id
    if _WRITE.run(conn, values).rowcount == 0:
        _reopen(conn, message_id)
        _WRITE.run(conn, values)
    search.add_message(conn, message_id, text)
    if sources:
        conn.execute(_FORGET_SOURCES, {"id_": message_id})
        conn.execute(_KEEP_SOURCES, {"message_id": message_id, "found": found_json(sources, unsupported)})
    _TOUCH_AROUND.run(conn, {"id_": message_id, "updated_at": now})


def mark_interrupted(conn: Connection, now: float) -> list[str]:
    """Every answer still `writing` becomes `interrupted`, its text kept and findable.

    For the start, when nobody can be writing; on a server any time, where answers that a living process
    has claimed are left alone. Returns the ids of their conversations.
    """
    others = processes.held(conn, ANSWERING)
    rows = [row for row in conn.execute(_UNFINISHED) if row.id not in others]
    for id, _, text in rows:
        search.add_message(conn, id, text)
    ids = list(dict.fromkeys(row.conversation_id for row in rows))
    if rows:
        conn.execute(_INTERRUPT, [{"id_": row.id} for row in rows])
        conn.execute(_TOUCH, [{"id_": id, "now": now} for id in ids])
    return ids


def select_branch(conn: Connection, message_id: str) -> str:
    """Brings the branch through this message into view, down to where it was last written in.

    Returns the new leaf's id. Raises `NotFound`.
    """
    conversation_id, _, _ = _place(conn, message_id)
    leaf: str = conn.execute(_NEWEST_BELOW, {"id_": message_id}).scalar_one()
    conn.execute(_SELECT_LEAF, {"id_": conversation_id, "leaf": leaf})
    return leaf


def get(conn: Connection, id: str) -> Message:
    """Raises `NotFound`."""
    row = conn.execute(_GET, {"id_": id}).first()
    if row is None:
        raise _missing(id)
    message = from_row(row)
    siblings = _siblings(conn, message.conversation_id, message.depth, message.depth)
    return replace(message, sibling_ids=siblings.get(message.parent_id, ()))


def path_page(
    conn: Connection, conversation_id: str, *, before_depth: int | None = None, limit: int = 100
) -> list[Message]:
    """The last `limit` messages of the branch in view, or the last before `before_depth`; oldest first.

    Empty for an unknown or empty conversation.
    """
    leaf = conn.execute(_LEAF, {"id_": conversation_id}).first()
    if leaf is None or limit < 1:
        return []
    bottom = leaf.depth if before_depth is None else min(leaf.depth, before_depth - 1)
    if bottom < 0:
        return []
    top = max(0, bottom - limit + 1)
    start = leaf.id
    if bottom < leaf.depth:
        span = {"id_": conversation_id, "from_": bottom, "to_": leaf.depth}
        start = conn.execute(_ALONE, span).scalar() or leaf.id
    siblings = _siblings(conn, conversation_id, top, bottom)
    rows = conn.execute(_PAGE, {"id_": start, "top": top, "bottom": bottom})
    return [from_row(row, siblings.get(row.parent_id, ())) for row in rows]


def _siblings(
    conn: Connection, conversation_id: str, top: int, bottom: int
) -> dict[str | None, tuple[str, ...]]:
    """The children of each parent that has several, for the depths of a page; oldest first."""
    found: dict[str | None, list[str]] = defaultdict(list)
    for id, parent_id in conn.execute(_SIBLINGS, {"id_": conversation_id, "from_": top, "to_": bottom}):
        found[parent_id].append(id)
    return {parent_id: tuple(ids) for parent_id, ids in found.items() if len(ids) > 1}


def _reopen(conn: Connection, id: str) -> None:
    """A settled message becomes `writing` and is no longer found. Raises `NotFound`."""
    row = conn.execute(_INDEXED, {"id_": id}).first()
    if row is None:
        raise _missing(id)
    search.remove_messages(conn, [(row.seq, row.text)])
    conn.execute(_REOPEN, {"id_": id})


def _place(conn: Connection, id: str) -> tuple[str, str, int]:
    """(conversation, role, depth) of a message. Raises `NotFound`."""
    row = _PLACE.run(conn, {"id_": id}).fetchone()
    if row is None:
        raise _missing(id)
    return row[0], row[1], row[2]


def _take_leaf(conn: Connection, answer: Message) -> None:
    """Makes `answer` the leaf in view. Raises `NotFound` when there is no such conversation."""
    values = {
        "id_": answer.conversation_id,
        "leaf_id": answer.id,
        "updated_at": answer.created_at,
        "model_id": answer.model_id,
    }
    if _NEW_LEAF.run(conn, values).rowcount == 0:
        raise NotFound(
            "This conversation does not exist.",
            hint="It may have been deleted.",
            detail=f"conversation {answer.conversation_id}",
        )


def _empty_answer(
    id: str, conversation_id: str, parent_id: str, depth: int, model_id: str, now: float
) -> Message:
    return Message(
        id, conversation_id, parent_id, Role.ASSISTANT, "", MessageState.WRITING, now, depth, model_id
    )


def _missing(id: str) -> NotFound:
    return NotFound("This message does not exist.", detail=f"message {id}")
