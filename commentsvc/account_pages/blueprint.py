"""The blueprint: CSRF before every POST, and errors that redraw the form with what was typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import (
    Blueprint,
    Response,
    current_app,
    flash,
    g,
    make_response,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import TooManyRequests

from commentsvc.account_pages.targets import article_target, local_target
from commentsvc.accounts.passkeys import relying_party
from commentsvc.errors import (
    CommentsvcError,
    NotConfirmed,
    NotFound,
    NotSignedIn,
    SecondFactorNeeded,
    TooSoon,
)
from commentsvc.extensions import csrf, db, limiter
from commentsvc.i18n import gettext
from commentsvc.pages import error_page
from commentsvc.web import SAFE_METHODS, form_sent, speak_to_reader

account = Blueprint("account", __name__, url_prefix="/account")

# One count for sign-ups, sign-ins, codes and resets of an address: guessing has one budget.
account_limit = limiter.shared_limit(
    lambda: current_app.config["SETTINGS"].LIMIT_ACCOUNT, scope="account", methods=["POST"]
)

# What is never sent back to the browser, whatever goes wrong.
SECRETS = frozenset({"password", "current_password", "csrf_token", "ticket", "credential"})

# In the cookie between the password and the second factor.
STEP = "sign_in_step"

# Their authority is the address, not a cookie's: mail programs send them, and have none of our forms.
BY_ADDRESS = frozenset({"account.stop_morning_mail", "account.unsubscribe"})

_pages: dict[str, Callable[..., str]] = {}


def redrawn_by(draw: Callable[..., str]) -> Callable[[Any], Any]:
    """Name the function that draws the form of a view; it is given the view's path arguments."""

    def register(view: Any) -> Any:
        _pages[f"account.{view.__name__}"] = draw
        return view

    return register


account.before_request(speak_to_reader)


@account.before_request
def check_csrf() -> None:
    """Refuse a POST that does not come from one of our own forms."""
    if request.endpoint in BY_ADDRESS:
        return
    csrf.protect()  # of the methods that write


@account.after_request
def keep_tokens_private(response: Response) -> Response:
    """An address that carries a token must not travel on as a referrer."""
    if "token" in (request.view_args or {}):
        response.headers["Referrer-Policy"] = "no-referrer"
    return response


@account.context_processor
def form_state() -> dict[str, object]:
    """What was typed (never a password), and what was wrong with it by field ("": all of it)."""
    typed = {name: value for name, value in form_sent().items() if name not in SECRETS}
    return {"typed": typed, "errors": g.get("form_errors", {}), "next": wanted_target()}


def wanted_target() -> str:
    """Where the reader wants to go afterwards, if she may."""
    target = form_sent().get("next") or request.args.get("next")
    return local_target(target) or article_target(target)


def device() -> str:
    """The browser, as it names itself."""
    return request.headers.get("User-Agent", "")


@account.errorhandler(CommentsvcError)
def domain_error(error: CommentsvcError) -> Response:
    """Say what was wrong beside the form, or ask to sign in first."""
    if isinstance(error, NotSignedIn):
        db.session.rollback()
        return _sign_in_first()
    response = _redraw(error.told, error.status, field=error.field)
    if isinstance(error, TooSoon):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


@account.errorhandler(SecondFactorNeeded)
def code_next(error: SecondFactorNeeded) -> Response:
    """On to the form for the code; its ticket waits in the cookie, and where to go afterwards."""
    session[STEP] = {"ticket": error.ticket, "next": wanted_target()}
    return make_response(redirect(url_for("account.step_form"), 303))


@account.errorhandler(NotConfirmed)
def confirm_first(error: NotConfirmed) -> Response:
    """Back to the page, which asks for the password."""
    db.session.rollback()
    flash(error.told)
    return make_response(redirect(url_for("account.factors"), 303))


@account.errorhandler(CSRFError)
def csrf_error(_error: CSRFError) -> Response:
    """Draw the form again with a token that works."""
    return _redraw(gettext(
        "Nothing was sent: this page had been open for too long, or your browser refuses our cookies. "
        "What you typed is still here, passwords apart. Send it again."
    ), 400,
    )


@account.errorhandler(TooManyRequests)
def limit_error(_error: TooManyRequests) -> Response:
    """Draw the form again; limits answer before the view runs."""
    return _redraw(
        gettext("That was too many tries. What you typed is still here, passwords apart: wait a minute, then send it again."),
        429,
    )


def _redraw(message: str, status: int, *, field: str | None = None) -> Response:
    """The form again, with the message beside its field; the error page where there is no form."""
    db.session.rollback()
    draw = _pages.get(request.endpoint or "")
    if draw is None:
        return make_response(error_page(status, message), status)
    g.form_errors = {field or "": message}
    try:
        return make_response(draw(**(request.view_args or {})), status)
    except NotSignedIn:  # the session ended while the form was open
        return _sign_in_first()
    except NotFound:  # what the form is about is not hers, or not there
        return make_response(error_page(status, message), status)


def _sign_in_first() -> Response:
    """The sign-in form in place of the page, which follows once signed in; a text that was typed stays above it."""
    page = request.path if request.method in SAFE_METHODS else url_for("account.settings")
    puid, kept = (request.view_args or {}).get("puid"), ""
    if puid is not None:
        page, kept = url_for("account.statement", puid=puid), form_sent().get("text", "")
    return make_response(render_template("account/sign_in.html", next=page, typed={}, errors={}, first=True, kept=kept, passkeys=relying_party() is not None), 401)
