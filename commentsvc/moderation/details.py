"""What the one card on show says beyond its row in the list, in eight statements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import QueryableAttribute, joinedload
from sqlalchemy.orm.interfaces import ORMOption

from commentsvc.accounts.models import User
from commentsvc.comments.models import Comment, Revision
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.desk import claims_on
from commentsvc.moderation.diffing import Change, changes
from commentsvc.moderation.flags import Reliability, reliability
from commentsvc.moderation.models import Question, ReviewNote
from commentsvc.moderation.people_models import PersonNote, Sanction
from commentsvc.moderation.queue import Card
from commentsvc.moderation.sanctions import in_force

OTHERS = 5
REVISIONS = 20
OF_THE_PERSON = 3  # notes on her, and sanctions that are over: the latest; her own page has all


@dataclass(frozen=True)
class Edit:
    """A revision and how it differs from the one before."""

    revision: Revision
    changes: Sequence[Change]


@dataclass(frozen=True)
class Details:
    """Beyond the card: its history as text, what colleagues say, what else its author wrote and was sanctioned for, who is on it."""

    edits: Sequence[Edit] = ()  # latest first
    notes: Sequence[ReviewNote] = ()
    questions: Sequence[Question] = ()  # open
    others: Sequence[Comment] = ()
    person_notes: Sequence[PersonNote] = ()  # on its author, latest first
    past: Sequence[Sanction] = ()  # of its author on this site or on all, over, latest first
    reliability: Mapping[int, Reliability] = field(default_factory=dict)  # by user
    here: Sequence[str] = ()  # names of colleagues who have it before them


def details_of(card: Card, person: User) -> Details:
    """The details of a card, for the person who looks at it."""
    comment = card.comment
    revisions = db.session.scalars(
        select(Revision).where(Revision.comment_id == comment.id).order_by(Revision.number.desc()).limit(REVISIONS)
    ).all()
    others = db.session.scalars(
        select(Comment)
        .where(Comment.author_id == comment.author_id, Comment.site_id == comment.site_id, Comment.id != comment.id)
        .order_by(Comment.created_at.desc(), Comment.id.desc())
        .limit(OTHERS)
    ).all()
    person_notes = db.session.scalars(
        select(PersonNote).where(PersonNote.user_id == comment.author_id, PersonNote.site_id == comment.site_id)
        .order_by(PersonNote.id.desc()).limit(OF_THE_PERSON).options(_named(PersonNote.author))
    ).all()
    past = db.session.scalars(
        select(Sanction)
        .where(Sanction.user_id == comment.author_id, or_(Sanction.site_id == comment.site_id, Sanction.site_id.is_(None)), ~in_force(utcnow()))
        .order_by(Sanction.id.desc()).limit(OF_THE_PERSON)
    ).all()
    return Details(
        edits=[Edit(new, changes(old.body, new.body)) for new, old in pairwise(revisions)],
        notes=notes_of(comment), questions=open_questions(comment), others=others, person_notes=person_notes, past=past,
        reliability=reliability(comment.site_id, [flag.user_id for flag in card.flags]),
        here=[name for _, name in claims_on(comment.site_id, person, comment.id)],
    )


def notes_of(comment: Comment) -> Sequence[ReviewNote]:
    """What colleagues say about it, oldest first, with their names."""
    return db.session.scalars(
        select(ReviewNote).where(ReviewNote.comment_id == comment.id).order_by(ReviewNote.id).options(_named(ReviewNote.author))
    ).all()


def open_questions(comment: Comment) -> Sequence[Question]:
    """What is asked about it and not answered yet, oldest first."""
    return db.session.scalars(
        select(Question)
        .where(Question.comment_id == comment.id, Question.answered_at.is_(None))
        .order_by(Question.id)
        .options(_named(Question.asker), _named(Question.asked))
    ).all()


def _named(person: QueryableAttribute[Any]) -> ORMOption:
    """People for their names: their roles would be a statement more each time."""
    return joinedload(person).lazyload(User.roles)
