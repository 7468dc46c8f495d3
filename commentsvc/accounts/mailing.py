"""Mails that anybody can have sent to anybody's address: sign-ups, resets and invitations, and not too many."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, in_language, language

# Limits by address of the sender stop one machine; these stop many from filling one mailbox.
HOURLY = 5
DAILY = 20

# By template: what each is called.
SUBJECTS = {
    "verify": N_("%(code)s is your code to confirm your address"),
    "already": N_("You already have an account"),
    "reset": N_("Choose a new password"),
    "no_account": N_("There is no account with this address"),
    "new_address": N_("Confirm your new address"),
    "guest": N_("Confirm what you wrote"),
    "invitation": N_("You are invited to look after comments"),
}


def mail_account(recipient: str, template: str, *, fallback: str | None = None, **context: object) -> None:
    """Queue one of the mails above, unless the address had HOURLY or DAILY of them; flushes.

    It is in the language that the account with this address has chosen; without one in `fallback`, else in that of
    the page where it was asked for. The caller says the same either way: that a mailbox was filled by others is
    nobody's business.
    """
    now = utcnow()
    chosen, hour, day = db.session.execute(
        select(
            select(User.language).where(User.email == recipient).scalar_subquery(),
            func.count().filter(Mail.created_at > now - dt.timedelta(hours=1)), func.count(),
        )
        .select_from(Mail)
        .where(Mail.recipient == recipient, Mail.created_at > now - dt.timedelta(days=1), Mail.kind.in_(SUBJECTS))
    ).one()
    if hour < HOURLY and day < DAILY:
        with in_language(chosen or fallback or language()):
            queue_mail(recipient, gettext(SUBJECTS[template], **context), template, **context)
