"""The review queues and everything a card shows, in a fixed number of statements a page."""

from __future__ import annotations

import enum
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select, union_all
from sqlalchemy import literal as sql_literal
from sqlalchemy.orm import joinedload

from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.moderation.models import Decision, Flag, Screening
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Site

# Counting stops here: "999+" is as good as 48,213 to the person who works through a queue.
COUNT_LIMIT = 1000
CARDS_PER_PAGE = 25


class Queue(enum.StrEnum):
    HELD = "held"
    FLAGGED = "flagged"
    NEW = "new"
    APPROVED = "approved"
    REJECTED = "rejected"
    WAITING = "waiting"


@dataclass(frozen=True)
class QueueSpec:
    """Which comments a queue holds, and their order."""

    where: tuple[ColumnElement[bool], ...]
    sort: SortKey


QUEUES: dict[Queue, QueueSpec] = {
    # Who waited longest comes first where a decision is due, the latest first elsewhere.
    Queue.HELD: QueueSpec((Comment.status == Status.HELD,), SortKey(Comment.created_at, descending=False)),
    Queue.FLAGGED: QueueSpec((Comment.flag_count > 0, Comment.status == Status.PUBLISHED), SortKey(Comment.created_at, descending=False)),
    Queue.NEW: QueueSpec((Comment.status == Status.PUBLISHED, Comment.reviewed_at.is_(None)), SortKey(Comment.created_at)),
    Queue.APPROVED: QueueSpec((Comment.status == Status.PUBLISHED, Comment.reviewed_at.is_not(None)), SortKey(Comment.reviewed_at)),
    Queue.REJECTED: QueueSpec((Comment.status == Status.REJECTED,), SortKey(Comment.created_at)),
    # For milliseconds, while all is well. A person can decide them too: the model is not waited for then.
    Queue.WAITING: QueueSpec((Comment.status == Status.PENDING,), SortKey(Comment.created_at, descending=False)),
}


@dataclass(frozen=True)
class AuthorRecord:
    """How an author's comments on this site fared, and since when she has been here."""

    published: int = 0
    rejected: int = 0
    held: int = 0
    withdrawn: int = 0
    flagged: int = 0


@dataclass(frozen=True)
class Card:
    """A comment with all that a decision needs; `parent` and `screening` may be None."""

    comment: Comment  # with author and article loaded
    parent: Comment | None  # with its author
    screening: Screening | None
    flags: Sequence[Flag]  # open, with their users
    record: AuthorRecord
    decisions: Sequence[Decision]  # latest first, with actors


def parse_queue(text: str) -> Queue:
    """The queue of that name; Invalid lists them."""
    try:
        return Queue(text)
    except ValueError:
        raise Invalid(f"queue must be one of: {', '.join(Queue)}.", field="queue") from None


def queue_counts(site: Site) -> dict[Queue, int]:
    """How many comments each queue holds, counted up to COUNT_LIMIT, in one statement."""
    parts = [
        select(sql_literal(queue.value).label("queue"), func.count().label("number")).select_from(
            select(Comment.id).where(Comment.site_id == site.id, *spec.where).limit(COUNT_LIMIT).subquery()
        )
        for queue, spec in QUEUES.items()
    ]
    return {Queue(name): number for name, number in db.session.execute(union_all(*parts))}


def page_of_cards(
    site: Site, queue: Queue, after: str | None = None, limit: int = CARDS_PER_PAGE, *, last: Sequence[int] = ()
) -> tuple[list[Card], str | None]:
    """A page of a queue and the cursor of the next one; the comments `last` come after all others."""
    check_limit(limit)
    scope = f"queue:{site.id}:{queue.value}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    spec = QUEUES[queue]
    rows, more = page(
        select(Comment).where(Comment.site_id == site.id, *spec.where, *([Comment.id.not_in(last)] if last else ())),
        spec.sort, Comment.id, position=position, limit=limit,
    )
    ids = [row[0].id for row in rows]
    following = None
    if more:
        tail: Comment = rows[-1][0]
        following = signer.write(scope, getattr(tail, spec.sort.name), tail.id)
    elif last:
        there = set(db.session.scalars(select(Comment.id).where(Comment.site_id == site.id, Comment.id.in_(last), *spec.where)))
        ids += [i for i in last if i in there]
    return cards(ids), following


