"""What an edit of a published comment does to its rows. Called by `decide` and `edits`, under the article's lock.

The text before stands until an edit is accepted. The comment's status stays what it is; each step leaves a Decision
that names the edit's revision, and moves the version, so that nobody decides on what she has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import select, update

from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.mentions import keep_mentions, people_named
from commentsvc.comments.models import Comment, EditStatus, Revision, RevisionState, Status
from commentsvc.comments.submit import body_hash
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.markup import mentioned_in, render
from commentsvc.moderation import statements
from commentsvc.moderation.announcing import Keep, announce
from commentsvc.moderation.models import Decision, News, Reason, Statement
from commentsvc.screening.languages import language_of

WAITING = frozenset({EditStatus.PENDING.value, EditStatus.HELD.value})


def waits(comment: Comment) -> bool:
    """Whether an edit of it is neither accepted nor rejected yet."""
    return comment.edit_status in WAITING


def revision_of(comment: Comment, number: int) -> Revision:
    """The comment's revision of that number."""
    return db.session.scalars(select(Revision).where(Revision.comment_id == comment.id, Revision.number == number)).one()


def edits_of(comments: Sequence[Comment]) -> Mapping[int, Revision]:
    """The revisions that are not, or not yet, what others read, by comment; no statement where none has one."""
    wanted = [c for c in comments if c.edit is not None]
    if not wanted:
        return {}
    numbers = {(c.id, c.edit) for c in wanted}
    return {
        r.comment_id: r
        for r in db.session.scalars(select(Revision).where(Revision.comment_id.in_([c.id for c in wanted])))
        if (r.comment_id, r.number) in numbers
    }


def accept(comment: Comment, *, actor: User | None, note: str = "", batch: str | None = None, keep: Keep | None = None) -> Decision:
    """The text that waits is what others read from now on."""
    new = revision_of(comment, comment.edit or 0)
    _put_in_place(comment, new, keep=keep)
    return _leave(comment, new.number, Reason.EDIT_ACCEPTED, actor, note=note, batch=batch, keep=keep)


def hold(comment: Comment, *, keep: Keep | None = None) -> Decision:
    """The text waits for a community manager."""
    comment.edit_status = EditStatus.HELD.value
    return _leave(comment, comment.edit or 0, Reason.EDIT_HELD, None, keep=keep)


def refuse(
    comment: Comment, reason: str, *, actor: User | None, site_reason: str | None = None, note: str = "", message: str = "",
    batch: str | None = None, keep: Keep | None = None,
) -> Decision:
    """The text before goes on standing; the author is told why, in a statement of reasons."""
    new = revision_of(comment, comment.edit or 0)
    new.state, new.reason = RevisionState.REJECTED.value, reason
    comment.edit_status = EditStatus.REJECTED.value
    decision = _leave(
        comment, new.number, Reason.EDIT_REJECTED, actor, site_reason=site_reason, note=note, message=message, batch=batch, keep=keep,
    )
    statements.state_edit(comment, decision, new, actor=actor, keep=keep)
    return decision


def fits(comment: Comment, number: int) -> bool:
    """Whether a rejected edit could still take the place of the text that others read: nothing else has come since."""
    return comment.status == Status.PUBLISHED and comment.edit == number and comment.edit_status == EditStatus.REJECTED


def uphold(comment: Comment, number: int, *, actor: User, note: str) -> Decision:
    """After an appeal: the edit stays rejected."""
    return _leave(comment, number, Reason.UPHELD, actor, note=note)


def overturn(comment: Comment, number: int, *, actor: User, note: str) -> Decision:
    """After an appeal: its rejection was wrong. It is what others read now, unless its author has written another since."""
    new = revision_of(comment, number)
    if fits(comment, number):
        _put_in_place(comment, new)
    else:
        new.state = RevisionState.REPLACED.value
    new.reason = None
    decision = _leave(comment, number, Reason.OVERTURNED, actor, note=note)
    statements.follow_edit(comment, decision)
    return decision


