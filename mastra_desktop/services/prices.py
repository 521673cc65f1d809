"""What answers cost, and how often each model was asked."""

from __future__ import annotations

import asyncio
import ipaddress
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mastra_desktop.domain.errors import ConfigError, NotFound
from mastra_desktop.domain.events import ProvidersChanged
from mastra_desktop.domain.models import LOCAL_PROVIDER_ID, ModelPrice, split_model_id
from mastra_desktop.ops import prices
from mastra_desktop.ops.logging import get_logger
from mastra_desktop.ops.price_table import PriceTable
from mastra_desktop.providers.kinds import BASE_URLS, KINDS
from mastra_desktop.services.price_book import Billing, PriceBook
from mastra_desktop.store import calls

if TYPE_CHECKING:
    from decimal import Decimal
    from pathlib import Path

    from mastra_desktop.domain.chat import Usage
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import ProviderConfig
    from mastra_desktop.paths import Paths
    from mastra_desktop.services.providers import ProvidersService
    from mastra_desktop.store.database import Database

_OWN_KINDS = ("ollama", "openai-compatible")  # no vendor's: on this computer they cost nothing
log = get_logger(__name__)


class PriceService:
    """Keeps the last good prices.toml while the one on disk is broken."""

    def __init__(self, paths: Paths, db: Database, providers: ProvidersService, bus: Bus) -> None:
        self._paths, self._db, self._providers, self._bus = paths, db, providers, bus
        self._shipped: PriceTable | None = None
        self._own = PriceTable()
        self._problem = ""
        self._seen: tuple[int, int] | None = None  # of prices.toml when it was read: time and size
        self._last: tuple[float, PriceBook] | None = None  # for `cost_now`

    async def book(self) -> PriceBook:
        """The prices as they are now; a prices.toml that changed on disk is read again."""
        await asyncio.to_thread(self._read)
        return self._book()

    def cost_now(self, usage: Usage, model_id: str) -> Decimal | None:
        """In US dollars by prices at most 10 s old; None when unknown. Reads files: for a thread that may."""
        now = time.monotonic()
        if self._last is None or now - self._last[0] > 10:
            self._read()
            self._last = now, self._book()
        return self._last[1].cost(usage, model_id)

    def _book(self) -> PriceBook:
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
