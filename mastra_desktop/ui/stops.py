"""F6 and Shift+F6: from one part of the window to the next."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget


def move_focus(stops: Sequence[QWidget], focused: QWidget | None, step: int) -> None:
    """To the stop that is `step` after the one that has the focus, around the ends."""
    inside = (
        i for i, stop in enumerate(stops) if focused and (stop is focused or stop.isAncestorOf(focused))
    )
    stops[(next(inside, 0) + step) % len(stops)].setFocus(Qt.FocusReason.ShortcutFocusReason)
