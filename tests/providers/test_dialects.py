"""Chat completions as each vendor speaks them: streams of their shape in, requests of their shape out."""

from __future__ import annotations

from typing import Any

import pytest

from mastra_desktop.domain.chat import Role, Usage
from mastra_desktop.domain.errors import ProviderError
from mastra_desktop.domain.replies import Answer, Prompt, PromptMessage, TextDelta, ToolCall
from mastra_desktop.providers.answer import AnswerReader
from mastra_desktop.providers.http import HttpPool
from mastra_desktop.providers.kinds import KINDS, build_provider
from tests.fakes import Script, ScriptedProvider
from tests.providers.asking import CALLS, CLOCK, PICTURE, SCHEMA, WEATHER, ask, prompt, read, sse, tool_turn

LM_STUDIO = LLAMA_CPP = VLLM = "openai-compatible"


def reader(kind: str, asked: Prompt | None = None) -> AnswerReader:
    url = "http://127.0.0.1:1/v1" if kind in (LM_STUDIO, "ollama") else ""
    return build_provider(kind, "work", url, http=HttpPool()).wire.reader("x", asked or prompt())


def body_of(kind: str, asked: Prompt) -> dict[str, Any]:
    url = "http://127.0.0.1:1/v1" if kind in (LM_STUDIO, "ollama") else ""
    return dict(build_provider(kind, "work", url, http=HttpPool()).wire.request(asked, stream=True)[1])


