"""Listens for the API's clients on an address of this computer, on the loop it is started on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import Context
from functools import partial
from typing import TYPE_CHECKING

import orjson
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mastra_desktop.api.app import build_app
from mastra_desktop.api.call_log import CallLog
from mastra_desktop.api.endpoint import Load
from mastra_desktop.api.errors import Trouble
from mastra_desktop.domain.errors import ConfigError
from mastra_desktop.ops.background import Background
from mastra_desktop.ops.logging import get_logger

if TYPE_CHECKING:
    from mastra_desktop.api.parts import Parts

HEAD_TIMEOUT_S = 10.0  # from the connection, or the first byte of a request, to the end of its head
KEEP_ALIVE_S = 30
END_S = 2  # for answers that are being cut off
BACKLOG = 256
TICK_S = 1.0  # how old the Date header may be

log = get_logger(__name__)


class Protocol(HttpToolsProtocol):
    """Closes a connection on which no request gets whole, and refuses nonsense in the API's own shape."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._be_patient()

    def connection_lost(self, exc: Exception | None) -> None:
        self._no_longer_patient()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        if self._patience is None:
            self._be_patient()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._no_longer_patient()
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        body = orjson.dumps(Trouble(400, "bad_request", msg).body())
        head = f"content-type: application/json\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\n" + head.encode() + body)
        self.transport.close()

    def _be_patient(self) -> None:
        self._patience = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)

    def _no_longer_patient(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None


class _Uvicorn(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = asyncio.Event()
        self._end = asyncio.Event()

    async def main_loop(self) -> None:
        """Looks at the clock once a second, where the base class does ten times."""
        self.begun.set()
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), TICK_S)

    def end(self) -> None:
        self.should_exit = True
        self._end.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of who runs the process."""
        yield


class ApiServer:
    """A server that listens: made by `start`, ended by `stop`."""

    def __init__(
        self, url: str, load: Load, calls: CallLog, server: _Uvicorn, serving: asyncio.Task[None]
    ) -> None:
        self.url = url
        self._load = load
        self._calls = calls
        self._server = server
        self._serving = serving

    @classmethod
    async def start(cls, parts: Parts, host: str, port: int) -> ApiServer:
        """Listens; port 0: any free one. Raises ConfigError when that is not possible."""
        listener = _listen(host, port)
        load, calls = Load(), CallLog(parts.audit)
        config = uvicorn.Config(
            build_app(parts, load, calls),
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="error",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=END_S,
            backlog=BACKLOG,
        )
        server = _Uvicorn(config)
        address, port = listener.getsockname()[:2]
        url = f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"
        # Without the context of whoever switched it on: each request is an operation of its own.
        serve = partial(server.serve, [listener])
        serving = Background().start(serve, "api", context=Context())
        serving.add_done_callback(lambda _: server.begun.set())
        await server.begun.wait()
        if serving.done():
            listener.close()
            raise ConfigError("The local API ended as soon as it began.", hint="The log tells why.")
        made = cls(url, load, calls, server, serving)
        log.info("api listens", url=url)
        return made

    async def stop(self) -> None:
        """Takes no more requests and ends those that run; what they kept is stored. Safe to call twice."""
        self._load.end()
        self._server.end()
        await asyncio.wait([self._serving])
        self._calls.flush()
        log.info("api ended", url=self.url)


def _listen(host: str, port: int) -> socket.socket:
    family, address = (socket.AF_INET6, host) if ":" in host else (socket.AF_INET, host)
    if host == "localhost":
        address = "127.0.0.1"
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        reason = (error.strerror or str(error)).lower()
        raise ConfigError(
            f"The local API cannot listen on {address}, port {port}: {reason}.",
            hint="Choose another port in server.port, or 0 for any free one.",
            detail=str(error),
        ) from error
    return listener
