"""What went wrong, told as a domain error: exceptions of the network, statuses and vendors' error bodies."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any

import orjson

from mastra_desktop.domain.errors import (
    AuthError,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    MastraError,
    NetworkError,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from mastra_desktop.providers.waits import in_words

_LONGEST_FOREIGN_TEXT = 300
_KEY_SHAPES = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|key|tvly|hf|ghp)[-_][A-Za-z0-9*_\-.]{8,}|\b(?:AKIA|AIza)[A-Za-z0-9_\-]{8,}"
    r"|(?i:bearer)\s+\S+|\b(?=[A-Za-z]*\d)[A-Za-z0-9]{32,}\b"
)
_QUOTA = re.compile(
    r"insufficient_quota|insufficient.{0,10}(balance|credit|funds)|billing|exceeded your current quota"
    r"|out of credits|payment required|spending.limit",
    re.I,
)
_CONTEXT = re.compile(
    r"context_length|exceed_context_size|context.{0,3}(window|length|size)|maximum context|too many tokens"
    r"|prompt is too long|input.{0,20}too long|reduce the length of the messages",
    re.I,
)
_FILTERED = re.compile(r"content_filter|content_policy|content management policy|moderation", re.I)


def network_error(error: Exception, host: str) -> ProviderError:
    """What httpx (or the transport below it) raised, as NetworkError or ProviderTimeout for `host`.

    The causes are looked through, because the aiohttp transport names a dropped connection
    ConnectTimeout and a failed TLS handshake ConnectError.
    """
    import httpx

    causes = list(_causes(error))

    def caused_by(*kinds: type[BaseException]) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    detail = " < ".join(type(cause).__name__ for cause in causes)
    names = detail.casefold()
    if caused_by(ConnectionRefusedError):
        return NetworkError(
            f"Nothing answers at {host}.",
            hint="Check that the server runs and that the address and port are right.",
            detail=detail,
        )
    if caused_by(socket.gaierror) or "dnserror" in names:
        return NetworkError(
            f"No computer named {host} was found.",
            hint="Check the address and the network connection.",
            detail=detail,
        )
    if caused_by(ssl.SSLError, ssl.CertificateError) or "ssl" in names or "certificate" in names:
        return NetworkError(
            f"No secure connection to {host} could be made.",
            hint="Its certificate is not trusted here, or the address should begin with http://.",
            detail=detail,
            retryable=False,
        )
    if "proxy" in names:
        return NetworkError(
            f"The proxy did not let us through to {host}.",
            hint="Check the proxy in the system's network settings.",
            detail=detail,
        )
    if isinstance(error, httpx.ReadTimeout) and caused_by(TimeoutError):
        return ProviderTimeout(
            f"{host} fell silent.", hint="Try again; the server may be overloaded.", detail=detail
        )
    if isinstance(error, httpx.TimeoutException) and caused_by(TimeoutError):
        return ProviderTimeout(
            f"{host} could not be reached in time.",
            hint="Check the address and the network connection.",
            detail=detail,
        )
    if isinstance(error, httpx.UnsupportedProtocol):
        return NetworkError(f"{host} is not an address that can be called.", detail=detail, retryable=False)
    if caused_by(httpx.RemoteProtocolError, httpx.DecodingError) or "badhttpmessage" in names:
        return NetworkError(
            f"{host} did not answer in HTTP.", hint="Is the address right?", detail=detail, retryable=False
        )
    return NetworkError(f"The connection to {host} broke.", hint="Try again in a moment.", detail=detail)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in found:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def status_error(
    status: int, headers: Mapping[str, str], body: bytes, *, host: str, key: str | None = None
) -> MastraError:
    """The domain error for an answer of `status` (400 and up, or a redirect) with its `body`."""
    try:
        payload = orjson.loads(body)
    except orjson.JSONDecodeError:
        payload = None
    return _classify(status, vendor_text(payload, key), _codes(payload), host, retry_after_s(headers))


def stream_error(payload: Any, *, host: str, key: str | None = None) -> MastraError:
    """The domain error for an error object inside a stream that began with 200."""
    error = payload.get("error", payload) if isinstance(payload, dict) else payload
    code = error.get("code") if isinstance(error, dict) else None
    status = int(code) if isinstance(code, int) or (isinstance(code, str) and code.isdecimal()) else 0
    status = status if 400 <= status < 600 else 0
    return _classify(status, vendor_text(payload, key), _codes(payload), host, None)


def _classify(status: int, said: str, codes: str, host: str, wait_s: float | None) -> MastraError:
    """By the vendor's code where it is clear, by the status otherwise. Status 0 stands for none."""
    words = f"{codes} {said}"
    quote = f" It says: {said}" if said else ""
    detail = " ".join(part for part in (f"HTTP {status}" if status else "", codes) if part)
    if status in (0, 400, 413, 422, 500) and _CONTEXT.search(words):
        return ContextTooLong(
            f"The conversation is too long for this model.{quote}",
            hint="Start a new chat, or choose a model with a longer context.",
            detail=detail,
        )
    if status in (0, 400, 403) and _FILTERED.search(words):
        return ContentFiltered(
            f"{host} declined to answer this.{quote}", hint="Put it differently.", detail=detail
        )
    if status == 402 or (status in (0, 403, 429) and _QUOTA.search(words)):
        return QuotaError(
            f"The account at {host} has no credit left.{quote}",
            hint="Add credit there, or switch the model.",
            detail=detail,
        )
    if status in (401, 403) or (not status and re.search(r"invalid_api_key|authentication", codes)):
        return AuthError(
            f"{host} did not accept the key.{quote}",
            hint="Enter the key again in Settings, or make a new one there.",
            detail=detail,
        )
    if status == 429 or (not status and re.search(r"rate_limit|too_many_requests", codes)):
        return RateLimited(
            f"{host} is getting too many requests.{quote}",
            hint=asked_to_wait(wait_s, "Wait a moment, or switch the model."),
            detail=detail,
            retry_after_s=wait_s,
        )
    if status in (408, 504):
        return ProviderTimeout(
            f"{host} took too long.{quote}",
            hint=asked_to_wait(wait_s, "Try again."),
            detail=detail,
            retry_after_s=wait_s,
        )
    if status == 404:
        return BadRequest(
            f"No such model or path at {host}.{quote}",
            hint="Check the model's name and the address; it often ends in /v1.",
            detail=detail,
        )
    if 300 <= status < 400:
        return BadRequest(
            f"{host} has moved to another address.", hint="Enter the new address in Settings.", detail=detail
        )
    if 400 <= status < 500 and status not in (409, 425):
        return BadRequest(f"{host} refused the request.{quote}", detail=detail)
    if status in (503, 529):
        return ProviderError(
            f"{host} is overloaded or starting.{quote}",
            hint=asked_to_wait(wait_s, "Try again in a moment."),
            detail=detail,
            retry_after_s=wait_s,
        )
    return ProviderError(
        f"{host} had an error of its own.{quote}",
        hint=asked_to_wait(wait_s, "Try again in a moment, or switch the model."),
        detail=detail,
        retry_after_s=wait_s,
    )


