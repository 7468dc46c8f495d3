"""All of a person's comments on a site rejected in one step, and all of that taken back in another.

A sweep is a row; whoever has time (the request that asked, then the worker) takes it a batch further in
a transaction of its own, each comment through `decide`. So it survives a restart, its progress can be
seen, and a reader's post waits for one batch at most.
"""

from __future__ import annotations

import structlog
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.models import Comment, Status
from commentsvc.database import follow_up, utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.decide import decide, undo
from commentsvc.moderation.models import REJECT_REASONS, Decision, Reason
from commentsvc.moderation.people_models import Sweep, SweepState, SweepStep
from commentsvc.moderation.sanctions import NOTE_LENGTH, lock_person
from commentsvc.sites.models import Site

log = structlog.get_logger()

# Decided in one transaction: the articles' rows, and SQLite's one write lock, are given back after some hundredths
# of a second.
BATCH = 25
SWEPT = (Status.PENDING, Status.HELD, Status.PUBLISHED)
OPEN = (SweepState.RUNNING, SweepState.UNDOING)


def start_sweep(site: Site, user: User, *, actor: User, reason: Reason, note: str = "") -> Sweep:
    """Begin to reject everything of a person's that stands or waits on the site; flushes.

    What she posts later is no part of it. Conflict while another one of hers is under way.
    """
    if reason not in REJECT_REASONS:
        raise Invalid("Choose a reason: the author and your colleagues see it.", field="reason")
    note = note.replace("\x00", "").strip()
    if len(note) > NOTE_LENGTH:
        raise Invalid("The note is %(over)s characters too long.", field="note", values={"over": len(note) - NOTE_LENGTH})
    lock_person(user.id)
    under_way = db.session.scalar(
        select(Sweep).where(Sweep.site_id == site.id, Sweep.user_id == user.id, Sweep.state.in_([s.value for s in OPEN]))
        .options(joinedload(Sweep.actor)).limit(1)
    )
    if under_way is not None:
        raise Conflict("%(name)s is already doing this. Wait until it is done.", code="under_way", values={"name": under_way.actor.display_name})
    mine = (Comment.author_id == user.id, Comment.site_id == site.id, Comment.status.in_([s.value for s in SWEPT]))
    total, last = db.session.execute(select(func.count(), func.max(Comment.id)).where(*mine)).one()
    if not total:
        raise Invalid("There is nothing to reject: no comment of this person stands or waits here.", code="nothing_there")
    sweep = Sweep(
        site_id=site.id, user_id=user.id, actor_id=actor.id, reason=reason.value, note=note, state=SweepState.RUNNING.value,
        last_comment_id=last, total=total, created_at=utcnow(),
    )
    db.session.add(sweep)
    db.session.flush()
    record(actor, "sweep.begun", site_id=site.id, subject=f"user:{user.id}", sweep=sweep.id, reason=reason.value, comments=total)
    follow_up(db.session, "sweep")
    return sweep


def undo_sweep(sweep: Sweep, *, actor: User) -> Sweep:
    """Begin to take a sweep back, also one that is still under way; flushes.

    Each comment gets the status it had. One that somebody decided since stays as she decided.
    """
    _lock(sweep)
    if sweep.state in {SweepState.UNDOING, SweepState.UNDONE}:
        raise Conflict("This is being taken back already.", code="already_undone")
    sweep.state, sweep.position, sweep.undone_by_id, sweep.finished_at = SweepState.UNDOING.value, 0, actor.id, None
    record(actor, "sweep.undone", site_id=sweep.site_id, subject=f"user:{sweep.user_id}", sweep=sweep.id)
    db.session.flush()
    follow_up(db.session, "sweep")
    return sweep


def advance(sweep_id: int) -> bool:
    """Take a sweep one batch further and commit; whether there is more to do."""
    sweep = db.session.scalar(
        select(Sweep).where(Sweep.id == sweep_id, Sweep.state.in_([s.value for s in OPEN]))
        .with_for_update().execution_options(populate_existing=True)
    )
    if sweep is None:
        db.session.commit()
        return False
    more = _reject_some(sweep) if sweep.state == SweepState.RUNNING else _restore_some(sweep)
    if not more:
        sweep.state = (SweepState.DONE if sweep.state == SweepState.RUNNING else SweepState.UNDONE).value
        sweep.finished_at = utcnow()
    db.session.commit()
    return more


