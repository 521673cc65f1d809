"""Short ways to write turns in tests."""

from __future__ import annotations

from sqlalchemy import Connection

from mastra_desktop.domain.chat import MessageState, Usage
from mastra_desktop.domain.errors import ErrorInfo
from mastra_desktop.store import conversations, messages


def new_conversation(conn: Connection, id: str = "c", title: str = "A title", now: float = 1.0) -> None:
    conversations.create(conn, id=id, title=title, model_id="local/default", now=now)


def begin(
    conn: Connection, n: int | str, parent_id: str | None = None, text: str = "a prompt", id: str = "c"
) -> str:
    """Stores the prompt `u<n>` with the answer `a<n>` being written; returns the answer's id."""
    messages.begin_turn(
        conn,
        conversation_id=id,
        user_id=f"u{n}",
        answer_id=f"a{n}",
        parent_id=parent_id,
        text=text,
        model_id="work/large",
        now=2.0,
    )
    return f"a{n}"


def finish(
    conn: Connection,
    message_id: str,
    text: str = "an answer",
    state: MessageState = MessageState.DONE,
    error: ErrorInfo | None = None,
    now: float = 3.0,
) -> None:
    messages.settle(
        conn,
        message_id,
        text=text,
        reasoning="because",
        state=state,
        finish_reason="stop",
        usage=Usage(5, 7, None, 0),
        first_token_ms=12.5,
        total_ms=80.0,
        error=error,
        now=now,
    )


def turn(conn: Connection, n: int | str, parent_id: str | None = None, answer: str = "an answer") -> str:
    answer_id = begin(conn, n, parent_id)
    finish(conn, answer_id, answer)
    return answer_id
