"""OpenAI-compatible chat completions: the wire format of most servers, hosted or on this computer.

The protocol is OpenAI's "Chat Completions" with `stream: true`. An answer is complete only after a
`finish_reason` and `data: [DONE]`; anything less is a `StreamCut`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import (
    AuthError,
    ConfigError,
    MastraError,
    NetworkError,
    ProviderError,
    ProviderTimeout,
)
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Prompt, PromptMessage, ProviderEvent
from mastra_desktop.providers.failures import network_error, status_error
from mastra_desktop.providers.http import HttpPool, RetryPolicy, with_retries
from mastra_desktop.providers.openai_answer import ChatAnswer, no_chat_server, stream_cut
from mastra_desktop.providers.sse import MAX_EVENT_BYTES

if TYPE_CHECKING:
    import httpx

_CONTINUE = "Continue exactly where your last answer stopped. Do not repeat any of it and do not comment."
_MAX_ERROR_BYTES = 64 * 1024
_TEST_TIMEOUT_S = 60
_DRAIN_S = 0.1


class OpenAIChatProvider:
    """Answers over `{base_url}/chat/completions`.

    `key` is asked before each request and its answer goes into the Authorization header only.
    `models`, when given, are offered instead of the server's own list. `extra_body` is sent with each
    request. `supports_continue`: the server goes on with an assistant message at the end of the prompt;
    others are asked in words. The pool is shared: closing a provider leaves running answers alone.
    Raises ConfigError when `base_url` is no http(s) address.
    """

    def __init__(
        self,
        id: str,
        base_url: str,
        *,
        http: HttpPool,
        key: Callable[[], Awaitable[str | None]] | None = None,
        on_this_computer: bool = False,
        models: tuple[str, ...] = (),
        extra_body: Mapping[str, object] | None = None,
        supports_continue: bool = False,
        context_tokens: int | None = None,
    ) -> None:
        self.id = id
        self.base_url = clean_base_url(base_url)
        self.host = urlsplit(self.base_url).netloc.rpartition("@")[2]
        self.on_this_computer = on_this_computer
        self.context_tokens = context_tokens
        self.active_streams = 0
        self._http = http
        self._key = key
        self._models = models
        self._extra_body = dict(extra_body or {})
        self._supports_continue = supports_continue

    async def stream(self, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        """See `Provider.stream`. Tries again by itself before the first piece, never after."""
        body = self._body(prompt)
        settings = self._http.settings
        policy = RetryPolicy(settings.max_retries, settings.first_retry_wait_s)
        self.active_streams += 1
        try:
            async with aclosing(
                with_retries(lambda: self._answer(body, ChatAnswer(self.host)), policy)
            ) as events:
                async for event in events:
                    yield event
        finally:
            self.active_streams -= 1

    async def models(self) -> list[ModelInfo]:
        """The configured models, else what `GET {base_url}/models` lists. Raises a MastraError."""
        if self._models:
            return [self._model_info(name, self.context_tokens) for name in self._models]
        async with self._request("GET", "/models") as response:
            payload = self._parse(await self._read(response, MAX_EVENT_BYTES))
        rows = payload.get("data") if isinstance(payload, dict) else payload
        if not isinstance(rows, list):
            raise no_chat_server(self.host, "list its models")
        found = []
        for row in rows:
            name = row.get("id") if isinstance(row, dict) else None
            if isinstance(name, str) and name:
                sizes = (row.get(key) for key in ("context_length", "context_window", "max_model_len"))
                size = next(
                    (size for size in sizes if isinstance(size, int) and size > 0), self.context_tokens
                )
                found.append(self._model_info(name, size))
        return found

    async def test(self) -> ProviderTest:
        """Lists the models and asks the first for one piece of an answer. Trouble is told, not raised."""
        names: tuple[str, ...] = ()
        answer = ChatAnswer(self.host)
        latency_ms = None
        try:
            async with asyncio.timeout(_TEST_TIMEOUT_S):
                names = tuple(model.name for model in await self.models())
                if not names:
                    raise ProviderError(f"{self.host} offers no model.", hint="Load a model there first.")
                body = self._body(Prompt(names[0], (PromptMessage(Role.USER, "Say hello."),)))
                began = time.perf_counter()
                async with aclosing(self._answer(body, answer)) as batches:
                    async for _ in batches:
                        latency_ms = (time.perf_counter() - began) * 1000
                        break
        except TimeoutError:
            error: MastraError = ProviderTimeout(f"{self.host} did not answer within {_TEST_TIMEOUT_S} s.")
        except MastraError as caught:
            error = caught
        else:
            return ProviderTest(names, answer.streamed, latency_ms)
        return ProviderTest(names, False, None, error.code, error.message, error.hint)

    async def aclose(self) -> None:
        """Nothing of its own to close: connections belong to the shared pool."""

    def _model_info(self, name: str, context_tokens: int | None) -> ModelInfo:
        return ModelInfo(f"{self.id}/{name}", self.id, name, self.on_this_computer, context_tokens)

    def _body(self, prompt: Prompt) -> bytes:
        messages = [{"role": "system", "content": prompt.system}] if prompt.system else []
        messages += [{"role": message.role.value, "content": message.text} for message in prompt.messages]
        if prompt.continue_last and not self._supports_continue:
            messages.append({"role": "user", "content": _CONTINUE})
        body: dict[str, object] = {
            "model": prompt.model_name,
            "messages": messages,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if prompt.temperature is not None:
            body["temperature"] = prompt.temperature
        if prompt.max_tokens is not None:
            body["max_tokens"] = prompt.max_tokens
        return orjson.dumps(body | self._extra_body)

    async def _answer(self, body: bytes, answer: ChatAnswer) -> AsyncGenerator[list[ProviderEvent]]:
        """One try: what each network chunk brought, ending with the AnswerEnd."""
        loop = asyncio.get_running_loop()
        settings = self._http.settings
        deadline = loop.time() + settings.whole_answer_s
        async with self._request("POST", "/chat/completions", body) as response:
            if "application/json" in response.headers.get("content-type", ""):
                yield answer.whole(self._parse(await self._read(response, MAX_EVENT_BYTES)))
                return
            compressed = "content-encoding" in response.headers
            chunks = response.aiter_bytes() if compressed else response.aiter_raw()
            async for chunk in chunks:
                if events := answer.feed(chunk):
                    yield events
                if answer.failure:
                    raise answer.failure
                if answer.done:
                    await _drain(chunks)
                    break
                if loop.time() > deadline:
                    raise ProviderTimeout(
                        f"{self.host} did not finish within {settings.whole_answer_s:.0f} s.", retryable=False
                    )
        if not answer.done:
            raise stream_cut(self.host)
        yield [answer.end()]

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Sends, and gives the response once it is a good one; maps what goes wrong until it is closed."""
        client = self._http.client()
        import httpx

        headers = {"Accept-Encoding": "identity", "User-Agent": "mastra-desktop"}
        if body is not None:
            headers |= {"Content-Type": "application/json", "Accept": "text/event-stream"}
        if key := await self._read_key():
            headers["Authorization"] = f"Bearer {key}"
        request = httpx.Request(
            method,
            self.base_url + path,
            headers=headers,
            content=body,
            extensions={"timeout": client.timeout.as_dict()},
        )
        answering = False
        try:
            response = await client.send(request, stream=True)
            try:
                if response.status_code != 200:
                    said = await self._read(response, _MAX_ERROR_BYTES, whole=False)
                    raise status_error(response.status_code, response.headers, said, host=self.host, key=key)
                answering = True
                yield response
            finally:
                await response.aclose()
        except (
            httpx.HTTPError,
            httpx.StreamError,
            OSError,
        ) as error:  # OSError: left unmapped by the transport
            trouble = network_error(error, self.host)
            if answering and isinstance(trouble, NetworkError):
                raise stream_cut(self.host, trouble.detail) from error
            raise trouble from error

    async def _read_key(self) -> str | None:
        key = (await self._key() or "").strip() if self._key else ""
        if not (key.isascii() and key.isprintable()):
            raise AuthError(
                f"The key for {self.id} holds characters that no key has.", hint="Enter it again in Settings."
            )
        return key or None

    async def _read(self, response: httpx.Response, limit: int, *, whole: bool = True) -> bytes:
        """The body up to `limit` bytes; with `whole`, a longer one is an error."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                if whole:
                    raise no_chat_server(self.host, "answer with anything of a sensible size")
                break
        return bytes(body)

    def _parse(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise no_chat_server(self.host, "answer in JSON") from error


def clean_base_url(base_url: str) -> str:
    """The address without what people paste along with it. Raises ConfigError when it is none."""
    url = base_url.strip().rstrip("/").removesuffix("/chat/completions").rstrip("/")
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        usable = False
    if not usable or any(c.isspace() for c in url) or parts.query or parts.fragment:
        raise ConfigError(
            f"“{base_url[:100]}” is not the address of a server.",
            hint='Write it like "http://127.0.0.1:8080/v1".',
        )
    return url


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Reads what little follows `[DONE]`, so that the connection can serve the next request."""
    import httpx

    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass
