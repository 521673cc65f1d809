"""Whether memory grows with what is done: a line through what a process used after so many operations.

    bytes = a + b * operations

`b` is what an operation leaves behind. A leak is where even the lower bound of `b` is over 200 bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEAK_BYTES = 200.0
LEAST_OPERATIONS = 500
LEAST_SAMPLES = 12
CERTAINTY = 2.6  # standard errors below the slope: one leak in two hundred is a false alarm


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process used, with nothing under way."""

    operations: int
    live_bytes: int


@dataclass(frozen=True, slots=True)
class Growth:
    """Bytes an operation leaves behind: the estimate, and what it is at least."""

    operations: int
    per_operation: float
    at_least: float

    @property
    def enough(self) -> bool:
        """Whether it is over as many operations as a verdict needs."""
        return self.operations >= LEAST_OPERATIONS

    @property
    def leaks(self) -> bool:
        return self.at_least > LEAK_BYTES


def growth(samples: Sequence[Sample]) -> Growth | None:
    """None for fewer samples than a line can be drawn through."""
    if len(samples) < LEAST_SAMPLES:
        return None
    done = np.array([s.operations for s in samples], dtype=float)
    used = np.array([s.live_bytes for s in samples], dtype=float)
    slope, error = _fit(done - done.mean(), used - used.mean())
    return Growth(int(done[-1] - done[0]), slope, slope - CERTAINTY * error)


def _fit(done: Floats, used: Floats) -> tuple[float, float]:
    """(slope, its standard error) by least squares.

    Neighbouring samples err alike (a buffer grew, and stays), which makes the usual error too small: it is
    widened by what one residual says of the next (first-order autocorrelation).
    """
    spread = float(done @ done)
    if not spread:
        return 0.0, 0.0
    slope = float(done @ used) / spread
    left = used - slope * done
    noise = float(left @ left)
    alike = float(left[1:] @ left[:-1]) / noise if noise else 0.0
    alike = min(max(alike, 0.0), 0.95)
    variance = noise / (len(used) - 2) * (1 + alike) / (1 - alike)
    return slope, (variance / spread) ** 0.5
