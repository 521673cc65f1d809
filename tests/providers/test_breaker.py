"""When a provider is left alone, and when it is asked again."""

from __future__ import annotations

import asyncio

import pytest

from mastra_desktop.domain.errors import (
    AuthError,
    BadRequest,
    CircuitOpen,
    MastraError,
    NetworkError,
    ProviderError,
    ProviderTimeout,
    QuotaError,
    RateLimited,
)
from mastra_desktop.domain.events import ProviderHealthChanged, ProviderState
from mastra_desktop.providers.breaker import Breaker
from mastra_desktop.providers.guard import Guard


class Clock:
    """Seconds that pass only when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Bench:
    """A breaker with its clock and what it published."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.heard: list[ProviderHealthChanged] = []
        self.breaker = Breaker("work", self.heard.append, clock=self.clock, wall=lambda: 5000.0)

    def call(self, error: MastraError | None = None, times: int = 1) -> None:
        for _ in range(times):
            visit = self.breaker.enter()
            if error is None:
                visit.answered()
            visit.end(error)

    def state(self) -> ProviderState:
        return self.breaker.health.state


@pytest.mark.parametrize("error", [NetworkError("x"), ProviderTimeout("x"), ProviderError("x")])
def test_it_opens_on_five_failures_in_a_row(error: MastraError) -> None:
    """Four failures after answers change nothing; the fifth opens for 30 s, and that is published."""
    bench = Bench()
    bench.call(times=10)
    bench.call(error, times=4)
    assert bench.state() is ProviderState.CLOSED
    assert bench.heard == []
    bench.call(error)
    assert bench.heard == [ProviderHealthChanged("work", ProviderState.OPEN, 5030.0)]
    bench.clock.now += 12
    with pytest.raises(CircuitOpen) as caught:
        bench.breaker.enter()
    assert caught.value.retry_after_s == pytest.approx(18)
    assert (caught.value.code, caught.value.retryable) == ("circuit_open", True)


def test_it_opens_when_over_half_of_the_last_minute_failed() -> None:
    """At least five calls within 60 s, over half of them failed; exactly half is not over half."""
    bench = Bench()
    for _ in range(3):
        bench.call()
        bench.call(ProviderError("x"))
    assert bench.state() is ProviderState.CLOSED
    bench.call(ProviderError("x"))
    assert bench.state() is ProviderState.OPEN


def test_what_is_older_than_a_minute_does_not_count() -> None:
    """Failures spread over minutes, with answers between them, never open it."""
    bench = Bench()
    for _ in range(20):
        bench.call(ProviderError("x"))
        bench.clock.now += 61
        bench.call()
    assert bench.state() is ProviderState.CLOSED


@pytest.mark.parametrize("error", [AuthError("x"), QuotaError("x"), BadRequest("x")])
def test_refusals_never_open_it(error: MastraError) -> None:
    """A provider that says no works; 4xx other than 408, 409 and 429 count as answers."""
    bench = Bench()
    bench.call(error, times=50)
    assert bench.state() is ProviderState.CLOSED
    bench.call(ProviderError("x"), times=4)
    bench.call(error)
    bench.call(ProviderError("x"), times=4)
    assert bench.state() is ProviderState.CLOSED


def test_one_probe_closes_or_opens_it_again() -> None:
    """After 30 s one call goes through and others wait for what it finds."""
    bench = Bench()
    bench.call(ProviderError("x"), times=5)
    bench.clock.now += 30
    assert bench.state() is ProviderState.HALF_OPEN
    probe = bench.breaker.enter()
    with pytest.raises(CircuitOpen):
        bench.breaker.enter()
    probe.end(ProviderError("x"))
    assert bench.state() is ProviderState.OPEN
    bench.clock.now += 30
    probe = bench.breaker.enter()
    probe.answered()  # the first piece is enough: others need not wait for the last
    assert bench.state() is ProviderState.CLOSED
    bench.call()
    probe.end()
    told = [event.state.value for event in bench.heard]
    assert told == ["open", "half-open", "open", "half-open", "closed"]


def test_a_cancelled_probe_leaves_its_place_to_the_next() -> None:
    """Stop says nothing about the provider."""
    bench = Bench()
    bench.call(ProviderError("x"), times=5)
    bench.clock.now += 30
    bench.breaker.enter().end(abandoned=True)
    assert bench.state() is ProviderState.HALF_OPEN
    bench.call()
    assert bench.state() is ProviderState.CLOSED


def test_calls_from_before_do_not_decide_about_now() -> None:
    """One that began before the circuit opened ends without closing or prolonging it."""
    bench = Bench()
    early = [bench.breaker.enter() for _ in range(2)]
    bench.call(ProviderError("x"), times=5)
    bench.clock.now += 20
    early[0].answered()
    early[0].end()
    early[1].end(ProviderError("x"))
    assert bench.breaker.health.until == 5010.0


@pytest.mark.parametrize(("asked", "rest"), [(None, 5.0), (20.0, 20.0), (1e9, 3600.0)])
def test_a_429_is_followed_by_a_rest(asked: float | None, rest: float) -> None:
    """For what was asked, else 5 s, and at most an hour; then it is over by itself."""
    bench = Bench()
    bench.call(times=9)
    bench.call(RateLimited("x", retry_after_s=asked))
    assert bench.heard == [ProviderHealthChanged("work", ProviderState.COOLING, 5000.0 + rest)]
    assert bench.breaker.cooling_s == rest
    bench.clock.now += rest
    assert bench.state() is ProviderState.CLOSED


def test_an_answer_that_began_in_the_rest_ends_it() -> None:
    """A retry that got through shows that the provider takes requests again; an older answer does not."""
    bench = Bench()
    early = bench.breaker.enter()
    bench.clock.now += 1
    bench.call(RateLimited("x", retry_after_s=60))
    early.answered()
    assert bench.state() is ProviderState.COOLING
    bench.clock.now += 1
    bench.call()
    assert bench.state() is ProviderState.CLOSED
    assert bench.heard[-1].state is ProviderState.CLOSED


def test_a_new_key_begins_closed() -> None:
    """The circuit belongs to provider, address and key; the key itself is not kept."""
    keys = ["sk-old-key-1", "sk-old-key-1", "sk-new-key-2"]
    heard: list[ProviderHealthChanged] = []

    async def read_key() -> str:
        return keys.pop(0)

    async def check() -> None:
        guard = Guard("work", read_key=read_key, publish=heard.append)
        assert await guard.key() == "sk-old-key-1"
        for _ in range(5):
            guard.breaker.enter().end(ProviderError("x"))
        with pytest.raises(CircuitOpen):
            await guard.check()  # looks at the key: still the same
        await guard.check()  # another one now
        assert guard.breaker.health.state is ProviderState.CLOSED
        kept = repr(vars(guard)) + repr(vars(guard.breaker))
        assert "sk-old" not in kept
        assert "sk-new" not in kept

    asyncio.run(check())
    assert [event.state.value for event in heard] == ["open", "closed"]
