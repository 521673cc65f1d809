"""All routes, with the role that each needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router

from mastra_desktop.api.call_log import CallLog
from mastra_desktop.api.chat_request import ChatRequest
from mastra_desktop.api.chat_route import ChatRoute
from mastra_desktop.api.door import Door
from mastra_desktop.api.endpoint import Endpoint, Load, Told
from mastra_desktop.api.errors import Refused, Trouble, json_response
from mastra_desktop.api.openapi import describe_api
from mastra_desktop.api.routes import MOST_CONVERSATIONS, EmbeddingRequest, Routes, SearchRequest
from mastra_desktop.api.shapes import ANY_OBJECT, ref, text
from mastra_desktop.domain.tokens import TokenRole

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from mastra_desktop.api.parts import Parts

VIEWER, OPERATOR = TokenRole.VIEWER, TokenRole.OPERATOR
_LIMIT = {
    "name": "limit",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": MOST_CONVERSATIONS, "default": 100},
}


def build_endpoints(parts: Parts, load: Load, calls: CallLog) -> list[Endpoint[Any]]:
    door = Door(parts.tokens)
    routes = Routes(parts)
    chat = ChatRoute(parts)
    errors = parts.telemetry.metrics.errors

    def route(
        path: str, role: TokenRole | None, run: Any, told: Told, body: type[Any] | None = None
    ) -> Endpoint[Any]:
        return Endpoint(path, role, body, run, told, door, load, parts.clean, calls, errors)

    asked = (404, 502, 504)  # what asking a provider may bring
    found = [
        route(
            "/v1/chat/completions",
            OPERATOR,
            chat.answer,
            Told("An answer, whole or as a stream", ref("ChatCompletion"), streams=True, also=asked),
            ChatRequest,
        ),
        route("/v1/models", VIEWER, routes.models, Told("Models that can be asked", ref("Models"))),
        route(
            "/v1/embeddings",
            OPERATOR,
            routes.embeddings,
            Told("Vectors of texts", ref("Embeddings"), also=asked),
            EmbeddingRequest,
        ),
        route(
            "/api/conversations",
            VIEWER,
            routes.conversations,
            Told("Conversations, the newest first", ref("Conversations"), query=(_LIMIT,), also=(400,)),
        ),
        route(
            "/api/conversations/{id}",
            VIEWER,
            routes.conversation,
            Told("A conversation with its messages", ref("Conversation"), also=(404,)),
        ),
        route("/api/knowledge", VIEWER, routes.knowledge, Told("Collections", ref("Knowledge"))),
        route(
            "/api/knowledge/{collection}/search",
            OPERATOR,
            routes.search,
            Told("The passages that answer a question best", ref("Found"), also=(404,)),
            SearchRequest,
        ),
        route("/health/live", None, routes.live, Told("Whether it runs", ref("Alive"))),
        route(
            "/health/ready",
            VIEWER,
            routes.ready,
            Told("Whether it can work", ref("Ready"), second=(503, "Not now")),
        ),
        route(
            "/health",
            VIEWER,
            routes.health,
            Told("Every check", ref("Health"), second=(503, "Something that is needed does not work")),
        ),
    ]

    found.append(
        route(
            "/metrics",
            VIEWER,
            routes.metrics,
            Told("Figures for Prometheus", text(), media_type="text/plain; version=0.0.4; charset=utf-8"),
        )
    )

    async def openapi(_request: Request, _body: None) -> Response:
        return json_response(describe_api(found))

    found.append(route("/openapi.json", VIEWER, openapi, Told("This description", ANY_OBJECT)))
    return found


def build_app(parts: Parts, load: Load, calls: CallLog) -> ASGIApp:
    endpoints = build_endpoints(parts, load, calls)
    door = Door(parts.tokens)

    async def nowhere(scope: Scope, receive: Receive, send: Send) -> None:
        """Also what does not exist is told only to who may read."""
        token = None
        try:
            token = await door.admit(scope, VIEWER)
            trouble = Trouble(
                404, "bad_request", f"There is nothing at {scope['path']}.", "See /openapi.json."
            )
        except Refused as error:
            trouble = error.trouble
        parts.telemetry.metrics.errors.told(trouble.code)
        calls.note(token, "get", "elsewhere", trouble.status)
        await trouble.response()(scope, receive, send)

    routes = [Route(endpoint.path, endpoint) for endpoint in endpoints]
    return Router(routes, redirect_slashes=False, default=nowhere)
