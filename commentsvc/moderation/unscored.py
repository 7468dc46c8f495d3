"""Comments that a site publishes without scores while no model answers, and what becomes of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial

from sqlalchemy import func, or_, select

from commentsvc.comments.models import Comment, Status
from commentsvc.database import UtcDateTime, utcnow, write_intent
from commentsvc.extensions import db
from commentsvc.i18n import ngettext
from commentsvc.moderation.claims import PENDING, POSTED, Claim, Lane
from commentsvc.moderation.decide import decide
from commentsvc.moderation.models import Reason
from commentsvc.moderation.screen import (
    GROUP,
    UNREADABLE,
    Keep,
    Read,
    decide_all,
    given_back,
    read_batch,
    record,
    screen_comment,
    submission_of,
)
from commentsvc.screening.pipeline import screen
from commentsvc.screening.submission import Outcome, Verdict
from commentsvc.screening.toxicity import ModelInfo, ToxicityScorer
from commentsvc.sites.models import Site

FOUND_LATER = "Published while the model did not answer; read by it afterwards."


def open_overdue(stop: Callable[[], bool] = lambda: False) -> int:
    """Decide without scores what waited for longer than its site's policy allows; how many.

    For a worker whose model fails while no other worker's works. What nothing but the model
    could have held is published and marked to be screened again. Imported comments go on waiting: nobody
    looks for them to appear. Commits a few at a time.
    """
    opened = 0
    for site_id, after in _open_sites():
        last = 0
        act = partial(_open, words=in_words(after))
        while not stop() and (found := _overdue(site_id, after, last)):
            decide_all(found, act)
            last = found[-1].claim.comment_id
            opened += len(found)
    return opened


def screen_again(scorer: Callable[[], ToxicityScorer], *, batch: int, lease: int) -> int:
    """Score a batch of what was published without scores; returns how many comments it took.

    One that the model would have held is held now, for a person to look at, unless a person has
    decided on it meanwhile. Commits a few at a time; what fails is given back as in screening.
    """
    claims, read = read_batch(scorer, Lane.AGAIN, batch, lease)
    if not claims:
        return 0
    with given_back(claims):
        info = scorer().info if read else None
        decide_all(read, partial(_look_again, info=info))
    return len(claims)


def _open_sites() -> list[tuple[int, int]]:
    reading = write_intent.set(False)
    try:
        found = [(s.id, s.policy.fail_open_after) for s in db.session.scalars(select(Site)) if s.policy.fail_open_after]
        db.session.rollback()
    finally:
        write_intent.reset(reading)
    return found


def _overdue(site_id: int, after: int, last: int) -> list[Read]:
    now = utcnow()
    accepted = func.coalesce(Comment.accepted_at, Comment.created_at, type_=UtcDateTime())
    rows = db.session.execute(
        select(Comment.id, Comment.version, Comment.article_id)
        .where(
            PENDING, POSTED, Comment.site_id == site_id, Comment.id > last,
            accepted <= now - dt.timedelta(seconds=after),
            or_(Comment.claimed_until.is_(None), Comment.claimed_until < now),
        )
        .order_by(Comment.id)
        .limit(GROUP)
    ).all()
    db.session.rollback()
    return [Read(Claim(row_id, version, 1), article_id, {}, None) for row_id, version, article_id in rows]


def _open(comment: Comment, _one: Read, keep: Keep, *, words: str) -> None:
    why = f"The model did not answer for {words}, and this site does not wait longer."
    screen_comment(comment, unscored=why, keep=keep)


def _look_again(comment: Comment, one: Read, keep: Keep, *, info: ModelInfo | None) -> None:
    comment.screen_again, comment.claimed_until = False, None
    db.session.flush()
    if comment.status != Status.PUBLISHED:
        return  # a person, or its author, was quicker
    if one.claim.hopeless:
        outcome = Outcome(Verdict.HOLD, (UNREADABLE,))
        keep(record(comment, outcome, None, None))
    else:
        outcome = screen(submission_of(comment, one.scores, one.explanation))
        keep(record(comment, outcome, one.scores, info))
    if outcome.over_limits and comment.reviewed_at is None:
        # Held even where the policy would have rejected it: readers have seen and answered it.
        decide(comment, Status.HELD, actor=None, reason=Reason.HELD_FOR_REVIEW, seen=comment.version, note=FOUND_LATER, keep=keep)


def in_words(seconds: int) -> str:
    """A time span in the largest unit that it is a whole number of: 10 minutes, 36 hours."""
    if seconds >= 3600 and seconds % 3600 == 0:
        return ngettext("%(num)d hour", "%(num)d hours", seconds // 3600)
    if seconds >= 60 and seconds % 60 == 0:
        return ngettext("%(num)d minute", "%(num)d minutes", seconds // 60)
    return ngettext("%(num)d second", "%(num)d seconds", seconds)
