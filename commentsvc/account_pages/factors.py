"""The second factor of one's own account: set up, shown once, removed."""

from __future__ import annotations

import segno
from flask import flash, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by, wanted_target
from commentsvc.account_pages.targets import local_target
from commentsvc.accounts import factors as verbs
from commentsvc.accounts.passkeys import (
    add_passkey,
    creation_options,
    relying_party,
    remove_passkey,
)
from commentsvc.accounts.roles import roles_of
from commentsvc.accounts.sessions import confirm, confirmed, require_confirmed
from commentsvc.database import utcnow
from commentsvc.extensions import client_network, db
from commentsvc.i18n import gettext
from commentsvc.web import signed_in


def draw_factors(**_path: object) -> str:
    """What is set up; with the buttons to change it once the password was given a moment ago."""
    user = signed_in()
    return render_template(
        "account/factors.html", user=user, factors=verbs.factors_of(user), confirmed=confirmed(user.session_token),
        passkeys=relying_party() is not None, now=utcnow(),
        asking=[grant.site for grant in roles_of(user) if grant.factor_from is not None and user.second_factor_at is None],
    )


def draw_app() -> str:
    """The QR code and the field for its first code; the page before it where nothing waits for one."""
    setup = verbs.pending_totp(signed_in())
    if setup is None:
        return draw_factors()
    code = segno.make(setup.uri, error="m").svg_data_uri(scale=5, border=4, dark="#000", light="#fff", encode_minimal=True)
    return render_template("account/app.html", setup=setup, qr=code, next=wanted_target())


def _codes(codes: list[str]) -> tuple[str, int]:
    """The page itself, not a redirect: what it shows must not be kept anywhere."""
    return render_template("account/recovery_codes.html", codes=codes, next=local_target(wanted_target())), 201


@account.get("/second-factor")
def factors() -> str:
    """What protects the account beside its password."""
    return draw_factors()


@account.post("/second-factor/confirm")
@redrawn_by(draw_factors)
@account_limit
def confirm_password() -> Response:
    """The password once more, before anything here changes."""
    confirm(signed_in(), request.form.get("current_password", ""), network=client_network())
    db.session.commit()
    return redirect(url_for("account.factors", next=local_target(wanted_target()) or None), 303)


@account.post("/second-factor/app")
@redrawn_by(draw_factors)
@account_limit
def begin_app() -> Response:
    """Make a secret for an authenticator app."""
    user = signed_in()
    require_confirmed(user)
    verbs.begin_totp(user)
    db.session.commit()
    return redirect(url_for("account.app_form", next=local_target(wanted_target()) or None), 303)


@account.get("/second-factor/app")
def app_form() -> str:
    """Show the secret while it waits for its first code; to whoever gave the password a moment ago."""
    require_confirmed(signed_in())
    return draw_app()


@account.post("/second-factor/app/code")
@redrawn_by(draw_app)
@account_limit
def confirm_app() -> tuple[str, int] | Response:
    """The first code: from now on the app counts."""
    user = signed_in()
    require_confirmed(user)
    codes = verbs.confirm_totp(user, request.form.get("code", ""), keep_token=user.session_token, network=client_network())
    db.session.commit()
    if codes:
        return _codes(codes)
    flash(gettext("The authenticator app is set up."))
    return redirect(url_for("account.factors"), 303)


@account.post("/second-factor/app/remove")
@redrawn_by(draw_factors)
def remove_app() -> Response:
    """The app's codes count no longer."""
    user = signed_in()
    require_confirmed(user)
    verbs.remove_totp(user)
    db.session.commit()
    flash(gettext("The authenticator app is removed."))
    return redirect(url_for("account.factors"), 303)


@account.post("/second-factor/passkeys/options")
@account_limit
def new_passkey_options() -> Response:
    """For account.js: what the browser needs to make a passkey."""
    user = signed_in()
    require_confirmed(user)
    ticket, options = creation_options(user)
    db.session.commit()
    return jsonify(ticket=ticket, options=options)


@account.post("/second-factor/passkeys")
@redrawn_by(draw_factors)
@account_limit
def new_passkey() -> tuple[str, int] | Response:
    """Keep the passkey that the browser made."""
    user = signed_in()
    require_confirmed(user)
    form = request.form
    codes = add_passkey(
        user, form.get("ticket", ""), form.get("credential", ""), form.get("name", ""), keep_token=user.session_token
    )
    db.session.commit()
    if codes:
        return _codes(codes)
    flash(gettext("The passkey is set up."))
    return redirect(url_for("account.factors"), 303)


@account.post("/second-factor/passkeys/<int:passkey_id>/remove")
@redrawn_by(draw_factors)
def end_passkey(passkey_id: int) -> Response:
    """The passkey counts no longer."""
    user = signed_in()
    require_confirmed(user)
    remove_passkey(user, passkey_id)
    db.session.commit()
    flash(gettext("The passkey is removed. Delete it on your device too."))
    return redirect(url_for("account.factors"), 303)


@account.post("/second-factor/codes")
@redrawn_by(draw_factors)
@account_limit
def new_codes() -> tuple[str, int]:
    """New recovery codes; the former ones count no longer."""
    user = signed_in()
    require_confirmed(user)
    codes = verbs.new_recovery_codes(user)
    db.session.commit()
    return _codes(codes)
