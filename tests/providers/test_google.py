"""What only Gemini does. What all wire formats share is in test_kinds."""

from __future__ import annotations

from typing import Any

import pytest

from mastra_desktop.domain.errors import ContentFiltered, MastraError, ProviderError, QuotaError, RateLimited
from mastra_desktop.domain.replies import Prompt
from mastra_desktop.providers.google import GoogleAnswer, GoogleWire
from tests.fakes import Script, ScriptedProvider
from tests.providers.asking import CALLS, SCHEMA, WEATHER, ask, prompt, read, sse, tool_turn, whole


def piece(*parts: dict[str, Any], finish: str = "", **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"}}
    return {"candidates": [candidate | ({"finishReason": finish} if finish else {})], **more}


def body_of(asked: Prompt) -> dict[str, Any]:
    return dict(GoogleWire().request(asked, stream=True)[1])


def test_signatures_come_back_with_their_calls() -> None:
    """Each call's opaque signature stands where it stood; results are named after their tool."""
    with ScriptedProvider(Script(("So.",), tool_calls=CALLS)) as server:
        answer = whole(ask(server, "google", prompt(tools=(WEATHER,)))[0])
    contents = body_of(tool_turn(answer.tool_calls, answer.end.carry))["contents"]
    calls = [part for part in contents[1]["parts"] if "functionCall" in part]
    assert [call["thoughtSignature"] for call in calls] == ["signed 0", "signed 1"]
    assert contents[2]["parts"][0]["functionResponse"] == {
        "name": "weather",
        "response": {"result": "0 degrees"},
    }


def test_calls_another_model_made_are_let_through() -> None:
    """Gemini 3 refuses a first call without a signature, so Google's own stand-in goes along."""
    with ScriptedProvider(Script(("So.",), tool_calls=CALLS)) as server:
        answer = whole(ask(server, "openai", prompt(tools=(WEATHER,)))[0])
    parts = body_of(tool_turn(answer.tool_calls, model="gemini-3-pro"))["contents"][1]["parts"]
    assert ["thoughtSignature" in part for part in parts] == [False, True, False]
    assert "thoughtSignature" not in str(body_of(tool_turn(answer.tool_calls, model="gemini-2.5-pro")))


def test_thoughts_are_apart() -> None:
    """Parts marked as thought are reasoning."""
    body = sse(piece({"text": "Hm.", "thought": True}, {"text": "Yes."}, finish="STOP"))
    answer = read(GoogleAnswer("x"), body)
    assert (answer.reasoning, answer.text) == ("Hm.", "Yes.")


def test_a_reason_that_comes_early_does_not_end_the_answer() -> None:
    """Only that of the last piece counts."""
    reader = GoogleAnswer("x")
    reader.feed(sse(piece({"text": "One "}, finish="STOP"), piece({"text": "two"})))
    assert not reader.may_end
    answer = read(
        GoogleAnswer("x"), sse(piece({"text": "One "}, finish="STOP"), piece({"text": "two"}, finish="STOP"))
    )
    assert answer.text == "One two"


def test_a_blocked_prompt_is_declined() -> None:
    """No candidate, but a reason."""
    reader = GoogleAnswer("x")
    reader.feed(sse({"promptFeedback": {"blockReason": "SAFETY"}}))
    assert isinstance(reader.failure, ContentFiltered)


def test_a_call_that_cannot_be_read_is_a_failure() -> None:
    """Gemini itself gave up on it."""
    reader = GoogleAnswer("x")
    reader.feed(sse(piece(finish="MALFORMED_FUNCTION_CALL")))
    assert isinstance(reader.failure, ProviderError)
    assert not reader.may_end


def test_the_same_answer_has_the_same_call_ids() -> None:
    """Gemini sends none, so they are made from what it sent; two calls never share one."""
    call = {"functionCall": {"name": "clock"}}
    body = sse(piece(call, call, finish="STOP", responseId="r"))
    first, second = (read(GoogleAnswer("x"), body, step) for step in (0, 1))
    assert first == second
    assert len({call.id for call in first.tool_calls}) == 2
    assert first.tool_calls[0].arguments == {}


@pytest.mark.parametrize(
    ("status", "body", "kind", "wait_s"),
    [
        (
            400,
            '{"error":{"message":"API key not valid.","details":[{"reason":"API_KEY_INVALID"}]}}',
            "auth",
            None,
        ),
        (
            429,
            '{"error":{"message":"You exceeded your current quota","details":[{"retryDelay":"34s"}]}}',
            "rate",
            34,
        ),
        (
            429,
            '{"error":{"message":"You exceeded your current quota","details":'
            '[{"quotaId":"RequestsPerDay"},{"retryDelay":"34s"}]}}',
            "quota",
            None,
        ),
        (400, '{"error":{"message":"bad schema","status":"INVALID_ARGUMENT"}}', "bad_request", None),
    ],
)
def test_statuses_that_mean_something_else(status: int, body: str, kind: str, wait_s: float | None) -> None:
    """A refused key comes as 400; one text stands for a spent quota and for too many requests."""
    error: MastraError = GoogleWire().status_error(status, {}, body.encode(), host="x", key="")
    assert error.code.startswith(kind)
    assert error.retry_after_s == wait_s
    assert isinstance(error, QuotaError) == (kind == "quota")
    assert isinstance(error, RateLimited) == (kind == "rate")


def test_the_request() -> None:
    """Settings, schema, thinking and the choice of tools under Google's names."""
    body = body_of(
        prompt(
            "gemini-2.5-flash",
            system="Be brief.",
            temperature=0.1,
            max_tokens=9,
            response_schema=SCHEMA,
            tools=(WEATHER,),
            tool_choice="weather",
            reasoning_effort="low",
        )
    )
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {
        "temperature": 0.1,
        "maxOutputTokens": 9,
        "responseMimeType": "application/json",
        "responseJsonSchema": SCHEMA,
        "thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048},
    }
    assert body["toolConfig"]["functionCallingConfig"] == {"mode": "ANY", "allowedFunctionNames": ["weather"]}
    thinking = body_of(prompt("gemini-3-pro", reasoning_effort="low"))["generationConfig"]["thinkingConfig"]
    assert thinking == {"includeThoughts": True, "thinkingLevel": "low"}
