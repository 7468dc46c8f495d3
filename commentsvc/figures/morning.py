"""The morning mail: a site's day before, for each community manager who asked for it, once."""

from __future__ import annotations

import datetime as dt

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import Executable, delete, exists, select
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.extensions import db
from commentsvc.figures.dashboard import Figures, figures_of
from commentsvc.figures.days import Period, zone_of
from commentsvc.figures.durations import short_time
from commentsvc.figures.models import MorningMail, MorningMailDay
from commentsvc.i18n import full_day, gettext, in_language, ngettext, number, short_day
from commentsvc.sites.models import Site

# In the site's own time: before the first person sits down. A worker that was away sends it when it is back, but not
# in the evening: yesterday's figures are old by then.
FROM_HOUR = 7
UNTIL_HOUR = 12
KEEP_DAYS = 7  # a row that says a mail was queued; after that nobody would send it again

_REVIEWERS = [role.value for role in Role if Permission.REVIEW in PERMISSIONS[role]]


def wants_mail(site: Site, user: User) -> bool:
    """Whether somebody gets the site's morning mail."""
    return db.session.scalar(select(MorningMail.id).where(MorningMail.site_id == site.id, MorningMail.user_id == user.id)) is not None


def want_mail(site: Site, user: User, *, wanted: bool) -> None:
    """Begin or stop sending it; doing so twice is as good as once. Flushes."""
    if not wanted:
        db.session.execute(delete(MorningMail).where(MorningMail.site_id == site.id, MorningMail.user_id == user.id))
    elif not wants_mail(site, user):
        try:
            with db.session.begin_nested():
                db.session.add(MorningMail(site_id=site.id, user_id=user.id))
        except IntegrityError:  # asked for twice at once
            pass


def send_morning_mails() -> int:
    """Queue the mails that are due; how many. Commits after each.

    The row that says so and the mail are one transaction: of several workers one succeeds, and what it committed is
    delivered however often workers die.
    """
    queued = 0
    for site_id, user_id, zone in db.session.execute(_wanted()).all():
        now = utcnow().astimezone(zone_of(zone))
        if FROM_HOUR <= now.hour < UNTIL_HOUR:
            queued += _queue(site_id, user_id, now.date() - dt.timedelta(days=1))
    db.session.execute(delete(MorningMailDay).where(MorningMailDay.created_at < utcnow() - dt.timedelta(days=KEEP_DAYS)))
    db.session.commit()
    return queued


def _wanted() -> Executable:
    """Who asked for it and is still a community manager there, without those who have today's."""
    return (
        select(MorningMail.site_id, MorningMail.user_id, Site.timezone)
        .join(Site, Site.id == MorningMail.site_id)
        .join(SiteRole, (SiteRole.site_id == MorningMail.site_id) & (SiteRole.user_id == MorningMail.user_id))
        .where(SiteRole.role.in_(_REVIEWERS))
        .order_by(MorningMail.id)
    )


def _queue(site_id: int, user_id: int, day: dt.date) -> bool:
    row = {"site_id": site_id, "user_id": user_id, "day": day.isoformat()}
    if db.session.scalar(select(exists().where(*(getattr(MorningMailDay, name) == value for name, value in row.items())))):
        return False
    site, user = db.session.get(Site, site_id), db.session.get(User, user_id)
    if site is None or user is None or user.email is None:
        return False
    try:
        db.session.add(MorningMailDay(**row))
        db.session.flush()
    except IntegrityError:  # another worker was first
        db.session.rollback()
        return False
    figures = figures_of(site, Period(day, day))
    with in_language(user.language or site.language):
        subject = ngettext(
            "%(site)s: %(number)s comment yesterday, %(waiting)s waiting", "%(site)s: %(number)s comments yesterday, %(waiting)s waiting", figures.posted,
            site=site.name, number=number(figures.posted), waiting=number(figures.waiting),
        )
        mail = queue_mail(user.email, subject, "morning", **_facts(site, user, figures, day))
    mail.unsubscribe_url = unsubscribe_url(site_id, user_id)
    db.session.commit()
    return True


def _facts(site: Site, user: User, figures: Figures, day: dt.date) -> dict[str, object]:
    waiting_now = figures_of(site, Period(day + dt.timedelta(days=1), day + dt.timedelta(days=1)))
    return {
        "site": site, "name": user.display_name, "figures": figures, "day": full_day(day),
        "waiting": waiting_now.waiting, "oldest": figures.oldest, "since": _local(site, figures.oldest.created_at) if figures.oldest else "",
        "date": day.isoformat(), "short_time": short_time, "unsubscribe": unsubscribe_url(site.id, user.id),
    }


def _local(site: Site, moment: dt.datetime) -> str:
    there = moment.astimezone(zone_of(site.timezone))
    return gettext("%(day)s, %(time)s", day=short_day(there), time=f"{there:%H:%M}")


# Stopping it from the mail itself


def _signer() -> URLSafeSerializer:
    keys = [*current_app.config["SECRET_KEY_FALLBACKS"][::-1], current_app.config["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="morning mail")


def unsubscribe_url(site_id: int, user_id: int) -> str:
    """An address that stops the mail for whoever has it, without a sign-in; it does nothing else."""
    settings: Settings = current_app.config["SETTINGS"]
    return f"{settings.BASE_URL.rstrip('/')}/account/morning-mail/{_signer().dumps([site_id, user_id])}"


def subscription_of(token: str) -> tuple[Site, User] | None:
    """Whose mail of which site a token of ours stops; None for any other."""
    try:
        site_id, user_id = _signer().loads(token)
    except (BadSignature, ValueError, TypeError):
        return None
    site, user = db.session.get(Site, site_id), db.session.get(User, user_id)
    return (site, user) if site is not None and user is not None else None
