"""From announcements to notifications: the worker tells whom it concerns by name, then a conversation's followers.

An announcement is a row that was written with the change. A step of it is one transaction, which also moves
its position on: a worker that is killed in between leaves what the next one goes on from, and the unique key of
a notification makes telling somebody twice impossible, whoever does it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import structlog
from sqlalchemy import Select, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import NotificationWish, User
from commentsvc.accounts.wishes import DEFAULTS, How, Kind
from commentsvc.comments.models import Comment, Mention, Status
from commentsvc.database import utcnow
from commentsvc.delivery.email import recall_queued
from commentsvc.extensions import db
from commentsvc.moderation.models import Announcement, News, Statement
from commentsvc.notifications.audience import barred, exists_still, hides
from commentsvc.notifications.models import Follow, Notification
from commentsvc.notifications.mornings import mail_time
from commentsvc.sites.models import Article

log = structlog.get_logger()

FOLLOWERS_A_STEP = 500  # some hundredths of a second, for which SQLite's one write lock is held
FIRST_RETRY = dt.timedelta(seconds=30)  # doubled with each try
MAX_ATTEMPTS = 10


def tell_all(*, only: Sequence[News] = tuple(News)) -> int:
    """Work off all announcements that are due, oldest first; returns how many steps it took. Commits after each."""
    steps = 0
    while _step(only):
        steps += 1
    return steps


def recall_gone() -> None:
    """Take back the mails that quote what is public no more; for whoever is about to deliver mails."""
    tell_all(only=(News.GONE,))


def _step(only: Sequence[News]) -> bool:
    """One step of the first announcement that nobody else works on; whether there was one. Commits."""
    now = utcnow()
    found = db.session.scalar(
        select(Announcement)
        .where(Announcement.due_at <= now, Announcement.what.in_([what.value for what in only]))
        .order_by(Announcement.due_at, Announcement.id).limit(1)
        .with_for_update(skip_locked=True).execution_options(populate_existing=True)
    )
    if found is None:
        db.session.rollback()
        return False
    number = found.id
    try:
        position = _tell(found, now)
        if position is None:
            db.session.execute(delete(Announcement).where(Announcement.id == number).execution_options(synchronize_session=False))
            db.session.expunge(found)
        else:
            found.position = position
        db.session.commit()
    except OperationalError:  # the database is away or full: nothing is wrong with the announcement
        db.session.rollback()
        raise
    except Exception:  # it must not keep the others from being told
        db.session.rollback()
        log.exception("could not tell of a comment", announcement=number)
        _put_off(number)
    return True


def _put_off(number: int) -> None:
    found = db.session.get(Announcement, number, populate_existing=True)
    if found is not None:
        found.attempts += 1
        found.due_at = utcnow() + FIRST_RETRY * 2**found.attempts
        if found.attempts >= MAX_ATTEMPTS:
            db.session.delete(found)
    db.session.commit()


def _tell(found: Announcement, now: dt.datetime) -> int | None:
    """One step; where the next goes on, None when all are told."""
    comment = db.session.scalars(
        select(Comment).where(Comment.id == found.comment_id)
        .options(joinedload(Comment.author), joinedload(Comment.article).joinedload(Article.site))
        .execution_options(populate_existing=True)
    ).one()
    return STEPS[News(found.what)](comment, found, now)


def _gone(comment: Comment, _found: Announcement, now: dt.datetime) -> None:
    """Mails that wait and quote it are taken back; what else they told of is mailed anew."""
    quoting = select(Notification.mail_id).where(Notification.comment_id == comment.id)
    told = db.session.execute(select(Notification.id, Notification.mail_id).where(Notification.mail_id.in_(quoting))).all()
    gone = set(recall_queued(sorted({row.mail_id for row in told})))
    again = [row.id for row in told if row.mail_id in gone]
    db.session.execute(
        update(Notification).where(Notification.id.in_(again)).values(mail_id=None, mail_at=now).execution_options(synchronize_session=False)
    )


def _featured(comment: Comment, _found: Announcement, now: dt.datetime) -> None:
    if comment.featured_at is not None and comment.status == Status.PUBLISHED:
        _write(comment, Kind.FEATURED, f"featured:{comment.id}", _people(Kind.FEATURED).where(
            User.id == comment.author_id, ~barred(User.id, comment.site_id, now)
        ), now)


def _stated(comment: Comment, found: Announcement, now: dt.datetime) -> None:
    """Her statement's own mail is queued by moderation.statements where she wants one at once."""
    statement = db.session.get(Statement, found.statement_id) if found.statement_id is not None else None
    if statement is not None:
        _write(
            comment, Kind.DECISION, f"statement:{statement.id}", _people(Kind.DECISION).where(User.id == statement.user_id), now,
            statement_id=statement.id, mailed_apart=True,
        )


