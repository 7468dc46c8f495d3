"""Following a conversation: asked for by a person, or begun by writing in it."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import User
from commentsvc.comments.threads import check_limit, cursors
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.notifications.models import Follow
from commentsvc.notifications.telling import insert_new
from commentsvc.pagination import SortKey, page
from commentsvc.sites.models import Article

PER_PAGE = 20


def follow(user: User, article: Article) -> None:
    """Tell her of what is published there from now on; doing so twice is as good as once. Flushes."""
    insert_new(Follow, [{"user_id": user.id, "site_id": article.site_id, "article_id": article.id, "active": True, "since": utcnow()}])
    found = _of(user, article)
    if found is not None and not found.active:
        found.active, found.since = True, utcnow()
        db.session.flush()


def unfollow(user: User, article: Article) -> None:
    """Tell her no more of it, also where she writes in it again. Flushes."""
    insert_new(Follow, [{"user_id": user.id, "site_id": article.site_id, "article_id": article.id, "active": False, "since": utcnow()}])
    found = _of(user, article)
    if found is not None and found.active:
        found.active = False
        db.session.flush()


def _of(user: User, article: Article) -> Follow | None:
    return db.session.scalar(
        select(Follow).where(Follow.user_id == user.id, Follow.article_id == article.id)
        .with_for_update().execution_options(populate_existing=True)
    )


def page_of_follows(user: User, after: str | None = None, limit: int = PER_PAGE) -> tuple[Sequence[tuple[Follow, Article]], str | None]:
    """The conversations she follows with their sites, latest first, and where the next page begins."""
    check_limit(limit)
    scope = f"follows:{user.id}"
    signer = cursors()
    position = signer.read(scope, after)[:2] if after else None
    wanted = (
        select(Follow, Article).join(Article, Article.id == Follow.article_id)
        .where(Follow.user_id == user.id, Follow.active).options(joinedload(Article.site))
    )
    rows, more = page(wanted, SortKey(Follow.id), Follow.id, position=position, limit=limit)
    return [(row[0], row[1]) for row in rows], signer.write(scope, rows[-1][0].id, rows[-1][0].id) if more else None
