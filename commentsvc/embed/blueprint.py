"""The blueprint: CSRF before every POST, and whose request it is."""

from __future__ import annotations

from flask import Blueprint, Response, current_app, request

from commentsvc.accounts.sessions import COOKIELESS
from commentsvc.extensions import csrf, limiter
from commentsvc.pages import content_security_policy, csp_nonce
from commentsvc.sites.models import Site
from commentsvc.web import limit_key, settings_of

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
