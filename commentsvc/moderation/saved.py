"""What a team keeps for its queues: filters under a name, and groups of articles."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, String, UniqueConstraint, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Permission, allowed
from commentsvc.database import Base, BigId, UtcDateTime, utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.i18n import N_
from commentsvc.moderation.filters import Filters, Order, parse_filters
from commentsvc.sites.articles import one_line
from commentsvc.sites.models import Article, Site

NAME_LENGTH = 200
# Each stands in the navigation with its count, on every page of the console.
MAX_FILTERS = 20
MAX_GROUPS = 20
# A group's queue is a merge of its articles' queues: constant in cost because there are only so many.
MAX_ARTICLES = 50


class SavedFilter(Base):
    """A queue under some filters, with the name the team calls it by."""

    __tablename__ = "saved_filters"
    __table_args__ = (UniqueConstraint("site_id", "name_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(3 * NAME_LENGTH))  # by which names are told apart
    queue: Mapped[str] = mapped_column(String(20))
    filters_data: Mapped[dict[str, str]] = mapped_column("filters", JSON)
    order: Mapped[str] = mapped_column("sort", String(20), default="")  # "": each person's own
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)

    @property
    def filters(self) -> Filters:
        return parse_filters(self.filters_data)[0]


class ArticleGroup(Base):
    """Articles that are read together, such as all of an election night."""

    __tablename__ = "article_groups"
    __table_args__ = (UniqueConstraint("site_id", "name_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    name_key: Mapped[str] = mapped_column(String(3 * NAME_LENGTH))
    created_by_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    created_at: Mapped[dt.datetime] = mapped_column(UtcDateTime, default=utcnow)


class GroupedArticle(Base):
    """That an article is in a group."""

    __tablename__ = "grouped_articles"
    __table_args__ = (UniqueConstraint("site_id", "group_id", "article_id"), Index(None, "group_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    site_id: Mapped[int] = mapped_column(ForeignKey("sites.id", ondelete="CASCADE"))
    group_id: Mapped[int] = mapped_column(ForeignKey("article_groups.id", ondelete="CASCADE"))
    article_id: Mapped[int] = mapped_column(ForeignKey("articles.id", ondelete="CASCADE"), index=True)


def saved_filters(site: Site) -> Sequence[SavedFilter]:
    """The site's, in the order of their names."""
    return db.session.scalars(
        select(SavedFilter).where(SavedFilter.site_id == site.id).order_by(SavedFilter.name_key, SavedFilter.id)
    ).all()


def save_filter(site: Site, name: str, queue: str, filters: Filters, order: Order | None, *, actor: User) -> SavedFilter:
    """Keep a queue under some filters for the whole team; Invalid at a name that is taken. Flushes."""
    if not filters:
        raise Invalid("Choose something to filter by first.", field="filters")
    _check_room(SavedFilter, site, MAX_FILTERS, N_("A site has at most %(most)s saved filters. Remove one that nobody needs."))
    made = SavedFilter(
        site_id=site.id, name=_name(name), name_key=_key(name), queue=queue, filters_data=filters.args(),
        order=order.value if order else "", created_by_id=actor.id,
    )
    _insert(made)
    return made


def article_groups(site: Site) -> Sequence[ArticleGroup]:
    """The site's, in the order of their names."""
    return db.session.scalars(
        select(ArticleGroup).where(ArticleGroup.site_id == site.id).order_by(ArticleGroup.name_key, ArticleGroup.id)
    ).all()


def makers(kept: Iterable[SavedFilter | ArticleGroup]) -> dict[int, str]:
    """The names of those who made them, by the id of the person."""
    ids = {one.created_by_id for one in kept if one.created_by_id is not None}
    return dict(db.session.execute(select(User.id, User.display_name).where(User.id.in_(ids))).all()) if ids else {}


def make_group(site: Site, name: str, *, actor: User) -> ArticleGroup:
    """A group with nothing in it yet; Invalid at a name that is taken. Flushes."""
    _check_room(ArticleGroup, site, MAX_GROUPS, N_("A site has at most %(most)s groups of articles. Remove one that nobody needs."))
    made = ArticleGroup(site_id=site.id, name=_name(name), name_key=_key(name), created_by_id=actor.id)
    _insert(made)
    return made


