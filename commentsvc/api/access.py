"""From an id or key in the path to the object, once whoever asks may have it."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import g
from sqlalchemy import bindparam, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.api.blueprint import (
    TOKEN,
    TOKEN_OR_NOT,
    Decorator,
    View,
    asking,
    check_token,
    documents,
    permitted,
)
from commentsvc.comments.models import Comment
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.sites.articles import get_site
from commentsvc.sites.models import Article, Site
from commentsvc.sites.rows import ArticleRow, SiteRow, article_row
from commentsvc.web import reader

READABLE_BY = "api_readable_by"


def on_site(permission: Permission) -> Decorator:
    """Turn `site_key` into `site`, for whoever holds the permission there."""

    def find(site_key: str) -> Site:
        site = get_site(site_key)
        _allow(permission, site)
        return site

    return _resolving("site_key", "site", find, permission)


def on_article(permission: Permission) -> Decorator:
    """Turn `article_id` into `article`, with its site."""

    def find(article_id: int) -> Article:
        article = article_with_site(article_id)
        _allow(permission, article.site)
        return article

    return _resolving("article_id", "article", find, permission)


def on_article_row(function: View) -> View:
    """As `on_article` of whoever may read, with no more of it than the pages of its conversation need."""

    def find(article_id: int) -> ArticleRow:
        article = article_row(article_id)
        _allow(Permission.READ, article.site)
        return article

    return _resolving("article_id", "article", find, Permission.READ)(function)


def on_comment(permission: Permission) -> Decorator:
    """Turn `comment_id` into `comment`, with its author, article and site.

    A comment that is not public does not exist for others than its author and those who review it.
    """

    def find(comment_id: int) -> Comment:
        check_token()
        comment = load_comment(comment_id)
        user = reader() if permission == Permission.READ else asking()
        if comment is None or not may_see(comment, user):
            raise NotFound("There is no such comment.")
        _allow(permission, comment.article.site)
        return comment

    return _resolving("comment_id", "comment", find, permission)


def _resolving(key: str, name: str, find: Callable[[Any], Any], permission: Permission) -> Decorator:
    def decorator(function: View) -> View:
        @wraps(function)
        def view(*args: Any, **kwargs: Any) -> Any:
            kwargs[name] = find(kwargs.pop(key))
            return function(*args, **kwargs)

        public = permission == Permission.READ
        documents(view, errors=(401, 403, 404), security=TOKEN_OR_NOT if public else TOKEN)
        return view

    return decorator


def _allow(permission: Permission, site: Site | SiteRow) -> None:
    permitted(permission, site.id)
    if permission == Permission.READ:
        # The site's own pages may read what is public; see caching.allow_origin.
        setattr(g, READABLE_BY, site.origins)


_ARTICLE = (
    select(Article).where(Article.id == bindparam("article")).options(joinedload(Article.site, innerjoin=True))
)


def article_with_site(article_id: int) -> Article:
    """The article and its site in one statement, or NotFound."""
    article = db.session.scalars(_ARTICLE, {"article": article_id}).one_or_none()
    if article is None:
        raise NotFound("There is no such article.")
    return article


def load_comment(comment_id: int) -> Comment | None:
    """The comment with author, article and site, in one statement, as it is now."""
    return db.session.scalars(
        select(Comment)
        .where(Comment.id == comment_id)
        .options(
            joinedload(Comment.author, innerjoin=True),
            joinedload(Comment.article, innerjoin=True).joinedload(Article.site, innerjoin=True),
        )
        .execution_options(populate_existing=True)
    ).one_or_none()


def is_author(comment: Comment, user: User | None) -> bool:
    """Whether the comment is hers, and she (or her key) may look after it here."""
    return user is not None and comment.author_id == user.id and allowed(user, Permission.POST, comment.site_id)


def may_review(comment: Comment, user: User | None) -> bool:
    """Whether the comment is for this community manager to decide."""
    return user is not None and allowed(user, Permission.REVIEW, comment.site_id)


def may_see(comment: Comment, user: User | None) -> bool:
    """Whether the comment exists for this person."""
    return comment.listed or is_author(comment, user) or may_review(comment, user)
