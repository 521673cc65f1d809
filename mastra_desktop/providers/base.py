"""The one shape every provider has. Vendor shapes stop behind it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

from mastra_desktop.domain.models import ModelInfo, ProviderTest
from mastra_desktop.domain.replies import Answer, Prompt, ProviderEvent


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

    async def test(self, *, tools: bool = True) -> ProviderTest:
        """Tries the list of models, one short streamed answer, and with `tools` a call of a tool where
        there may be some. Trouble is told, not raised."""
        ...

    async def aclose(self) -> None:
        """Ends connections and child processes. Safe to call twice."""
        ...


class Generator(Protocol):
    """A provider that also answers in one response, without a stream."""

    async def generate(self, prompt: Prompt) -> Answer:
        """The whole answer. Raises a `MastraError`."""
        ...


class Embedder(Protocol):
    """Turns texts into vectors."""

    async def embeddings(self, texts: Sequence[str], model_name: str) -> list[list[float]]:
        """One vector for each text, in their order. Raises BadRequest where the vendor has none."""
        ...
