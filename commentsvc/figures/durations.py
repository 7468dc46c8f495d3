"""Spans of time and shares in few words."""

from __future__ import annotations

from commentsvc.i18n import N_, gettext

MINUTE, HOUR, DAY = 60, 3600, 86400


def short_time(seconds: float | None) -> str:
    """“34 s”, “12 min”, “3.5 h”, “2.1 d”; a dash where there is none."""
    if seconds is None:
        return "–"
    for size, unit in ((DAY, N_("%(number)s d")), (HOUR, N_("%(number)s h")), (MINUTE, N_("%(number)s min"))):
        if seconds >= size:
            value = seconds / size
            number = f"{value:.1f}".removesuffix(".0") if value < 10 and size != MINUTE else f"{value:,.0f}"
            return gettext(unit, number=number)
    return gettext("%(number)s s", number=f"{seconds:.0f}")


def percent(share: float | None) -> str:
    """“7 %”, “0.4 %”; a dash of nothing."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return gettext("under 0.1 %%")
    return f"{value:.1f} %" if 0 < value < 1 or 99 < value < 100 else f"{value:.0f} %"
