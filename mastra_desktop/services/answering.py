"""Who answers: the model that was chosen, or one of its provider's fallbacks where it cannot."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing

from mastra_desktop.domain.errors import ContentFiltered, ContextTooLong, MastraError, NotFound, ProviderError
from mastra_desktop.domain.replies import (
    FallbackTaken,
    Prompt,
    ProviderEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
)
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.providers.base import Provider
from mastra_desktop.providers.registry import Registry

log = get_logger(__name__)

_CONTENT = (TextDelta, ReasoningDelta, ToolCall)


async def answer(
    registry: Registry,
    model_id: str,
    prompt_for: Callable[[Provider, str], Prompt],
    stream: Callable[[Provider, Prompt], AsyncGenerator[ProviderEvent]],
) -> AsyncGenerator[ProviderEvent | FallbackTaken]:
    """What the model streams, or the first of its fallbacks that does not fail before its first piece.

    `prompt_for` makes the prompt for a provider and the model's name there: they differ in how much they
    can read. `stream` asks one, or the cache. A `FallbackTaken` comes before each change. Raises NotFound
    for an unknown model, else the last error; the reasons before it are in the events.
    """
    provider, name = registry.resolve(model_id)
    others = iter(registry.fallbacks(model_id))
    asked = {model_id}
    while True:
        began = False
        try:
            async with aclosing(stream(provider, prompt_for(provider, name))) as events:
                async for event in events:
                    began = began or isinstance(event, _CONTENT)
                    yield event
            return  # noqa: TRY300 - an else block would hide that this ends the loop
        except MastraError as error:
            if began or not another_may_do_better(error):
                raise
            found = _next(registry, others, asked)
            if found is None:
                raise
            taken = FallbackTaken(model_id, found[0], error.message)
            log.warning("fallback taken", failed=model_id, asked=found[0], code=error.code)
            model_id, provider, name = found
        yield taken


def another_may_do_better(error: MastraError) -> bool:
    """Whether it is worth asking another provider the same: not what we did wrong, nor a refused content."""
    return isinstance(error, ProviderError | ContextTooLong) and not isinstance(error, ContentFiltered)


def _next(registry: Registry, others: Iterator[str], asked: set[str]) -> tuple[str, Provider, str] | None:
    """The next fallback that exists and was not asked yet."""
    for model_id in others:
        if model_id in asked:
            continue
        asked.add(model_id)
        try:
            return model_id, *registry.resolve(model_id)
        except NotFound:
            log.warning("fallback skipped: there is no such provider", model=model_id)
    return None
