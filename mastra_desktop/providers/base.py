"""The one shape every provider has. Vendor shapes stop behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Protocol

from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Prompt, ProviderEvent


class Provider(Protocol):
    """Answers prompts. Safe to use from many tasks of one loop; cancelling the task ends the request."""

    id: str
    on_this_computer: bool
    context_tokens: int | None  # how much it can read and write in one go; None when not known

    def stream(self, prompt: Prompt) -> AsyncGenerator[ProviderEvent]:
        """Yields the answer in pieces, then one `AnswerEnd`.

        Raises a `MastraError`; `StreamCut` when the stream ends without its end marker. Close the
        generator (`aclosing`) to end the request early.
        """
        ...

    async def models(self) -> list[ModelInfo]:
        """The models it offers, in its own order. Raises a `MastraError`."""
        ...

    async def test(self) -> ProviderTest:
        """Tries the list of models and one short streamed answer. Trouble is told, not raised."""
        ...

    async def aclose(self) -> None:
        """Ends connections and child processes. Safe to call twice."""
        ...
