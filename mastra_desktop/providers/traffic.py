"""The wire below the client. Imports httpx and aiohttp: only the open client imports this."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

if TYPE_CHECKING:
    from mastra_desktop.providers.http import Traffic


class Transport(AiohttpTransport):
    """aiohttp's connections, with every error of theirs as one of httpx: some get past the original."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error)) from error


class TrafficCounter:
    """Two event hooks of a client; `traffic` is by host and port."""

    def __init__(self, traffic: dict[str, Traffic], new: type[Traffic]) -> None:
        self._traffic = traffic
        self._new = new

    async def asked(self, request: httpx.Request) -> None:
        host = request.url.netloc.decode("ascii")
        traffic = self._traffic.get(host) or self._traffic.setdefault(host, self._new())
        traffic.requests += 1
        traffic.bytes_sent += int(request.headers.get("content-length", 0))
        request.extensions["began"] = time.perf_counter()

    async def answered(self, response: httpx.Response) -> None:
        traffic = self._traffic[response.request.url.netloc.decode("ascii")]
        traffic.statuses[response.status_code] += 1
        traffic.open += 1
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _CountedStream(response, response.stream, traffic)


class _CountedStream(httpx.AsyncByteStream):
    """Adds to `traffic` when it is closed; takes no step of its own for each chunk."""

    def __init__(self, response: httpx.Response, inner: httpx.AsyncByteStream, traffic: Traffic) -> None:
        self._response = response
        self._inner = inner
        self._traffic = traffic

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._inner.__aiter__()

    async def aclose(self) -> None:
        self._traffic.open -= 1
        self._traffic.bytes_received += self._response.num_bytes_downloaded
        self._traffic.seconds += time.perf_counter() - self._response.request.extensions["began"]
        await self._inner.aclose()
