"""Signing up: an unfinished registration, its mail, and the account it becomes.

Whether an address already has an account shows nowhere but in its own mailbox: both cases hash
one password, write one registration and one mail with the same statements, and get one answer.
"""

from __future__ import annotations

import base64
import datetime as dt
import hmac
import secrets
from dataclasses import dataclass
from typing import NoReturn, cast
from urllib.parse import quote

from flask import current_app
from sqlalchemy import CursorResult, Select, column, select, table, update
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.badges import refuse_imitation
from commentsvc.accounts.identity import check_email, clean_name, token_hash
from commentsvc.accounts.mailing import mail_account
from commentsvc.accounts.models import Registration, User
from commentsvc.accounts.passwords import check_password, hash_password, verify_password
from commentsvc.database import utcnow
from commentsvc.errors import Invalid, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import NN_
from commentsvc.sites.models import Article

LIFETIME = dt.timedelta(hours=24)
_COMMENTS = table("comments", column("author_id"), column("article_id"))  # of a feature above this one
MAX_ATTEMPTS = 5  # of a million codes: a guesser's chance is 1 in 200,000
RESEND_AFTER = dt.timedelta(seconds=60)
RETURN_TO_LENGTH = 2000


@dataclass(frozen=True)
class StartedRegistration:
    """`handle` is the browser's secret, needed to enter the code; `email` as it was understood."""

    handle: str
    email: str


def start_registration(
    email: str, display_name: str, password: str, *, return_to: str | None = None
) -> StartedRegistration:
    """Begin a sign-up and queue its one mail (see mailing's limits); flushes.

    Invalid names the field at fault.

    `return_to`, where to go once verified, travels in the mail's link; whoever follows it must
    check it, because anybody can start a registration for anybody's address.
    """
    email = check_email(email)
    display_name = refuse_imitation(clean_name(display_name))
    check_password(password, inputs=[email, display_name])
    password_hash = hash_password(password)
    handle = secrets.token_urlsafe(32)
    now = utcnow()
    registration = Registration(
        handle_hash=token_hash(handle), email=email, display_name=display_name,
        password_hash=password_hash, attempts=0, created_at=now, expires_at=now + LIFETIME,
    )
    _send(registration, handle, return_to)
    db.session.add(registration)
    db.session.flush()
    return StartedRegistration(handle=handle, email=email)


def resend_code(handle: str, *, return_to: str | None = None) -> None:
    """Send the registration's mail once more, with the same code and link; flushes.

    TooSoon within a minute of the last, Invalid when it has expired.
    """
    registration = db.session.scalar(
        select(Registration).where(Registration.handle_hash == token_hash(handle)).with_for_update()
    )
    now = utcnow()
    if registration is None or registration.expires_at <= now or registration.attempts >= MAX_ATTEMPTS:
        _expired()
    waited = now - registration.created_at
    if waited < RESEND_AFTER:
        seconds = max(1, round((RESEND_AFTER - waited).total_seconds()))
        raise TooSoon("A mail is on its way. You can ask for another in %(seconds)s seconds.", retry_after=seconds, values={"seconds": seconds})
    registration.created_at = now  # when its mail was last asked for; expires_at stays
    _send(registration, handle, return_to)
    db.session.flush()


def verify_by_code(handle: str, code: str) -> User:
    """The account, made now that the six digits from the mail are right; flushes.

    Invalid: `code_wrong`, or `registration_expired` after a day or the fifth wrong code. A try
    is committed before it is answered, so that an error cannot give it back.
    """
    hashed = token_hash(handle)
    # Counting before comparing: guesses sent at once cannot share one try.
    counted = cast("CursorResult[object]", db.session.execute(
        update(Registration)
        .where(
            Registration.handle_hash == hashed, Registration.attempts < MAX_ATTEMPTS,
            Registration.expires_at > utcnow(),
        )
        .values(attempts=Registration.attempts + 1)
        .execution_options(synchronize_session=False)
    ))
    if counted.rowcount == 0:
        _expired()
    registration = db.session.scalars(
        select(Registration).where(Registration.handle_hash == hashed).execution_options(populate_existing=True)
    ).one()
    digits = "".join(char for char in code if char.isdecimal())
    if hmac.compare_digest(registration.code_hash, _code_hash(handle, digits)):
        return _complete(registration)
    left = MAX_ATTEMPTS - registration.attempts
    db.session.commit()
    if left == 0:
        raise Invalid(
            "That was the fifth wrong code, so this sign-up is closed. Sign up again to get a new one.",
            field="code", code="registration_expired",
        )
    raise Invalid(
        NN_("This is not the code we sent. %(num)d try is left.", "This is not the code we sent. %(num)d tries are left."),
        field="code", code="code_wrong", values={"num": left},
    )


