"""What a reader does: post, say it differently, vote, flag, withdraw. By form or by widget.js, one view each."""

from __future__ import annotations

from flask import jsonify, request
from sqlalchemy.orm import joinedload
from werkzeug.wrappers import Response

from commentsvc.accounts.permissions import Permission
from commentsvc.comments.models import Comment, Status
from commentsvc.embed.blueprint import by_script, embed, post_limit, react_limit
from commentsvc.embed.personal import only, own_state
from commentsvc.embed.plain import article_or_404, back_to, draw
from commentsvc.embed.view import Asked
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import client_range, db
from commentsvc.i18n import gettext
from commentsvc.moderation.decide import withdraw as take_back
from commentsvc.moderation.edits import may_edit
from commentsvc.moderation.flags import flag as report
from commentsvc.moderation.nudge import leave_for_review
from commentsvc.moderation.posting import cast_vote, take_in
from commentsvc.moderation.sanctions import acknowledge, own_sanction
from commentsvc.sites.models import Article
from commentsvc.web import reading_first, require_person, row_id, signed_in


def comment_with_article(comment_id: int) -> Comment:
    """The comment with its article and site."""
    comment = db.session.get(
        Comment, comment_id, options=[joinedload(Comment.article).joinedload(Article.site)]
    )
    if comment is None:
        raise NotFound("There is no such comment.")
    return comment


def _article_id() -> int:
    try:
        return row_id(request.form.get("article", ""))
    except ValueError:
        raise NotFound("There is no such article.") from None


def parent_id() -> int | None:
    """The comment that the form answers."""
    text = request.form.get("parent_id", "")
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 19):
        raise Invalid("The comment you reply to does not exist.", field="parent_id", code="parent_unknown")
    return int(text)


@embed.post("/a/<int:article_id>/comments")
@post_limit
@reading_first
def post_comment(article_id: int) -> Response:
    """Take a comment or reply in; what the cheap phases can decide is decided at once."""
    article = article_or_404(article_id)
    user = require_person(Permission.POST, article.site_id)
    comment = take_in(article, user, request.form.get("body", ""), parent_id())
    if not by_script():
        db.session.commit()
        return back_to(article.id, f"comment-{comment.id}")
    # Before the commit: a second transaction would take SQLite's write lock again, only to read.
    db.session.refresh(article, ["comment_count"])
    answer = jsonify(own_state(comment, article, only(user, comment)))
    answer.status_code = 201
    db.session.commit()
    return answer


@embed.post("/comments/<int:comment_id>/vote")
@react_limit
def vote(comment_id: int) -> Response:
    """Set one's vote: 1, -1, or 0 to take it back."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.VOTE, comment.site_id)
    text = request.form.get("value", "")
    if text not in {"1", "0", "-1"}:
        raise Invalid("A vote is 1, -1 or 0.", field="value")
    cast_vote(comment, user, int(text), client_range())
    db.session.commit()
    if by_script():
        return jsonify(up=comment.up, down=comment.down, mine=int(text))
    return back_to(comment.article_id, f"comment-{comment.id}")


@embed.post("/comments/<int:comment_id>/flag")
@react_limit
def flag(comment_id: int) -> Response:
    """Tell the community managers about a comment."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.FLAG, comment.site_id)
    if not request.form.get("reason"):
        raise Invalid("Choose what is wrong with it.", field="reason")
    report(comment, user, request.form["reason"], request.form.get("text", ""), client_range())
    db.session.commit()
    if by_script():
        return jsonify(message=gettext("Thank you. A community manager will look at this comment."))
    return back_to(comment.article_id, f"comment-{comment.id}")


@embed.post("/comments/<int:comment_id>/withdraw")
@react_limit
def withdraw(comment_id: int) -> Response:
    """Take one's own comment back."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.POST, comment.site_id)
    take_back(comment, user)
    db.session.commit()
    if not by_script():
        return back_to(comment.article_id)
    article = article_or_404(comment.article_id)
    db.session.refresh(article, ["comment_count"])
    return jsonify(message=gettext("Your comment is withdrawn."), tombstone=comment.listed, count=article.comment_count)


@embed.post("/comments/<int:comment_id>/rewrite")
@react_limit
def rewrite(comment_id: int) -> Response:
    """Take one's own comment back before anybody read it; its text stands in the form again."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.POST, comment.site_id)
    if comment.author_id == user.id:
        if comment.article.closed:
            raise Conflict("The conversation was closed meanwhile. Your comment stays as it is.", code="article_closed")
        if comment.status == Status.PUBLISHED:
            raise Conflict("A community manager has published your comment meanwhile.", code="already_decided")
        if comment.status != Status.WITHDRAWN and not may_edit(comment, comment.article.policy):
            raise Conflict("Your comment is too old to be changed. You can withdraw it.", code="edit_window_over")
    if comment.author_id != user.id or comment.status != Status.WITHDRAWN:  # else: pressed twice, or a reload
        take_back(comment, user)
        db.session.commit()
    message = gettext("Your comment is taken back. Its text stands in the form: change it and post it again.")
    parent = comment.parent_id
    if parent is not None and not db.session.get_one(Comment, parent).listed:
        parent, message = None, f"{message} What you replied to is gone; it would now stand by itself."
    if by_script():
        return jsonify(message=message, body=comment.body, parent=parent)
    values = {"body": comment.body, "parent_id": str(parent or "")}
    return draw(article_or_404(comment.article_id), Asked(
        panel="reply" if parent else "", target=parent, values=values, notice=message
    ))


@embed.post("/sanctions/<int:sanction_id>/read")
@react_limit
def read_told(sanction_id: int) -> Response:
    """Say that one has read a warning, or that a sanction is over."""
    user = signed_in()
    acknowledge(own_sanction(user, sanction_id), user)
    db.session.commit()
    if by_script():
        return jsonify(message=gettext("Thank you. You can go on."))
    return back_to(article_or_404(_article_id()).id)


@embed.post("/comments/<int:comment_id>/leave")
@react_limit
def leave(comment_id: int) -> Response:
    """Leave one's held comment as it is for a community manager, and be shown no more why it is held."""
    comment = comment_with_article(comment_id)
    user = require_person(Permission.POST, comment.site_id)
    leave_for_review(comment, user)
    db.session.commit()
    if by_script():
        return jsonify(own_state(comment, comment.article, only(user, comment)))
    return back_to(comment.article_id, f"comment-{comment.id}")
