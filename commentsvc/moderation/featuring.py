"""The marks a published comment can carry: featured, and pinned to the top of its conversation."""

from __future__ import annotations

import enum

from sqlalchemy import update

from commentsvc.comments.models import Comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.models import Reason
from commentsvc.sites.models import Article


class Mark(enum.StrEnum):
    FEATURED = "featured"
    PINNED = "pinned"


# What the modlog calls each step: (mark, given rather than taken away).
MARK_REASONS: dict[tuple[Mark, bool], Reason] = {
    (Mark.FEATURED, True): Reason.FEATURED,
    (Mark.FEATURED, False): Reason.UNFEATURED,
    (Mark.PINNED, True): Reason.PINNED,
    (Mark.PINNED, False): Reason.UNPINNED,
}
STEPS: dict[str, tuple[Mark, bool]] = {reason.value: step for step, reason in MARK_REASONS.items()}


def pinned_under(article_id: int) -> int | None:
    """The comment that is pinned there. The article is locked."""
    article = db.session.get_one(Article, article_id)
    db.session.refresh(article, ["pinned_id"])
    return article.pinned_id


def is_marked(comment: Comment, mark: Mark) -> bool:
    """Whether it carries the mark. The article is locked."""
    if mark == Mark.FEATURED:
        return comment.featured_at is not None
    return pinned_under(comment.article_id) == comment.id


def set_mark(comment: Comment, mark: Mark, *, on: bool) -> None:
    """Give or take the mark; flushes. An article has one pinned comment at most."""
    if mark == Mark.FEATURED:
        comment.featured_at = utcnow() if on else None
    else:
        db.session.get_one(Article, comment.article_id).pinned_id = comment.id if on else None
    db.session.flush()


def drop_marks(comment: Comment) -> None:
    """What was taken off and is published anew begins without marks."""
    comment.featured_at = None
    db.session.execute(
        update(Article).where(Article.id == comment.article_id, Article.pinned_id == comment.id).values(pinned_id=None)
    )
    db.session.flush()
