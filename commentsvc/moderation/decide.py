"""The only writer of Comment.status: every change leaves a Decision with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article, status_changed
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Flag, Reason

_S = Status
TRANSITIONS: frozenset[tuple[Status, Status]] = frozenset({
    (_S.PENDING, _S.PUBLISHED), (_S.PENDING, _S.HELD), (_S.PENDING, _S.REJECTED),
    (_S.HELD, _S.PUBLISHED), (_S.HELD, _S.REJECTED),
    (_S.PUBLISHED, _S.PUBLISHED),  # a community manager looked and left it: settles its flags
    (_S.PUBLISHED, _S.REJECTED), (_S.PUBLISHED, _S.HELD),
    (_S.REJECTED, _S.PUBLISHED), (_S.REJECTED, _S.HELD),
    (_S.PENDING, _S.WITHDRAWN), (_S.HELD, _S.WITHDRAWN), (_S.PUBLISHED, _S.WITHDRAWN), (_S.REJECTED, _S.WITHDRAWN),
})


def decide(
    comment: Comment,
    to: Status,
    *,
    actor: User | None,
    reason: Reason,
    seen: int,
    note: str = "",
    undoes: Decision | None = None,
    keep: Callable[[Decision], None] | None = None,
) -> Decision:
    """Move a comment to a status, for a reason, as `actor` (None: the system); flushes.

    With `keep` the decision is handed to it instead, to be written with others: the comment was
    then loaded under its article's lock. `seen` is the comment's version that was judged. If it moved on since, nothing changes and
    Conflict says who decided what; so it does for a step that TRANSITIONS lacks. A person's
    decision settles the comment's open flags.
    """
    lock_article(comment.article_id)
    now = utcnow()
    if keep is None:
        db.session.refresh(comment)
    before = comment.status
    if comment.version != seen or (undoes is None and (Status(before), to) not in TRANSITIONS):
        raise _conflict(comment)
    values: dict[str, Any] = {"status": to.value, "version": seen + 1, "claimed_until": None}
    if to == _S.PUBLISHED and comment.published_at is None:
        # What an import brings was published where it came from: it is no news to feeds.
        values["published_at"] = now if comment.external_id is None else comment.created_at
    if actor is not None and to != _S.WITHDRAWN:
        values["reviewed_at"] = None if undoes is not None else now
    db.session.flush()
    comments = Comment.__table__
    changed = db.session.connection().execute(
        update(comments)  # type: ignore[arg-type]
        .where(comments.c.id == comment.id, comments.c.version == seen)
        .values(values)
    )
    if changed.rowcount != 1:
        db.session.refresh(comment)
        raise _conflict(comment)
    for name, value in values.items():  # the row is ours: nothing else in it has changed
        set_committed_value(comment, name, value)
    decision = Decision(
        site_id=comment.site_id, comment_id=comment.id, revision=comment.revision,
        from_status=before, to_status=to.value, actor_id=actor.id if actor else None,
        reason=reason.value, note=note[:2000], undoes_id=undoes.id if undoes else None, created_at=now,
    )
    if keep is None:
        db.session.add(decision)
        db.session.flush()
    else:
        keep(decision)
    if actor is not None and undoes is None:
        _settle_flags(comment, decision)
    status_changed(comment, before)
    return decision


def approve(comment: Comment, *, actor: User, seen: int, note: str = "") -> Decision:
    """A community manager publishes a comment, or lets a published one stand.

    Where she or a colleague has done so already and nothing came since (no flag, no note to
    keep), there is nothing to decide: the decision that holds is returned, and can still be undone.
    """
    db.session.refresh(comment)
    reviewed = comment.status == _S.PUBLISHED and comment.reviewed_at is not None and comment.flag_count == 0
    if reviewed and comment.version == seen and not note:
        standing = latest_decision(comment.id)
        if standing is not None:
            return standing
    return decide(comment, _S.PUBLISHED, actor=actor, reason=Reason.APPROVED, seen=seen, note=note)


def reject(comment: Comment, *, actor: User, reason: Reason, seen: int, note: str = "") -> Decision:
    """A community manager takes a comment out of the thread, for a reason its author is told."""
    return decide(comment, _S.REJECTED, actor=actor, reason=reason, seen=seen, note=note)


def withdraw(comment: Comment, author: User) -> Decision:
    """The author takes her comment back; replies to it stay under a tombstone."""
    if comment.author_id != author.id:
        raise NotAllowed("Only its author can withdraw a comment.", code="not_yours")
    return decide(comment, _S.WITHDRAWN, actor=author, reason=Reason.WITHDRAWN, seen=comment.version)


def undo(decision: Decision, *, actor: User) -> Decision:
    """Take a person's decision back, with the flags it settled, if nothing came after it."""
    comment = db.session.get_one(Comment, decision.comment_id)
    lock_article(comment.article_id)
    db.session.refresh(comment)
    latest = latest_decision(comment.id)
    if latest is None or latest.id != decision.id:
        raise _conflict(comment)
    if decision.actor_id is None or decision.undoes_id is not None or decision.to_status == _S.WITHDRAWN:
        raise Invalid("Only a community manager's own decision can be undone.")
    db.session.execute(
        update(Flag).where(Flag.resolved_by_id == decision.id).values(resolved_by_id=None)
    )
    taken = decide(
        comment, Status(decision.from_status), actor=actor, reason=Reason.UNDONE, seen=comment.version, undoes=decision
    )
    count_open_flags(comment)
    return taken


def latest_decision(comment_id: int) -> Decision | None:
    """The last decision on a comment, with its actor; None before the first."""
    return db.session.scalar(
        select(Decision)
        .where(Decision.comment_id == comment_id)
        .order_by(Decision.id.desc())
        .limit(1)
        .options(joinedload(Decision.actor))
    )


def count_open_flags(comment: Comment) -> None:
    """Bring flag_count in line with the comment's open flags; flushes."""
    open_flags = db.session.scalars(
        select(Flag.id).where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None))
    ).all()
    comment.flag_count = len(open_flags)
    db.session.flush()


def _settle_flags(comment: Comment, decision: Decision) -> None:
    db.session.execute(
        update(Flag)
        .where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None))
        .values(resolved_by_id=decision.id)
        .execution_options(synchronize_session=False)
    )
    comment.flag_count = 0
    db.session.flush()


def _conflict(comment: Comment) -> Conflict:
    latest = latest_decision(comment.id)
    by = "The system" if latest is None or latest.actor is None else latest.actor.display_name
    words = {"published": "published", "rejected": "rejected", "held": "held", "withdrawn": "withdrawn"}
    if latest is None:
        message = "This comment changed since you saw it."
    else:
        message = f"{by} has already {words.get(latest.to_status, 'decided on')} this comment."
    return Conflict(
        message,
        code="already_decided",
        current={
            "status": comment.status, "version": comment.version, "by": by,
            "reason": latest.reason if latest else None,
            "at": latest.created_at.isoformat() if latest else None,
        },
    )
