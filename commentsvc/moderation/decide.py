"""The only writer of Comment.status: every change leaves a Decision with its reason."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import joinedload
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article, status_changed
from commentsvc.comments.mentions import keep_mentions
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import N_, gettext
from commentsvc.moderation import edit_steps, legal_notices, statements
from commentsvc.moderation.announcing import announce, announce_step
from commentsvc.moderation.featuring import (
    MARK_REASONS,
    STEPS,
    Mark,
    drop_marks,
    is_marked,
    pinned_under,
    set_mark,
)
from commentsvc.moderation.models import (
    EDIT_REASONS,
    Announcement,
    Decision,
    Flag,
    News,
    Question,
    Reason,
    Statement,
)
from commentsvc.moderation.repeat import after_rejection, after_undo

_S = Status
TRANSITIONS: frozenset[tuple[Status, Status]] = frozenset({
    (_S.PENDING, _S.PUBLISHED), (_S.PENDING, _S.HELD), (_S.PENDING, _S.REJECTED),
    (_S.HELD, _S.PUBLISHED), (_S.HELD, _S.REJECTED),
    (_S.HELD, _S.PENDING),  # its author wrote it anew: it is screened again
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
    message: str = "",
    batch: str | None = None,
    undoes: Decision | None = None,
    site_reason: str | None = None,
    law: str = "",
    answer: str = "",
    keep: Callable[[Announcement | Decision | Statement], None] | None = None,
) -> Decision:
    """Move a comment to a status, for a reason, as `actor` (None: the system); flushes.

    With `keep` the decision is handed to it instead, to be written with others: the comment was
    then loaded under its article's lock. `seen` is the comment's version that was judged. If it moved on since, nothing changes and
    Conflict says who decided what; so it does for a step that TRANSITIONS lacks. A person's
    decision settles the comment's open flags and answers the questions colleagues were asked. A rejection makes a
    statement of reasons for the author, which names the `law` where there is one; what ends a rejection ends it.
    `message` is for the author, `answer` for whoever sent a legal notice, where the comment stays; a `batch` is taken back as one.
    """
    lock_article(comment.article_id)
    now = utcnow()
    if keep is None:
        db.session.refresh(comment)
    before = comment.status
    stands = reason == Reason.UPHELD and before == to == _S.REJECTED  # an appeal that changes nothing is a decision too
    if comment.version != seen or (undoes is None and not stands and (Status(before), to) not in TRANSITIONS):
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
    _follow_text(comment, before)
    decision = Decision(
        site_id=comment.site_id, comment_id=comment.id, revision=comment.revision,
        from_status=before, to_status=to.value, actor_id=actor.id if actor else None,
        reason=reason.value, site_reason=site_reason, note=note[:2000], message=message[:2000], batch=batch,
        undoes_id=undoes.id if undoes else None, created_at=now,
    )
    if keep is None:
        db.session.add(decision)
        db.session.flush()
    else:
        keep(decision)
    statements.follow(comment, decision, actor=actor, undoes=undoes, law=law, keep=keep)
    legal_notices.follow(comment, decision, undoes=undoes, answer=answer, law=law)
    if actor is not None:
        _by_person(comment, decision, actor, seen)
    _begin_unmarked(comment, decision)
    status_changed(comment, before)
    announce_step(comment, decision, keep=keep)
    if to == _S.REJECTED and undoes is None and before != _S.REJECTED:
        after_rejection(comment, reason)
    return decision


def _follow_text(comment: Comment, before: str) -> None:
    """A comment that is taken off has no edit to wait for any more; whom one mentions counts once others read it."""
    if comment.status != _S.PUBLISHED:
        edit_steps.drop(comment)
    elif before != _S.PUBLISHED:
        keep_mentions(comment)


def _by_person(comment: Comment, decision: Decision, actor: User, seen: int) -> None:
    if decision.to_status != _S.WITHDRAWN:  # an author's own step is no act of staff
        _audit(comment, decision, actor, seen)
    if decision.undoes_id is None:
        _settle_flags(comment, decision)
        _answer_questions(comment, decision)


def _audit(comment: Comment, decision: Decision, actor: User, seen: int) -> None:
    record(
        actor, "comment.decided" if decision.undoes_id is None else "comment.undone", site_id=comment.site_id,
        subject=f"comment:{comment.id}", status=[decision.from_status, decision.to_status], reason=decision.reason, version=seen,
    )


def approve(comment: Comment, *, actor: User, seen: int, note: str = "", batch: str | None = None, answer: str = "") -> Decision:
    """A community manager publishes a comment, or lets a published one stand.

    Where a legal notice about it waits, `answer` says why it stays; Invalid without. Where she or a colleague has done so already and nothing came since (no flag, no note to
    keep), there is nothing to decide: the decision that holds is returned, and can still be undone.
    """
    db.session.refresh(comment)
    if comment.notice_count and comment.version == seen:
        answer = legal_notices.clean_answer(answer)
    reviewed = comment.status == _S.PUBLISHED and comment.reviewed_at is not None and comment.flag_count == 0
    if reviewed and comment.version == seen and not note:
        standing = latest_decision(comment.id)
        if standing is not None:
            return standing
    return decide(comment, _S.PUBLISHED, actor=actor, reason=Reason.APPROVED, seen=seen, note=note, batch=batch, answer=answer)


def reject(
    comment: Comment, *, actor: User, reason: Reason, seen: int, note: str = "", message: str = "",
    batch: str | None = None, site_reason: str | None = None, law: str = "",
) -> Decision:
    """A community manager takes a comment out of the thread, for a reason its author is told; against a `law`, if one is named.

    `site_reason` is the key of one of the site's own reasons, which stands under `reason`. `message` is hers to
    the author, in her own words; `note` is for colleagues.
    """
    if len(law) > statements.LAW_LENGTH:
        raise Invalid("The law is %(over)s characters too long.", field="law", values={"over": len(law) - statements.LAW_LENGTH})
    return decide(
        comment, _S.REJECTED, actor=actor, reason=reason, seen=seen, note=note, message=message, batch=batch,
        site_reason=site_reason, law=law,
    )


def judge_edit(
    comment: Comment, edit: int, *, actor: User, seen: int, reason: Reason | None = None, note: str = "", message: str = "",
    batch: str | None = None, site_reason: str | None = None,
) -> Decision:
    """A community manager accepts the edit that waits, or for a reason lets the text before stand; flushes.

    `edit` is the number of the revision that she read, `seen` the comment's version. Conflict where either moved on.
    """
    _begin(comment, seen)
    if comment.status != _S.PUBLISHED or comment.edit != edit or not edit_steps.waits(comment):
        raise _conflict(comment)
    if reason is None:
        comment.reviewed_at = utcnow()
        decision = edit_steps.accept(comment, actor=actor, note=note, batch=batch)
    else:
        decision = edit_steps.refuse(comment, reason.value, actor=actor, site_reason=site_reason, note=note, message=message, batch=batch)
    _audit(comment, decision, actor, seen)
    return decision


def judge_appealed_edit(comment: Comment, statement: Statement, *, overturn: bool, actor: User, note: str) -> Decision:
    """Decide on an appeal about a rejected edit: overturned it is what others read, if nothing has come since; flushes.

    Called by appeals alone. `note` is the answer to the author.
    """
    lock_article(comment.article_id)
    db.session.refresh(comment)
    seen = comment.version
    step = edit_steps.overturn if overturn else edit_steps.uphold
    decision = step(comment, statement.revision or 0, actor=actor, note=note)
    _audit(comment, decision, actor, seen)
    return decision


ONLY_PUBLISHED = {
    Mark.FEATURED: N_("Only a published comment can be featured."), Mark.PINNED: N_("Only a published comment can be pinned."),
}


def mark(comment: Comment, wanted: Mark, *, on: bool, actor: User, seen: int) -> Decision | None:
    """Feature or pin a published comment, or end that; None where it is so already. Flushes.

    A pin takes the place of the article's former one, which is in the modlog too; taking the pin
    back restores it. Conflict on a version that moved on, or where the comment is not published.
    """
    _begin(comment, seen)
    if comment.status != _S.PUBLISHED:
        raise Conflict(ONLY_PUBLISHED[wanted], code="not_published")
    if wanted == Mark.PINNED and on and comment.parent_id is not None:
        raise Invalid("A reply stays below what it answers and cannot be pinned. Feature it instead.", code="not_a_root")
    if is_marked(comment, wanted) == on:
        return None
    batch = None
    former = pinned_under(comment.article_id) if wanted == Mark.PINNED and on else None
    displaced = db.session.get(Comment, former) if former is not None else None
    if displaced is not None:
        batch = secrets.token_hex(8)
        _mark(displaced, Mark.PINNED, on=False, actor=actor, batch=batch)
    return _mark(comment, wanted, on=on, actor=actor, batch=batch)


def _begin(comment: Comment, seen: int) -> None:
    lock_article(comment.article_id)
    db.session.refresh(comment)
    if comment.version != seen:
        raise _conflict(comment)


def _mark(
    comment: Comment, wanted: Mark, *, on: bool, actor: User, batch: str | None = None, undoes: Decision | None = None
) -> Decision:
    set_mark(comment, wanted, on=on)
    comment.version += 1
    reason = Reason.UNDONE if undoes is not None else MARK_REASONS[wanted, on]
    decision = Decision(
        site_id=comment.site_id, comment_id=comment.id, revision=comment.revision, from_status=comment.status,
        to_status=comment.status, actor_id=actor.id, reason=reason.value, batch=batch if undoes is None else None,
        undoes_id=undoes.id if undoes is not None else None,
    )
    db.session.add(decision)
    db.session.flush()
    record(
        actor, "comment.marked" if undoes is None else "comment.undone", site_id=comment.site_id, subject=f"comment:{comment.id}",
        mark=wanted.value, on=on,
    )
    if wanted == Mark.FEATURED and on and undoes is None:
        announce(comment, News.FEATURED)
    return decision


def _unmark(comment: Comment, decision: Decision, *, actor: User) -> Decision:
    """Take a mark's step back; the pin that had to make way comes back with it."""
    wanted, on = STEPS[decision.reason]
    taken = _mark(comment, wanted, on=not on, actor=actor, undoes=decision)
    if wanted == Mark.PINNED and on and decision.batch is not None:
        gave_way = db.session.scalar(
            select(Decision).where(
                Decision.batch == decision.batch, Decision.site_id == decision.site_id, Decision.reason == Reason.UNPINNED
            )
        )
        latest = latest_decision(gave_way.comment_id) if gave_way is not None else None
        former = db.session.get(Comment, gave_way.comment_id) if gave_way is not None and latest is gave_way else None
        if former is not None and former.status == _S.PUBLISHED:
            _mark(former, Mark.PINNED, on=True, actor=actor, undoes=gave_way)
    return taken


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
    appealed = statements.check_undo(decision, actor)
    if decision.reason in STEPS:
        if comment.status != _S.PUBLISHED:
            raise _conflict(comment)
        return _unmark(comment, decision, actor=actor)
    if decision.reason in EDIT_REASONS:
        if comment.status != _S.PUBLISHED:
            raise _conflict(comment)
        seen = comment.version
        taken = edit_steps.undo(comment, decision, actor=actor)
        _audit(comment, taken, actor, seen)
        return taken
    if appealed is not None and appealed.revision is not None:
        seen = comment.version
        taken = edit_steps.undo_appealed(comment, decision, appealed, actor=actor)
        _audit(comment, taken, actor, seen)
        return taken
    db.session.execute(
        update(Flag).where(Flag.resolved_by_id == decision.id).values(resolved_by_id=None)
    )
    db.session.execute(
        update(Question)
        .where(Question.decision_id == decision.id)
        .values(answered_at=None, answered_by_id=None, decision_id=None)
        .execution_options(synchronize_session=False)
    )
    taken = decide(
        comment, Status(decision.from_status), actor=actor, reason=Reason.UNDONE, seen=comment.version, undoes=decision
    )
    count_open_flags(comment)
    if decision.to_status == _S.REJECTED and decision.from_status != _S.REJECTED:
        after_undo(comment, actor=actor)
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
    """Bring flag_count in line with the comment's open flags and legal notices; flushes."""
    open_flags = db.session.scalars(
        select(Flag.id).where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None))
    ).all()
    comment.flag_count = len(open_flags) + comment.notice_count
    db.session.flush()


