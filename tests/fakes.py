"""A scripted provider: a real HTTP server on 127.0.0.1 that speaks OpenAI's chat completions and responses,
Anthropic's messages, Gemini and Ollama's own API, by the path it is asked at.

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
    cites                cites passages [1] and [2]
    no-tools             400 for a request with tools           only-auto  400 for a forced call

Asked with tools by a name that says nothing of them, it calls the first one.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.fakes_scripts import MARKDOWN, USAGE, Script, script_for, status_script, words
from tests.fakes_wires import (
    ANSWERS,
    answer_parts,
    call_of_tool,
    content_type,
    embeddings,
    list_of_models,
    model_of,
    refused_key,
    shown_key,
)

__all__ = [
    "MARKDOWN",
    "USAGE",
    "Recorded",
    "Script",
    "ScriptedProvider",
    "script_for",
    "status_script",
    "words",
]


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
        override: Path | None = None,
        forget: bool = False,
    ) -> None:
        """`override`: while this file is there, every model answers as the one it names. `forget`: `requests`
        stays empty, for runs of hours."""
        self.requests: list[Recorded] = []
        self.open_connections = 0
        self.port = 0
        self._scripts = [script] if isinstance(script, Script) else list(script or ())
        self._normal = Script(words(pieces), delay_s=delay_s)
        self._models = models
        self._keys = keys
        self._override = override
        self._forget = forget
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
        return [request for request in self.requests if request.path.endswith(ANSWERS)]

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
        """Waits until a chat is "asked", all are "disconnected" or "finished", or every connection "closed"."""
        until = time.monotonic() + timeout_s
        pause = threading.Event()
        while time.monotonic() < until:
            if condition == "closed" and not self.open_connections:
                return True
            if condition == "asked" and self.chats:
                return True
            if (
                condition not in ("closed", "asked")
                and self.chats
                and all(getattr(chat, condition) for chat in self.chats)
            ):
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
            if not self._forget:
                self.requests.append(recorded)
            keep_open = await self._respond(recorded, reader, writer)
            recorded.finished = not recorded.disconnected
            if not keep_open:
                return

    async def _respond(
        self, request: Recorded, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        script = self._choose(request, model_of(request.path, request.body))
        parts = answer_parts(script, request.path, request.body)
        if script.cut_at is not None:
            parts = [b"".join(parts)[: script.cut_at]]
        kind = content_type(script, request.path, request.body)
        head = f"HTTP/1.1 {script.status} Scripted\r\nContent-Type: {kind}\r\n"
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
        path = request.path
        if self._keys and shown_key(request.headers) not in self._keys:
            return refused_key()
        if path.partition("?")[0].endswith(("/models", "/api/tags")):
            return list_of_models(path, self._models)
        if vectors := embeddings(path, request.body):
            return vectors
        if not path.endswith(ANSWERS):
            return status_script(404, "Not Found")
        if self._override is not None and self._override.exists():
            model = self._override.read_text()
        if self._scripts:
            return self._scripts.pop(0) if len(self._scripts) > 1 else self._scripts[0]
        if model.startswith("flaky-"):
            failed = self._failed_for[model] = self._failed_for.get(model, 0) + 1
            return status_script(500) if failed <= int(model[6:]) else self._normal
        if called := call_of_tool(request.path, request.body, model):
            return called
        messages = request.body.get("messages") or [{}]
        return script_for(model, self._normal, str(messages[-1].get("content", "")))


def main() -> None:
    """Runs the server until it is ended. The port goes into --port-file once it listens."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--pieces", type=int, default=20)
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--override-file", type=Path)
    parser.add_argument("--forget", action="store_true")
    parser.add_argument("--models", nargs="*", default=["normal", "slow", "silent", "markdown"])
    options = parser.parse_args()
    server = ScriptedProvider(
        pieces=options.pieces,
        delay_s=options.delay_ms / 1000,
        models=tuple(options.models),
        override=options.override_file,
        forget=options.forget,
    )
    server.port = options.port
    with server:
        part = options.port_file.with_name(options.port_file.name + ".part")
        part.write_text(str(server.port))
        part.replace(options.port_file)  # whole or not there: others wait for it
        threading.Event().wait()


if __name__ == "__main__":
    main()
