"""Spans of time and shares in few words."""

from __future__ import annotations

from commentsvc.i18n import N_, gettext, number

MINUTE, HOUR, DAY = 60, 3600, 86400


def short_time(seconds: float | None) -> str:
    """“34 s”, “12 min”, “3.5 h”, “2.1 d”; a dash where there is none."""
    if seconds is None:
        return "–"
    for size, unit in ((DAY, N_("%(number)s d")), (HOUR, N_("%(number)s h")), (MINUTE, N_("%(number)s min"))):
        if seconds >= size:
            value = seconds / size
            return gettext(unit, number=number(round(value, 1 if value < 10 and size != MINUTE else None)))
    return gettext("%(number)s s", number=number(round(seconds)))


def percent(share: float | None) -> str:
    """“7 %”, “0.4 %”; a dash of nothing."""
    if share is None:
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return gettext("under 0.1 %%")
    return f"{number(round(value, 1 if 0 < value < 1 or 99 < value < 100 else None))} %"
