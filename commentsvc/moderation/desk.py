"""What community managers share about a comment besides decisions: notes, questions, skips, who is on it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from commentsvc.accounts.models import SiteRole, User
from commentsvc.accounts.permissions import PERMISSIONS, Permission, Role
from commentsvc.comments.models import Comment
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotAllowed, NotFound
from commentsvc.extensions import db
from commentsvc.moderation.models import DeskClaim, Question, ReviewNote, Skip
from commentsvc.sites.models import Site

TEXT_LENGTH = 2000
# A discussion of one comment; more is a meeting.
NOTES_LIMIT = 100
OPEN_QUESTIONS_LIMIT = 20
# How long a claim is believed without a sign of life. The console gives one every 45 seconds.
CLAIM_SECONDS = 120
# How long a skipped comment stays at the end of one's queue.
SKIP_MINUTES = 60
ASKED_LIMIT = 100

REVIEWERS = [role.value for role in Role if Permission.REVIEW in PERMISSIONS[role]]


def clean(text: str, *, field: str = "text", required: bool = True) -> str:
    """A text as it is kept; Invalid beside its field when it is empty or too long."""
    text = text.replace("\x00", "").replace("\r\n", "\n").strip()
    if required and not text:
        raise Invalid("Write something first.", field=field)
    if len(text) > TEXT_LENGTH:
        raise Invalid("This is %(over)s characters too long.", field=field, values={"over": len(text) - TEXT_LENGTH})
    return text


class Colleague(NamedTuple):
    """Somebody who reviews on a site."""

    id: int
    display_name: str


def colleagues(site: Site) -> list[Colleague]:
    """Everybody who reviews on the site, by name."""
    rows = db.session.execute(
        select(User.id, User.display_name)
        .join(SiteRole, SiteRole.user_id == User.id)
        .where(SiteRole.site_id == site.id, SiteRole.role.in_(REVIEWERS))
        .order_by(User.display_name, User.id)
    )
    return [Colleague(*row) for row in rows]


# ---- Notes


def add_note(comment: Comment, author: User, text: str) -> ReviewNote:
    """Tell colleagues something about a comment; answers what its author was asked about it. Flushes."""
    text = clean(text)
    if (db.session.scalar(select(func.count()).where(ReviewNote.comment_id == comment.id)) or 0) >= NOTES_LIMIT:
        raise Invalid("A comment has at most %(most)s notes.", field="text", code="too_many", values={"most": NOTES_LIMIT})
    note = ReviewNote(site_id=comment.site_id, comment_id=comment.id, author_id=author.id, text=text, author=author)
    db.session.add(note)
    db.session.execute(
        update(Question)
        .where(
            Question.comment_id == comment.id, Question.answered_at.is_(None), Question.asker_id != author.id,
            or_(Question.asked_id == author.id, Question.asked_id.is_(None)),
        )
        .values(answered_at=utcnow(), answered_by_id=author.id)
        .execution_options(synchronize_session=False)
    )
    db.session.flush()
    return note


def delete_note(note: ReviewNote, person: User) -> None:
    """Take one's own note away; flushes."""
    if note.author_id != person.id:
        raise NotAllowed("Only its author can delete a note.", code="not_yours")
    db.session.delete(note)
    db.session.flush()


# ---- Asking


def ask(comment: Comment, asker: User, text: str, asked_id: int | None = None) -> Question:
    """Put a comment before a colleague (None: all of them); flushes. Invalid for somebody who does not review here."""
    text = clean(text, required=asked_id is None)
    asked = None
    if asked_id is not None:
        if asked_id == asker.id:
            raise Invalid("Ask somebody else.", field="asked")
        asked = db.session.scalar(
            select(User)
            .join(SiteRole, SiteRole.user_id == User.id)
            .where(User.id == asked_id, SiteRole.site_id == comment.site_id, SiteRole.role.in_(REVIEWERS))
        )
        if asked is None:
            raise Invalid("Choose a colleague who reviews on this site.", field="asked")
    is_open = (Question.comment_id == comment.id, Question.answered_at.is_(None))
    if (db.session.scalar(select(func.count()).where(*is_open)) or 0) >= OPEN_QUESTIONS_LIMIT:
        raise Invalid("This comment has %(most)s open questions.", field="text", code="too_many", values={"most": OPEN_QUESTIONS_LIMIT})
    question = Question(
        site_id=comment.site_id, comment_id=comment.id, asker_id=asker.id, asked_id=asked_id, text=text, asker=asker, asked=asked,
    )
    db.session.add(question)
    db.session.flush()
    return question


