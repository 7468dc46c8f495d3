"""Conversations: the pages that are read most."""

from __future__ import annotations

from typing import Any

from flask import Response

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.api.access import on_article, on_article_row, on_comment
from commentsvc.api.blueprint import Blueprint, limited, operation
from commentsvc.api.caching import cacheable, etag_of, kept_threads, page_cache, unchanged
from commentsvc.api.examples import REPLY, THREAD
from commentsvc.api.own import own_comments, own_votes
from commentsvc.api.present import node_values, thread_json
from commentsvc.api.schemas.comments import MineSchema, RepliesSchema, ThreadQuery, ThreadSchema
from commentsvc.api.schemas.fields import PageQuery
from commentsvc.comments.models import Comment
from commentsvc.comments.threads import (
    REPLIES_PER_PAGE,
    ROOTS_PER_PAGE,
    Sort,
    page_of_replies,
    page_of_roots,
)
from commentsvc.errors import NotFound
from commentsvc.sites.models import Article
from commentsvc.sites.rows import ArticleRow
from commentsvc.web import signed_in

threads = Blueprint("threads", "Conversations, page by page.")

CACHE_HEADERS = {
    "ETag": {"description": "Send it back as `If-None-Match`.", "schema": {"type": "string"}},
    "Cache-Control": {"description": "Public; asked again each time.", "schema": {"type": "string"}},
}
IF_NONE_MATCH = {
    "in": "header", "name": "If-None-Match", "schema": {"type": "string"},
    "description": "The ETag of the page you have; 304 when it still holds.",
}


@threads.route("/articles/<row_id:article_id>/comments")
@limited("LIMIT_READ")
@operation("listComments", parameters=(IF_NONE_MATCH,))
@on_article_row
@threads.arguments(ThreadQuery, location="query")
@threads.response(200, ThreadSchema, example=THREAD, headers=CACHE_HEADERS)
@threads.alt_response(304, description="The page you have still holds", headers=CACHE_HEADERS)
def thread(given: dict[str, Any], article: ArticleRow) -> Response:
    """A page of an article's conversation: comments at the top, each with its first replies.

    Paging holds under change: what did not move itself is neither skipped nor repeated. The page
    is the same for everybody; what is your own is at /articles/{article_id}/mine.
    """
    sort, after, limit = Sort(given["sort"]), given.get("after") or None, given.get("limit") or ROOTS_PER_PAGE
    # Named before the thread is read: if it changes in between, the name is too old, never too new.
    etag = etag_of("thread", *_version(article), sort.value, after, limit)
    answer = unchanged(etag)
    if answer is not None:
        return answer
    body = page_cache().get(etag)
    if body is None:
        body = thread_json(article, page_of_roots(article, sort, after, limit), kept_threads())
        page_cache().put(etag, body)
    return cacheable(Response(body, mimetype="application/json"), etag)


@threads.route("/articles/<row_id:article_id>/mine")
@limited("LIMIT_READ")
@operation("listMine")
@on_article(Permission.POST)
@threads.response(200, MineSchema)
def mine(article: Article) -> Any:
    """What is one's own under an article: comments that only you see, and your votes."""
    user: User = signed_in()
    return {
        "comments": own_comments(article, user),
        "votes": {str(comment_id): value for comment_id, value in own_votes(article, user)},
    }


@threads.route("/comments/<row_id:comment_id>/replies")
@limited("LIMIT_READ")
@operation("listReplies", parameters=(IF_NONE_MATCH,))
@on_comment(Permission.READ)
@threads.arguments(PageQuery, location="query")
@threads.response(200, RepliesSchema, example={"comments": [REPLY], "next": None, "left": 0}, headers=CACHE_HEADERS)
@threads.alt_response(304, description="The page you have still holds", headers=CACHE_HEADERS)
def replies(given: dict[str, Any], comment: Comment) -> Response:
    """The direct replies of a comment, oldest first, each with its own first replies.

    Continue the `replies` of a thread's comment with its `replies_next` as `after`.
    """
    if not comment.listed:
        raise NotFound("This comment has no replies that are public.")
    after, limit = given.get("after") or None, given.get("limit") or REPLIES_PER_PAGE
    etag = etag_of("replies", comment.id, *_version(comment.article), after, limit)
    answer = unchanged(etag)
    if answer is not None:
        return answer
    page = page_of_replies(comment, after, limit)
    values = {"comments": [node_values(n, comment.site_id) for n in page.nodes], "next": page.next, "left": page.left}
    body: str = RepliesSchema().dumps(values)
    return cacheable(Response(body, mimetype="application/json"), etag)


def _version(article: Article | ArticleRow) -> tuple[object, ...]:
    """What moves with every change a reader could see; the time tells apart ids that were used twice."""
    return article.id, article.created_at, article.version, article.site.version, article.closed
