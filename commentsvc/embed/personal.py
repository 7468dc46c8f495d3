"""What is the reader's own, and pieces of conversation for widget.js: small answers."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request
from flask_wtf.csrf import generate_csrf

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import page_of_replies
from commentsvc.comments.tree import Node
from commentsvc.embed.assets import asset_url
from commentsvc.embed.blueprint import embed, read_limit
from commentsvc.embed.plain import article_or_404, context_of
from commentsvc.embed.view import (
    Edited,
    Personal,
    View,
    edited,
    personal,
    render_public,
    row_of,
    waiting,
)
from commentsvc.embed.words import writers_words
from commentsvc.errors import NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.sites.models import Article
from commentsvc.web import reader, require, signed_in

# What a screen reader hears when a comment of one's own changes.
SAID = {
    Status.PUBLISHED: N_("Your comment is published."),
    Status.REJECTED: N_("Your comment was not published."),
    Status.HELD: N_("A community manager will read your comment before it appears."),
    Status.PENDING: N_("Your comment is being checked."),
    Status.WITHDRAWN: N_("Your comment is withdrawn."),
}


# What a screen reader hears of an edit; the comment before it stands meanwhile.
EDIT_SAID = {
    "pending": N_("Your edit is being checked. Until then others see the text before."),
    "held": N_("A community manager will read your edit. Until then others see the text before."),
    "rejected": N_("Your edit was not published. Others see the text before."),
    "published": N_("Your edit is published."),
}


def private(answer: Response) -> Response:
    """For this reader alone, and not to be kept."""
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


@embed.get("/<site_key>/articles/<int:article_id>/me")
@read_limit
def me(site_key: str, article_id: int) -> Response:
    """Who reads, and what is hers under this article; sets no cookie for whoever only reads."""
    article = article_or_404(article_id)
    if article.site.key != site_key:
        raise NotFound("There is no such article.")
    require(Permission.READ, article.site_id)
    return private(jsonify(me_data(article)))


def me_data(article: Article) -> dict[str, Any]:
    """What widget.js adds to the page that is the same for everybody."""
    mine = personal(article, reader())
    view = View(article=article, site=article.site, me=mine)
    data: dict[str, Any] = {"user": None, "votes": {}, "own": [], "waiting": [], "told": "", "who": render_public("embed/who.html", v=view)}
    if mine is not None:
        data |= {
            "user": mine.user.display_name, "id": mine.user.id, "staff": mine.staff, "csrf": generate_csrf(),
            "told": render_public("embed/told.html", v=view) if mine.told else "",
            "votes": {str(i): value for i, value in mine.votes.items()}, "own": sorted(mine.own), "window": 0 if article.closed else article.policy.edit_window,
            "words": writers_words(), "hidden": [str(i) for i in sorted(mine.hidden)],
            "scripts": [asset_url(name) for name in ("hide.js", *(("moderate.js",) if mine.staff else ()))],
            "edits": [{"id": e.comment.id, "status": _seen_status(e), "html": render_public("embed/edited.html", v=view, e=e)} for e in mine.edits],
            "waiting": [
                {"id": w.comment.id, "parent": w.comment.parent_id, "status": w.status,
                 "html": render_public("embed/waiting.html", v=view, w=w)}
                for w in mine.waiting
            ],
        }
    return data


def _seen_status(edit: Edited) -> str | None:
    return "published" if edit.posted else edit.comment.edit_status


def own_state(comment: Comment, article: Article, mine: Personal | None) -> dict[str, Any]:
    """A reader's own comment as it stands: public as others see it, else with what happens next."""
    view = View(article=article, site=article.site, me=mine)
    html, say, status = "", gettext(SAID[Status(comment.status)]), comment.status
    if comment.status == Status.PUBLISHED and mine is not None:
        html = render_public("embed/comment.html", v=view, node=Node(row_of(comment, mine.user), ()))
        for one in edited([comment], article.site):
            html = render_public("embed/edited.html", v=view, e=one)
            status = f"edit-{_seen_status(one)}"
            words = EDIT_SAID[_seen_status(one) or ""]
            say = gettext(words)
    elif comment.status != Status.WITHDRAWN:
        for found in waiting([comment], article.site):  # none: it was rejected so long ago that nobody is reminded
            html = render_public("embed/waiting.html", v=view, w=found)
            status = found.status
            if found.posted:
                say = gettext("Your comment is posted.")
            if found.doubtful:
                say = f"{say} " + gettext("You can edit it. This may hurt someone: %(sentences)s", sentences=" ".join(found.sentences))
    return {
        "id": comment.id, "parent": comment.parent_id, "status": status, "html": html,
        "count": article.comment_count, "say": say,
    }


def only(user: User, comment: Comment) -> Personal:
    """One's own comment as all there is of oneself, for an answer about it alone."""
    return Personal(user=user, staff=False, votes={}, own=frozenset({comment.id}), waiting=())


@embed.get("/comments/<int:comment_id>/state")
@read_limit
def state(comment_id: int) -> Response:
    """What has become of one's own comment."""
    user = signed_in()
    comment = db.session.get(Comment, comment_id)
    if comment is None or comment.author_id != user.id:
        raise NotAllowed("This is not your comment.", code="not_yours")
    article = article_or_404(comment.article_id)
    return private(jsonify(own_state(comment, article, only(user, comment))))


@embed.get("/comments/<int:comment_id>/replies")
@read_limit
def replies(comment_id: int) -> Response:
    """The next replies of a comment, as a fragment."""
    comment = _listed(comment_id)
    article = article_or_404(comment.article_id)
    require(Permission.READ, article.site_id)
    page = page_of_replies(comment, request.args.get("after") or None)
    html = render_public("embed/replies.html", v=View(article=article, site=article.site), page=page, parent=comment)
    return private(Response(html))


@embed.get("/comments/<int:comment_id>/context")
@read_limit
def context(comment_id: int) -> Response:
    """A comment that a link names and the first page does not show, as a fragment."""
    comment = _listed(comment_id)
    article = article_or_404(comment.article_id)
    require(Permission.READ, article.site_id)
    view = View(article=article, site=article.site, highlight=comment.id)
    return private(Response(render_public("embed/context.html", v=view, context=context_of(comment.id))))


def _listed(comment_id: int) -> Comment:
    comment = db.session.get(Comment, comment_id)
    if comment is None or not comment.listed:
        raise NotFound("There is no such comment.")
    return comment
