"""A site's people as its community managers see them: lists, records, and what happened with one of them."""

from __future__ import annotations

import datetime as dt
import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, literal, or_, select, union_all
from sqlalchemy.orm import joinedload

from commentsvc.accounts.identity import lookup_email
from commentsvc.accounts.models import SiteBadge, SiteRole, User
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.bios import whose_bio_waits
from commentsvc.moderation.models import Decision, Flag
from commentsvc.moderation.people_models import Merge, PersonNote, Sanction, SanctionKind, Sweep
from commentsvc.moderation.posting import levels
from commentsvc.moderation.queue import AuthorRecord, author_records
from commentsvc.moderation.sanctions import in_force, sanctions_in_force
from commentsvc.pagination import SortKey, page
from commentsvc.screening.trust import Level
from commentsvc.sites.models import Site

PER_PAGE = 50
TIMELINE_PAGE = 30
QUERY_LENGTH = 200
NEW_FOR = dt.timedelta(days=7)
MANY_REJECTIONS = 3
REJECTIONS_IN = dt.timedelta(days=90)


class Filter(enum.StrEnum):
    ALL = "all"
    SANCTIONED = "sanctioned"
    NEW = "new"
    REJECTED = "rejected"
    BIO = "bio"  # what she says about herself waits for a community manager


@dataclass(frozen=True)
class PersonRow:
    """Somebody in the list of a site's people."""

    user: User
    record: AuthorRecord
    level: Level
    sanctions: Sequence[Sanction]  # that hold on the site now


@dataclass(frozen=True)
class FlagsMade:
    """How a person's flags fared: of those that a community manager has decided, how many she agreed with."""

    made: int = 0
    decided: int = 0
    upheld: int = 0

    @property
    def reliability(self) -> float | None:
        """The share that was upheld; None before anything was decided."""
        return self.upheld / self.decided if self.decided else None


@dataclass(frozen=True)
class Person(PersonRow):
    """All that the head of a person's page says."""

    flags_received: int
    flags: FlagsMade
    first_at: dt.datetime | None  # her first comment here


@dataclass(frozen=True)
class SanctionEffect:
    """What a sanction did."""

    sanction: Sanction
    held: int  # comments that were held because of it

    @property
    def refused(self) -> int:
        return self.sanction.refused


def parse_filter(text: str) -> Filter:
    """The filter of that name; Invalid lists them."""
    try:
        return Filter(text or Filter.ALL)
    except ValueError:
        raise Invalid(f"filter must be one of: {', '.join(Filter)}.", field="filter") from None


def page_of_people(
    site: Site, text: str = "", chosen: Filter = Filter.ALL, after: str | None = None, limit: int = PER_PAGE, *, email: str = ""
) -> tuple[list[PersonRow], str | None]:
    """The site's people, the newest accounts first, and the cursor of the next page; five statements.

    `text` is looked for in names; `email` is an exact address, for whoever may know addresses.
    """
    check_limit(limit)
    text = " ".join(text.replace("\x00", "").split())[:QUERY_LENGTH]
    scope = f"people:{site.id}:{chosen.value}:{text}:{email}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    now = utcnow()
    query = select(User).where(_belongs(site.id), ~exists(select(Merge.id).where(Merge.merged_id == User.id)), *_chosen(chosen, site, now))
    if text:
        query = query.where(User.display_name.icontains(text, autoescape=True))
    if email:
        query = query.where(User.email == lookup_email(email))
    rows, more = page(query, SortKey(User.id), User.id, position=position, limit=limit)
    people = person_rows(site, [row[0] for row in rows])
    return people, signer.write(scope, people[-1].user.id, people[-1].user.id) if more else None


def person_rows(site: Site, users: Sequence[User]) -> list[PersonRow]:
    """These people with their records; three statements however many."""
    keys = {(site.id, user.id) for user in users}
    records = author_records(keys) if keys else {}
    trust = levels(keys)
    sanctions = sanctions_in_force(keys)
    return [
        PersonRow(user, records.get(key, AuthorRecord()), trust[key], sanctions.get(key, ()))
        for user in users for key in [(site.id, user.id)]
    ]


