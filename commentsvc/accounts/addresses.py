"""Another e-mail address for an account: it is hers once she answers the mail sent there."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import Select, select, update
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.identity import check_email, token_hash
from commentsvc.accounts.mailing import mail_account
from commentsvc.accounts.models import EmailChange, PasswordReset, User
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.i18n import gettext, in_language, language

LIFETIME = dt.timedelta(hours=24)


def ask_for_address(user: User, email: str) -> str:
    """Send a link to the new address (see mailing's limits), which is returned as understood; flushes.

    An address that somebody has gets a mail that says so: here nothing tells. Invalid names what is wrong with it.
    """
    email = check_email(email)
    if email == user.email:
        raise Invalid("This is your address already.", field="email", code="same_address")
    taken = db.session.scalar(select(User.id).where(User.email == email)) is not None
    token = secrets.token_urlsafe(32)
    now = utcnow()
    # Where it is taken, the same row with a hash of nothing that was sent.
    secret = secrets.token_urlsafe(32) if taken else token
    db.session.add(EmailChange(
        token_hash=token_hash(secret), user_id=user.id, email=email, created_at=now, expires_at=now + LIFETIME, used_at=None,
    ))
    if taken:
        mail_account(email, "already", fallback=user.language)
    else:
        mail_account(email, "new_address", fallback=user.language, link=f"/account/address/{token}")
    db.session.flush()
    return email


def peek_address(token: str) -> str | None:
    """The address that a link would give its account; None when it is no longer good."""
    return db.session.scalar(_usable(token).with_only_columns(EmailChange.email))


def take_address(token: str) -> User:
    """Give the account its new address through the link, once; flushes. The old one is told, and its links to a new password end."""
    now = utcnow()
    taken = db.session.execute(
        update(EmailChange)
        .where(EmailChange.token_hash == token_hash(token), EmailChange.used_at.is_(None), EmailChange.expires_at > now)
        .values(used_at=now).returning(EmailChange.user_id, EmailChange.email)
    ).first()
    user = db.session.get(User, taken.user_id) if taken else None
    if taken is None or user is None or user.email is None:  # of an account that was deleted meanwhile
        raise _expired()
    old, user.email = user.email, taken.email
    try:
        with db.session.begin_nested():
            db.session.flush()
    except IntegrityError:  # somebody signed up with it in between
        raise _expired() from None
    db.session.execute(
        update(PasswordReset).where(PasswordReset.user_id == user.id, PasswordReset.used_at.is_(None)).values(used_at=now)
    )
    with in_language(user.language or language()):
        queue_mail(old, gettext("Your address was changed"), "address_changed")
    return user


def _usable(token: str) -> Select[EmailChange]:
    return select(EmailChange).where(
        EmailChange.token_hash == token_hash(token), EmailChange.used_at.is_(None), EmailChange.expires_at > utcnow()
    )


def _expired() -> Invalid:
    return Invalid("This link has expired or was used already. Ask for a new one in your account.", code="link_expired")
