"""The way out: one pooled HTTP client for every provider, and when a failed try is made again.

httpx over aiohttp's connections costs a third of plain httpx for a streamed answer. httpx and aiohttp
take 0.4 s to import, so they come with the first request, or with `preload` in a thread before it.
"""

from __future__ import annotations

import asyncio
import logging
import random
import urllib.request
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.replies import ProviderEvent, RetryScheduled

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx

log = logging.getLogger(__name__)

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The `[http]` section. Times in seconds; `read_idle_timeout_s` is silence between two pieces."""

    connect_timeout_s: float = 10
    read_idle_timeout_s: float = 120
    whole_answer_s: float = 600
    max_retries: int = 2
    first_retry_wait_s: float = 0.5
    max_connections: int = 100


class HttpPool:
    """The shared client, opened at the first request inside the running loop. `settings` may be swapped."""

    def __init__(self, settings: HttpSettings | None = None) -> None:
        self.settings = settings or HttpSettings()
        self._client: httpx.AsyncClient | None = None

    def client(self) -> httpx.AsyncClient:
        """Call it from the loop that uses it."""
        if self._client is None:
            self._client = open_client(self.settings)
        return self._client

    async def aclose(self) -> None:
        """Ends every connection. Safe to call twice; a later request opens a new client."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def preload() -> None:
    """Imports what the first request needs. Call it in a thread, after the first paint."""
    import httpx_aiohttp  # noqa: F401


def open_client(settings: HttpSettings, *, proxies: Mapping[str, str] | None = None) -> httpx.AsyncClient:
    """A client over aiohttp's connection pool; call it inside the loop that will use it.

    `proxies` are the system's unless given, as `urllib.request.getproxies` names them. Requests to a
    proxy take plain httpx; this computer is never reached through one; a setting that cannot be used
    is logged and ignored.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector
    from httpx_aiohttp import AiohttpTransport

    context = httpx.create_ssl_context()

    def session() -> ClientSession:
        connector = TCPConnector(limit=settings.max_connections, ssl=context, keepalive_timeout=30)
        return ClientSession(connector=connector, cookie_jar=DummyCookieJar())

    return httpx.AsyncClient(
        transport=AiohttpTransport(verify=context, client=session),
        mounts=_proxy_mounts(urllib.request.getproxies() if proxies is None else proxies, context, settings),
        timeout=_timeout(settings),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )


def _timeout(settings: HttpSettings) -> httpx.Timeout:
    import httpx

    # aiohttp counts looking up the host under "pool" and not under "connect".
    connect = settings.connect_timeout_s
    return httpx.Timeout(settings.read_idle_timeout_s, connect=connect, pool=connect)


def _proxy_mounts(
    proxies: Mapping[str, str], context: ssl.SSLContext, settings: HttpSettings
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """httpx mounts (URL pattern to transport) for the system's proxy settings; empty without a proxy."""
    import httpx

    direct = [host.strip() for host in proxies.get("no", "").split(",") if host.strip()]
    if "*" in direct:
        return {}
    limits = httpx.Limits(max_connections=settings.max_connections)
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    for scheme in ("http", "https", "all"):
        address = proxies.get(scheme, "")
        if not address:
            continue
        address = address if "://" in address else f"http://{address}"
        if address.startswith("socks://"):  # what desktops write for SOCKS 5
            address = address.replace("socks://", "socks5://", 1)
        try:
            mounts[f"{scheme}://"] = httpx.AsyncHTTPTransport(
                verify=context, trust_env=False, limits=limits, proxy=httpx.Proxy(address)
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:  # ImportError: SOCKS is not built in
            log.warning("proxy setting for %s ignored: %s", scheme, type(error).__name__)
    if mounts:
        for host in (*_LOOPBACK, *direct):
            pattern = _direct_pattern(host)
            try:
                httpx.URL(pattern)
            except httpx.InvalidURL:
                log.warning("no_proxy entry ignored")
            else:
                mounts[pattern] = None
    return mounts


def _direct_pattern(host: str) -> str:
    """The httpx mount pattern for one entry of no_proxy: names also cover what ends like them."""
    if host.count(":") > 1:
        return f"all://[{host.strip('[]')}]"
    exact = host in _LOOPBACK or host.replace(".", "").replace(":", "").isdigit()
    return f"all://{host}" if exact else f"all://*{host}"


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed try is made again. Waits are seconds; `jitter` gives a number from 0 to 1."""

    max_retries: int = 2
    first_wait_s: float = 0.5
    longest_wait_s: float = 8
    longest_asked_s: float = 120
    jitter: Callable[[], float] = random.random

    def wait_s(self, failed_tries: int, error: MastraError) -> float | None:
        """How long to wait after this many failed tries, or None when no further try is made."""
        if not error.retryable or failed_tries > self.max_retries:
            return None
        if error.retry_after_s is not None:
            return error.retry_after_s if error.retry_after_s <= self.longest_asked_s else None
        wait = min(self.first_wait_s * 2.0 ** (failed_tries - 1), self.longest_wait_s)
        return wait * (1 - 0.25 * self.jitter())


async def with_retries(
    start: Callable[[], AsyncGenerator[list[ProviderEvent]]], policy: RetryPolicy
) -> AsyncGenerator[ProviderEvent]:
    """Runs tries made by `start` until one yields, and yields its events one by one.

    Nothing is tried again once a try has yielded: the person would see the text twice. A
    `RetryScheduled` is yielded before each wait. Raises the last try's MastraError.
    """
    failed_tries = 0
    while True:
        began = False
        try:
            async with aclosing(start()) as batches:
                async for batch in batches:
                    began = True
                    for event in batch:
                        yield event
            return  # noqa: TRY300 - an else block would hide that this ends the loop
        except MastraError as error:
            failed_tries += 1
            wait = None if began else policy.wait_s(failed_tries, error)
            if wait is None:
                raise
            notice = RetryScheduled(failed_tries, policy.max_retries, wait, error.message)
        yield notice
        await asyncio.sleep(wait)
