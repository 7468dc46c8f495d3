"""Appeals: lodged once against a decision, judged by somebody else than who made it."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, or_, select
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.base import ExecutableOption

from commentsvc.accounts.audit import record
from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_, day
from commentsvc.moderation.decide import decide, judge_appealed_edit, undo
from commentsvc.moderation.edit_steps import fits
from commentsvc.moderation.models import (
    Appeal,
    AppealStatus,
    Decision,
    Ending,
    Flag,
    Reason,
    Statement,
)
from commentsvc.moderation.people_models import Sanction, SanctionKind
from commentsvc.moderation.repeat import after_undo
from commentsvc.moderation.sanctions import admin_of_all, end, lock_person, resume
from commentsvc.moderation.statements import (
    Standing,
    mail_about,
    reopen_appeal,
    standing_of,
    texts_of_edits,
)
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Site

TEXT_LENGTH = 2000
ANSWER_LENGTH = 2000
COUNT_LIMIT = 1000  # as in the queues
PER_PAGE = 25


class Outcome(enum.StrEnum):
    """What becomes of the decision that was appealed."""

    UPHELD = "upheld"
    OVERTURNED = "overturned"


class Whose(enum.StrEnum):
    """Which appeals, seen by one community manager."""

    ALL = "all"
    OTHERS = "others"  # hers to judge
    MINE = "mine"  # against her own decisions: for somebody else


# What the appeal does to the comment, and the reason that its decision carries.
STEPS: dict[Outcome, tuple[Status, Reason]] = {
    Outcome.UPHELD: (Status.REJECTED, Reason.UPHELD),
    # Also where it had waited to be read: somebody has read it now, and found the rejection wrong.
    Outcome.OVERTURNED: (Status.PUBLISHED, Reason.OVERTURNED),
}


@dataclass(frozen=True)
class Case:
    """An appeal with all that judging it needs."""

    appeal: Appeal  # with statement, its decision and actor, its author, and who decided it
    comment: Comment | None  # None: it is about a sanction
    sanction: Sanction | None
    flags: Sequence[Flag]  # those that the rejection settled
    standing: Standing
    edit: str | None = None  # the rejected text, where it is about an edit
    fits: bool = True  # overturned, the edit would be what others read

    @property
    def about_edit(self) -> bool:
        return self.edit is not None


def lodge(statement: Statement, author: User, text: str) -> Appeal:
    """Appeal against a decision, once; flushes.

    NotFound for somebody else's. Invalid `appeal_late` after the deadline, `appeal_moot` where the decision
    holds no more; Conflict `appeal_made` the second time.
    """
    if statement.user_id != author.id:
        raise _unknown()
    body = text.replace("\x00", "").replace("\r\n", "\n").strip()
    _lock(statement)
    db.session.refresh(statement)
    made = db.session.scalar(select(Appeal).where(Appeal.statement_id == statement.id))
    if made is not None:
        raise Conflict("You have appealed against this decision already.", code="appeal_made", current={"status": made.status})
    if (why_not := moot(statement)) is not None:
        raise Invalid(why_not, code="appeal_moot")
    now = utcnow()
    if now > statement.appeal_until:
        raise Invalid(
            "The time to appeal ended on %(day)s.", code="appeal_late", values={"day": day(statement.appeal_until)},
        )
    if not body:
        raise Invalid("Say why you think that the decision is wrong.", field="text")
    if len(body) > TEXT_LENGTH:
        raise Invalid("This is %(over)s characters too long; the limit is %(most)s.", field="text", values={"over": len(body) - TEXT_LENGTH, "most": TEXT_LENGTH})
    policy = db.session.get_one(Site, statement.site_id).policy
    appeal = Appeal(
        site_id=statement.site_id, statement_id=statement.id, user_id=author.id, text=body, status=AppealStatus.OPEN.value,
        created_at=now, due_at=now + dt.timedelta(days=policy.appeal_answer_days), answer="", alone=False,
    )
    db.session.add(appeal)
    db.session.flush()
    return appeal


def moot(statement: Statement) -> str | None:
    """Why there is nothing to appeal, for the statement's person; None where there is."""
    if statement.ended_at is None:
        return None
    if statement.ending == Ending.WITHDRAWN:
        return N_("You have taken this comment back yourself, so there is nothing left to decide.")
    return N_("This decision has been taken back, so there is nothing to appeal against.")