def undo(comment: Comment, decision: Decision, *, actor: User) -> Decision:
    """The edit waits for a community manager again, and what was read before it is read again."""
    drop(comment)  # one that came since waits no more; it is among the revisions
    new = revision_of(comment, decision.revision)
    if decision.reason == Reason.EDIT_ACCEPTED:
        _take_out(comment, new)
    new.state, new.reason = RevisionState.WAITING.value, None
    comment.edit, comment.edit_status = new.number, EditStatus.HELD.value
    taken = _leave(comment, new.number, Reason.UNDONE, actor, undoes=decision)
    statements.follow_edit(comment, taken, undoes=decision)
    return taken


def undo_appealed(comment: Comment, decision: Decision, statement: Statement, *, actor: User) -> Decision:
    """The decision on an appeal about an edit is taken back: the edit is rejected as before, and the appeal waits again."""
    if decision.reason == Reason.OVERTURNED:
        new = revision_of(comment, decision.revision)
        if comment.revision == new.number:
            drop(comment)
            _take_out(comment, new)
            comment.edit, comment.edit_status = new.number, EditStatus.REJECTED.value
        new.state, new.reason = RevisionState.REJECTED.value, statement.reason
    taken = _leave(comment, decision.revision, Reason.UNDONE, actor, undoes=decision)
    statements.follow_edit(comment, taken, undoes=decision)
    return taken


def _put_in_place(comment: Comment, new: Revision, *, keep: Keep | None = None) -> None:
    revision_of(comment, comment.revision).state = RevisionState.SHOWN.value
    _say(comment, new)
    comment.edited_at = new.created_at
    comment.edit = comment.edit_status = None
    if mentioned_in(comment.body_html):
        announce(comment, News.EDITED, keep=keep)


def _take_out(comment: Comment, new: Revision) -> None:
    """The text that was read before `new` is read again."""
    old = db.session.scalars(
        select(Revision)
        .where(Revision.comment_id == comment.id, Revision.state == RevisionState.SHOWN, Revision.number < new.number)
        .order_by(Revision.number.desc()).limit(1)
    ).one()
    _say(comment, old)
    earlier = select(Revision.id).where(Revision.comment_id == comment.id, Revision.state == RevisionState.SHOWN)
    comment.edited_at = old.created_at if db.session.scalar(earlier.limit(1)) else None


def drop(comment: Comment) -> None:
    """The comment has no edit any more, whatever became of it: one that waited is never shown."""
    if comment.edit is None:
        return
    if waits(comment):
        db.session.execute(
            update(Revision).where(Revision.comment_id == comment.id, Revision.number == comment.edit)
            .values(state=RevisionState.REPLACED.value)
        )
    comment.edit = comment.edit_status = None
    db.session.flush()


def _say(comment: Comment, revision: Revision) -> None:
    lock_article(comment.article_id)  # pages show another text from now on
    comment.body, comment.revision, revision.state = revision.body, revision.number, None
    comment.body_html = render(revision.body, people_named(revision.body, comment.article_id))
    comment.body_hash, comment.language = body_hash(revision.body), language_of(revision.body)
    db.session.flush()
    keep_mentions(comment)


def _leave(
    comment: Comment, number: int, reason: Reason, actor: User | None, *, site_reason: str | None = None, note: str = "",
    message: str = "", batch: str | None = None, undoes: Decision | None = None, keep: Keep | None = None,
) -> Decision:
    comment.version += 1
    comment.claimed_until = None
    decision = Decision(
        site_id=comment.site_id, comment_id=comment.id, revision=number, from_status=comment.status, to_status=comment.status,
        actor_id=actor.id if actor else None, reason=reason.value, site_reason=site_reason, note=note[:2000], message=message[:2000],
        batch=batch, undoes_id=undoes.id if undoes else None, created_at=utcnow(),
    )
    if keep is None:
        db.session.add(decision)
    else:
        keep(decision)
    db.session.flush()
    return decision
