"""Waiting and retrying, proxies, and the words for what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from email.utils import formatdate

import pytest

from mastra_desktop.domain.errors import AuthError, MastraError, ProviderError, RateLimited
from mastra_desktop.providers.failures import retry_after_s, status_error, stream_error, vendor_text
from mastra_desktop.providers.http import HttpSettings, RetryPolicy, open_client


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after": formatdate(1_000_030, usegmt=True)}, 30.0),
        ({"retry-after": formatdate(999_000, usegmt=True)}, 0.0),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3.0),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_the_server_asks_to_wait(headers: dict[str, str], expected: float | None) -> None:
    """Milliseconds first, then seconds, then a date; nonsense counts as nothing."""
    assert retry_after_s(headers, now=1_000_000) == expected


def test_waits_double_up_to_eight_seconds() -> None:
    """0.5 s x 2^n, at most 8 s, a quarter less by jitter."""
    policy = RetryPolicy(max_retries=9, jitter=lambda: 0.0)
    error = ProviderError("x")
    assert [policy.wait_s(n, error) for n in range(1, 8)] == [0.5, 1, 2, 4, 8, 8, 8]
    assert RetryPolicy(jitter=lambda: 1.0).wait_s(1, error) == 0.375


@pytest.mark.parametrize(
    ("error", "failed_tries", "expected"),
    [
        (RateLimited("x", retry_after_s=120), 1, 120),
        (RateLimited("x", retry_after_s=121), 1, None),
        (RateLimited("x", retry_after_s=1), 3, None),
        (AuthError("x"), 1, None),
    ],
)
def test_when_no_further_try_is_made(error: MastraError, failed_tries: int, expected: float | None) -> None:
    """Asked to wait over 120 s, tries used up, or trouble that a retry cannot help."""
    assert RetryPolicy(max_retries=2).wait_s(failed_tries, error) == expected


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":{"message":"Bad  thing\\n here"}}', "Bad thing here"),
        (b'{"error":"plain"}', "plain"),
        (b'{"detail":[{"msg":"field required"}]}', "field required"),
        (b'[{"error":{"message":"in a list"}}]', "in a list"),
        (b'{"error":{"message":["odd"]}}', "odd"),
        (b'{"error":{"message":"key sk-proj-abcdefgh12345678 and Bearer abc.def"}}', "key [key] and [key]"),
        (b"<html>", ""),
        (b"{}", ""),
    ],
)
def test_the_vendors_words_are_kept_short_and_clean(body: bytes, text: str) -> None:
    """Whatever the shape of the error body, one clean line of it is quoted, or nothing."""
    error = status_error(500, {}, body, host="x:1")
    assert error.message == "x:1 had an error of its own." + (f" It says: {text}" if text else "")


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"error": {"message": "busy", "code": 429}}, "rate_limit"),
        ({"error": {"message": "busy", "type": "rate_limit_error"}}, "rate_limit"),
        ({"error": {"message": "no", "code": "invalid_api_key"}}, "auth"),
        ({"error": {"message": "no", "type": "insufficient_quota"}}, "quota"),
        ({"error": {"code": 400, "type": "exceed_context_size_error"}}, "context_length"),
        ({"error": {"message": "no", "code": "content_filter"}}, "content_filter"),
        ({"error": "it broke"}, "provider"),
        ({"error": {"code": True}}, "provider"),
    ],
)
def test_an_error_inside_a_stream_has_its_class(payload: object, code: str) -> None:
    """By number or by the vendor's words."""
    assert stream_error(payload, host="x:1").code == code


def test_foreign_text_is_cut_at_300_characters() -> None:
    """A page of foreign text does not flood the card."""
    assert len(vendor_text({"error": {"message": "ä " * 1000}})) == 300


@pytest.mark.parametrize(
    ("proxies", "via_proxy"),
    [
        ({}, False),
        ({"all": "socks://127.0.0.1:1080/"}, True),
        ({"all": "SOCKS5h://127.0.0.1:1080"}, True),
        ({"all": "socks4://127.0.0.1:1080"}, False),
        ({"http": "http://proxy.example:port"}, False),
        ({"https": "nonsense://x:1"}, False),
        ({"http": "proxy.example:3128"}, True),
        ({"http": "http://proxy.example:3128", "all": "socks://127.0.0.1:1080"}, True),
        ({"http": "http://proxy.example:3128", "no": "*"}, False),
        ({"http": "http://proxy.example:3128", "no": "other.example, server.example"}, False),
        ({"http": "http://proxy.example:3128", "no": "::1,a:b:c:[,10.0.0.0/8,x:80, ,//"}, True),
    ],
)
def test_no_proxy_setting_stops_the_start(proxies: Mapping[str, str], via_proxy: bool) -> None:
    """Usable settings are used, others ignored; this computer is never reached through a proxy."""

    async def check() -> None:
        import httpx

        async with open_client(HttpSettings(), proxies=proxies) as client:
            chosen = client._transport_for_url(httpx.URL("http://server.example/v1"))
            assert (chosen is not client._transport) == via_proxy
            for url in ("http://127.0.0.1:8080/", "http://localhost/", "http://[::1]:1/"):
                assert client._transport_for_url(httpx.URL(url)) is client._transport

    began = time.perf_counter()
    asyncio.run(check())
    assert time.perf_counter() - began < 5
