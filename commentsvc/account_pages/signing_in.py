"""Signing in and out."""

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
from commentsvc.accounts.sessions import end_session, login, logout, sign_in
from commentsvc.extensions import client_network, db
from commentsvc.web import reader


def draw_sign_in() -> str:
    """The form."""
    return render_template("account/sign_in.html")


@account.get("/sign-in")
def sign_in_form() -> str | Response:
    """Ask for address and password."""
    if reader() is not None:
        return redirect(local_target(wanted_target()) or url_for("account.settings"), 303)
    return draw_sign_in()


@account.post("/sign-in")
@redrawn_by(draw_sign_in)
@account_limit
def sign_in_view() -> Response:
    """Sign in, in place of whoever was; then on to `next`."""
    before = session.get("_user_id", "")
    user, token = sign_in(request.form.get("email", ""), request.form.get("password", ""), device=device(), network=client_network())
    end_session(before)
    db.session.commit()
    login(user, token)
    return redirect(local_target(wanted_target()) or url_for("account.settings"), 303)


@account.post("/sign-out")
@redrawn_by(draw_sign_in)
def sign_out() -> Response:
    """End this session."""
    logout()
    db.session.commit()
    flash("You are signed out.")
    return redirect(url_for("account.sign_in_form"), 303)
