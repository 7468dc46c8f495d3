"""Forgotten passwords: a link by mail, good once and for two hours."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import Select, select, update

from commentsvc.accounts.audit import record_own
from commentsvc.accounts.guessing import check_guesses, count_guess
from commentsvc.accounts.identity import check_email, token_hash
from commentsvc.accounts.mailing import mail_account
from commentsvc.accounts.models import PasswordReset, User, UserSession
from commentsvc.accounts.passwords import check_password, hash_password, verify_password
from commentsvc.accounts.sessions import confirmed
from commentsvc.accounts.steps import end_steps
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db

LIFETIME = dt.timedelta(hours=2)


def request_reset(email: str) -> None:
    """Queue the one mail that answers the request (see mailing's limits), whatever the address; flushes.

    An unknown address gets a mail that says so and a row that nothing can use, so that only the
    mailbox tells. Invalid when the text is no address at all.
    """
    email = check_email(email)
    user_id = db.session.scalar(select(User.id).where(User.email == email))
    token = secrets.token_urlsafe(32)
    now = utcnow()
    db.session.add(PasswordReset(
        token_hash=token_hash(token), user_id=user_id, created_at=now, expires_at=now + LIFETIME, used_at=None,
    ))
    if user_id is None:
        mail_account(email, "no_account")
    else:
        mail_account(email, "reset", link=f"/account/reset/{token}")
    db.session.flush()


def peek_reset(token: str) -> bool:
    """Whether the link can still be used."""
    return db.session.execute(_usable(token)).first() is not None


def reset_password(token: str, new_password: str) -> User:
    """Set the password through a link, once; flushes. Ends the caller's open transaction.

    All the person's sessions and outstanding links end. Invalid: `reset_expired`, or the
    password's own; a refused password leaves the link good.
    """
    found = db.session.execute(_usable(token)).first()
    db.session.rollback()  # nothing is held while the hash takes its time
    if found is None:
        raise _expired()
    check_password(new_password, inputs=[found.email or "", found.display_name])
    new_hash = hash_password(new_password)
    now = utcnow()
    taken = db.session.execute(
        update(PasswordReset)
        .where(PasswordReset.id == found.reset_id, PasswordReset.used_at.is_(None), PasswordReset.expires_at > now)
        .values(used_at=now).returning(PasswordReset.id)
    ).first()
    if taken is None:
        raise _expired()
    user = db.session.get_one(User, found.user_id)
    set_password(user, new_hash)
    record_own(user, "password.reset")
    return user


def change_password(user: User, current: str, new: str, *, keep_token: str, network: str) -> None:
    """Set a new password for somebody who knows the present one; flushes.

    Her other sessions and outstanding links end. Ends the caller's open transaction. Invalid
    names `current_password` or `password`; TooSoon as at sign-in, for a session may be stolen.
    """
    email, name = user.email or "", user.display_name
    user = confirm_password(user, current, network=network)
    if user.password_hash is None:
        raise Invalid("You have no password yet. Have a link sent to your address to choose one.", field="current_password", code="no_password")
    db.session.rollback()
    check_password(new, inputs=[email, name])
    new_hash = hash_password(new)
    changed = db.session.get_one(User, user.id)
    set_password(changed, new_hash, keep_token=keep_token)
    record_own(changed, "password.changed")


def confirm_password(user: User, current: str, *, network: str) -> User:
    """The person again, once she has shown that it is she and not whoever found her device. Ends the caller's open transaction.

    Invalid(`current_password`) for a wrong one, TooSoon after too many.
    """
    if user.password_hash is None:  # she comes from a provider or her publisher: coming again proves it
        if not confirmed(user.session_token):
            raise Invalid("Sign out and in again first: this asks for a sign-in of the last 15 minutes.", field="current_password", code="not_confirmed")
        return user
    user_id, email, present = user.id, user.email or "", user.password_hash
    db.session.rollback()  # nothing is held while the hash takes its time
    check_guesses(email, network)
    if not verify_password(present, current):
        count_guess(email, network)
        raise Invalid("This is not your present password.", field="current_password", code="password_wrong")
    return db.session.get_one(User, user_id)


def set_password(user: User, password_hash: str, *, keep_token: str = "") -> None:
    """Store the hash; end all sessions but one and all outstanding links. Flushes."""
    now = utcnow()
    user.password_hash, user.guest_since = password_hash, None
    end_steps(user)
    db.session.execute(
        update(UserSession)
        .where(
            UserSession.user_id == user.id, UserSession.revoked_at.is_(None),
            UserSession.token_hash != token_hash(keep_token),
        )
        .values(revoked_at=now)
    )
    db.session.execute(
        update(PasswordReset).where(PasswordReset.user_id == user.id, PasswordReset.used_at.is_(None)).values(used_at=now)
    )
    db.session.flush()


def _usable(token: str) -> Select[int, int, str | None, str]:
    """The reset's id and its person's id, address and name; no row for a decoy."""
    return (
        select(PasswordReset.id.label("reset_id"), User.id.label("user_id"), User.email, User.display_name)
        .join(User, User.id == PasswordReset.user_id)
        .where(
            PasswordReset.token_hash == token_hash(token), PasswordReset.used_at.is_(None),
            PasswordReset.expires_at > utcnow(),
        )
    )


def _expired() -> Invalid:
    return Invalid("This link has been used or has expired. Ask for a new one.", code="reset_expired")
