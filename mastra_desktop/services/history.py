"""Which messages of a conversation go to the model."""

from __future__ import annotations

from collections.abc import Sequence

from mastra_desktop.domain.chat import Message, Role
from mastra_desktop.domain.replies import PromptMessage

ANSWER_SHARE = 0.25  # of the context is left for the answer


def build_messages(
    path: Sequence[Message], context_tokens: int | None, *, keep_last: bool = False
) -> tuple[PromptMessage, ...]:
    """The path as prompt messages, oldest turns left out where they would not fit.

    `path` ends with the answer being written, which goes along only with `keep_last`. Answers without
    text are left out, and prompts that follow each other become one (vendors refuse two in a row).
    The last prompt always stays, whatever its length.
    """
    merged: list[PromptMessage] = []
    for message in path if keep_last else path[:-1]:
        if not message.text:
            continue
        if merged and merged[-1].role is message.role:
            merged[-1] = PromptMessage(message.role, f"{merged[-1].text}\n\n{message.text}")
        else:
            merged.append(PromptMessage(message.role, message.text))
    if context_tokens:
        budget = int(context_tokens * (1 - ANSWER_SHARE))
        used, start = 0, len(merged)
        while start > 0 and (used := used + estimate_tokens(merged[start - 1].text)) <= budget:
            start -= 1
        last_prompt = max((i for i, m in enumerate(merged) if m.role is Role.USER), default=0)
        merged = merged[min(start, last_prompt) :]
    while merged and merged[0].role is Role.ASSISTANT:
        merged.pop(0)
    return tuple(merged)


def estimate_tokens(text: str) -> int:
    """A cautious guess: one token per CJK character, one per three of any other; plus the wrapping."""
    wide = sum(1 for c in text if c > "\u2e7f") if not text.isascii() else 0
    return wide + (len(text) - wide) // 3 + 8
