"""A reader's own comments and votes, in a fixed number of statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.orm import aliased

from commentsvc.accounts.badges import badges
from commentsvc.accounts.models import User
from commentsvc.accounts.public_ids import public_id
from commentsvc.api.access import is_author, may_review
from commentsvc.api.present import badge_values, own_values, public_values
from commentsvc.comments.authors import badges_of
from commentsvc.comments.models import Comment, EditStatus, Status, Vote
from commentsvc.comments.threads import own_waiting
from commentsvc.extensions import db
from commentsvc.markup import render
from commentsvc.moderation.edit_steps import edits_of
from commentsvc.moderation.marking import Range
from commentsvc.moderation.models import Decision, Statement
from commentsvc.moderation.nudge import nudges
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.reasons import words_of_reason
from commentsvc.moderation.sanctions import in_shadow, shadowed
from commentsvc.moderation.statements import of_whole
from commentsvc.sites.models import Article, Site


def comment_values(comment: Comment, user: User | None) -> dict[str, Any]:
    """One comment as this person sees it: a reader, its author, or a community manager."""
    beside = _beside(comment)
    if not is_author(comment, user) and not may_review(comment, user):
        values = public_values(comment)
        return values | ({"author": values["author"] | beside} if values["author"] else {})
    posted = comment.id in shadowed([comment]) and not may_review(comment, user)
    values = own_values(comment, _reasons([comment], comment.article.site).get(comment.id), comment.author, posted=posted)
    values["author"] |= beside
    if is_author(comment, user):
        values |= _nudge(nudges([comment], comment.article.site.policy.nudges), comment)
    if (edit := edits_of([comment]).get(comment.id)) is not None:
        under_shadow = comment.hold_for == SanctionKind.SHADOW and not may_review(comment, user) and in_shadow(comment.author_id, comment.site_id)
        if under_shadow and comment.edit_status == EditStatus.HELD:
            values |= {"body": edit.body, "body_html": render(edit.body), "edited_at": edit.created_at}
        else:
            values["edit"] = {"revision": edit.number, "status": comment.edit_status, "body": edit.body, "reason": edit.reason}
    return values | ({"version": comment.version} if may_review(comment, user) else {})


def _beside(comment: Comment) -> dict[str, Any]:
    """What stands beside the author's name, and her page; one statement."""
    author = comment.author
    there = author.guest_since is None and author.erased_at is None
    return {
        "badges": badge_values(badges(comment.author_role, *badges_of(comment.site_id, author.id))),
        "profile": public_id(comment.site_id, author.id) if there else None,
    }


def own_comments(article: Article, user: User) -> list[dict[str, Any]]:
    """The person's comments under an article that only she sees, latest first; three statements."""
    waiting = own_waiting(article.id, user.id)
    reasons, doubtful, posted = _reasons(waiting, article.site), nudges(waiting, article.site.policy.nudges), shadowed(waiting)
    return [own_values(c, reasons.get(c.id), user, posted=c.id in posted) | _nudge(doubtful, c) for c in waiting]


def own_votes(article: Article, user: User) -> Sequence[tuple[int, int]]:
    """The person's votes under an article that count there: (comment, 1 or -1)."""
    rows = db.session.execute(
        select(Vote.comment_id, Vote.value)
        .join(Comment, Comment.id == Vote.comment_id)
        .where(Vote.user_id == user.id, Comment.article_id == article.id)
        .order_by(Vote.comment_id)
    )
    least = 1 if article.site.policy.respect else -1
    return [(row.comment_id, row.value) for row in rows if row.value >= least]


def _nudge(doubtful: Mapping[int, Sequence[Range]], comment: Comment) -> dict[str, Any]:
    found = [{"start": start, "end": end} for start, end in doubtful.get(comment.id, ())]
    return {"nudge": found} if found else {}


def _reasons(comments: Sequence[Comment], site: Site) -> dict[int, tuple[str, str | None]]:
    """Why those among them that are rejected were, by id, and what the site calls it."""
    ids = [comment.id for comment in comments if comment.status == Status.REJECTED]
    if not ids:
        return {}
    latest = select(func.max(Decision.id)).where(Decision.comment_id.in_(ids)).group_by(Decision.comment_id)
    stated = aliased(Decision)  # the one that rejected it, where an appeal was decided since
    rows = db.session.execute(
        select(
            Decision.comment_id, func.coalesce(Statement.reason, Decision.reason).label("reason"),
            func.coalesce(stated.site_reason, Decision.site_reason).label("site_reason"),
        )
        .outerjoin(Statement, and_(Statement.comment_id == Decision.comment_id, Statement.ended_at.is_(None), of_whole()))
        .outerjoin(stated, stated.id == Statement.decision_id)
        .where(Decision.id.in_(latest))
    )
    return {row.comment_id: (row.reason, words_of_reason(site, row.reason, row.site_reason)) for row in rows}