def find_person(site: Site, user_id: int) -> User:
    """Somebody of the site; NotFound for whoever did nothing there, on any account of hers."""
    # An account that was merged has nothing of its own any more; its page says where all of it is.
    closed = exists(select(Merge.id).where(Merge.merged_id == User.id, _belongs(site.id, Merge.kept_id)))
    user: User | None = db.session.scalar(select(User).where(User.id == user_id, or_(_belongs(site.id), closed)))
    if user is None:
        raise NotFound("There is no such person on this site.")
    return user


def person_of(site: Site, user: User) -> Person:
    """A person's record on the site; six statements."""
    row = person_rows(site, [user])[0]
    received = select(func.count()).select_from(Flag).join(Comment, Comment.id == Flag.comment_id).where(
        Comment.author_id == user.id, Comment.site_id == site.id
    )
    first = select(func.min(Comment.created_at)).where(Comment.author_id == user.id, Comment.site_id == site.id)
    got, since = db.session.execute(select(received.scalar_subquery(), first.scalar_subquery())).one()
    made, decided, upheld = db.session.execute(
        select(func.count(), func.count(Flag.resolved_by_id), func.count().filter(Decision.to_status == Status.REJECTED.value))
        .select_from(Flag).outerjoin(Decision, Decision.id == Flag.resolved_by_id)
        .where(Flag.user_id == user.id, Flag.site_id == site.id)
    ).one()
    return Person(
        row.user, row.record, row.level, row.sanctions, flags_received=got or 0, flags=FlagsMade(made, decided, upheld),
        first_at=since,
    )


def sanctions_of(site: Site, user: User, limit: int = 50) -> list[SanctionEffect]:
    """A person's sanctions that concern the site, latest first, and what each did; two statements."""
    found = db.session.scalars(
        select(Sanction)
        .where(Sanction.user_id == user.id, or_(Sanction.site_id == site.id, Sanction.site_id.is_(None)))
        .order_by(Sanction.id.desc()).limit(limit)
        .options(joinedload(Sanction.actor), joinedload(Sanction.ended_by))
    ).all()
    held = _held_by(site, found)
    return [SanctionEffect(sanction, held.get(sanction.id, 0)) for sanction in found]


def page_of_sanctions(
    site: Site, after: str | None = None, limit: int = PER_PAGE, *, holding: bool = False
) -> tuple[list[Sanction], str | None]:
    """The sanctions that concern the site, latest first, with their people; `holding`: those in force."""
    check_limit(limit)
    scope = f"sanctions:{site.id}:{int(holding)}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    query = (
        select(Sanction)
        .where(or_(Sanction.site_id == site.id, and_(Sanction.site_id.is_(None), _belongs(site.id, Sanction.user_id))))
        .options(joinedload(Sanction.user), joinedload(Sanction.actor), joinedload(Sanction.ended_by))
    )
    if holding:
        query = query.where(in_force(utcnow()))
    rows, more = page(query, SortKey(Sanction.id), Sanction.id, position=position, limit=limit)
    found: list[Sanction] = [row[0] for row in rows]
    return found, signer.write(scope, found[-1].id, found[-1].id) if more else None


def sanction_on(site: Site, sanction_id: int) -> Sanction:
    """A sanction that concerns the site, with its people; NotFound for any other."""
    found = db.session.scalar(
        select(Sanction)
        .where(
            Sanction.id == sanction_id,
            or_(Sanction.site_id == site.id, and_(Sanction.site_id.is_(None), _belongs(site.id, Sanction.user_id))),
        )
        .options(joinedload(Sanction.user), joinedload(Sanction.actor), joinedload(Sanction.ended_by))
    )
    if found is None:
        raise NotFound("There is no such sanction on this site.")
    return found