def says(finish: str | None = None, /, **delta: Any) -> dict[str, Any]:
    return {"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def calls(*calls: dict[str, Any]) -> dict[str, Any]:
    return says(tool_calls=list(calls))


def answer(kind: str, *pieces: Any, asked: Prompt | None = None) -> Answer:
    """The same at once and byte by byte."""
    body = sse(*pieces, done=True)
    found = read(reader(kind, asked), body)
    assert read(reader(kind, asked), body, 1) == found
    return found


def arguments(found: Answer) -> list[tuple[str, str, object]]:
    return [(call.id, call.name, call.arguments) for call in found.tool_calls]


def test_groq_counts_in_a_place_of_its_own() -> None:
    """Usage under x_groq, not asked for."""
    end = says("stop") | {"x_groq": {"id": "r", "usage": {"prompt_tokens": 3, "completion_tokens": 4}}}
    found = answer("groq", says(content="Hi") | {"x_groq": {"id": "r"}}, end)
    assert (found.text, found.end.usage) == ("Hi", Usage(3, 4))
    body = body_of("groq", prompt(max_tokens=5))
    assert (body["max_completion_tokens"], "stream_options" in body, "max_tokens" in body) == (
        5,
        False,
        False,
    )


def test_groq_names_a_failed_call_in_an_error_event() -> None:
    """An `event: error` inside a 200."""
    found = reader("groq")
    error = (
        b'event: error\ndata: {"error":{"message":"Failed to call a function","code":"tool_use_failed"}}\n\n'
    )
    found.feed(sse(says(content="Hi")) + error)
    assert isinstance(found.failure, ProviderError)
    assert "Failed to call a function" in found.failure.message


def test_groq_says_in_its_own_place_why_it_stopped() -> None:
    """`x_groq.error`, a sentence, inside a 200; thoughts between tags are reasoning."""
    found = reader("groq")
    assert found.feed(sse(says(content="<think>Hm.</think>Hi"))) != []
    found.feed(sse(says() | {"x_groq": {"id": "r", "error": "over capacity"}}))
    assert isinstance(found.failure, ProviderError)
    assert "over capacity" in found.failure.message
    thought = answer("groq", says(content="<think>\nHm."), says(content="</think>\n\nHi"), says("stop"))
    assert (thought.reasoning, thought.text) == ("Hm.", "Hi")


def test_mistral_writes_content_in_parts_and_calls_without_index() -> None:
    """Thoughts and text as a list; parallel calls come whole."""
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}
    first = {"id": "aaaaaaaaa", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    second = {"id": "bbbbbbbbb", "function": {"name": "weather", "arguments": '{"place": "Rome"}'}}
    found = answer(
        "mistral",
        says(content=[thought]),
        says(content=[{"type": "text", "text": "Yes."}, {"type": "reference", "reference_ids": [1]}]),
        says("tool_calls", content=None, tool_calls=[first, second]),
    )
    assert (found.reasoning, found.text) == ("Hm.", "Yes.")
    assert arguments(found) == [
        ("aaaaaaaaa", "weather", {"place": "Oslo"}),
        ("bbbbbbbbb", "weather", {"place": "Rome"}),
    ]
    assert read(reader("mistral"), sse(says("model_length", content="x"), done=True)).end.reason == "length"


def test_mistral_is_asked_in_its_own_words() -> None:
    """`any` for required, ids of nine characters, no stream_options, max_tokens."""
    history = tool_turn((ToolCall("call_from_elsewhere", "weather", {}),), tools=(WEATHER,), max_tokens=5)
    body = body_of("mistral", history)
    (call,) = body["messages"][1]["tool_calls"]
    assert len(call["id"]) == 9
    assert call["id"].isalnum()
    assert body["messages"][2]["tool_call_id"] == call["id"]
    assert (body["max_tokens"], "stream_options" in body) == (5, False)
    assert body_of("mistral", prompt(tools=(WEATHER,), tool_choice="required"))["tool_choice"] == "any"


def test_deepseek_reasons_counts_and_gives_up_in_its_own_words() -> None:
    """`reasoning_content`, cache hits, and a finish reason for "out of resources"."""
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_cache_hit_tokens": 8}
    found = answer(
        "deepseek",
        says(content=None, reasoning_content="Hm."),
        says(content="Yes.", reasoning_content=None),
        says("stop", content="") | {"usage": usage},
    )
    assert (found.reasoning, found.text, found.end.usage) == ("Hm.", "Yes.", Usage(9, 2, 8))
    gave_up = reader("deepseek")
    assert gave_up.feed(sse(says(content="Hi"), says("insufficient_system_resource"))) == [TextDelta("Hi")]
    assert isinstance(gave_up.failure, ProviderError)


def test_deepseek_wants_its_reasoning_back_and_takes_no_schema() -> None:
    """With the tools' results only; the schema goes into the system message."""
    body = body_of("deepseek", tool_turn((ToolCall("c", "weather", {}),), response_schema=SCHEMA))
    assert body["messages"][2]["reasoning_content"] == "Hm."
    assert body["response_format"] == {"type": "json_object"}
    assert "JSON schema" in body["messages"][0]["content"]
    assert "reasoning_content" not in str(body_of("openai", tool_turn((ToolCall("c", "weather", {}),))))


def test_xai_counts_reasoning_beside_the_output() -> None:
    """Figures are passed on as given; the table says how they are meant."""
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 1,
        "prompt_tokens_details": {"cached_tokens": 11},
        "completion_tokens_details": {"reasoning_tokens": 290},
    }
    found = answer("xai", says(content="Hello"), says("stop"), {"choices": [], "usage": usage})
    assert found.end.usage == Usage(12, 1, 11, 290)
    assert KINDS["xai"].reasoning_beside_output


def test_openrouter_sends_comments_and_fails_in_mid_stream() -> None:
    """Comments are no content; an error beside `finish_reason: error` is a failure with its class."""
    waiting = b": OPENROUTER PROCESSING\n\n"
    body = waiting + sse(says(content="", reasoning="Hm."), says(content="Hi")) + waiting
    found = read(reader("openrouter"), body + sse(says("stop"), done=True))
    assert (found.reasoning, found.text) == ("Hm.", "Hi")
    failed = reader("openrouter")
    error = says("error", content="") | {"error": {"code": 429, "message": "Upstream is busy"}}
    assert failed.feed(body + sse(error)) != []
    assert failed.failure is not None
    assert (failed.failure.code, "Upstream is busy" in failed.failure.message) == ("rate_limit", True)
    bare = reader("openrouter")
    bare.feed(sse(says("error", content="")))
    assert isinstance(bare.failure, ProviderError)