def counted_flags(comment: Comment) -> int:
    """How many of its open flags count in its urgency; one statement where there are any."""
    if comment.flag_count == 0:
        return 0
    counted = select(func.count()).where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None), Flag.counted)
    return db.session.scalar(counted) or 0


def _settle_flags(comment: Comment, decision: Decision) -> None:
    db.session.execute(
        update(Flag)
        .where(Flag.comment_id == comment.id, Flag.resolved_by_id.is_(None))
        .values(resolved_by_id=decision.id)
        .execution_options(synchronize_session=False)
    )
    comment.flag_count = comment.notice_count
    db.session.flush()


def _begin_unmarked(comment: Comment, decision: Decision) -> None:
    """A comment that was taken off keeps its marks for an undo; published anew it begins without them."""
    again = decision.to_status == _S.PUBLISHED != decision.from_status and comment.published_at != decision.created_at
    if again and decision.undoes_id is None:
        drop_marks(comment)


def _answer_questions(comment: Comment, decision: Decision) -> None:
    db.session.execute(
        update(Question)
        .where(Question.comment_id == comment.id, Question.answered_at.is_(None))
        .values(answered_at=decision.created_at, answered_by_id=decision.actor_id, decision_id=decision.id)
        .execution_options(synchronize_session=False)
    )


