"""When a mail is due: a little later for what comes at once, in the site's morning for a digest. Pure."""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from commentsvc.accounts.wishes import How
from commentsvc.figures.days import zone_of

# Three answers within ten minutes are one mail; and who is still reading sees them in the widget, and gets none.
BUNDLE = dt.timedelta(minutes=10)
HOUR = 7  # in the site's own time: before the day's first coffee
MONDAY = 0


def mail_time(how: How, now: dt.datetime, zone: str) -> dt.datetime | None:
    """When a mail about something that happens now is due; None: never."""
    if how == How.NEVER:
        return None
    if how == How.AT_ONCE:
        return now + BUNDLE
    return next_morning(now, zone_of(zone), monday=how == How.WEEKLY)


def next_morning(now: dt.datetime, zone: ZoneInfo, *, monday: bool = False) -> dt.datetime:
    """The next HOUR o'clock there, or the next Monday's, in UTC; always later than now."""
    here = now.astimezone(zone)
    day = here.date()
    if monday:
        day += dt.timedelta(days=(MONDAY - day.weekday()) % 7)
    found = dt.datetime.combine(day, dt.time(HOUR), tzinfo=zone)
    if found <= here:
        found = dt.datetime.combine(day + dt.timedelta(days=7 if monday else 1), dt.time(HOUR), tzinfo=zone)
    return found.astimezone(dt.UTC)
