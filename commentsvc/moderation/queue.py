"""The review queues and everything a card shows, in a fixed number of statements a page.

A queue is opened by walking one index in the queue's order and stopping after a page: nothing is sorted and
nothing else read, so that it costs the same with a thousand comments and with a million. Where no index has all of
a queue in its order (all statuses, several sites, the articles of a group) each *lane* is such a walk, a page
long, and the page is merged from them.
"""

from __future__ import annotations

import datetime as dt
import enum
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    Subquery,
    and_,
    case,
    func,
    literal_column,
    select,
    tuple_,
    union_all,
)
from sqlalchemy import literal as sql_literal
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import joinedload
from sqlalchemy.sql.compiler import SQLCompiler

from commentsvc.comments.models import Comment, EditStatus, Revision, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.edit_steps import edits_of, waits
from commentsvc.moderation.filters import NOTHING, Filters, Order
from commentsvc.moderation.legal_notices import open_notices
from commentsvc.moderation.models import Decision, Flag, LegalNotice, Screening
from commentsvc.moderation.people_models import Sanction
from commentsvc.moderation.posting import levels
from commentsvc.moderation.sanctions import sanctions_in_force
from commentsvc.moderation.saved import ArticleGroup, SavedFilter, articles_of
from commentsvc.pagination import SortKey, page
from commentsvc.screening.trust import Level
from commentsvc.sites.models import Article, Site

# Counting stops here: "999+" is as good as 48,213 to the person who works through a queue. What is below is counted
# anew each time, and so is never wrong. Numbers kept beside the comments would be read faster by less than a
# millisecond (benchmarks/RESULTS.md), and every decision on a site, and every comment posted there, would have to
# write them: one row that all wait for, or many that somebody has to sum up.
COUNT_LIMIT = 1000
# Under filters that no index knows together, so many of the walk are looked at for counting.
SCAN_LIMIT = 5000
CARDS_PER_PAGE = 25
# Sites of one person whose queues are merged into one.
MAX_SITES = 50


class Queue(enum.StrEnum):
    HELD = "held"
    FLAGGED = "flagged"
    NEW = "new"
    APPROVED = "approved"
    REJECTED = "rejected"
    ALL = "all"
    WAITING = "waiting"


def _is(*statuses: Status) -> tuple[ColumnElement[bool], ...]:
    """One lane for each status. Literals: SQLite does not take a partial index for a parameter."""
    return tuple(Comment.status == literal_column(f"'{status.value}'") for status in statuses)


class _Unseen(ColumnElement[str]):
    """A column as no index of SQLite knows it.

    Its planner would take an index that has site and status for better than that of the flagged alone, and walk
    through all that is published. PostgreSQL counts how many are flagged, and is told nothing else.
    """

    inherit_cache = True  # there is one of it
    type = String()

    def __init__(self, column: ColumnElement[str]) -> None:
        self.column = column


@compiles(_Unseen)
def _as_it_is(element: _Unseen, compiler: SQLCompiler, **kw: Any) -> str:
    return compiler.process(element.column, **kw)


@compiles(_Unseen, "sqlite")
def _behind_a_sign(element: _Unseen, compiler: SQLCompiler, **kw: Any) -> str:
    return f"+{compiler.process(element.column, **kw)}"  # https://www.sqlite.org/optoverview.html: unary "+"


_unseen_status: Final = _Unseen(Comment.__table__.c.status)
_BY_TIME: Final = {Order.OLDEST: SortKey(Comment.created_at, descending=False), Order.NEWEST: SortKey(Comment.created_at)}
# Where a decision is due: by urgency, see moderation/urgency.py. The smaller the sooner.
_BY_DUE: Final = {Order.URGENT: SortKey(Comment.due, descending=False)} | _BY_TIME
_BY_REVIEW: Final = {Order.NEWEST: SortKey(Comment.reviewed_at), Order.OLDEST: SortKey(Comment.reviewed_at, descending=False)}


@dataclass(frozen=True)
class QueueSpec:
    """Which comments a queue holds, and the orders it can be read in, the usual one first.

    A comment is in it that meets one of `lanes` and all of `where`.
    """

    lanes: tuple[ColumnElement[bool], ...]
    orders: Mapping[Order, SortKey]
    where: tuple[ColumnElement[bool], ...] = ()

    @property
    def usual(self) -> Order:
        return next(iter(self.orders))

    @property
    def conditions(self) -> tuple[ColumnElement[bool], ...]:
        """Of being in it."""
        either = self.lanes[0]
        for lane in self.lanes[1:]:
            either = either | lane
        return (either, *self.where)


