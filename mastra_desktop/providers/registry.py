"""Which providers there are, by id."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from mastra_desktop.domain.errors import ErrorInfo, MastraError, NotFound
from mastra_desktop.domain.models import ModelInfo, split_model_id
from mastra_desktop.providers.base import Provider


class Registry:
    """The providers in use. Swapping them leaves running answers alone: a removed provider that still
    answers is closed at the first later `replace`, `models` or `aclose` that finds it quiet."""

    def __init__(self, providers: Iterable[Provider]) -> None:
        self._providers = {provider.id: provider for provider in providers}
        self._fallbacks: Mapping[str, tuple[str, ...]] = {}
        self._off: frozenset[str] = frozenset()
        self._retired: list[Provider] = []

    def fallbacks(self, model_id: str) -> tuple[str, ...]:
        """The models (provider/model) to ask in turn when this one's provider fails; may be gone by now."""
        return self._fallbacks.get(split_model_id(model_id)[0], ())

    def provider(self, provider_id: str) -> Provider:
        """Raises NotFound, naming those that exist."""
        try:
            return self._providers[provider_id]
        except KeyError:
            if provider_id in self._off:
                raise NotFound(
                    f"{provider_id} is switched off.",
                    hint="Switch it on in Settings, or choose another model.",
                ) from None
            known = ", ".join(self._providers) or "none"
            raise NotFound(
                f"There is no provider named “{provider_id}”.",
                hint=f"Known providers: {known}. A model is named provider/model.",
            ) from None

    def resolve(self, model_id: str) -> tuple[Provider, str]:
        """The provider of `provider-id/model-name`, and the model's name there. Raises NotFound."""
        provider_id, name = split_model_id(model_id)
        if not provider_id or not name:
            known = ", ".join(self._providers) or "none"
            raise NotFound(
                f"“{model_id}” does not name a model.",
                hint=f"A model is named provider/model. Known providers: {known}.",
            )
        return self.provider(provider_id), name

    async def models(self) -> tuple[list[ModelInfo], dict[str, ErrorInfo]]:
        """What all providers offer, asked at once, and by provider id why one offers nothing."""
        await self._close_quiet()

        async def ask(provider: Provider) -> list[ModelInfo] | ErrorInfo:
            try:
                return await provider.models()
            except MastraError as error:
                return error.info

        providers = list(self._providers.values())
        answers = await asyncio.gather(*(ask(provider) for provider in providers))
        found: list[ModelInfo] = []
        failed: dict[str, ErrorInfo] = {}
        for provider, answer in zip(providers, answers, strict=True):
            if isinstance(answer, ErrorInfo):
                failed[provider.id] = answer
            else:
                found += answer
        return found, failed

    async def replace(
        self,
        providers: Iterable[Provider],
        fallbacks: Mapping[str, tuple[str, ...]] | None = None,
        off: frozenset[str] = frozenset(),
    ) -> None:
        """From now on these; the same object may be among the old and the new. `fallbacks`: provider id
        to model ids. `off`: those that exist and are not to be asked."""
        old = self._providers
        self._off = off
        self._fallbacks = dict(fallbacks or {})
        self._providers = {provider.id: provider for provider in providers}
        kept = {id(provider) for provider in self._providers.values()}
        self._retired += [provider for provider in old.values() if id(provider) not in kept]
        await self._close_quiet()

    async def aclose(self) -> None:
        """Closes every provider, whatever it does. Safe to call twice."""
        providers = [*self._providers.values(), *self._retired]
        self._providers, self._retired = {}, []
        for provider in providers:
            await provider.aclose()

    async def _close_quiet(self) -> None:
        quiet = [provider for provider in self._retired if not getattr(provider, "active_streams", 0)]
        self._retired = [provider for provider in self._retired if provider not in quiet]
        for provider in quiet:
            await provider.aclose()
