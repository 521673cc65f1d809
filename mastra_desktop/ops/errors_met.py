"""Counts each error that a person or a client meets, once, by its code.

Errors come out at few places: at the end of an answer, at the window's seam, in the HTTP API, at the end of a
command, and on the bus, for what the app does by itself. Each of these tells it here. One that passes two
of them, such as an answer's failure on its way through the API, carries a mark.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mastra_desktop.domain.errors import CODES, ReplyCancelled, describe
from mastra_desktop.ops.logging import get_logger

POLLED_S = 5.0
MOST_LATELY = 100
_MARK = "_met"

log = get_logger(__name__)


class ErrorsMet:
    """`count` is given the code. Belongs to the core's loop."""

    def __init__(self, count: Callable[[str], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._count = count
        self._clock = clock
        self._lately: dict[tuple[str, str], float] = {}

    def met(self, error: BaseException, *, polled: bool = False) -> None:
        """It is told to whoever asked. `polled`: who asks may ask again and again by itself, and the same
        within seconds is then the same error."""
        if isinstance(error, ReplyCancelled) or getattr(error, _MARK, False):
            return
        self.mark(error)
        info = describe(error)
        if polled and self._is_repeated(info.code, info.message):
            return
        log.info("error met", code=info.code, message=info.message)
        self.told(info.code)

    def mark(self, error: BaseException) -> None:
        """It is counted already, or will be, as that of an answer."""
        error.__dict__[_MARK] = True

    def told(self, code: str) -> None:
        """An error of this code was told, without an exception that carries it."""
        self._count(code if code in CODES else "bug")

    def _is_repeated(self, code: str, message: str) -> bool:
        now, which = self._clock(), (code, message)
        before = self._lately.pop(which, -POLLED_S)
        self._lately[which] = now  # at the end: the first is the one that was not met for longest
        if len(self._lately) > MOST_LATELY:
            del self._lately[next(iter(self._lately))]
        return now - before < POLLED_S
