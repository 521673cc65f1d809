"""An OTLP/HTTP collector on 127.0.0.1: takes requests as the protocol has it, and keeps what they bring."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass(frozen=True, slots=True)
class Says:
    """How a request is answered. `refused`: so many of its spans are left out of a 200."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    refused: int = 0
    why: str = ""
    after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Got:
    path: str
    headers: dict[str, str]
    body: bytes
    status: int


class Collector:
    """`says` answers the requests in turn, then all are fine; `answer` decides by what came."""

    def __init__(self, *says: Says, answer: Callable[[Got, int], Says] | None = None, port: int = 0) -> None:
        self.got: list[Got] = []
        self._says = list(says)
        self._answer = answer
        self._ended = Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                outer._take(self, body)

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.02,), name="collector")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """Those that were taken."""
        return [ExportTraceServiceRequest.FromString(got.body) for got in self.got if got.status == 200]

    @property
    def spans(self) -> list[Any]:
        return [
            s
            for request in self.requests
            for r in request.resource_spans
            for sc in r.scope_spans
            for s in sc.spans
        ]

    @property
    def resources(self) -> list[dict[str, Any]]:
        return [facts(of.resource.attributes) for request in self.requests for of in request.resource_spans]

    def _take(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        got = Got(handler.path, {k.lower(): v for k, v in handler.headers.items()}, body, 0)
        count = sum(
            len(s.spans)
            for r in ExportTraceServiceRequest.FromString(body).resource_spans
            for s in r.scope_spans
        )
        says = self._answer(got, count) if self._answer else self._says.pop(0) if self._says else Says()
        if says.after_s:
            self._ended.wait(says.after_s)
        self.got.append(Got(got.path, got.headers, body, says.status))
        said = b""
        if says.status == 200:
            answer = ExportTraceServiceResponse()
            if says.refused or says.why:
                answer.partial_success.rejected_spans = says.refused
                answer.partial_success.error_message = says.why
            said = answer.SerializeToString()
        try:
            handler.send_response(says.status)
            for name, value in says.headers.items():
                handler.send_header(name, value)
            handler.send_header("Content-Type", "application/x-protobuf")
            handler.send_header("Content-Length", str(len(said)))
            handler.end_headers()
            handler.wfile.write(said)
        except OSError:
            return  # who asked has left

    def __enter__(self) -> Collector:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def facts(attributes: Any) -> dict[str, Any]:
    """OTLP's attributes as a plain dict."""
    found: dict[str, Any] = {}
    for pair in attributes:
        kind = pair.value.WhichOneof("value")
        value = getattr(pair.value, kind)
        found[pair.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return found
