"""Trouble as a client of the HTTP API gets it: one shape for all routes, which OpenAI's clients read too."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import Any

import orjson
from starlette.responses import Response

from mastra_desktop.domain.errors import ErrorInfo

JSON = "application/json"

# What failed behind us is never 401 or 403: the client's own token is fine.
_STATUS = {
    "bad_request": 400,
    "context_length": 400,
    "content_filter": 400,
    "tool": 400,
    "rate_limit": 429,
    "quota": 429,
    "auth": 502,
    "network": 502,
    "provider": 502,
    "timeout": 504,
    "circuit_open": 503,
    "cancelled": 503,
    "knowledge": 503,
    "storage": 503,
}
_TYPES = {  # the words OpenAI's clients know
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """An answer that is an error. `param` is where in the request it is, as OpenAI names it."""

    status: int
    code: str
    message: str
    hint: str = ""
    param: str | None = None
    retryable: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        kind = _TYPES.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        return {
            "error": {
                "code": self.code,
                "message": self.message,
                "hint": self.hint,
                "type": kind,
                "param": self.param,
                "retryable": self.retryable,
            }
        }

    def response(self) -> Response:
        headers = dict(self.headers)
        if self.status in (429, 502, 503, 504) and not self.retryable:
            headers["x-should-retry"] = "false"  # OpenAI's clients try these again by themselves otherwise
        return json_response(self.body(), self.status, headers)


class Refused(Exception):
    """Ends a request with `trouble`."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.message)
        self.trouble = trouble


def refused(status: int, code: str, message: str, *, hint: str = "", param: str | None = None) -> Refused:
    return Refused(Trouble(status, code, message, hint, param))


def trouble_of(error: ErrorInfo, *, missing: bool = False) -> Trouble:
    """`missing`: what was asked for does not exist."""
    status = 404 if missing else _STATUS.get(error.code, 500)
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, ceil(error.retry_after_s)))
    return Trouble(status, error.code, error.message, error.hint, None, error.retryable, headers)


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, JSON)
