"""What answers cost, and how often each model was asked."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mastra_desktop.domain.chat import Message, MessageState, Role, Usage
from mastra_desktop.domain.errors import ConfigError, NotFound
from mastra_desktop.domain.events import ProvidersChanged
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID, ModelPrice, split_model_id
from mastra_desktop.ops import prices
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.ops.prices import UNKNOWN, PriceTable
from mastra_desktop.providers.kinds import BASE_URLS, KINDS
from mastra_desktop.store import calls

if TYPE_CHECKING:
    from pathlib import Path

    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import ProviderConfig
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.database import Database

FREE = ModelPrice(input=Decimal(0), cached=Decimal(0), output=Decimal(0))
_OWN_KINDS = ("ollama", "openai-compatible")  # no vendor's: on this computer they cost nothing
_ELSEWHERE = "-cloud"  # how Ollama names models that only look as if they ran here
log = get_logger(__name__)


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

    def price(self, model_id: str) -> ModelPrice:
        """Every figure is None when nothing is known of the model or its provider."""
        provider_id, name = split_model_id(model_id)
        billing = self.billing.get(provider_id)
        if billing is None:
            return UNKNOWN
        found = prices.find(billing.kind, provider_id, name, self.own, self.shipped)
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
        return prices.cost(
            usage,
            self.price(model_id),
            cached_beside_input=billing.cached_beside_input,
            reasoning_beside_output=billing.reasoning_beside_output,
        )

    def cost_of(self, message: Message) -> Decimal | None:
        """Of an answer, in US dollars; None when it is unknown, and for what the person wrote."""
        if message.role is not Role.ASSISTANT or message.state is MessageState.WRITING:
            return None
        return self.cost(message.usage, message.model_id)


class PriceService:
    """Keeps the last good prices.toml while the one on disk is broken."""

    def __init__(self, paths: Paths, db: Database, providers: ProvidersService, bus: Bus) -> None:
        self._paths, self._db, self._providers, self._bus = paths, db, providers, bus
        self._shipped: PriceTable | None = None
        self._own = PriceTable()
        self._problem = ""
        self._seen: tuple[int, int] | None = None  # of prices.toml when it was read: time and size

    async def book(self) -> PriceBook:
        """The prices as they are now; a prices.toml that changed on disk is read again."""
        await asyncio.to_thread(self._read)
        billing = {p.id: _billing(p) for p in self._providers.config.providers}
        billing[LOCAL_PROVIDER_ID] = Billing("local", free=True)
        return PriceBook(self._shipped or PriceTable(), self._own, billing, self._problem)

    async def change(self, model_id: str, price: ModelPrice | None) -> None:
        """Keeps the person's own figures for a model in prices.toml; None forgets them.

        Raises NotFound, ConfigError for a broken file, StorageError: the file is then as it was.
        """
        provider_id, name = split_model_id(model_id)
        if not name or all(p.id != provider_id for p in self._providers.config.providers):
            raise NotFound(f"There is no provider named {provider_id}.")
        await asyncio.to_thread(prices.put_price, self._paths.prices, provider_id, name, price)
        await asyncio.to_thread(self._read)  # good ones: to be kept if the file breaks
        self._bus.publish(ProvidersChanged())

    async def calls(self, provider_id: str) -> dict[str, int]:
        """How many answers are kept of each of its models, by name."""
        return await self._db.read(calls.answers_by_model, provider_id)

    def _read(self) -> None:
        if self._shipped is None:
            self._shipped = prices.read_table(self._paths.resources / "model_prices.toml")
        seen = _stamp(self._paths.prices)
        if seen == self._seen:
            return
        try:
            self._own, self._problem = prices.read_table(self._paths.prices), ""
        except ConfigError as error:
            self._problem = error.message
            log.warning("prices.toml is refused", problem=error.message)
        self._seen = seen


def _stamp(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:
        return (0, 0)
    return (found.st_mtime_ns, found.st_size)


def _billing(settings: ProviderConfig) -> Billing:
    if settings.kind == "local":
        return Billing("local", free=True)
    kind = KINDS[settings.kind]
    here = settings.kind in _OWN_KINDS and _is_loopback(settings.base_url or BASE_URLS.get(settings.kind, ""))
    return Billing(settings.kind, here, kind.cached_beside_input, kind.reasoning_beside_output)


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
