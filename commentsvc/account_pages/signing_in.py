"""Signing in and out."""

from __future__ import annotations

from contextlib import suppress

from flask import flash, g, jsonify, redirect, render_template, request, session, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import (
    STEP,
    account,
    account_limit,
    device,
    redrawn_by,
    wanted_target,
)
from commentsvc.account_pages.targets import local_target
from commentsvc.accounts.external import link
from commentsvc.accounts.factors import factors_of
from commentsvc.accounts.models import User
from commentsvc.accounts.oidc import Identity, providers
from commentsvc.accounts.passkeys import relying_party, request_options
from commentsvc.accounts.sessions import (
    begin_passkey_sign_in,
    end_session,
    finish_sign_in,
    login,
    logout,
    sign_in,
    sign_in_by_passkey,
)
from commentsvc.accounts.steps import CODE, expired, peek_step
from commentsvc.errors import Conflict
from commentsvc.extensions import client_network, db
from commentsvc.i18n import gettext
from commentsvc.web import reader

# In the cookie: who somebody is at a provider, when the address has an account here. Its owner signs in, and they are joined.
JOINING = "joining"


def draw_sign_in(**given: str) -> str:
    """The form."""
    return render_template("account/sign_in.html", passkeys=relying_party() is not None, providers=providers(), **given)


def _join(user: User) -> None:
    """Join what a provider said with the account it was about, now that its owner is here; flushes."""
    waiting = session.pop(JOINING, None)
    if waiting is None or waiting["email"] != user.email:
        return
    with suppress(Conflict):  # it was joined with another account meanwhile
        link(user, Identity(waiting["issuer"], waiting["subject"], "", waiting["email"]))
        flash(gettext("The two are joined: you can sign in either way."))


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
    _join(user)
    db.session.commit()
    login(user, token)
    return redirect(local_target(wanted_target()) or url_for("account.settings"), 303)


def draw_step() -> str:
    """The form for the code, and the passkeys where there are any; the first form where nothing waits for a code."""
    step = peek_step(_waiting().get("ticket", ""), CODE)
    if step is None or step.user_id is None:
        g.form_errors = {"": g.get("form_errors", {}).get("") or expired().told}
        return draw_sign_in(next=_waiting().get("next", "")) if _waiting() else draw_sign_in()
    factors = factors_of(db.session.get_one(User, step.user_id))
    passkey = request_options(step, factors.passkeys) if factors.passkeys and relying_party() else ""
    return render_template("account/step.html", factors=factors, passkey=passkey, next=_waiting().get("next", ""))


def _waiting() -> dict[str, str]:
    found: dict[str, str] = session.get(STEP, {})
    return found


@account.get("/sign-in/code")
def step_form() -> str:
    """Ask for the second factor."""
    return draw_step()


@account.post("/sign-in/code")
@redrawn_by(draw_step)
@account_limit
def step() -> Response:
    """Sign in, as the code or the passkey is right; then on to where the sign-in was to lead."""
    before, waiting = session.get("_user_id", ""), _waiting()
    user, token = finish_sign_in(
        waiting.get("ticket", ""), device=device(), network=client_network(), code=request.form.get("code", ""),
        credential=request.form.get("credential", ""),
    )
    end_session(before)
    _join(user)
    db.session.commit()
    login(user, token)
    return redirect(local_target(waiting.get("next")) or url_for("account.settings"), 303)


@account.post("/sign-in/passkey/options")
@account_limit
def passkey_options() -> Response:
    """For account.js: what the browser needs to find a passkey of ours."""
    ticket, options = begin_passkey_sign_in()
    db.session.commit()
    return jsonify(ticket=ticket, options=options)


@account.post("/sign-in/passkey")
@redrawn_by(draw_sign_in)
@account_limit
def sign_in_with_passkey() -> Response:
    """Sign in by a passkey alone: it is both, what she has and what unlocks it."""
    before = session.get("_user_id", "")
    user, token = sign_in_by_passkey(request.form.get("ticket", ""), request.form.get("credential", ""), device=device())
    end_session(before)
    _join(user)
    db.session.commit()
    login(user, token)
    return redirect(local_target(wanted_target()) or url_for("account.settings"), 303)


@account.post("/sign-out")
@redrawn_by(draw_sign_in)
def sign_out() -> Response:
    """End this session."""
    logout()
    db.session.commit()
    flash(gettext("You are signed out."))
    return redirect(url_for("account.sign_in_form"), 303)
