"""The circuit breaker: leaves a provider alone that keeps failing, and one that asked for rest."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

from mastra_desktop.domain.errors import (
    AuthError,
    CircuitOpen,
    ContentFiltered,
    MastraError,
    ProviderError,
    QuotaError,
    RateLimited,
)
from mastra_desktop.domain.events import ProviderHealthChanged, ProviderState

FAILURES_IN_A_ROW = 5
WINDOW_S = 60.0
FEWEST_CALLS = 5  # before the share of failures in the window counts
OPEN_S = 30.0
COOL_S = 5.0  # after a 429 that does not say how long
LONGEST_COOL_S = 3600.0  # an absurd Retry-After shall not lock a provider out for days

# The provider works and says no: counted as an answer, not as a failure.
_REFUSALS = (AuthError, QuotaError, ContentFiltered)


class Breaker:
    """One for each provider, base URL and key.

    Closed; open for 30 s after 5 failures in a row, or when over half of at least 5 calls within 60 s
    failed; then half-open, when one call at a time tries whether it works again. Cooling after a 429,
    for as long as was asked or else 5 s. A call here is one request: each try of an answer counts.
    `clock` gives seconds from anywhere, `wall` seconds since 1970 for what is published.
    """

    def __init__(
        self,
        provider_id: str,
        publish: Callable[[ProviderHealthChanged], None] = lambda _: None,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._provider_id = provider_id
        self._publish = publish
        self._clock = clock
        self._wall = wall
        self._open_until: float | None = None
        self._cool_until = 0.0
        self._cool_since = 0.0
        self._probe: Visit | None = None
        self._row = 0
        self._ended: deque[tuple[float, bool]] = deque()  # (when, whether it failed), the last 60 s
        self._told = ProviderState.CLOSED

    @property
    def health(self) -> ProviderHealthChanged:
        """The state now, as it is published. `until` is None for closed and half-open."""
        now = self._clock()
        if self._open_until is not None:
            if now >= self._open_until:
                return ProviderHealthChanged(self._provider_id, ProviderState.HALF_OPEN, None)
            until, state = self._open_until, ProviderState.OPEN
        elif now < self._cool_until:
            until, state = self._cool_until, ProviderState.COOLING
        else:
            return ProviderHealthChanged(self._provider_id, ProviderState.CLOSED, None)
        return ProviderHealthChanged(self._provider_id, state, self._wall() + until - now)

    @property
    def cooling_s(self) -> float:
        """Seconds until a 429's rest is over; 0 without one."""
        return max(0.0, self._cool_until - self._clock())

    def check(self) -> None:
        """Raises CircuitOpen when a call would not be let through now."""
        if self._open_until is None:
            return
        wait_s = self._open_until - self._clock()
        if wait_s > 0:
            raise CircuitOpen(
                f"{self._provider_id} failed too often just now and is left alone for {wait_s:.0f} s.",
                hint="Try again then, or switch the model.",
                retry_after_s=wait_s,
            )
        if self._probe is not None:
            raise CircuitOpen(
                f"{self._provider_id} failed too often; another request tries whether it works again.",
                hint="Try again in a moment, or switch the model.",
                retry_after_s=1.0,
            )

    def enter(self) -> Visit:
        """Lets one call through, which must end with `Visit.end`. Raises CircuitOpen."""
        self.check()
        visit = Visit(self, self._clock())
        if self._open_until is not None:
            self._probe = visit
            self._tell()
        return visit

    def _answered(self, visit: Visit) -> None:
        """The first piece arrived: enough for a probe, and for the end of a rest it began in."""
        if visit is self._probe:
            self._close()
        elif self._open_until is None and self._cool_since < visit.began < self._cool_until:
            self._cool_until = 0.0
            self._tell()

    def _end(self, visit: Visit, error: MastraError | None, abandoned: bool) -> None:
        was_probe = visit is self._probe
        if was_probe:
            self._probe = None
        elif self._open_until is not None:
            return  # begun before it opened: says nothing about now
        if abandoned:
            return
        now = self._clock()
        failed = isinstance(error, ProviderError) and not isinstance(error, _REFUSALS)
        if isinstance(error, RateLimited):
            asked = COOL_S if error.retry_after_s is None else error.retry_after_s
            self._cool_since = now
            self._cool_until = max(self._cool_until, now + min(asked, LONGEST_COOL_S))
        if was_probe:
            if failed:
                self._open_until = now + OPEN_S
                self._tell()
            else:
                self._close()
            return
        self._row = self._row + 1 if failed else 0
        self._ended.append((now, failed))
        while self._ended[0][0] < now - WINDOW_S:
            self._ended.popleft()
        if failed:
            failures = sum(failed for _, failed in self._ended)
            mostly = len(self._ended) >= FEWEST_CALLS and failures * 2 > len(self._ended)
            if self._row >= FAILURES_IN_A_ROW or mostly:
                self._open_until = now + OPEN_S
        self._tell()

    def _close(self) -> None:
        self._open_until = self._probe = None
        self._cool_until = 0.0
        self._row = 0
        self._ended.clear()
        self._tell()

    def _tell(self) -> None:
        health = self.health
        if health.state is not self._told or health.until is not None:
            self._told = health.state
            self._publish(health)


class Visit:
    """One call that was let through."""

    __slots__ = ("_breaker", "_ended", "began")

    def __init__(self, breaker: Breaker, began: float) -> None:
        self._breaker = breaker
        self._ended = False
        self.began = began

    def answered(self) -> None:
        """The first piece of the answer is there."""
        self._breaker._answered(self)

    def end(self, error: MastraError | None = None, *, abandoned: bool = False) -> None:
        """How it ended: `error`, or well; `abandoned` when it was cancelled. Only the first time counts."""
        if not self._ended:
            self._ended = True
            self._breaker._end(self, error, abandoned)
