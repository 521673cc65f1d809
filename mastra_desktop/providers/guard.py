"""What every try of an answer passes on its way out: our own limits, the circuit breaker, the counters."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from mastra_desktop.domain.errors import CircuitOpen, MastraError
from mastra_desktop.domain.events import ProviderHealthChanged, ProviderState
from mastra_desktop.domain.replies import AnswerEnd, ProviderEvent, ReasoningDelta, TextDelta, Waiting
from mastra_desktop.providers.breaker import Breaker, Visit
from mastra_desktop.providers.limits import AtOnce, MinuteLimits, Place, Turn
from mastra_desktop.providers.waits import in_words

LONGEST_COOLING_WAIT_S = 8.0  # a longer rest is an error at once, so that a fallback can answer
_BYTES_PER_TOKEN = 4


@dataclass(slots=True)
class Tries:
    """What went out to one provider since the start; tries, not answers. `failures` by error code."""

    requests: int = 0
    retries: int = 0
    abandoned: int = 0  # stopped by the person
    refused: int = 0  # not sent, because the circuit was open
    waits: int = 0
    waited_s: float = 0.0
    seconds: float = 0.0  # all tries together, from the request to their end
    failures: Counter[str] = field(default_factory=Counter)


async def _no_key() -> str | None:
    return None


class Guard:
    """Belongs to one provider at one base URL, and outlives changes of its other settings.

    `read_key` gives the key; only a salted hash of it is remembered, to tell a new key, with which the
    circuit begins closed, from the old one.
    """

    def __init__(
        self,
        provider_id: str,
        *,
        read_key: Callable[[], Awaitable[str | None]] = _no_key,
        publish: Callable[[ProviderHealthChanged], None] = lambda _: None,
        requests_per_minute: int = 0,
        tokens_per_minute: int = 0,
        max_concurrent: int = 0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.provider_id = provider_id
        self.limits = MinuteLimits(requests_per_minute, tokens_per_minute, clock=clock, sleep=sleep)
        self.at_once = AtOnce(max_concurrent)
        self.tries = Tries()
        self.active = 0  # tries that run now
        self.clock = clock
        self.sleep = sleep
        self.read_key = read_key  # for the provider as it is configured now
        self._publish = publish
        self._salt = os.urandom(16)
        self._key_mark: bytes | None = None
        self.breaker = Breaker(provider_id, publish, clock=clock)

    async def key(self) -> str | None:
        """The provider's key, read anew for each request."""
        key = await self.read_key()
        mark = self._mark(key)
        if self._key_mark not in (None, mark):
            was = self.breaker.health.state
            self.breaker = Breaker(self.provider_id, self._publish, clock=self.clock)
            if was is not ProviderState.CLOSED:
                self._publish(self.breaker.health)
        self._key_mark = mark
        return key

    async def check(self) -> None:
        """Raises CircuitOpen when nothing is to be sent now. A new key is noticed here."""
        try:
            self.breaker.check()
        except CircuitOpen:
            await self.key()
            try:
                self.breaker.check()
            except CircuitOpen:
                self.tries.refused += 1
                raise

    def _mark(self, key: str | None) -> bytes:
        from hashlib import blake2b  # not before the first request

        return blake2b((key or "").encode(), key=self._salt, digest_size=16).digest()


