"""The page in the iframe: the same for every reader, so that anybody may cache it."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from flask import Response, current_app, g, jsonify, request
from sqlalchemy import Select, bindparam, select

from commentsvc.comments.latest import newest_of
from commentsvc.comments.threads import (
    ROOTS_PER_PAGE,
    Sort,
    any_by_managers_under,
    page_of_roots,
    parse_sort,
)
from commentsvc.database import write_intent
from commentsvc.embed.appearance import Appearance
from commentsvc.embed.assets import HOUR, assets, takes_gzip
from commentsvc.embed.blueprint import by_script, embed, for_everybody, frame, read_limit, speak
from commentsvc.embed.cache import Rendered, keep, nonce_of, pages, period
from commentsvc.embed.limits import spend
from commentsvc.embed.news import microseconds
from commentsvc.embed.view import View, message_page
from commentsvc.errors import CommentsvcError, NotAllowed, NotFound, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import gettext, language, plural_forms
from commentsvc.pages import content_security_policy
from commentsvc.sites.articles import comment_counts, get_site, register_article
from commentsvc.sites.models import Article, Site
from commentsvc.sites.origins import canonical_url, origin_of
from commentsvc.sites.rows import ARTICLE_ROWS, ArticleRow, as_article
from commentsvc.web import settings_of

# A proxy may answer for a second without asking, and for half a minute while it asks: a story
# with ten thousand readers costs one request a second.
CACHEABLE = "public, max-age=0, s-maxage=1, stale-while-revalidate=30"
COUNTS_SECONDS = 60
PAGE_SIZES = (10, ROOTS_PER_PAGE, 50)  # few: each is a page of its own to caches


@dataclass(frozen=True)
class Known:
    """What it takes to name a page, and to begin with one that is not kept: one row.

    Read again for that it was an eighth of what such a page costs.
    """

    article: ArticleRow
    newest: dt.datetime | None  # before the thread is read: what comes in between counts as new
    any_by_managers: bool


@embed.get("/<site_key>/thread")
def thread(site_key: str) -> Response:
    """The conversation of the article at `url`; registers the article on its first view."""
    for_everybody()
    try:
        return _thread(_known(site_key))
    except CommentsvcError as error:
        if by_script():
            raise
        db.session.rollback()
        site = db.session.scalar(select(Site).where(Site.key == site_key))
        if site is not None:
            speak(site.language)
        db.session.rollback()
        response = Response(message_page(error.told, hint=_hint(error, site), framed=True), error.status)
        if isinstance(error, TooSoon):
            response.headers["Retry-After"] = str(error.retry_after)
        return frame(response, site)


def _known(site_key: str) -> Known:
    """The article asked for: by its number, else by its address, which may be new here."""
    number = request.args.get("article", "")
    if number.isascii() and number.isdecimal() and len(number) < 19:
        known = _find(_KNOWN_BY_ID, site_key, article=int(number))
        if known is None:
            get_site(site_key)
            raise NotFound("There is no such article.")
        return known
    url = canonical_url(request.args.get("url", ""))
    return _find(_KNOWN, site_key, url=url) or _first_view(site_key, url)


def page_size(text: str | None) -> int:
    """How many threads a page has; as many as usual for what is not offered."""
    return next((size for size in PAGE_SIZES if str(size) == text), ROOTS_PER_PAGE)


def _thread(known: Known) -> Response:
    article = known.article
    site = article.site
    asked = speak(site.language)
    sort = parse_sort(request.args.get("sort"))
    after = request.args.get("after") or None
    part, size = request.args.get("part", ""), page_size(request.args.get("size"))
    appearance = Appearance.from_args(request.args)
    named = (
        article.closed, site.id, site.version, article.id, article.version, sort.value, after, part, size,
        appearance.key, language(), asked, request.script_root, assets().version, period(),
        nonce_of(""),  # with another secret, the nonce of a page that is kept elsewhere is another one
    )
    etag = hashlib.sha256(repr(named).encode()).hexdigest()[:32]
    g.csp_nonce = nonce_of(etag)
    if request.if_none_match.contains_weak(etag):
        response = Response(status=304)
    else:
        page = pages().get(etag) or _render(etag, known, sort, after, part, size, appearance)
        response = _answer(page)
    response.set_etag(etag, weak=True)  # one for both encodings
    response.headers["Cache-Control"] = CACHEABLE
    response.headers["Vary"] = "Accept-Encoding"
    response.headers["Content-Security-Policy"] = content_security_policy(
        g.csp_nonce, ancestors=["'self'", *site.origins]
    )
    return response


def _answer(page: Rendered) -> Response:
    if not takes_gzip():
        return Response(page.body, mimetype="text/html")
    response = Response(page.compressed, mimetype="text/html")
    response.headers["Content-Encoding"] = "gzip"
    return response


_A = Article.__table__.c
_ARTICLE_OF = (
    ARTICLE_ROWS.where(Site.__table__.c.key == bindparam("key"))
    .add_columns(newest_of(_A.id).scalar_subquery(), any_by_managers_under(_A.id))
)
_KNOWN = _ARTICLE_OF.where(_A.url == bindparam("url"))
_KNOWN_BY_ID = _ARTICLE_OF.where(_A.id == bindparam("article"))


def _find(statement: Select[*tuple[Any, ...]], site_key: str, **named: object) -> Known | None:
    row = db.session.connection().execute(statement, {"key": site_key, **named}).one_or_none()
    if row is None:
        return None
    *article, newest, managers = row
    return Known(as_article(article), newest, bool(managers))


def _render(etag: str, known: Known, sort: Sort, after: str | None, part: str, size: int, appearance: Appearance) -> Rendered:
    spend(settings_of(current_app).LIMIT_READ, "render")
    article = known.article
    view = View(article=article, site=article.site, sort=sort, appearance=appearance)
    until = None if after else microseconds(known.newest)
    page = page_of_roots(article, sort, after, size)
    if part == "list":
        return keep(etag, view.listed(page, until))
    return keep(etag, view.page(page, until=until, size=size, managers=known.any_by_managers))


def _first_view(site_key: str, url: str) -> Known:
    """Register the article, if a page of the publisher's own asks for it.

    A GET that writes: it is what lets one tag be all a publisher installs. Anybody can ask for
    any address, so the browser must say that one of the site's own pages asks (Referer, which the
    tag's iframe always sends), the address must be the site's, and there is a rate limit.
    """
    site = get_site(site_key)
    origin = origin_of(url)
    if origin not in site.origins:
        raise NotAllowed("%(site)s does not show comments on %(origin)s.", code="foreign_origin", values={"site": site.name, "origin": origin or ""})
    asking = origin_of(request.headers.get("Origin") or request.headers.get("Referer") or "")
    if asking not in site.origins:
        raise NotFound("There is no conversation about this page yet.", code="not_registered")
    spend(settings_of(current_app).LIMIT_ARTICLE, "first view")
    # In a transaction of its own that says so first: SQLite cannot turn a read into a write.
    db.session.rollback()
    write_intent.set(True)
    site = get_site(site_key)
    article, _ = register_article(
        site, url, request.args.get("title", "").strip() or url, request.args.get("section", "")
    )
    db.session.commit()
    known = _find(_KNOWN_BY_ID, site_key, article=article.id)
    if known is None:
        raise NotFound("There is no such article.")
    return known


def _hint(error: CommentsvcError, site: Site | None) -> str:
    """What the publisher, who sees this page first, can do about it."""
    if site is None and error.status == 404:
        return gettext("The tag's data-site attribute names the site; its key is in the console's settings.")
    if error.code == "foreign_origin":
        return gettext("If this is your site, add this origin in the console's settings.")
    if error.code == "not_registered":
        return gettext(
            "It begins when somebody opens the article on the publisher's site. If this is your site and you "
            "see this under an article, see “Troubleshooting” in the documentation on embedding."
        )
    if error.code.startswith("cursor"):
        return gettext("Reload the page to start again at the first comments.")
    return ""


@embed.get("/<site_key>/counts")
@read_limit
def counts(site_key: str) -> Response:
    """How many comments the articles at `url` (up to 100 of them) have; with `words`, by "" what counts.js says of a number."""
    for_everybody()
    site = get_site(site_key)
    found: dict[str, object] = {**comment_counts(site, request.args.getlist("url"))}
    if "words" in request.args:
        speak(site.language)
        found[""] = {"lang": language(), **plural_forms("%(num)s comment", "%(num)s comments")}
    response = jsonify(found)
    response.headers["Cache-Control"] = f"public, max-age={COUNTS_SECONDS}"
    response.headers["Vary"] = "Origin"
    origin = request.headers.get("Origin")
    if origin in site.origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    return response


@embed.get("/<site_key>/words")
@read_limit
def failure_words(site_key: str) -> Response:
    """What embed.js says where the conversation does not come, as a script: an import needs no permission that the tag does not need too."""
    for_everybody()
    speak(get_site(site_key).language)
    said = [
        gettext("The comments could not be loaded. Your connection may be down or a content blocker on, or this website is not yet among those that may show them."),
        gettext("Try again"), gettext("Open them on their own page"),
    ]
    response = current_app.response_class(f"export default {json.dumps(said)};\n", mimetype="text/javascript")
    response.headers["Cache-Control"] = HOUR
    response.headers["Access-Control-Allow-Origin"] = "*"  # for whoever may not show the comments, above all
    return response
