"""Which embedders cannot be used for now, why, and when each is asked again.

One that is away holds back the documents of its collections; they go on by themselves once it answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mastra_desktop.domain.errors import AuthError, ErrorInfo, KnowledgeError, MastraError, QuotaError
from mastra_desktop.domain.events import BusEvent, EmbedderChanged, ProvidersChanged
from mastra_desktop.ops.logging import get_logger

if TYPE_CHECKING:
    from mastra_desktop.ops.bus import Bus

FIRST_REST_S = 5.0
LONGEST_REST_S = 20.0  # with the try itself: work goes on within 30 s of its return
PERSON_REST_S = 300.0  # what a person has to mend: asked again at once when they changed the providers

log = get_logger(__name__)


class EmbedderAway(KnowledgeError):
    """Nothing is wrong with what was to be embedded: it waits until the embedder is back."""

    retryable_by_default = True


@dataclass(frozen=True, slots=True)
class _Away:
    error: MastraError
    until: float  # `clock`
    tries: int


class EmbedderHealth:
    """`clock` gives seconds from anywhere."""

    def __init__(self, bus: Bus, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._away: dict[str, _Away] = {}
        self.on_due: Callable[[], None] = lambda: None  # somebody changed something: it is worth a try
        bus.subscribe(self._heard)

    def failed(self, embedder_id: str, error: MastraError) -> None:
        """It is asked again after a rest; the longer it is away, the longer each rest."""
        before = self._away.get(embedder_id)
        tries = before.tries if before else 0
        rest_s = min(FIRST_REST_S * 2**tries, LONGEST_REST_S) if error.retryable else PERSON_REST_S
        rest_s = max(rest_s, error.retry_after_s or 0.0)
        self._away[embedder_id] = _Away(error, self._clock() + rest_s, min(tries + 1, 10))
        log.warning("an embedder rests", embedder=embedder_id, message=error.message, rest_s=rest_s)
        if before is None or before.error.info != error.info:
            self._bus.publish(EmbedderChanged(embedder_id, error.info))

    def works(self, embedder_id: str) -> None:
        if self._away.pop(embedder_id, None) is not None:
            log.info("an embedder is back", embedder=embedder_id)
            self._bus.publish(EmbedderChanged(embedder_id, None))

    def error(self, embedder_id: str) -> MastraError | None:
        """Why it cannot be used; None when nothing is known against it."""
        found = self._away.get(embedder_id)
        return found.error if found else None

    def away(self) -> dict[str, ErrorInfo]:
        """Those that cannot be used, and why."""
        return {embedder_id: found.error.info for embedder_id, found in self._away.items()}

    def rests(self) -> dict[str, float]:
        """Those that are not to be asked now, and for how many seconds."""
        now = self._clock()
        return {i: found.until - now for i, found in self._away.items() if found.until > now}

    def due(self) -> list[str]:
        """Those that were away and whose rest is over."""
        return [i for i, found in self._away.items() if found.until <= self._clock()]

    def _heard(self, event: BusEvent) -> None:
        """A key was set, an address changed, a provider switched on: whatever it was, it is tried again."""
        if isinstance(event, ProvidersChanged) and self._away:
            now = self._clock()
            self._away = {i: _Away(found.error, now, 0) for i, found in self._away.items()}
            self.on_due()


def holds_back(error: MastraError) -> bool:
    """Whether it is surely the embedder's trouble, and not that of the texts it was given."""
    return error.retryable or isinstance(error, AuthError | QuotaError)
