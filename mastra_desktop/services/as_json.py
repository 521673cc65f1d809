"""The shapes that scripts rely on, for the command line and the HTTP API. Additions only."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from mastra_desktop.domain.chat import Conversation, Message
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.domain.knowledge import Collection, Document, DocumentState, SearchResult, Source
from mastra_desktop.domain.replies import (
    FallbackTaken,
    ReasoningDelta,
    ReplyEvent,
    ReplyFailed,
    ReplyFinished,
    ReplyStarted,
    RetryScheduled,
    SourcesFound,
    TextDelta,
)
from mastra_desktop.domain.tokens import ApiToken

if TYPE_CHECKING:
    from mastra_desktop.services.health import Check


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
        case SourcesFound(sources):
            return {"type": "sources", "items": [source_json(source) for source in sources]}
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


def source_json(s: Source) -> dict[str, Any]:
    """`passage` is its text."""
    return {
        "n": s.n,
        "collection": s.collection,
        "document": s.document,
        "page": s.page,
        "passage": s.text,
        "score": round(s.score, 4),
    }


def search_json(result: SearchResult) -> dict[str, Any]:
    found = [
        {
            "rank": hit.rank,
            "score": round(hit.score, 6),
            "document": hit.document.name,
            "page": hit.passage.page,
            "start": hit.passage.start,
            "end": hit.passage.end,
            "text": hit.passage.text,
        }
        for hit in result.hits
    ]
    return {"results": found, "took_ms": milliseconds(result.took_ms)}


def step_json(
    document: str, state: DocumentState, done: int = 0, of: int = 0, reason: str = ""
) -> dict[str, Any]:
    """A step of adding. `of` is 0 while it is not known; `reason` says why it failed or was skipped."""
    return {"document": document, "state": state.value, "done": done, "of": of, "reason": reason}


def collection_json(c: Collection) -> dict[str, Any]:
    return {
        "id": c.id,
        "name": c.name,
        "description": c.description,
        "embedder": c.embedder_id,
        "dimension": c.dimension,
        "created_at": _utc(c.created_at),
        "paused": c.paused,
        "documents": c.documents,
        "passages": c.passages,
        "embedded": c.embedded,
        "adding": c.adding,
        "failed": c.failed,
    }


def document_json(d: Document) -> dict[str, Any]:
    return {
        "id": d.id,
        "name": d.name,
        "source": d.source,
        "state": d.state.value,
        "size_bytes": d.size_bytes,
        "done": d.done,
        "of": d.of,
        "passages": d.passages,
        "summary": d.summary,
        "added_at": _utc(d.added_at),
        "error": error_json(d.error) if d.error else None,
    }


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
        "sources": [source_json(source) | {"cited": source.cited} for source in m.sources],
        "unsupported": [list(place) for place in m.unsupported],
        "cached": m.cached,
        "cost_usd": None if cost_usd is None else float(cost_usd),
    }


def check_json(c: Check) -> dict[str, Any]:
    """With what to do about it in the same sentence."""
    return {
        "name": c.name,
        "status": c.status.value,
        "duration_ms": milliseconds(c.duration_ms),
        "detail": f"{c.detail} {c.remedy}".strip(),
    }


def token_json(t: ApiToken) -> dict[str, Any]:
    return {
        "id": t.id,
        "name": t.name,
        "role": t.role.value,
        "created_at": _utc(t.created_at),
        "expires_at": None if t.expires_at is None else _utc(t.expires_at),
        "last_used_at": None if t.last_used_at is None else _utc(t.last_used_at),
    }


def milliseconds(value: float | None) -> float | None:
    """With one decimal; unknown stays None."""
    return None if value is None else round(value, 1)


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