def test_openrouters_details_go_back_unchanged_with_the_results() -> None:
    """Pieces of one thought are put together with their signature; sealed ones stay as they are."""
    text = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    sealed = {"type": "reasoning.encrypted", "data": "xyz", "id": "rs_1", "index": 1, "format": "f"}
    call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"place": "Oslo"}'}}
    found = answer(
        "openrouter",
        says(content="", reasoning="Let me ", reasoning_details=[{**text, "text": "Let me "}]),
        says(content="", reasoning_details=[{**text, "text": "think."}]),  # without `reasoning` beside it
        says(content="", reasoning_details=[{**text, "signature": "signed", "text": None}]),
        says(content="", reasoning_details=[sealed]),
        calls(call),
        says("tool_calls"),
    )
    assert found.reasoning == "Let me think."
    assert "signed" not in repr(found)
    asked = tool_turn(found.tool_calls, found.end.carry)
    sent = body_of("openrouter", asked)["messages"][1]
    assert sent["reasoning_details"] == [{**text, "text": "Let me think.", "signature": "signed"}, sealed]
    assert "reasoning_details" not in str(body_of("openai", asked))
    assert answer("openrouter", says(reasoning_details=[sealed]), says("stop")).end.carry == ""


def test_openrouter_says_beside_the_choice_what_went_wrong() -> None:
    """The upstream's error inside `choices`, with its status."""
    failed = reader("openrouter")
    piece = says("error", content="")
    piece["choices"][0]["error"] = {"code": 502, "message": "Upstream broke"}
    failed.feed(sse(says(content="Hi"), piece))
    assert failed.failure is not None
    assert (failed.failure.code, "Upstream broke" in failed.failure.message) == ("provider", True)


