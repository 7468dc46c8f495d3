"""Keeping the daily figures: the days that anything touched are counted anew, by one worker at a time.

Nothing that posts or decides writes a figure. A worker looks once a minute at what came since it last looked, finds
the days that it concerns, and replaces their rows; doing so twice changes nothing. A row's id may be older than its
commit, so what came within the last SETTLED is looked at again the next time.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import structlog
from sqlalchemy import Connection, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError

from commentsvc.comments.models import Comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.figures.daily import count_day
from commentsvc.figures.days import day_of, zone_of
from commentsvc.figures.models import DailyFigures, FiguresProgress
from commentsvc.figures.reading import reading, stream
from commentsvc.moderation.models import Decision, Flag, Screening
from commentsvc.sites.models import Site

log = structlog.get_logger()

SETTLED = dt.timedelta(minutes=5)  # no transaction of ours is open for as long
LEASE = dt.timedelta(minutes=10)  # longer than any one day takes to count
# Pauses are this many times longer than the counting took: on the busiest days, a twentieth of a processor.
PAUSE_FACTOR = 20
LONGEST_PAUSE = dt.timedelta(minutes=30)
CHUNK = 5000  # ids looked at in one statement

Days = set[tuple[int, str]]
"""(site, day)"""

_accepted = func.coalesce(Comment.accepted_at, Comment.created_at)
# What is watched: its ids, the comment each is about, and when it came in.
WATCHED: dict[str, tuple[Any, Any, Any]] = {
    "comments": (Comment.id, Comment.id, _accepted),
    "decisions": (Decision.id, Decision.comment_id, Decision.created_at),
    "flags": (Flag.id, Flag.comment_id, Flag.created_at),
    "screenings": (Screening.id, Screening.comment_id, Screening.created_at),
}


def keep_figures(*, now: Callable[[], dt.datetime] = utcnow) -> int:
    """Count the days that changed since the last time; how many. 0 while another worker does. Commits."""
    owner = _take(now())
    if owner is None:
        return 0
    began = time.monotonic()
    counted = 0
    settled: dict[str, int] | None = None
    try:
        with reading() as connection:
            settled, days = _changed(connection, now() - SETTLED)
        for site_id, day in sorted(days, key=lambda one: one[1], reverse=True):  # the latest are looked at most
            if not _count(site_id, day, owner, now):
                return counted
            counted += 1
    except BaseException:
        db.session.rollback()
        settled = None  # nothing is forgotten: the same rows are looked at again
        raise
    finally:
        took = dt.timedelta(seconds=time.monotonic() - began)
        _give_back(owner, settled, min(took * PAUSE_FACTOR, LONGEST_PAUSE), now())
    return counted


def recount(site: Site, *, after_each: Callable[[], None] | None = None) -> int:
    """Count all of a site's days anew, and forget those on which nothing happened; how many there are. Commits."""
    site_id, zone = site.id, site.timezone
    with reading() as connection:
        days = {day for _, day in _days_of(connection, Comment.site_id == site_id, {site_id: zone})}
    for day in sorted(days, reverse=True):
        _replace(site_id, day)
        if after_each is not None:
            after_each()
    db.session.execute(delete(DailyFigures).where(DailyFigures.site_id == site_id, DailyFigures.day.not_in(days)))
    db.session.commit()
    return len(days)


def counted_at() -> dt.datetime | None:
    """Up to when the figures say what happened; None before they were ever counted."""
    return db.session.scalar(select(FiguresProgress.counted_at).where(FiguresProgress.id == 1))


# Who is at it


def _take(now: dt.datetime) -> str | None:
    """Become the one who counts, unless somebody is or a pause is due."""
    owner = secrets.token_hex(16)
    taken = update(FiguresProgress).where(FiguresProgress.id == 1, FiguresProgress.not_before <= now)
    changed: Any = db.session.execute(taken.values(owner=owner, not_before=now + LEASE))
    if changed.rowcount == 0 and db.session.get(FiguresProgress, 1) is None:
        db.session.add(FiguresProgress(
            id=1, comments=0, decisions=0, flags=0, screenings=0, owner=owner, not_before=now + LEASE
        ))
        try:
            db.session.commit()
        except IntegrityError:  # another worker was first
            db.session.rollback()
            return None
        return owner
    db.session.commit()
    return owner if changed.rowcount else None


