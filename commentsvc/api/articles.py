"""Articles, and how many comments they have."""

from __future__ import annotations

from typing import Any

from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_article, on_site
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.caching import COUNTS_SECONDS
from commentsvc.api.examples import ARTICLE
from commentsvc.api.present import article_values
from commentsvc.api.schemas.sites import (
    ArticleChangesSchema,
    ArticleInputSchema,
    ArticleQuery,
    ArticleSchema,
    ArticlesSchema,
    CountsQuery,
    CountsSchema,
)
from commentsvc.comments.counts import lock_article
from commentsvc.comments.sections import move_article
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.sites.articles import (
    close_article,
    comment_counts,
    find_article,
    one_line,
    premoderate_article,
    register_article,
)
from commentsvc.sites.models import Article, Site

articles = Blueprint("articles", "Articles that carry a conversation.")


@articles.route("/sites/<site_key:site_key>/articles", methods=["POST"])
@limited("LIMIT_READ", by_account=True)  # a newsroom's own program brings years of articles at once
@operation("registerArticle")
@on_site(Permission.MANAGE_ARTICLES)
@articles.arguments(ArticleInputSchema, example={"url": ARTICLE["url"], "title": ARTICLE["title"], "section": ARTICLE["section"]})
@articles.response(201, ArticleSchema, example=ARTICLE, description="Registered")
@articles.alt_response(200, schema=ArticleSchema, description="Known already; its title and section are kept", success=True)
def register(given: dict[str, Any], site: Site) -> Any:
    """Register an article before its first reader comes.

    Its address must be under one of the site's origins. Registering it again changes nothing.
    """
    article, made = register_article(site, given["url"], given["title"], given["section"])
    db.session.commit()
    where = {"Location": f"/api/v1/articles/{article.id}"}
    return article_values(article, site), 201 if made else 200, where


@articles.route("/sites/<site_key:site_key>/articles")
@limited("LIMIT_READ")
@operation("findArticle")
@on_site(Permission.READ)
@articles.arguments(ArticleQuery, location="query")
@articles.response(200, ArticlesSchema, example={"articles": [ARTICLE]})
def find(given: dict[str, Any], site: Site) -> Any:
    """Find an article by its address; the list is empty when there is none."""
    article = find_article(site, given["url"])
    return {"articles": [article_values(article, site)] if article else []}


@articles.route("/sites/<site_key:site_key>/counts")
@limited("LIMIT_READ")
@operation("countComments")
@on_site(Permission.READ)
@articles.arguments(CountsQuery, location="query")
@articles.response(200, CountsSchema, example={"counts": {ARTICLE["url"]: 48}})
def counts(given: dict[str, Any], site: Site) -> Any:
    """How many comments up to 100 articles have, for a page that lists them."""
    return {"counts": comment_counts(site, given["url"])}, 200, {"Cache-Control": f"public, max-age={COUNTS_SECONDS}"}


@articles.route("/articles/<row_id:article_id>")
@limited("LIMIT_READ")
@operation("getArticle")
@on_article(Permission.READ)
@articles.response(200, ArticleSchema, example=ARTICLE)
def get_article(article: Article) -> Any:
    """An article."""
    return article_values(article, article.site)


@articles.route("/articles/<row_id:article_id>", methods=["PATCH"])
@limited("LIMIT_REACT", by_account=True)
@operation("updateArticle")
@on_article(Permission.MANAGE_ARTICLES)
@articles.arguments(ArticleChangesSchema, example={"closed": True})
@articles.response(200, ArticleSchema, example=ARTICLE)
def update_article(given: dict[str, Any], article: Article) -> Any:
    """Close or reopen the conversation, have every comment read first, or change title and section."""
    if "title" in given:
        title = one_line(given["title"])
        if not title:
            raise Invalid("An article has a title.", field="title")
        article.title = title
    if "section" in given:
        move_article(article, given["section"])
    if "closed" in given:
        close_article(article, closed=given["closed"])
    if "premoderated" in given:
        premoderate_article(article, premoderated=given["premoderated"])
    lock_article(article.id)  # its version: pages that are kept show all of these
    db.session.commit()
    return article_values(article, article.site)
