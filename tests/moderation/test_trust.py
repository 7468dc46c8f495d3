"""Nobody raises her own level of trust by accounts of her own making."""

from __future__ import annotations

import contextlib
import datetime as dt
import random
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts.permissions import Role
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, reject, withdraw
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason
from commentsvc.moderation.posting import cast_vote, standing_columns, standings
from commentsvc.screening.trust import (
    FORGIVEN_AFTER,
    MEMBER_PUBLISHED,
    TRUSTED_PUBLISHED,
    WATCHED_MARKS,
    WATCHED_SHARE,
    Level,
    Standing,
    level_of,
)
from tests.factories import make_article, make_comment, make_user

STEPS = 40
DAY = dt.timedelta(days=1)


def read_both_ways(site_id: int, user_id: int) -> Standing:
    """Her record as a list has it and as a post has it: the same."""
    listed = standings([(site_id, user_id)])[site_id, user_id]
    assert listed == Standing(*db.session.execute(select(*standing_columns(user_id, site_id, utcnow() - FORGIVEN_AFTER))).one())
    return listed


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("stand", "days", "marks", "level"),
    [
        (MEMBER_PUBLISHED - 1, 1, 0, Level.NEW), (TRUSTED_PUBLISHED - 1, 31, 0, Level.MEMBER),
        (TRUSTED_PUBLISHED, 31, 1, Level.MEMBER), (WATCHED_MARKS * WATCHED_SHARE - 1, 31, WATCHED_MARKS, Level.WATCHED),
    ],
)
def test_no_sequence_of_ones_own_accounts_votes_flags_and_replies_raises_ones_level(
    app: Flask, seed: int, stand: int, days: int, marks: int, level: Level,
) -> None:
    """She begins one step below a level. Her puppets do what they like to each other and to her, and a community manager goes through the flags."""
    rng = random.Random(seed)
    article = make_article()
    her, nora = make_user("Her"), make_user(role=Role.COMMUNITY_MANAGER, site=article.site)
    puppets = [make_user() for _ in range(8)]
    own = [make_comment(article, her, created_at=utcnow() - days * DAY) for _ in range(stand)]
    bad = [make_comment(article, her) for _ in range(marks)]
    for comment in bad:
        reject(comment, actor=nora, reason=Reason.ABUSE, seen=comment.version)
    theirs = [make_comment(article, rng.choice(puppets)) for _ in range(3)]
    db.session.commit()
    before = read_both_ways(article.site_id, her.id)
    assert (before.published, before.rejected, level_of(before, utcnow())) == (stand, marks, level)

    def act() -> None:
        puppet, target = rng.choice(puppets), rng.choice([*own, *theirs])
        steps: list[Callable[[], object]] = [
            lambda: cast_vote(target, puppet, rng.choice([1, -1, 0])),
            lambda: flag(target, puppet, "abuse"),
            lambda: flag(rng.choice(theirs), her, "spam"),  # she reports her own puppets, and is right
            lambda: theirs.append(make_comment(article, puppet, parent=target)),
            lambda: withdraw(rng.choice(theirs), puppet),
            lambda: withdraw(rng.choice(bad or theirs), her),
            lambda: approve(target, actor=nora, seen=target.version),
            lambda: reject(rng.choice(theirs), actor=nora, reason=Reason.SPAM, seen=target.version),
        ]
        rng.choice(steps)()

    for _ in range(STEPS):
        with contextlib.suppress(CommentsvcError):  # what the service refuses is a step that leads nowhere
            act()
        db.session.commit()
        assert read_both_ways(article.site_id, her.id) == before, "nothing of it is hers to give, and withdrawing takes nothing off"


def test_the_record_read_for_a_post_and_for_a_list_is_the_same(app: Flask) -> None:
    article = make_article()
    nora = make_user(role=Role.COMMUNITY_MANAGER, site=article.site)
    people = [make_user() for _ in range(3)]
    for number, person in enumerate(people[:2]):
        made = [make_comment(article, person) for _ in range(3 + number)]
        flag(made[0], people[2], "spam")
        for comment in made[: 1 + number]:
            reject(comment, actor=nora, reason=Reason.SPAM, seen=comment.version)
        withdraw(made[0], person)
        make_comment(make_article(), person)
    db.session.commit()
    keys = [(article.site_id, person.id) for person in people]
    listed = standings(keys)
    for site_id, user_id in keys:
        row = db.session.execute(select(*standing_columns(user_id, site_id, utcnow() - FORGIVEN_AFTER))).one()
        assert listed[site_id, user_id] == Standing(*row)
    assert [(s.published, s.rejected, s.upheld) for s in listed.values()] == [(2, 1, 1), (2, 2, 1), (0, 0, 0)]
