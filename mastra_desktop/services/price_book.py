"""Everything known of prices, and what an answer costs by it. Plain data, which the window works with too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from mastra_desktop.domain.chat import Message, MessageState, Role, Usage
from mastra_desktop.domain.models import ModelPrice, split_model_id
from mastra_desktop.ops import price_table
from mastra_desktop.ops.price_table import UNKNOWN, PriceTable

FREE = ModelPrice(input=Decimal(0), cached=Decimal(0), output=Decimal(0))
_ELSEWHERE = "-cloud"  # how Ollama names models that only look as if they ran here


@dataclass(frozen=True, slots=True)
class Billing:
    """How a provider counts; `free`: it runs on this computer."""

    kind: str
    free: bool = False
    cached_beside_input: bool = False
    reasoning_beside_output: bool = False


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Everything known of prices at one moment: plain data, to be asked in any thread.

    `problem` says why prices.toml is not used as it stands, "" when it is.
    """

    shipped: PriceTable = field(default_factory=PriceTable)
    own: PriceTable = field(default_factory=PriceTable)
    billing: Mapping[str, Billing] = field(default_factory=dict)
    problem: str = ""
    _found: dict[str, ModelPrice] = field(default_factory=dict, compare=False, repr=False)

    def price(self, model_id: str) -> ModelPrice:
        """Every figure is None when nothing is known of the model or its provider."""
        if (price := self._found.get(model_id)) is None:
            price = self._found[model_id] = self._find(model_id)
        return price

    def _find(self, model_id: str) -> ModelPrice:
        provider_id, name = split_model_id(model_id)
        billing = self.billing.get(provider_id)
        if billing is None:
            return UNKNOWN
        found = price_table.find(billing.kind, provider_id, name, self.own, self.shipped)
        if billing.free and not name.endswith(_ELSEWHERE) and (found is None or found.input is None):
            context = found.context_tokens if found else None
            return ModelPrice(context, FREE.input, FREE.cached, FREE.output)
        return found or UNKNOWN

    def on_this_computer(self, model_id: str) -> bool:
        """Whether it runs here and costs nothing."""
        billing = self.billing.get(split_model_id(model_id)[0])
        return billing is not None and billing.free and self.price(model_id).free

    def is_own(self, model_id: str) -> bool:
        """Whether the person gave figures for this model of this provider."""
        return ("provider", *split_model_id(model_id)) in self.own.entries

    def cost(self, usage: Usage, model_id: str) -> Decimal | None:
        """In US dollars; None when a figure it needs is unknown."""
        billing = self.billing.get(split_model_id(model_id)[0])
        if billing is None:
            return None
        return price_table.cost(
            usage,
            self.price(model_id),
            cached_beside_input=billing.cached_beside_input,
            reasoning_beside_output=billing.reasoning_beside_output,
        )

    def cost_of(self, message: Message) -> Decimal | None:
        """Of an answer, in US dollars; None when it is unknown, and for what the person wrote. From the cache
        it costs nothing."""
        if message.role is not Role.ASSISTANT or message.state is MessageState.WRITING:
            return None
        return Decimal(0) if message.cached else self.cost(message.usage, message.model_id)
