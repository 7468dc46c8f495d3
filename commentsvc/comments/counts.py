"""What a thread shows at a glance, kept in the transaction that changes it.

Everything here runs under the article's row lock, so plain arithmetic on loaded rows is exact;
`recount()` computes the same from nothing and is what tests and imports hold it against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import event, func, select, update
from sqlalchemy.orm import Session

from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.comments.ranking import wilson_lower_bound
from commentsvc.extensions import db
from commentsvc.sites.models import Article

# Replies shown without asking, by depth; deeper ones are behind "Show more replies". A root's
# share of a page is so at most 3 + 6 + 6 + 6 comments, however large its thread.
PREVIEW = {1: 3, 2: 2, 3: 1, 4: 1}


_LOCKED = "commentsvc.locked_articles"


def lock_article(article_id: int) -> None:
    """Serialise changes of one article's counts, and move the version that pages are cached by.

    Once a transaction: nobody sees what is between, and a worker decides several comments in one.
    """
    locked: set[int] = db.session.info.setdefault(_LOCKED, set())
    if article_id in locked:
        return
    db.session.execute(
        update(Article)
        .where(Article.id == article_id)
        .values(version=Article.version + 1)
        .execution_options(synchronize_session=False)
    )
    locked.add(article_id)


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _unlocked(session: Session) -> None:
    session.info.pop(_LOCKED, None)


@event.listens_for(Session, "after_soft_rollback")
def _unlocked_in_part(session: Session, _ended: object) -> None:
    session.info.pop(_LOCKED, None)  # a savepoint's lock is gone with it


def status_changed(comment: Comment, before: str) -> None:
    """Bring all counts in line with `comment.status`, which was `before`. The article is locked."""
    gained = (comment.status == Status.PUBLISHED) - (before == Status.PUBLISHED)
    if gained:
        db.session.execute(
            update(Article)
            .where(Article.id == comment.article_id)
            .values(comment_count=Article.comment_count + gained)
            .execution_options(synchronize_session=False)
        )
        if comment.root_id is not None:
            db.session.execute(
                update(Comment)
                .where(Comment.id == comment.root_id)
                .values(thread_count=Comment.thread_count + gained)
                .execution_options(synchronize_session=False)
            )
            if Session.identity_key(Comment, comment.root_id) in db.session().identity_map:
                _fresh(comment.root_id)  # whoever holds it sees the new number
    _list(comment)
    db.session.flush()


def _fresh(comment_id: int) -> Comment:
    return db.session.execute(
        select(Comment).where(Comment.id == comment_id).execution_options(populate_existing=True)
    ).scalar_one()


def _list(comment: Comment | None) -> None:
    """Decide whether the comment has a place in its thread, then whether its ancestors do."""
    while comment is not None:
        listed = comment.status == Status.PUBLISHED or comment.reply_count > 0
        if listed == comment.listed:
            return
        comment.listed = listed
        if comment.parent_id is None:
            return
        db.session.flush()
        parent = _fresh(comment.parent_id)
        parent.reply_count += 1 if listed else -1
        db.session.flush()
        _refresh_preview(parent)
        comment = parent


def _refresh_preview(parent: Comment) -> None:
    """Make exactly the first listed replies of a previewed parent the previewed ones."""
    room = PREVIEW.get(parent.depth + 1, 0) if parent.parent_id is None or parent.preview else 0
    wanted: Sequence[Comment] = ()
    if room:
        wanted = db.session.scalars(
            select(Comment)
            .where(Comment.parent_id == parent.id, Comment.listed)
            .order_by(Comment.created_at, Comment.id)
            .limit(room)
        ).all()
    shown = db.session.scalars(
        select(Comment).where(Comment.parent_id == parent.id, Comment.preview)
    ).all()
    changed = [c for c in shown if c not in wanted] + [c for c in wanted if c not in shown]
    for child in changed:
        child.preview = not child.preview
        db.session.flush()
        _refresh_preview(child)


def recount(article_id: int) -> None:
    """Compute every count of an article's thread from its comments and votes."""
    lock_article(article_id)
    db.session.flush()
    comments = list(
        db.session.scalars(
            select(Comment)
            .where(Comment.article_id == article_id)
            .order_by(Comment.created_at, Comment.id)
            .execution_options(populate_existing=True)
        )
    )
    votes: dict[int, dict[int, int]] = defaultdict(dict)
    for comment_id, value, number in db.session.execute(
        select(Vote.comment_id, Vote.value, func.count())
        .join(Comment, Comment.id == Vote.comment_id)
        .where(Comment.article_id == article_id)
        .group_by(Vote.comment_id, Vote.value)
    ):
        votes[comment_id][value] = number
    apply_counts(comments)
    for comment in comments:
        comment.up, comment.down = votes[comment.id].get(1, 0), votes[comment.id].get(-1, 0)
        comment.top_score = wilson_lower_bound(comment.up, comment.down)
    published = sum(c.status == Status.PUBLISHED for c in comments)
    db.session.execute(
        update(Article)
        .where(Article.id == article_id)
        .values(comment_count=published)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()


def apply_counts(comments: Sequence[Comment]) -> None:
    """Set listed, preview, reply_count and thread_count of a whole thread, oldest first. Pure."""
    children: dict[int | None, list[Comment]] = defaultdict(list)
    by_id = {c.id: c for c in comments}
    for comment in comments:
        children[comment.parent_id].append(comment)
        comment.thread_count = 0
    for comment in comments:
        if comment.root_id is not None and comment.status == Status.PUBLISHED:
            by_id[comment.root_id].thread_count += 1
    # Deepest first for what rises, shallowest first for what descends.
    for comment in sorted(comments, key=lambda c: -c.depth):
        comment.reply_count = sum(child.listed for child in children[comment.id])
        comment.listed = comment.status == Status.PUBLISHED or comment.reply_count > 0
    for comment in sorted(comments, key=lambda c: c.depth):
        if comment.parent_id is None:
            comment.preview = False
        room = PREVIEW.get(comment.depth + 1, 0) if comment.parent_id is None or comment.preview else 0
        listed = [child for child in children[comment.id] if child.listed]
        for child in children[comment.id]:
            child.preview = False
        for child in listed[:room]:
            child.preview = True
