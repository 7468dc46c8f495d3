"""Signing up, and proving the address by code or by link."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import (
    account,
    account_limit,
    device,
    redrawn_by,
    wanted_target,
)
from commentsvc.account_pages.targets import local_target
from commentsvc.accounts.models import User
from commentsvc.accounts.registration import (
    began_with,
    check_link_password,
    peek_registration,
    resend_code,
    start_registration,
    verify_by_code,
    verify_by_link,
)
from commentsvc.accounts.sessions import login, start_session
from commentsvc.extensions import db
from commentsvc.i18n import gettext

# In the cookie until the code is entered: a reload, or a look at the mail, loses nothing.
PENDING = "registration"


def draw_sign_up() -> str:
    """The form of the first step."""
    return render_template("account/sign_up.html")


def draw_code() -> str:
    """The form of the second step."""
    pending = session.get(PENDING, {})
    return render_template("account/code.html", email=pending.get("email", ""), next=pending.get("next", ""))


def draw_link(token: str) -> str:
    """The button that confirms, or that the link is used up."""
    return render_template("account/confirm.html", name=peek_registration(token), ask=not _begun_here(token))


def _begun_here(token: str) -> bool:
    """Whether this very browser signed up with this link's address."""
    return began_with(session.get(PENDING, {}).get("handle", ""), token)


@account.get("/sign-up")
def sign_up_form() -> str:
    """Ask for address, name and password."""
    return draw_sign_up()


@account.post("/sign-up")
@redrawn_by(draw_sign_up)
@account_limit
def sign_up() -> Response:
    """Begin the sign-up; the answer is the same for every address."""
    target = wanted_target()
    started = start_registration(
        request.form.get("email", ""), request.form.get("display_name", ""), request.form.get("password", ""),
        return_to=target or None,
    )
    db.session.commit()
    session[PENDING] = {"handle": started.handle, "email": started.email, "next": target}
    return redirect(url_for("account.code_form"), 303)


@account.get("/verify")
def code_form() -> str | Response:
    """Ask for the code."""
    if PENDING not in session:
        flash(gettext("There is no sign-up waiting in this browser. Open the link in the mail, or sign up again."))
        return redirect(url_for("account.sign_up_form"), 303)
    return draw_code()


@account.post("/verify")
@redrawn_by(draw_code)
@account_limit
def verify_code() -> Response:
    """Make the account and sign in."""
    pending = session.get(PENDING, {})
    user = verify_by_code(pending.get("handle", ""), request.form.get("code", ""))
    return _welcome(user, pending.get("next", ""))


@account.post("/verify/resend")
@redrawn_by(draw_code)
@account_limit
def resend() -> Response:
    """Send the mail again."""
    pending = session.get(PENDING, {})
    resend_code(pending.get("handle", ""), return_to=pending.get("next") or None)
    db.session.commit()
    flash(gettext("We sent the mail again."))
    return redirect(url_for("account.code_form"), 303)


@account.get("/verify/<token>")
def link_form(token: str) -> tuple[str, int]:
    """Only asks: programs that scan mails follow every link in them. 410 when the link is used up."""
    return draw_link(token), 200 if peek_registration(token) else 410


@account.post("/verify/<token>")
@redrawn_by(draw_link)
@account_limit
def verify_link(token: str) -> Response:
    """Make the account and sign in; another browser than the one that signed up gives the password."""
    if not _begun_here(token):
        check_link_password(token, request.form.get("password", ""))
    return _welcome(verify_by_link(token), wanted_target())


@account.get("/welcome")
def welcome() -> str:
    """Back to the article by a link: the form's policy lets no redirect leave this service."""
    return render_template("account/welcome.html")


def _welcome(user: User, target: str) -> Response:
    token = start_session(user, device=device())
    db.session.commit()
    login(user, token)
    if target and not local_target(target):
        return redirect(url_for("account.welcome", next=target), 303)
    flash(gettext("Welcome, %(name)s. Your account is ready.", name=user.display_name))
    return redirect(target or url_for("account.settings"), 303)
