"""What charts compute before they paint: rings of points, round tick values, one point per two pixels."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

RING = 2400  # 90 days by the hour, and some
Sample = tuple[float, float | None]  # (seconds since 1970, value; None where nothing is known)


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a chart. `color` is a token; `area` is filled below at 10 %, `dashed` is told apart."""

    id: str
    title: str
    color: str
    dashed: bool = False
    area: bool = False


class Ring:
    """The newest points of one curve, in order of time; the oldest go when it is full."""

    def __init__(self, capacity: int = RING) -> None:
        self._points: deque[Sample] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self._points)

    def __iter__(self) -> Iterator[Sample]:
        return iter(self._points)

    def replace(self, points: Iterable[Sample]) -> bool:
        """Holds these and no others. Whether that changed anything."""
        new = deque(points, maxlen=self._points.maxlen)
        if new == self._points:
            return False
        self._points = new
        return True

    def add(self, at: float, value: float | None) -> None:
        """A point after the others; one of the same moment takes the place of the last."""
        if self._points and self._points[-1][0] >= at:
            self._points.pop()
        self._points.append((at, value))

    @property
    def known(self) -> bool:
        """Whether any point has a value."""
        return any(value is not None for _, value in self._points)


def ticks(top: float) -> list[float]:
    """Three or four round values from 0 to at least `top`."""
    if not math.isfinite(top) or top <= 0:
        return [0.0, 0.5, 1.0]
    power = 10.0 ** math.floor(math.log10(top))
    for step in (0.1, 0.2, 0.25, 0.5, 1.0, 2.0, 2.5, 5.0):
        count = math.ceil(top / (step * power) - 1e-9)
        if count <= 3:
            count = max(2, count)
            return [n * step * power for n in range(count + 1)]
    return [0.0, 5.0 * power, 10.0 * power]


def byte_ticks(top: float) -> list[float]:
    """As `ticks`, round in MB or GB as 1024 counts them."""
    unit = 1024.0 ** max(0, math.floor(math.log(max(top, 1.0), 1024)))
    return [value * unit for value in ticks(top / unit)]


def thin(points: Sequence[tuple[float, float]], step: float = 2.0) -> list[tuple[float, float]]:
    """Of the (x, y) that share `step` pixels only the lowest and the highest, in their order."""
    if len(points) < 3:
        return list(points)
    found: list[tuple[float, float]] = []
    low = high = points[0]
    column = int(points[0][0] / step)
    for point in points:
        here = int(point[0] / step)
        if here != column:
            found.extend(_pair(low, high))
            low = high = point
            column = here
        elif point[1] < low[1]:
            low = point
        elif point[1] > high[1]:
            high = point
    found.extend(_pair(low, high))
    return found


def _pair(low: tuple[float, float], high: tuple[float, float]) -> list[tuple[float, float]]:
    if low == high:
        return [low]
    return [low, high] if low[0] <= high[0] else [high, low]


def pieces(points: Iterable[Sample]) -> list[list[tuple[float, float]]]:
    """Stretches without gaps: a curve is not drawn where nothing is known."""
    found: list[list[tuple[float, float]]] = [[]]
    for at, value in points:
        if value is None:
            if found[-1]:
                found.append([])
        else:
            found[-1].append((at, value))
    return [piece for piece in found if piece]


def nearest(moments: Sequence[float], at: float) -> int:
    """Where in the ordered `moments` the one closest to `at` stands; -1 when there is none."""
    if not moments:
        return -1
    return min(range(len(moments)), key=lambda i: abs(moments[i] - at))
