"""What only Anthropic's messages do. What all wire formats share is in test_kinds."""

from __future__ import annotations

from typing import Any

import pytest

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import MastraError, StreamCut
from mastra_desktop.domain.replies import Prompt, PromptMessage, TextDelta, ToolCall
from mastra_desktop.providers.anthropic import SCHEMA_TOOL, AnthropicAnswer, AnthropicWire
from tests.fakes import Script, ScriptedProvider
from tests.providers.asking import (
    CALLS,
    CLOCK,
    PICTURE,
    SCHEMA,
    WEATHER,
    ask,
    prompt,
    read,
    sse,
    tool_turn,
    whole,
)

START = {"type": "message_start", "message": {"id": "m", "model": "claude", "usage": {"input_tokens": 5}}}
STOP = {"type": "message_stop"}


def begins(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def goes_on(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def ends(reason: str) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 7}}


def body_of(asked: Prompt) -> dict[str, Any]:
    return dict(AnthropicWire().request(asked, stream=True)[1])


def test_signed_thoughts_come_back_before_the_results() -> None:
    """Thinking with its signature goes to the API again, unchanged, and nobody else is shown it."""
    with ScriptedProvider(Script(("So.",), reasoning=("Let me ", "think."), tool_calls=CALLS)) as server:
        answer = whole(ask(server, "anthropic", prompt(tools=(WEATHER,)))[0])
    assert "signed" not in repr(answer)
    sent = body_of(tool_turn(answer.tool_calls, answer.end.carry))["messages"]
    assert [block["type"] for block in sent[1]["content"]] == ["thinking", "text", "tool_use", "tool_use"]
    assert sent[1]["content"][0] == {"type": "thinking", "thinking": "Let me think.", "signature": "signed"}
    assert [(block["type"], block["tool_use_id"]) for block in sent[2]["content"]] == [
        ("tool_result", "call_a"),
        ("tool_result", "call_b"),
    ]


def test_redacted_thoughts_are_kept_and_not_shown() -> None:
    """They are noise to us and needed by the API."""
    body = sse(
        START,
        begins(0, type="redacted_thinking", data="xyz"),
        begins(1, type="tool_use", id="t", name="clock", input={}),
        ends("tool_use"),
        STOP,
    )
    answer = read(AnthropicAnswer("x"), body)
    assert (answer.text, answer.reasoning) == ("", "")
    content = body_of(tool_turn(answer.tool_calls, answer.end.carry))["messages"][1]["content"]
    assert content[0] == {"type": "redacted_thinking", "data": "xyz"}


def test_a_thought_that_is_not_shown_goes_back_as_well() -> None:
    """Newer models send the signature alone."""
    body = sse(
        START,
        begins(0, type="thinking", thinking="", signature=""),
        goes_on(0, type="signature_delta", signature="sig"),
        goes_on(0, type="signature_delta", signature="ned"),
        begins(1, type="tool_use", id="t", name="clock", input={}),
        ends("tool_use"),
        STOP,
    )
    answer = read(AnthropicAnswer("x"), body)
    assert answer.reasoning == ""
    content = body_of(tool_turn(answer.tool_calls, answer.end.carry))["messages"][1]["content"]
    assert content[0] == {"type": "thinking", "thinking": "", "signature": "signed"}


def test_a_refusal_is_named() -> None:
    """Whatever was written before stays."""
    body = sse(START, begins(0, type="text", text="Well"), ends("refusal"), STOP)
    answer = read(AnthropicAnswer("x"), body)
    assert (answer.text, answer.end.reason) == ("Well", "content_filter")


def test_a_tool_without_arguments_gets_none() -> None:
    """Nothing written is an empty object by the protocol, unless the limit cut it off."""
    block = begins(0, type="tool_use", id="t", name="clock", input={})
    assert read(AnthropicAnswer("x"), sse(START, block, ends("tool_use"), STOP)).tool_calls[0].arguments == {}
    cut = read(AnthropicAnswer("x"), sse(START, block, ends("max_tokens"), STOP))
    assert (cut.tool_calls[0].arguments, cut.end.reason) == (None, "length")


def test_unparsable_arguments_are_an_error_for_the_model() -> None:
    """Never an empty object; sent back, the call still is an object, as the API insists."""
    body = sse(
        START,
        begins(0, type="tool_use", id="t", name="weather", input={}),
        goes_on(0, type="input_json_delta", partial_json='{"place": "Os'),
        ends("max_tokens"),
        STOP,
    )
    call = read(AnthropicAnswer("x"), body).tool_calls[0]
    assert (call.arguments, call.raw) == (None, '{"place": "Os')
    assert "not valid JSON" in call.error
    history = tool_turn((call,))
    assert body_of(history)["messages"][1]["content"][1]["input"] == {"unparsable_arguments": '{"place": "Os'}


