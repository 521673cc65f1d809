"""Tokens of the HTTP API, by the hash of each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mastra_desktop.domain.errors import NotFound
from mastra_desktop.domain.tokens import ApiToken, TokenRole
from mastra_desktop.store import schema

_t = schema.api_tokens.c
_COLUMNS = (_t.id, _t.name, _t.role, _t.created_at, _t.expires_at, _t.last_used_at)


def create(
    conn: Connection,
    *,
    id: str,
    name: str,
    role: TokenRole,
    sha256: str,
    now: float,
    expires_at: float | None,
) -> ApiToken:
    conn.execute(
        insert(schema.api_tokens).values(
            id=id, name=name, role=role.value, sha256=sha256, created_at=now, expires_at=expires_at
        )
    )
    return ApiToken(id, name, role, now, expires_at)


def all_tokens(conn: Connection) -> list[ApiToken]:
    """The newest first, those that have expired too."""
    return [_token(row) for row in conn.execute(select(*_COLUMNS).order_by(_t.seq.desc()))]


def by_hash(conn: Connection, sha256: str) -> tuple[str, ApiToken] | None:
    """The kept hash and its token; None without one."""
    row = conn.execute(select(_t.sha256, *_COLUMNS).where(_t.sha256 == sha256)).first()
    return None if row is None else (row.sha256, _token(row))


def used(conn: Connection, id: str, now: float) -> None:
    conn.execute(update(schema.api_tokens).where(_t.id == id).values(last_used_at=now))


def remove(conn: Connection, id: str) -> ApiToken:
    """Returns what it was. Raises NotFound."""
    row = conn.execute(select(*_COLUMNS).where(_t.id == id)).first()
    if row is None:
        raise NotFound(
            f"There is no token with the id “{id}”.", hint="List the tokens to see which there are."
        )
    conn.execute(delete(schema.api_tokens).where(_t.id == id))
    return _token(row)


def _token(row: Any) -> ApiToken:
    return ApiToken(row.id, row.name, TokenRole(row.role), row.created_at, row.expires_at, row.last_used_at)
