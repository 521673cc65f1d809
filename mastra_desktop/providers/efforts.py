"""`Prompt.reasoning_effort` (low, medium or high) in each vendor's words, for the models that take it.

A model that does not reason answers 400 when it is asked to: so it is asked only where its name says that it
does. Each function gives the fields that go into the request's body, none where there is nothing to ask.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Effort = Callable[[str, str], Mapping[str, Any]]  # (model's name, effort) -> fields of the body

THOUGHT_TOKENS = {"low": 2048, "medium": 8192, "high": 16_384}
_OPENAI_REASONERS = re.compile(r"^(o\d|gpt-[5-9]|gpt-oss|codex)")
_OPENAI_FIXED = re.compile(r"^o1-(mini|preview)|-chat\b")
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d)(?:[-.](\d{1,2}))?(?!\d)")
_GEMINI = re.compile(r"gemini-(?:(\d)(?:\.(\d+))?|.*-latest$)")


def as_is(_model_name: str, effort: str) -> Mapping[str, Any]:
    """Chat completions' own field, for servers that run whatever the person chose."""
    return {"reasoning_effort": effort}


def never(_model_name: str, _effort: str) -> Mapping[str, Any]:
    return {}


def openai(model_name: str, effort: str) -> Mapping[str, Any]:
    return {"reasoning_effort": effort} if openai_reasons(model_name) else {}


def openai_reasons(model_name: str) -> bool:
    """Whether one of OpenAI's models takes an effort."""
    return bool(_OPENAI_REASONERS.match(model_name)) and not _OPENAI_FIXED.search(model_name)


def groq(model_name: str, effort: str) -> Mapping[str, Any]:
    """GPT-OSS takes all three, Qwen 3 only whether to think at all."""
    if "gpt-oss" in model_name:
        return {"reasoning_effort": effort}
    return {"reasoning_effort": "default"} if "qwen3" in model_name else {}


def xai(model_name: str, effort: str) -> Mapping[str, Any]:
    """Grok 3 mini knows low and high; later ones think as they see fit and refuse the field."""
    if "grok-3-mini" not in model_name:
        return {}
    return {"reasoning_effort": "low" if effort == "low" else "high"}


def openrouter(_model_name: str, effort: str) -> Mapping[str, Any]:
    """It says it to each vendor in that one's words, and leaves it out where it does not fit."""
    return {"reasoning": {"effort": effort}}


def ollama(model_name: str, effort: str) -> Mapping[str, Any]:
    return {"think": effort if "gpt-oss" in model_name else True}


def anthropic(model_name: str, effort: str) -> Mapping[str, Any]:
    """From 4.6 on the model thinks as much as it needs for an effort, before that up to a budget of tokens;
    those before 3.7 do not think. By default the newest ones keep their thoughts to themselves."""
    found = _CLAUDE.search(model_name)
    version = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if version < (3, 7) or effort not in THOUGHT_TOKENS:
        return {}
    if version < (4, 6):
        return {"thinking": {"type": "enabled", "budget_tokens": THOUGHT_TOKENS[effort]}}
    thinking = {"type": "adaptive", "display": "summarized"}
    return {"thinking": thinking, "output_config": {"effort": effort}}


def google(model_name: str, effort: str) -> Mapping[str, Any]:
    """`thinkingConfig`: a level from Gemini 3 on, of which the first Pro has no medium; before, a budget."""
    found = _GEMINI.search(model_name)
    if not found or effort not in THOUGHT_TOKENS:
        return {}
    version = (int(found[1] or 0), int(found[2] or 0))
    if (0, 0) < version < (2, 5):
        return {}
    if version < (3, 0):  # also "latest", since the later ones still take a budget
        return {"includeThoughts": True, "thinkingBudget": THOUGHT_TOKENS[effort]}
    no_medium = effort == "medium" and "gemini-3-pro" in model_name
    return {"includeThoughts": True, "thinkingLevel": "high" if no_medium else effort}
