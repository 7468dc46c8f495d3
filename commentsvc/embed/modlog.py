"""The public modlog of a site that publishes it: the same page for everybody, so that anybody may cache it."""

from __future__ import annotations

import hashlib

from flask import Blueprint, Response, g, request

from commentsvc.embed.assets import assets
from commentsvc.embed.blueprint import for_everybody, read_limit, speak
from commentsvc.embed.cache import nonce_of, period
from commentsvc.embed.view import render_public
from commentsvc.i18n import N_, language, translate
from commentsvc.moderation.public_modlog import page_of_public_modlog
from commentsvc.pages import content_security_policy
from commentsvc.sites.articles import get_site

modlog = Blueprint("modlog", __name__, url_prefix="/modlog")

# A minute old is young enough for a log, and what is asked for once a minute costs nothing.
CACHEABLE = "public, max-age=0, s-maxage=60, must-revalidate"

WHAT_NAMES = {  # by what was done, and whether a program did it
    ("removed", True): N_("Taken down by a program"), ("removed", False): N_("Taken down by a Community Manager"),
    ("not_published", True): N_("Not published by a program"), ("not_published", False): N_("Not published by a Community Manager"),
    ("edit_not_published", True): N_("An edit, not published by a program"),
    ("edit_not_published", False): N_("An edit, not published by a Community Manager"),
}
# What has become of it since; where nothing has, nothing is said.
STATE_NAMES = {
    "appealed": N_("Appealed, not decided yet"), "upheld": N_("Appealed: it stands"), "overturned": N_("Appealed: it was wrong, and is published"),
    "taken_back": N_("Taken back since"), "withdrawn": N_("Withdrawn by its author since"),
}


@modlog.get("/<site_key>")
@read_limit
def public(site_key: str) -> Response:
    """A page of it, latest first; 404 where the site does not publish it."""
    for_everybody()
    site = get_site(site_key)
    asked = speak(site.language)
    after = request.args.get("after") or None
    entries, following = page_of_public_modlog(site, after)
    named = (site.id, site.version, language(), asked, after, entries, following is None, request.script_root, assets().version, period(), nonce_of(""))
    etag = hashlib.sha256(repr(named).encode()).hexdigest()[:32]
    g.csp_nonce = nonce_of(etag)
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        response = Response(
            render_public(
                "embed/modlog.html", site=site, entries=entries, more=following, after=after, asked=asked, root=request.script_root, translate=translate,
                what_names=WHAT_NAMES, state_names=STATE_NAMES,
            ),
            mimetype="text/html",
        )
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = CACHEABLE
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Content-Security-Policy"] = content_security_policy(g.csp_nonce, ancestors=[])
    return response
