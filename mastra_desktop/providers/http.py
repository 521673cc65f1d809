"""The way out: one pooled HTTP client for every provider, and when a failed try is made again.

httpx over aiohttp's connections costs a third of plain httpx for a streamed answer. httpx and aiohttp
take 0.4 s to import, so they come with the first request, or with `preload` in a thread before it.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mastra_desktop.domain.errors import CircuitOpen, ConfigError, MastraError, ProviderTimeout
from mastra_desktop.domain.replies import ProviderEvent, RetryScheduled
from mastra_desktop.providers.guard import Attempt, Guard
from mastra_desktop.providers.proxies import proxy_mounts, proxy_settings

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

    import httpx

    from mastra_desktop.providers.traffic import Client

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpSettings:
    """The `[http]` section. Times in seconds; `read_idle_timeout_s` is silence between two pieces.

    `proxy`: system, none, or an address. `ca_file`: certificates (PEM) trusted beside the usual ones.
    """

    connect_timeout_s: float = 10
    read_idle_timeout_s: float = 120
    whole_answer_s: float = 600
    max_retries: int = 2
    first_retry_wait_s: float = 0.5
    max_connections: int = 100
    proxy: str = "system"
    ca_file: str = ""


@dataclass(slots=True)
class Traffic:
    """What went to one host and came from it since the start. `open`: responses not yet closed."""

    requests: int = 0
    bytes_sent: int = 0  # of bodies
    bytes_received: int = 0
    seconds: float = 0.0  # all requests together, until the response was closed
    open: int = 0
    statuses: Counter[int] = field(default_factory=Counter)


class HttpPool:
    """The shared client, opened at the first request inside the running loop.

    `guarded` gives the same pool with a provider's guard, to be handed to its adapter.
    """

    def __init__(self, settings: HttpSettings | None = None) -> None:
        self._settings = settings or HttpSettings()
        self.traffic: dict[str, Traffic] = {}  # by host and port
        self._client: Client | None = None
        self._retired: list[Client] = []

    @property
    def settings(self) -> HttpSettings:
        return self._settings

    def client(self) -> Client:
        """Call it from the loop that uses it. Raises ConfigError when `ca_file` cannot be used."""
        if self._client is None:
            self._client = open_client(self.settings, self.traffic)
        return self._client

    def policy(self, prompt_bytes: int = 0) -> RetryPolicy:
        """How tries of one answer are made; `prompt_bytes` of its request count for the token limit."""
        settings = self.settings
        return RetryPolicy(
            settings.max_retries,
            settings.first_retry_wait_s,
            first_piece_s=settings.whole_answer_s,
            guard=self._guard,
            prompt_bytes=prompt_bytes,
        )

    @property
    def _guard(self) -> Guard | None:
        return None

    def guarded(self, guard: Guard) -> HttpPool:
        return _GuardedPool(self, guard)

    async def apply(self, settings: HttpSettings) -> None:
        """From now on these. Answers that run end on the connections they have."""
        if settings == self.settings:
            return
        self._settings = settings
        if self._client is not None:
            self._retired.append(self._client)
            self._client = None
        if not any(traffic.open for traffic in self.traffic.values()):
            await self._close_retired()

    async def aclose(self) -> None:
        """Ends every connection. Safe to call twice; a later request opens a new client."""
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()
        await self._close_retired()

    async def _close_retired(self) -> None:
        retired, self._retired = self._retired, []
        for client in retired:
            await client.aclose()


class _GuardedPool(HttpPool):
    """The connections, settings and counters of another pool, with one provider's guard."""

    def __init__(self, pool: HttpPool, guard: Guard) -> None:
        self.traffic = pool.traffic
        self._pool = pool
        self._own_guard = guard

    @property
    def settings(self) -> HttpSettings:
        return self._pool.settings

    @property
    def _guard(self) -> Guard | None:
        return self._own_guard

    def client(self) -> Client:
        return self._pool.client()

    async def apply(self, settings: HttpSettings) -> None:
        await self._pool.apply(settings)

    async def aclose(self) -> None:
        """Nothing: the connections belong to the pool that was guarded."""


def preload() -> None:
    """Imports what the first request needs. Call it in a thread, after the first paint."""
    import mastra_desktop.providers.traffic  # noqa: F401


