"""What the tests of notifications share: a clock, and what somebody was told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import pytest
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.comments import submit
from commentsvc.comments.models import Comment, Mention
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation import announcing, decide
from commentsvc.notifications import follows, keeping, listing, mailing, preferences, telling
from commentsvc.notifications.listing import Item, page_of_notifications

TUESDAY = dt.datetime(2026, 3, 3, 20, 0, tzinfo=dt.UTC)


class Clock:
    def __init__(self) -> None:
        self.now = TUESDAY

    def __call__(self) -> dt.datetime:
        return self.now

    def forward(self, **given: int) -> None:
        self.now += dt.timedelta(**given)


def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (submit, decide, announcing, follows, keeping, listing, mailing, preferences, telling):
        monkeypatch.setattr(module, "utcnow", made)
    return made


def told(user: User) -> Sequence[Item]:
    """What she finds in the widget after the worker has worked."""
    db.session.commit()
    telling.tell_all()
    found, _ = page_of_notifications(user)
    return found


def events(user: User) -> list[tuple[str, int]]:
    return [(item.event, item.comment_id) for item in told(user)]


def mention(comment: Comment, user: User) -> None:
    db.session.add(Mention(site_id=comment.site_id, comment_id=comment.id, user_id=user.id))
    db.session.commit()


def mails() -> list[Mail]:
    return list(db.session.scalars(select(Mail).order_by(Mail.id)))