# Who comes second is told what the first did: by the reason of a mark, else by the status it was given.
MEANWHILE: dict[str, str] = {
    Reason.FEATURED: N_("%(name)s has featured this comment meanwhile."), Reason.UNFEATURED: N_("%(name)s has unfeatured this comment meanwhile."),
    Reason.PINNED: N_("%(name)s has pinned this comment meanwhile."), Reason.UNPINNED: N_("%(name)s has unpinned this comment meanwhile."),
}
ALREADY: dict[str, str] = {
    _S.PUBLISHED: N_("%(name)s has already published this comment."), _S.REJECTED: N_("%(name)s has already rejected this comment."),
    _S.HELD: N_("%(name)s has already held this comment."), _S.WITHDRAWN: N_("%(name)s has already withdrawn this comment."),
}


def _conflict(comment: Comment) -> Conflict:
    latest = latest_decision(comment.id)
    by = "The system" if latest is None or latest.actor is None else latest.actor.display_name
    told = gettext(N_("The system")) if latest is None or latest.actor is None else by
    if edit_steps.waits(comment) or (comment.status == _S.PENDING and comment.revision > 1):
        message = N_("Its author has edited this comment meanwhile.")
    elif latest is None:
        message = N_("This comment changed since you saw it.")
    elif latest.reason in EDIT_REASONS:
        message = N_("%(name)s has decided on the edit of this comment meanwhile.")
    else:
        message = MEANWHILE.get(latest.reason) or ALREADY.get(latest.to_status) or N_("%(name)s has already decided on this comment.")
    return Conflict(
        message, values={"name": told},
        code="already_decided",
        current={
            "status": comment.status, "version": comment.version, "by": by,
            "reason": latest.reason if latest else None,
            "at": latest.created_at.isoformat() if latest else None,
        },
    )
