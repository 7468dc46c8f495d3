"""What a thread shows at a glance, kept in the transaction that changes it.

Everything here runs under the article's row lock, so plain arithmetic on loaded rows is exact;
`recount()` computes the same from nothing and is what tests and imports hold it against.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from types import SimpleNamespace
from typing import Any, Final

from sqlalchemy import ColumnElement, Executable, bindparam, event, func, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from commentsvc.comments.models import Comment, Status, Vote
from commentsvc.comments.ranking import controversy, wilson_lower_bound
from commentsvc.extensions import db
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site

# Replies shown without asking, by depth; deeper ones are behind "Show more replies". A root's
# share of a page is so at most 3 + 6 + 6 + 6 comments, however large its thread.
PREVIEW = {1: 3, 2: 2, 3: 1, 4: 1}


_LOCKED = "commentsvc.locked_articles"

# A worker runs these for each comment it decides, on one core with the model. Built once and run by the
# connection they cost a fifth of loading, flushing and loading again whole comments with their texts.
_COMMENTS: Final = Comment.__table__.c
_ARTICLES: Final = Article.__table__.c
_LOCK: Final = (
    update(Article.__table__)  # type: ignore[arg-type]
    .where(_ARTICLES.id == bindparam("of"))
    .values(version=_ARTICLES.version + 1)
)
_HOLD: Final = select(_ARTICLES.id).where(_ARTICLES.id.in_(bindparam("of", expanding=True))).order_by(_ARTICLES.id).with_for_update(key_share=True)
_GAIN: Final = (
    update(Article.__table__)  # type: ignore[arg-type]
    .where(_ARTICLES.id == bindparam("of"))
    .values(comment_count=_ARTICLES.comment_count + bindparam("value"))
)


def lock_article(article_id: int) -> None:
    """Serialise changes of one article's counts, and move the version that pages are cached by.

    Once a transaction: nobody sees what is between, and a worker decides several comments in one.
    """
    locked: set[int] = db.session.info.setdefault(_LOCKED, set())
    if article_id in locked:
        return
    db.session.connection().execute(_LOCK, {"of": article_id})
    locked.add(article_id)


def hold_articles(ids: Collection[int]) -> None:
    """Serialise changes under these articles, whose versions move only where one is made.

    In one order, so that none waits for another in turn. SQLite has one writer anyway.
    """
    connection = db.session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(_HOLD, {"of": sorted(ids)})


@event.listens_for(Session, "after_commit")
@event.listens_for(Session, "after_rollback")
def _unlocked(session: Session) -> None:
    session.info.pop(_LOCKED, None)


@event.listens_for(Session, "after_soft_rollback")
def _unlocked_in_part(session: Session, _ended: object) -> None:
    session.info.pop(_LOCKED, None)  # a savepoint's lock is gone with it


_PREVIEWED: Final = select(_COMMENTS.id).where(_COMMENTS.parent_id == bindparam("of"), _COMMENTS.preview)
_FIRST_LISTED: Final = (
    select(_COMMENTS.id)
    .where(_COMMENTS.parent_id == bindparam("of"), _COMMENTS.listed)
    .order_by(_COMMENTS.created_at, _COMMENTS.id)
    .limit(bindparam("room"))
)


def _writing(name: str, value: ColumnElement[Any]) -> Executable:
    return (
        update(Comment.__table__)  # type: ignore[arg-type]
        .where(_COMMENTS.id == bindparam("of"))
        .values({name: value})
        .returning(
            _COMMENTS.id, _COMMENTS.parent_id, _COMMENTS.depth, _COMMENTS.status, _COMMENTS.listed, _COMMENTS.preview,
            _COMMENTS.reply_count, _COMMENTS.thread_count,
        )
    )


_SET: Final = {name: _writing(name, bindparam("value")) for name in ("listed", "preview")}
_ADD: Final = {name: _writing(name, _COMMENTS[name] + bindparam("value")) for name in ("reply_count", "thread_count")}


_VOTED: Final = (
    update(Comment.__table__)  # type: ignore[arg-type]
    .where(_COMMENTS.id == bindparam("of"))
    .values(down=bindparam("to_down"), top_score=bindparam("to_top_score"), controversy=bindparam("to_controversy"))
)


def status_changed(comment: Comment, before: str) -> None:
    """Bring all counts in line with `comment.status`, which was `before`. The article is locked."""
    db.session.flush()
    gained = (comment.status == Status.PUBLISHED) - (before == Status.PUBLISHED)
    if gained:
        db.session.connection().execute(_GAIN, {"of": comment.article_id, "value": gained})
        if comment.root_id is not None:
            _write(_ADD, "thread_count", comment.root_id, gained)
    _list(comment)


def _write(how: Mapping[str, Executable], name: str, comment_id: int, value: int) -> Any:
    """Write a column of a comment and return its place; an object of it in the session sees the new value."""
    row = db.session.connection().execute(how[name], {"of": comment_id, "value": value}).one()
    held = db.session().identity_map.get(Session.identity_key(Comment, comment_id))
    if held is not None:
        set_committed_value(held, name, getattr(row, name))
    return row


def _list(comment: Any) -> None:
    """Decide whether the comment has a place in its thread, then whether its ancestors do."""
    while True:
        listed = comment.status == Status.PUBLISHED or comment.reply_count > 0
        if listed == comment.listed:
            return
        _write(_SET, "listed", comment.id, listed)
        if comment.parent_id is None:
            return
        comment = _write(_ADD, "reply_count", comment.parent_id, 1 if listed else -1)
        _refresh_preview(comment.id, comment.depth, shown=comment.parent_id is None or comment.preview)


def _refresh_preview(parent_id: int, depth: int, *, shown: bool) -> None:
    """Make exactly the first listed replies of a previewed parent the previewed ones."""
    connection = db.session.connection()
    room = PREVIEW.get(depth + 1, 0) if shown else 0
    previewed = set(connection.scalars(_PREVIEWED, {"of": parent_id}))
    wanted = set(connection.scalars(_FIRST_LISTED, {"of": parent_id, "room": room})) if room else set()
    for child_id in sorted(previewed ^ wanted):
        _write(_SET, "preview", child_id, child_id in wanted)
        _refresh_preview(child_id, depth + 1, shown=child_id in wanted)


def set_votes(comment: Any, up: int, down: int, *, respect: bool) -> None:
    """Write how many of its counted votes are up and down, and the scores that follow; with respect, votes down are not shown."""
    comment.up, comment.down = up, 0 if respect else down
    comment.top_score = wilson_lower_bound(comment.up, comment.down)
    comment.controversy = controversy(comment.up, comment.down)


def article_policy(article_id: int) -> Policy:
    """The rules of its site; read anew, for whoever holds the article."""
    data = db.session.scalar(select(Site.policy_data).join(Article, Article.site_id == Site.id).where(Article.id == article_id))
    return Policy.from_data(data or {})


def article_has_respect(article_id: int) -> bool:
    """Whether its site has one reaction in place of votes up and down; read anew."""
    return article_policy(article_id).respect


def recount_votes_down(site_id: int, *, respect: bool) -> None:
    """Count what was ever voted down on a site anew, when it takes the other kind of reaction. Flushes."""
    db.session.flush()
    down = (Vote.site_id == site_id, Vote.value == -1, Vote.counted)
    found = select(Comment.article_id).join(Vote, Vote.comment_id == Comment.id).where(*down).distinct()
    for article_id in sorted(db.session.scalars(found)):
        lock_article(article_id)
    counted = select(Vote.comment_id, func.count().label("number")).where(*down).group_by(Vote.comment_id).subquery()
    rows = db.session.execute(select(Comment.id, Comment.up, counted.c.number).join(counted, counted.c.comment_id == Comment.id)).all()
    changes = []
    for comment_id, up, number in rows:
        shown = SimpleNamespace()
        set_votes(shown, up, number, respect=respect)
        changes.append({"of": comment_id, **{f"to_{name}": getattr(shown, name) for name in ("down", "top_score", "controversy")}})
    if changes:
        db.session.connection().execute(_VOTED, changes)
    for held in list(db.session().identity_map.values()):
        if isinstance(held, Comment):
            db.session.expire(held, ["down", "top_score", "controversy"])


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
        .where(Comment.article_id == article_id, Vote.counted)
        .group_by(Vote.comment_id, Vote.value)
    ):
        votes[comment_id][value] = number
    apply_counts(comments)
    respect = article_has_respect(article_id)
    for comment in comments:
        set_votes(comment, votes[comment.id].get(1, 0), votes[comment.id].get(-1, 0), respect=respect)
    published = sum(c.status == Status.PUBLISHED for c in comments)
    db.session.execute(
        update(Article)
        .where(Article.id == article_id)
        .values(comment_count=published)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()


_KEPT: Final = ("listed", "preview", "reply_count", "thread_count", "up", "down", "top_score", "controversy")
_kept: Final = attrgetter(*_KEPT)


def miscounted(counted: Callable[[], object] = lambda: None) -> list[int]:
    """The articles that `recount()` would change, in one pass over all comments; `counted` is called for each article.

    Article by article would read every comment each time: no index has all of an article's.
    """
    votes = (
        select(
            Vote.comment_id,
            func.count().filter(Vote.value == 1).label("up"), func.count().filter(Vote.value == -1).label("down"),
        )
        .where(Vote.counted).group_by(Vote.comment_id).subquery()
    )
    rows = db.session.connection().execute(
        select(
            Article.id.label("article"), Article.comment_count, Article.site_id.label("site"),
            *(_COMMENTS[name] for name in ("id", "parent_id", "root_id", "depth", "status", *_KEPT)),
            func.coalesce(votes.c.up, 0).label("votes_up"), func.coalesce(votes.c.down, 0).label("votes_down"),
        )
        .select_from(Article).outerjoin(Comment, Comment.article_id == Article.id).outerjoin(votes, votes.c.comment_id == Comment.id)
        .order_by(Article.id, Comment.created_at, Comment.id),
        execution_options={"yield_per": 1000},
    )
    respecting = {site.id for site in db.session.scalars(select(Site)) if site.policy.respect}
    wrong = []
    for article_id, of_article in groupby(rows, key=lambda row: row.article):
        found = list(of_article)
        there = [row for row in found if row.id is not None]
        comments: list[Any] = [SimpleNamespace(**row._mapping) for row in there]  # noqa: SLF001 - its public name
        apply_counts(comments)
        for comment in comments:
            set_votes(comment, comment.votes_up, comment.votes_down, respect=found[0].site in respecting)
        published = sum(comment.status == Status.PUBLISHED for comment in comments)
        if published != found[0].comment_count or any(_kept(row) != _kept(one) for row, one in zip(there, comments, strict=True)):
            wrong.append(article_id)
        counted()
    return wrong


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
