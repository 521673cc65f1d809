"""Curves out of amounts: rates, percentiles, ratios and levels. Pure.

A stretch of time that nobody watched (the app was closed) has no value; one in which nothing happened has
0 requests, and no latency.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mastra_desktop.domain.telemetry import Amount, Point

PERCENTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_TIMES = {
    "latency": "duration",
    "first_token_local": "first_token.local",
    "first_token_provider": "first_token.provider",
    "search": "search",
}
_RATES = {  # (name, label, per seconds)
    "requests_per_s": ("requests", "", 1),
    "tokens_in_per_min": ("tokens", "input", 60),
    "tokens_out_per_min": ("tokens", "output", 60),
    "errors_per_min": ("errors", None, 60),
    "stalls_per_min": ("stalls", "", 60),
}
_LEVELS = {"memory": "memory", "running": "running", "loop_lag": "lag"}
_CACHE = ("cache.memory", "cache.redis")
FAMILIES = ("errors_per_min", "memory", "running")  # these exist by label too: `memory.model`

Slot = dict[tuple[str, str], tuple[float, float]]  # (name, label) -> (count, total)


def amount_names(curve: str) -> tuple[str, ...]:
    """The names of the amounts that a curve is made of. Raises KeyError for a curve that does not exist."""
    if curve == "cache_hit_ratio":
        return ("up", *_CACHE)
    family, _, part = curve.rpartition("_") if curve.rpartition("_")[2] in PERCENTILES else (curve, "", "")
    if part:
        return ("up", _TIMES[family])
    if curve in _TIMES:
        return ("up", _TIMES[curve])
    head = curve.partition(".")[0]
    if head in _RATES:
        return ("up", _RATES[head][0])
    return ("up", _LEVELS[head])


def expanded(names: Iterable[str], slots: Mapping[int, Slot]) -> list[str]:
    """`memory.*` becomes a name for each label there is."""
    found: list[str] = []
    for name in names:
        head, star, _ = name.partition(".*")
        if not star:
            found.append(name)
            continue
        amount = amount_names(head)[1]
        labels = {label for slot in slots.values() for kept, label in slot if kept == amount}
        found += [f"{head}.{label}" for label in sorted(labels)]
    return found


def gathered(amounts: Iterable[Amount], step: int) -> dict[int, Slot]:
    """Amounts added up by stretches of `step` seconds."""
    slots: dict[int, Slot] = {}
    for amount in amounts:
        slot = slots.setdefault(int(amount.at // step * step), {})
        key = (amount.name, amount.label)
        count, total = slot.get(key, (0.0, 0.0))
        slot[key] = (count + amount.count, total + amount.total)
    return slots


def curve(name: str, slots: Mapping[int, Slot], since: int, until: float, step: int) -> list[Point]:
    """The points of one curve; `since` is a multiple of `step`."""
    return [Point(at, value(name, slots.get(at))) for at in range(since, int(until) + 1, step)]


def value(name: str, slot: Slot | None) -> float | None:
    """A curve's value over one stretch. Seconds, bytes, shares from 0 to 1, or per second or minute."""
    if not slot:
        return None
    if name == "cache_hit_ratio":
        return _hit_ratio(slot)
    head, _, label = name.partition(".")
    if head in _RATES:
        amount, own, per_s = _RATES[head]
        watched = slot.get(("up", ""), (0.0, 0.0))[1]
        if watched <= 0:
            return None
        wanted = label or own
        total = sum(t for (kept, found), (_, t) in slot.items() if kept == amount and wanted in (None, found))
        if head == "stalls_per_min":
            total = slot.get(("stalls", ""), (0.0, 0.0))[0]
        return total / watched * per_s
    if head in _LEVELS:
        found = [
            total / count
            for (kept, own), (count, total) in slot.items()
            if kept == _LEVELS[head] and count and label in ("", own)
        ]
        return sum(found) if found else None
    family, _, part = name.rpartition("_")
    if part in PERCENTILES:
        return percentile(slot, _TIMES[family], PERCENTILES[part])
    return percentile(slot, _TIMES[name], 0.5)


def percentile(slot: Slot, amount: str, share: float) -> float | None:
    """Seconds that `share` of the values are not above: the nearest rank. Labels are milliseconds."""
    values = sorted((float(label), count) for (kept, label), (count, _) in slot.items() if kept == amount)
    rank = share * sum(count for _, count in values)
    for milliseconds, count in values:
        rank -= count
        if rank <= 1e-9:
            return milliseconds / 1000
    return None


def _hit_ratio(slot: Slot) -> float | None:
    """What the second level had counts as found, though memory missed it."""

    def amount(level: str, result: str) -> float:
        return slot.get((f"cache.{level}", result), (0.0, 0.0))[1]

    asked = amount("memory", "hit") + amount("memory", "miss")
    return (amount("memory", "hit") + amount("redis", "hit")) / asked if asked else None
