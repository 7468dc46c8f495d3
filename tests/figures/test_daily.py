"""The figures of a day are what a recount from its raw rows says, whatever was done and in whatever order."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError
from commentsvc.extensions import db
from commentsvc.figures.dashboard import Figures, figures_of
from commentsvc.figures.days import Period, bounds, zone_of
from commentsvc.figures.keeping import days_kept, keep_figures, recount
from commentsvc.figures.waits import bin_of
from commentsvc.moderation.decide import approve, decide, latest_decision, reject, undo, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Decision, Flag, Reason
from commentsvc.sites.models import Site
from tests.factories import fresh, hold_as_toxic, make_article, make_comment, make_site, make_user

BEGIN = dt.datetime(2026, 3, 20, 6, 0, tzinfo=dt.UTC)
CLOCKS = (
    "commentsvc.moderation.decide.utcnow", "commentsvc.comments.models.utcnow", "commentsvc.moderation.models.utcnow",
    "commentsvc.figures.dashboard.utcnow",
)


class Clock:
    """A time that goes where the test wants it."""

    def __init__(self) -> None:
        self.now = BEGIN
        self.looks = 0

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **by: float) -> None:
        self.now += dt.timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for name in CLOCKS:
        monkeypatch.setattr(name, made)
    return made


def keep(clock: Clock) -> int:
    """As the worker does each minute, without its pauses."""
    clock.forward(minutes=1)
    clock.looks += 1
    # Rows say by the real time when they came in; an hour later than that, all of them are settled.
    return keep_figures(now=lambda: utcnow() + dt.timedelta(hours=clock.looks))


def kept(site: Site) -> dict[str, Any]:
    found = {row.day: (row.zone, row.last_left, row.data) for row in days_kept(site)}
    db.session.rollback()
    return found


class World:
    """People who post, flag, decide, undo and withdraw, as chance has it."""

    def __init__(self, clock: Clock, seed: int, zone: str) -> None:
        self.chance, self.clock = random.Random(seed), clock
        self.site = make_site(timezone=zone)
        self.articles = [make_article(self.site) for _ in range(2)]
        self.managers = [make_user(f"Manager {n}", role=Role.COMMUNITY_MANAGER, site=self.site) for n in range(3)]
        self.readers = [make_user(f"Reader {n}") for n in range(4)]
        self.ids: list[int] = []

    def step(self) -> None:
        self.clock.forward(minutes=self.chance.choice((0.1, 1, 7, 50, 400)))
        act = self.chance.choice((self.post, self.post, self.judge, self.judge, self.judge, self.flag, self.undo, self.withdraw))
        try:
            act()
            db.session.commit()
        except CommentsvcError:  # not every step may be taken, and a refused one leaves nothing
            db.session.rollback()

    def post(self) -> None:
        created_at = self.clock.now - dt.timedelta(days=self.chance.choice((0, 0, 0, 2)))
        comment = make_comment(
            fresh(self.chance.choice(self.articles)), self.chance.choice(self.readers), status=Status.PENDING, created_at=created_at
        )
        self.ids.append(comment.id)
        fate = self.chance.randrange(5)
        if fate <= 1:
            hold_as_toxic(comment)
        elif fate == 2:
            decide(comment, Status.PUBLISHED, actor=None, reason=Reason.CLEAN, seen=comment.version)
        elif fate == 3:
            decide(comment, Status.REJECTED, actor=None, reason=self.chance.choice((Reason.SPAM, Reason.IMPORTED)), seen=comment.version)

    def some(self) -> Comment:
        return db.session.get_one(Comment, self.chance.choice(self.ids[-12:]), populate_existing=True) if self.ids else self.later()

    def later(self) -> Comment:
        self.post()
        db.session.commit()
        return self.some()

    def judge(self) -> None:
        comment, manager = self.some(), self.chance.choice(self.managers)
        if self.chance.random() < 0.5:
            approve(comment, actor=manager, seen=comment.version)
        else:
            reject(comment, actor=manager, reason=self.chance.choice((Reason.ABUSE, Reason.SPAM)), seen=comment.version)

    def flag(self) -> None:
        made, _ = flag(self.some(), self.chance.choice(self.readers), "abuse")
        made.created_at = self.clock.now

    def undo(self) -> None:
        latest = latest_decision(self.some().id)
        if latest is not None:
            undo(latest, actor=latest.actor if latest.actor and self.chance.random() < 0.5 else self.managers[0])

    def withdraw(self) -> None:
        comment = self.some()
        withdraw(comment, db.session.get_one(User, comment.author_id))


def status_at(decisions: list[Decision], moment: dt.datetime) -> str:
    """Where a comment was at a moment, by its decisions alone."""
    return next((d.to_status for d in reversed(decisions) if d.created_at < moment), "pending")


def naive(site: Site, period: Period, now: dt.datetime) -> dict[str, Any]:
    """The same figures in the plainest way there is: every comment and every decision, looked at again and again."""
    zone = zone_of(site.timezone)
    begin, end = period.moments(zone)
    comments = db.session.scalars(select(Comment).where(Comment.site_id == site.id)).all()
    by_comment = {
        c.id: list(db.session.scalars(select(Decision).where(Decision.comment_id == c.id).order_by(Decision.id))) for c in comments
    }
    decisions = [d for some in by_comment.values() for d in some]
    undone = {d.undoes_id: d for d in decisions if d.undoes_id is not None}
    by_people = [
        d for d in decisions
        if d.actor_id is not None and d.undoes_id is None and d.to_status != "withdrawn" and begin <= d.created_at < end
    ]
    own = [d for d in by_people if d.id in undone and undone[d.id].actor_id == d.actor_id]
    counted = [d for d in by_people if d not in own]
    waits = []
    for d in counted:
        if d.from_status == "held":
            stood = [e for e in by_comment[d.comment_id] if e.id < d.id and e.id not in undone and e.undoes_id is None]
            # The last that put it in the queue and was not undone by what is before this decision.
            waits.append((d.created_at - next(e for e in reversed(stood) if e.to_status == "held").created_at).total_seconds())
    backlog = []
    for day in period:
        ends = min(bounds(day, zone)[1], now)
        backlog.append(sum(status_at(by_comment[c.id], ends) == "held" for c in comments))
    flags = db.session.scalars(select(Flag).where(Flag.site_id == site.id, Flag.created_at >= begin, Flag.created_at < end)).all()
    settled = {d.id: d.to_status for d in decisions}
    return {
        "posted": sum(begin <= c.created_at < end for c in comments),
        "statuses": Counter(c.status for c in comments if begin <= c.created_at < end),
        "decisions": Counter(d.actor_id for d in counted),
        "taken_back": Counter(d.actor_id for d in own),
        "waits": Counter(bin_of(w) for w in waits),
        "backlog": backlog,
        "flags": Counter(f.user_id for f in flags),
        "right": Counter(f.user_id for f in flags if settled.get(f.resolved_by_id or 0) == "rejected"),
        "hours": Counter(c.created_at.astimezone(zone).hour for c in comments if begin <= c.created_at < end),
    }


def shown(figures: Figures) -> dict[str, Any]:
    """What the figures say, in the words of `naive`."""
    outcomes = figures.outcomes
    statuses = Counter({
        "published": outcomes["published_model"] + outcomes["published_person"], "held": outcomes["held"],
        "rejected": outcomes["rejected_model"] + outcomes["rejected_person"] + outcomes["elsewhere"],
        "withdrawn": outcomes["withdrawn"], "pending": outcomes["waiting"],
    })
    people, reporters = figures._rows("people"), figures._rows("reporters")
    return {
        "posted": figures.posted, "statuses": +statuses,
        "decisions": +Counter({int(k): v[0] for k, v in people.items()}),
        "taken_back": +Counter({int(k): v[3] for k, v in people.items()}),
        "waits": figures.waits, "backlog": figures.backlog.column("waiting"),
        "flags": Counter({int(k): v[0] for k, v in reporters.items()}),
        "right": +Counter({int(k): v[1] for k, v in reporters.items()}),
        "hours": +Counter({int(k): v[0] for k, v in figures._rows("hours").items()}),
    }


@pytest.mark.parametrize(("seed", "zone"), [(1, "UTC"), (2, "America/New_York"), (3, "Asia/Kolkata"), (4, "Europe/Berlin")])
def test_figures_are_what_a_recount_of_the_rows_says(app: Flask, clock: Clock, seed: int, zone: str) -> None:
    world = World(clock, seed, zone)
    for round_ in range(6):
        for _ in range(25):
            world.step()
        keep(clock)
        stored = kept(world.site)
        today = clock.now.astimezone(zone_of(zone)).date()
        for period in (Period(BEGIN.date() - dt.timedelta(days=3), today), Period(today - dt.timedelta(days=2), today)):
            assert shown(figures_of(world.site, period)) == naive(world.site, period, clock.now), round_
        db.session.rollback()
        recount(world.site)
        assert kept(world.site) == stored
    assert len(world.ids) > 20
    assert keep(clock) == 0  # nothing new