def began_with(handle: str, token: str) -> bool:
    """Whether this link is of the sign-up that the browser with this handle began."""
    return hmac.compare_digest(_link_token(handle).encode(), token.encode("utf-8", "surrogatepass"))


def check_link_password(token: str, password: str) -> None:
    """Invalid unless it is the password that this link's sign-up was begun with; ends the caller's transaction.

    Anybody can begin a sign-up for anybody's address, with a password that only they know. Whoever
    confirms one in another browser shows by it that it is her own. A wrong one counts like a wrong code.
    """
    # As with codes: counting before comparing.
    found = db.session.execute(
        update(Registration)
        .where(
            Registration.token_hash == token_hash(token), Registration.attempts < MAX_ATTEMPTS,
            Registration.expires_at > utcnow(),
        )
        .values(attempts=Registration.attempts + 1).returning(Registration.id, Registration.password_hash)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    db.session.commit()  # nothing is held while the hash takes its time
    if found is None:
        _expired()
    if not verify_password(found.password_hash, password):
        raise Invalid("This is not the password you signed up with.", field="password", code="password_wrong")
    db.session.execute(
        update(Registration).where(Registration.id == found.id).values(attempts=Registration.attempts - 1)
        .execution_options(synchronize_session=False)
    )


def verify_by_link(token: str) -> User:
    """The account, made now that the link in the mail was followed and confirmed; flushes."""
    registration = db.session.scalar(_by_link(token).with_for_update())
    if registration is None:
        _expired()
    return _complete(registration)


def peek_registration(token: str) -> str | None:
    """The display name a link would make an account for; None when it is no longer good."""
    registration = db.session.scalar(_by_link(token))
    return registration.display_name if registration else None


def _by_link(token: str) -> Select[Registration]:
    return select(Registration).where(
        Registration.token_hash == token_hash(token), Registration.expires_at > utcnow(),
        Registration.attempts < MAX_ATTEMPTS,
    )


def _complete(registration: Registration) -> User:
    guest: User | None = db.session.scalar(select(User).where(User.email == registration.email, User.guest_since.is_not(None)).with_for_update())
    if guest is not None:  # what she wrote as a guest is hers
        guest.display_name, guest.password_hash, guest.guest_since = registration.display_name, registration.password_hash, None
        theirs = select(_COMMENTS.c.article_id).where(_COMMENTS.c.author_id == guest.id)
        db.session.execute(  # no cached page keeps the old name
            update(Article).where(Article.id.in_(theirs)).values(version=Article.version + 1).execution_options(synchronize_session=False)
        )
        db.session.delete(registration)
        db.session.flush()
        return guest
    user = User(
        email=registration.email, display_name=registration.display_name,
        password_hash=registration.password_hash, created_at=utcnow(), roles=[],
    )
    # Two sign-ups of one address verified at once: the unique address lets one of them win.
    try:
        with db.session.begin_nested():
            db.session.add(user)
    except IntegrityError:
        _expired()
    # Only this one: two that each deleted the other's would wait for one another. What else waits
    # for this address can no longer become an account, and expires.
    db.session.delete(registration)
    db.session.flush()
    return user


def _send(registration: Registration, handle: str, return_to: str | None) -> None:
    """Set what the link and code are compared with, and queue the mail that carries them.

    For an address with an account these are hashes of nothing, which no link or code matches.
    """
    known = db.session.scalar(select(User.id).where(User.email == registration.email, User.guest_since.is_(None))) is not None
    token, code = _link_token(handle), _code(handle)
    registration.token_hash = _keyed("no link", handle) if known else token_hash(token)
    registration.code_hash = _keyed("no code", handle) if known else _code_hash(handle, code)
    link = f"/account/verify/{token}"
    if return_to and len(return_to) <= RETURN_TO_LENGTH:
        link += f"?next={quote(return_to, safe='/')}"
    if known:
        mail_account(registration.email, "already")
    else:
        mail_account(registration.email, "verify", code=code, link=link)


def _keyed(purpose: str, handle: str) -> bytes:
    """Derived, not stored: a mail can be sent again, and only its mailbox can know it."""
    key: str = current_app.config["SECRET_KEY"]
    return hmac.digest(key.encode(), f"registration {purpose}:{handle}".encode("utf-8", "surrogatepass"), "sha256")


def _link_token(handle: str) -> str:
    return base64.urlsafe_b64encode(_keyed("link", handle)).rstrip(b"=").decode()


def _code(handle: str) -> str:
    return f"{int.from_bytes(_keyed('code', handle)) % 1_000_000:06}"


def _code_hash(handle: str, code: str) -> bytes:
    # With the handle, which the database does not hold: six digits alone are soon tried.
    return token_hash(f"{handle}:{code}")


def _expired() -> NoReturn:
    raise Invalid(
        "This sign-up has expired or was completed already. Sign in, or sign up again.",
        code="registration_expired",
    )
