"""Changing how one wants to be told: also of what waits to be mailed already."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from sqlalchemy import select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.wishes import How, Kind, Wish, set_wish, wishes_of
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.notifications.models import Notification
from commentsvc.notifications.mornings import mail_time
from commentsvc.sites.models import Site


def change_wishes(user: User, wanted: Mapping[Kind, Wish], *, follow_on_post: bool | None = None) -> None:
    """Keep what she wants; mails that wait are put to the new time, or come no more. Flushes."""
    _lock(user.id)
    before = wishes_of(user.id)
    for kind, wish in wanted.items():
        if wish != before[kind]:
            set_wish(user.id, kind, wish)
            if wish.mail != before[kind].mail:
                _plan(user.id, kind, wish.mail, utcnow())
    if follow_on_post is not None:
        user.follow_on_post = follow_on_post
    db.session.flush()


def stop_mails(user_id: int, what: Kind | How) -> dict[Kind, How]:
    """No more mails of that kind, or in that digest; which kinds that changed, and what they were. Flushes."""
    _lock(user_id)
    stopped: dict[Kind, How] = {
        kind: wish.mail for kind, wish in wishes_of(user_id).items() if wish.mail != How.NEVER and (what in (kind, wish.mail))
    }
    for kind in stopped:
        set_wish(user_id, kind, Wish(wishes_of(user_id)[kind].widget, How.NEVER))
        _plan(user_id, kind, How.NEVER, utcnow())
    return stopped


def send_again(user_id: int, what: Kind | How, before: Mapping[Kind, How]) -> None:
    """Take `stop_mails` back, for what it could have stopped and nobody has chosen otherwise since. Flushes."""
    _lock(user_id)
    now = wishes_of(user_id)
    for kind, how in before.items():
        if what in (kind, how) and now[kind].mail == How.NEVER:
            set_wish(user_id, kind, Wish(now[kind].widget, how))


def _lock(user_id: int) -> None:
    """One change of a person's wishes at a time."""
    db.session.execute(select(User.id).where(User.id == user_id).with_for_update(key_share=True))


def _plan(user_id: int, kind: Kind, how: How, now: dt.datetime) -> None:
    waiting = (Notification.user_id == user_id, Notification.kind == kind.value, Notification.mail_at.is_not(None))
    sites = db.session.execute(select(Site.id, Site.timezone).where(Site.id.in_(select(Notification.site_id).where(*waiting)))).all()
    for site_id, zone in sites:
        db.session.execute(
            update(Notification).where(*waiting, Notification.site_id == site_id).values(mail_at=mail_time(how, now, zone))
            .execution_options(synchronize_session=False)
        )
