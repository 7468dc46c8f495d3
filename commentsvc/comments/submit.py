"""A comment comes in."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, func, insert, select
from sqlalchemy.orm import make_transient_to_detached
from sqlalchemy.orm.attributes import instance_dict, set_committed_value

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import PERMISSIONS, Permission
from commentsvc.characters import characters, too_many
from commentsvc.comments.mentions import people_named
from commentsvc.comments.models import Comment, Revision, Status
from commentsvc.database import begin_writing, follow_up, utcnow
from commentsvc.errors import Conflict, Invalid, TooSoon
from commentsvc.extensions import db
from commentsvc.i18n import NN_
from commentsvc.markup import render
from commentsvc.screening.languages import language_of
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article

# A second press of Post within this time is the same comment, not a new one.
DOUBLE_SUBMIT = dt.timedelta(seconds=60)
PACE = dt.timedelta(seconds=60)

# What every post asks and writes besides its comment. Built once and run by the connection, without objects
# of what is only looked at, this is a fifth of a post's CPU less.
_USERS: Final = User.__table__.c
_COMMENTS: Final = Comment.__table__.c
_LOCK: Final = select(_USERS.id).where(_USERS.id == bindparam("of")).with_for_update(key_share=True)
_OF_REQUEST: Final = select(_COMMENTS.id).where(
    _COMMENTS.site_id == bindparam("site"), _COMMENTS.author_id == bindparam("author"), _COMMENTS.request_key == bindparam("key")
)
_AGAIN: Final = (
    select(_COMMENTS.id)
    .where(
        _COMMENTS.author_id == bindparam("author"), _COMMENTS.body_hash == bindparam("body_hash"),
        _COMMENTS.article_id == bindparam("article"), _COMMENTS.parent_id.is_not_distinct_from(bindparam("parent")),
        _COMMENTS.created_at > bindparam("since"), _COMMENTS.status != Status.WITHDRAWN,
    )
    .limit(1)
)
_PARENT: Final = select(_COMMENTS.id, _COMMENTS.article_id, _COMMENTS.root_id, _COMMENTS.depth, _COMMENTS.status).where(
    _COMMENTS.id == bindparam("of")
)
_COMMENT: Final = insert(Comment.__table__)  # type: ignore[arg-type]
_REVISION: Final = insert(Revision.__table__)  # type: ignore[arg-type]
_BLANK: Final = {
    c.name: c.default.arg if c.default is not None and c.default.is_scalar else None for c in _COMMENTS if not c.primary_key
}
"""A comment of which nothing is given: what its columns are then."""


@dataclass(frozen=True)
class Admission:
    """What is known of an author when she posts, kept with her comment for the screening."""

    hold_for: str | None = None  # why a person reads it first
    author_level: str | None = None  # of trust; None: the site does not ask


Admit = Callable[[Article, User], Admission]
"""Says whether the author may post here now (or raises why not), and what is known of her. Called under her lock."""


# Marks on one letter that are read for comparing; putting them in order takes the square of their number.
MARKS_READ = 30


def body_hash(body: str) -> str:
    """Equal for texts that differ only in case, width, spacing and punctuation at the ends."""
    folded = " ".join(unicodedata.normalize("NFKC", _few_marks(body)).casefold().split()).strip(" .!?")
    return hashlib.sha256(folded.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _few_marks(text: str) -> str:
    """The text without what is heaped on a letter beyond MARKS_READ marks."""
    if text.isascii():
        return text
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        if marks <= MARKS_READ:
            kept.append(char)
    return "".join(kept)


def clean_body(body: str, *, min_length: int, max_length: int) -> str:
    """The text to keep; Invalid when it is empty, too short, too long or not text."""
    body = _as_text(body)
    if not any(c.isprintable() and not c.isspace() for c in body):
        raise Invalid("Write something first.", field="body", code="body_empty")
    if characters(body) < min_length:
        raise Invalid("A comment here has at least %(least)s characters.", field="body", code="body_too_short", values={"least": min_length})
    if over := too_many(body, max_length):
        raise Invalid(
            "This is %(over)s characters too long; the limit is %(most)s.", field="body", code="body_too_long",
            values={"over": over, "most": max_length},
        )
    return body


def _as_text(body: str) -> str:
    # PostgreSQL has no place for NUL, nor UTF-8 for lone surrogates; nobody types either.
    return body.replace("\x00", "").encode("utf-8", "ignore").decode().replace("\r\n", "\n").strip()


def submit_comment(
    article: Article, author: User, body: str, parent_id: int | None = None, *, request_key: str = "",
    admit: Admit | None = None,
) -> Comment:
    """Store a comment as pending, seen by its author alone; flushes.

    `article.site` is loaded. Raises Conflict on an article closed to this author or a removed parent, Invalid on
    an unfit body or a parent that is unknown or stands under another article, TooSoon beyond the site's pace. The same text
    under the same parent within a minute gives back the comment that is already there; so does
    the same `request_key` of this author on this site at any time, whatever became of the comment
    since, and Conflict is what another post gets that uses the key again. `admit` is asked of whatever is new.
    """
    # One post of a person at a time: two presses at once, on two processes, must find each other. SQLite has
    # one writer anyway, from here on.
    begin_writing(db.session)
    connection = db.session.connection()
    if connection.dialect.name != "sqlite":
        connection.execute(_LOCK, {"of": author.id})
    key = hashlib.sha256(request_key.encode()).hexdigest()[:32] if request_key else None
    if key is not None and (known := _of_request(article, author, body, key)) is not None:
        return known
    role = author.role_on(article.site_id)
    # Who may close a conversation may have the last word in it.
    if article.closed and Permission.MANAGE_ARTICLES not in PERMISSIONS[role]:
        raise Conflict("The conversation under this article is closed.", code="article_closed")
    policy = article.policy
    body = clean_body(body, min_length=policy.min_length, max_length=policy.max_length)
    parent = _parent(article, parent_id, policy.max_depth)
    digest = body_hash(body)
    now = utcnow()
    again = connection.scalar(
        _AGAIN,
        {"author": author.id, "body_hash": digest, "article": article.id, "parent": parent_id, "since": now - DOUBLE_SUBMIT},
    )
    if again is not None:
        return db.session.get_one(Comment, again)
    if Permission.SKIP_SCREENING not in PERMISSIONS[role]:
        _keep_pace(article, author, policy, now)
    admission = admit(article, author) if admit is not None else Admission()
    comment = _store(article, {
        "author_id": author.id, "author_role": role.value, "author_level": admission.author_level, "hold_for": admission.hold_for,
        "body": body, "body_html": render(body, people_named(body, article.id)), "body_hash": digest, "request_key": key,
        "created_at": now, "section": article.section, "language": language_of(body),
        "parent_id": parent.id if parent else None,
        "root_id": (parent.root_id or parent.id) if parent else None,
        "depth": parent.depth + 1 if parent else 0,
    })
    follow_up(db.session, "screen")
    return comment


def _store(article: Article, given: Mapping[str, Any]) -> Comment:
    """Write a comment and its first revision, and have the comment in the session as if it had been read.

    Without the session's unit of work: that took three times as long, a twelfth of a post.
    """
    connection = db.session.connection()
    values = {**_BLANK, "site_id": article.site_id, "article_id": article.id, "accepted_at": utcnow(), **given}
    comment_id = connection.execute(_COMMENT, values).inserted_primary_key.id  # type: ignore[union-attr]
    connection.execute(_REVISION, {
        "site_id": article.site_id, "comment_id": comment_id, "number": 1, "body": given["body"], "created_at": given["created_at"],
    })
    comment = Comment()
    instance_dict(comment).update(values, id=comment_id)
    make_transient_to_detached(comment)
    db.session.add(comment)
    set_committed_value(comment, "article", article)
    return comment


def _keep_pace(article: Article, author: User, policy: Policy, now: dt.datetime) -> None:
    """TooSoon for who has posted as much within a minute as the site lets one person.

    Counted under the person's lock, whatever the surface; the installation's own limit comes first.
    """
    most = policy.posts_per_minute
    slow = policy.new_author_posts_per_minute
    if slow and (not most or slow < most) and _published(article, author, policy.newness) < policy.newness:
        most = slow
    if not most:
        return
    oldest = db.session.scalars(
        select(Comment.created_at)
        .where(Comment.author_id == author.id, Comment.site_id == article.site_id, Comment.created_at > now - PACE)
        .order_by(Comment.created_at.desc())
        .limit(most)
    ).all()
    if len(oldest) == most:
        wait = max(1, math.ceil((oldest[-1] + PACE - now).total_seconds()))
        raise TooSoon(
            NN_(
                "More than %(most)s within a minute is not possible here. Send it again in %(num)d second.",
                "More than %(most)s within a minute is not possible here. Send it again in %(num)d seconds.",
            ),
            retry_after=wait, values={"most": most, "num": wait},
        )


def _published(article: Article, author: User, most: int) -> int:
    """How many published comments the author has on this site, counted up to `most`."""
    some = (
        select(Comment.id)
        .where(Comment.author_id == author.id, Comment.site_id == article.site_id, Comment.status == Status.PUBLISHED)
        .limit(most)
    )
    return db.session.scalar(select(func.count()).select_from(some.subquery())) or 0


def _of_request(article: Article, author: User, body: str, key: str) -> Comment | None:
    found = db.session.connection().scalar(_OF_REQUEST, {"site": article.site_id, "author": author.id, "key": key})
    known = db.session.get_one(Comment, found) if found is not None else None
    if known is not None and (known.article_id != article.id or known.body_hash != body_hash(_as_text(body))):
        raise Conflict("This Idempotency-Key was used for another comment.", code="key_reused")
    return known


def _parent(article: Article, parent_id: int | None, max_depth: int) -> Any:
    """The row of what is answered, by _PARENT; None for a root."""
    if parent_id is None:
        return None
    parent = db.session.connection().execute(_PARENT, {"of": parent_id}).one_or_none()
    if parent is None or (parent.article_id == article.id and parent.status in {Status.PENDING, Status.HELD}):
        # A comment that is not public does not exist for others.
        raise Invalid("The comment you reply to does not exist.", field="parent_id", code="parent_unknown")
    if parent.article_id != article.id:
        raise Invalid("The comment you reply to belongs to another article.", field="parent_id", code="parent_elsewhere")
    if parent.status != Status.PUBLISHED:
        raise Conflict("The comment you reply to was removed.", code="parent_removed")
    if parent.depth >= max_depth:
        raise Invalid("This thread is as deep as it can go; reply further up.", field="parent_id", code="too_deep")
    return parent
