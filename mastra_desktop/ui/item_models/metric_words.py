"""Figures of the Metrics pane in words: times, sizes, moments."""

from __future__ import annotations

import math

from PySide6.QtCore import QDateTime, QLocale


def milliseconds(value: float) -> str:
    """12 ms, 1.86 s, 2 min 5 s."""
    if value < 999.5:
        return f"{value:.0f} ms"
    if value < 99_950:
        return f"{value / 1000:.2f} s" if value < 9_995 else f"{value / 1000:.1f} s"
    minutes, seconds = divmod(round(value / 1000), 60)
    return f"{minutes:,} min {seconds} s"


def seconds(value: float) -> str:
    return milliseconds(value * 1000)


def short_seconds(value: float) -> str:
    """For an axis: 0, 500 ms, 2 s."""
    if not value:
        return "0"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:g} s"


def count(value: float) -> str:
    """1,234 and 12.3k, 4.5M."""
    for limit, divisor, mark in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if abs(value) >= limit:
            shown = value / divisor
            return f"{shown:.1f}{mark}" if shown < 100 else f"{shown:,.0f}{mark}"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 100 else f"{value:.2g}"


def axis_count(value: float) -> str:
    """For an axis: 10k, 0.5."""
    if abs(value) >= 1000:
        return f"{value / 1000:g}k" if abs(value) < 1e6 else f"{value / 1e6:g}M"
    return f"{value:g}"


def size(value: float) -> str:
    """820 MB, 5.1 GB."""
    if value >= 1024**3:
        return f"{value / 1024**3:.1f} GB"
    return f"{value / 1024**2:,.0f} MB"


def axis_size(value: float) -> str:
    if not value:
        return "0"
    return f"{value / 1024**3:g} GB" if value >= 1024**3 else f"{value / 1024**2:g} MB"


def share(value: float) -> str:
    """0 to 1 as a percentage."""
    return f"{value * 100:.0f} %"


def clock(at: float, *, whole: bool = False) -> str:
    """The time of day in this place."""
    return QDateTime.fromSecsSinceEpoch(int(at)).toString("HH:mm:ss" if whole else "HH:mm")


def day(at: float) -> str:
    """18 Nov, in the language of this place."""
    return QLocale().toString(QDateTime.fromSecsSinceEpoch(int(at)).date(), "d MMM")


def moment(at: float, range_s: int, now: str) -> str:
    """A moment as a chart over `range_s` seconds needs it; `now` is the word for the end of time."""
    if math.isinf(at):
        return now
    if range_s <= 3600:
        return clock(at)
    return clock(at) if range_s <= 86_400 else day(at) if range_s > 7 * 86_400 else f"{day(at)} {clock(at)}"
