"""Deleting an account: with a time to think it over, then for good. Other people's replies stay where they are."""

from __future__ import annotations

import datetime as dt
from typing import Final

from sqlalchemy import delete, select, update

from commentsvc.accounts.api_keys import revoke_keys
from commentsvc.accounts.models import FORMER_READER, Invitation, Registration, User
from commentsvc.accounts.sessions import end_sessions
from commentsvc.comments.authors import rename_author
from commentsvc.comments.mentions import rename_mentions
from commentsvc.comments.models import Comment, GuestComment, Mention, Revision, Status, Vote
from commentsvc.database import Base, utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.delivery.models import Mail
from commentsvc.errors import Conflict, NotAllowed
from commentsvc.extensions import db
from commentsvc.i18n import gettext, in_language, language
from commentsvc.moderation.decide import withdraw
from commentsvc.moderation.legal_notices import forget_notices_of
from commentsvc.moderation.merging import accounts_of
from commentsvc.moderation.models import Appeal, Flag
from commentsvc.privacy.models import Erasure
from commentsvc.privacy.places import PLACES, Erase

GRACE: Final = dt.timedelta(days=14)
COMMENTS_A_STEP: Final = 200


def erasure_of(user: User) -> Erasure | None:
    """The deletion she asked for and did not take back."""
    return db.session.scalar(select(Erasure).where(Erasure.user_id == user.id))


def ask_erasure(user: User, *, remove_comments: bool) -> Erasure:
    """Have the account deleted in GRACE from now; her comments stay without her name, or go. Flushes.

    She gets a mail that says how to take it back. NotAllowed for who holds a role on a site: whoever leaves a team
    says so to the team first. Conflict where she has asked already.
    """
    if user.roles:
        raise NotAllowed(
            "You hold a role on a site. Have an admin end it first; then you can delete the account.", code="holds_role"
        )
    if erasure_of(user) is not None:
        raise Conflict("You have asked for that already.", code="already_asked")
    now = utcnow()
    erasure = Erasure(user_id=user.id, remove_comments=remove_comments, asked_at=now, due_at=now + GRACE, done_at=None)
    db.session.add(erasure)
    db.session.flush()
    if user.email:
        with in_language(user.language or language()):
            queue_mail(
                user.email, gettext("Your account will be deleted"), "erasure", due=erasure.due_at, remove_comments=remove_comments,
            )
    return erasure


def take_back(user: User) -> None:
    """Keep the account after all; flushes. Nothing was changed yet."""
    db.session.execute(delete(Erasure).where(Erasure.user_id == user.id, Erasure.done_at.is_(None)))


def erase_due() -> bool:
    """One step of the deletion that is due first; whether there may be more. The caller commits.

    A step is at most COMMENTS_A_STEP comments, so that no article waits long; one that fails is done again. The last
    step makes the account anonymous and notes that it is done, in one transaction.
    """
    erasure = db.session.scalar(
        select(Erasure).where(Erasure.done_at.is_(None), Erasure.due_at <= utcnow()).order_by(Erasure.due_at, Erasure.id).limit(1)
        .with_for_update(skip_locked=True)
    )
    if erasure is None:
        return False
    user = db.session.get_one(User, erasure.user_id)
    if erasure.remove_comments and _remove_some(user):
        return True
    _forget(user)
    erasure.done_at = utcnow()
    return True


def _remove_some(user: User) -> bool:
    """Withdraw and empty some of her comments; whether there were any."""
    comments = db.session.scalars(
        select(Comment).where(Comment.author_id == user.id, Comment.body != "")
        .order_by(Comment.article_id, Comment.id).limit(COMMENTS_A_STEP)
    ).all()
    for comment in comments:
        if comment.status != Status.WITHDRAWN:
            withdraw(comment, user)
        comment.body = comment.body_html = comment.body_hash = ""
        comment.edit = comment.edit_status = None
        db.session.execute(delete(Revision).where(Revision.comment_id == comment.id))
        db.session.execute(delete(Mention).where(Mention.comment_id == comment.id))
    db.session.flush()
    return bool(comments)


def _forget(user: User) -> None:
    """What names her goes, in accounts that were merged into hers too; the rows stay, because comments, votes and decisions name their numbers."""
    for number in accounts_of(user.id):
        _forget_account(db.session.get_one(User, number))


def _forget_account(user: User) -> None:
    email = user.email
    end_sessions(user)
    revoke_keys(user)
    rename_mentions(user, FORMER_READER)
    user.erased_at = utcnow()
    rename_author(user, FORMER_READER)
    user.email = user.password_hash = user.second_factor_at = None
    db.session.execute(update(Flag).where(Flag.user_id == user.id).values(text="", network=None))
    db.session.execute(update(Vote).where(Vote.user_id == user.id).values(network=None))
    db.session.execute(update(Appeal).where(Appeal.user_id == user.id).values(text=""))
    forget_notices_of(user)
    for place, what in PLACES.items():
        if what.erase is Erase.DELETE:
            name, _, column = place.partition(".")
            table = Base.metadata.tables[name]
            db.session.execute(delete(table).where(table.c[column] == user.id))
    if email:
        db.session.execute(delete(Registration).where(Registration.email == email))
        db.session.execute(delete(Invitation).where(Invitation.email == email))
        db.session.execute(delete(GuestComment).where(GuestComment.email == email))
        db.session.execute(delete(Mail).where(Mail.recipient == email))
    db.session.flush()
