"""What panes see of the engine: the core behind a seam, asked from the window's loop."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from mastra_desktop.domain.events import BusEvent

if TYPE_CHECKING:
    from mastra_desktop.core import Core

T = TypeVar("T")


class Bridge(Protocol):
    """See `engine.Engine`, which is one."""

    async def call(self, ask: Callable[[Core], Awaitable[T]]) -> T:
        """Awaits `ask(core)` where the core lives."""
        ...

    def stream(self, ask: Callable[[Core], AsyncGenerator[T]]) -> AsyncGenerator[list[T]]:
        """Yields what `ask(core)` yields, in batches at most one per 16 ms."""
        ...


class Backend(Bridge, Protocol):
    """The engine as the main window starts, hears and stops it."""

    def start(self) -> None:
        """Begins building the core in its thread."""
        ...

    async def ready(self) -> None:
        """Returns when the core is built; raises what kept it from that."""
        ...

    async def on_event(self, handle: Callable[[list[BusEvent]], None]) -> None:
        """Hands over what the bus publishes, until cancelled."""
        ...

    def met(self, error: BaseException) -> None:
        """The window shows this error; it is counted, unless it came from here."""
        ...

    async def stop(self, within_s: float = ...) -> None:
        """Ends what runs and closes the core."""
        ...

    def hurry(self) -> None:
        """Waits for nothing more while it stops."""
        ...
