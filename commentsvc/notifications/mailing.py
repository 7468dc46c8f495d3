"""The mails: several things in one, and nothing in them that may not be said when they are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

from sqlalchemy import select, update

from commentsvc.accounts.models import User
from commentsvc.accounts.wishes import DIGESTS, How, Kind, unsubscribe_url, wishes_of
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, ngettext
from commentsvc.notifications.audience import barred
from commentsvc.notifications.listing import Item, excerpt, item_of, items, tellable
from commentsvc.notifications.models import Notification
from commentsvc.sites.models import Site

PEOPLE_AT_ONCE = 100  # looked for in one statement
IN_A_MAIL = 20  # more than that nobody reads in a mail

KINDS: dict[Kind, str] = {
    Kind.REPLY: N_("replies to my comments"),
    Kind.MENTION: N_("mentions of me"),
    Kind.DECISION: N_("decisions on my comments"),
    Kind.FEATURED: N_("featured comments of mine"),
    Kind.FOLLOWED: N_("conversations I follow"),
}


def send_due() -> int:
    """Queue the mails that are due; how many. Commits after each person.

    That a notification was mailed and the mail are one transaction: of several workers one succeeds, and a worker that
    is killed in between has done nothing.
    """
    queued = 0
    while found := _due(utcnow()):
        for user_id, site_id in found:
            queued += _mail(user_id, site_id)
            db.session.commit()
    db.session.rollback()
    return queued


def _due(now: dt.datetime) -> Sequence[tuple[int, int]]:
    rows = db.session.execute(
        select(Notification.user_id, Notification.site_id).where(Notification.mail_at <= now).distinct().limit(PEOPLE_AT_ONCE)
    )
    return [(row.user_id, row.site_id) for row in rows]


def _mail(user_id: int, site_id: int) -> int:
    """One person's mails about one site; how many."""
    now = utcnow()
    user, site = db.session.get_one(User, user_id, populate_existing=True), db.session.get_one(Site, site_id)
    mine = (Notification.user_id == user_id, Notification.site_id == site_id)
    due = set(db.session.scalars(select(Notification.kind).where(*mine, Notification.mail_at <= now).distinct()))
    wishes = wishes_of(user_id)
    # What is mailed at once takes along what came since the first of it.
    taken = set(db.session.scalars(
        update(Notification)
        .where(*mine, Notification.kind.in_(due), Notification.mail_at <= now + dt.timedelta(hours=1))
        .values(mail_at=None).returning(Notification.id).execution_options(synchronize_session=False)
    ))
    told = db.session.execute(
        items().where(
            Notification.id.in_(taken), Notification.read_at.is_(None), tellable(),
            (Notification.kind == Kind.DECISION) | ~barred(user_id, site_id, now),
        ).order_by(Notification.id)
    )
    found = [item for item in map(item_of, told) if wishes[item.kind].mail != How.NEVER]
    if user.email is None or not found:
        return 0
    mails: dict[Kind | How, list[Item]] = {}
    for item in found:
        how = wishes[item.kind].mail
        mails.setdefault(item.kind if how == How.AT_ONCE else how, []).append(item)
    for what, those in mails.items():
        _queue(user, user.email, site, what, those)
    return len(mails)


def _queue(user: User, address: str, site: Site, what: Kind | How, those: Sequence[Item]) -> None:
    with in_language(user.language or site.language):
        stop = unsubscribe_url(user.id, what)
        kinds = list(dict.fromkeys(item.kind for item in those))
        mail = queue_mail(
            address, subject_of(what, site.name, those), "notifications", name=user.display_name, line=excerpt,
            found=those[:IN_A_MAIL], more=len(those) - IN_A_MAIL, stop=stop, digest=what in DIGESTS,
            stops=[(gettext(KINDS[kind]), unsubscribe_url(user.id, kind)) for kind in kinds] if what in DIGESTS else [],
            about=gettext(KINDS[what]) if isinstance(what, Kind) else "",
        )
    mail.unsubscribe_url = stop
    db.session.flush()
    db.session.execute(
        update(Notification).where(Notification.id.in_([item.id for item in those])).values(mail_id=mail.id)
        .execution_options(synchronize_session=False)
    )


Subject = Callable[[int, str, str], str]
# What a mail is called: by how much it tells, who wrote the first of it, and the site.
SUBJECTS: dict[Kind, Subject] = {
    Kind.REPLY: lambda n, name, site: (
        gettext("%(name)s replied to you on %(site)s", name=name, site=site) if n == 1
        else ngettext("%(num)d reply to you on %(site)s", "%(num)d replies to you on %(site)s", n, site=site)
    ),
    Kind.MENTION: lambda n, name, site: (
        gettext("%(name)s mentioned you on %(site)s", name=name, site=site) if n == 1
        else ngettext("You were mentioned in %(num)d comment on %(site)s", "You were mentioned in %(num)d comments on %(site)s", n, site=site)
    ),
    Kind.DECISION: lambda n, _name, site: ngettext(
        "%(num)d decision on what you wrote on %(site)s", "%(num)d decisions on what you wrote on %(site)s", n, site=site
    ),
    Kind.FEATURED: lambda n, _name, site: ngettext(
        "%(num)d comment of yours was featured on %(site)s", "%(num)d comments of yours were featured on %(site)s", n, site=site
    ),
    Kind.FOLLOWED: lambda n, _name, site: ngettext(
        "%(num)d new comment in conversations you follow on %(site)s", "%(num)d new comments in conversations you follow on %(site)s", n, site=site
    ),
}


def subject_of(what: Kind | How, site: str, those: Sequence[Item]) -> str:
    """What the mail is called, in the present language."""
    if isinstance(what, Kind):
        return SUBJECTS[what](len(those), those[0].name, site)
    return ngettext("%(site)s: %(num)d thing that is new for you", "%(site)s: %(num)d things that are new for you", len(those), site=site)
