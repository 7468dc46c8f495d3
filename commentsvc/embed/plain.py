"""The page of an article without JavaScript, and of a single comment: everything by form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flask import Response, jsonify, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from commentsvc.accounts.permissions import Permission
from commentsvc.comments.models import Comment
from commentsvc.comments.threads import (
    ReplyPage,
    by_managers,
    page_of_replies,
    page_of_roots,
    parse_sort,
    public_comment,
)
from commentsvc.comments.tree import CommentRow, Node
from commentsvc.embed.blueprint import asked_language, by_script, embed, frame, read_limit
from commentsvc.embed.view import INDENT_WIDE, Asked, View, load_article, personal
from commentsvc.errors import CommentsvcError, NotFound
from commentsvc.extensions import db
from commentsvc.sites.models import Article
from commentsvc.web import reader, require

ANCESTORS = 3  # the nearest: enough to understand a reply, and a fixed number of statements
PANELS = ("reply", "edit", "flag", "withdraw")
ACCOUNT_FORMS = ("sign-up", "sign-in", "forgot", "guest")


@dataclass(frozen=True)
class Context:
    """A comment with what it answers and what answers it."""

    ancestors: tuple[CommentRow, ...]
    earlier: int | None  # the comment further up where this thread can be read on
    node: Node
    replies: ReplyPage


def article_or_404(article_id: int) -> Article:
    """The article with its site, or NotFound."""
    article = load_article(article_id)
    if article is None:
        raise NotFound("There is no such article.")
    return article


def context_of(comment_id: int, after: str | None = None) -> Context:
    """A comment and its surroundings as anybody sees them; NotFound when it has no place."""
    row = public_comment(comment_id)
    ancestors: list[CommentRow] = []
    parent_id = row.parent_id
    while parent_id is not None and len(ancestors) < ANCESTORS:
        ancestors.append(public_comment(parent_id))
        parent_id = ancestors[-1].parent_id
    comment = db.session.get_one(Comment, comment_id)
    replies = page_of_replies(comment, after, levels=INDENT_WIDE - 1)
    return Context(tuple(reversed(ancestors)), parent_id, Node(row, replies.nodes), replies)


def draw(
    article: Article, asked: Asked, *, context: Context | None = None, status: int = 200, alone: bool = False
) -> Response:
    """The plain page: the whole conversation, or one comment `alone` in its context."""
    require(Permission.READ, article.site_id)
    try:
        sort, after = parse_sort(request.args.get("sort")), None if alone else request.args.get("after")
        page = None if alone else page_of_roots(article, sort, after or None)
    except CommentsvcError as error:
        # The page at fault shows the first comments instead, and says why.
        sort, after = parse_sort(None), None
        page = page_of_roots(article, sort)
        asked, status = replace(asked, error=error, where="page"), error.status
    if page and context is None and asked.target and asked.target not in set(_ids(page.nodes)):
        context = _context_or_none(asked.target, article)
    view = View(
        article=article, site=article.site, sort=sort, plain=True, me=personal(article, reader()), asked=asked,
        highlight=context.node.comment.id if context else None,
    )
    html = render_template("embed/plain.html", v=view, page=page, after=after, context=context, alone=alone)
    return frame(Response(html, status), article.site)


def _ids(nodes: tuple[Node, ...]) -> Iterator[int]:
    for node in nodes:
        yield node.comment.id
        yield from _ids(node.replies)


def _context_or_none(comment_id: int, article: Article) -> Context | None:
    comment = db.session.get(Comment, comment_id)
    if comment is None or comment.article_id != article.id or not comment.listed:
        return None
    return context_of(comment_id)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None


@embed.get("/a/<int:article_id>")
@read_limit
def article(article_id: int) -> Response:
    """An article's conversation as a plain page."""
    found = article_or_404(article_id)
    asked = Asked()
    for panel in PANELS:
        if target := _number(request.args.get(panel)):
            asked = Asked(panel=panel, target=target)
    wanted = request.args.get("form", "")
    if wanted in ACCOUNT_FORMS and reader() is None:
        asked = replace(asked, account=wanted)
    elif asked.panel in {"edit", "flag", "withdraw"} and reader() is None:
        asked = replace(asked, account="sign-in")
    return draw(found, asked)


@embed.get("/c/<int:comment_id>")
@read_limit
def comment(comment_id: int) -> Response:
    """One comment by its address, with what it answers and what answers it."""
    found = public_comment(comment_id)
    row = db.session.get_one(Comment, found.id)
    article = article_or_404(row.article_id)
    return draw(article, Asked(), context=context_of(comment_id, request.args.get("after") or None), alone=True)


@embed.get("/a/<int:article_id>/managers")
@read_limit
def managers(article_id: int) -> Response:
    """What Community Managers have said under an article: to step through by script, else as a page with the way to each."""
    article = article_or_404(article_id)
    require(Permission.READ, article.site_id)
    found = by_managers(article.id)
    if by_script():
        return jsonify(ids=[comment.id for comment in found])
    view = View(article=article, site=article.site, plain=True, me=personal(article, reader()))
    return frame(Response(render_template("embed/managers.html", v=view, nodes=[Node(c._replace(reply_count=0), ()) for c in found])), article.site)


def back_to(article_id: int, anchor: str = "conversation") -> AnyResponse:
    """After a form has done its work: the page again, by GET, so that reload repeats nothing."""
    return redirect(url_for("embed.article", article_id=article_id, lang=asked_language() if not by_script() else None, _anchor=anchor), 303)
