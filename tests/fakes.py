"""A scripted provider: a real HTTP server on 127.0.0.1 that speaks OpenAI's chat completions.

In a test: `with ScriptedProvider() as server: ...server.base_url`. As a process of its own:
`python -m tests.fakes --port-file FILE`. What it answers is a `Script`: the ones handed over, in
order (the last one repeats), else the one that the model's name in the request selects:

    normal, fast         20 pieces (--pieces, --delay-ms)      slow       200 ms between pieces
    silent               headers, then nothing                  pause-N    N pieces, then nothing
    cut-N                closed after N bytes of the body       no-done    ends without [DONE]
    no-finish            [DONE] without a finish_reason         malformed  broken JSON after two pieces
    malformed-first      broken JSON at once                    error-200  an error inside a 200, at once
    error-late           an error after two pieces              status-N   HTTP error N
    quota, too-long      the vendor's codes for these           busy-N     429 with Retry-After: N
    flaky-N              N times status 500, then normal        json       a whole answer without a stream
    html, garbage        a web page, random bytes               empty      an answer without text
    markdown, reasoning  what their names say                   long-N     N pieces
    echo                 repeats the last message               crlf, multi-byte, keepalive
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

WORDS = ("The ", "quick ", "brown ", "fox ", "jumps ", "over ", "the ", "lazy ", "dog. ")
USAGE = {
    "prompt_tokens": 12,
    "completion_tokens": 20,
    "total_tokens": 32,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}
MARKDOWN = """## A short tour

Here is a list:

