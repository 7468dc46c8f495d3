"""What a person was told, as far as it can still be told: what is public no more is not, nor what she hides."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from commentsvc.accounts.models import User
from commentsvc.accounts.wishes import Kind
from commentsvc.comments.models import Comment, Status
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.models import Statement
from commentsvc.moderation.statements import REMOVED
from commentsvc.notifications.audience import hides
from commentsvc.notifications.models import Follow, Notification
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Article, Site

PER_PAGE = 20
COUNTED = 100  # "99+" is all anybody needs to know
EXCERPT = 180

AUTHOR = aliased(User)


@dataclass(frozen=True)
class Item:
    """One notification with all that is said of it; `name` is whose comment it is about."""

    id: int
    kind: Kind
    created_at: dt.datetime
    unread: bool
    comment_id: int
    author_id: int
    name: str
    body: str
    article_id: int
    article_title: str
    article_url: str
    site_key: str
    site_name: str
    puid: str = ""  # of the statement
    visibility: str = ""
    ended: bool = False  # the statement
    edit: bool = False  # the statement is of an edit; the comment stands

    @property
    def event(self) -> str:
        """What happened, more exactly than the kind: of decisions, which."""
        if self.kind != Kind.DECISION:
            return self.kind.value
        if not self.puid:
            return "approved"
        if self.ended:
            return "taken_back"
        if self.edit:
            return "edit_rejected"
        return "removed" if self.visibility == REMOVED else "rejected"

    @property
    def by_other(self) -> bool:
        """Whether somebody wrote something, rather than something happened to what the person wrote."""
        return self.kind in {Kind.REPLY, Kind.MENTION, Kind.FOLLOWED}

    @property
    def excerpt(self) -> str:
        """The beginning of the comment, on one line."""
        return excerpt(self.body)

    @property
    def path(self) -> str:
        """Where it leads within the service; "": to the comment in its article."""
        return f"/account/decisions/{self.puid}" if self.puid else ""

    @property
    def link(self) -> str:
        """The comment in its article."""
        return f"{self.article_url}#comment-{self.comment_id}"


@dataclass(frozen=True)
class Standing:
    """What the head of a conversation shows a person: how much is unread, and whether she follows it."""

    unread: int
    following: bool

    @property
    def count(self) -> str:
        return f"{COUNTED - 1}+" if self.unread >= COUNTED else str(self.unread)


NOTHING = Standing(0, following=False)


def excerpt(text: str, length: int = EXCERPT) -> str:
    """The beginning of a text on one line of printable characters, cut at a word where there is one."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    if len(line) <= length:
        return line
    cut = line[:length]
    return (cut.rsplit(" ", 1)[0] if " " in cut[length // 2 :] else cut) + "…"


def tellable() -> ColumnElement[bool]:
    """Which notifications can still be told, in a query that has their comments."""
    return and_(
        or_(Notification.statement_id.is_not(None), Comment.status == Status.PUBLISHED),
        or_(Notification.kind != Kind.FEATURED, Comment.featured_at.is_not(None)),
        # One's own comment has no author to be hidden.
        or_(Comment.author_id == Notification.user_id, ~hides(Notification.user_id, Comment.author_id)),
    )


def _unread(user_id: Any) -> Select[int]:
    return (
        select(Notification.id).join(Comment, Comment.id == Notification.comment_id)
        .where(Notification.user_id == user_id, Notification.read_at.is_(None), Notification.shown, tellable())
    )


def unread_count(user: User) -> int:
    """How many notifications she has not read, counted up to COUNTED; one statement."""
    return db.session.scalar(select(func.count()).select_from(_unread(user.id).limit(COUNTED).subquery())) or 0


def standing(user: User, article: Article) -> Standing:
    """What the head of a conversation shows her; one statement."""
    count = select(func.count()).select_from(_unread(user.id).limit(COUNTED).subquery()).scalar_subquery()
    follows = exists(select(Follow.id).where(Follow.user_id == user.id, Follow.article_id == article.id, Follow.active))
    unread, following = db.session.execute(select(count, follows)).one()
    return Standing(unread or 0, bool(following))


def items() -> Select[*tuple[Any, ...]]:
    """Notifications with all that an Item says."""
    return (
        select(
            Notification.id, Notification.kind, Notification.created_at, Notification.read_at, Notification.comment_id,
            Comment.author_id, AUTHOR.display_name.label("name"), Comment.body, Comment.article_id, Article.title, Article.url, Site.key, Site.name.label("site_name"),
            Statement.puid, Statement.decision_visibility, Statement.ended_at, Statement.revision,
        )
        .join(Comment, Comment.id == Notification.comment_id).join(AUTHOR, AUTHOR.id == Comment.author_id)
        .join(Article, Article.id == Comment.article_id).join(Site, Site.id == Notification.site_id)
        .outerjoin(Statement, Statement.id == Notification.statement_id)
    )


def item_of(row: Any) -> Item:
    """A row of `items`."""
    return Item(
        row.id, Kind(row.kind), row.created_at, row.read_at is None, row.comment_id, row.author_id, row.name, row.body, row.article_id,
        row.title, row.url, row.key, row.site_name, row.puid or "", row.decision_visibility or "", row.ended_at is not None,
        row.revision is not None,
    )


def page_of_notifications(
    user: User, after: str | None = None, limit: int = PER_PAGE, *, unread: bool = False
) -> tuple[Sequence[Item], str | None]:
    """What she was told, latest first, and where the next page begins; one statement."""
    check_limit(limit)
    scope = f"notifications:{user.id}:{int(unread)}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    wanted = items().where(Notification.user_id == user.id, Notification.shown, tellable())
    if unread:
        wanted = wanted.where(Notification.read_at.is_(None))
    rows, more = page(wanted, SortKey(Notification.id), Notification.id, position=position, limit=limit)
    return [item_of(row) for row in rows], signer.write(scope, rows[-1].id, rows[-1].id) if more else None


def mark_read(user: User, *, ids: Sequence[int] = (), until: int | None = None) -> None:
    """Take these as read, or all up to that one: what came in since she looked stays unread. Flushes."""
    which = Notification.id.in_(ids) if until is None else Notification.id <= until
    db.session.execute(
        update(Notification).where(Notification.user_id == user.id, Notification.read_at.is_(None), which)
        .values(read_at=utcnow()).execution_options(synchronize_session=False)
    )
