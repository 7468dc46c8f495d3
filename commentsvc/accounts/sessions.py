"""Sign-ins: each a row that can be listed and revoked; its token travels as bearer or in a cookie."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Sequence
from typing import Final, NoReturn

from flask import Flask, Request, Response, current_app, g, request, session
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask_login import login_user, logout_user
from itsdangerous import BadSignature
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import joinedload

from commentsvc.accounts.api_keys import user_by_key
from commentsvc.accounts.audit import record_own
from commentsvc.accounts.factors import check_code
from commentsvc.accounts.guessing import check_guesses, count_guess
from commentsvc.accounts.identity import lookup_email, token_hash
from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.passkeys import check_passkey, request_options
from commentsvc.accounts.passwords import verify_password
from commentsvc.accounts.steps import CODE, PASSKEY, begin_step, finish_step, try_step
from commentsvc.config import Settings
from commentsvc.database import begin_writing, utcnow, write_intent
from commentsvc.errors import (
    Invalid,
    NotConfirmed,
    NotFound,
    NotSignedIn,
    SecondFactorNeeded,
)
from commentsvc.extensions import db
from commentsvc.extensions import login as manager

PREFIX = "cs_"
DEVICE_LENGTH = 200
TOUCH_AFTER = dt.timedelta(hours=1)  # "last seen" need not be truer than this

# These answer to bearer tokens alone. A browser never sends one by itself, so no page of another
# site can act through them, and they need no CSRF token.
BEARER_PATHS = ("/api/", "/v1alpha1/")
FRAMED_PATH = "/embed"
# Browsers take a cookie whose name begins so from this very host alone, over HTTPS: another host of the
# same domain cannot plant one of its own, and with it forms that would pass as ours.
HOST_ONLY = "__Host-"
COOKIE = "commentsvc"  # HOST_ONLY before it, unless cookies may travel without HTTPS
FRAMED_COOKIE = f"{HOST_ONLY}commentsvc_embed"
# Set in a request's environment by pages that are the same for everybody: no Set-Cookie and, as
# Flask-Login looks into every session after the view, no "Vary: Cookie" that would undo a cache.
COOKIELESS = "commentsvc.cookieless"


def sign_in(email: str, password: str, *, device: str, network: str, code: str = "") -> tuple[User, str]:
    """The person and the token of her new session; flushes.

    Invalid(`sign_in_failed`), with the same words after the same time and statements, whether
    the address is unknown or the password wrong; TooSoon after too many of these (see guessing).
    Who has a second factor gives its `code` at once, or after SecondFactorNeeded to `finish_sign_in`.
    Ends the caller's open transaction.
    """
    address = lookup_email(email)
    check_guesses(address, network)
    found = db.session.execute(select(User.id, User.password_hash).where(User.email == address)).one_or_none()
    # Nothing is held while the hash takes its time: SQLite's one write lock least of all.
    db.session.rollback()
    known_hash = found.password_hash if found else None
    matches = verify_password(known_hash, password)
    user = db.session.get(User, found.id) if found and matches else None
    # Looked at again: the password may have been reset meanwhile.
    if user is None or user.password_hash != known_hash:
        count_guess(address, network)
        raise Invalid("This address and password do not belong together.", code="sign_in_failed")
    if code and user.second_factor_at is not None:
        check_code(user, code, network)
        return user, start_session(user, device=device)
    return user, admit(user, device=device)


def admit(user: User, *, device: str) -> str:
    """The token of a new session for somebody whose password was right, or whose mailbox was; flushes.

    SecondFactorNeeded, after a commit, where she has a second factor: `finish_sign_in` goes on with its ticket.
    """
    if user.second_factor_at is None:
        return start_session(user, device=device)
    ticket, _step = begin_step(CODE, user)
    db.session.commit()
    raise SecondFactorNeeded(ticket)


def finish_sign_in(ticket: str, *, device: str, network: str, code: str = "", credential: str = "") -> tuple[User, str]:
    """The person and the token of her new session, as the code or the passkey is right; flushes. Ends the caller's transaction.

    Invalid: `code_wrong`, `passkey_refused`, or `step_expired` after ten minutes or five tries; TooSoon as for passwords.
    """
    step = try_step(ticket, CODE)
    if credential:
        user = check_passkey(step, credential)
    else:
        user = db.session.get_one(User, step.user_id)
        check_code(user, code, network)
    finish_step(step)
    return user, start_session(user, device=device)


def begin_passkey_sign_in() -> tuple[str, str]:
    """The ticket of a sign-in by passkey alone, and what the browser needs for it as JSON; flushes."""
    ticket, step = begin_step(PASSKEY, None)
    return ticket, request_options(step)


def sign_in_by_passkey(ticket: str, credential: str, *, device: str) -> tuple[User, str]:
    """The person whose passkey it is, and her new session; flushes. Ends the caller's transaction. Invalid as above."""
    step = try_step(ticket, PASSKEY)
    user = check_passkey(step, credential)
    finish_step(step)
    return user, start_session(user, device=device)