QUEUES: dict[Queue, QueueSpec] = {
    # The most urgent comes first where a decision is due, the latest elsewhere.
    Queue.HELD: QueueSpec((*_is(Status.HELD), Comment.edit_status == literal_column(f"'{EditStatus.HELD.value}'")), _BY_DUE),
    Queue.FLAGGED: QueueSpec((_unseen_status == Status.PUBLISHED.value,), _BY_DUE, (Comment.flag_count > literal_column("0"),)),
    Queue.NEW: QueueSpec(_is(Status.PUBLISHED), dict(reversed(_BY_TIME.items())), (Comment.reviewed_at.is_(None),)),
    Queue.APPROVED: QueueSpec(_is(Status.PUBLISHED), _BY_REVIEW, (Comment.reviewed_at.is_not(None),)),
    Queue.REJECTED: QueueSpec(_is(Status.REJECTED), dict(reversed(_BY_TIME.items()))),
    Queue.ALL: QueueSpec(_is(*Status), dict(reversed(_BY_TIME.items()))),
    # For milliseconds, while all is well. A person can decide them too: the model is not waited for then.
    Queue.WAITING: QueueSpec(_is(Status.PENDING), _BY_TIME),
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
    level: Level = Level.NEW  # of trust, as it is now
    sanctions: Sequence[Sanction] = ()  # on its author, that hold on the site
    edit: Revision | None = None  # that waits, while readers see the text before
    notices: Sequence[LegalNotice] = ()  # that wait for an answer, oldest first

    @property
    def text(self) -> str:
        """What is to be decided on."""
        return self.comment.body if self.edit is None else self.edit.body


@dataclass(frozen=True)
class Count:
    """How many comments there are; `more`: at least so many."""

    number: int
    more: bool = False


@dataclass(frozen=True)
class View:
    """A queue of some sites under filters. `articles`: those of the group that the filters name."""

    sites: tuple[int, ...]
    queue: Queue
    filters: Filters = NOTHING
    order: Order | None = None
    articles: tuple[int, ...] = ()

    @property
    def sort(self) -> SortKey:
        spec = QUEUES[self.queue]
        return spec.orders[self.order or spec.usual]

    @property
    def scope(self) -> str:
        """What a cursor of it is good for."""
        sites = ",".join(map(str, self.sites))
        order = self.order or QUEUES[self.queue].usual
        return f"queue:{sites}:{self.queue.value}:{order}:{self.filters.args() or ''}:{self.articles or ''}"


def parse_queue(text: str) -> Queue:
    """The queue of that name; Invalid lists them."""
    try:
        return Queue(text)
    except ValueError:
        raise Invalid(f"queue must be one of: {', '.join(Queue)}.", field="queue") from None


def view_of(sites: Site | Sequence[Site], queue: Queue, filters: Filters = NOTHING, order: Order | None = None) -> View:
    """The queue of these sites under filters; NotFound for an article or a group of another site, Invalid for an order it lacks."""
    ids = tuple(site.id for site in ([sites] if isinstance(sites, Site) else sites[:MAX_SITES]))
    if order is not None and order not in QUEUES[queue].orders:
        raise Invalid(f"order must be one of: {', '.join(QUEUES[queue].orders)}.", field="order")
    articles: tuple[int, ...] = ()
    if filters.article is not None and not _exists(Article, filters.article, ids):
        raise NotFound("There is no such article on this site.")
    if filters.group is not None:
        if not _exists(ArticleGroup, filters.group, ids):
            raise NotFound("There is no such group of articles on this site.")
        articles = tuple(articles_of([filters.group])[filters.group])
    return View(ids, queue, filters, order, articles)


def kept_view(site: Site, kept: SavedFilter) -> View:
    """What a saved filter shows; nothing when its article or group is gone."""
    try:
        return view_of(site, Queue(kept.queue), kept.filters)
    except NotFound:
        return View((), Queue(kept.queue), kept.filters)


def _exists(kind: Any, row_id: int, site_ids: tuple[int, ...]) -> bool:
    return db.session.scalar(select(kind.id).where(kind.id == row_id, kind.site_id.in_(site_ids))) is not None


def queue_counts(site: Site) -> dict[Queue, int]:
    """How many comments each queue holds, counted up to COUNT_LIMIT, in one statement."""
    return {queue: count.number for queue, count in zip(Queue, view_counts([View((site.id,), queue) for queue in Queue]), strict=True)}


def view_counts(views: Sequence[View]) -> list[Count]:
    """How many comments each of these holds, in one statement.

    Exact below COUNT_LIMIT. Under filters that no index knows together, the first SCAN_LIMIT of the walk are looked
    at, and there may be more.
    """
    parts = [part for number, view in enumerate(views) for part in _counting(number, view)]
    totals: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for number, found, cut in db.session.execute(union_all(*parts)) if parts else ():
        totals[number][0] += found
        totals[number][1] |= cut
    return [
        Count(min(found, COUNT_LIMIT), bool(cut) or found >= COUNT_LIMIT)
        for found, cut in (totals[number] for number in range(len(views)))
    ]


def _counting(number: int, view: View) -> list[Select[*tuple[Any, ...]]]:
    """What counts a view: each lane by itself, so that each stops at the limit."""
    parts = []
    for walk, rest in _lanes(view):
        limit = SCAN_LIMIT if rest else COUNT_LIMIT
        seen = select(Comment.id, *([and_(*rest).label("kept")] if rest else [])).where(*walk).limit(limit).subquery()
        found = func.count().filter(seen.c.kept) if rest else func.count()
        cut = (func.count() >= limit) if rest else sql_literal(value=False)
        parts.append(select(sql_literal(number).label("number"), found, cut).select_from(seen))
    return parts


def _lanes(view: View) -> list[tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]]:
    """The walks that a view is merged from: what an index is entered by, and what is asked of each row it gives."""
    spec, filters = QUEUES[view.queue], view.filters
    if not view.sites:
        return []
    walk: list[ColumnElement[bool]] = []
    rest: list[ColumnElement[bool]] = []
    starts: list[list[ColumnElement[bool]]]
    statuses: Iterable[tuple[ColumnElement[bool], ...]] = [(lane, *spec.where) for lane in spec.lanes]
    named = {
        name: column == value
        for name, column in (
            ("section", Comment.section), ("label", Comment.label), ("language", Comment.language), ("role", Comment.author_role),
        )
        if (value := getattr(filters, name))
    }
    if filters.author is not None:
        # Nobody wrote so much that it could not be sorted. `+ 0` keeps planners from a walk along the whole site.
        starts = [[Comment.author_id == filters.author, (Comment.site_id + literal_column("0")).in_(view.sites)]]
        statuses = [spec.conditions]
        rest += named.values()
        if filters.article is not None or filters.group is not None:
            rest.append(Comment.article_id.in_(view.articles if filters.article is None else (filters.article,)))
    elif filters.article is not None:
        starts = [[Comment.article_id == filters.article]]
        if view.articles and filters.article not in view.articles:
            starts = []
        rest += named.values()
    elif filters.group is not None:
        starts = [[Comment.article_id == article_id] for article_id in view.articles]
        rest += named.values()
    else:
        starts = [[Comment.site_id == site_id] for site_id in view.sites]
        leading = _leading(view, named)
        if leading is not None:
            walk.append(named.pop(leading))
            if leading == "role":  # that of the few who are not members
                walk.append(Comment.author_role != literal_column("'member'"))
        rest += named.values()
    walk += _days(filters)
    return [([*start, *status, *walk], rest) for start in starts for status in statuses]


