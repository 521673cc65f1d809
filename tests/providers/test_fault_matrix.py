"""Every fault of a server and of the way to it: its code, a sentence, and how many requests were made.

The server here is bytes on a socket, so that it can break in places where a good one cannot.
"""

from __future__ import annotations

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from pathlib import Path

import pytest

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent, RetryScheduled, TextDelta
from mastra_desktop.providers.http import HttpPool, HttpSettings, preload
from mastra_desktop.providers.openai_chat import OpenAIChatProvider

pytestmark = pytest.mark.slow  # every case is a process or a wait of its own

SETTINGS = HttpSettings(connect_timeout_s=5, read_idle_timeout_s=5, first_retry_wait_s=0.002, proxy="none")
HASTY = replace(SETTINGS, read_idle_timeout_s=0.2, whole_answer_s=0.5)  # for those that wait for nothing
SENTENCE = "Hi there."
STREAM = (
    b'data: {"model":"m","choices":[{"delta":{"content":"Hi "}}]}\n\n'
    b'data: {"choices":[{"delta":{"content":"there."},"finish_reason":"stop"}]}\n\n'
    b"data: [DONE]\n\n"
)
FIRST_PIECE_ENDS = STREAM.index(b"\n\n") + 2
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


@pytest.fixture(autouse=True, scope="module")
def _imported() -> None:
    """Importing takes longer than the shortest time-outs here."""
    preload()


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Outcome:
    """What a person and a server saw of one answer."""

    requests: int = 0
    text: str = ""
    retries: int = 0
    error: MastraError | None = None
    events: list[ProviderEvent] = field(default_factory=list)

    @property
    def code(self) -> str:
        return self.error.code if self.error else ""


async def ask(
    base_url: str, outcome: Outcome, settings: HttpSettings = SETTINGS, pool: HttpPool | None = None
) -> None:
    own = HttpPool(settings)
    provider = OpenAIChatProvider("work", base_url, http=pool or own)
    try:
        async for event in provider.stream(Prompt("m", (PromptMessage(Role.USER, "Hello"),))):
            outcome.events.append(event)
    except MastraError as error:
        outcome.error = error
    finally:
        await own.aclose()
    outcome.text = "".join(event.text for event in outcome.events if isinstance(event, TextDelta))
    outcome.retries = sum(isinstance(event, RetryScheduled) for event in outcome.events)


def against(answer: Answer, settings: HttpSettings = SETTINGS, tls: ssl.SSLContext | None = None) -> Outcome:
    """Asks a server that reads a request and does `answer`; each time on a connection of its own."""
    outcome = Outcome()

    async def check() -> None:
        connections: list[asyncio.StreamWriter] = []

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connections.append(writer)
            try:
                await reader.readuntil(b"\r\n\r\n")
                outcome.requests += 1
                await answer(writer)
                await writer.drain()
            except (ConnectionError, asyncio.IncompleteReadError):
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
        port = server.sockets[0].getsockname()[1]
        scheme = "https" if tls else "http"
        try:
            await ask(f"{scheme}://127.0.0.1:{port}/v1", outcome, settings)
        finally:
            server.close()
            for writer in connections:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    asyncio.run(check())
    return outcome


def sends(data: bytes) -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return answer


