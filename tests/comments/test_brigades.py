"""Many new accounts at once: all they do is kept, and little of it counts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.comments import brigades
from commentsvc.comments.brigades import (
    AT_ONCE,
    FLAGS_AT_ONCE,
    KEPT,
    NEW_FOR,
    VOTES_AT_ONCE,
    Crowd,
    Sum,
    mark_of,
    sum_up,
)
from commentsvc.comments.counts import miscounted, recount
from commentsvc.comments.models import Comment, Vote
from commentsvc.comments.votes import vote
from commentsvc.database import utcnow
from commentsvc.extensions import client_range, db
from commentsvc.moderation.decide import approve
from commentsvc.moderation.flags import flag, forget_networks
from commentsvc.moderation.models import Flag
from commentsvc.screening.policy import Policy
from tests.conftest import Statements
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.usefixtures("app")

HERE, THERE = "198.51.100.0/24", "2001:db8:7::/48"


def settled() -> User:
    """Somebody who has been here for a while."""
    return make_user(created_at=utcnow() - NEW_FOR - dt.timedelta(minutes=1))


def counted(comment: Comment) -> tuple[int, int]:
    db.session.commit()
    db.session.refresh(comment)
    return comment.up, comment.down


steps = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([-1, 0, 1])), min_size=1, max_size=30)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_new_accounts_of_one_network_never_move_a_comment_further_than_one_vote(steps: list[tuple[int, int]]) -> None:
    """Six of them and two ordinary readers vote, change their minds and take votes back, in any order."""
    comment = make_comment(make_article())
    people = [make_user() for _ in range(6)] + [settled() for _ in range(2)]
    ordinary: dict[int, int] = {}
    for who, value in steps:
        vote(comment, people[who], value, HERE)
        if who >= 6:
            ordinary[who] = value
        up, down = sum(v == 1 for v in ordinary.values()), sum(v == -1 for v in ordinary.values())
        more = (comment.up - up, comment.down - down)
        assert more in {(0, 0), (1, 0), (0, 1)}
    given = db.session.scalar(select(func.count()).where(Vote.comment_id == comment.id))
    db.session.commit()
    kept = counted(comment)
    recount(comment.article_id)
    assert (counted(comment), miscounted()) == (kept, [])
    assert (given or 0) >= sum(kept)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 8), st.permutations(range(8)), st.booleans())
def test_flags_of_new_accounts_of_one_network_are_as_urgent_as_one(number: int, order: list[int], decided: bool) -> None:
    article = make_article()
    posted = utcnow()
    plain, pushed = (make_comment(article, created_at=posted) for _ in range(2))
    crowd = [make_user() for _ in range(8)]
    if decided:  # what was settled before, and is flagged again
        for person in crowd:
            flag(pushed, person, "spam", network=HERE)
        approve(pushed, actor=make_user(), seen=pushed.version)
    flag(plain, settled(), "spam", network=HERE)
    for who in order[:number]:
        flag(pushed, crowd[who], "abuse", network=HERE)
    db.session.commit()
    assert pushed.flag_count == number
    assert pushed.due == pytest.approx(plain.due)


@pytest.mark.parametrize("network", ["", HERE])
def test_everybody_else_is_counted_one_by_one(network: str) -> None:
    comment = make_comment(make_article())
    for _ in range(VOTES_AT_ONCE + 2):
        vote(comment, settled(), 1, network)
    for where in ("", "", HERE, THERE):  # new, and of no network that is known to be one
        vote(comment, make_user(), -1, where)
    assert counted(comment) == (VOTES_AT_ONCE + 2, 4)


def clocks(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.timedelta], dt.datetime]:
    """What sets the rule's clock to so long after now."""
    begin = utcnow()
    now = [begin]
    monkeypatch.setattr(brigades, "utcnow", lambda: now[0])

    def set_to(after: dt.timedelta) -> dt.datetime:
        now[0] = begin + after
        return now[0]

    return set_to