def sweeps_of(site: Site, user: User) -> Sequence[Sweep]:
    """The sweeps of a person's comments on the site, latest first."""
    return db.session.scalars(
        select(Sweep).where(Sweep.user_id == user.id, Sweep.site_id == site.id).order_by(Sweep.id.desc()).limit(20)
        .options(joinedload(Sweep.actor), joinedload(Sweep.undone_by))
    ).all()


def merges_of(user: User) -> Sequence[Merge]:
    """The merges that this account was part of, latest first."""
    return db.session.scalars(
        select(Merge).where(or_(Merge.kept_id == user.id, Merge.merged_id == user.id)).order_by(Merge.id.desc())
        .options(joinedload(Merge.kept), joinedload(Merge.merged), joinedload(Merge.actor))
    ).all()


def masked(email: str | None) -> str:
    """An address that tells two people apart and nobody how to write to them."""
    if not email:
        return ""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}…@{domain}"


# ---- The timeline


class Kind(enum.StrEnum):
    """What a line of the timeline is about. At one moment the later in this order comes first."""

    COMMENT = "comment"
    DECISION = "decision"
    NOTE = "note"
    SANCTION = "sanction"
    SANCTION_END = "sanction_end"


_RANK = {kind: number for number, kind in enumerate(Kind)}
# What the page's filter shows.
TIMELINES: dict[str, frozenset[Kind]] = {
    "all": frozenset(Kind), "comments": frozenset({Kind.COMMENT}), "decisions": frozenset({Kind.DECISION}),
    "sanctions": frozenset({Kind.SANCTION, Kind.SANCTION_END}), "notes": frozenset({Kind.NOTE}),
}


@dataclass(frozen=True)
class Event:
    """Something that happened; `of` is the row it is about."""

    at: dt.datetime
    kind: Kind
    of: Any

    @property
    def key(self) -> tuple[dt.datetime, int, int]:
        return self.at, _RANK[self.kind], self.of.id


def timeline(
    site: Site, user: User, after: str | None = None, limit: int = TIMELINE_PAGE, *, what: str = "all"
) -> tuple[list[Event], str | None]:
    """What a person did and what was done about her on the site, latest first; a statement for each kind shown."""
    check_limit(limit)
    if what not in TIMELINES:
        raise Invalid(f"what must be one of: {', '.join(TIMELINES)}.", field="what")
    scope = f"timeline:{site.id}:{user.id}:{what}"
    signer = cursors()
    before: tuple[dt.datetime, int, int] | None = None
    if after:
        at, row_id, rank = signer.read(scope, after)
        before = cast("dt.datetime", at), rank, row_id
    now = utcnow()
    events: list[Event] = []
    for kind in TIMELINES[what]:
        query, moment = _source(kind, site, user, now)
        if before is not None:
            query = query.where(_earlier(moment, query.column_descriptions[0]["entity"].id, _RANK[kind], before))
        entity = query.column_descriptions[0]["entity"]
        rows = db.session.scalars(query.order_by(moment.desc(), entity.id.desc()).limit(limit + 1))
        events += [Event(_moment(kind, row), kind, row) for row in rows]
    events.sort(key=lambda event: event.key, reverse=True)
    shown = events[:limit]
    following = None
    if len(events) > limit:
        last = shown[-1]
        following = signer.write(scope, last.at, last.of.id, _RANK[last.kind])
    return shown, following


