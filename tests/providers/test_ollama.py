"""What only Ollama's own API does. What all wire formats share is in test_kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest

from mastra_desktop.domain.chat import Role
from mastra_desktop.domain.errors import ContextTooLong, ProviderError, StreamCut
from mastra_desktop.domain.replies import Image, Prompt, PromptMessage, ToolCall
from mastra_desktop.providers.ollama import LineDecoder, OllamaAnswer, OllamaWire
from tests.providers.asking import SCHEMA, WEATHER, prompt, read, tool_turn


def lines(*pieces: dict[str, Any]) -> bytes:
    return b"".join(orjson.dumps(piece) + b"\n" for piece in pieces)


def says(content: str = "", **more: Any) -> dict[str, Any]:
    return {
        "model": "m",
        "created_at": "t",
        "message": {"role": "assistant", "content": content, **more},
        "done": False,
    }


DONE = {"model": "m", "created_at": "t", "done": True, "done_reason": "stop"}


def test_any_split_gives_the_same_answer() -> None:
    """Lines are put together from bytes, characters of many bytes as well."""
    body = lines(says("Grüße, "), says("世界", thinking="Hm."), DONE)
    assert read(OllamaAnswer("x"), body) == read(OllamaAnswer("x"), body, 1)
    assert read(OllamaAnswer("x"), body, 3).text == "Grüße, 世界"


def test_without_done_it_is_cut() -> None:
    """Neither text alone nor a last line without its end makes it whole."""
    body = lines(says("Hi"), DONE)
    for part in (lines(says("Hi")), body[:-1]):
        reader = OllamaAnswer("x")
        reader.feed(part)
        assert not reader.may_end


def test_tags_in_the_text_are_reasoning() -> None:
    """Models without a template for thinking write it between tags, in any fragments."""
    body = lines(says("<th"), says("ink>\nHm"), says(".</thi"), says("nk>\n\nYes"), says("."), DONE)
    answer = read(OllamaAnswer("x"), body)
    assert (answer.reasoning, answer.text) == ("Hm.", "Yes.")
    assert read(OllamaAnswer("x"), lines(says("<th"), DONE)).text == "<th"
    assert read(OllamaAnswer("x"), lines(says("a <think> b"), DONE)).text == "a <think> b"


def test_arguments_come_as_an_object() -> None:
    """And calls without ids, which are made."""
    call = {"function": {"name": "weather", "arguments": {"place": "Oslo"}}}
    (got,) = read(OllamaAnswer("x"), lines(says(tool_calls=[call]), DONE)).tool_calls
    assert (got.name, got.arguments, bool(got.id)) == ("weather", {"place": "Oslo"}, True)


def test_an_error_line_is_a_failure() -> None:
    """As Ollama sends it in mid-answer."""
    reader = OllamaAnswer("x")
    reader.feed(lines(says("Hi"), {"error": "model runner has unexpectedly stopped"}))
    assert reader.failure is not None
    assert "unexpectedly stopped" in reader.failure.message
    assert not isinstance(reader.failure, StreamCut)


def test_a_line_without_end_is_refused() -> None:
    """Over 16 MiB by default."""
    decoder = LineDecoder(max_line_bytes=10)
    decoder.feed(b"12345\n67890")
    with pytest.raises(ProviderError, match="MiB"):
        decoder.feed(b"123456")


def test_the_request() -> None:
    """Options under Ollama's names; results name their tool."""
    asked = tool_turn((ToolCall("c", "weather", {"place": "Oslo"}),), temperature=0.5, max_tokens=9)
    body = OllamaWire().request(asked, stream=False)[1]
    assert body["options"] == {"temperature": 0.5, "num_predict": 9}
    assert (body["truncate"], body["shift"]) == (False, False)
    assert body["messages"][1]["thinking"] == "Hm."
    assert body["messages"][1]["tool_calls"] == [
        {"function": {"name": "weather", "arguments": {"place": "Oslo"}}}
    ]
    assert body["messages"][2] == {"role": "tool", "content": "0 degrees", "tool_name": "weather"}
    more = OllamaWire().request(
        prompt(response_schema=SCHEMA, tools=(WEATHER,), tool_choice="none", reasoning_effort="high"),
        stream=True,
    )[1]
    assert (more["format"], more["think"], "tools" in more) == (SCHEMA, True, False)


def num_ctx(asked: Prompt) -> int | None:
    options = OllamaWire().request(asked, stream=True)[1].get("options", {})
    found: int | None = options.get("num_ctx")
    return found


def test_a_long_prompt_asks_for_the_room_it_needs() -> None:
    """Ollama's own 4,096 tokens would cut it in silence; a short one leaves the person's own setting alone."""
    assert num_ctx(prompt()) is None
    long = replace(prompt(), messages=(PromptMessage(Role.USER, "word " * 4000),))
    assert num_ctx(long) == 16_384
    assert num_ctx(replace(long, max_tokens=20_000)) == 32_768
    assert num_ctx(prompt(system="word " * 4000)) == 16_384


def test_a_picture_counts_as_a_picture() -> None:
    """Not by its bytes."""
    asked = replace(
        prompt(), messages=(PromptMessage(Role.USER, "What?", images=(Image(b"x" * 900_000, "image/png"),)),)
    )
    assert num_ctx(asked) is None
    assert num_ctx(replace(asked, messages=asked.messages * 2)) == 8192


def test_a_prompt_that_was_too_long_is_told() -> None:
    """Instead of an answer to half of it."""
    for said in (
        "the input length exceeds the context length",
        "the prompt is longer than the context length",
    ):
        error = OllamaWire().status_error(400, {}, orjson.dumps({"error": said}), host="x", key="")
        assert isinstance(error, ContextTooLong)
