"""Many comments decided in one step: each by `decide`, in a transaction of its own, taken back together."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment
from commentsvc.errors import CommentsvcError, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, judge_edit, reject, undo
from commentsvc.moderation.models import Decision
from commentsvc.moderation.reasons import SiteReason
from commentsvc.sites.models import Site

# As many as somebody can have looked at, and an answer within a second or two.
BULK_LIMIT = 100


class Judged(NamedTuple):
    """A comment and the version of it that was seen."""

    comment_id: int
    version: int
    edit: int | None = None  # the revision that waits, where that is what was seen


@dataclass(frozen=True)
class Refusal:
    """A comment of the batch that was left as it is, and why."""

    comment_id: int
    message: str
    code: str


@dataclass
class Outcome:
    """What became of a batch: the comments decided, those where nothing was left to do, and those refused."""

    batch: str
    done: list[int] = field(default_factory=list)
    stood: list[int] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


def decide_many(
    site: Site, judged: Sequence[Judged], *, actor: User, reason: SiteReason | None, note: str = "", message: str = ""
) -> Outcome:
    """Reject these comments of the site for the reason, or without one approve them.

    Commits after each, so that no lock is held for long. One that cannot be decided is reported and
    stops none of the others. Invalid for no comment, and for more than BULK_LIMIT.
    """
    if not judged:
        raise Invalid("Choose at least one comment.", field="comments")
    if len(judged) > BULK_LIMIT:
        raise Invalid("At most %(most)s comments at once.", field="comments", values={"most": BULK_LIMIT})
    outcome = Outcome(secrets.token_hex(8))
    site_id = site.id
    for comment_id, version, edit in {one.comment_id: one for one in judged}.values():
        try:
            comment = db.session.get(Comment, comment_id)
            if comment is None or comment.site_id != site_id:
                raise NotFound("There is no such comment on this site.")
            if edit is not None:
                decision = judge_edit(
                    comment, edit, actor=actor, seen=version, reason=reason.category if reason else None, note=note,
                    message=message, batch=outcome.batch, site_reason=reason.key if reason and reason.own else None,
                )
            elif reason is None:
                decision = approve(comment, actor=actor, seen=version, note=note, batch=outcome.batch)
            else:
                decision = reject(
                    comment, actor=actor, reason=reason.category, site_reason=reason.key if reason.own else None, seen=version, note=note,
                    message=message, batch=outcome.batch,
                )
            decided = decision.batch == outcome.batch
            db.session.commit()
            (outcome.done if decided else outcome.stood).append(comment_id)
        except CommentsvcError as error:
            db.session.rollback()
            outcome.refused.append(Refusal(comment_id, error.told, error.code))
    return outcome


def undo_many(site: Site, batch: str, *, actor: User) -> Outcome:
    """Take a batch back: each decision that nothing came after; commits after each. NotFound without one."""
    ids = db.session.scalars(
        select(Decision.id).where(Decision.batch == batch, Decision.site_id == site.id).order_by(Decision.id)
    ).all()
    if not ids:
        raise NotFound("There is no such batch on this site.")
    outcome = Outcome(batch)
    for decision_id in ids:
        decision = db.session.get_one(Decision, decision_id)
        comment_id = decision.comment_id
        try:
            undo(decision, actor=actor)
            db.session.commit()
            outcome.done.append(comment_id)
        except CommentsvcError as error:
            db.session.rollback()
            outcome.refused.append(Refusal(comment_id, error.told, error.code))
    return outcome
