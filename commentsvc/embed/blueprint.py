"""The blueprint: CSRF before every POST, and whose request it is."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from commentsvc.accounts.sessions import COOKIELESS
from commentsvc.extensions import csrf, limiter
from commentsvc.i18n import set_language, supported
from commentsvc.pages import content_security_policy, csp_nonce
from commentsvc.sites.models import Site
from commentsvc.web import SAFE_METHODS, browser_language, form_sent, limit_key, settings_of

embed = Blueprint("embed", __name__, url_prefix="/embed")

# Sent by widget.js: the answer is then JSON with fragments and not a page. No page of another
# origin can send it without asking first, and we never allow that.
BY_SCRIPT = "commentsvc"

# The same count as the account pages': guessing has one budget, wherever the form is.
account_limit = limiter.shared_limit(
    lambda: settings_of(current_app).LIMIT_ACCOUNT, scope="account", methods=["POST"]
)
post_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_POST, key_func=limit_key)
react_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_REACT, key_func=limit_key)
read_limit = limiter.limit(lambda: settings_of(current_app).LIMIT_READ)


@embed.before_request
def speak_first() -> None:
    """Until it is known which site this is about: the language asked for, else the browser's."""
    set_language(asked_language() or browser_language())


def asked_language() -> str | None:
    """The language that the address, the form or widget.js names: the tag's, where it has one."""
    asked = request.args.get("lang")
    if asked is None and request.method not in SAFE_METHODS:
        asked = form_sent().get("lang")
    if asked is None and by_script() and COOKIELESS not in request.environ:
        return browser_language()  # it sends the page's; what is for everybody depends on its address alone
    return supported(asked)


def speak(language: str) -> str | None:
    """Give this answer's texts in the language asked for, else in the site's, which is `language`.

    What is returned is the one asked for, where it differs: links and forms carry it on.
    """
    own = supported(language) or "en"
    asked = asked_language()
    set_language(asked or own)
    return asked if asked != own else None


@embed.before_request
def check_csrf() -> None:
    """Refuse a POST that does not come from one of our own forms."""
    csrf.protect()  # of the methods that write


def by_script() -> bool:
    """Whether widget.js asks, rather than a plain form."""
    return request.headers.get("X-Requested-With") == BY_SCRIPT


def for_everybody() -> None:
    """Promise that this answer depends on no cookie, so that any cache may keep it."""
    request.environ[COOKIELESS] = True


def device() -> str:
    """The browser, as it names itself."""
    return request.headers.get("User-Agent", "")


def frame(response: Response, site: Site | None) -> Response:
    """Let the site's origins, and nobody else, frame this page."""
    ancestors = ["'self'", *(site.origins if site else ())]
    response.headers["Content-Security-Policy"] = content_security_policy(csp_nonce(), ancestors=ancestors)
    return response
