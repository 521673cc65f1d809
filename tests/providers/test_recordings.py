"""Real recorded streams through every reader: whole, bytewise, and cut.

The recordings lie in the folder named by MASTRA_FIXTURES, else beside the checkout; without them this is skipped.
What each has to give is worked out here by a reading of its own, which knows no stream and no decoder.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mastra_desktop.domain.replies import Answer, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers.answer import AnswerReader, joined
from mastra_desktop.providers.anthropic import AnthropicAnswer
from mastra_desktop.providers.google import GoogleAnswer
from mastra_desktop.providers.openai_answer import ChatAnswer
from mastra_desktop.providers.openai_responses import ResponsesAnswer
from tests.providers.asking import whole

# Read at import: the suite takes variables of this name out of the environment before tests run.
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
FOLDER = Path(os.environ.get("MASTRA_FIXTURES", BESIDE)) / "provider-streams"
EXPECTED = {  # (input, output, cached, reasoning) tokens and finish reason as the files end
    "openai-chat-text": ((16, 300, 0, 0), "stop"),
    "openai-responses-text": ((7112, 463, 3072, 64), "stop"),
    "groq-text": ((45, 662, None, None), "stop"),
    "groq-tool-call": ((210, 15, None, None), "tool_calls"),
    "deepseek-text": ((13, 400, 0, None), "length"),
    "deepseek-tool-call": ((339, 83, 320, 39), "tool_calls"),
    "mistral-text": ((13, 8, None, None), "stop"),
    "mistral-tool-call": ((124, 22, None, None), "tool_calls"),
    "xai-text": ((12, 1, 11, 290), "stop"),
    "anthropic-text": ((12, 30, 0, None), "stop"),
    "anthropic-thinking": ((69, 53, 0, None), "stop"),
    "anthropic-tool-call": ((849, 47, 0, None), "tool_calls"),
    "google-text": ((9, 23, None, 185), "stop"),
    "google-tool-call": ((29, 15, None, 45), "tool_calls"),
}
NAMES = sorted(
    {path.name.removesuffix(".chunks.txt") for path in FOLDER.glob("*.chunks.txt")} | set(EXPECTED)
)
SMALL_BYTES = 4000


@dataclass
class Said:
    """What a recording holds: text, reasoning, and for each call its name and arguments as written."""

    text: str = ""
    reasoning: str = ""
    calls: dict[Any, list[str]] = field(default_factory=dict)

    def call(self, place: Any, name: str, arguments: str) -> None:
        held = self.calls.setdefault(place, ["", ""])
        held[0] = held[0] or name
        held[1] += arguments


def pieces_of(name: str) -> list[dict[str, Any]]:
    path = FOLDER / f"{name}.chunks.txt"
    if not path.exists():
        pytest.skip("no recording here")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def framed(name: str) -> list[bytes]:
    """The recording as it came over the wire, line by line: one entry for each line of the file."""
    path = FOLDER / f"{name}.chunks.txt"
    kinds = [piece.get("type") for piece in pieces_of(name)]
    lines = [line for line in path.read_bytes().splitlines() if line.strip()]
    typed = name.startswith("anthropic")
    framed = [
        (f"event: {kind}\n".encode() if typed else b"") + b"data: " + line + b"\n\n"
        for kind, line in zip(kinds, lines, strict=True)
    ]
    return (
        framed
        if name.startswith(("anthropic", "google", "openai-responses"))
        else [*framed, b"data: [DONE]\n\n"]
    )


def reader_for(name: str) -> AnswerReader:
    makers: dict[str, Callable[[str], AnswerReader]] = {
        "anthropic": AnthropicAnswer,
        "google": GoogleAnswer,
        "openai-responses": ResponsesAnswer,
    }
    return next((make for start, make in makers.items() if name.startswith(start)), ChatAnswer)("recording")


def read_plainly(name: str) -> Said:
    """The independent reading: fields out of JSON, nothing else."""
    said = Said()
    for piece in pieces_of(name):
        delta = piece.get("delta")
        if name.startswith("anthropic"):
            block = piece.get("content_block") or {}
            if block.get("type") == "tool_use":
                said.call(piece["index"], block["name"], "")
            if isinstance(delta, dict):
                said.text += delta.get("text", "")
                said.reasoning += delta.get("thinking", "")
                if "partial_json" in delta:
                    said.call(piece["index"], "", delta["partial_json"])
        elif name.startswith("google"):
            for part in piece["candidates"][0]["content"]["parts"]:
                said.text += part.get("text", "")
                if "functionCall" in part:
                    call = part["functionCall"]
                    said.call(len(said.calls), call["name"], json.dumps(call["args"]))
        elif name.startswith("openai-responses"):
            if piece["type"] == "response.output_text.delta":
                said.text += piece["delta"]
        else:
            for choice in piece["choices"]:
                said.text += choice["delta"].get("content") or ""
                said.reasoning += choice["delta"].get("reasoning_content") or ""
                for call in choice["delta"].get("tool_calls") or ():
                    function = call["function"]
                    said.call(call.get("index", 0), function.get("name", ""), function.get("arguments", ""))
    return said


def replay(name: str, chunks: list[bytes]) -> tuple[AnswerReader, list[ProviderEvent]]:
    reader = reader_for(name)
    events: list[ProviderEvent] = []
    for chunk in chunks:
        events += reader.feed(chunk)
        assert reader.failure is None
    return reader, events


def answer_of(name: str, chunks: list[bytes]) -> Answer:
    reader, events = replay(name, chunks)
    assert reader.may_end
    return whole([*joined(events), *reader.finish()])


def test_every_recording_has_its_figures() -> None:
    """A recording that is added needs a line above, and none is missing."""
    if not FOLDER.is_dir():
        pytest.skip("no recordings here")
    assert set(NAMES) == set(EXPECTED)
    assert all((FOLDER / f"{name}.chunks.txt").exists() for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_answer_is_read_whole(name: str) -> None:
    """Text, reasoning, calls, usage and reason are those of the recording."""
    said = read_plainly(name)
    answer = answer_of(name, framed(name))
    assert (answer.text, answer.reasoning) == (said.text, said.reasoning)
    assert answer.text or answer.tool_calls
    assert [(call.name, call.arguments) for call in answer.tool_calls] == [
        (tool, json.loads(arguments)) for tool, arguments in said.calls.values()
    ]
    assert all(call.id and not call.error for call in answer.tool_calls)
    usage = answer.end.usage
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens)
    assert (counts, answer.end.reason) == EXPECTED[name]
    assert answer.end.model_name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("step", [1, 7, 1_000_000])
def test_however_the_bytes_are_split_the_answer_is_the_same(name: str, step: int) -> None:
    """One byte at a time, a few, or all at once."""
    body = b"".join(framed(name))
    chunks = [body[i : i + step] for i in range(0, len(body), step)]
    assert answer_of(name, chunks) == answer_of(name, framed(name))


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_cut_after_any_line_is_not_finished(name: str) -> None:
    """Only the end marker makes an answer whole, and what came before is the beginning of it."""
    chunks = framed(name)
    full = read_plainly(name)
    reader = reader_for(name)
    text = reasoning = ""
    for chunk in chunks[:-1]:
        events = reader.feed(chunk)
        text += "".join(e.text for e in events if isinstance(e, TextDelta))
        reasoning += "".join(e.text for e in events if isinstance(e, ReasoningDelta))
        assert not reader.may_end
        assert all(isinstance(event, TextDelta | ReasoningDelta) for event in events)
        assert full.text.startswith(text)
        assert full.reasoning.startswith(reasoning)


@pytest.mark.parametrize("name", NAMES)
def test_a_recording_cut_at_any_byte_is_not_finished(name: str) -> None:
    """Not even when only the last line break is missing. Of long recordings, the last part."""
    body = b"".join(framed(name))
    last = len(body) - 1
    first = 1 if len(body) <= SMALL_BYTES else last - 400
    for end in range(first, last + 1):
        reader = reader_for(name)
        reader.feed(body[:end])
        assert reader.failure is None
        assert not reader.may_end
