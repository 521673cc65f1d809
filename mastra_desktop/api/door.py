"""Who gets in: only this computer, no web page, and a token whose role covers what is asked for."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from mastra_desktop.api.errors import Refused, Trouble, refused
from mastra_desktop.domain.tokens import ApiToken, TokenRole

if TYPE_CHECKING:
    from starlette.types import Scope

    from mastra_desktop.services.tokens import TokenService

LONGEST_TOKEN = 512


class Door:
    def __init__(self, tokens: TokenService) -> None:
        self._tokens = tokens

    async def admit(self, scope: Scope, role: TokenRole | None) -> ApiToken | None:
        """The token that was shown; None where none is needed (`role` None).

        Raises Refused: 421 for a foreign Host, 403 for a web page from elsewhere or too small a role, 401
        without a valid token.
        """
        host = origin = authorization = b""
        for name, value in scope["headers"]:
            if name == b"host":
                host = value
            elif name == b"origin":
                origin = value
            elif name == b"authorization":
                authorization = value
        _check_host(host)
        _check_origin(origin, host)
        return None if role is None else await self._check_token(authorization, role)

    async def _check_token(self, authorization: bytes, role: TokenRole) -> ApiToken:
        scheme, _, secret = authorization.partition(b" ")
        secret = secret.strip()
        token = None
        if scheme.lower() == b"bearer" and 0 < len(secret) <= LONGEST_TOKEN:
            token = await self._tokens.check(secret.decode("latin-1"))
        if token is None:
            raise Refused(
                Trouble(
                    401,
                    "auth",
                    "A valid token is needed." if not secret else "The token is unknown or has expired.",
                    "Make one with `mastra-desktop tokens create`; send it as Authorization: Bearer TOKEN.",
                    headers={"WWW-Authenticate": "Bearer"},
                )
            )
        if not token.role.covers(role):
            raise refused(
                403,
                "auth",
                f"This needs the role {role.value}; the token has the role {token.role.value}.",
                hint="Make a token with that role.",
            )
        return token


def _check_host(host: bytes) -> None:
    """A page that got its own name to lead here (DNS rebinding) sends that name."""
    if not is_loopback(_without_port(host.decode("latin-1"))):
        raise refused(421, "bad_request", "This server answers only to this computer's own addresses.")


def _check_origin(origin: bytes, host: bytes) -> None:
    if origin and origin.lower() != b"http://" + host.lower():
        raise refused(403, "auth", "Web pages may not use this server.")


def _without_port(host: str) -> str:
    if host.startswith("["):
        address, closed, port = host[1:].partition("]")
        return address if closed and (not port or port[1:].isdigit()) else ""
    name, colon, port = host.partition(":")
    return name if not colon or port.isdigit() else ""


def is_loopback(name: str) -> bool:
    if name.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
