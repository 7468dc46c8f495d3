"""Moderating in the thread: for community managers signed in in the widget, beside each comment.

The page itself stays the same for everybody. The reader's own small answer names the script that
adds the button; what the button opens is asked for when it is pressed.
"""

from __future__ import annotations

from flask import Response, jsonify, request
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.permissions import Permission
from commentsvc.comments.models import Comment, Status
from commentsvc.embed.blueprint import embed, react_limit, read_limit
from commentsvc.embed.personal import private
from commentsvc.embed.view import View, render_public
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext, translate
from commentsvc.moderation import decide
from commentsvc.moderation.desk import ask, clean, colleagues
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.models import (
    FLAG_REASONS,
    Decision,
    Flag,
    FlagReason,
)
from commentsvc.moderation.reasons import offered_reasons, reason_named
from commentsvc.sites.models import Article
from commentsvc.web import require_person, row_id

# What each action says once it is done.
SAID = {
    "keep": N_("Kept published."), "reject": N_("Removed."), "feature": N_("Featured."), "unfeature": N_("No longer featured."),
    "pin": N_("Pinned to the top."), "unpin": N_("No longer pinned."), "ask": N_("Asked."),
}
MARKS = {"feature": (Mark.FEATURED, True), "unfeature": (Mark.FEATURED, False), "pin": (Mark.PINNED, True), "unpin": (Mark.PINNED, False)}


def _judged(comment_id: int) -> Comment:
    """The comment with author, article and site, for somebody who reviews there."""
    comment = db.session.get(
        Comment, comment_id, options=[joinedload(Comment.author), joinedload(Comment.article).joinedload(Article.site)]
    )
    if comment is None:
        raise NotFound("There is no such comment.")
    require_person(Permission.REVIEW, comment.site_id)
    return comment


@embed.get("/comments/<int:comment_id>/moderation")
@read_limit
def moderation(comment_id: int) -> Response:
    """What can be decided about a comment of the thread, as a fragment, with the version it is about."""
    comment = _judged(comment_id)
    actor = require_person(Permission.REVIEW, comment.site_id)
    flags = db.session.execute(
        select(Flag.reason, func.count()).where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None)).group_by(Flag.reason)
    )
    html = render_public(
        "embed/moderate.html", v=View(article=comment.article, site=comment.article.site), c=comment,
        pinned=comment.article.pinned_id == comment.id, published=comment.status == Status.PUBLISHED, reasons={reason: translate(words, None) for reason, words in offered_reasons(comment.article.site).items()},
        colleagues=[one for one in colleagues(comment.article.site) if one.id != actor.id],
        flags=[(gettext(FLAG_REASONS[FlagReason(reason)]), number) for reason, number in flags],
    )
    return private(jsonify(html=html))


@embed.post("/comments/<int:comment_id>/moderate")
@react_limit
def moderate(comment_id: int) -> Response:
    """Keep, reject, feature, pin or ask; names the version that was judged, as in the console."""
    comment = _judged(comment_id)
    actor = require_person(Permission.REVIEW, comment.site_id)
    action, seen = request.form.get("action", ""), request.form.get("version", type=int)
    if seen is None or action not in SAID:
        raise Invalid("The form does not say what to do with which version.", field="action")
    decision = None
    if action == "ask":
        everybody = request.form.get("asked", "") in {"", "all"}
        ask(comment, actor, request.form.get("text", ""), None if everybody else request.form.get("asked", 0, type=row_id))
    elif action in MARKS:
        mark, on = MARKS[action]
        decision = decide.mark(comment, mark, on=on, actor=actor, seen=seen)
    elif action == "keep" and comment.notice_count:
        raise Invalid("A legal notice about this comment waits. Open the card to answer it.", field="action", code="notice_open")
    elif action == "keep":
        decision = decide.approve(comment, actor=actor, seen=seen)
    else:
        reason = reason_named(comment.article.site, request.form.get("reason", ""))
        decision = decide.reject(
            comment, actor=actor, reason=reason.category, site_reason=reason.key if reason.own else None, seen=seen, note=clean(request.form.get("note", ""), field="note", required=False),
            message=clean(request.form.get("message", ""), field="message", required=False),
        )
    made = decision.id if decision is not None and comment.version != seen else None
    db.session.commit()
    return private(jsonify(_state(comment, gettext(SAID[action]), undo=made)))


@embed.post("/decisions/<int:decision_id>/undo")
@react_limit
def take_back(decision_id: int) -> Response:
    """Take one's decision in the thread back."""
    decision = db.session.get(Decision, decision_id)
    if decision is None:
        raise NotFound("There is no such decision.")
    comment = _judged(decision.comment_id)
    decide.undo(decision, actor=require_person(Permission.REVIEW, comment.site_id))
    db.session.commit()
    return private(jsonify(_state(comment, gettext("Taken back."), undo=None)))


def _state(comment: Comment, message: str, *, undo: int | None) -> dict[str, object]:
    """How the comment stands now, for moderate.js to bring the page in line."""
    article = db.session.scalars(
        select(Article).where(Article.id == comment.article_id).options(joinedload(Article.site)).execution_options(populate_existing=True)
    ).one()
    public = comment.status == Status.PUBLISHED
    mark = ""
    if public and article.pinned_id == comment.id:
        mark = gettext("Pinned by %(name)s", name=article.site.name)
    elif public and comment.featured_at:
        mark = gettext("Featured by %(name)s", name=article.site.name)
    return {
        "id": comment.id, "public": public, "mark": mark, "pinned": article.pinned_id == comment.id,
        "message": message, "undo": undo, "count": article.comment_count,
    }
