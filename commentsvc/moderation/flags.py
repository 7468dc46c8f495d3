"""Readers' flags."""

from __future__ import annotations

from sqlalchemy import and_, select

from commentsvc.accounts.models import User
from commentsvc.comments import brigades
from commentsvc.comments.counts import article_policy, lock_article
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.decide import count_open_flags, counted_flags
from commentsvc.moderation.models import Flag, FlagReason, Screening
from commentsvc.moderation.sanctions import check
from commentsvc.moderation.urgency import due, severity
from commentsvc.sites.models import Article

TEXT_LENGTH = 1000


def flag(comment: Comment, user: User, reason: str, text: str = "", network: str = "") -> tuple[Flag, bool]:
    """Report a published comment; the flag, and whether it was made: a second changes the first. Flushes.

    `network` is whence it comes ("": nobody knows); a new account's may be kept without counting in the comment's
    urgency (`comments.brigades`). Sanctioned where the person may not flag here.
    """
    try:
        known = FlagReason(reason)
    except ValueError:
        raise Invalid(f"reason must be one of: {', '.join(FlagReason)}.", field="reason") from None
    text = text.replace("\x00", "").strip()
    if len(text) > TEXT_LENGTH:
        raise Invalid("Keep it under %(most)s characters.", field="text", values={"most": TEXT_LENGTH})
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
    if made or mine.resolved_by_id is not None:
        discount = article_policy(comment.article_id).discount_brigades
        weight = brigades.weigh(Flag, comment.id, user, network, brigades.FLAGS_AT_ONCE, Flag.resolved_by_id.is_(None), discount=discount)
        mine.network, mine.counted = weight.network, weight.counted
    # A reader who flags again after a decision has something new to say.
    mine.reason, mine.text, mine.resolved_by_id = known.value, text, None
    db.session.add(mine)
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
        comment.created_at, severity=severity(findings or (), scores), published=published, flags=counted_flags(comment), public=True,
        noticed=comment.notice_count > 0,
    )
    db.session.flush()


def forget_networks() -> bool:
    """Forget of some old votes and flags which of them came from one network; whether there may be more. Flushes."""
    return any(brigades.forget(table) for table in (Vote, Flag))
