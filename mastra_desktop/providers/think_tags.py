"""Reasoning that open models write into their answer between <think> and </think>."""

from __future__ import annotations

from mastra_desktop.domain.replies import ProviderEvent, ReasoningDelta, TextDelta

_OPEN, _CLOSE = "<think>", "</think>"


class ThinkTags:
    """Tells thoughts at the very beginning of an answer from the answer. Tags may come in fragments."""

    def __init__(self) -> None:
        self._state = "start"  # start, thinking, answer
        self._held = ""

    def feed(self, text: str, pieces: list[ProviderEvent]) -> None:
        if self._state == "answer":
            pieces.append(TextDelta(text))
            return
        held, self._held = self._held + text, ""
        if self._state == "start":
            begun = held.lstrip()
            if not begun.startswith(_OPEN):
                if _OPEN.startswith(begun):
                    self._held = held
                else:
                    self._state = "answer"
                    pieces.append(TextDelta(held))
                return
            self._state = "thinking"
            held = begun.removeprefix(_OPEN).lstrip("\n")
        thought, closed, answer = held.partition(_CLOSE)
        if closed:
            self._state = "answer"
            answer = answer.lstrip("\n")
        else:
            kept = next((n for n in range(len(_CLOSE) - 1, 0, -1) if thought.endswith(_CLOSE[:n])), 0)
            thought, self._held = thought[: len(thought) - kept], thought[len(thought) - kept :]
        if thought:
            pieces.append(ReasoningDelta(thought))
        if answer:
            pieces.append(TextDelta(answer))

    def rest(self) -> list[ProviderEvent]:
        """What was held back and turned out to be no tag."""
        held, self._held = self._held, ""
        if not held:
            return []
        return [ReasoningDelta(held) if self._state == "thinking" else TextDelta(held)]
