"""What only OpenAI's responses do. What all wire formats share is in test_kinds."""

from __future__ import annotations

from typing import Any

import pytest

from mastra_desktop.domain.replies import Prompt, ToolCall
from mastra_desktop.providers.openai_chat import Dialect
from mastra_desktop.providers.openai_responses import ResponsesAnswer, ResponsesWire
from tests.fakes import Script, ScriptedProvider
from tests.providers.asking import CALLS, SCHEMA, WEATHER, ask, prompt, read, sse, tool_turn, whole

DONE = {"type": "response.completed", "response": {"id": "r", "model": "gpt", "status": "completed"}}


def body_of(asked: Prompt) -> dict[str, Any]:
    return dict(ResponsesWire(Dialect()).request(asked, stream=True)[1])


def test_sealed_thoughts_come_back_before_their_calls() -> None:
    """Nothing is stored at OpenAI, so encrypted reasoning travels with the conversation."""
    with ScriptedProvider(Script(("So.",), reasoning=("Hm.",), tool_calls=CALLS)) as server:
        answer = whole(ask(server, "responses", prompt("gpt-5", tools=(WEATHER,)))[0])
        sent = server.chats[0].body
    assert (sent["store"], sent["include"]) == (False, ["reasoning.encrypted_content"])
    items = body_of(tool_turn(answer.tool_calls, answer.end.carry))["input"]
    kinds = [item.get("type", item.get("role")) for item in items]
    assert kinds == [
        "user",
        "reasoning",
        "assistant",
        "function_call",
        "function_call",
        "function_call_output",
        "function_call_output",
    ]
    assert items[1]["encrypted_content"] == "sealed"


def test_a_refusal_is_shown_and_named() -> None:
    """The words of the refusal are text; the reason says what it was."""
    body = sse({"type": "response.refusal.delta", "delta": "I can't."}, DONE)
    answer = read(ResponsesAnswer("x"), body)
    assert (answer.text, answer.end.reason) == ("I can't.", "content_filter")


def test_fragments_alone_make_a_call() -> None:
    """Servers that leave out the finished item are read as well."""
    call = {"type": "function_call", "call_id": "c", "name": "weather", "arguments": ""}
    body = sse(
        {"type": "response.output_item.added", "output_index": 0, "item": call},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '{"place":'},
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": '"Oslo"}'},
        DONE,
    )
    assert read(ResponsesAnswer("x"), body).tool_calls == (
        ToolCall("c", "weather", {"place": "Oslo"}, '{"place":"Oslo"}'),
    )


def test_parts_of_a_summary_are_paragraphs() -> None:
    """Each begins with a heading, which would stick to the sentence before."""
    kind = "response.reasoning_summary_"
    body = sse(
        {"type": f"{kind}part.added", "summary_index": 0},
        {"type": f"{kind}text.delta", "delta": "One."},
        {"type": f"{kind}part.added", "summary_index": 1},
        {"type": f"{kind}text.delta", "delta": "Two."},
        DONE,
    )
    assert read(ResponsesAnswer("x"), body).reasoning == "One.\n\nTwo."


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "error", "code": "rate_limit_exceeded", "message": "Slow"}, "rate_limit"),
        ({"type": "error", "error": {"code": "insufficient_quota", "message": "Slow"}}, "quota"),
        ({"type": "response.failed", "response": {"error": {"code": "server_error"}}}, "provider"),
    ],
)
def test_failures_inside_a_stream(event: dict[str, Any], code: str) -> None:
    """In each of the shapes that are sent."""
    reader = ResponsesAnswer("x")
    reader.feed(sse(event))
    assert reader.failure is not None
    assert reader.failure.code == code


def test_the_request() -> None:
    """Strict where the schema allows it; reasoning only for models that have it."""
    body = body_of(
        prompt(
            "gpt-4.1", system="Be brief.", response_schema=SCHEMA, tools=(WEATHER,), reasoning_effort="low"
        )
    )
    assert body["instructions"] == "Be brief."
    assert body["text"]["format"]["strict"] is False
    assert body["tools"][0]["strict"] is True
    assert "reasoning" not in body
    assert body_of(prompt("o3", reasoning_effort="low"))["reasoning"] == {"effort": "low", "summary": "auto"}
