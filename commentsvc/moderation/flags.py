"""Readers' flags."""

from __future__ import annotations

from sqlalchemy import and_, select

from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.models import Comment, Status
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.decide import count_open_flags
from commentsvc.moderation.models import Flag, FlagReason, Screening
from commentsvc.moderation.sanctions import check
from commentsvc.moderation.urgency import due, severity
from commentsvc.sites.models import Article

TEXT_LENGTH = 1000


def flag(comment: Comment, user: User, reason: str, text: str = "") -> tuple[Flag, bool]:
    """Report a published comment; the flag, and whether it was made: a second changes the first. Flushes.

    Sanctioned where the person may not flag here.
    """
    try:
        known = FlagReason(reason)
    except ValueError:
        raise Invalid(f"reason must be one of: {', '.join(FlagReason)}.", field="reason") from None
    text = text.replace("\x00", "").strip()
    if len(text) > TEXT_LENGTH:
        raise Invalid("Keep it under %(most)s characters.", field="text", values={"most": f"{TEXT_LENGTH:,}"})
    if comment.author_id == user.id:
        raise NotAllowed("You cannot flag your own comment; withdraw it instead.", code="own_comment")
    check(user, comment.site_id)
    lock_article(comment.article_id)
    db.session.refresh(comment)
    if comment.status != Status.PUBLISHED:
        raise Conflict("This comment is no longer public.", code="not_published")
    mine = db.session.scalar(select(Flag).where(Flag.comment_id == comment.id, Flag.user_id == user.id))
    made = mine is None
    if mine is None:
        mine = Flag(site_id=comment.site_id, comment_id=comment.id, user_id=user.id, reason=known.value, text=text)
        db.session.add(mine)
    else:
        # A reader who flags again after a decision has something new to say.
        mine.reason, mine.text, mine.resolved_by_id = known.value, text, None
    db.session.flush()
    count_open_flags(comment)
    _make_due(comment)
    return mine, made


def _make_due(comment: Comment) -> None:
    """Give a public comment its place among those that were flagged."""
    published, findings, scores = db.session.execute(
        select(Article.comment_count, Screening.findings, Screening.scores)
        .outerjoin(Screening, and_(Screening.comment_id == comment.id, Screening.revision == comment.revision))
        .where(Article.id == comment.article_id)
        .order_by(Screening.id.desc())
        .limit(1)
    ).one()
    comment.due = due(
        comment.created_at, severity=severity(findings or (), scores), published=published, flags=comment.flag_count, public=True
    )
    db.session.flush()