def run_due_sweeps() -> int:
    """Take every sweep that is under way to its end; returns how many."""
    done = 0
    tried: set[int] = set()
    while True:
        sweep_id = db.session.scalar(
            select(Sweep.id).where(Sweep.state.in_([s.value for s in OPEN]), Sweep.id.not_in(tried)).order_by(Sweep.id).limit(1)
        )
        db.session.commit()
        if sweep_id is None:
            return done
        tried.add(sweep_id)
        try:
            while advance(sweep_id):
                pass
        except OperationalError:
            raise
        except Exception:  # the next minute tries again; the others are not to wait for it
            db.session.rollback()
            log.exception("a sweep stands still", sweep=sweep_id)
        else:
            done += 1


def sweep_on(site: Site, sweep_id: int) -> Sweep:
    """The sweep with whoever began it; NotFound when it is none of this site."""
    sweep = db.session.scalar(
        select(Sweep).where(Sweep.id == sweep_id, Sweep.site_id == site.id)
        .options(joinedload(Sweep.actor), joinedload(Sweep.undone_by)).execution_options(populate_existing=True)
    )
    if sweep is None:
        raise NotFound("There is no such sweep on this site.")
    return sweep


def _lock(sweep: Sweep) -> None:
    # Not refresh(): PostgreSQL locks no row of an outer join, which is how the sweep's people were loaded.
    db.session.execute(select(Sweep).where(Sweep.id == sweep.id).with_for_update().execution_options(populate_existing=True))


def _reject_some(sweep: Sweep) -> bool:
    """Reject the next few; whether there may be more."""
    found = db.session.execute(
        select(Comment.id, Comment.article_id)
        .where(
            Comment.author_id == sweep.user_id, Comment.site_id == sweep.site_id, Comment.id > sweep.position,
            Comment.id <= sweep.last_comment_id, Comment.status.in_([s.value for s in SWEPT]),
        )
        .order_by(Comment.id).limit(BATCH)
    ).all()
    actor = db.session.get_one(User, sweep.actor_id)
    for comment in _locked({row.id: row.article_id for row in found}):
        if comment.status not in SWEPT:  # decided or withdrawn between reading and locking
            continue
        decision = decide(
            comment, Status.REJECTED, actor=actor, reason=Reason(sweep.reason), seen=comment.version, note=sweep.note
        )
        db.session.add(SweepStep(site_id=sweep.site_id, sweep_id=sweep.id, comment_id=comment.id, decision_id=decision.id))
        sweep.rejected += 1
    if found:
        sweep.position = found[-1].id
        sweep.seen += len(found)
    return len(found) == BATCH


def _restore_some(sweep: Sweep) -> bool:
    found = db.session.execute(
        select(SweepStep.id, SweepStep.comment_id, SweepStep.decision_id, Comment.article_id)
        .join(Comment, Comment.id == SweepStep.comment_id)
        .where(SweepStep.sweep_id == sweep.id, SweepStep.id > sweep.position)
        .order_by(SweepStep.id).limit(BATCH)
    ).all()
    actor = db.session.get_one(User, sweep.undone_by_id)
    decisions = {row.comment_id: row.decision_id for row in found}
    for comment in _locked({row.comment_id: row.article_id for row in found}):
        decision = db.session.get_one(Decision, decisions[comment.id])
        try:
            undo(decision, actor=actor)
        except Conflict:  # somebody decided since, or its author took it back; nothing was written
            sweep.stood += 1
        else:
            sweep.restored += 1
    if found:
        sweep.position = found[-1].id
    return len(found) == BATCH


def _locked(articles: dict[int, int]) -> list[Comment]:
    """These comments (id -> article) under their articles' locks, taken in one order by whoever takes several."""
    for article_id in sorted(set(articles.values())):
        lock_article(article_id)
    return list(db.session.scalars(
        select(Comment).where(Comment.id.in_(articles)).order_by(Comment.article_id, Comment.id).execution_options(populate_existing=True)
    ))