- **bold** and *italic*
- `inline code` and a [link](https://example.com)

```python
def greet(name: str) -> str:
    return f"Hello, {name}!"
```

| language | year |
|---|---|
| Python | 1991 |
| Rust | 2015 |

> A quote ends it. 你好，世界。
"""


@dataclass(frozen=True)
class Script:
    """One answer. `body`, when given, is sent as it is in place of an event stream made of `pieces`."""

    pieces: tuple[str, ...] = ()
    reasoning: tuple[str, ...] = ()
    delay_s: float = 0.0
    usage: dict[str, Any] | None = field(default_factory=lambda: USAGE)
    finish_reason: str = "stop"
    done_marker: bool = True
    extra_events: tuple[str, ...] = ()  # raw data after the pieces, before the end
    newline: str = "\n"
    comments: bool = False
    silent_after: int | None = None  # pieces; then nothing, with the connection open
    cut_at: int | None = None  # bytes of the body; then the connection closes
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    content_type: str = "text/event-stream"
    body: bytes | None = None


@dataclass
class Recorded:
    """A request as it came. `disconnected` when the client left before the answer was whole."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float
    connection: int
    disconnected: bool = False
    finished: bool = False


def status_script(status: int, message: str = "", code: str = "", **headers: str) -> Script:
    """An HTTP error with the vendor's JSON; header names with _ for -."""
    error = {"error": {"message": message or f"scripted {status}", "type": code, "code": code or None}}
    return Script(
        status=status,
        headers=tuple((name.replace("_", "-"), value) for name, value in headers.items()),
        content_type="application/json",
        body=json.dumps(error).encode(),
    )


def words(count: int) -> tuple[str, ...]:
    return tuple(WORDS[i % len(WORDS)] for i in range(count))


def script_for(model: str, normal: Script, said: str = "") -> Script:
    """The script that a model's name selects; see the head of this file."""
    name, _, rest = model.rpartition("-")
    number = int(rest) if name and rest.isdigit() else 0
    error = '{"error":{"message":"The server is overloaded","type":"server_error","code":"server_error"}}'
    match name if number or rest == "0" else model:
        case "slow":
            return replace(normal, delay_s=0.2)
        case "silent":
            return replace(normal, silent_after=0)
        case "pause":
            return replace(normal, silent_after=number)
        case "cut":
            return replace(normal, cut_at=number)
        case "long":
            return replace(normal, pieces=words(number))
        case "no-done":
            return replace(normal, done_marker=False)
        case "no-finish":
            return replace(normal, finish_reason="")
        case "malformed":
            return replace(normal, pieces=words(2), extra_events=('{"choices": [{"del',))
        case "malformed-first":
            return replace(normal, pieces=(), extra_events=("{not json",))
        case "error-200":  # "error" with a number, or whole
            return replace(normal, pieces=(), extra_events=(error,))
        case "error" if number == 200:
            return replace(normal, pieces=(), extra_events=(error,))
        case "error-late":
            return replace(normal, pieces=words(2), extra_events=(error,))
        case "status":
            return status_script(number)
        case "quota":
            return status_script(429, "You exceeded your current quota", "insufficient_quota")
        case "too-long":
            return status_script(400, "maximum context length is 4096 tokens", "context_length_exceeded")
        case "busy":
            return status_script(429, "Slow down", "rate_limit_exceeded", Retry_After=str(number))
        case "json":
            message = {"role": "assistant", "content": "".join(normal.pieces)}
            whole = {
                "model": model,
                "choices": [{"message": message, "finish_reason": "stop"}],
                "usage": USAGE,
            }
            return Script(content_type="application/json", body=json.dumps(whole).encode())
        case "html":
            return Script(content_type="text/html", body=b"<!DOCTYPE html><html><body>Welcome</body></html>")
        case "garbage":
            return Script(body=b"\x00\xff\x13" + random.Random(1).randbytes(100_000))
        case "empty":
            return replace(normal, pieces=())
        case "markdown":
            return replace(normal, pieces=tuple(MARKDOWN[i : i + 7] for i in range(0, len(MARKDOWN), 7)))
        case "reasoning":
            return replace(normal, reasoning=("Let me ", "think. "))
        case "echo":
            return replace(normal, pieces=(said or "(nothing)",))
        case "crlf":
            return replace(normal, newline="\r\n")
        case "multi-byte":
            return replace(normal, pieces=("Grüße, ", "世界 ", "🎉"))
        case "keepalive":
            return replace(normal, comments=True)
        case _:
            return normal


def render(script: Script, model: str) -> list[bytes]:
    """The body of a streamed answer: one entry for each event."""
    if script.body is not None:
        return [script.body]
    end = script.newline * 2

    def event(delta: dict[str, str], finish: str | None = None, **more: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        piece = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "model": model, "choices": [choice]}
        return f"data: {json.dumps(piece | more, ensure_ascii=False)}{end}".encode()

    parts = [event({"reasoning_content": text}) for text in script.reasoning]
    parts += [event({"content": text}) for text in script.pieces]
    if script.comments:
        parts = [part for piece in parts for part in (f": keep-alive{end}".encode(), piece)]
    parts += [f"data: {data}{end}".encode() for data in script.extra_events]
    if script.finish_reason:
        parts.append(event({}, script.finish_reason))
    if script.usage is not None:
        last = {"model": model, "choices": [], "usage": script.usage}
        parts.append(f"data: {json.dumps(last)}{end}".encode())
    if script.done_marker:
        parts.append(f"data: [DONE]{end}".encode())
    return parts


class ScriptedProvider:
    """The server, in a thread with a loop of its own. `requests` holds what came."""

    def __init__(
        self,
        script: Script | Iterable[Script] | None = None,
        *,
        pieces: int = 20,
        delay_s: float = 0.0,
        models: tuple[str, ...] = ("normal", "slow", "markdown"),
        keys: tuple[str, ...] = (),
    ) -> None:
        self.requests: list[Recorded] = []
        self.open_connections = 0
        self.port = 0
        self._scripts = [script] if isinstance(script, Script) else list(script or ())
        self._normal = Script(words(pieces), delay_s=delay_s)
        self._models = models
        self._keys = keys
        self._failed_for: dict[str, int] = {}
        self._connections = 0
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="scripted-provider", daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def chats(self) -> list[Recorded]:
        """The requests for an answer, without those for the list of models."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    def __enter__(self) -> ScriptedProvider:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def wait_until(self, condition: str, timeout_s: float = 2.0) -> bool:
        """Waits until every chat is "disconnected" or "finished", or every connection "closed"."""
        until = time.monotonic() + timeout_s
        pause = threading.Event()
        while time.monotonic() < until:
            if condition == "closed" and not self.open_connections:
                return True
            if condition != "closed" and self.chats and all(getattr(chat, condition) for chat in self.chats):
                return True
            pause.wait(0.005)
        return False

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks.add(task)
            self._connections += 1
            self.open_connections += 1
            try:
                await self._connection(reader, writer, self._connections)
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                tasks.discard(task)
                self.open_connections -= 1
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._stop.wait()
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines if line)}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            body = json.loads(raw) if raw else {}
            recorded = Recorded(first.split(" ")[1], headers, body, time.monotonic(), number)
            self.requests.append(recorded)
            keep_open = await self._respond(recorded, reader, writer)
            recorded.finished = not recorded.disconnected
            if not keep_open:
                return

    async def _respond(
        self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        model = str(request.body.get("model", ""))
        script = self._choose(request, model)
        parts = render(script, model)
        if script.cut_at is not None:
            parts = [b"".join(parts)[: script.cut_at]]
        head = f"HTTP/1.1 {script.status} Scripted\r\nContent-Type: {script.content_type}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in script.headers)
        writer.write(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        await writer.drain()
        for number, part in enumerate(parts):
            if script.silent_after == number:
                await self._wait(3600, request, reader, writer)
                return False
            if part:
                writer.write(b"%x\r\n%b\r\n" % (len(part), part))
            if script.delay_s:
                await writer.drain()
                await self._wait(script.delay_s, request, reader, writer)
            if reader.at_eof() or writer.is_closing():
                request.disconnected = True
                return False
        if script.cut_at is not None:
            await writer.drain()
            return False
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _wait(
        self, seconds: float, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Sleeps, and notes within 5 ms when the client leaves."""
        until = self._loop.time() + seconds
        while (left := until - self._loop.time()) > 0:
            await asyncio.sleep(min(left, 0.005))
            if reader.at_eof() or writer.is_closing():
                request.disconnected = True
                return

    def _choose(self, request: Recorded, model: str) -> Script:
        if self._keys and request.headers.get("authorization", "").removeprefix("Bearer ") not in self._keys:
            return status_script(401, "Incorrect API key provided", "invalid_api_key")
        if request.path.endswith("/models"):
            rows = [{"id": name, "object": "model"} for name in self._models]
            return Script(content_type="application/json", body=json.dumps({"data": rows}).encode())
        if not request.path.endswith("/chat/completions"):
            return status_script(404, "Not Found")
        if self._scripts:
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if model.startswith("flaky-"):
            failed = self._failed_for[model] = self._failed_for.get(model, 0) + 1
            return status_script(500) if failed <= int(model[6:]) else self._normal
        messages = request.body.get("messages") or [{}]
        return script_for(model, self._normal, str(messages[-1].get("content", "")))


def main() -> None:
    """Runs the server until it is ended. The port goes into --port-file once it listens."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--models", nargs="*", default=["normal", "slow", "silent", "markdown"])
    options = parser.parse_args()
    server = ScriptedProvider(
        pieces=options.pieces, delay_s=options.delay_ms / 1000, models=tuple(options.models)
    )
    server.port = options.port
    with server:
        part = options.port_file.with_name(options.port_file.name + ".part")
        part.write_text(str(server.port))
        part.replace(options.port_file)  # whole or not there: others wait for it
        threading.Event().wait()


if __name__ == "__main__":
    main()
