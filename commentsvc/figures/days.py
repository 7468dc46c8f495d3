"""A site's days, which begin at its own midnight, and the periods made of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from commentsvc.errors import Invalid

UTC = "UTC"
DAYS = (1, 7, 30, 90)  # offered as such; 1 is today
USUAL = 7
MOST_DAYS = 366  # a leap year; what is longer is asked for in parts


@cache
def zone_of(name: str) -> ZoneInfo:
    """The time zone of that name; UTC for one that this machine does not know (any more)."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(UTC)


@cache
def zone_names() -> tuple[str, ...]:
    """Those a site may choose: places and UTC, without the aliases of the last century."""
    return tuple(sorted(name for name in available_timezones() if name == UTC or ("/" in name and not name.startswith("Etc/"))))


def check_zone(name: str) -> str:
    """The name itself; Invalid where there is no such zone."""
    if name not in zone_names():
        raise Invalid("Choose a time zone such as Europe/London.", field="timezone")
    return name


def day_of(moment: dt.datetime, zone: ZoneInfo) -> str:
    """The day a moment falls on there."""
    return moment.astimezone(zone).date().isoformat()


def bounds(day: str, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
    """From its midnight to the next, in UTC: 23 to 25 hours."""
    first = dt.date.fromisoformat(day)
    return _midnight(first, zone), _midnight(first + dt.timedelta(days=1), zone)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)


@dataclass(frozen=True)
class Period:
    """From one day to another, both included; `days` is what was asked for by number, where it was."""

    first: dt.date
    last: dt.date
    days: int | None = None

    def __len__(self) -> int:
        return (self.last - self.first).days + 1

    def __iter__(self) -> Iterator[str]:
        return ((self.first + dt.timedelta(days=n)).isoformat() for n in range(len(self)))

    def moments(self, zone: ZoneInfo) -> tuple[dt.datetime, dt.datetime]:
        """Its begin and its end, in UTC."""
        return _midnight(self.first, zone), _midnight(self.last + dt.timedelta(days=1), zone)

    @property
    def query(self) -> dict[str, str | int]:
        """The same, as the parameters of an address."""
        if self.days is not None:
            return {"days": self.days}
        return {"from": self.first.isoformat(), "to": self.last.isoformat()}


def last_days(number: int, today: dt.date) -> Period:
    """The last so many days, today the last of them."""
    return Period(today - dt.timedelta(days=number - 1), today, number)


def read_period(asked: Mapping[str, str], today: dt.date, usual: int = USUAL) -> Period:
    """The period that `days`, or `from` and `to`, name; Invalid with the field that is wrong.

    An end that is left out, or lies ahead, is today; a begin that is left out is the usual number of days earlier.
    """
    if asked.get("from") or asked.get("to"):
        last = min(_date(asked.get("to"), "to") or today, today)
        first = _date(asked.get("from"), "from") or _back(last, usual - 1)
        if first > last:
            raise Invalid("This day comes after the last one.", field="from")
        if (last - first).days >= MOST_DAYS:
            raise Invalid("Choose at most %(most)s days.", field="from", values={"most": MOST_DAYS})
        return Period(first, last)
    given = asked.get("days")
    if not given:
        return last_days(usual, today)
    if not (given.isascii() and given.isdecimal() and len(given) < 5) or not 1 <= int(given) <= MOST_DAYS:
        raise Invalid(f"days must be between 1 and {MOST_DAYS}.", field="days")
    return last_days(int(given), today)


def _back(day: dt.date, days: int) -> dt.date:
    return max(day, dt.date.min + dt.timedelta(days=days)) - dt.timedelta(days=days)


def _date(text: str | None, field: str) -> dt.date | None:
    if not text:
        return None
    try:
        day = dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day of the site, not a moment
    except ValueError:
        raise Invalid("Write a day as 2026-01-31.", field=field) from None
    if day.year < 1970:
        raise Invalid("There were no comments then.", field=field)
    return day
