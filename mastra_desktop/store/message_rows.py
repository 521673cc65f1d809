"""A `Message` and its row, one into the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from mastra_desktop.domain.chat import Message, MessageState, Role, Usage
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.store import schema

_m = schema.messages.c
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
)


def from_row(row: Sequence[Any], sibling_ids: tuple[str, ...] = ()) -> Message:
    """A row of `COLUMNS` as a message. A value this version doesn't know never hides the message."""
    id, conversation_id, parent_id, role, text, state, created_at, depth, *rest = row
    model_id, reasoning, finish_reason, first_token_ms, total_ms, error, *counts = rest
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


def error_json(error: ErrorInfo | None) -> str | None:
    return None if error is None else json.dumps(asdict(error), ensure_ascii=False)


def error_from_json(stored: str) -> ErrorInfo:
    """What `error_json` made; one that cannot be read never hides what failed."""
    try:
        return ErrorInfo(**json.loads(stored))
    except (ValueError, TypeError):
        return ErrorInfo("bug", "It failed; what went wrong could not be read.", detail=stored[:200])
