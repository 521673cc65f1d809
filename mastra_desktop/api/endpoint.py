"""One route of the API, from the first byte to the last: who asks, how much, how long, and whether still."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import Response

from mastra_desktop.api.errors import Refused, Trouble, refused, trouble_of
from mastra_desktop.domain.errors import MastraError, NotFound, describe
from mastra_desktop.domain.tokens import TokenRole
from mastra_desktop.ops.logging import get_logger, operation

if TYPE_CHECKING:
    from starlette.types import Message, Receive, Scope, Send

    from mastra_desktop.api.call_log import CallLog
    from mastra_desktop.api.door import Door
    from mastra_desktop.domain.errors import ErrorInfo
    from mastra_desktop.domain.tokens import ApiToken
    from mastra_desktop.ops.errors_met import ErrorsMet

MOST_BYTES = 4 * 1024**2  # of a request's body
BODY_TIMEOUT_S = 10.0  # for all of it
MOST_AT_ONCE = 128  # requests; more are asked to come again

log = get_logger(__name__)
B = TypeVar("B", bound=BaseModel | None)


class Gone(Exception):
    """The client left."""


class Load:
    """How many requests are being answered, and their tasks."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self.most = most
        self.tasks: set[asyncio.Task[Any]] = set()
        self.closing = False

    def enter(self, task: asyncio.Task[Any]) -> None:
        """Raises Refused."""
        if self.closing:
            raise Refused(
                Trouble(503, "cancelled", "Mastra Desktop is closing.", headers={"Connection": "close"})
            )
        if len(self.tasks) >= self.most:
            raise Refused(
                Trouble(
                    429,
                    "rate_limit",
                    f"{self.most} requests are being answered already.",
                    "Try again in a moment.",
                    retryable=True,
                    headers={"Retry-After": "1"},
                )
            )
        self.tasks.add(task)

    def leave(self, task: asyncio.Task[Any]) -> None:
        self.tasks.discard(task)

    def end(self) -> None:
        """Cancels what runs; nothing new begins."""
        self.closing = True
        for task in tuple(self.tasks):
            task.cancel()


@dataclass(frozen=True, slots=True)
class Told:
    """What the description of the API says of a route beside its path and role."""

    summary: str
    schema: dict[str, Any]  # of the answer
    query: tuple[dict[str, Any], ...] = ()
    streams: bool = False
    media_type: str = "application/json"
    also: tuple[int, ...] = ()  # further statuses, all of them errors
    second: tuple[int, str] | None = None  # a further status with the same answer, and what it says


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[B]):
    """`role` None: no token. `body`: what a POST brings, None for a GET. An ASGI app of its own."""

    path: str
    role: TokenRole | None
    body: type[B] | None
    run: Callable[[Request, B], Awaitable[Response]]
    told: Told
    door: Door
    load: Load
    clean: Callable[[ErrorInfo], ErrorInfo]
    calls: CallLog
    errors: ErrorsMet

    @property
    def method(self) -> str:
        return "GET" if self.body is None else "POST"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a request runs in a task")
        sending = Sending(send)
        try:
            with operation("api"):
                await self._answer(task, scope, receive, sending)
        except Gone:
            log.info("client left", path=self.path)
        except asyncio.CancelledError:
            if not self.load.closing:
                raise
            if not sending.begun:
                closing = refused(503, "cancelled", "Mastra Desktop is closing.")
                await _say(self._trouble_of(closing), scope, receive, send)
        finally:
            if self.role is not None:
                self.calls.note(sending.token, self.method, self.path, sending.status)

    async def _answer(
        self, task: asyncio.Task[Any], scope: Scope, receive: Receive, sending: Sending
    ) -> None:
        try:
            sending.token = await self.door.admit(scope, self.role)
            self._check_method(scope["method"])
            if self.role is not None:  # whether it lives is told under any load
                self.load.enter(task)
        except (Refused, MastraError) as error:  # the database that knows the tokens may be away
            return await _say(self._trouble_of(error), scope, receive, sending)
        try:
            if self.body is None:
                await self._run(Request(scope), None, scope, receive, sending)
            else:
                await self._run_with_body(self.body, scope, receive, sending)
        finally:
            self.load.leave(task)

    async def _run_with_body(self, body: type[B], scope: Scope, receive: Receive, sending: Sending) -> None:
        try:
            _check_content_type(scope)
            value = _parsed(body, await read_body(scope, receive))
        except Refused as error:
            return await _say(self._trouble_of(error), scope, receive, sending)
        gone = False

        async def watch() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                continue
            if not sending.done:
                gone = True
                raise Gone

        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch())
                await self._run(Request(scope), value, scope, receive, sending)
                watching.cancel()
        except BaseExceptionGroup:
            if gone:
                raise Gone from None
            raise

    async def _run(
        self, request: Request, value: Any, scope: Scope, receive: Receive, sending: Sending
    ) -> None:
        """Never raises but when cancelled: what goes wrong is told, or was told in the stream."""
        try:
            response = await self.run(request, value)
        except Exception as error:
            if not isinstance(error, Refused | MastraError):
                log.exception("api request failed by a bug", path=self.path)
            response = self._trouble_of(error).response()
        await response(scope, receive, sending)

    def _trouble_of(self, error: Exception) -> Trouble:
        """What the client is told; it is counted."""
        if isinstance(error, Refused):
            self.errors.told(error.trouble.code)
            return error.trouble
        self.errors.met(error)
        return trouble_of(self.clean(describe(error)), missing=isinstance(error, NotFound))

    def _check_method(self, method: str) -> None:
        if method == self.method or (method == "HEAD" and self.method == "GET"):
            return
        allowed = "GET, HEAD" if self.method == "GET" else "POST"
        raise Refused(
            Trouble(405, "bad_request", f"{self.path} takes {self.method} only.", headers={"Allow": allowed})
        )