class Attempt:
    """One try. As a context it tells the breaker, the limits and the counters how it went.

        with Attempt(guard, prompt_bytes) as attempt:
            if notice := await attempt.hindrance(): ...show it...; await attempt.wait()
            await attempt.begin()
            ...for each batch: attempt.saw(batch)...

    Without a guard it does nothing. A `repeated` try keeps to the retry's own wait and not to the rest
    that the breaker gives a provider after a 429.
    """

    def __init__(self, guard: Guard | None, prompt_bytes: int = 0, *, repeated: bool = False) -> None:
        self._guard = guard
        self._repeated = repeated
        self._tokens = prompt_bytes // _BYTES_PER_TOKEN
        self._place: Place | None = None
        self._turn: Turn | None = None
        self._visit: Visit | None = None
        self._began = 0.0
        self._answered = False
        self._written = 0  # characters
        self._usage: int | None = None

    def __enter__(self) -> Self:
        if self._guard is not None:
            self._guard.active += 1
        return self

    async def hindrance(self) -> Waiting | None:
        """Why and how long this try has to wait, if it has to. Raises CircuitOpen."""
        guard = self._guard
        if guard is None:
            return None
        await guard.check()
        limits = guard.limits
        self._turn = guard.at_once.line_up()
        if limits.requests or limits.tokens:
            self._place = limits.line_up(self._tokens)
        if not self._turn.begun.is_set():
            most = guard.at_once.most
            return Waiting(0, f"At most {most} at a time go to {guard.provider_id}, as you have set.")
        if self._place is not None and (wait_s := limits.wait_s(self._place)) > 0:
            return Waiting(wait_s, f"Your own limit for {guard.provider_id} is reached.")
        if (cooling_s := self._cooling_s(guard)) > 0:
            return Waiting(cooling_s, f"{guard.provider_id} asked for fewer requests.")
        return None

    async def wait(self) -> None:
        """Waits for this one's turn; what `hindrance` told may change meanwhile. Raises CircuitOpen."""
        guard = self._guard
        if guard is None:
            return
        began = guard.clock()
        guard.tries.waits += 1
        if self._turn is not None:
            await self._turn.begun.wait()
        if self._place is not None:
            await guard.limits.pass_through(self._place)
        if (cooling_s := self._cooling_s(guard)) > 0:
            await guard.sleep(cooling_s)
        guard.tries.waited_s += guard.clock() - began

    def _cooling_s(self, guard: Guard) -> float:
        """The rest to be kept. Raises CircuitOpen when it is too long to wait for."""
        cooling_s = 0.0 if self._repeated else guard.breaker.cooling_s
        if cooling_s > LONGEST_COOLING_WAIT_S:
            guard.tries.refused += 1
            raise CircuitOpen(
                f"{guard.provider_id} asked for a rest of another {in_words(cooling_s)}.",
                hint="Try again then, or switch the model.",
                retry_after_s=cooling_s,
            )
        return cooling_s

    async def begin(self) -> None:
        """The request goes out now. Raises CircuitOpen."""
        guard = self._guard
        if guard is None:
            return
        if self._place is not None and not self._place.gone:
            await guard.limits.pass_through(self._place)
        self._visit = guard.breaker.enter()
        self._began = guard.clock()
        guard.tries.requests += 1
        guard.tries.retries += self._repeated

    def saw(self, batch: list[ProviderEvent]) -> None:
        """A part of the answer arrived."""
        if self._visit is not None and not self._answered:
            self._answered = True
            self._visit.answered()
        if self._place is None:
            return
        for event in batch:
            if isinstance(event, TextDelta | ReasoningDelta):
                self._written += len(event.text)
            elif isinstance(event, AnswerEnd):
                parts = (event.usage.input_tokens, event.usage.output_tokens)
                if known := [part for part in parts if part is not None]:
                    self._usage = sum(known)

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        guard = self._guard
        if guard is None:
            return
        guard.active -= 1
        if self._turn is not None:
            guard.at_once.leave(self._turn)
        if self._place is not None:
            guard.limits.leave(self._place)
            estimate = self._tokens + self._written // _BYTES_PER_TOKEN if self._answered else 0
            self._place.settle(self._usage or estimate)
        if self._visit is None:
            return
        guard.tries.seconds += guard.clock() - self._began
        if error is None:
            self._visit.end()
        elif isinstance(error, MastraError):
            guard.tries.failures[error.code] += 1
            self._visit.end(error)
        else:
            guard.tries.abandoned += isinstance(error, asyncio.CancelledError | GeneratorExit)
            self._visit.end(abandoned=True)