def test_structure_comes_as_text() -> None:
    """The forced tool's input is the answer, in pieces, and no tool call."""
    body = sse(
        START,
        begins(0, type="tool_use", id="t", name=SCHEMA_TOOL, input={}),
        goes_on(0, type="input_json_delta", partial_json='{"n":'),
        goes_on(0, type="input_json_delta", partial_json=" 3}"),
        ends("tool_use"),
        STOP,
    )
    answer = read(AnthropicAnswer("x", schema_tool=SCHEMA_TOOL), body)
    assert (answer.text, answer.tool_calls, answer.end.reason) == ('{"n": 3}', (), "stop")
    assert body_of(prompt(response_schema=SCHEMA))["tool_choice"] == {"type": "tool", "name": SCHEMA_TOOL}
    assert body_of(prompt(response_schema=SCHEMA, tools=(CLOCK,)))["tool_choice"] == {"type": "any"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("overloaded_error", "provider"),
        ("rate_limit_error", "rate_limit"),
        ("authentication_error", "auth"),
        ("billing_error", "quota"),
        ("invalid_request_error", "bad_request"),
        ("api_error", "provider"),
        ("news_error", "provider"),
    ],
)
def test_an_error_event_has_its_class(kind: str, code: str) -> None:
    """By its type, as its HTTP status would have said; text before it is given out."""
    reader = AnthropicAnswer("x")
    failed = sse(
        START,
        begins(0, type="text", text=""),
        goes_on(0, type="text_delta", text="Hi"),
        {"type": "error", "error": {"type": kind, "message": "Sorry"}},
    )
    assert reader.feed(failed) == [TextDelta("Hi")]
    assert isinstance(reader.failure, MastraError)
    assert (reader.failure.code, "Sorry" in reader.failure.message) == (code, True)


def test_the_figures_of_the_end_count() -> None:
    """Input from the start, output from the end, cached None when it was not given."""
    assert read(AnthropicAnswer("x"), sse(START, ends("end_turn"), STOP)).end.usage == Usage(5, 7)


def test_a_stop_without_a_reason_is_cut() -> None:
    """`message_stop` alone does not make an answer whole."""
    with pytest.raises(StreamCut):
        read(AnthropicAnswer("x"), sse(START, STOP))


def test_unknown_events_and_blocks_are_passed_over() -> None:
    """What the API adds later breaks nothing."""
    body = sse(
        START,
        {"type": "news"},
        begins(0, type="server_tool_use", id="s", name="web_search", input={}),
        goes_on(0, type="citations_delta", citation={}),
        begins(1, type="text", text="Hi"),
        ends("pause_turn"),
        STOP,
    )
    answer = read(AnthropicAnswer("x"), body)
    assert (answer.text, answer.tool_calls, answer.end.reason) == ("Hi", (), "stop")


def test_the_request() -> None:
    """Roles alternate and the person begins; thinking brings its budget and takes the temperature away."""
    asked = Prompt(
        "claude-sonnet-4-5",
        (
            PromptMessage(Role.ASSISTANT, "Welcome"),
            PromptMessage(Role.USER, "One"),
            PromptMessage(Role.USER, "Two", images=(PICTURE,)),
            PromptMessage(Role.ASSISTANT, "", tool_calls=(ToolCall("t", "clock", {}),)),
            PromptMessage(Role.TOOL, "no such clock", call_id="t", is_error=True),
            PromptMessage(Role.USER, "Go on"),
            PromptMessage(Role.ASSISTANT, "Sure", tool_calls=(ToolCall("orphan", "clock", {}),)),
        ),
        system="Be brief.",
        temperature=0.5,
        max_tokens=100,
        reasoning_effort="low",
        tools=(CLOCK,),
    )
    body = body_of(asked)
    assert [m["role"] for m in body["messages"]] == ["user", "assistant", "user", "assistant"]
    assert [b["type"] for b in body["messages"][0]["content"]] == ["image", "text"]
    assert [b["type"] for b in body["messages"][2]["content"]] == ["tool_result", "text"]
    assert body["messages"][2]["content"][0]["is_error"] is True
    assert "orphan" not in str(body)
    assert (body["system"], body["max_tokens"]) == ("Be brief.", 2148)
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 2048}
    assert "temperature" not in body
    assert body_of(prompt("claude-3-haiku-20240307", temperature=0.5)) == {
        "model": "claude-3-haiku-20240307",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
        "max_tokens": 4096,
        "stream": True,
        "temperature": 0.5,
    }
