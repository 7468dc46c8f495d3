"""Whom a comment can mention, and whom what others read of it does."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from sqlalchemy import delete, func, insert, select

from commentsvc.accounts.models import User
from commentsvc.comments.counts import lock_article
from commentsvc.comments.hiding import hides
from commentsvc.comments.models import Comment, Mention, Revision, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.markup import begins, mentioned_in, numbers_in, renamed, render

OFFERED: Final = 8  # names at once, as many as a phone shows beside its keyboard
LOOKED_THROUGH: Final = 2000  # of a conversation's people, those who wrote last


def people_named(body: str, article_id: int) -> Mapping[int, str]:
    """Those whom the text may mention and who take part in the conversation, with their names; no statement where it names none."""
    return people_of(numbers_in(body), article_id)


def people_of(numbers: Collection[int], article_id: int) -> Mapping[int, str]:
    """Those of these people who take part in the conversation, with their names; no statement where there are none."""
    if not numbers:
        return {}
    here = select(Comment.id).where(
        Comment.author_id == User.id, Comment.article_id == article_id, Comment.status == Status.PUBLISHED
    ).exists()
    return {row.id: row.display_name for row in db.session.execute(select(User.id, User.display_name).where(User.id.in_(numbers), here))}


def people_to_mention(article_id: int, typed: str, *, by: int) -> Sequence[tuple[int, str]]:
    """Whom somebody may mean who has typed so much of a name, and does not hide: number and name, who wrote last first; one statement."""
    rows = db.session.execute(
        select(User.id, User.display_name)
        .join(Comment, Comment.author_id == User.id)
        .where(Comment.article_id == article_id, Comment.status == Status.PUBLISHED, User.id != by, ~hides(by, User.id))
        .group_by(User.id, User.display_name)
        .order_by(func.max(Comment.created_at).desc(), User.id)
        .limit(LOOKED_THROUGH)
    )
    return [(row.id, row.display_name) for row in rows if begins(row.display_name, typed)][:OFFERED]


def keep_mentions(comment: Comment) -> None:
    """Bring the relation in line with the text that others read from now on; no statement for a first text that mentions nobody."""
    wanted = mentioned_in(comment.body_html) - {comment.author_id}
    if comment.revision > 1:
        db.session.execute(delete(Mention).where(Mention.comment_id == comment.id, Mention.user_id.not_in(wanted)))
    if not wanted:
        return
    known = set(db.session.scalars(select(Mention.user_id).where(Mention.comment_id == comment.id)))
    if rows := [
        {"site_id": comment.site_id, "comment_id": comment.id, "user_id": user_id, "created_at": utcnow()} for user_id in sorted(wanted - known)
    ]:
        db.session.execute(insert(Mention), rows)


def rename_mentions(user: User, name: str) -> None:
    """Give a person who goes another name in what others wrote to her; flushes."""
    comments = db.session.scalars(
        select(Comment).where(Comment.id.in_(select(Mention.comment_id).where(Mention.user_id == user.id)))
        .order_by(Comment.article_id, Comment.id)
    ).all()
    for comment in comments:
        lock_article(comment.article_id)  # no cached page keeps the old one
        others = {row.id: row.display_name for row in db.session.execute(
            select(User.id, User.display_name).where(User.id.in_(mentioned_in(comment.body_html)))
        )}
        comment.body = renamed(comment.body, user.id, user.display_name, name)
        comment.body_html = render(comment.body, others | {user.id: name})
        for revision in db.session.scalars(select(Revision).where(Revision.comment_id == comment.id)):
            revision.body = renamed(revision.body, user.id, user.display_name, name)
    db.session.execute(delete(Mention).where(Mention.user_id == user.id))
    db.session.flush()
