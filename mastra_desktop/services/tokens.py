"""Tokens of the HTTP API: made, listed, revoked and checked. A token is shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from mastra_desktop.domain.errors import BadRequest
from mastra_desktop.domain.tokens import ApiToken, NewToken, TokenRole
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.store import tokens

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from mastra_desktop.services.audit import AuditService
    from mastra_desktop.store.database import Database

PREFIX = "mdt_"  # so that a token is recognised, and taken out of logs, wherever it stands
BYTES = 32
TRUSTED_S = 1.0  # a token revoked by another process is refused after this at the latest
TOLD_S = 60.0  # `last_used_at` is no older than this
MOST_KEPT = 1024
LONGEST_NAME = 100
DAY_S = 86_400.0

T = TypeVar("T")
log = get_logger(__name__)


@dataclass(slots=True)
class _Checked:
    """A token that was looked up; both times are the monotonic clock's."""

    sha256: str
    token: ApiToken
    looked_at: float
    told_at: float = float("-inf")


class TokenService:
    """`open_for_writing`: how a process that only reads the data home makes or revokes a token: beside its
    owner, who sees it at once. Belongs to one loop."""

    def __init__(
        self,
        db: Database,
        open_for_writing: Callable[[], Awaitable[Database]],
        audit: AuditService,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._open_for_writing = open_for_writing
        self._audit = audit
        self._clock = clock
        self._checked: dict[str, _Checked] = {}

    async def create(self, role: TokenRole, name: str = "", days: float | None = None) -> NewToken:
        """A new token; `days` until it expires, None: never. Raises BadRequest."""
        name = " ".join(name.split())
        if len(name) > LONGEST_NAME:
            raise BadRequest(f"A token's name has up to {LONGEST_NAME} characters.")
        if days is not None and not 0 < days <= 36_500:
            raise BadRequest("A token lasts more than 0 and up to 36,500 days.")
        secret = PREFIX + secrets.token_urlsafe(BYTES)
        now = self._clock()
        made = await self._write(
            lambda conn: tokens.create(
                conn,
                id=secrets.token_hex(4),
                name=name,
                role=role,
                sha256=_hash(secret),
                now=now,
                expires_at=None if days is None else now + days * DAY_S,
            )
        )
        log.info("access created", id=made.id, role=role.value)
        self._audit.record("user", "token.create", f"{made.id} {name}".rstrip(), detail=role.value)
        return NewToken(made, secret)

    async def all(self) -> list[ApiToken]:
        """The newest first, those that have expired too."""
        return await self._db.read(tokens.all_tokens)

    async def revoke(self, token_id: str) -> ApiToken:
        """Nobody gets in with it any more. Raises NotFound."""
        gone = await self._write(lambda conn: tokens.remove(conn, token_id))
        self._checked.clear()
        log.info("access revoked", id=gone.id, role=gone.role.value)
        self._audit.record("user", "token.revoke", f"{gone.id} {gone.name}".rstrip(), detail=gone.role.value)
        return gone

    async def check(self, secret: str) -> ApiToken | None:
        """Whose token this is; None for one that is unknown, revoked or expired."""
        sha256 = _hash(secret)
        now = time.monotonic()
        found = self._checked.get(sha256)
        if found is None or now - found.looked_at > TRUSTED_S:
            found = await self._look_up(sha256, now, found)
        if found is None or not hmac.compare_digest(found.sha256, sha256):
            return None
        token = found.token
        if token.expires_at is not None and token.expires_at <= self._clock():
            return None
        if now - found.told_at > TOLD_S and not self._db.read_only:
            found.told_at = now
            self._db.write_soon(tokens.used, token.id, self._clock())
        return token

    async def _look_up(self, sha256: str, now: float, before: _Checked | None) -> _Checked | None:
        row = await self._db.read(tokens.by_hash, sha256)
        if row is None:
            self._checked.pop(sha256, None)
            return None
        if len(self._checked) >= MOST_KEPT:
            self._checked.clear()
        found = _Checked(*row, now, before.told_at if before else float("-inf"))
        self._checked[sha256] = found
        return found

    async def _write(self, change: Callable[[Connection], T]) -> T:
        if not self._db.read_only:
            return await self._db.write(change)
        db = await self._open_for_writing()
        try:
            return await db.write(change)
        finally:
            await db.close()


def _hash(secret: str) -> str:
    """Without salt and stretching: 256 random bits cannot be guessed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
