"""Waiting and retrying, proxies, and the words for what went wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from email.utils import formatdate

import pytest

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import (
    AuthError,
    CircuitOpen,
    MastraError,
    NetworkError,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from mastra_desktop.domain.replies import (
    AnswerEnd,
    Prompt,
    PromptMessage,
    ProviderEvent,
    RetryScheduled,
    TextDelta,
    Waiting,
)
from mastra_desktop.providers.failures import retry_after_s, status_error, stream_error, vendor_text
from mastra_desktop.providers.guard import Guard
from mastra_desktop.providers.http import HttpPool, HttpSettings, RetryPolicy, open_client, with_retries
from mastra_desktop.providers.openai_chat import OpenAIChatProvider
from tests.fakes import ScriptedProvider


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


class Provider:
    """Tries of an answer, one outcome after the other: an error, or the text of an answer."""

    def __init__(self, *outcomes: MastraError | str) -> None:
        self.outcomes = list(outcomes)
        self.tries = 0

    async def start(self) -> AsyncGenerator[list[ProviderEvent]]:
        self.tries += 1
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, MastraError):
            raise outcome
        yield [TextDelta(outcome)]
        yield [AnswerEnd("stop", Usage(30, 20))]


def guarded(guard: Guard, retries: int = 0, prompt_bytes: int = 0) -> RetryPolicy:
    settings = HttpSettings(max_retries=retries, first_retry_wait_s=0.001)
    return HttpPool(settings).guarded(guard).policy(prompt_bytes)


async def collect(provider: Provider, policy: RetryPolicy) -> list[ProviderEvent]:
    return [event async for event in with_retries(provider.start, policy)]


def test_tries_pass_the_circuit_breaker() -> None:
    """The circuit that opens between two tries ends them with what opened it; then nothing is sent."""

    async def check() -> None:
        guard = Guard("work")
        provider = Provider(NetworkError("down"))
        for expected in (3, 5, 5):
            with pytest.raises(MastraError) as caught:
                await collect(provider, guarded(guard, retries=2))
            assert provider.tries == expected
        assert isinstance(caught.value, CircuitOpen)
        tries = guard.tries
        assert (tries.requests, tries.retries, tries.refused) == (5, 3, 2)
        assert tries.failures == {"network": 5}

    asyncio.run(check())


def test_a_provider_that_asked_for_rest_is_waited_for_or_left_alone() -> None:
    """A short rest is waited for and told; a long one is an error at once; a retry keeps its own time."""

    async def check() -> None:
        slept: list[float] = []
        now = [100.0]

        async def sleep(seconds: float) -> None:
            slept.append(seconds)
            now[0] += seconds

        guard = Guard("work", clock=lambda: now[0], sleep=sleep)
        assert isinstance(
            (await collect(Provider(RateLimited("x"), "hi"), guarded(guard, 1)))[0], RetryScheduled
        )
        guard = Guard("work", clock=lambda: now[0], sleep=sleep)
        with pytest.raises(RateLimited):
            await collect(Provider(RateLimited("x")), guarded(guard))
        events = await collect(Provider("hi"), guarded(guard))
        assert isinstance(events[0], Waiting)
        assert (events[0].wait_s, slept) == (5.0, [5.0])
        with pytest.raises(RateLimited):
            await collect(Provider(RateLimited("x", retry_after_s=400)), guarded(guard))
        provider = Provider("hi")
        with pytest.raises(CircuitOpen) as caught:
            await collect(provider, guarded(guard))
        assert (provider.tries, caught.value.retry_after_s) == (0, 400)
        assert "7 min" in caught.value.message

    asyncio.run(check())


def test_own_limits_are_waited_for_and_told() -> None:
    """The second request of a minute waits; what an answer took counts for the tokens of the minute."""

    async def check() -> None:
        now = [0.0]

        async def sleep(seconds: float) -> None:
            now[0] += seconds

        guard = Guard("work", requests_per_minute=1, clock=lambda: now[0], sleep=sleep)
        assert not any(isinstance(event, Waiting) for event in await collect(Provider("hi"), guarded(guard)))
        [notice, *rest] = await collect(Provider("hi"), guarded(guard))
        assert isinstance(notice, Waiting)
        assert notice.wait_s == 60
        assert "limit" in notice.reason
        assert isinstance(rest[0], TextDelta)
        assert guard.tries.waited_s == pytest.approx(60)

        guard = Guard("work", tokens_per_minute=60, clock=lambda: now[0], sleep=sleep)
        await collect(Provider("hi"), guarded(guard, prompt_bytes=40))  # estimated 10, took 50
        assert isinstance((await collect(Provider("hi"), guarded(guard, prompt_bytes=80)))[0], Waiting)

    asyncio.run(check())


def test_stop_while_waiting_gives_the_place_up() -> None:
    """Cancelled in the line, nothing is sent and nobody behind waits for it."""

    async def check() -> None:
        guard = Guard("work", requests_per_minute=1)
        await collect(Provider("hi"), guarded(guard))
        provider = Provider("hi")
        answer = with_retries(provider.start, guarded(guard))
        assert isinstance(await anext(answer), Waiting)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(answer)
        await answer.aclose()
        assert provider.tries == 0
        place = guard.limits.line_up()
        assert 59 < guard.limits.wait_s(place) <= 60

    asyncio.run(check())


def test_no_first_piece_for_too_long() -> None:
    """However its bytes drip: without a first piece in the time of a whole answer, it is given up."""

    async def hangs() -> AsyncGenerator[list[ProviderEvent]]:
        await asyncio.sleep(60)
        yield []

    async def check() -> None:
        policy = RetryPolicy(first_piece_s=0.02)
        with pytest.raises(ProviderTimeout) as caught:
            _ = [event async for event in with_retries(hangs, policy)]
        assert not caught.value.retryable

    asyncio.run(check())


def test_traffic_is_counted_by_host() -> None:
    """Requests, statuses and bytes of both directions; nothing stays open."""

    async def check() -> None:
        pool = HttpPool(HttpSettings(max_retries=0))
        provider = OpenAIChatProvider("work", server.base_url, http=pool)
        for model in ("normal", "status-404"):
            with suppress(MastraError):
                _ = [e async for e in provider.stream(Prompt(model, (PromptMessage(Role.USER, "Hi"),)))]
        traffic = pool.traffic[server.host]
        assert (traffic.requests, traffic.open, traffic.statuses) == (2, 0, {200: 1, 404: 1})
        assert traffic.bytes_sent > 100
        assert traffic.bytes_received > 1000
        assert traffic.seconds > 0
        await pool.aclose()

    with ScriptedProvider() as server:
        asyncio.run(check())


def test_new_settings_leave_running_answers_alone() -> None:
    """An answer that streams while the settings change ends whole; the next uses a new client."""

    async def check() -> None:
        pool = HttpPool()
        provider = OpenAIChatProvider("work", server.base_url, http=pool)
        prompt = Prompt("normal", (PromptMessage(Role.USER, "Hi"),))
        stream = provider.stream(prompt)
        await anext(stream)
        before = pool.client()
        await pool.apply(HttpSettings(read_idle_timeout_s=7))
        assert isinstance([event async for event in stream][-1], AnswerEnd)
        assert pool.client() is not before
        assert pool.client().timeout.read == 7
        await pool.apply(HttpSettings(read_idle_timeout_s=8))
        assert before.is_closed
        await pool.aclose()

    with ScriptedProvider(delay_s=0.002) as server:
        asyncio.run(check())


def test_an_answer_through_a_socks_proxy() -> None:
    """`socks://`, as desktops write it, goes through the proxy, which also looks the name up."""
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """SOCKS 5 (RFC 1928) without a password; every name leads to the scripted server."""
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        asked.append(await reader.readexactly(head[4]))
        await reader.readexactly(2)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", server.port)

        async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                target.write(data)
            target.close()

        await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer))

    async def check() -> None:
        listener = await asyncio.start_server(proxy, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        pool = HttpPool(HttpSettings(proxy=f"socks://127.0.0.1:{port}"))
        provider = OpenAIChatProvider("work", "http://models.example/v1", http=pool)
        prompt = Prompt("normal", (PromptMessage(Role.USER, "Hi"),))
        events = [event async for event in provider.stream(prompt)]
        assert isinstance(events[-1], AnswerEnd)
        assert asked == [b"models.example"]
        await pool.aclose()
        await asyncio.sleep(0.05)
        listener.close()

    with ScriptedProvider() as server:
        asyncio.run(check())
