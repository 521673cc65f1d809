"""Answers without a conversation: what is sent is all that is asked, and nothing of it is kept."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import StreamCut
from mastra_desktop.domain.replies import AnswerEnd, FallbackTaken, Prompt, ProviderEvent
from mastra_desktop.services import answering
from mastra_desktop.services.recording import Passing

if TYPE_CHECKING:
    from mastra_desktop.providers.base import Provider
    from mastra_desktop.providers.registry import Registry
    from mastra_desktop.services.answer_cache import AnswerCache
    from mastra_desktop.services.recording import Recorder


class CompletionService:
    """Asks a model, its fallbacks or the cache, as a conversation does."""

    def __init__(self, registry: Registry, answers: AnswerCache, recorder: Recorder) -> None:
        self._recorder = recorder
        self._registry = registry
        self._answers = answers
        self.in_progress = 0

    def check(self, model_id: str) -> None:
        """Raises NotFound for a model that cannot be asked."""
        self._registry.resolve(model_id)

    async def stream(
        self, model_id: str, prompt: Prompt, *, cached: bool | None = None
    ) -> AsyncGenerator[ProviderEvent | FallbackTaken]:
        """The answer in pieces, then one `AnswerEnd`; closing it ends the request.

        The prompt's own model name is not used. `cached`: whether the cache may answer; None where the
        answer would be the same, True also where it is sampled. Raises NotFound, BadRequest, ProviderError.
        """

        def prompt_for(_provider: Provider, name: str) -> Prompt:
            asked = replace(prompt, model_name=name)
            passing.asked(asked)
            return asked

        stream = partial(self._answers.stream, wanted=cached)
        ended = False
        passing = Passing(self._recorder, model_id)
        self.in_progress += 1
        try:
            async with aclosing(answering.answer(self._registry, model_id, prompt_for, stream)) as events:
                async for event in events:
                    ended = ended or isinstance(event, AnswerEnd)
                    passing.saw(event)
                    yield event
            _must_have_ended(ended)
        except Exception as error:
            passing.failed(error)
            raise
        finally:
            self.in_progress -= 1
            passing.ended()


def _must_have_ended(ended: bool) -> None:
    if not ended:
        raise StreamCut("The answer ended early.", hint="Try again.")
