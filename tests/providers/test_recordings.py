"""Real recorded streams through decoder and parser.

The recordings lie in the folder named by MASTRA_FIXTURES, else beside the checkout; without them this is skipped.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mastra_desktop.domain.replies import AnswerEnd, ProviderEvent, ReasoningDelta, TextDelta
from mastra_desktop.providers.openai_answer import ChatAnswer

# Read at import: the suite takes variables of this name out of the environment before tests run.
BESIDE = Path(__file__).resolve().parents[3] / "shared" / "fixtures"
FOLDER = Path(os.environ.get("MASTRA_FIXTURES", BESIDE)) / "provider-streams"
EXPECTED = {  # (input, output, cached, reasoning) tokens and finish reason as the files end
    "openai-chat": ((16, 300, 0, 0), "stop"),
    "groq": ((45, 662, None, None), "stop"),
    "deepseek": ((13, 400, 0, None), "length"),
    "mistral": ((13, 8, None, None), "stop"),
    "xai": ((12, 1, 11, 290), "stop"),
}


def recorded(vendor: str) -> list[bytes]:
    path = FOLDER / f"{vendor}-text.chunks.txt"
    if not path.exists():
        pytest.skip("no recording here")
    lines = path.read_bytes().splitlines()
    return [b"data: " + line + b"\n\n" for line in lines if line.strip()] + [b"data: [DONE]\n\n"]


def read(chunks: list[bytes]) -> tuple[ChatAnswer, str, list[ProviderEvent]]:
    answer = ChatAnswer("recording")
    events = [event for chunk in chunks for event in answer.feed(chunk)]
    assert answer.failure is None
    return answer, "".join(e.text for e in events if isinstance(e, TextDelta)), events


@pytest.mark.parametrize("vendor", EXPECTED)
def test_a_recorded_answer_is_read_whole(vendor: str) -> None:
    """Text and figures are those of the recording, in one chunk as in many; reasoning is kept apart."""
    chunks = recorded(vendor)
    answer, text, events = read(chunks)
    assert text
    assert answer.done
    end = answer.end()
    assert isinstance(end, AnswerEnd)
    usage = end.usage
    counts = (usage.input_tokens, usage.output_tokens, usage.cached_input_tokens, usage.reasoning_tokens)
    assert (counts, end.reason) == EXPECTED[vendor]
    assert end.model_name
    assert any(isinstance(e, ReasoningDelta) for e in events) == (vendor == "xai")
    assert read([b"".join(chunks)])[1] == text


@pytest.mark.parametrize("vendor", EXPECTED)
def test_a_recording_cut_after_any_line_is_not_done(vendor: str) -> None:
    """Only the end marker makes an answer complete."""
    chunks = recorded(vendor)
    answer = ChatAnswer("recording")
    for chunk in chunks[:-1]:
        answer.feed(chunk)
        assert not answer.done