def judge(appeal: Appeal, outcome: Outcome, *, actor: User, answer: str) -> Appeal:
    """Uphold or overturn the decision that was appealed, with a reason its author is told; flushes.

    Overturning publishes the comment, or ends the sanction. Conflict where the appeal was closed meanwhile, and says by whom; NotAllowed
    for whoever made the decision, unless nobody else is there.
    """
    statement = db.session.get_one(Statement, appeal.statement_id)
    about = _lock(statement)
    db.session.refresh(appeal)
    if appeal.status != AppealStatus.OPEN:
        raise _closed(appeal)
    standing = standing_of(statement, actor)
    if not standing.may:
        raise own_decision()
    reply = answer.replace("\x00", "").replace("\r\n", "\n").strip()
    if not reply:
        raise Invalid("Write a reason: the author is told it.", field="answer")
    if len(reply) > ANSWER_LENGTH:
        raise Invalid(
            "This is %(over)s characters too long; the limit is %(most)s.", field="answer",
            values={"over": len(reply) - ANSWER_LENGTH, "most": ANSWER_LENGTH},
        )
    if isinstance(about, Sanction) and about.site_id is None and not admin_of_all(actor):
        raise NotAllowed("This holds on all sites; only somebody who is admin of every site can judge it.", code="not_all_sites")
    decision: Decision | None = None
    in_place = True
    if isinstance(about, Comment) and statement.revision is not None:
        db.session.refresh(about)
        in_place = fits(about, statement.revision)
        decision = judge_appealed_edit(about, statement, overturn=outcome == Outcome.OVERTURNED, actor=actor, note=reply)
    elif isinstance(about, Comment):
        to, reason = STEPS[outcome]
        db.session.refresh(about)
        decision = decide(about, to, actor=actor, reason=reason, seen=about.version, note=reply)
        if outcome == Outcome.OVERTURNED:
            after_undo(about, actor=actor)
    appeal.status, appeal.answer, appeal.alone = outcome.value, reply, standing.first
    appeal.decided_at, appeal.decided_by_id = utcnow(), actor.id
    appeal.decision_id = decision.id if decision is not None else None
    db.session.flush()
    if isinstance(about, Sanction) and outcome == Outcome.OVERTURNED:
        _lift(about, statement, actor, reply)
    record(
        actor, "appeal.decided", site_id=appeal.site_id, subject=f"user:{appeal.user_id}", appeal=appeal.id, outcome=outcome.value,
        own_decision=standing.first,
    )
    appeal.mail_id = mail_about(
        statement, N_("Your appeal: the decision stands") if outcome == Outcome.UPHELD else N_("Your appeal: the decision was wrong"),
        "appeal_decided", overturned=outcome == Outcome.OVERTURNED, answer=reply, in_place=in_place,
    )
    db.session.flush()
    return appeal


def _lift(sanction: Sanction, statement: Statement, actor: User, reply: str) -> None:
    """End a sanction that was wrong; one that is over already only says so."""
    now = utcnow()
    if sanction.active(now):
        end(sanction, actor=actor, note=reply)
    statement.ended_at, statement.ending = sanction.ended_at or now, Ending.OVERTURNED.value
    db.session.flush()


def reopen(appeal: Appeal, *, actor: User) -> None:
    """Take the decision on an appeal back, if nothing came after it: all is as before, and the appeal waits; flushes."""
    statement = db.session.get_one(Statement, appeal.statement_id)
    about = _lock(statement)
    db.session.refresh(appeal)
    if appeal.status not in set(Outcome):
        raise Conflict("Nobody has decided this appeal.", code="appeal_open", current={"status": appeal.status})
    was = appeal.status
    if isinstance(about, Comment):
        undo(db.session.get_one(Decision, appeal.decision_id), actor=actor)
    else:
        _hold_again(appeal, about, statement, actor)
    record(actor, "appeal.reopened", site_id=appeal.site_id, subject=f"user:{appeal.user_id}", appeal=appeal.id, outcome=was)


