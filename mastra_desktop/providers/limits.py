"""Our own limits: how many requests and tokens a minute go to one provider, and how many at the same time."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

MINUTE_S = 60.0
_LOOK_AGAIN_S = 0.5  # somebody ahead may have left, or used fewer tokens than expected


@dataclass(slots=True, eq=False)
class Place:
    """One request's place in the line. `tokens` is an estimate until `settle`."""

    tokens: int
    at: float = 0.0  # when it went, in the clock's seconds
    gone: bool = False

    def settle(self, tokens: int) -> None:
        """What it really took."""
        self.tokens = tokens


class MinuteLimits:
    """Never more than this in any 60 s; 0 is unlimited. First come, first served.

    A request expected to take more tokens than a whole minute has goes when nothing else was sent for
    a minute. The limits may be changed while requests wait.
    """

    def __init__(
        self,
        requests: int = 0,
        tokens: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.requests = requests
        self.tokens = tokens
        self._clock = clock
        self._sleep = sleep
        self._went: deque[Place] = deque()  # the last minute, oldest first
        self._line: deque[Place] = deque()

    def used(self) -> tuple[int, int]:
        """Requests and tokens that went in the last minute. Nothing is counted while there is no limit."""
        self._forget_old(self._clock())
        return len(self._went), sum(place.tokens for place in self._went)

    def line_up(self, tokens: int = 0) -> Place:
        """Takes a place at the end of the line. `pass_through` or `leave` must follow."""
        place = Place(tokens)
        self._line.append(place)
        return place

    def wait_s(self, place: Place) -> float:
        """How long it will have to wait as things are now."""
        if not self.requests and not self.tokens:
            return 0.0
        now = self._clock()
        self._forget_old(now)
        # (when, tokens), newest first: those that went, then those ahead at the time they will go.
        plan = deque((went.at, went.tokens) for went in reversed(self._went))
        for waiting in self._line:
            at = self._earliest(plan, waiting.tokens, now)
            if waiting is place:
                return at - now
            plan.appendleft((at, waiting.tokens))
        return 0.0

    async def pass_through(self, place: Place) -> None:
        """Waits until it is this one's turn, and counts it. Cancelled, it leaves the line."""
        try:
            while (wait := self.wait_s(place)) > 0 or self._line[0] is not place:
                await self._sleep(min(max(wait, 0.001), _LOOK_AGAIN_S))
            place.at, place.gone = self._clock(), True
            self._went.append(place)
        finally:
            self.leave(place)

    def leave(self, place: Place) -> None:
        """Gives the place up; nothing happens without one."""
        if place in self._line:
            self._line.remove(place)

    def _forget_old(self, now: float) -> None:
        while self._went and self._went[0].at <= now - MINUTE_S:
            self._went.popleft()

    def _earliest(self, plan: deque[tuple[float, int]], tokens: int, now: float) -> float:
        at = max(now, plan[0][0]) if plan else now
        if self.requests and len(plan) >= self.requests:
            at = max(at, plan[self.requests - 1][0] + MINUTE_S)
        if self.tokens:
            used = tokens
            for when, spent in plan:
                used += spent
                if used > self.tokens:
                    at = max(at, when + MINUTE_S)
                    break
        return at


@dataclass(slots=True, eq=False)
class Turn:
    """One request's turn among those at the same time; `begun` once it has it."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)


class AtOnce:
    """Never more than `most` requests at the same time; 0 is unlimited. First come, first served.

    `most` may be changed at any time: what runs goes on.
    """

    def __init__(self, most: int = 0) -> None:
        self._most = most
        self._running = 0
        self._line: deque[Turn] = deque()

    @property
    def most(self) -> int:
        return self._most

    @most.setter
    def most(self, most: int) -> None:
        self._most = most
        self._let_in()

    def line_up(self) -> Turn:
        """Begins at once where there is room. `leave` must follow, however it ends."""
        turn = Turn()
        self._line.append(turn)
        self._let_in()
        return turn

    def leave(self, turn: Turn) -> None:
        """It is over, or nobody waits for it any more."""
        if turn in self._line:
            self._line.remove(turn)
        else:
            self._running -= 1
            self._let_in()

    def _let_in(self) -> None:
        while self._line and (not self._most or self._running < self._most):
            self._running += 1
            self._line.popleft().begun.set()