def _source(kind: Kind, site: Site, user: User, now: dt.datetime) -> tuple[Select[Any], ColumnElement[dt.datetime]]:
    mine = (Comment.author_id == user.id, Comment.site_id == site.id)
    if kind == Kind.COMMENT:
        return select(Comment).where(*mine).options(joinedload(Comment.article)), Comment.created_at  # type: ignore[return-value]
    if kind == Kind.DECISION:  # not what the pipeline let pass: the comment says that
        query = select(Decision).join(Comment, Comment.id == Decision.comment_id).where(
            *mine, or_(Decision.actor_id.is_not(None), Decision.to_status == Status.REJECTED.value)
        ).options(joinedload(Decision.actor), joinedload(Decision.comment))
        return query, Decision.created_at  # type: ignore[return-value]
    if kind == Kind.NOTE:
        return (
            select(PersonNote).where(PersonNote.user_id == user.id, PersonNote.site_id == site.id).options(joinedload(PersonNote.author)),
            PersonNote.created_at,  # type: ignore[return-value]
        )
    on_site = select(Sanction).where(Sanction.user_id == user.id, or_(Sanction.site_id == site.id, Sanction.site_id.is_(None)))
    if kind == Kind.SANCTION:
        return on_site.options(joinedload(Sanction.actor)), Sanction.starts_at  # type: ignore[return-value]
    over = func.coalesce(Sanction.ended_at, Sanction.ends_at, type_=Sanction.ends_at.type)
    return on_site.where(over <= now).options(joinedload(Sanction.ended_by)), over


def _moment(kind: Kind, row: Any) -> dt.datetime:
    moment: dt.datetime = {
        Kind.SANCTION: lambda: row.starts_at, Kind.SANCTION_END: lambda: row.ended_at or row.ends_at,
    }.get(kind, lambda: row.created_at)()
    return moment


def _earlier(
    moment: ColumnElement[dt.datetime], row_id: ColumnElement[int], rank: int, before: tuple[dt.datetime, int, int]
) -> ColumnElement[bool]:
    at, other, last_id = before
    if rank < other:
        return moment <= at
    if rank > other:
        return moment < at
    return or_(moment < at, and_(moment == at, row_id < last_id))


# ---- Who belongs to a site


def _belongs(site_id: int, user_id: Any = User.id) -> ColumnElement[bool]:
    """Somebody who wrote or flagged here, holds a role or a badge here, or was sanctioned here."""
    return or_(
        exists(select(Comment.id).where(Comment.author_id == user_id, Comment.site_id == site_id)),
        exists(select(Flag.id).where(Flag.user_id == user_id, Flag.site_id == site_id)),
        exists(select(SiteRole.id).where(SiteRole.user_id == user_id, SiteRole.site_id == site_id)),
        exists(select(SiteBadge.user_id).where(SiteBadge.user_id == user_id, SiteBadge.site_id == site_id)),
        user_id.in_(select(Sanction.user_id).where(Sanction.site_id == site_id)),
    )


def _chosen(chosen: Filter, site: Site, now: dt.datetime) -> tuple[ColumnElement[bool], ...]:
    if chosen == Filter.SANCTIONED:
        holding = select(Sanction.user_id).where(in_force(now), or_(Sanction.site_id == site.id, Sanction.site_id.is_(None)))
        return (User.id.in_(holding),)
    if chosen == Filter.BIO:
        return (User.id.in_(whose_bio_waits(site)),)
    if chosen == Filter.NEW:
        return (User.created_at > now - NEW_FOR,)
    if chosen == Filter.REJECTED:
        often = (
            select(Comment.author_id)
            .where(Comment.site_id == site.id, Comment.status == Status.REJECTED.value, Comment.created_at > now - REJECTIONS_IN)
            .group_by(Comment.author_id).having(func.count() >= MANY_REJECTIONS)
        )
        return (User.id.in_(often),)
    return ()


def _held_by(site: Site, sanctions: Sequence[Sanction]) -> Mapping[int, int]:
    """How many comments each held, by its id; one statement, none where none could."""
    now = utcnow()
    each = [
        select(literal(s.id).label("sanction"), func.count().label("number")).select_from(Comment).where(
            Comment.author_id == s.user_id, Comment.site_id == site.id, Comment.hold_for == s.kind,
            Comment.created_at >= s.starts_at, Comment.created_at <= (s.over_at or now),
        )
        for s in sanctions if s.kind in {SanctionKind.ALWAYS_REVIEW, SanctionKind.SHADOW}
    ]
    return {sanction: number for sanction, number in db.session.execute(union_all(*each))} if each else {}  # noqa: C416 - rows