def open_client(
    settings: HttpSettings,
    traffic: dict[str, Traffic] | None = None,
    *,
    proxies: Mapping[str, str] | None = None,
) -> Client:
    """A client over aiohttp's connection pool; call it inside the loop that will use it.

    `traffic` is counted into. `proxies` are those of the settings unless given, as
    `urllib.request.getproxies` names them. Raises ConfigError when `ca_file` cannot be used.
    """
    from http.cookiejar import CookieJar, DefaultCookiePolicy

    import httpx
    from aiohttp import ClientSession, DummyCookieJar, TCPConnector

    from mastra_desktop.providers.traffic import Client, Transport

    context = httpx.create_ssl_context()
    if settings.ca_file:
        _trust(context, settings.ca_file)

    def session() -> ClientSession:
        connector = TCPConnector(limit=settings.max_connections, ssl=context, keepalive_timeout=30)
        return ClientSession(connector=connector, cookie_jar=DummyCookieJar())

    chosen = proxy_settings(settings.proxy) if proxies is None else proxies
    return Client(
        Transport(verify=context, client=session),
        {} if traffic is None else traffic,
        Traffic,
        mounts=proxy_mounts(chosen, context, settings.max_connections),
        timeout=_timeout(settings),
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        trust_env=False,
    )


def check_ca_file(ca_file: str) -> None:
    """Raises ConfigError when these certificates cannot be used. Reads the file."""
    if ca_file:
        import ssl

        _trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_file)


def _trust(context: ssl.SSLContext, ca_file: str) -> None:
    try:
        context.load_verify_locations(cafile=str(Path(ca_file).expanduser()))
    except OSError as error:  # ssl.SSLError is one
        raise ConfigError(
            f"The certificates in {ca_file} cannot be used.",
            hint="Set ca_file in the section [http] to a file in PEM form, or leave it empty.",
            detail=f"{type(error).__name__}: {error.strerror or error}",
        ) from error


def _timeout(settings: HttpSettings) -> httpx.Timeout:
    import httpx

    # aiohttp counts looking up the host under "pool" and not under "connect".
    connect = settings.connect_timeout_s
    return httpx.Timeout(settings.read_idle_timeout_s, connect=connect, pool=connect)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """When a failed try is made again. Waits are seconds; `jitter` gives a number from 0 to 1.

    `first_piece_s` is the longest wait for the first piece, however slowly its bytes drip.
    """

    max_retries: int = 2
    first_wait_s: float = 0.5
    longest_wait_s: float = 8
    longest_asked_s: float = 120
    first_piece_s: float = 600
    jitter: Callable[[], float] = random.random
    guard: Guard | None = None
    prompt_bytes: int = 0

    def wait_s(self, failed_tries: int, error: MastraError) -> float | None:
        """How long to wait after this many failed tries, or None when no further try is made."""
        if not error.retryable or failed_tries > self.max_retries or isinstance(error, CircuitOpen):
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
    `RetryScheduled` is yielded before each wait for a retry, a `Waiting` before one for our own limits
    or a provider's rest. Raises the last try's MastraError, or CircuitOpen without any try.
    """
    failed_tries = 0
    trouble: MastraError | None = None
    while True:
        began = False
        try:
            with Attempt(policy.guard, policy.prompt_bytes, repeated=failed_tries > 0) as attempt:
                if notice := await attempt.hindrance():
                    yield notice
                    await attempt.wait()
                await attempt.begin()
                async with aclosing(start()) as batches:
                    batch = await _first(batches, policy.first_piece_s)
                    while batch is not None:
                        began = True
                        attempt.saw(batch)
                        for event in batch:
                            yield event
                        batch = await anext(batches, None)
            return  # noqa: TRY300 - an else block would hide that this ends the loop
        except MastraError as error:
            if isinstance(error, CircuitOpen) and trouble is not None:
                raise trouble from error  # what opened the circuit says more
            trouble = error
            failed_tries += 1
            wait = None if began else policy.wait_s(failed_tries, error)
            if wait is None:
                raise
            retry = RetryScheduled(failed_tries, policy.max_retries, wait, error.message)
        yield retry
        await asyncio.sleep(wait)


async def retried(call: Callable[[], Awaitable[T]], policy: RetryPolicy) -> T:
    """What `call` gives, tried by the same table as an answer. Raises the last try's MastraError."""
    failed_tries = 0
    while True:
        try:
            return await call()
        except MastraError as error:
            failed_tries += 1
            wait = policy.wait_s(failed_tries, error)
            if wait is None:
                raise
        await asyncio.sleep(wait)


async def _first(
    batches: AsyncGenerator[list[ProviderEvent]], longest_s: float
) -> list[ProviderEvent] | None:
    try:
        async with asyncio.timeout(longest_s):
            return await anext(batches, None)
    except TimeoutError as error:
        raise ProviderTimeout(
            f"No answer began within {longest_s:.0f} s.",
            hint="Try again, or switch the model.",
            retryable=False,
        ) from error
