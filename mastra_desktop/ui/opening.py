"""Files the application was asked to open, by its own start or a later one: they wait until it can."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


class Opening:
    """`offer` asks the person what to do with them."""

    def __init__(self, offer: Callable[[list[Path]], None]) -> None:
        self._offer = offer
        self._waiting: list[Path] = []
        self._ready = False

    def add(self, files: Sequence[str | Path]) -> None:
        self._waiting += [Path(file) for file in files]
        self._go_on()

    def ready(self, now: bool = True) -> None:
        """Whether the panes can be used."""
        self._ready = now
        self._go_on()

    def _go_on(self) -> None:
        if self._ready and self._waiting:
            files, self._waiting = list(dict.fromkeys(self._waiting)), []
            self._offer(files)
