"""One's own data: consents, the download, another address, and deleting the account."""

from __future__ import annotations

from flask import Response as FlaskResponse
from flask import flash, redirect, render_template, request, send_file, url_for
from werkzeug.wrappers import Response

from commentsvc.account_pages.blueprint import account, account_limit, redrawn_by
from commentsvc.account_pages.settings import draw_settings
from commentsvc.accounts.addresses import ask_for_address, peek_address, take_address
from commentsvc.accounts.resets import confirm_password
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import client_network, db
from commentsvc.i18n import N_, gettext, in_language, language
from commentsvc.privacy.consents import (
    TEXTS,
    consents_of,
    history_of,
    parse_purpose,
    record_consent,
)
from commentsvc.privacy.erasure import GRACE, ask_erasure, erasure_of, take_back
from commentsvc.privacy.takeout import file_name, takeout_zip
from commentsvc.privacy.training import exports_with
from commentsvc.web import signed_in

CHOICES = {"keep": N_("Keep my comments, under the name “Former reader”"), "remove": N_("Remove my comments; answers to them stay")}


def draw_my_data(**_path: object) -> str:
    """The whole page."""
    user = signed_in()
    return render_template(
        "account/my_data.html", user=user, texts=TEXTS, answers=consents_of(user), history=history_of(user),
        exports=exports_with(user), erasure=erasure_of(user), choices=CHOICES, grace=GRACE.days,
    )


def draw_address(token: str) -> str:
    """The button that confirms, or that the link is used up."""
    return render_template("account/address.html", email=peek_address(token))


@account.get("/my-data")
def my_data() -> str:
    """What I agreed to, what is known of me, and leaving."""
    return draw_my_data()


@account.post("/consents/<purpose>")
@redrawn_by(draw_my_data)
@account_limit
def answer_consent(purpose: str) -> Response:
    """Say yes or no to one purpose."""
    granted = request.form.get("granted")
    if granted not in {"yes", "no"}:
        raise Invalid("Choose yes or no.", field="granted")
    user, chosen = signed_in(), parse_purpose(purpose)
    with in_language(request.form.get("language") or language()):  # of the page, whatever another tab has chosen since
        entry = record_consent(user, chosen, granted=granted == "yes", seen=request.form.get("seen"))
    db.session.commit()
    if entry is None:
        flash(gettext("Nothing changed: this is what you said before."))
    elif entry.granted:
        flash(gettext("Thank you. Your comments may train the moderation model, until you say no."))
    else:
        flash(gettext("Your comments do not train the moderation model."))
    return redirect(url_for("account.my_data"), 303)


@account.post("/my-data/download")
@redrawn_by(draw_my_data)
@account_limit
def download() -> FlaskResponse:
    """Everything, as a zip; the password first, for a device may be found by somebody else."""
    user = confirm_password(signed_in(), request.form.get("current_password", ""), network=client_network())
    response = send_file(takeout_zip(user), "application/zip", as_attachment=True, download_name=file_name(user, utcnow()))
    response.headers["Cache-Control"] = "private, no-store"
    return response


@account.post("/address")
@redrawn_by(draw_settings)
@account_limit
def change_address() -> Response:
    """Send a link to the new address."""
    email = request.form.get("email", "")
    user = confirm_password(signed_in(), request.form.get("current_password", ""), network=client_network())
    sent_to = ask_for_address(user, email)
    db.session.commit()
    flash(gettext("We have written to %(email)s. The address is changed once you open the link in that mail.", email=sent_to))
    return redirect(url_for("account.settings"), 303)


@account.get("/address/<token>")
def address_form(token: str) -> tuple[str, int]:
    """Ask to confirm; 410 when the link is used up."""
    return draw_address(token), 200 if peek_address(token) else 410


@account.post("/address/<token>")
@redrawn_by(draw_address)
@account_limit
def confirm_address(token: str) -> Response:
    """Take the new address."""
    take_address(token)
    db.session.commit()
    flash(gettext("Your address is changed."))
    return redirect(url_for("account.settings"), 303)


@account.post("/delete")
@redrawn_by(draw_my_data)
@account_limit
def delete_account() -> Response:
    """Have the account deleted when the time to think it over has passed."""
    choice = request.form.get("comments", "")
    if choice not in CHOICES:
        raise Invalid("Say what becomes of your comments.", field="comments")
    user = confirm_password(signed_in(), request.form.get("current_password", ""), network=client_network())
    ask_erasure(user, remove_comments=choice == "remove")
    db.session.commit()
    return redirect(url_for("account.my_data", _anchor="delete"), 303)


@account.post("/delete/take-back")
@redrawn_by(draw_my_data)
def keep_account() -> Response:
    """Keep the account after all."""
    take_back(signed_in())
    db.session.commit()
    flash(gettext("Your account stays."))
    return redirect(url_for("account.my_data"), 303)
