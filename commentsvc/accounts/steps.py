"""What waits between a password and its second factor, or for a passkey: good once, and for minutes."""

from __future__ import annotations

import datetime as dt
import secrets
from typing import Final

from sqlalchemy import ColumnElement, and_, delete, select, update

from commentsvc.accounts.identity import token_hash
from commentsvc.accounts.models import SignInStep, User
from commentsvc.database import utcnow
from commentsvc.errors import Invalid
from commentsvc.extensions import db

LIFETIME = dt.timedelta(minutes=10)
MAX_ATTEMPTS = 5  # then the password is asked for again; how many codes an account takes is counted besides

CODE: Final = "code"  # a sign-in whose password was right
PASSKEY: Final = "passkey"  # a sign-in by passkey alone: nobody is known yet
REGISTER: Final = "register"  # a passkey being made by somebody signed in


def begin_step(purpose: str, user: User | None) -> tuple[str, SignInStep]:
    """A new step and its ticket, which only whoever began it has; flushes."""
    ticket = secrets.token_urlsafe(32)
    step = SignInStep(
        token_hash=token_hash(ticket), purpose=purpose, user_id=user.id if user else None, challenge=secrets.token_bytes(32),
        attempts=0, expires_at=utcnow() + LIFETIME,
    )
    db.session.add(step)
    db.session.flush()
    return ticket, step


def peek_step(ticket: str, purpose: str) -> SignInStep | None:
    """The step of this ticket, while it is good."""
    return db.session.scalar(select(SignInStep).where(_good(ticket, purpose)).execution_options(populate_existing=True))


def try_step(ticket: str, purpose: str) -> SignInStep:
    """The step, with one try of it spent; Invalid(`step_expired`) when it is no longer good. Ends the caller's transaction.

    Counted before anything is compared, and committed: guesses sent at once cannot share one try.
    """
    tried = db.session.execute(
        update(SignInStep).where(_good(ticket, purpose)).values(attempts=SignInStep.attempts + 1).returning(SignInStep.id)
        .execution_options(synchronize_session=False)
    ).one_or_none()
    db.session.commit()
    step = db.session.get(SignInStep, tried.id, populate_existing=True) if tried else None
    if step is None:
        raise expired()
    return step


def finish_step(step: SignInStep) -> None:
    """Use the step up; Invalid when another request was first. Flushes."""
    taken = db.session.execute(
        delete(SignInStep).where(SignInStep.id == step.id).returning(SignInStep.id).execution_options(synchronize_session=False)
    ).first()
    db.session.expunge(step)
    if taken is None:
        raise expired()


def end_steps(user: User) -> None:
    """Nothing that was begun for this person goes on: her password or factors changed. Flushes."""
    db.session.execute(
        delete(SignInStep).where(SignInStep.user_id == user.id).execution_options(synchronize_session=False)
    )


def expired() -> Invalid:
    """What is said of a step that is over."""
    return Invalid("This took too long or too many tries. Sign in again.", code="step_expired")


def _good(ticket: str, purpose: str) -> ColumnElement[bool]:
    return and_(
        SignInStep.token_hash == token_hash(ticket), SignInStep.purpose == purpose, SignInStep.expires_at > utcnow(),
        SignInStep.attempts < MAX_ATTEMPTS,
    )
