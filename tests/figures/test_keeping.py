"""Who counts, when, and what is left to count."""

from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask
from sqlalchemy import select, update

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.figures import keeping
from commentsvc.figures.daily import count_day
from commentsvc.figures.dashboard import figures_of, today_of
from commentsvc.figures.days import Period, bounds, last_days, read_period, zone_of
from commentsvc.figures.keeping import days_kept, keep_figures, recount
from commentsvc.figures.models import DailyFigures, FiguresProgress
from commentsvc.moderation.decide import approve
from commentsvc.sites.models import Site
from tests.conftest import Statements
from tests.factories import fresh, make_article, make_comment, make_site, make_user

HOUR = dt.timedelta(hours=1)


def later(hours: int) -> dt.datetime:
    return utcnow() + hours * HOUR


def kept(site: Site) -> dict[str, object]:
    found: dict[str, object] = {row.day: row.data for row in days_kept(site)}
    db.session.rollback()
    return found


def test_only_days_that_changed_are_counted_anew(app: Flask) -> None:
    site = make_site()
    article = make_article(site)
    week_ago = utcnow() - dt.timedelta(days=7)
    make_comment(article, created_at=week_ago)
    old = make_comment(fresh(article), status=Status.HELD)
    assert keep_figures(now=lambda: later(1)) == 2  # the comment's day, and that of the decisions
    assert keep_figures(now=lambda: later(2)) == 0
    approve(old, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), seen=old.version)
    db.session.commit()
    assert keep_figures(now=lambda: later(3)) == 1


def test_what_came_within_minutes_is_looked_at_again(app: Flask) -> None:
    """Its neighbours in the table may not be committed yet."""
    site = make_site()
    make_comment(make_article(site))
    assert keep_figures() == 1
    db.session.execute(update(FiguresProgress).values(not_before=utcnow()))
    db.session.commit()
    assert keep_figures() == 1
    assert keep_figures(now=lambda: later(1)) == 1
    assert keep_figures(now=lambda: later(2)) == 0


def test_two_workers_do_not_count_at_once_and_one_that_died_is_succeeded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    make_comment(make_article(site))
    monkeypatch.setattr(keeping, "_give_back", lambda *_: None)  # as if it were killed
    assert keep_figures() == 1
    monkeypatch.undo()
    assert keep_figures() == 0
    assert keep_figures(now=lambda: utcnow() + keeping.LEASE) == 1


def test_one_that_was_overtaken_writes_nothing_more(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    make_comment(make_article(site))

    def slow(*given: object) -> object:
        found = count_day(*given)  # type: ignore[arg-type]
        db.session.rollback()
        db.session.execute(update(FiguresProgress).values(owner="another"))
        db.session.commit()
        return found

    monkeypatch.setattr(keeping, "count_day", slow)
    assert keep_figures() == 0
    assert kept(site) == {}
    assert db.session.scalar(select(FiguresProgress.counted_at)) is None


def test_a_failure_forgets_nothing(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    site = make_site()
    make_comment(make_article(site))

    def broken(*_given: object) -> None:
        raise RuntimeError("the disk is full")

    monkeypatch.setattr(keeping, "count_day", broken)
    with pytest.raises(RuntimeError, match="disk"):
        keep_figures()
    monkeypatch.undo()
    assert keep_figures(now=lambda: later(1)) == 1


def test_a_recount_also_finds_what_was_changed_by_hand(app: Flask) -> None:
    site = make_site()
    comment = make_comment(make_article(site))
    keep_figures()
    db.session.add(DailyFigures(site_id=site.id, day="2020-01-01", zone="UTC", last_left="2020-01-01", data={}))
    comment.created_at = utcnow() - dt.timedelta(days=3)
    db.session.commit()
    assert recount(site) == 2
    days = sorted(kept(site))
    assert days[0] == (utcnow() - dt.timedelta(days=3)).date().isoformat()
    assert "2020-01-01" not in days


def test_another_time_zone_counts_all_of_a_sites_days_anew(app: Flask) -> None:
    site = make_site()
    moment = dt.datetime(2026, 3, 1, 23, 30, tzinfo=dt.UTC)
    make_comment(make_article(site), created_at=moment)
    keep_figures()
    site.timezone = "Asia/Tokyo"
    db.session.commit()
    assert figures_of(site, Period(dt.date(2026, 3, 1), dt.date(2026, 3, 1))).recounting
    keep_figures(now=lambda: later(1))
    figures = figures_of(site, Period(dt.date(2026, 3, 1), dt.date(2026, 3, 2)))
    assert not figures.recounting
    assert figures.volume.column("posted") == [0, 1]
    assert figures.hours.column("posted")[8] == 1


def test_a_day_has_the_hours_it_has_there() -> None:
    berlin = zone_of("Europe/Berlin")
    lengths = [bounds(day, berlin) for day in ("2026-03-28", "2026-03-29", "2026-10-25")]
    assert [(end - begin) / HOUR for begin, end in lengths] == [24, 23, 25]
    assert zone_of("Not/AZone").key == "UTC"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ({}, "2026-03-04", "2026-03-10"), ({"days": "1"}, "2026-03-10", "2026-03-10"), ({"from": "2026-02-01"}, "2026-02-01", "2026-03-10"),
        ({"from": "2026-02-01", "to": "2026-02-02"}, "2026-02-01", "2026-02-02"), ({"to": "2026-02-10"}, "2026-02-04", "2026-02-10"),
        ({"from": "2026-03-01", "to": "2099-01-01"}, "2026-03-01", "2026-03-10"),
    ],
)
def test_periods(asked: dict[str, str], first: str, last: str) -> None:
    period = read_period(asked, dt.date(2026, 3, 10))
    assert (period.first.isoformat(), period.last.isoformat()) == (first, last)
    assert len(period) == len(list(period))


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"days": "0"}, "days"), ({"days": "367"}, "days"), ({"days": "x"}, "days"), ({"days": "９"}, "days"), ({"from": "2026-13-01"}, "from"),
        ({"to": "0001-01-01"}, "to"), ({"from": "2024-01-01", "to": "2026-01-01"}, "from"), ({"from": "2026-02-02", "to": "2026-02-01"}, "from"),
        ({"from": "2026-03-11"}, "from"),
    ],
)
def test_periods_that_are_none(asked: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_period(asked, dt.date(2026, 3, 10))
    assert refused.value.field == field


def test_a_dashboard_takes_the_same_statements_however_much_was_said(app: Flask, statements: Statements) -> None:
    site = make_site()
    article = make_article(site)
    counts: list[int] = []
    for _ in range(2):
        for _ in range(3):
            comment = make_comment(fresh(article), status=Status.HELD, created_at=utcnow() - dt.timedelta(days=len(counts) * 20))
            approve(comment, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), seen=comment.version)
            db.session.commit()
        recount(site)
        statements.clear()
        figures = figures_of(site, last_days(90, today_of(site)))
        assert all(table.columns for table in figures.tables.values())
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert counts[0] <= 7
    assert figures.posted == db.session.query(Comment).count()
