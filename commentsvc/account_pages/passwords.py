"""Forgotten passwords."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, device, redrawn_by
from commentsvc.accounts.resets import peek_reset, request_reset, reset_password
from commentsvc.accounts.sessions import admit, login
from commentsvc.extensions import db
from commentsvc.i18n import gettext


def draw_forgot() -> str:
    """The form for the address."""
    return render_template("account/forgot.html")


def draw_reset(token: str) -> str:
    """The form for the new password, or that the link is used up."""
    return render_template("account/reset.html", usable=peek_reset(token))


@account.get("/forgot")
def forgot_form() -> str:
    """Ask for the address."""
    return draw_forgot()


@account.post("/forgot")
@redrawn_by(draw_forgot)
@account_limit
def forgot() -> str:
    """Send the link; the answer is the same for every address."""
    request_reset(request.form.get("email", ""))
    db.session.commit()
    return render_template("account/forgot.html", sent_to=request.form["email"].strip())


@account.get("/reset/<token>")
def reset_form(token: str) -> tuple[str, int]:
    """Ask for the new password; 410 when the link is used up."""
    return draw_reset(token), 200 if peek_reset(token) else 410


@account.post("/reset/<token>")
@redrawn_by(draw_reset)
@account_limit
def reset(token: str) -> Response:
    """Set the new password and sign in."""
    user = reset_password(token, request.form.get("password", ""))
    session_token = admit(user, device=device())
    db.session.commit()
    login(user, session_token)
    flash(gettext("Your new password is set, and every other device is signed out."))
    return redirect(url_for("account.settings"), 303)
