"""The site's articles: found, closed, reopened, read before publishing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from flask import Response, redirect, request, url_for
from jinja2_fragments.flask import render_block
from sqlalchemy import or_, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.permissions import Permission
from commentsvc.comments.threads import MAX_LIMIT, cursors
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation.articles import change_article
from commentsvc.pagination import SortKey
from commentsvc.pagination import page as keyset_page
from commentsvc.review.blueprint import by_htmx, page, review, site_for
from commentsvc.review.csv_export import csv_response
from commentsvc.sites.models import Article, Site
from commentsvc.web import signed_in

PER_PAGE = 50
QUERY_LENGTH = 200
CSV_HEAD = ("id", "title", "url", "published_comments", "open", "read_before_publishing", "registered_at", "section")


def page_of_articles(
    site: Site, text: str = "", after: str | None = None, limit: int = PER_PAGE
) -> tuple[Sequence[Article], str | None]:
    """The site's articles, latest registered first, with `text` in title or address; one statement."""
    scope = f"articles:{site.id}:{text}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    query = select(Article).where(Article.site_id == site.id).options(joinedload(Article.site))
    if text:
        query = query.where(
            or_(Article.title.icontains(text, autoescape=True), Article.url.icontains(text, autoescape=True))
        )
    rows, more = keyset_page(query, SortKey(Article.id), Article.id, position=position, limit=limit)
    found = [row[0] for row in rows]
    return found, signer.write(scope, found[-1].id, found[-1].id) if more else None


def _text() -> str:
    return " ".join(request.values.get("q", "").replace("\x00", "").split())[:QUERY_LENGTH]


@review.get("/<site_key>/articles")
def articles(site_key: str) -> Any:
    """A page of the articles; `q` finds some by title or address."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    after = request.args.get("after") or None
    found, following = page_of_articles(site, _text(), after)
    return page("articles.html", site, here="articles", found=found, more=following, after=after, q=_text())


@review.get("/<site_key>/articles.csv")
def articles_csv(site_key: str) -> Response:
    """All articles that the page's filter finds."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    return csv_response(f"articles-{site.key}.csv", CSV_HEAD, _rows(site, _text()))


def _rows(site: Site, text: str) -> Iterator[tuple[object, ...]]:
    after: str | None = None
    while True:
        found, after = page_of_articles(site, text, after, MAX_LIMIT)
        for article in found:
            yield (
                article.id, article.title, article.url, article.comment_count,
                "no" if article.closed else "yes", "yes" if article.premoderated else "no",
                article.created_at.isoformat(timespec="seconds"), article.section,
            )
            db.session.expunge(article)
        if after is None:
            return


@review.post("/<site_key>/articles/<int:article_id>/close")
def close(site_key: str, article_id: int) -> Any:
    """Close or reopen, as the form says; saying it twice changes nothing."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    article = _article(site, article_id)
    change_article(article, by=signed_in(), closed=request.form.get("closed") == "1")
    db.session.commit()
    return _shown(site, article)


@review.post("/<site_key>/articles/<int:article_id>/premoderate")
def premoderate(site_key: str, article_id: int) -> Any:
    """Have new comments read before they are published, or screened only, as the form says."""
    site = site_for(site_key, Permission.MANAGE_ARTICLES)
    article = _article(site, article_id)
    change_article(article, by=signed_in(), premoderated=request.form.get("premoderated") == "1")
    db.session.commit()
    return _shown(site, article)


def _article(site: Site, article_id: int) -> Article:
    article = db.session.scalar(select(Article).where(Article.id == article_id, Article.site_id == site.id).options(joinedload(Article.site)))
    if article is None:
        raise NotFound("There is no such article on this site.")
    return article


def _shown(site: Site, article: Article) -> Any:
    after = request.form.get("after", "")
    if by_htmx():
        return render_block("review/articles.html", "rows", site=site, found=[article], after=after, q=_text())
    return redirect(url_for("review.articles", site_key=site.key, q=_text() or None, after=after or None))
