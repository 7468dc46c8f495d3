"""What all HTML pages share: nonces, headers, error pages, filters."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

from flask import (
    Flask,
    Response,
    current_app,
    g,
    render_template,
    request,
    send_from_directory,
    url_for,
)
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from commentsvc.accounts.models import FORMER_READER
from commentsvc.database import utcnow
from commentsvc.errors import CommentsvcError, NotSignedIn, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import N_, day, gettext, language, ngettext, number, score, set_language
from commentsvc.web import browser_language, reader

CSP = "csp"


def csp_nonce() -> str:
    """This response's nonce; a page that may be cached sets its own beforehand in `g`."""
    if "csp_nonce" not in g:
        g.csp_nonce = secrets.token_urlsafe(16)
    nonce: str = g.csp_nonce
    return nonce


def content_security_policy(nonce: str, *, ancestors: list[str]) -> str:
    """The policy of our own pages: nothing inline without the nonce, nothing from elsewhere."""
    return "; ".join([
        "default-src 'none'", "object-src 'none'", f"script-src 'nonce-{nonce}'", f"style-src 'nonce-{nonce}'",
        "img-src 'self' data:", "font-src 'self'", "connect-src 'self'", "form-action 'self'",
        "base-uri 'none'", "frame-ancestors " + (" ".join(ancestors) or "'none'"),
    ])


def ago(moment: dt.datetime, now: dt.datetime | None = None) -> str:
    """“just now”, “5 min ago”, “3 h ago”, “2 d ago”, then the date, in the reader's language."""
    seconds = int(((now or utcnow()) - moment).total_seconds())
    if seconds < 60:
        return gettext("just now")
    if seconds < 3600:
        return ngettext("%(num)s min ago", "%(num)s min ago", seconds // 60)
    if seconds < 86400:
        return ngettext("%(num)s h ago", "%(num)s h ago", seconds // 3600)
    if seconds < 7 * 86400:
        return ngettext("%(num)s d ago", "%(num)s d ago", seconds // 86400)
    return day(moment)


def _locale() -> str:
    """Where dates are written as the reader's language has them: English as in Britain, days before months."""
    return "en_GB" if language() == "en" else language()


def date_words(moment: dt.date) -> str:
    """“26 November 2026”."""
    from babel.dates import format_date

    return format_date(moment, "long", locale=_locale())


def day_words(moment: dt.date, skeleton: str = "MMMMd") -> str:
    """“26 November”: a day of this year, or whatever else a CLDR skeleton asks for."""
    from babel.dates import format_skeleton

    return format_skeleton(skeleton, moment, locale=_locale())


def datetime_words(moment: dt.datetime) -> str:
    """“26 November 2026, 14:05”, in the moment's own time zone."""
    from babel.dates import format_time

    return gettext("%(date)s, %(time)s", date=date_words(moment), time=format_time(moment, "HH:mm", tzinfo=moment.tzinfo, locale=_locale()))


def utc_words(moment: dt.datetime) -> str:
    """The same of a moment in UTC, which it says."""
    return f"{datetime_words(moment)} UTC"


def called(name: str) -> str:
    """The name of somebody; of who asked to be forgotten, words in the reader's language."""
    return gettext(FORMER_READER) if name == FORMER_READER else name


def initials(name: str) -> str:
    """Up to two letters that stand for a person."""
    words = [w for w in name.split() if w[0].isalnum()]
    return ((words[0][0] + (words[-1][0] if len(words) > 1 else "")) if words else "?").upper()


def hue(name: str) -> int:
    """One of twelve avatar colours, the same for the same name."""
    return crc32(name.encode("utf-8", "ignore")) % 12


@dataclass(frozen=True)
class Problems:
    """How the JSON API writes errors; this module serves its addresses' errors with them."""

    of_domain: Callable[[CommentsvcError], Any]
    of_http: Callable[[HTTPException], Any]


def init_app(app: Flask, problems: Problems) -> None:
    """Register filters, headers and error pages."""
    app.extensions["commentsvc.problems"] = problems
    app.jinja_env.filters.update(ago=ago, called=called, initials=initials, hue=hue)
    app.jinja_env.filters.update(date=date_words, day=day_words, datetime=datetime_words, number=number, score=score)
    app.jinja_env.globals.update(csp_nonce=csp_nonce, csrf_token=generate_csrf, static=static_url)
    # Lazy: a page that is the same for everyone asks nobody who she is.
    app.context_processor(lambda: {"reader": LocalProxy(reader)})
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.add_extension("jinja2.ext.do")

    @app.after_request
    def headers(response: Response) -> Response:
        if request.endpoint == "static" and "v" in request.args:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        if response.mimetype == "text/html":
            response.headers.setdefault("Content-Security-Policy", content_security_policy(csp_nonce(), ancestors=[]))
            response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    def finish(response: Response) -> Response:
        # Flask-Limiter adds it to every answer it counts: a success asks nobody to wait.
        if response.status_code < 400:
            response.headers.pop("Retry-After", None)
        return response

    # Runs last, after Flask-Limiter's: Flask calls these in reverse.
    app.after_request_funcs.setdefault(None, []).insert(0, finish)

    @app.get("/favicon.ico")
    def favicon() -> Response:
        """The icon where browsers look for it unasked."""
        return send_from_directory(str(app.static_folder), "favicon.svg", max_age=86400)

    app.register_error_handler(CommentsvcError, _domain_error)
    app.register_error_handler(HTTPException, _http_error)


def static_url(filename: str) -> str:
    """A static file's address, which changes when the file does, so that it can be kept forever."""
    return url_for("static", filename=filename, v=_fingerprint(filename))


@cache
def _fingerprint(filename: str) -> str:
    path = Path(__file__).parent / "static" / filename
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "0"


def wants_json() -> bool:
    """Whether this request belongs to the JSON API."""
    return request.path.startswith(("/api/", "/v1alpha1/"))


def _domain_error(error: CommentsvcError) -> Any:
    db.session.rollback()
    if wants_json():
        return current_app.extensions["commentsvc.problems"].of_domain(error)
    response = Response(error_page(error.status, error.told, sign_in=isinstance(error, NotSignedIn)), error.status)
    if isinstance(error, TooSoon):
        response.headers["Retry-After"] = str(error.retry_after)
    return response


def _http_error(error: HTTPException) -> Any:
    db.session.rollback()
    if wants_json():
        return current_app.extensions["commentsvc.problems"].of_http(error)
    if error.code is not None and error.code < 400:
        return error
    if request.url_rule is None:  # of no surface, which would have said
        set_language(browser_language())
    messages = {
        404: N_("There is nothing at this address."), 405: N_("This page cannot do that."),
        413: N_("That is more than this page can take."), 429: N_("That was a little fast. Wait a moment and try again."),
    }
    code = error.code or 500
    response = Response(error_page(code, gettext(messages[code]) if code in messages else error.description or gettext("Something went wrong.")), code)
    for name, value in error.get_headers():
        if name in {"Retry-After", "Allow"}:
            response.headers[name] = value
    return response


def error_page(status: int, message: str, *, sign_in: bool = False) -> str:
    """The HTML page of an error."""
    return render_template("layouts/error.html", status=status, message=message, sign_in=sign_in)