def start_session(user: User, *, device: str) -> str:
    """A new session's token; only its hash is kept. Flushes."""
    token = PREFIX + secrets.token_urlsafe(32)
    now = utcnow()
    started = UserSession(
        token_hash=token_hash(token), user_id=user.id, device=" ".join(device.replace("\x00", "").split())[:DEVICE_LENGTH],
        created_at=now, last_seen_at=now, confirmed_at=now, expires_at=now + min(_lifetime(), _longest()),
    )
    db.session.add(started)
    db.session.flush()
    record_own(user, "session.started", subject=f"session:{started.id}")
    db.session.flush()
    return token


def end_session(token: str) -> None:
    """Revoke the session of this token, if there is one."""
    db.session.execute(
        update(UserSession)
        .where(UserSession.token_hash == token_hash(token), UserSession.revoked_at.is_(None))
        .values(revoked_at=utcnow())
    )


def end_sessions(user: User | None) -> int:
    """End all sessions of a person, or with None of everybody; returns how many. Flushes."""
    statement = update(UserSession).where(UserSession.revoked_at.is_(None), UserSession.expires_at > utcnow())
    if user is not None:
        statement = statement.where(UserSession.user_id == user.id)
    return len(db.session.execute(statement.values(revoked_at=utcnow()).returning(UserSession.id)).all())


def list_sessions(user: User) -> Sequence[UserSession]:
    """The person's sessions that work, last seen first."""
    return db.session.scalars(
        select(UserSession)
        .where(UserSession.user_id == user.id, UserSession.revoked_at.is_(None), UserSession.expires_at > utcnow())
        .order_by(UserSession.last_seen_at.desc(), UserSession.id.desc())
    ).all()


# How long the password counts as just given, for what a stolen session must not do.
CONFIRMED_FOR = dt.timedelta(minutes=15)


def confirmed(token: str) -> bool:
    """Whether it was proved on this session within CONFIRMED_FOR who sits there."""
    at = db.session.scalar(select(UserSession.confirmed_at).where(UserSession.token_hash == token_hash(token)))
    return at is not None and utcnow() - at < CONFIRMED_FOR


def require_confirmed(user: User) -> None:
    """NotConfirmed unless `confirm` or a sign-in was a moment ago; what this guards would outlast a stolen session."""
    if not confirmed(user.session_token):
        raise NotConfirmed("Give your password first.", field="current_password")


def confirm(user: User, password: str, *, network: str) -> None:
    """Prove with the password who sits at this session; flushes. Ends the caller's open transaction.

    Invalid names `current_password`; TooSoon as at sign-in.
    """
    token, email, present = user.session_token, user.email or "", user.password_hash
    db.session.rollback()
    check_guesses(email, network)
    if not verify_password(present, password):
        count_guess(email, network)
        raise Invalid("This is not your present password.", field="current_password", code="password_wrong")
    db.session.execute(
        update(UserSession).where(UserSession.token_hash == token_hash(token)).values(confirmed_at=utcnow())
        .execution_options(synchronize_session=False)
    )


def is_session_of(row: UserSession, token: str) -> bool:
    """Whether `token` is this session's: "this device"."""
    return row.token_hash == token_hash(token)


def revoke_session(user: User, session_id: int) -> None:
    """End one of the person's own sessions; NotFound for any other."""
    revoked = db.session.execute(
        update(UserSession)
        .where(UserSession.id == session_id, UserSession.user_id == user.id, UserSession.revoked_at.is_(None))
        .values(revoked_at=utcnow()).returning(UserSession.id)
    ).all()
    if not revoked:
        raise NotFound("You have no such session.")


def revoke_others(user: User, keep_token: str) -> int:
    """End all the person's sessions but the one of `keep_token`; returns how many."""
    return len(db.session.execute(
        update(UserSession)
        .where(
            UserSession.user_id == user.id, UserSession.revoked_at.is_(None),
            UserSession.token_hash != token_hash(keep_token),
        )
        .values(revoked_at=utcnow()).returning(UserSession.id)
    ).all())


# Built once, and with the roles in the same statement: a third of what it costs to know who asks.
_WORKING: Final = (
    select(UserSession)
    .where(
        UserSession.token_hash == bindparam("token_hash"), UserSession.revoked_at.is_(None),
        UserSession.expires_at > bindparam("now"),
    )
    .options(joinedload(UserSession.user, innerjoin=True).joinedload(User.roles))
    .execution_options(populate_existing=True)
)


def user_by_token(token: str) -> User | None:
    """The person whose session works with this token; None for any other text.

    Being used keeps a session alive, noted at most once an hour and only by requests that may
    write: a read stays a read. SESSION_MAX_DAYS after its sign-in it ends however much it is used.
    """
    if not token.startswith(PREFIX):
        return None
    now = utcnow()
    row = db.session.scalars(_WORKING, {"token_hash": token_hash(token), "now": now}).unique().one_or_none()
    if row is None:
        return None
    if write_intent.get() and now - row.last_seen_at > TOUCH_AFTER:
        begin_writing(db.session)
        row.last_seen_at = now
        row.expires_at = min(now + _lifetime(), row.created_at + _longest())
    user = row.user
    user.session_token, user.scopes, user.key_site_id, user.key_id = token, None, None, None
    return user