def _give_back(owner: str, settled: dict[str, int] | None, pause: dt.timedelta, now: dt.datetime) -> None:
    values: dict[str, Any] = {"owner": None, "not_before": now + pause}
    if settled is not None:
        values |= settled | {"counted_at": now}
    db.session.execute(update(FiguresProgress).where(FiguresProgress.id == 1, FiguresProgress.owner == owner).values(values))
    db.session.commit()


# What has to be counted


def _changed(connection: Connection, settled_at: dt.datetime) -> tuple[dict[str, int], Days]:
    """Up to which ids everything is committed, and the days that what is new concerns."""
    row = connection.execute(select(*(FiguresProgress.__table__.c[name] for name in WATCHED))).one()
    zones = {row.id: row.timezone for row in connection.execute(select(Site.id, Site.timezone))}
    settled: dict[str, int] = {}
    days: Days = set()
    for name, (key, comment_id, came) in WATCHED.items():
        since = getattr(row, name)
        last = connection.scalar(select(func.max(key))) or 0
        settled[name] = since
        if last <= since:
            continue
        unsettled = connection.scalar(
            select(func.min(key)).where(key > since, came >= settled_at)
        )
        settled[name] = last if unsettled is None else max(since, unsettled - 1)
        for begin in range(since, last, CHUNK):
            touched = select(comment_id).where(key > begin, key <= begin + CHUNK)
            days |= _days_of(connection, Comment.id.in_(touched), zones)
    return settled, days | _moved(connection, zones)


def _days_of(connection: Connection, which: Any, zones: dict[int, str]) -> Days:
    """Every day on which something is counted of these comments."""
    of_comments = select(Comment.id).where(which)
    queries = (
        select(Comment.site_id, Comment.created_at).where(which),
        select(Decision.site_id, Decision.created_at).where(Decision.comment_id.in_(of_comments)),
        select(Flag.site_id, Flag.created_at).where(Flag.comment_id.in_(of_comments)),
    )
    return {
        (site_id, day_of(moment, zone_of(zones[site_id])))
        for query in queries
        for site_id, moment in stream(connection, query)
        if site_id in zones
    }


def _moved(connection: Connection, zones: dict[int, str]) -> Days:
    """All days of the sites whose time zone is another one now, those that were counted included."""
    days: Days = set()
    for site_id, zone in zones.items():
        stale = connection.scalars(
            select(DailyFigures.day).where(DailyFigures.site_id == site_id, DailyFigures.zone != zone)
        ).all()
        if stale:
            days |= {(site_id, day) for day in stale} | _days_of(connection, Comment.site_id == site_id, {site_id: zone})
    return days


# Counting


def _count(site_id: int, day: str, owner: str, now: Callable[[], dt.datetime]) -> bool:
    """Count a day and keep it, for as long as nobody else has taken over."""
    kept = update(FiguresProgress).where(FiguresProgress.id == 1, FiguresProgress.owner == owner)

    def mine() -> bool:
        held: Any = db.session.execute(kept.values(not_before=now() + LEASE))
        return bool(held.rowcount)

    return _replace(site_id, day, mine)


def _replace(site_id: int, day: str, may: Callable[[], bool] = lambda: True) -> bool:
    """Read without a lock, then write in a transaction of a few milliseconds."""
    with reading() as connection:
        name = connection.scalar(select(Site.timezone).where(Site.id == site_id))
        data = count_day(connection, site_id, day, zone_of(name)) if name is not None else None
    if not may():
        db.session.rollback()
        return False
    if data is None or name is None:
        db.session.execute(delete(DailyFigures).where(DailyFigures.site_id == site_id, DailyFigures.day == day))
    else:
        _store(site_id, day, name, data)
    db.session.commit()
    return True


def _store(site_id: int, day: str, zone: str, data: dict[str, Any]) -> None:
    insert: Any = sqlite.insert if db.engine.dialect.name == "sqlite" else postgresql.insert
    values = {
        "site_id": site_id, "day": day, "zone": zone, "last_left": data["last_left"],
        "data": {name: value for name, value in data.items() if name != "last_left"}, "counted_at": utcnow(),
    }
    changes = {name: value for name, value in values.items() if name not in ("site_id", "day")}
    db.session.execute(insert(DailyFigures).values(values).on_conflict_do_update(index_elements=["site_id", "day"], set_=changes))


def days_kept(site: Site) -> Iterable[DailyFigures]:
    """All of a site's rows, for comparisons."""
    found: Iterator[DailyFigures] = iter(db.session.scalars(select(DailyFigures).where(DailyFigures.site_id == site.id).order_by(DailyFigures.day)))
    return found
