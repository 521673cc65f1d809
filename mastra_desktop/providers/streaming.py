"""The one provider over HTTP. A `WireFormat` says what a vendor's requests and answers look like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any, ClassVar, Protocol
from urllib.parse import urlsplit

import orjson

from mastra_desktop.domain.errors import (
    AuthError,
    BadRequest,
    ConfigError,
    MastraError,
    NetworkError,
    ProviderError,
    ProviderTimeout,
    StreamCut,
)
from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import (
    Answer,
    AnswerEnd,
    Prompt,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
)
from mastra_desktop.providers.answer import BROKEN, AnswerReader, no_chat_server, stream_cut
from mastra_desktop.providers.failures import network_error, status_error
from mastra_desktop.providers.http import HttpPool, retried, with_retries
from mastra_desktop.providers.sse import MAX_EVENT_BYTES
from mastra_desktop.providers.trial import try_out

if TYPE_CHECKING:
    import httpx

_MAX_ERROR_BYTES = 64 * 1024
_DRAIN_S = 0.1


class WireFormat(Protocol):
    """How one vendor writes requests and answers. Holds no state; paths go behind the base URL."""

    models_path: ClassVar[str]
    hint: ClassVar[str]  # for an address where something else answers
    endings: ClassVar[tuple[str, ...]]  # of addresses, pasted along with the base URL
    default_path: ClassVar[str]  # of an address without a path

    def headers(self, key: str) -> dict[str, str]:
        """What shows the key, and what else each request needs. `key` may be empty."""
        ...

    def request(self, prompt: Prompt, *, stream: bool) -> tuple[str, Mapping[str, Any]]:
        """Path and JSON body. Raises BadRequest for what the vendor does not offer."""
        ...

    def reader(self, host: str, prompt: Prompt) -> AnswerReader: ...

    def models(self, payload: Any) -> list[tuple[str, int | None]]:
        """Names and context sizes in a list of models. May raise any of `BROKEN`."""
        ...

    def embedding_request(self, texts: Sequence[str], model_name: str) -> tuple[str, Mapping[str, Any]]:
        """Path and JSON body. Raises BadRequest where embeddings are not offered."""
        ...

    def embeddings(self, payload: Any) -> list[list[float]]:
        """The vectors, in the order of the texts. May raise any of `BROKEN`."""
        ...

    def status_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, host: str, key: str
    ) -> MastraError: ...


class PlainWire:
    """The parts that most wire formats share."""

    default_path: ClassVar[str] = ""

    def headers(self, key: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {key}"} if key else {}

    def embedding_request(self, texts: Sequence[str], model_name: str) -> tuple[str, Mapping[str, Any]]:
        raise BadRequest("This provider offers no embeddings.", hint="Choose another provider for them.")

    def embeddings(self, payload: Any) -> list[list[float]]:
        raise TypeError("no embeddings")

    def status_error(
        self, status: int, headers: Mapping[str, str], body: bytes, *, host: str, key: str
    ) -> MastraError:
        return status_error(status, headers, body, host=host, key=key or None)


class HttpProvider:
    """Answers over HTTP in the wire format `wire`.

    `key` is asked before each request and its answer goes into a header only. `models`, when given, are
    offered instead of the server's own list. The pool is shared: closing a provider leaves running
    answers alone. Raises ConfigError when `base_url` is no http(s) address.
    """

    def __init__(
        self,
        id: str,
        base_url: str,
        wire: WireFormat,
        *,
        http: HttpPool,
        key: Callable[[], Awaitable[str | None]] | None = None,
        on_this_computer: bool = False,
        models: tuple[str, ...] = (),
        context_tokens: int | None = None,
    ) -> None:
        self.id = id
        self.base_url = clean_base_url(base_url, wire)
        self.host = urlsplit(self.base_url).netloc.rpartition("@")[2]
        self.on_this_computer = on_this_computer
        self.context_tokens = context_tokens
        self.active_streams = 0
        self.wire = wire
        self._http = http
        self._key = key
        self._models = models

    def stream(self, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        """See `Provider.stream`. Tries again by itself before the first piece, never after."""
        return self._ask(prompt, stream=True)

    async def generate(self, prompt: Prompt) -> Answer:
        """The whole answer in one response. Raises a MastraError; retried like a stream."""
        texts: list[str] = []
        thoughts: list[str] = []
        calls: list[ToolCall] = []
        end = AnswerEnd("stop")
        async with aclosing(self._ask(prompt, stream=False)) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    texts.append(event.text)
                elif isinstance(event, ReasoningDelta):
                    thoughts.append(event.text)
                elif isinstance(event, ToolCall):
                    calls.append(event)
                elif isinstance(event, AnswerEnd):
                    end = event
        return Answer("".join(texts), "".join(thoughts), tuple(calls), end)

    async def models(self) -> list[ModelInfo]:
        """The configured models, else those the server lists. Raises a MastraError; retried like a stream."""
        return await self._list(retries=True)

    async def _list(self, *, retries: bool) -> list[ModelInfo]:
        if self._models:
            return [self._model_info(name, self.context_tokens) for name in self._models]

        def ask() -> Awaitable[Any]:
            return self._json("GET", self.wire.models_path, "list its models")

        payload = await (retried(ask, self._http.policy()) if retries else ask())
        try:
            rows = self.wire.models(payload)
        except BROKEN as error:
            raise no_chat_server(self.host, "list its models", self.wire.hint) from error
        return [self._model_info(name, size or self.context_tokens) for name, size in rows]

    async def embeddings(self, texts: Sequence[str], model_name: str) -> list[list[float]]:
        """One vector for each text. Raises BadRequest where the vendor has none, else a MastraError; retried
        like a stream."""
        if not texts:
            return []
        path, body = self.wire.embedding_request(texts, model_name)
        data = orjson.dumps(body)
        payload = await retried(
            lambda: self._json("POST", path, "answer with embeddings", data), self._http.policy(len(data))
        )
        try:
            vectors = self.wire.embeddings(payload)
        except BROKEN as error:
            raise no_chat_server(self.host, "answer with embeddings", self.wire.hint) from error
        if len(vectors) != len(texts):
            raise ProviderError(f"{self.host} sent {len(vectors)} embeddings for {len(texts)} texts.")
        return vectors

    async def test(self, *, tools: bool = True) -> ProviderTest:
        """Lists the models and asks the first for one piece of an answer, then with `tools` for a call of
        one. Trouble is told, not raised."""

        def ask(prompt: Prompt) -> tuple[AnswerReader, AsyncGenerator[list[ProviderEvent]]]:
            path, body = self.wire.request(prompt, stream=True)
            reader = self.wire.reader(self.host, prompt)
            return reader, self._answer(path, orjson.dumps(body), reader)

        return await try_out(self.host, lambda: self._list(retries=False), ask, tools=tools)

    async def aclose(self) -> None:
        """Nothing of its own to close: connections belong to the shared pool."""

    def _model_info(self, name: str, context_tokens: int | None) -> ModelInfo:
        return ModelInfo(f"{self.id}/{name}", self.id, name, self.on_this_computer, context_tokens)

    async def _ask(self, prompt: Prompt, *, stream: bool) -> AsyncGenerator[ProviderEvent]:
        path, fields = self.wire.request(prompt, stream=stream)
        body = orjson.dumps(fields)
        policy = self._http.policy(len(body))

        def start() -> AsyncGenerator[list[ProviderEvent]]:
            return self._answer(path, body, self.wire.reader(self.host, prompt))

        self.active_streams += 1
        try:
            async with aclosing(with_retries(start, policy)) as events:
                async for event in events:
                    yield event
        finally:
            self.active_streams -= 1

    async def _answer(
        self, path: str, body: bytes, reader: AnswerReader
    ) -> AsyncGenerator[list[ProviderEvent]]:
        """One try: what each network chunk brought, ending with the AnswerEnd."""
        from mastra_desktop.providers.traffic import chunks_of

        loop = asyncio.get_running_loop()
        settings = self._http.settings
        deadline = loop.time() + settings.whole_answer_s
        try:
            async with self._request("POST", path, body) as response:
                if "application/json" in response.headers.get("content-type", ""):
                    yield reader.whole(self._parse(await self._read(response, MAX_EVENT_BYTES)))
                    return
                compressed = "content-encoding" in response.headers
                chunks = response.aiter_bytes() if compressed else chunks_of(response)
                async for chunk in chunks:
                    if events := reader.feed(chunk):
                        yield events
                    if reader.failure:
                        raise reader.failure
                    if reader.done:
                        if not getattr(chunks, "at_end", False):
                            await _drain(chunks)
                        break
                    if loop.time() > deadline:
                        raise ProviderTimeout(  # noqa: TRY301  # one that may end here has its answer
                            f"{self.host} did not finish within {settings.whole_answer_s:.0f} s.",
                            retryable=False,
                        )
        except (StreamCut, ProviderTimeout):
            if not reader.may_end:  # else only the end of the connection was missing
                raise
        if not reader.may_end:
            raise stream_cut(self.host)
        yield reader.finish()

    async def _json(self, method: str, path: str, deed: str, body: bytes | None = None) -> Any:
        async with self._request(method, path, body) as response:
            return self._parse(await self._read(response, MAX_EVENT_BYTES), deed)

    @asynccontextmanager
    async def _request(
        self, method: str, path: str, body: bytes | None = None
    ) -> AsyncIterator[httpx.Response]:
        """Sends, and gives the response once it is a good one; maps what goes wrong until it is closed."""
        client = self._http.client()
        import httpx

        key = await self._read_key()
        headers = {
            "Accept-Encoding": "identity",
            "User-Agent": "mastra-desktop",
            **self.wire.headers(key),
        }
        if body is not None:
            headers |= {"Content-Type": "application/json", "Accept": "text/event-stream, application/json"}
        answering = False
        try:
            response = await client.ask(method, self.base_url + path, headers, body)
            try:
                if response.status_code != 200:
                    said = await self._read(response, _MAX_ERROR_BYTES, whole=False)
                    raise self.wire.status_error(
                        response.status_code, response.headers, said, host=self.host, key=key
                    )
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

    async def _read_key(self) -> str:
        key = (await self._key() or "").strip() if self._key else ""
        if not (key.isascii() and key.isprintable()):
            raise AuthError(
                f"The key for {self.id} holds characters that no key has.", hint="Enter it again in Settings."
            )
        return key

    async def _read(self, response: httpx.Response, limit: int, *, whole: bool = True) -> bytes:
        """The body up to `limit` bytes; with `whole`, a longer one is an error."""
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > limit:
                if whole:
                    raise no_chat_server(self.host, "answer with anything of a sensible size", self.wire.hint)
                break
        return bytes(body)

    def _parse(self, body: bytes, deed: str = "answer in JSON") -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise no_chat_server(self.host, deed, self.wire.hint) from error


def clean_base_url(base_url: str, wire: WireFormat) -> str:
    """The address without what people paste along with it. Raises ConfigError when it is none."""
    url = base_url.strip().rstrip("/")
    for ending in wire.endings:
        url = url.removesuffix(ending).rstrip("/")
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
    return url if parts.path else url + wire.default_path


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Reads what little follows the end marker, so that the connection can serve the next request."""
    import httpx

    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(_DRAIN_S):
            async for _ in chunks:
                pass
