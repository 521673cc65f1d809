"""The API's description, made from the routes themselves."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from mastra_desktop import __version__
from mastra_desktop.api.shapes import SCHEMAS, ref

if TYPE_CHECKING:
    from mastra_desktop.api.endpoint import Endpoint

_REF = "#/components/schemas/{model}"


def describe_api(endpoints: Sequence[Endpoint[Any]]) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    schemas: dict[str, Any] = dict(SCHEMAS)
    paths: dict[str, Any] = {}
    for endpoint in endpoints:
        paths[endpoint.path] = {endpoint.method.lower(): _operation(endpoint, schemas)}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Mastra Desktop",
            "version": __version__,
            "description": "The HTTP API of this computer's Mastra Desktop. Roles: viewer reads, operator "
            "also asks models and searches, admin also changes settings, keys and tokens.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint[Any], schemas: dict[str, Any]) -> dict[str, Any]:
    told = endpoint.told
    content: dict[str, Any] = {told.media_type: {"schema": told.schema}}
    if told.streams:
        content["text/event-stream"] = {"schema": {"type": "string"}}
    responses: dict[str, Any] = {"200": {"description": "Done", "content": content}}
    if told.second is not None:
        status, words = told.second
        responses[str(status)] = {"description": words, "content": content}
    for status in sorted({*_errors(endpoint), *told.also}):
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "content": {"application/json": {"schema": ref("Error")}},
        }
    found: dict[str, Any] = {
        "summary": told.summary,
        "operationId": endpoint.method.lower() + endpoint.path.translate({ord(c): "_" for c in "/{}"}),
        "responses": responses,
        "parameters": [*_in_path(endpoint.path), *told.query],
    }
    if endpoint.role is None:
        found["security"] = []
    else:
        found["x-role"] = endpoint.role.value
    if endpoint.body is not None:
        schema = endpoint.body.model_json_schema(ref_template=_REF, by_alias=True)
        schemas.update(schema.pop("$defs", {}))
        schemas[endpoint.body.__name__] = schema
        body = {"application/json": {"schema": ref(endpoint.body.__name__)}}
        found["requestBody"] = {"required": True, "content": body}
    return found


def _errors(endpoint: Endpoint[Any]) -> tuple[int, ...]:
    always = (403, 405, 421)
    with_token = (*always, 401, 429, 500, 503)
    with_body = (*with_token, 400, 408, 413, 415)
    if endpoint.role is None:
        return always
    return with_token if endpoint.body is None else with_body


def _in_path(path: str) -> list[dict[str, Any]]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in names
    ]