def status(code: int, body: bytes = b'{"error":{"message":"scripted"}}', *headers: str) -> Answer:
    head = f"HTTP/1.1 {code} Scripted\r\nContent-Type: application/json\r\nConnection: close\r\n"
    head += "".join(f"{header}\r\n" for header in headers)
    return sends(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def limited(*headers: str) -> Answer:
    return status(429, b'{"error":{"message":"Slow down","code":"rate_limit_exceeded"}}', *headers)


QUOTA = b'{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'
CONTEXT = b'{"error":{"message":"too long","code":"context_length_exceeded"}}'
LATER = formatdate(9_999_999_999, usegmt=True)
# What the server answers -> the code, and how many requests are made with two retries.
STATUSES: dict[str, tuple[Answer, str, int]] = {
    "400": (status(400), "bad_request", 1),
    "400 context": (status(400, CONTEXT), "context_length", 1),
    "401": (status(401), "auth", 1),
    "402": (status(402), "quota", 1),
    "403": (status(403), "auth", 1),
    "404": (status(404), "bad_request", 1),
    "408": (status(408), "timeout", 3),
    "409": (status(409), "provider", 3),
    "413": (status(413), "bad_request", 1),
    "422": (status(422), "bad_request", 1),
    "429": (limited(), "rate_limit", 3),
    "429 milliseconds": (limited("retry-after-ms: 3", "Retry-After: 99"), "rate_limit", 3),
    "429 seconds": (limited("Retry-After: 0"), "rate_limit", 3),
    "429 past date": (limited("Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"), "rate_limit", 3),
    "429 future date": (limited(f"Retry-After: {LATER}"), "rate_limit", 1),
    "429 too long": (limited("Retry-After: 121"), "rate_limit", 1),
    "429 days": (limited("Retry-After: 999999999"), "rate_limit", 1),
    "429 negative": (limited("Retry-After: -5"), "rate_limit", 3),
    "429 nan": (limited("Retry-After: nan"), "rate_limit", 3),
    "429 infinite": (limited("Retry-After: inf"), "rate_limit", 3),
    "429 words": (limited("Retry-After: soon"), "rate_limit", 3),
    "429 impossible date": (limited("Retry-After: Fri, 31 Dec 99999 23:59:59 GMT"), "rate_limit", 3),
    "429 quota": (status(429, QUOTA), "quota", 1),
    "500": (status(500), "provider", 3),
    "500 not JSON": (status(500, b"<html>oops</html>"), "provider", 3),
    "502": (status(502), "provider", 3),
    "503": (status(503), "provider", 3),
    "504": (status(504), "timeout", 3),
    "529": (status(529), "provider", 3),
    "301": (status(301, b"", "Location: http://127.0.0.1:1/"), "bad_request", 1),
}


@pytest.mark.parametrize("name", STATUSES)
def test_statuses(name: str) -> None:
    """Each has its code and a sentence; only what a retry can help is asked again, at most twice."""
    answer, code, requests = STATUSES[name]
    outcome = against(answer)
    assert (outcome.code, outcome.requests, outcome.retries) == (code, requests, requests - 1)
    assert outcome.error is not None
    assert outcome.error.message.strip()
    assert outcome.text == ""


def test_a_long_wait_is_told_and_not_made() -> None:
    """Asked to wait over 120 s: no retry, and the time is in the error and in its words."""
    outcome = against(limited("Retry-After: 900"))
    assert outcome.error is not None
    assert outcome.error.retry_after_s == 900
    assert "15 min" in outcome.error.hint


async def _reset(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def _reset_after_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS)
    await writer.drain()
    writer.transport.abort()


async def _reset_after_text(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS + STREAM[:FIRST_PIECE_ENDS])
    await writer.drain()
    await asyncio.sleep(0.05)
    writer.transport.abort()


async def _silence(writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


async def _silence_after_headers(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS)
    await asyncio.sleep(5)


async def _silence_after_text(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS + STREAM[:FIRST_PIECE_ENDS])
    await asyncio.sleep(5)


async def _drip(writer: asyncio.StreamWriter) -> None:
    """One byte at a time of an event that never ends."""
    writer.write(HEADERS + b"data: ")
    while not writer.is_closing():
        writer.write(b"x")
        await asyncio.sleep(0.02)


async def _endless(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS)
    while not writer.is_closing():
        writer.write(STREAM[:FIRST_PIECE_ENDS])
        await writer.drain()
        await asyncio.sleep(0.01)


async def _huge_event(writer: asyncio.StreamWriter) -> None:
    writer.write(HEADERS + b"data: ")
    for _ in range(64):
        writer.write(b"x" * 1024 * 1024)
        await writer.drain()


OVERLOADED = b'data: {"error":{"message":"The server is overloaded","type":"server_error"}}\n\n'
PIECE = STREAM[:FIRST_PIECE_ENDS]
# name -> what the server does, the code, the requests made, the text that is kept
FAULTS: dict[str, tuple[Answer, str, int, str]] = {
    "closed without an answer": (sends(b""), "network", 3, ""),
    "reset before the headers": (_reset, "network", 3, ""),
    "reset after the headers": (_reset_after_headers, "network", 3, ""),
    "reset after text": (_reset_after_text, "network", 1, "Hi "),
    "closed after the headers": (sends(HEADERS), "network", 3, ""),
    "silence": (_silence, "timeout", 3, ""),
    "silence after the headers": (_silence_after_headers, "timeout", 3, ""),
    "silence after text": (_silence_after_text, "timeout", 1, "Hi "),
    "slow drip": (_drip, "timeout", 1, ""),
    "malformed event": (sends(HEADERS + b"data: {not json\n\n"), "provider", 3, ""),
    "malformed after text": (sends(HEADERS + PIECE + b"data: {not json\n\n"), "provider", 1, "Hi "),
    "error in 200": (sends(HEADERS + OVERLOADED), "provider", 3, ""),
    "error in 200 after text": (sends(HEADERS + PIECE + OVERLOADED), "provider", 1, "Hi "),
    "not HTTP": (sends(b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "network", 1, ""),
    "a web page": (
        sends(HEADERS.replace(b"event-stream", b"html") + b"<html>Welcome</html>"),
        "provider",
        1,
        "",
    ),
    "an event of 64 MiB": (_huge_event, "provider", 0, ""),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_the_connection(name: str) -> None:
    """Before the first piece it is asked again, after it never; what arrived is kept."""
    answer, code, requests, text = FAULTS[name]
    outcome = against(answer, HASTY if code == "timeout" else SETTINGS)
    assert (outcome.code, outcome.text) == (code, text)
    assert outcome.requests == requests or not requests
    assert outcome.requests == outcome.retries + 1
    assert outcome.error is not None
    assert outcome.error.message.strip()


def test_an_endless_stream_ends() -> None:
    """Pieces that never stop coming are ended by the time-out of the whole answer, and kept."""
    outcome = against(_endless, HASTY)
    assert (outcome.code, outcome.requests) == ("timeout", 1)
    assert outcome.text.startswith("Hi Hi ")


def test_cut_after_each_byte() -> None:
    """Wherever the stream is cut: asked again before the first piece, kept after it, whole only at the end."""
    seen: list[Outcome] = []

    async def check() -> None:
        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            seen[-1].requests += 1
            writer.write(HEADERS + STREAM[: len(seen) - 1])
            writer.close()

        server = await asyncio.start_server(connected, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        pool = HttpPool(SETTINGS)
        for _ in range(len(STREAM) + 1):
            seen.append(Outcome())
            await ask(f"http://127.0.0.1:{port}/v1", seen[-1], pool=pool)
        await pool.aclose()
        server.close()

    asyncio.run(check())
    whole = {length for length, outcome in enumerate(seen) if outcome.error is None}
    for length, outcome in enumerate(seen):
        assert SENTENCE.startswith(outcome.text)
        if length in whole:
            assert (outcome.text, outcome.requests) == (SENTENCE, 1)
        else:
            assert (outcome.code, outcome.requests) == ("network", 1 if outcome.text else 3), length
    # The blank line after [DONE] is not needed by every reader; nothing shorter may count as whole.
    assert min(whole) >= len(STREAM) - 2


def test_nobody_listens() -> None:
    """A refused connection is tried three times, and told in words."""
    outcome = Outcome()

    async def check() -> None:
        server = await asyncio.start_server(lambda _, w: w.close(), "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        await ask(f"http://127.0.0.1:{port}/v1", outcome)

    asyncio.run(check())
    assert (outcome.code, outcome.retries) == ("network", 2)
    assert outcome.error is not None
    assert "Nothing answers" in outcome.error.message


def test_no_such_computer() -> None:
    """A name that cannot be looked up (RFC 6761 keeps .invalid free)."""
    outcome = Outcome()
    asyncio.run(ask("http://no-such-host.invalid/v1", outcome))
    assert (outcome.code, outcome.retries) == ("network", 2)
    assert outcome.error is not None
    assert "no-such-host.invalid" in outcome.error.message


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate of 127.0.0.1 in one file."""
    folder = tmp_path_factory.mktemp("tls")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=x"
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    files = ["-keyout", str(folder / "key"), "-out", str(folder / "cert")]
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "key").read_text() + (folder / "cert").read_text())
    return both


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_an_untrusted_certificate(certificate: Path) -> None:
    """A self-signed certificate is refused once; with `ca_file` it is trusted."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    outcome = against(sends(HEADERS + STREAM), tls=context)
    assert (outcome.code, outcome.requests, outcome.retries) == ("network", 0, 0)
    assert outcome.error is not None
    assert "secure connection" in outcome.error.message
    trusting = HttpSettings(proxy="none", ca_file=str(certificate))
    assert against(sends(HEADERS + STREAM), trusting, context).text == SENTENCE


def test_a_certificate_file_that_cannot_be_used(tmp_path: Path) -> None:
    """A wrong `ca_file` is told when it is needed, and stops nothing else."""
    file = tmp_path / "no-certificates.pem"
    file.write_text("nothing")
    for wrong in (file, tmp_path / "missing.pem"):
        outcome = Outcome()
        asyncio.run(ask("https://127.0.0.1:1/v1", outcome, HttpSettings(ca_file=str(wrong))))
        assert outcome.code == "config"
        assert outcome.error is not None
        assert str(wrong) in outcome.error.message