def test_lm_studio_and_llama_cpp_leave_things_out() -> None:
    """Arguments as an object, no ids, one index for all: still one call each."""
    found = answer(
        LM_STUDIO,
        calls({"function": {"name": "weather", "arguments": {"place": "Oslo"}}}),
        calls({"function": {"name": "weather", "arguments": {"place": "Rome"}}}),
        calls({"function": {"name": "weather", "arguments": {}}}),
        says("tool_calls"),
    )
    assert [call.arguments for call in found.tool_calls] == [{"place": "Oslo"}, {"place": "Rome"}, {}]
    assert len({call.id for call in found.tool_calls}) == 3
    same_index = answer(
        LLAMA_CPP,
        calls({"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"place":'}}),
        calls({"index": 0, "function": {"arguments": '"Oslo"}'}}),
        calls({"index": 0, "id": "b", "function": {"name": "weather", "arguments": '{"place":"Rome"}'}}),
        says("stop"),
    )
    assert arguments(same_index) == [("a", "weather", {"place": "Oslo"}), ("b", "weather", {"place": "Rome"})]
    assert same_index.end.reason == "tool_calls"


def test_vllm_repeats_the_id_and_the_name() -> None:
    """A fragment with the same id belongs to the same call; reasoning comes as `reasoning`."""
    found = answer(
        VLLM,
        says(reasoning="Hm."),
        calls({"index": 0, "id": "a", "function": {"name": "weather", "arguments": ""}}),
        calls({"index": 0, "id": "a", "function": {"name": "weather", "arguments": '{"place":"Oslo"}'}}),
        calls({"index": 0, "id": "z", "function": {"arguments": ""}}),
        says("tool_calls"),
    )
    assert arguments(found) == [("a", "weather", {"place": "Oslo"})]
    assert found.reasoning == "Hm."


@pytest.mark.parametrize("kind", [LM_STUDIO, "ollama"])
def test_local_servers_may_write_thoughts_between_tags(kind: str) -> None:
    """At the beginning of the answer only; the vendors' own text is left as it is."""
    pieces = (says(content="<think>H"), says(content="m.</think>\n\nYes."), says("stop"))
    found = answer(kind, *pieces)
    assert (found.reasoning, found.text) == ("Hm.", "Yes.")
    assert answer("openai", *pieces).text == "<think>Hm.</think>\n\nYes."


def test_a_refusal_is_shown_and_named() -> None:
    """OpenAI's own field for it; the finish reason says only stop."""
    found = answer("openai", says(refusal="I can't "), says(refusal="help."), says("stop"))
    assert (found.text, found.end.reason) == ("I can't help.", "content_filter")


@pytest.mark.parametrize("raw", ['{"place": "Os', "[1]", "", "null"])
def test_unparsable_arguments_are_an_error_for_the_model(raw: str) -> None:
    """Never an empty object: the call says what is wrong, and goes back as an object all the same."""
    call = {"index": 0, "id": "a", "function": {"name": "weather", "arguments": raw}}
    (got,) = answer("openai", calls(call), says("tool_calls"), asked=prompt(tools=(WEATHER,))).tool_calls
    assert (got.arguments, got.raw) == (None, raw)
    assert got.error
    sent = body_of("openai", tool_turn((got,)))["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert "unparsable_arguments" in sent


def test_a_tool_that_takes_no_arguments_needs_none() -> None:
    """An empty string is enough there."""
    call = {"index": 0, "id": "a", "function": {"name": "clock", "arguments": ""}}
    (got,) = answer("openai", calls(call), says("tool_calls"), asked=prompt(tools=(CLOCK,))).tool_calls
    assert (got.arguments, got.error) == ({}, "")


def test_a_cut_answer_calls_no_tool() -> None:
    """Even when the arguments look whole."""
    body = sse(
        calls({"index": 0, "id": "a", "function": {"name": "clock", "arguments": "{}"}}), says("tool_calls")
    )
    with ScriptedProvider(Script(body=body)) as server:
        events, error = ask(server, "openai", prompt(tools=(CLOCK,)))
    assert (events, error is not None and error.code) == ([], "network")


def test_openai_is_asked_for_strict_structure_where_the_schema_allows() -> None:
    """And with its own name for the limit."""
    body = body_of("openai", prompt(response_schema=WEATHER.parameters, max_tokens=5))
    assert body["response_format"]["json_schema"]["strict"] is True
    assert body["max_completion_tokens"] == 5
    assert (
        body_of("openai", prompt(response_schema=SCHEMA))["response_format"]["json_schema"]["strict"] is False
    )


def test_history_is_put_in_order() -> None:
    """Calls without results and results without calls are left out, roles in a row are joined."""
    kept, lost = (ToolCall(id, name, {"place": "x"}) for id, name, _ in CALLS)
    asked = Prompt(
        "m",
        (
            PromptMessage(Role.USER, "One"),
            PromptMessage(Role.USER, "Two", images=(PICTURE,)),
            PromptMessage(Role.ASSISTANT, "", tool_calls=(lost, kept)),
            PromptMessage(Role.TOOL, "gone", call_id="nobody"),
            PromptMessage(Role.TOOL, "5 degrees", call_id=kept.id),
            PromptMessage(Role.ASSISTANT, "", tool_calls=(lost,)),
            PromptMessage(Role.TOOL, "late", call_id="nobody"),
            PromptMessage(Role.USER, "Go on"),
        ),
    )
    sent = body_of("openai", asked)["messages"]
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "user"]
    assert sent[0]["content"][0] == {"type": "text", "text": "One\n\nTwo"}
    assert [call["id"] for call in sent[1]["tool_calls"]] == [kept.id]
    assert (sent[2]["tool_call_id"], sent[2]["content"]) == (kept.id, "5 degrees")
