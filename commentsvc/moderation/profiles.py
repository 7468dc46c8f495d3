"""A person's public page on one site: who she is there, and what she has published; four statements with the site's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, literal_column, or_, select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.badges import Badge, badges
from commentsvc.accounts.models import Profile, SiteBadge, SiteRole, User
from commentsvc.accounts.public_ids import public_id, read_public_id
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.errors import NotFound
from commentsvc.extensions import db
from commentsvc.moderation.people_models import Merge, Sanction, SanctionKind
from commentsvc.moderation.sanctions import in_force, shadowed
from commentsvc.pagination import SortKey, fetch, page, paged
from commentsvc.sites.models import Article, Site

PER_PAGE: Final = 20


@dataclass(frozen=True)
class Public:
    """What everybody may know of a person on a site."""

    id: str
    user_id: int
    name: str
    since: dt.date  # the first of the month
    badges: tuple[Badge, ...]
    bio: str
    history_private: bool
    published: int = 0
    up: int = 0  # votes up, or respect, that her published comments have


class Said(NamedTuple):
    """A published comment in somebody's history."""

    id: int
    created_at: dt.datetime
    body_html: str
    edited_at: dt.datetime | None
    up: int
    article_url: str
    article_title: str


class Moved(NotFound):
    """The account is closed: all of it is in another one, whose page is `to`."""

    def __init__(self, to: str) -> None:
        super().__init__("This account was joined with another one.")
        self.to = to


_C, _A = Comment.__table__.c, Article.__table__.c
# To the letter as the index has it: SQLite takes a partial one only then.
_PUBLISHED: ColumnElement[bool] = _C.status == literal_column(f"'{Status.PUBLISHED.value}'")
_HERS = and_(_C.author_id == bindparam("user"), _C.site_id == bindparam("site"), _PUBLISHED)
_COUNTED = select(func.count(), func.coalesce(func.sum(_C.up), 0)).select_from(Comment.__table__).where(_HERS)


def find_profile(site: Site, name: str) -> Public:
    """The page of that public id; NotFound where there is none: of guests, of deleted accounts, of ids that are not ours.

    Moved says whose page has it since two accounts became one. Of what a person may not add to she is not asked either:
    while she is suspended or banned her bio is not shown. Two statements, one where her history is private.
    """
    user_id = read_public_id(site.id, name)
    row = db.session.execute(_head(site.id, user_id)).one_or_none() if user_id is not None else None
    if row is None or row.guest_since is not None or row.erased_at is not None:
        raise NotFound("There is no such person here, or the account was deleted.", code="profile_unknown")
    if row.kept_id is not None:
        raise Moved(public_id(site.id, row.kept_id))
    published, up = (0, 0) if row.history_private else db.session.execute(_COUNTED, {"user": row.id, "site": site.id}).one()
    return Public(
        id=name, user_id=row.id, name=row.display_name, since=row.created_at.date().replace(day=1), badges=badges(row.role or "", row.expert, row.member),
        bio="" if row.barred else row.bio or "", history_private=bool(row.history_private), published=published, up=up,
    )


def _head(site_id: int, user_id: int) -> Select[*tuple[Any, ...]]:
    barred = select(Sanction.id).where(
        Sanction.user_id == User.id, or_(Sanction.site_id == site_id, Sanction.site_id.is_(None)), in_force(utcnow()),
        Sanction.kind.in_([SanctionKind.SUSPEND, SanctionKind.BAN]),
    ).exists()
    return (
        select(
            User.id, User.display_name, User.created_at, User.guest_since, User.erased_at, Profile.bio, Profile.history_private, SiteRole.role,
            SiteBadge.expert, SiteBadge.member, Merge.kept_id, barred.label("barred"),
        )
        .outerjoin(Profile, Profile.user_id == User.id)
        .outerjoin(SiteRole, and_(SiteRole.user_id == User.id, SiteRole.site_id == site_id))
        .outerjoin(SiteBadge, and_(SiteBadge.user_id == User.id, SiteBadge.site_id == site_id))
        .outerjoin(Merge, Merge.merged_id == User.id)
        .where(User.id == user_id)
    )


def page_of_history(site: Site, person: Public, after: str | None = None, limit: int = PER_PAGE) -> tuple[list[Said], str | None]:
    """What a person has published on the site, latest first, and where the next page begins; one statement, none where it is private."""
    check_limit(limit)
    if person.history_private:
        return [], None
    scope = f"history:{site.id}:{person.user_id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    rows, more = fetch(_history(continued=after is not None), position=position, limit=limit, user=person.user_id, site=site.id)
    said = [Said(*row) for row in rows]
    return said, signer.write(scope, said[-1].created_at, said[-1].id) if more else None


@dataclass(frozen=True)
class Own:
    """A comment as its author sees it, with `article` and the article's `site` loaded."""

    comment: Comment
    status: Status  # published also while she is shadowed


def page_of_own(user: User, after: str | None = None, limit: int = PER_PAGE) -> tuple[list[Own], str | None]:
    """All that a person ever wrote, on any site and whatever became of it, latest first, and where the next page begins."""
    check_limit(limit)
    scope = f"own:{user.id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    query = select(Comment).where(Comment.author_id == user.id).options(joinedload(Comment.article).joinedload(Article.site))
    rows, more = page(query, SortKey(Comment.created_at), Comment.id, position=position, limit=limit)
    comments: list[Comment] = [row[0] for row in rows]
    posted = {number for site_id in {c.site_id for c in comments} for number in shadowed([c for c in comments if c.site_id == site_id])}
    shown = [Own(c, Status.PUBLISHED if c.id in posted else Status(c.status)) for c in comments]
    return shown, signer.write(scope, comments[-1].created_at, comments[-1].id) if more else None


def sites_with_page(user: User) -> Sequence[Site]:
    """The sites on which somebody may look for the person's page, by name: where she has published something."""
    hers = select(Comment.id).where(Comment.author_id == user.id, Comment.site_id == Site.id, Comment.status == Status.PUBLISHED)
    return db.session.scalars(select(Site).where(hers.exists()).order_by(Site.name, Site.id)).all()


@cache
def _history(*, continued: bool) -> Select[*tuple[Any, ...]]:
    query = (
        select(_C.id, _C.created_at, _C.body_html, _C.edited_at, _C.up, _A.url, _A.title)
        .join_from(Comment.__table__, Article.__table__, _A.id == _C.article_id).where(_HERS)
    )
    return paged(query, SortKey(_C.created_at), _C.id, continued=continued)
