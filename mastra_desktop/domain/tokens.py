"""Who may use the HTTP API, and for what."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class TokenRole(StrEnum):
    """Each may do what those before it may."""

    VIEWER = "viewer"  # reads
    OPERATOR = "operator"  # also asks models, computes embeddings and searches
    ADMIN = "admin"  # also changes settings, keys and tokens

    def covers(self, needed: TokenRole) -> bool:
        order = list(TokenRole)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token: never the token. Times are seconds since the epoch, UTC; None: never."""

    id: str
    name: str
    role: TokenRole
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token in the one moment in which it can be seen."""

    token: ApiToken
    secret: str