def cards(ids: Sequence[int]) -> list[Card]:
    """The cards of these comments, in this order; six statements however many."""
    if not ids:
        return []
    found = {
        c.id: c
        for c in db.session.scalars(
            select(Comment)
            .where(Comment.id.in_(ids))
            .options(
                joinedload(Comment.author), joinedload(Comment.article),
                joinedload(Comment.parent).joinedload(Comment.author),
            )
            .execution_options(populate_existing=True)
        )
    }
    latest = select(func.max(Screening.id)).where(Screening.comment_id.in_(ids)).group_by(Screening.comment_id)
    screenings = {s.comment_id: s for s in db.session.scalars(select(Screening).where(Screening.id.in_(latest)))}
    flags: dict[int, list[Flag]] = defaultdict(list)
    for flag in db.session.scalars(
        select(Flag)
        .where(Flag.comment_id.in_(ids), Flag.resolved_by_id.is_(None))
        .order_by(Flag.id)
        .options(joinedload(Flag.user))
    ):
        flags[flag.comment_id].append(flag)
    decisions: dict[int, list[Decision]] = defaultdict(list)
    for decision in db.session.scalars(
        select(Decision)
        .where(Decision.comment_id.in_(ids))
        .order_by(Decision.id.desc())
        .options(joinedload(Decision.actor))
    ):
        decisions[decision.comment_id].append(decision)
    records = author_records({(c.site_id, c.author_id) for c in found.values()})
    return [
        Card(
            comment=c, parent=c.parent, screening=screenings.get(c.id), flags=flags[c.id],
            record=records.get((c.site_id, c.author_id), AuthorRecord()), decisions=decisions[c.id],
        )
        for i in ids
        if (c := found.get(i)) is not None
    ]


def author_records(keys: set[tuple[int, int]]) -> dict[tuple[int, int], AuthorRecord]:
    """The records of (site, author) pairs in one statement."""
    totals: dict[tuple[int, int], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for site_id, author_id, status, number, flagged in db.session.execute(
        select(
            Comment.site_id, Comment.author_id, Comment.status, func.count(),
            func.count().filter(Comment.flag_count > 0),
        )
        .where(Comment.site_id.in_({s for s, _ in keys}), Comment.author_id.in_({a for _, a in keys}))
        .group_by(Comment.site_id, Comment.author_id, Comment.status)
    ):
        totals[site_id, author_id][status] += number
        totals[site_id, author_id]["flagged"] += flagged
    return {
        key: AuthorRecord(
            published=t["published"], rejected=t["rejected"], held=t["held"] + t["pending"],
            withdrawn=t["withdrawn"], flagged=t["flagged"],
        )
        for key, t in totals.items()
    }


def page_of_modlog(
    site: Site, after: str | None = None, limit: int = CARDS_PER_PAGE, *, by_people: bool = False
) -> tuple[Sequence[Decision], str | None]:
    """The site's decisions, latest first, with actor and comment; `by_people` leaves the system's out."""
    check_limit(limit)
    scope = f"modlog:{site.id}:{int(by_people)}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    query = (
        select(Decision)
        .where(Decision.site_id == site.id)
        .options(
            joinedload(Decision.actor), joinedload(Decision.comment).joinedload(Comment.author),
            joinedload(Decision.comment).joinedload(Comment.article),
        )
    )
    if by_people:
        query = query.where(Decision.actor_id.is_not(None))
    rows, more = page(query, SortKey(Decision.id), Decision.id, position=position, limit=limit)
    decisions = [row[0] for row in rows]
    following = signer.write(scope, decisions[-1].id, decisions[-1].id) if more else None
    return decisions, following


def undoable(decisions: Sequence[Decision]) -> set[int]:
    """Those that can be taken back: a person's, and the last on their comment; one statement."""
    latest = set(db.session.scalars(
        select(func.max(Decision.id)).where(Decision.comment_id.in_({d.comment_id for d in decisions})).group_by(Decision.comment_id)
    ))
    return {d.id for d in decisions if d.id in latest and can_be_undone(d)}


def can_be_undone(decision: Decision) -> bool:
    """Whether a person made it, and it is not a withdrawal or an undo itself."""
    return decision.actor_id is not None and decision.undoes_id is None and decision.to_status != Status.WITHDRAWN
