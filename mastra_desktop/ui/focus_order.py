"""Where F6 goes."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QWidget


def stop_after(stops: Sequence[QWidget], focused: QWidget | None, step: int) -> QWidget:
    """The stop that comes `step` after the one that has the keys, or holds what has them."""
    at = 0
    if focused is not None:
        holds = (i for i, stop in enumerate(stops) if stop is focused or stop.isAncestorOf(focused))
        at = next(holds, 0)
    return stops[(at + step) % len(stops)]
