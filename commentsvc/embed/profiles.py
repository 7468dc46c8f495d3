"""A person's public page on a site: the same for everybody, so that anybody may cache it."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, g, redirect, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from commentsvc.embed.appearance import Appearance
from commentsvc.embed.assets import assets
from commentsvc.embed.blueprint import for_everybody, read_limit, speak
from commentsvc.embed.cache import nonce_of, period
from commentsvc.embed.view import render_public
from commentsvc.i18n import language
from commentsvc.moderation.profiles import Moved, find_profile, page_of_history
from commentsvc.pages import content_security_policy
from commentsvc.sites.articles import get_site

profiles = Blueprint("profiles", __name__, url_prefix="/people")

# As a conversation: what a decision takes out of it is gone from everywhere after a second.
CACHEABLE = "public, max-age=0, s-maxage=1, must-revalidate"


@profiles.get("/<site_key>/<profile_id>")
@read_limit
def profile(site_key: str, profile_id: str) -> AnyResponse:
    """Who she is and what she has published there, latest first; four statements."""
    for_everybody()
    site = get_site(site_key)
    asked = speak(site.language)
    after = request.args.get("after") or None
    try:
        person = find_profile(site, profile_id)
        said, following = page_of_history(site, person, after)
    except Moved as moved:
        return _unlisted(redirect(url_for("profiles.profile", site_key=site_key, profile_id=moved.to, lang=asked), 302))
    named = (
        site.id, site.version, language(), asked, after, person, said, following is None, request.script_root, assets().version,
        period(), nonce_of(""),
    )
    etag = hashlib.sha256(repr(named).encode()).hexdigest()[:32]
    g.csp_nonce = nonce_of(etag)
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        response = Response(
            render_public(
                "embed/profile.html", site=site, person=person, said_here=said, more=following, after=after, root=request.script_root, asked=asked,
                respect=site.policy.respect, appearance=Appearance(),
            ),
            mimetype="text/html",
        )
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = CACHEABLE
    response.headers["Content-Security-Policy"] = content_security_policy(g.csp_nonce, ancestors=[])
    return _unlisted(response)


def _unlisted(response: AnyResponse) -> AnyResponse:
    """No search engine should keep what a person may take back."""
    response.headers["X-Robots-Tag"] = "noindex"
    return response
