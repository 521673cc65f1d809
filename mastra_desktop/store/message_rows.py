"""A `Message` and its row, one into the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import orjson
from sqlalchemy import select

from mastra_desktop.domain.chat import Message, MessageState, Role, Usage
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Source
from mastra_desktop.store import schema

_m = schema.messages.c
_s = schema.message_sources.c
_ROLES = {role.value: role for role in Role}
_STATES = {state.value: state for state in MessageState}

COLUMNS = (
    _m.id,
    _m.conversation_id,
    _m.parent_id,
    _m.role,
    _m.text,
    _m.state,
    _m.created_at,
    _m.depth,
    _m.model_id,
    _m.reasoning,
    _m.finish_reason,
    _m.first_token_ms,
    _m.total_ms,
    _m.error,
    _m.input_tokens,
    _m.output_tokens,
    _m.cached_input_tokens,
    _m.reasoning_tokens,
    _m.cached,
    # One look into an index that is mostly empty: a join would cost every page the same.
    select(_s.found).where(_s.message_id == _m.id).correlate(schema.messages).scalar_subquery(),
)


def from_row(row: Sequence[Any], sibling_ids: tuple[str, ...] = ()) -> Message:
    """A row of `COLUMNS` as a message. A value this version doesn't know never hides the message."""
    id, conversation_id, parent_id, role, text, state, created_at, depth, *rest = row
    model_id, reasoning, finish_reason, first_token_ms, total_ms, error, *counts, cached, found = rest
    sources, unsupported = _from_found(found) if found else ((), ())
    return Message(
        id,
        conversation_id,
        parent_id,
        _ROLES.get(role, Role.ASSISTANT),
        text,
        _STATES.get(state, MessageState.INTERRUPTED),
        created_at,
        depth,
        model_id,
        reasoning,
        finish_reason,
        Usage(*counts),
        first_token_ms,
        total_ms,
        error_from_json(error) if error else None,
        sibling_ids,
        sources,
        unsupported,
        bool(cached),
    )


def new_row(message: Message) -> dict[str, Any]:
    """The row of a message that was just made: no figures, no error yet."""
    return {
        "id": message.id,
        "conversation_id": message.conversation_id,
        "parent_id": message.parent_id,
        "depth": message.depth,
        "role": message.role.value,
        "text": message.text,
        "reasoning": message.reasoning,
        "state": message.state.value,
        "created_at": message.created_at,
        "model_id": message.model_id,
        "finish_reason": message.finish_reason,
    }


def found_json(sources: Sequence[Source], unsupported: Sequence[tuple[int, int]]) -> str:
    """What `message_sources.found` holds."""
    return orjson.dumps({"sources": sources, "unsupported": unsupported}).decode()


def _from_found(stored: str) -> tuple[tuple[Source, ...], tuple[tuple[int, int], ...]]:
    """What can't be read leaves the answer without its sources, never without its text."""
    try:
        kept = orjson.loads(stored)
        sources = tuple(Source(**each | {"heading": tuple(each["heading"])}) for each in kept["sources"])
        return sources, tuple((start, end) for start, end in kept["unsupported"])
    except (ValueError, TypeError, LookupError):
        return (), ()


def error_json(error: ErrorInfo | None) -> str | None:
    return None if error is None else json.dumps(asdict(error), ensure_ascii=False)


def error_from_json(stored: str) -> ErrorInfo:
    """What `error_json` made; one that cannot be read never hides what failed."""
    try:
        return ErrorInfo(**json.loads(stored))
    except (ValueError, TypeError):
        return ErrorInfo("bug", "It failed; what went wrong could not be read.", detail=stored[:200])
