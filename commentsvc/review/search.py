"""Looking for words in the comments of a site, and for people by name."""

from __future__ import annotations

from typing import Any

from flask import request
from jinja2_fragments.flask import render_block

from commentsvc.errors import Invalid
from commentsvc.moderation.search import (
    QUERY_LENGTH,
    find_people,
    parse_query,
    pieces,
    search_comments,
)
from commentsvc.review.blueprint import by_htmx, page, review, site_for
from commentsvc.review.presenting import gist

SHOWN = 320  # characters of a comment, around the first match


@review.get("/<site_key>/search")
def search(site_key: str) -> Any:
    """The comments and people that match `q`, latest first, a page at a time."""
    site = site_for(site_key)
    typed = " ".join(request.args.get("q", "").split())
    after = request.args.get("after") or None
    context: dict[str, Any] = {"q": typed[: 2 * QUERY_LENGTH], "after": after, "found": [], "more": None, "people": [], "error": None, "asked": bool(typed)}
    if typed:
        try:
            query = parse_query(typed)
            context["found"], context["more"] = search_comments(site, query, after, typed=typed)
            context["people"] = [] if after else find_people(site, typed)
            context["cut"] = lambda body: pieces(body, query, SHOWN)
        except Invalid as invalid:
            if invalid.field != "q":
                raise
            context["error"] = invalid.told
    context |= {"site": site, "gist": gist}
    if by_htmx():
        return render_block("review/search.html", "results", **context)
    return page("search.html", context.pop("site"), here="search", **context), 422 if context["error"] else 200
