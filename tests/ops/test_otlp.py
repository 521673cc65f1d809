"""Spans in the form of OTLP: names, values, headers, and nothing that is a secret."""

from __future__ import annotations

import json

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.replies import Prompt, PromptMessage, ToolCall
from mastra_desktop.domain.telemetry import Outcome
from mastra_desktop.ops.otlp import Origin, encode, headers_of, traces_url
from mastra_desktop.ops.traces import Traces
from tests.collector import facts

ORIGIN = Origin({"service.name": "x"}, "sqlite", {"g": "google"})
PLANTED = "sk-Zq7Xw2Lp9Rt4Vb8NPlantedInAnArgument0001"


def test_calls_of_tools_are_told_without_secrets() -> None:
    """Arguments by the names the conventions have, keys by their names and their forms taken out."""
    traces = Traces()
    span = traces.begin("model", None, **{"gen_ai.provider.name": "g", "gen_ai.request.model": "m"})
    call = ToolCall("c1", "search", {"q": "quokka", "api_key": "abc", "deep": [{"note": PLANTED}]})
    span.more().calls = (call,)
    span.more().prompt = Prompt("m", (PromptMessage(Role.TOOL, "found", call_id="c0"),))
    span.end(Outcome.DONE)
    body = encode([span], ORIGIN, contents=True)
    [found] = ExportTraceServiceRequest.FromString(body).resource_spans[0].scope_spans[0].spans
    told = facts(found.attributes)
    assert told["gen_ai.provider.name"] == "gcp.gemini"
    [answer] = json.loads(told["gen_ai.output.messages"])
    assert answer["parts"] == [
        {
            "type": "tool_call",
            "id": "c1",
            "name": "search",
            "arguments": {"q": "quokka", "api_key": "[removed]", "deep": [{"note": "[removed]"}]},
        }
    ]
    assert json.loads(told["gen_ai.input.messages"])[0]["parts"] == [
        {"type": "tool_call_response", "id": "c0", "response": "found"}
    ]
    assert b"quokka" not in encode([span], ORIGIN, contents=False)


def test_strange_values_make_no_trouble() -> None:
    """Half a character, a number without end: the span is told all the same."""
    span = Traces().begin(
        "model", None, odd="\ud800 half", large=2**70, **{"gen_ai.request.model": "m\udfff"}
    )
    span.end()
    assert b"half" in encode([span], ORIGIN, contents=True)


def test_headers_and_address() -> None:
    """A token alone is sent as one; pairs are headers, percent-encoded as OpenTelemetry has it."""
    assert headers_of("abcDEF123==", variable=False) == {"Authorization": "Bearer abcDEF123=="}
    assert headers_of("x-key=a%20b,other=c", variable=False) == {"x-key": "a b", "other": "c"}
    assert headers_of("Authorization=Basic%20YWJj==, bad name=1, x=%0A", variable=True) == {
        "Authorization": "Basic YWJj=="
    }
    assert traces_url("http://h:4318") == traces_url("http://h:4318/") == "http://h:4318/v1/traces"
    assert traces_url("http://h/otlp/v1/traces") == "http://h/otlp/v1/traces"