def _published(comment: Comment, found: Announcement, now: dt.datetime) -> int | None:
    if comment.status != Status.PUBLISHED:
        return None
    if found.position is not None:
        return _tell_followers(comment, found.position, now)
    if found.what == News.APPROVED:
        _write(comment, Kind.DECISION, f"approved:{comment.id}", _people(Kind.DECISION).where(User.id == comment.author_id), now)
    _tell_named(comment, now)
    if found.what == News.EDITED:
        return None
    follow_own(comment.author, comment.article)
    return 0


def _tell_named(comment: Comment, now: dt.datetime) -> None:
    """Whom it answers, and whom it mentions; who is both is told of the answer."""
    if comment.parent_id is not None:
        answered = select(Comment.author_id).where(Comment.id == comment.parent_id).scalar_subquery()
        _write(comment, Kind.REPLY, f"comment:{comment.id}", _others(Kind.REPLY, comment, now).where(User.id == answered), now)
    mentioned = select(Mention.user_id).where(Mention.comment_id == comment.id)
    _write(comment, Kind.MENTION, f"comment:{comment.id}", _others(Kind.MENTION, comment, now).where(User.id.in_(mentioned)), now)


def _tell_followers(comment: Comment, position: int, now: dt.datetime) -> int | None:
    published = comment.published_at or now
    some = (
        select(Follow.id, Follow.user_id)
        .where(Follow.article_id == comment.article_id, Follow.active, Follow.id > position, Follow.since <= published)
        .order_by(Follow.id).limit(FOLLOWERS_A_STEP)
    )
    followers = db.session.execute(some).all()
    if followers:
        people = _others(Kind.FOLLOWED, comment, now).where(User.id.in_([row.user_id for row in followers]))
        _write(comment, Kind.FOLLOWED, f"comment:{comment.id}", people, now)
    return followers[-1].id if len(followers) == FOLLOWERS_A_STEP else None


def _people(kind: Kind) -> Select[*tuple[Any, ...]]:
    """Accounts with what their owners wish of this kind: (id, widget, mail)."""
    mine = (NotificationWish.user_id == User.id) & (NotificationWish.kind == kind.value)
    return select(User.id, NotificationWish.widget, NotificationWish.mail).outerjoin(NotificationWish, mine).where(exists_still())


def _others(kind: Kind, comment: Comment, now: dt.datetime) -> Select[*tuple[Any, ...]]:
    """Those who may be told of what somebody else wrote."""
    return _people(kind).where(
        User.id != comment.author_id, ~hides(User.id, comment.author_id), ~barred(User.id, comment.site_id, now)
    )


def _write(
    comment: Comment, kind: Kind, subject: str, people: Select[*tuple[Any, ...]], now: dt.datetime, *, statement_id: int | None = None,
    mailed_apart: bool = False,
) -> None:
    """A notification for each of these people who wants one and has none about this subject."""
    rows = []
    for person, widget, mail in db.session.execute(people):
        shown, how = (DEFAULTS[kind].widget, DEFAULTS[kind].mail) if mail is None else (widget, How(mail))
        mail_at = None if mailed_apart and how == How.AT_ONCE else mail_time(how, now, comment.article.site.timezone)
        if shown or mail_at is not None:
            rows.append({
                "user_id": person, "kind": kind.value, "subject": subject, "site_id": comment.site_id, "comment_id": comment.id,
                "statement_id": statement_id, "created_at": now, "shown": shown, "mail_at": mail_at,
            })
    insert_new(Notification, rows)


def follow_own(author: User, article: Article) -> None:
    """Let who writes in a conversation follow it, unless she wants that nowhere or not here; flushes."""
    if author.follow_on_post and author.email is not None:
        insert_new(Follow, [{"user_id": author.id, "site_id": article.site_id, "article_id": article.id, "active": True, "since": utcnow()}])


def insert_new(table: type[Notification | Follow], rows: Iterable[dict[str, Any]]) -> None:
    """Insert the rows whose unique key is not there yet, whoever else inserts at the same time."""
    rows = list(rows)
    if rows:
        insert: Any = postgresql.insert if db.engine.dialect.name == "postgresql" else sqlite.insert
        db.session.execute(insert(table.__table__).on_conflict_do_nothing(), rows)


Step = Callable[[Comment, Announcement, dt.datetime], int | None]
STEPS: dict[News, Step] = {
    News.GONE: _gone, News.PUBLISHED: _published, News.APPROVED: _published, News.EDITED: _published, News.FEATURED: _featured,
    News.STATED: _stated,
}
