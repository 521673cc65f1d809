"""The bus: tells whoever listens that something happened. Publishers know no subscriber."""

from __future__ import annotations

from collections.abc import Callable

from mastra_desktop.domain.events import BusEvent
from mastra_desktop.ops.logging import get_logger

log = get_logger(__name__)

Callback = Callable[[BusEvent], None]


class Bus:
    """Calls its subscribers in order, on the publisher's thread. They are quick and hand work over."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callback] = {}

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls `callback` with each event from now on; the returned function ends that, also twice."""
        ticket = object()
        self._callbacks[ticket] = callback

        def unsubscribe() -> None:
            self._callbacks.pop(ticket, None)

        return unsubscribe

    def publish(self, event: BusEvent) -> None:
        """Tells every subscriber. One that fails is logged; the others and the publisher go on."""
        for callback in tuple(self._callbacks.values()):
            try:
                callback(event)
            except Exception:  # the publisher has committed; a listener's bug is not its own
                log.exception("subscriber failed", happened=type(event).__name__)