def test_of_many_new_accounts_at_once_so_many_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    comment, other = make_comment(make_article()), make_comment(make_article())
    for number in range(VOTES_AT_ONCE + 3):
        vote(comment, make_user(), 1, f"198.51.{number}.0/24")
    vote(other, make_user(), 1, "198.51.1.0/24")
    assert (counted(comment), counted(other)) == ((VOTES_AT_ONCE, 0), (1, 0))
    vote(comment, settled(), 1, HERE)
    assert counted(comment) == (VOTES_AT_ONCE + 1, 0)
    later = clocks(monkeypatch)(AT_ONCE + dt.timedelta(seconds=30))
    vote(comment, make_user(created_at=later), 1, "198.51.250.0/24")
    assert counted(comment) == (VOTES_AT_ONCE + 2, 0)


def test_a_site_can_count_every_vote() -> None:
    comment = make_comment(make_article(make_site(policy=Policy(discount_brigades=False))))
    for _ in range(3):
        vote(comment, make_user(), 1, HERE)
        flag(comment, make_user(), "spam", network=HERE)
    assert counted(comment) == (3, 0)
    assert sum_up(db.session.scalars(select(Flag))) == Sum(3, 3)


def test_what_is_counted_stays_so_when_the_networks_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    comment = make_comment(make_article())
    for _ in range(3):
        vote(comment, make_user(), 1, HERE)
        flag(comment, make_user(), "spam", network=HERE)
    set_to = clocks(monkeypatch)
    set_to(KEPT - dt.timedelta(minutes=1))
    assert not forget_networks()
    assert db.session.scalar(select(func.count()).where(Vote.network == mark_of(comment.id, HERE))) == 3
    later = set_to(KEPT + dt.timedelta(minutes=1))
    assert not forget_networks()
    assert set(db.session.scalars(select(Vote.network))) | set(db.session.scalars(select(Flag.network))) == {None}
    assert counted(comment) == (1, 0)
    recount(comment.article_id)
    assert counted(comment) == (1, 0)
    vote(comment, make_user(created_at=later), -1, HERE)
    assert counted(comment) == (1, 1)


def test_a_mark_says_nothing_of_the_network_and_links_no_two_comments() -> None:
    first, second = mark_of(1, HERE), mark_of(2, HERE)
    assert first == mark_of(1, HERE)
    assert len({first, second, mark_of(1, THERE)}) == 3
    assert all(len(mark) == 16 and b"198" not in mark for mark in (first, second))
    assert mark_of(1, "") == b""


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("8.8.4.200", "8.8.4.0/24"), ("::ffff:8.8.4.200", "8.8.4.0/24"), ("2a00:1450:4001:829::200e", "2a00:1450:4001::/48"),
        ("127.0.0.1", ""), ("10.1.2.3", ""), ("100.64.1.1", ""), ("fe80::1", ""), ("unknown", ""), ("", ""),
    ],
)
def test_a_network_is_a_range_of_addresses_that_say_who_asks(app: Flask, address: str, found: str) -> None:
    with app.test_request_context(environ_base={"REMOTE_ADDR": address}):
        assert client_range() == found


def test_flags_are_summed_up_by_network() -> None:
    comment, begin = make_comment(make_article()), utcnow() - dt.timedelta(hours=1)
    flag(comment, settled(), "spam", network=HERE)
    for _ in range(4):
        flag(comment, make_user(), "spam", network=HERE)
    for number in range(FLAGS_AT_ONCE):
        flag(comment, make_user(), "spam", network=f"198.51.{number}.0/24")
    for number, one in enumerate(db.session.scalars(select(Flag).where(Flag.network == mark_of(comment.id, HERE)).order_by(Flag.id))):
        one.created_at = begin + dt.timedelta(seconds=100 * number)
    found = sum_up(db.session.scalars(select(Flag).where(Flag.comment_id == comment.id)))
    assert found == Sum(given=5 + FLAGS_AT_ONCE, counted=1 + FLAGS_AT_ONCE, crowds=(Crowd(4, 5),), rest=1)


def test_a_settled_readers_vote_costs_no_statement_more_than_ever(statements: Statements) -> None:
    comment, asked = make_comment(make_article()), []
    for person in (settled(), make_user()):
        db.session.commit()
        statements.clear()
        vote(comment, person, 1, HERE)
        asked.append([s for s in statements if s.startswith("SELECT")])
    assert [sum("network" in s.partition("FROM")[2] for s in found) for found in asked] == [0, 1]
    assert len(asked[1]) == len(asked[0]) + 1
