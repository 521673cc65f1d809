"""The shapes that scripts rely on, for the command line and the HTTP API. Additions only."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from mastra_desktop.domain.chat import Conversation, Message
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.replies import (
    FallbackTaken,
    ReasoningDelta,
    ReplyEvent,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RetryScheduled,
    TextDelta,
)


def event_json(event: ReplyEvent) -> dict[str, Any] | None:
    """An event of a reply; None for those that are not part of the promise."""
    match event:
        case TextDelta(text):
            return {"type": "text", "text": text}
        case ReasoningDelta(text):
            return {"type": "reasoning", "text": text}
        case ReplyStarted():
            return {
                "type": "start",
                "conversation_id": event.conversation_id,
                "message_id": event.message_id,
                "model": event.model_id,
            }
        case RetryScheduled(attempt, of, wait_s, reason):
            wait_s = round(wait_s, 3)
            return {"type": "retry", "attempt": attempt, "of": of, "wait_s": wait_s, "reason": reason}
        case FallbackTaken(from_id, to_id, reason):
            return {"type": "fallback", "from": from_id, "to": to_id, "reason": reason}
        case ReplyFailed(error):
            return {"type": "error", **error_json(error)}
        case ReplyFinished():
            return {
                "type": "finish",
                "reason": event.reason,
                "usage": dataclasses.asdict(event.usage),
                "model": event.model_id,
                "cached": event.cached,
                "first_token_ms": milliseconds(event.first_token_ms),
                "total_ms": milliseconds(event.total_ms),
            }
    return None


def error_json(error: ErrorInfo) -> dict[str, Any]:
    return {"code": error.code, "message": error.message, "hint": error.hint, "retryable": error.retryable}


def conversation_json(c: Conversation) -> dict[str, Any]:
    return {
        "id": c.id,
        "title": c.title,
        "created_at": _utc(c.created_at),
        "updated_at": _utc(c.updated_at),
        "model": c.model_id,
        "message_count": c.message_count,
    }


def message_json(m: Message, cost_usd: Decimal | None = None) -> dict[str, Any]:
    """`cost_usd` None: unknown, or nobody was asked."""
    return {
        "id": m.id,
        "parent_id": m.parent_id,
        "role": m.role.value,
        "text": m.text,
        "reasoning": m.reasoning,
        "state": m.state.value,
        "created_at": _utc(m.created_at),
        "model": m.model_id,
        "finish_reason": m.finish_reason,
        "usage": dataclasses.asdict(m.usage),
        "first_token_ms": milliseconds(m.first_token_ms),
        "total_ms": milliseconds(m.total_ms),
        "error": error_json(m.error) if m.error else None,
        "siblings": list(m.sibling_ids),
        "cost_usd": None if cost_usd is None else float(cost_usd),
    }


def milliseconds(value: float | None) -> float | None:
    """With one decimal; unknown stays None."""
    return None if value is None else round(value, 1)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