class Sending:
    """Notes how far an answer is."""

    __slots__ = ("_send", "begun", "done", "status", "token")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = self.done = False
        self.status = 499  # as long as nothing was sent: the client left
        self.token: ApiToken | None = None

    async def __call__(self, message: Message) -> None:
        self.begun = True
        if message["type"] == "http.response.start":
            self.status = message["status"]
        elif not message.get("more_body", False):
            self.done = True
        await self._send(message)


async def read_body(scope: Scope, receive: Receive, timeout_s: float = BODY_TIMEOUT_S) -> bytes:
    """All of it. Raises Refused for too much or too slow a body, Gone."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    if length.isdigit() and int(length) > MOST_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise Gone
                part = message.get("body", b"")
                parts.append(part)
                size += len(part)
                if size > MOST_BYTES:
                    raise _too_large()
                if not message.get("more_body", False):
                    return parts[0] if len(parts) == 1 else b"".join(parts)
    except TimeoutError:
        raise Refused(
            Trouble(408, "timeout", "The request came too slowly.", headers={"Connection": "close"})
        ) from None


def _too_large() -> Refused:
    most = MOST_BYTES // 1024**2
    return Refused(
        Trouble(413, "bad_request", f"A request may have up to {most} MB.", headers={"Connection": "close"})
    )


def _check_content_type(scope: Scope) -> None:
    kind = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    kind = kind.partition(b";")[0].strip().lower()
    if kind != b"application/json" and not (kind.startswith(b"application/") and kind.endswith(b"+json")):
        raise refused(
            415, "bad_request", "The request has to be JSON.", hint="Send Content-Type: application/json."
        )


def _parsed(body: Any, raw: bytes) -> Any:
    try:
        return body.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        if first["type"] == "unsupported":
            raise refused(400, "bad_request", first["msg"]) from None
        where = f"{place}: " if place else ""
        raise refused(400, "bad_request", f"{where}{first['msg']}", param=place or None) from None


async def _say(trouble: Trouble, scope: Scope, receive: Receive, send: Send | Sending) -> None:
    await trouble.response()(scope, receive, send)