def take_question_back(question: Question, person: User) -> None:
    """End one's own question, or one that was put to oneself; flushes."""
    if person.id not in {question.asker_id, question.asked_id}:
        raise NotAllowed("Only who asked or was asked can close this question.", code="not_yours")
    if question.answered_at is not None:
        raise Conflict("This question has been answered.", code="answered")
    question.answered_at, question.answered_by_id = utcnow(), person.id
    db.session.flush()


def open_for(site_id: int, person_id: int) -> tuple[ColumnElement[bool], ...]:
    """Which questions wait for this person: put to her, or by a colleague to all."""
    return (
        Question.site_id == site_id, Question.answered_at.is_(None), Question.asker_id != person_id,
        or_(Question.asked_id == person_id, Question.asked_id.is_(None)),
    )


def asked_of(site: Site, person: User) -> Sequence[Question]:
    """The questions that wait for this person, oldest first, with comment, author, article and asker."""
    of_comment = joinedload(Question.comment)
    return db.session.scalars(
        select(Question)
        .where(*open_for(site.id, person.id))
        .order_by(Question.id)
        .limit(ASKED_LIMIT)
        .options(joinedload(Question.asker), joinedload(Question.asked), of_comment.joinedload(Comment.author), of_comment.joinedload(Comment.article))
    ).all()


def asked_count(site_id: int, person_id: int) -> int:
    """How many questions wait for this person."""
    return db.session.scalar(select(func.count()).select_from(Question).where(*open_for(site_id, person_id))) or 0


# ---- Skipping


def skip(comment: Comment, person: User) -> None:
    """Put a comment to the end of one's queue for SKIP_MINUTES; flushes."""
    now = utcnow()
    db.session.execute(
        delete(Skip).where(
            Skip.user_id == person.id, or_(Skip.comment_id == comment.id, Skip.created_at < now - dt.timedelta(minutes=SKIP_MINUTES))
        )
    )
    db.session.add(Skip(site_id=comment.site_id, comment_id=comment.id, user_id=person.id, created_at=now))
    db.session.flush()


def unskip(comment: Comment, person: User) -> None:
    """Have it in its place again; flushes."""
    db.session.execute(delete(Skip).where(Skip.user_id == person.id, Skip.comment_id == comment.id))
    db.session.flush()


def skipped_by(site: Site, person: User) -> Sequence[int]:
    """The comments that this person skipped in the last hour, in that order."""
    since = utcnow() - dt.timedelta(minutes=SKIP_MINUTES)
    return db.session.scalars(
        select(Skip.comment_id)
        .where(Skip.user_id == person.id, Skip.site_id == site.id, Skip.created_at >= since)
        .order_by(Skip.created_at, Skip.id)
    ).all()


# ---- Who is on it


def claim(site_id: int, person: User, comment_id: int) -> None:
    """Say that this person has this comment before her; blocks nobody, and runs out. Flushes."""
    values = {"comment_id": comment_id, "until": utcnow() + dt.timedelta(seconds=CLAIM_SECONDS)}
    mine = update(DeskClaim).where(DeskClaim.site_id == site_id, DeskClaim.user_id == person.id)
    if db.session.connection().execute(mine.values(values)).rowcount:
        return
    try:
        with db.session.begin_nested():
            db.session.add(DeskClaim(site_id=site_id, user_id=person.id, **values))
    except IntegrityError:  # from another tab at the same moment
        db.session.execute(mine.values(values))


def release(site_id: int, person: User) -> None:
    """Say that this person has nothing before her; flushes."""
    db.session.execute(delete(DeskClaim).where(DeskClaim.site_id == site_id, DeskClaim.user_id == person.id))
    db.session.flush()


def claims_on(site_id: int, person: User, comment_id: int | None = None) -> list[tuple[int, str]]:
    """Which comments other people have before them now: (comment, name). Of one comment, if it is named."""
    query = (
        select(DeskClaim.comment_id, User.display_name)
        .join(User, User.id == DeskClaim.user_id)
        .where(DeskClaim.site_id == site_id, DeskClaim.until > utcnow(), DeskClaim.user_id != person.id)
        .order_by(DeskClaim.id)
    )
    if comment_id is not None:
        query = query.where(DeskClaim.comment_id == comment_id)
    return [(found, name) for found, name in db.session.execute(query)]


def note_on(site: Site, note_id: int) -> ReviewNote:
    """A note on this site, or NotFound."""
    note = db.session.scalar(select(ReviewNote).where(ReviewNote.id == note_id, ReviewNote.site_id == site.id))
    if note is None:
        raise NotFound("There is no such note on this site.")
    return note


def question_on(site: Site, question_id: int) -> Question:
    """A question on this site, or NotFound."""
    found = db.session.scalar(select(Question).where(Question.id == question_id, Question.site_id == site.id))
    if found is None:
        raise NotFound("There is no such question on this site.")
    return found