def _hold_again(appeal: Appeal, about: Sanction, statement: Statement, actor: User) -> None:
    if not standing_of(statement, actor).may:
        raise own_decision()
    if about.site_id is None and not admin_of_all(actor):
        raise NotAllowed("This holds on all sites; only somebody who is admin of every site can take this back.", code="not_all_sites")
    if appeal.status == Outcome.OVERTURNED:
        db.session.refresh(statement)
        if about.ended_at is not None and about.ended_at == statement.ended_at:  # the appeal ended it, not its time
            resume(about)
        statement.ended_at = statement.ending = None
        db.session.flush()
    reopen_appeal(appeal)


def open_appeals(site: Site) -> int:
    """How many appeals wait, counted up to COUNT_LIMIT."""
    waiting = select(Appeal.id).where(Appeal.site_id == site.id, Appeal.status == AppealStatus.OPEN).limit(COUNT_LIMIT)
    return db.session.scalar(select(func.count()).select_from(waiting.subquery())) or 0


def open_appeal_about(comment_id: int) -> int | None:
    """The id of the appeal that waits for a decision on this comment."""
    return db.session.scalar(
        select(Appeal.id).join(Statement, Statement.id == Appeal.statement_id)
        .where(Statement.comment_id == comment_id, Appeal.status == AppealStatus.OPEN)
    )


def page_of_appeals(
    site: Site, person: User, *, decided: bool = False, whose: Whose = Whose.ALL, after: str | None = None, limit: int = PER_PAGE
) -> tuple[list[Appeal], str | None]:
    """Appeals with statement, decision, comment and article: those that wait, first due first; or `decided`, latest first."""
    check_limit(limit)
    scope = f"appeals:{site.id}:{int(decided)}:{whose.value}:{person.id if whose != Whose.ALL else ''}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    query = (
        select(Appeal).join(Statement, Statement.id == Appeal.statement_id).outerjoin(Decision, Decision.id == Statement.decision_id)
        .outerjoin(Sanction, Sanction.id == Statement.sanction_id)
        .where(Appeal.site_id == site.id, (Appeal.status != AppealStatus.OPEN) if decided else (Appeal.status == AppealStatus.OPEN))
        .options(*_loaded())
    )
    decider = func.coalesce(Decision.actor_id, Sanction.actor_id)
    if whose == Whose.MINE:
        query = query.where(decider == person.id)
    elif whose == Whose.OTHERS:
        query = query.where(decider.is_(None) | (decider != person.id))
    sort = SortKey(Appeal.decided_at) if decided else SortKey(Appeal.due_at, descending=False)
    rows, more = page(query, sort, Appeal.id, position=position, limit=limit)
    found = [row[0] for row in rows]
    following = signer.write(scope, getattr(found[-1], sort.name), found[-1].id) if more else None
    return found, following


def _loaded() -> tuple[ExecutableOption, ...]:
    statement = joinedload(Appeal.statement)
    return (
        joinedload(Appeal.user), joinedload(Appeal.decided_by), statement.joinedload(Statement.decision).joinedload(Decision.actor),
        statement.joinedload(Statement.sanction).joinedload(Sanction.actor),
        statement.joinedload(Statement.comment).joinedload(Comment.article),
        statement.joinedload(Statement.comment).joinedload(Comment.author),
    )


def appeal_of(appeal_id: int) -> Appeal | None:
    """The appeal as it is now, with all that a page of it shows."""
    return db.session.scalar(
        select(Appeal).where(Appeal.id == appeal_id).options(*_loaded()).execution_options(populate_existing=True)
    )


def case_of(appeal: Appeal, person: User) -> Case:
    """The appeal, loaded by one of the above, with what else judging it needs."""
    statement = appeal.statement
    flags = db.session.scalars(
        select(Flag).where(Flag.comment_id == statement.comment_id, Flag.resolved_by_id == statement.decision_id)
        .order_by(Flag.id).options(joinedload(Flag.user))
    ).all() if statement.decision_id is not None else []
    return Case(
        appeal, statement.comment, statement.sanction, flags, standing_of(statement, person), texts_of_edits([statement]).get(statement.id),
        statement.revision is None or statement.comment is None or fits(statement.comment, statement.revision),
    )


