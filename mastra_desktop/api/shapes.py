"""The answers of the API as JSON schemas, for its description. `as_json.py` and the routes make them."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]


def text(*values: str) -> Schema:
    return {"type": "string", "enum": list(values)} if values else {"type": "string"}


def maybe(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def many(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


def record(**fields: Schema) -> Schema:
    """An object that has all of these; more may come in later versions."""
    return {"type": "object", "properties": fields, "required": list(fields)}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


NUMBER: Schema = {"type": "number"}
COUNT: Schema = {"type": "integer", "minimum": 0}
FLAG: Schema = {"type": "boolean"}
ANY_OBJECT: Schema = {"type": "object"}

_USAGE = record(prompt_tokens=maybe(COUNT), completion_tokens=maybe(COUNT), total_tokens=maybe(COUNT))
_ANSWER = record(role=text("assistant"), content=maybe(text()), refusal=maybe(text()))
_CONVERSATION = record(
    id=text(), title=text(), created_at=text(), updated_at=text(), model=text(), message_count=COUNT
)

SCHEMAS: dict[str, Schema] = {
    "Error": record(
        error=record(
            code=text(),
            message=text(),
            hint=text(),
            type=text(),
            param=maybe(text()),
            retryable=FLAG,
        )
    ),
    "ChatCompletion": record(
        id=text(),
        object=text("chat.completion"),
        created=COUNT,
        model=text(),
        choices=many(record(index=COUNT, message=_ANSWER, logprobs=maybe(ANY_OBJECT), finish_reason=text())),
        usage=maybe(_USAGE),
        cached=FLAG,
    ),
    "Models": record(
        object=text("list"),
        data=many(record(id=text(), object=text("model"), created=COUNT, owned_by=text(), name=text())),
    ),
    "Embeddings": record(
        object=text("list"),
        model=text(),
        data=many(record(object=text("embedding"), index=COUNT, embedding={"anyOf": [many(NUMBER), text()]})),
        usage=record(prompt_tokens=maybe(COUNT), total_tokens=maybe(COUNT)),
    ),
    "Conversations": record(conversations=many(_CONVERSATION)),
    "Conversation": {
        "allOf": [
            _CONVERSATION,
            record(
                messages=many(
                    record(id=text(), role=text("user", "assistant"), text=text(), state=text(), model=text())
                )
            ),
        ]
    },
    "Knowledge": record(
        collections=many(
            record(
                id=text(),
                name=text(),
                description=text(),
                embedder=text(),
                documents=COUNT,
                passages=COUNT,
            )
        )
    ),
    "Found": record(
        results=many(
            record(
                rank=COUNT,
                score=NUMBER,
                document=text(),
                page=maybe(COUNT),
                start=COUNT,
                end=COUNT,
                text=text(),
            )
        ),
        took_ms=NUMBER,
        relevant=FLAG,
        notice=text(),
    ),
    "Alive": record(status=text("alive")),
    "Ready": record(
        status=text("ready", "not ready"),
        checks=many(record(name=text(), status=text(), duration_ms=NUMBER, detail=text())),
    ),
    "Health": record(
        status=text("healthy", "degraded", "unhealthy"),
        checks=many(record(name=text(), status=text(), duration_ms=NUMBER, detail=text())),
    ),
}
