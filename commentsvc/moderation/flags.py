"""Readers' flags."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from commentsvc.accounts.models import User
from commentsvc.comments import brigades
from commentsvc.comments.counts import article_policy, lock_article
from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.decide import count_open_flags, counted_flags
from commentsvc.moderation.models import Decision, Flag, FlagReason, Screening
from commentsvc.moderation.sanctions import check
from commentsvc.moderation.urgency import due, severity
from commentsvc.sites.models import Article

TEXT_LENGTH = 1000
# Of somebody's flags on a site: once so many were settled, at least one in so many has to have led to a rejection.
UNHEEDED_AFTER, UNHEEDED_SHARE = 10, 5


@dataclass(frozen=True)
class Reliability:
    """Of a reporter's earlier flags on this site: how many were settled, and how many of those by a rejection."""

    settled: int = 0
    rejected: int = 0

    @property
    def heeded(self) -> bool:
        """Whether a flag of hers makes a comment more urgent: not after many that led to nothing."""
        return self.settled < UNHEEDED_AFTER or self.rejected * UNHEEDED_SHARE >= self.settled


def reliability(site_id: int, user_ids: Sequence[int]) -> dict[int, Reliability]:
    """How the earlier flags of these readers were settled, in one statement."""
    rows = db.session.execute(
        select(Flag.user_id, func.count(), func.count().filter(Decision.to_status == Status.REJECTED))
        .join(Decision, Decision.id == Flag.resolved_by_id)
        .where(Flag.site_id == site_id, Flag.user_id.in_(user_ids))
        .group_by(Flag.user_id)
    )
    return {user: Reliability(settled, rejected) for user, settled, rejected in rows}


def flag(comment: Comment, user: User, reason: str, text: str = "", network: str = "") -> tuple[Flag, bool]:
    """Report a published comment; the flag, and whether it was made: a second changes the first. Flushes.

    `network` is whence it comes ("": nobody knows); a flag may be kept without counting in the comment's urgency:
    of many new accounts (`comments.brigades`), or of somebody whose flags led to nothing (`Reliability.heeded`). Sanctioned where the person may not flag here.
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
        mine.network = weight.network
        mine.counted = weight.counted and reliability(comment.site_id, [user.id]).get(user.id, Reliability()).heeded
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
