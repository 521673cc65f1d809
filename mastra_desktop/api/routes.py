"""The routes beside chat: models, embeddings, conversations, knowledge and health."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from mastra_desktop.api.chat_request import WHOLE, Body
from mastra_desktop.api.errors import json_response, refused
from mastra_desktop.domain.knowledge import SearchMode
from mastra_desktop.services.as_json import (
    check_json,
    collection_json,
    conversation_json,
    message_json,
    search_json,
)
from mastra_desktop.services.embedders import packed
from mastra_desktop.services.health import Status

if TYPE_CHECKING:
    from mastra_desktop.api.parts import Parts

MOST_TEXTS = 2048
MOST_CONVERSATIONS = 1000
US = "mastra-desktop"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class EmbeddingRequest(Body):
    """`model`: builtin/multilingual, builtin/english, local/default for the best of both, or a provider's.
    `input_type` (ours): query for what is looked for, passage for what is looked through."""

    model: str
    input: str | Annotated[list[str], Field(min_length=1, max_length=MOST_TEXTS)]
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int, Field(ge=1, le=65536), WHOLE] | None = None
    input_type: Literal["query", "passage"] | None = None


class SearchRequest(Body):
    query: str
    k: Annotated[int, Field(ge=1, le=100), WHOLE] = 10
    mode: Literal["hybrid", "meaning", "words"] = "hybrid"


class Routes:
    """Each answers one request; what it raises becomes the answer's error."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    async def models(self, _request: Request, _body: None) -> Response:
        """What can be asked, then what embeds. A provider that cannot be asked offers none."""
        found, _ = await self._parts.providers.models()
        rows = [_model(m.id, m.provider_id, m.name, m.context_tokens) for m in found]
        rows += [_model(e.id, US, e.name) for e in self._parts.embedding.infos() if e.installed]
        return json_response({"object": "list", "data": rows})

    async def embeddings(self, _request: Request, asked: EmbeddingRequest) -> Response:
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        found = await self._parts.embedding.embed(
            asked.model, texts, query=asked.input_type == "query", dimension=asked.dimensions
        )
        as_bytes = asked.encoding_format == "base64"
        rows = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(packed(v)).decode() if as_bytes else v.tolist(),
            }
            for index, v in enumerate(found.vectors)
        ]
        usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
        return json_response({"object": "list", "model": found.embedder_id, "data": rows, "usage": usage})

    async def conversations(self, request: Request, _body: None) -> Response:
        limit = _number(request, "limit", 100, MOST_CONVERSATIONS)
        found = await self._parts.conversations.recent(limit=limit)
        return json_response({"conversations": [conversation_json(c) for c in found]})

    async def conversation(self, request: Request, _body: None) -> Response:
        branch = await self._parts.conversations.whole(request.path_params["id"])
        book = await self._parts.prices.book()
        messages = [message_json(m, book.cost_of(m)) for m in branch.messages]
        return json_response(conversation_json(branch.conversation) | {"messages": messages})

    async def knowledge(self, _request: Request, _body: None) -> Response:
        found = await self._parts.knowledge.collections()
        return json_response({"collections": [collection_json(c) for c in found]})

    async def search(self, request: Request, asked: SearchRequest) -> Response:
        collection = await self._parts.knowledge.collection(request.path_params["collection"])
        result = await self._parts.knowledge.search(
            [collection.id], asked.query, k=asked.k, mode=SearchMode(asked.mode)
        )
        return json_response(search_json(result) | {"relevant": result.relevant, "notice": result.notice})

    async def metrics(self, _request: Request, _body: None) -> Response:
        text = await asyncio.to_thread(self._parts.telemetry.metrics.text)
        return Response(text, media_type=None, headers={"Content-Type": METRICS_TYPE})

    async def live(self, _request: Request, _body: None) -> Response:
        report = await self._parts.health.live()
        alive = report.status is not Status.UNHEALTHY
        return json_response({"status": "alive" if alive else "not alive"}, 200 if alive else 503)

    async def ready(self, _request: Request, _body: None) -> Response:
        report = await self._parts.health.ready()
        ready = report.status is not Status.UNHEALTHY
        checks = [check_json(check) for check in report.checks]
        return json_response(
            {"status": "ready" if ready else "not ready", "checks": checks}, 200 if ready else 503
        )

    async def health(self, _request: Request, _body: None) -> Response:
        report = await self._parts.health.full()
        checks = [check_json(check) for check in report.checks]
        status = 503 if report.status is Status.UNHEALTHY else 200
        return json_response({"status": report.status.value, "checks": checks}, status)


def _model(id: str, owner: str, name: str, context_tokens: int | None = None) -> dict[str, Any]:
    return {
        "id": id,
        "object": "model",
        "created": 0,
        "owned_by": owner,
        "name": name,
        "context_tokens": context_tokens,
    }


def _number(request: Request, name: str, otherwise: int, most: int) -> int:
    given = request.query_params.get(name)
    if given is None:
        return otherwise
    if not (given.isascii() and given.isdigit()) or not 1 <= int(given[:9]) <= most or len(given) > 9:
        raise refused(400, "bad_request", f"{name} is a number from 1 to {most}.", param=name)
    return int(given)
