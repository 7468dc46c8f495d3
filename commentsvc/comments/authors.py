"""People as the authors of what they wrote."""

from __future__ import annotations

from sqlalchemy import select, update

from commentsvc.accounts.identity import rename
from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.sites.models import Article


def rename_author(user: User, display_name: str) -> None:
    """Give the person another name, here and on every page she wrote on; flushes.

    Invalid names what is wrong with it. The versions of those articles move, so that no cached
    page keeps the old one.
    """
    rename(user, display_name)
    theirs = select(Comment.article_id).where(Comment.author_id == user.id, Comment.listed)
    db.session.execute(
        update(Article)
        .where(Article.id.in_(theirs))
        .values(version=Article.version + 1)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()
