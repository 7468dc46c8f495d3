"""The first comments as a piece of HTML that a publisher's own server puts into the article: to be read before any script."""

from __future__ import annotations

import hashlib

from flask import Response, request
from markupsafe import Markup, escape

from commentsvc.comments.threads import Sort, page_of_roots, parse_sort
from commentsvc.embed.blueprint import embed, for_everybody, read_limit, speak
from commentsvc.embed.thread import page_size
from commentsvc.embed.view import View, load_article, render_public
from commentsvc.errors import CommentsvcError, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import language
from commentsvc.sites.articles import find_article, get_site
from commentsvc.sites.origins import canonical_url, origin_of

# Servers ask for it, and theirs is the page that is kept: once a quarter of a minute is often enough.
KEEP = "public, max-age=15, s-maxage=15, stale-while-revalidate=60, stale-if-error=86400"


@embed.get("/<site_key>/fragment")
@read_limit
def fragment(site_key: str) -> Response:
    """The conversation of the article at `url`: semantic HTML without script or style; nothing is registered by it.

    What goes wrong is an HTML comment, since servers put in what they get.
    """
    for_everybody()
    try:
        return _fragment(site_key)
    except CommentsvcError as error:
        db.session.rollback()
        return Response(Markup("<!-- commentsvc: {} -->").format(escape(error.told).replace("--", "- -")), error.status, mimetype="text/html")


def _fragment(site_key: str) -> Response:
    site = get_site(site_key)
    asked = speak(site.language)
    url = canonical_url(request.args.get("url", ""))
    if origin_of(url) not in site.origins:
        raise NotAllowed("%(site)s does not show comments on %(origin)s.", code="foreign_origin", values={"site": site.name, "origin": origin_of(url) or ""})
    sort, size = parse_sort(request.args.get("sort")), page_size(request.args.get("size"))
    article = find_article(site, url)
    named = (article and (article.id, article.version, article.closed), site.id, site.version, sort.value, size, language(), asked, request.url_root)
    etag = hashlib.sha256(repr(named).encode()).hexdigest()[:32]
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        response = Response(_render(article.id, sort, size) if article else "", mimetype="text/html")
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = KEEP
    return response


def _render(article_id: int, sort: Sort, size: int) -> str:
    article = load_article(article_id)
    assert article is not None  # noqa: S101 - it was just found
    view = View(article=article, site=article.site, sort=sort)
    return render_public("embed/snippet.html", v=view, page=page_of_roots(article, sort, None, size))