def login(user: User, token: str) -> None:
    """Have this browser's cookie carry the session; whatever else it held is dropped.

    Its CSRF secret stays: forms open in other tabs, with what was typed into them, keep working.
    """
    csrf_secret = session.get("csrf_token")
    session.clear()
    if csrf_secret is not None:
        session["csrf_token"] = csrf_secret
    user.session_token = token
    login_user(user)


def logout() -> None:
    """End the session this browser's cookie carries and forget all it held."""
    token = session.get("_user_id")
    if token is not None:
        end_session(token)
    logout_user()
    session.clear()
    g.pop("csrf_token", None)  # flask-wtf's for this request; the next form gets a new secret


def init_app(app: Flask) -> None:
    """Tell the application how a request says who it is from."""
    app.permanent_session_lifetime = _lifetime(app)
    app.config.update(SESSION_COOKIE_NAME=COOKIE, SESSION_REFRESH_EACH_REQUEST=False)
    app.session_interface = CookieByPath()
    # Its fingerprint of address and browser signs people out who change from Wi-Fi to mobile.
    manager.session_protection = None
    manager.user_loader(_load_from_cookie)
    manager.request_loader(_load_from_header)
    manager.unauthorized_handler(_unauthorized)


def _lifetime(app: Flask | None = None) -> dt.timedelta:
    settings: Settings = (app or current_app).config["SETTINGS"]
    return dt.timedelta(days=settings.SESSION_DAYS)


def _longest() -> dt.timedelta:
    settings: Settings = current_app.config["SETTINGS"]
    return dt.timedelta(days=settings.SESSION_MAX_DAYS)


def _load_from_cookie(token: str) -> User | None:
    if request.path.startswith(BEARER_PATHS):
        return None
    user = user_by_token(token)
    if user is not None and write_intent.get():
        # Sends the cookie again, at most once a day, so that it lives as long as the session.
        today = utcnow().date().toordinal()
        if session.get("renewed") != today:
            session["renewed"] = today
    return user


def _load_from_header(incoming: Request) -> User | None:
    if not incoming.path.startswith(BEARER_PATHS):
        return None
    authorization = incoming.authorization
    if authorization is None or authorization.type != "bearer" or not authorization.token:
        return None
    return user_by_token(authorization.token) or user_by_key(authorization.token)


def _unauthorized() -> NoReturn:
    raise NotSignedIn("Sign in to do this.")


class CookieByPath(SecureCookieSessionInterface):
    """One cookie for pages of our own, one for framed pages, none where bearer tokens count.

    A framed page is a third party to the browser: its cookie is Partitioned, so that it works
    where third-party cookies are blocked, and is never sent to a page that is not framed.
    """

    digest_method = staticmethod(hashlib.sha256)

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        if request.path.startswith(BEARER_PATHS) or self.get_cookie_name(app) not in request.cookies:
            return SecureCookieSession()  # without the making of a signer, which is 3 % of a page that is kept
        return super().open_session(app, request)

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if request.path.startswith(BEARER_PATHS) or COOKIELESS in request.environ:
            return
        if session and session.modified:
            session.permanent = True  # a closed browser does not sign out
        super().save_session(app, session, response)

    def get_cookie_name(self, app: Flask) -> str:
        return FRAMED_COOKIE if _framed() else cookie_name(secure=super().get_cookie_secure(app))

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002
        return "/"  # HOST_ONLY asks for it; by its name each cookie counts on its own pages alone

    def get_cookie_samesite(self, app: Flask) -> str:  # noqa: ARG002
        return "None" if _framed() else "Lax"

    def get_cookie_partitioned(self, app: Flask) -> bool:  # noqa: ARG002
        return _framed()

    def get_cookie_secure(self, app: Flask) -> bool:
        # Browsers drop a cross-site cookie that is not Secure; they accept it from localhost.
        return _framed() or super().get_cookie_secure(app)


def person_on_our_pages() -> User | None:
    """Who is signed in on pages of our own, asked by a framed one: its own cookie is another. None inside other sites' pages."""
    secure = bool(current_app.config["SESSION_COOKIE_SECURE"])
    serializer = SecureCookieSessionInterface.get_signing_serializer(CookieByPath(), current_app)
    try:
        found = serializer.loads(request.cookies.get(cookie_name(secure=secure), ""), max_age=int(_lifetime().total_seconds())) if serializer else {}
    except BadSignature:
        return None
    return user_by_token(str(found.get("_user_id", "")))


def cookie_name(*, secure: bool) -> str:
    """What the cookie of our own pages is called."""
    return HOST_ONLY + COOKIE if secure else COOKIE


def _framed() -> bool:
    return request.path == FRAMED_PATH or request.path.startswith(f"{FRAMED_PATH}/")