def _leading(view: View, named: Mapping[str, object]) -> str | None:
    """Which of the filters the walk begins with: one that an index of this queue has."""
    if named.get("role") is not None and view.filters.role != "member":
        return "role"
    if view.queue == Queue.HELD:
        return next((name for name in ("label", "section", "language") if name in named), None)
    return None


def _days(filters: Filters) -> list[ColumnElement[bool]]:
    def start(day: dt.date) -> dt.datetime:
        return dt.datetime.combine(day, dt.time(), dt.UTC)

    found: list[ColumnElement[bool]] = []
    if filters.since is not None:
        found.append(Comment.created_at >= start(filters.since))
    if filters.until is not None:
        found.append(Comment.created_at < start(filters.until + dt.timedelta(days=1)))
    return found


def in_view(view: View, ids: Sequence[int]) -> set[int]:
    """Those of the comments that the view still holds."""
    if not ids:
        return set()
    lanes = _lanes(view)
    if not lanes:
        return set()
    either = and_(*lanes[0][0], *lanes[0][1])
    for walk, rest in lanes[1:]:
        either = either | and_(*walk, *rest)
    return set(db.session.scalars(select(Comment.id).where(Comment.id.in_(ids), either)))


def ids_of(
    view: View, after: str | None = None, limit: int = CARDS_PER_PAGE, *, last: Sequence[int] = ()
) -> tuple[list[int], str | None]:
    """The comments of a page in its order, and the cursor of the next one; one statement, two with `last`, on the last page."""
    check_limit(limit)
    signer = cursors()
    position = signer.read(view.scope, after)[:2] if after else None
    query = page_query(view, position, limit + 1, but=last)
    rows = db.session.execute(query).all() if query is not None else []
    ids = [row.id for row in rows[:limit]]
    if len(rows) > limit:
        return ids, signer.write(view.scope, rows[limit - 1].key, rows[limit - 1].id)
    there = in_view(view, last)
    return ids + [row_id for row_id in last if row_id in there], None


