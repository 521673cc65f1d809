"""Whether the HTTP API is on. What it is made of is imported when it first is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import MastraError
from mastra_desktop.domain.events import ApiChanged
from mastra_desktop.ops.logging import get_logger

if TYPE_CHECKING:
    from mastra_desktop.api.parts import Parts
    from mastra_desktop.api.server import ApiServer
    from mastra_desktop.ops.bus import Bus
    from mastra_desktop.ops.config import Loaded, ServerConfig

log = get_logger(__name__)


class LocalApi:
    """Off until `follow` or `serve`; from then on as the configuration says. Belongs to one loop."""

    def __init__(self, parts: Parts, bus: Bus, settings: ServerConfig) -> None:
        self._parts = parts
        self._bus = bus
        self._settings = settings
        self._always = self._following = False
        self._server: ApiServer | None = None
        self._problem = ""
        self._changing = asyncio.Lock()

    @property
    def state(self) -> ApiChanged:
        return ApiChanged(self._server.url if self._server else "", self._problem)

    async def serve(self) -> str:
        """Listens whatever server.enabled says; the address. Raises ConfigError where it cannot."""
        self._always = self._following = True
        await self._use(self._settings)
        return self.state.url

    async def follow(self) -> None:
        """On where server.enabled is. What keeps it from that is in `state`."""
        self._following = True
        try:
            await self._use(self._settings)
        except MastraError as error:
            log.warning("api not started", problem=error.message)

    async def apply(self, loaded: Loaded) -> None:
        """As this configuration has it from now on. Raises ConfigError."""
        if self._following:
            await self._use(loaded.config.server)
        self._settings = loaded.config.server

    async def aclose(self) -> None:
        """Ends what runs; what it kept is stored. Safe to call twice."""
        self._following = False
        server, self._server = self._server, None
        if server is not None:
            await server.stop()

    async def _use(self, settings: ServerConfig) -> None:
        async with self._changing:
            wanted = self._always or settings.enabled
            same_place = (settings.host, settings.port) == (self._settings.host, self._settings.port)
            self._problem = ""
            if self._server is not None and (not wanted or not same_place):
                server, self._server = self._server, None
                await server.stop()
            try:
                if wanted and self._server is None:
                    # Importing it takes half a second, which most starts need not spend.
                    from mastra_desktop.api.server import ApiServer

                    self._server = await ApiServer.start(self._parts, settings.host, settings.port)
            except MastraError as error:
                self._problem = error.message
                raise
            finally:
                self._bus.publish(self.state)
