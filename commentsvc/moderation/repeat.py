"""The rule for repeat offenders: after so many rejections a sanction follows by itself, where a site asks for it."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import func, select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.models import REJECT_REASONS, Reason
from commentsvc.moderation.people_models import Rule, Sanction, SanctionKind
from commentsvc.moderation.sanctions import active, end, impose
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Site

_K = SanctionKind
# What a rule would impose -> what makes it needless.
ENOUGH = {_K.SUSPEND: {_K.BAN, _K.SUSPEND}, _K.ALWAYS_REVIEW: {_K.BAN, _K.SUSPEND, _K.ALWAYS_REVIEW, _K.SHADOW}}


def after_rejection(comment: Comment, reason: Reason) -> Sanction | None:
    """What follows from this rejection by the site's rule; None where nothing does. Flushes.

    A sanction on the person that weighs as much or more is enough: a rule adds none to it.
    """
    site = _site_of(comment)
    policy = site.policy
    if not policy.repeat_rejections or reason not in REJECT_REASONS:
        return None
    rejected = _rejected(comment, policy)
    if rejected < policy.repeat_rejections:
        return None
    kind = SanctionKind(policy.repeat_action)
    if any(SanctionKind(standing.kind) in ENOUGH[kind] for standing in active(comment.author_id, site.id)):
        return None
    user = db.session.get_one(User, comment.author_id)
    try:
        return impose(
            user, kind, actor=None, site=site, reason=reason, rule=Rule.REPEAT_OFFENDER,
            note=f"{rejected} comments rejected within {policy.repeat_days} days.",
            ends_at=utcnow() + dt.timedelta(hours=policy.repeat_hours) if policy.repeat_hours else None,
        )
    except (Conflict, NotAllowed):  # a colleague was quicker, or it is one of the staff
        return None


def after_undo(comment: Comment, *, actor: User) -> None:
    """End what the rule did where the rejection that led to it was taken back; flushes."""
    site = _site_of(comment)
    policy = site.policy
    if not policy.repeat_rejections:
        return
    by_rule = [standing for standing in active(comment.author_id, site.id) if standing.rule == Rule.REPEAT_OFFENDER]
    if by_rule and _rejected(comment, policy) < policy.repeat_rejections:
        for standing in by_rule:
            end(standing, actor=actor, note="A rejection that led to this was taken back.")


def _rejected(comment: Comment, policy: Policy) -> int:
    return db.session.scalar(
        select(func.count()).select_from(Comment).where(
            Comment.author_id == comment.author_id, Comment.site_id == comment.site_id, Comment.status == Status.REJECTED,
            Comment.created_at > utcnow() - dt.timedelta(days=policy.repeat_days),
        )
    ) or 0


def _site_of(comment: Comment) -> Site:
    """The comment's site; mostly whoever decides has it already."""
    article = comment.__dict__.get("article")
    site = article.__dict__.get("site") if article is not None else None
    return site if site is not None else db.session.get_one(Site, comment.site_id)
