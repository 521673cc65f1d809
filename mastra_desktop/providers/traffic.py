"""The wire below the client. Imports httpx and aiohttp: only the open client imports this."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport
from httpx_aiohttp.transport import map_aiohttp_exceptions

if TYPE_CHECKING:
    from mastra_desktop.providers.http import Traffic


class Transport(AiohttpTransport):
    """aiohttp's connections, with every error of theirs as one of httpx: some get past the original."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error

    async def ask(self, method: str, url: str, **options: Any) -> httpx.Response:
        """The same without httpx's request; `options` are aiohttp's. Raises the same."""
        session = self.client
        if not isinstance(session, aiohttp.ClientSession):
            session = self.client = self.get_client()
        try:
            with map_aiohttp_exceptions():
                answer = await session.request(method, url, allow_redirects=False, compress=False, **options)
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=Body(answer))


class Body(httpx.AsyncByteStream):
    """What a response brings, as it comes from the network. Its own iterator: a generator left unfinished
    would need a task to end it."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    @property
    def at_end(self) -> bool:
        """Whether all of it was read, so that the connection is free for the next request."""
        return self._answer.content.at_eof()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            chunk = await self._answer.content.readany()
        except Exception:
            with map_aiohttp_exceptions():
                raise
        if not chunk:
            raise StopAsyncIteration
        return chunk

    async def aclose(self) -> None:
        with map_aiohttp_exceptions():
            await self._answer.__aexit__(None, None, None)


class Client(httpx.AsyncClient):
    """Counts what goes out and comes in; `traffic` is by host and port.

    Where no proxy is in between, requests go past httpx's own steps for cookies, redirects and logging in,
    which no provider needs: they cost as much as sending the request.
    """

    def __init__(
        self,
        transport: Transport,
        traffic: dict[str, Traffic],
        new: type[Traffic],
        *,
        mounts: Mapping[str, httpx.AsyncBaseTransport | None],
        **options: Any,
    ) -> None:
        super().__init__(transport=transport, mounts=mounts, **options)
        self._direct = None if mounts else transport
        self._traffic = traffic
        self._new = new
        known = self.timeout
        self._patience = aiohttp.ClientTimeout(
            sock_connect=known.connect, sock_read=known.read, connect=known.pool
        )

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None
    ) -> httpx.Response:
        """The response with its body still to be read; close it. Raises httpx' errors and OSError."""
        host = urlsplit(url).netloc.rpartition("@")[2]
        traffic = self._traffic.get(host) or self._traffic.setdefault(host, self._new())
        traffic.requests += 1
        traffic.bytes_sent += len(body or b"")
        began = time.perf_counter()
        if self._direct is None or self.is_closed:
            request = httpx.Request(method, url, headers=headers, content=body)
            response = await self.send(request, stream=True)
        else:
            response = await self._direct.ask(method, url, headers=headers, data=body, timeout=self._patience)
        traffic.statuses[response.status_code] += 1
        traffic.open += 1
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _CountedStream(response.stream, traffic, began)
        return response


def chunks_of(response: httpx.Response) -> AsyncIterator[bytes]:
    """The body as the network brings it. It may be left at any chunk; then the response is closed."""
    stream = response.stream
    return stream if isinstance(stream, _CountedStream) and stream.is_direct else response.aiter_raw()


class _CountedStream(httpx.AsyncByteStream):
    """Adds to `traffic` when it is closed."""

    def __init__(self, inner: httpx.AsyncByteStream, traffic: Traffic, began: float) -> None:
        self._inner = inner
        self._chunks = aiter(inner)
        self._traffic = traffic
        self._began = began
        self.is_direct = isinstance(inner, Body)

    @property
    def at_end(self) -> bool:
        return isinstance(self._inner, Body) and self._inner.at_end

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._traffic.bytes_received += len(chunk)
        return chunk

    async def aclose(self) -> None:
        self._traffic.open -= 1
        self._traffic.seconds += time.perf_counter() - self._began
        await self._inner.aclose()
