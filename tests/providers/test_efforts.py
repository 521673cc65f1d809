"""How hard a model shall think, in each vendor's words and only where the model takes it."""

from __future__ import annotations

from typing import Any

import pytest

from mastra_desktop.providers.http import HttpPool
from mastra_desktop.providers.kinds import build_provider
from tests.providers.asking import prompt

OWN = "http://127.0.0.1:1/v1"


def body_of(kind: str, model: str, effort: str, base_url: str = "") -> dict[str, Any]:
    wire = build_provider(kind, "work", base_url, http=HttpPool()).wire
    return dict(wire.request(prompt(model, reasoning_effort=effort), stream=True)[1])


def thinking(body: dict[str, Any]) -> dict[str, Any]:
    """What a body says about thinking."""
    names = ("reasoning_effort", "reasoning", "thinking", "output_config", "think", "prompt_mode")
    found = {name: body[name] for name in names if name in body}
    if config := body.get("generationConfig", {}).get("thinkingConfig"):
        found["thinkingConfig"] = config
    return found


@pytest.mark.parametrize(
    ("kind", "model", "effort", "said"),
    [
        ("openai", "gpt-5.1", "medium", {"reasoning_effort": "medium"}),
        ("openai", "o4-mini", "low", {"reasoning_effort": "low"}),
        ("openai", "gpt-4.1", "low", {}),
        ("openai", "gpt-5-chat-latest", "low", {}),
        ("openai", "gpt-5-pro", "high", {"reasoning": {"effort": "high", "summary": "auto"}}),
        (
            "anthropic",
            "claude-3-7-sonnet-20250219",
            "low",
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        (
            "anthropic",
            "claude-sonnet-4-20250514",
            "high",
            {"thinking": {"type": "enabled", "budget_tokens": 16_384}},
        ),
        (
            "anthropic",
            "claude-opus-4-6",
            "medium",
            {
                "thinking": {"type": "adaptive", "display": "summarized"},
                "output_config": {"effort": "medium"},
            },
        ),
        ("anthropic", "claude-3-5-haiku-20241022", "high", {}),
        ("anthropic", "claude-2.1", "high", {}),
        (
            "google",
            "gemini-2.5-flash",
            "low",
            {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048}},
        ),
        (
            "google",
            "gemini-flash-latest",
            "low",
            {"thinkingConfig": {"includeThoughts": True, "thinkingBudget": 2048}},
        ),
        (
            "google",
            "gemini-3-pro-preview",
            "medium",
            {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "high"}},
        ),
        (
            "google",
            "gemini-3-flash-preview",
            "medium",
            {"thinkingConfig": {"includeThoughts": True, "thinkingLevel": "medium"}},
        ),
        ("google", "gemini-2.0-flash", "high", {}),
        ("google", "gemma-3-27b-it", "high", {}),
        ("groq", "openai/gpt-oss-20b", "low", {"reasoning_effort": "low"}),
        ("groq", "qwen/qwen3-32b", "low", {"reasoning_effort": "default"}),
        ("groq", "llama-3.3-70b-versatile", "low", {}),
        ("xai", "grok-3-mini", "medium", {"reasoning_effort": "high"}),
        ("xai", "grok-3-mini-fast", "low", {"reasoning_effort": "low"}),
        ("xai", "grok-4", "high", {}),
        ("openrouter", "any/thing", "high", {"reasoning": {"effort": "high"}}),
        ("mistral", "magistral-small-latest", "high", {}),
        ("deepseek", "deepseek-reasoner", "high", {}),
        ("ollama", "gpt-oss:20b", "high", {"think": "high"}),
        ("ollama", "qwen3:8b", "high", {"think": True}),
    ],
)
def test_each_vendor_is_asked_in_its_own_words(
    kind: str, model: str, effort: str, said: dict[str, Any]
) -> None:
    """And a model that does not think, or that nobody can tell how hard, is not asked."""
    assert thinking(body_of(kind, model, effort)) == said
    assert thinking(body_of(kind, model, "")) == {}


def test_servers_of_ones_own_get_the_plain_field() -> None:
    """LM Studio, llama.cpp and vLLM: what runs there is not known by its name."""
    assert thinking(body_of("openai-compatible", "m", "low", OWN)) == {"reasoning_effort": "low"}


def test_thoughts_get_room_of_their_own() -> None:
    """They count towards the limit of the answer at Anthropic's."""
    before = body_of("anthropic", "claude-opus-4-6", "")["max_tokens"]
    assert body_of("anthropic", "claude-opus-4-6", "medium")["max_tokens"] == before + 8192