def vendor_text(payload: Any, key: str | None = None) -> str:
    """What the vendor says went wrong: one line of at most 300 characters, keys removed. "" if nothing."""
    for _ in range(3):  # {"error": {"message": ...}}, {"message": ...}, {"detail": [{"msg": ...}]}
        if isinstance(payload, list):
            payload = payload[0] if payload else None
        if not isinstance(payload, dict):
            break
        payload = next((payload[k] for k in ("error", "message", "detail", "msg") if payload.get(k)), None)
    return without_keys(payload, key) if isinstance(payload, str) else ""


def without_keys(text: str, key: str | None = None) -> str:
    """Foreign text, safe to show: one line, no key, at most 300 characters."""
    if key:
        text = text.replace(key, "[key]")
    text = _KEY_SHAPES.sub("[key]", " ".join(text.split()))
    text = "".join(c for c in text if c.isprintable())
    return text if len(text) <= _LONGEST_FOREIGN_TEXT else text[: _LONGEST_FOREIGN_TEXT - 1] + "…"


def _codes(payload: Any) -> str:
    """The vendor's `type`, `code` and `status` words, for classifying and for details."""
    error = payload.get("error", payload) if isinstance(payload, dict) else None
    if not isinstance(error, dict):
        return ""
    words = (error.get(name) for name in ("type", "code", "status"))
    return " ".join(word[:60] for word in words if isinstance(word, str))


def retry_after_s(headers: Mapping[str, str], *, now: float | None = None) -> float | None:
    """Seconds the server asks to wait: `retry-after-ms`, else `Retry-After` in seconds or as a date."""
    if (ms := _number(headers.get("retry-after-ms", ""))) is not None:
        return ms / 1000
    asked = headers.get("retry-after", "")
    if (seconds := _number(asked)) is not None:
        return seconds
    try:
        when = parsedate_to_datetime(asked)
        if when.tzinfo is None:  # "-0000": UTC, of unknown origin (RFC 5322)
            when = when.replace(tzinfo=UTC)
        return max(0.0, when.timestamp() - (time.time() if now is None else now))
    except (ValueError, OverflowError):
        return None


def _number(text: str) -> float | None:
    """Digits with or without a fraction; no sign, exponent, nan or inf."""
    return float(text) if re.fullmatch(r"\s*[0-9]{1,15}(\.[0-9]*)?\s*", text) else None


def asked_to_wait(wait_s: float | None, otherwise: str) -> str:
    """The hint that says how long a provider asks to wait; `otherwise` when it does not."""
    if not wait_s:
        return otherwise
    return f"It asks to wait {in_words(wait_s)}. Try again then, or switch the model."
