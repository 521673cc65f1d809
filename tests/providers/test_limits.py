"""Our own limits of requests and tokens a minute."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mastra_desktop.providers.limits import AtOnce, MinuteLimits


class Time:
    """A clock and a sleep that pass no real time: the earliest sleeper wakes when all others sleep."""

    def __init__(self) -> None:
        self.now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._count = 0

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self._count += 1
        entry = (self.now + seconds, self._count, asyncio.Event())
        self._sleepers.append(entry)
        try:
            while not entry[2].is_set():
                await asyncio.sleep(0)
                first = min(self._sleepers)
                if first is entry:
                    self.now = max(self.now, first[0])
                    entry[2].set()
        finally:
            self._sleepers.remove(entry)


def limits(requests: int = 0, tokens: int = 0) -> tuple[MinuteLimits, Time]:
    time = Time()
    return MinuteLimits(requests, tokens, clock=time.clock, sleep=time.sleep), time


def went_at(line: MinuteLimits, time: Time, tokens: list[int]) -> list[float]:
    """When each request went, all of them asked at second 0 in this order."""
    times = [-1.0] * len(tokens)
    order: list[int] = []

    async def one(number: int) -> None:
        place = line.line_up(tokens[number])
        await line.pass_through(place)
        times[number] = time.now
        order.append(number)

    async def all_of_them() -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(len(tokens)):
                group.create_task(one(number))

    asyncio.run(all_of_them())
    assert order == sorted(order), "first come, first served"
    return times


def test_without_limits_nobody_waits() -> None:
    """0 is unlimited."""
    line, time = limits()
    assert went_at(line, time, [1000] * 20) == [0.0] * 20


def test_requests_a_minute() -> None:
    """Three at once, the next three a minute later, and so on."""
    line, time = limits(requests=3)
    assert [round(at) for at in went_at(line, time, [0] * 7)] == [0, 0, 0, 60, 60, 60, 120]


def test_tokens_a_minute_and_one_that_is_too_large() -> None:
    """Expected tokens count; one larger than the whole limit goes alone after a quiet minute."""
    line, time = limits(tokens=100)
    times = went_at(line, time, [60, 30, 20, 500, 10])
    assert [round(at) for at in times] == [0, 0, 60, 120, 180]


def test_what_it_really_took_replaces_the_estimate() -> None:
    """A short answer frees what was set aside for it, a long one takes more."""

    async def check() -> None:
        line, _ = limits(tokens=100)
        first = line.line_up(90)
        await line.pass_through(first)
        second = line.line_up(50)
        assert line.wait_s(second) == 60
        first.settle(20)
        assert line.wait_s(second) == 0
        first.settle(5000)
        assert line.wait_s(second) == 60
        line.leave(second)

    asyncio.run(check())


def test_one_that_is_cancelled_leaves_the_line() -> None:
    """Stop while waiting: those behind move up, nothing is counted."""

    async def check() -> None:
        line, time = limits(requests=1)
        await line.pass_through(line.line_up())
        impatient = line.line_up()
        behind = line.line_up()
        assert (line.wait_s(impatient), line.wait_s(behind)) == (60, 120)
        waiting = asyncio.get_running_loop().create_task(line.pass_through(impatient))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert line.wait_s(behind) == 60 - time.now
        await line.pass_through(behind)
        assert round(time.now) == 60

    asyncio.run(check())


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(
    requests=st.integers(0, 5),
    tokens=st.integers(0, 200),
    asked=st.lists(st.integers(0, 150), min_size=1, max_size=12),
)
def test_no_minute_has_more_than_allowed(requests: int, tokens: int, asked: list[int]) -> None:
    """In every window of 60 s there are at most so many requests, and so many tokens unless one is larger."""
    line, time = limits(requests, tokens)
    times = went_at(line, time, asked)
    for start in times:
        inside = [n for at, n in zip(times, asked, strict=True) if start <= at < start + 59.9]
        assert not requests or len(inside) <= requests
        assert not tokens or sum(inside) <= tokens or len([n for n in inside if n]) == 1


def test_at_the_same_time() -> None:
    """Two at once, the third when one of them is over; 0 is unlimited."""
    line = AtOnce(2)
    first, second, third, fourth = (line.line_up() for _ in range(4))
    assert [turn.begun.is_set() for turn in (first, second, third, fourth)] == [True, True, False, False]
    line.leave(second)
    assert (third.begun.is_set(), fourth.begun.is_set()) == (True, False)
    line.leave(fourth)  # does not wait any more
    line.leave(first)
    fifth = line.line_up()
    assert fifth.begun.is_set()
    assert all(turn.begun.is_set() for turn in [AtOnce().line_up() for _ in range(50)])


def test_how_many_at_the_same_time_is_changed_meanwhile() -> None:
    """More lets the first of the line in; fewer ends nobody."""
    line = AtOnce(1)
    first, second, third = (line.line_up() for _ in range(3))
    line.most = 2
    assert (second.begun.is_set(), third.begun.is_set()) == (True, False)
    line.most = 1
    line.leave(first)
    assert not third.begun.is_set()
    line.leave(second)
    assert third.begun.is_set()