def articles_of(group_ids: Sequence[int]) -> dict[int, list[int]]:
    """The ids of the articles of each of these groups, in one statement."""
    found: dict[int, list[int]] = {group_id: [] for group_id in group_ids}
    if not group_ids:
        return found
    for group_id, article_id in db.session.execute(
        select(GroupedArticle.group_id, GroupedArticle.article_id)
        .where(GroupedArticle.group_id.in_(group_ids))
        .order_by(GroupedArticle.id)
    ):
        found[group_id].append(article_id)
    return found


def add_article(group: ArticleGroup, article: Article) -> bool:
    """Put an article of the site into the group, and whether it was not there yet. Flushes."""
    if article.site_id != group.site_id:
        raise NotFound("There is no such article on this site.")
    # The group's row is what two who add at once meet at.
    db.session.execute(select(ArticleGroup.id).where(ArticleGroup.id == group.id).with_for_update())
    there = articles_of([group.id])[group.id]
    if article.id in there:
        return False
    if len(there) >= MAX_ARTICLES:
        raise Conflict("A group has at most %(most)s articles.", code="group_full", values={"most": MAX_ARTICLES})
    db.session.add(GroupedArticle(site_id=group.site_id, group_id=group.id, article_id=article.id))
    db.session.flush()
    return True


def remove_article(group: ArticleGroup, article_id: int) -> None:
    """Take an article out of the group; its comments stay where they are. Flushes."""
    db.session.execute(
        delete(GroupedArticle).where(GroupedArticle.group_id == group.id, GroupedArticle.article_id == article_id)
    )


def rename(kept: SavedFilter | ArticleGroup, name: str, *, actor: User) -> None:
    """Call it something else; NotAllowed but to whoever made it and to admins. Flushes."""
    check_owner(kept, actor)
    cleaned, key = _name(name), _key(name)
    try:
        with db.session.begin_nested():
            kept.name, kept.name_key = cleaned, key
            db.session.flush()
    except IntegrityError:
        db.session.refresh(kept, ["name", "name_key"])
        raise _taken(cleaned) from None


def remove(kept: SavedFilter | ArticleGroup, *, actor: User) -> None:
    """Forget it, for the whole team; NotAllowed but to whoever made it and to admins. Flushes."""
    check_owner(kept, actor)
    db.session.delete(kept)
    db.session.flush()


def may_change(kept: SavedFilter | ArticleGroup, person: User | None) -> bool:
    """Whether the person may rename and remove it."""
    return person is not None and (kept.created_by_id == person.id or allowed(person, Permission.MANAGE_SITE, kept.site_id))


def check_owner(kept: SavedFilter | ArticleGroup, actor: User) -> None:
    """NotAllowed but to whoever made it and to admins of the site."""
    if not may_change(kept, actor):
        raise NotAllowed("Only whoever made it, or an admin of the site, can change this.", code="not_yours")


def _name(text: str) -> str:
    name = one_line(text.encode("utf-8", "ignore").decode())
    if not any(c.isprintable() and not c.isspace() for c in name):
        raise Invalid("Give it a name.", field="name")
    if len(name) > NAME_LENGTH:
        raise Invalid("A name has at most %(most)s characters.", field="name", values={"most": NAME_LENGTH})
    return name


def _key(text: str) -> str:
    """Equal for names that look alike: in case, width and spacing."""
    return one_line(unicodedata.normalize("NFKC", _name(text)).casefold())[: 3 * NAME_LENGTH]


def _check_room(kind: Any, site: Site, most: int, words: str) -> None:
    if (db.session.scalar(select(func.count()).select_from(kind).where(kind.site_id == site.id)) or 0) >= most:
        raise Conflict(words, code="too_many", values={"most": most})


def _insert(made: SavedFilter | ArticleGroup) -> None:
    try:
        with db.session.begin_nested():
            db.session.add(made)
    except IntegrityError:
        raise _taken(made.name) from None


def _taken(name: str) -> Invalid:
    return Invalid("There is one called “%(name)s” already.", field="name", code="name_taken", values={"name": name})