def page_of_statements(
    user: User, after: str | None = None, limit: int = PER_PAGE
) -> tuple[list[tuple[Statement, Appeal | None]], str | None]:
    """The decisions about a person, latest first, with comment, article and appeal."""
    check_limit(limit)
    scope = f"statements:{user.id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    rows, more = page(_statements().where(Statement.user_id == user.id), SortKey(Statement.id), Statement.id, position=position, limit=limit)
    found = [(row[0], row[1]) for row in rows]
    following = signer.write(scope, found[-1][0].id, found[-1][0].id) if more else None
    return found, following


def statement_for(user: User, puid: str) -> tuple[Statement, Appeal | None]:
    """A decision about this person; NotFound for anybody else's."""
    row = db.session.execute(
        _statements().where(Statement.user_id == user.id, Statement.puid == puid).execution_options(populate_existing=True)
    ).one_or_none()
    if row is None:
        raise _unknown()
    return row[0], row[1]


def _statements() -> Select[Statement, Appeal]:
    return (
        select(Statement, Appeal).outerjoin(Appeal, Appeal.statement_id == Statement.id)
        .outerjoin(Sanction, Sanction.id == Statement.sanction_id)
        # She is told of a shadow when it is over.
        .where(or_(Sanction.id.is_(None), Sanction.kind != SanctionKind.SHADOW, Sanction.ended_at.is_not(None), Sanction.ends_at <= utcnow()))
        .options(
            joinedload(Statement.comment).joinedload(Comment.article), joinedload(Statement.site), joinedload(Statement.sanction),
            joinedload(Statement.decision),
        )
    )


def _lock(statement: Statement) -> Comment | Sanction:
    """What the statement is about, and keep everybody else from deciding on it."""
    if statement.sanction_id is not None:
        lock_person(statement.user_id)
        return db.session.get_one(Sanction, statement.sanction_id, populate_existing=True)
    comment = db.session.get_one(Comment, statement.comment_id)
    lock_article(comment.article_id)
    return comment


def own_decision() -> NotAllowed:
    """Whoever made a decision is not who judges an appeal against it."""
    return NotAllowed("You made this decision, so somebody else has to judge the appeal against it.", code="own_decision")


def _unknown() -> NotFound:
    return NotFound("There is no such decision about you. You may be signed in with another account.")


def _closed(appeal: Appeal) -> Conflict:
    by = db.session.get(User, appeal.decided_by_id) if appeal.decided_by_id else None
    if by is not None:
        message = (
            N_("%(name)s has already decided this appeal: the decision was wrong.") if appeal.status == AppealStatus.OVERTURNED
            else N_("%(name)s has already decided this appeal: the decision stands.")
        )
    elif appeal.status == AppealStatus.DROPPED:
        message = N_("The author has taken the comment back meanwhile; there is nothing left to decide.")
    else:
        message = N_("The decision has been taken back meanwhile; the appeal is settled.")
    return Conflict(
        message, code="appeal_closed", values={"name": by.display_name} if by else None,
        current={"status": appeal.status, "by": by.display_name if by else None, "at": appeal.decided_at.isoformat() if appeal.decided_at else None},
    )


class State(enum.StrEnum):
    """Where a decision about a person stands, for her."""

    HOLDS = "holds"
    OVER = "over"  # it ended by itself; it can still be found wrong
    APPEALED = "appealed"
    UPHELD = "upheld"
    OVERTURNED = "overturned"
    TAKEN_BACK = "taken_back"
    WITHDRAWN = "withdrawn"  # by herself, with her comment


def state_of(statement: Statement, appeal: Appeal | None) -> State:
    """What has become of a decision."""
    if statement.ending is not None:
        return State(statement.ending)
    if appeal is None:
        over = statement.end_date is not None and statement.end_date <= utcnow()
        return State.OVER if over else State.HOLDS
    return State.UPHELD if appeal.status == AppealStatus.UPHELD else State.APPEALED


def may_appeal(statement: Statement, appeal: Appeal | None, now: dt.datetime | None = None) -> bool:
    """Whether the person can still appeal. Pure."""
    return appeal is None and statement.ended_at is None and (now or utcnow()) <= statement.appeal_until
