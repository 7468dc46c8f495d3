"""Mails that anybody can have sent to anybody's address: sign-ups, resets and invitations, and not too many."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, or_, select

from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db

# Limits by address of the sender stop one machine; these stop many from filling one mailbox.
HOURLY = 5
DAILY = 20

VERIFY = "is your code to confirm your address"  # after the code
KNOWN = "You already have an account"
RESET = "Choose a new password"
UNKNOWN = "There is no account with this address"
NEW_ADDRESS = "Confirm your new address"
GUEST = "Confirm what you wrote"
INVITED = "You are invited to look after comments"


def mail_account(recipient: str, subject: str, template: str, **context: object) -> None:
    """Queue one of the mails above, unless the address had HOURLY or DAILY of them; flushes.

    The caller says the same either way: that a mailbox was filled by others is nobody's business.
    """
    now = utcnow()
    hour, day = db.session.execute(
        select(func.count().filter(Mail.created_at > now - dt.timedelta(hours=1)), func.count())
        .select_from(Mail)
        .where(
            Mail.recipient == recipient, Mail.created_at > now - dt.timedelta(days=1),
            or_(Mail.subject.in_([KNOWN, RESET, UNKNOWN, NEW_ADDRESS, INVITED, GUEST]), Mail.subject.endswith(f" {VERIFY}")),
        )
    ).one()
    if hour < HOURLY and day < DAILY:
        queue_mail(recipient, subject, template, **context)
