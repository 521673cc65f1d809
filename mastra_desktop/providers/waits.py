"""Waits, in words."""

from __future__ import annotations

import math


def in_words(seconds: float) -> str:
    """45 s, 3 min, 2 h, 5 days: rounded up, so that trying again then is not too early."""
    for unit, size in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds <= 90 * size or (unit == "h" and seconds < 48 * size):
            return f"{math.ceil(seconds / size)} {unit}"
    return f"{math.ceil(seconds / 86400)} days"
