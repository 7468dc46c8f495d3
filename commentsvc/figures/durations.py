"""Spans of time and shares in few words."""

from __future__ import annotations

MINUTE, HOUR, DAY = 60, 3600, 86400


def short_time(seconds: float | None) -> str:
    """“34 s”, “12 min”, “3.5 h”, “2.1 d”; a dash where there is none."""
    if seconds is None:
        return "–"
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size:
            value = seconds / size
            return f"{value:.1f} {unit}".replace(".0 ", " ") if value < 10 and unit != "min" else f"{value:,.0f} {unit}"
    return f"{seconds:.0f} s"


def percent(share: float | None) -> str:
    """“7 %”, “0.4 %”; a dash of nothing."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return "under 0.1 %"
    return f"{value:.1f} %" if 0 < value < 1 or 99 < value < 100 else f"{value:.0f} %"