def page_query(
    view: View, position: tuple[object, int] | None, rows: int, *, but: Sequence[int] = ()
) -> Select[*tuple[Any, ...]] | None:
    """The first `rows` after a position (sort key, id), with both of each; None where nothing can be in it."""
    sort = view.sort
    without = [Comment.id.not_in(but)] if but else []
    lanes = [_lane([*walk, *rest, *without], sort, position, rows) for walk, rest in _lanes(view)]
    if not lanes:
        return None
    if len(lanes) == 1:
        return lanes[0]
    merged: Subquery = union_all(*(select(lane.subquery()) for lane in lanes)).subquery()
    return select(merged.c.id, merged.c.key).order_by(*_ordered(sort, merged.c.key, merged.c.id)).limit(rows)


def _lane(
    where: Sequence[ColumnElement[bool]], sort: SortKey, position: tuple[object, int] | None, rows: int
) -> Select[*tuple[Any, ...]]:
    query = select(Comment.id, sort.column.label("key")).where(*where)
    if position is not None:
        here = tuple_(sort.column, Comment.id)
        there = tuple_(sql_literal(position[0], sort.column.type), sql_literal(position[1], Comment.id.type))
        query = query.where(here < there if sort.descending else here > there)
    return query.order_by(*_ordered(sort, sort.column, Comment.id)).limit(rows)


def _ordered(sort: SortKey, key: Any, row_id: Any) -> tuple[Any, Any]:
    return (key.desc(), row_id.desc()) if sort.descending else (key, row_id)


def page_of_cards(
    sites: Site | Sequence[Site], queue: Queue, after: str | None = None, limit: int = CARDS_PER_PAGE, *,
    filters: Filters = NOTHING, order: Order | None = None, last: Sequence[int] = (),
) -> tuple[list[Card], str | None]:
    """A page of a queue and the cursor of the next one; the comments `last` come after all others."""
    ids, following = ids_of(view_of(sites, queue, filters, order), after, limit, last=last)
    return cards(ids), following


def cards(ids: Sequence[int]) -> list[Card]:
    """The cards of these comments, in this order; eight statements however many, one more where edits wait and where legal notices do."""
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
    edits = edits_of([c for c in found.values() if waits(c)])
    noticed = [c.id for c in found.values() if c.notice_count]
    notices = open_notices(noticed) if noticed else {}
    judged = case((Comment.edit_status.in_(list(EditStatus)[:2]), Comment.edit), else_=Comment.revision)
    latest = (
        select(func.max(Screening.id)).join(Comment, Comment.id == Screening.comment_id)
        .where(Screening.comment_id.in_(ids), Screening.revision == judged).group_by(Screening.comment_id)
    )
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
    authors = {(c.site_id, c.author_id) for c in found.values()}
    records, trust, sanctions = author_records(authors), levels(authors), sanctions_in_force(authors)
    return [
        Card(
            comment=c, parent=c.parent, screening=screenings.get(c.id), flags=flags[c.id],
            record=records.get((c.site_id, c.author_id), AuthorRecord()), decisions=decisions[c.id],
            level=trust[c.site_id, c.author_id], sanctions=sanctions.get((c.site_id, c.author_id), ()),
            edit=edits.get(c.id), notices=notices.get(c.id, ()),
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
