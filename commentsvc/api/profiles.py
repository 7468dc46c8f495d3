"""Public pages about people, as JSON."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_site
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.caching import cacheable, etag_of, unchanged
from commentsvc.api.present import badge_values
from commentsvc.api.schemas.fields import PageQuery
from commentsvc.api.schemas.profiles import ProfileSchema
from commentsvc.api.threads import CACHE_HEADERS, IF_NONE_MATCH
from commentsvc.moderation.profiles import PER_PAGE, Moved, find_profile, page_of_history
from commentsvc.sites.models import Site

profiles = Blueprint("profiles", "Who somebody is on a site, and what she has published there.")

EXAMPLE: dict[str, Any] = {
    "id": "kLq0W3v1yBzT8mX2cHfJ9A", "name": "Ada Byron", "since": "2026-03", "badges": [{"kind": "expert", "field": "Bell founding"}],
    "bio": "I ring the bells of St Anne’s.", "history_private": False, "comment_count": 41, "votes_up": 212,
    "comments": [{
        "id": "341", "article": {"url": "https://news.example/harbour-bridge", "title": "The harbour bridge reopens"},
        "body_html": "<p>Does the night bus cross it again?</p>\n", "created_at": "2026-03-02T06:58:03.125000Z", "edited_at": None, "votes_up": 12,
    }],
    "next": "WyJoaXN0b3J5…",
}


@profiles.route("/sites/<site_key:site_key>/profiles/<string:profile_id>")
@limited("LIMIT_READ")
@operation("getProfile", parameters=(IF_NONE_MATCH,))
@on_site(Permission.READ)
@profiles.arguments(PageQuery, location="query")
@profiles.response(200, ProfileSchema, example=EXAMPLE, headers=CACHE_HEADERS)
@profiles.alt_response(304, description="The page you have still holds", headers=CACHE_HEADERS)
def get_profile(given: dict[str, Any], site: Site, profile_id: str) -> Response:
    """A person's public page: who she is on the site, and her published comments, latest first.

    `profile_id` is the `profile` of a comment's author. Of an account that was joined with another it gives the other's.
    """
    try:
        person = find_profile(site, profile_id)
    except Moved as moved:
        person = find_profile(site, moved.to)
    after, limit = given.get("after") or None, given.get("limit") or PER_PAGE
    said, following = page_of_history(site, person, after, limit)
    etag = etag_of("profile", site.id, person, said, following is None)
    answer = unchanged(etag)
    if answer is not None:
        return answer
    body: str = ProfileSchema().dumps({
        "id": person.id, "name": person.name, "since": f"{person.since:%Y-%m}", "badges": badge_values(person.badges), "bio": person.bio,
        "history_private": person.history_private, "comment_count": None if person.history_private else person.published,
        "votes_up": None if person.history_private else person.up,
        "comments": [
            {
                "id": c.id, "article": {"url": c.article_url, "title": c.article_title}, "body_html": c.body_html, "created_at": c.created_at,
                "edited_at": c.edited_at, "votes_up": c.up,
            }
            for c in said
        ],
        "next": following,
    })
    return cacheable(Response(body, mimetype="application/json"), etag)
