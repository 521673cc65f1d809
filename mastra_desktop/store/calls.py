"""How often models were asked."""

from __future__ import annotations

from sqlalchemy import Connection, func, literal, select

from mastra_desktop.domain.chat import Role
from mastra_desktop.store import schema

_m = schema.messages.c


def answers_by_model(conn: Connection, provider_id: str) -> dict[str, int]:
    """How many answers are stored of each model of a provider, by the model's name there."""
    beginning = f"{provider_id}/"
    found = conn.execute(
        select(_m.model_id, func.count())
        .where(_m.role == literal(Role.ASSISTANT.value), _m.model_id.startswith(beginning, autoescape=True))
        .group_by(_m.model_id)
    )
    return {model_id.removeprefix(beginning): count for model_id, count in found}
