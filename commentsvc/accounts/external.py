"""Other ways into an account: who comes from a provider, and what she may join or leave.

By issuer and subject alone somebody is known. An address that a provider has verified joins nothing by itself: where it has an
account, its owner signs in there once in the same browser, in a way she has already, and the two are one from then on.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import exists, func, select
from sqlalchemy.exc import IntegrityError

from commentsvc.accounts.audit import record_own
from commentsvc.accounts.badges import refuse_imitation
from commentsvc.accounts.identity import clean_name
from commentsvc.accounts.models import ExternalIdentity, Passkey, User
from commentsvc.accounts.oidc import Identity
from commentsvc.database import utcnow
from commentsvc.errors import Conflict, Invalid, NotFound
from commentsvc.extensions import db

NAMELESS = "Reader"


class AccountExists(Conflict):
    """The address that a provider has verified has an account here, which has not been joined with it."""

    code = "account_exists"

    def __init__(self, identity: Identity) -> None:
        super().__init__("You have an account here with this address. Sign in to it once, and the two are joined.")
        self.identity = identity


def arrive(identity: Identity) -> tuple[User, bool]:
    """The account of this identity, and whether it was made just now; flushes. AccountExists where another has her address."""
    known = _find(identity)
    if known is not None:
        known.last_used_at, known.email = utcnow(), identity.email
        db.session.flush()
        return db.session.get_one(User, known.user_id), False
    if identity.email and db.session.scalar(select(User.id).where(User.email == identity.email)) is not None:
        raise AccountExists(identity)
    user = User(email=identity.email, display_name=_name(identity.name), password_hash=None, created_at=utcnow(), roles=[])
    try:
        with db.session.begin_nested():
            db.session.add(user)
            db.session.flush()
            db.session.add(_row(user, identity))
    except IntegrityError:  # two returns at once: whichever was first
        if _find(identity) is None:
            raise AccountExists(identity) from None
        return arrive(identity)
    return user, True


def link(user: User, identity: Identity) -> None:
    """Let this identity sign in to the account; flushes. Conflict where it is another account's."""
    known = _find(identity)
    if known is not None and known.user_id == user.id:
        return
    try:
        with db.session.begin_nested():
            if known is not None:
                raise _taken()
            db.session.add(_row(user, identity))
    except IntegrityError:
        raise _taken() from None
    record_own(user, "identity.linked", subject=f"user:{user.id}", issuer=identity.issuer)
    db.session.flush()


def unlink(user: User, identity_id: int) -> None:
    """Let it sign in no longer; flushes. NotFound for another's, Conflict where nothing else lets her in."""
    # One at a time: two that each leave the other would leave neither.
    db.session.execute(select(User.id).where(User.id == user.id).with_for_update())
    row = db.session.scalar(select(ExternalIdentity).where(ExternalIdentity.id == identity_id, ExternalIdentity.user_id == user.id))
    if row is None:
        raise NotFound("You have no such way to sign in.")
    others = db.session.scalar(select(func.count()).where(ExternalIdentity.user_id == user.id, ExternalIdentity.id != row.id)) or 0
    # An address lets in by itself: a password can be chosen by mail.
    if user.email is None and not others and not db.session.scalar(select(exists().where(Passkey.user_id == user.id))):
        raise Conflict("This is the only way into your account. Link another first.", code="last_way_in")
    db.session.delete(row)
    record_own(user, "identity.unlinked", subject=f"user:{user.id}", issuer=row.issuer)
    db.session.flush()


def identities_of(user: User) -> Sequence[ExternalIdentity]:
    """The person's other ways in, oldest first."""
    return db.session.scalars(select(ExternalIdentity).where(ExternalIdentity.user_id == user.id).order_by(ExternalIdentity.id)).all()


def _find(identity: Identity) -> ExternalIdentity | None:
    return db.session.scalar(
        select(ExternalIdentity).where(ExternalIdentity.issuer == identity.issuer, ExternalIdentity.subject == identity.subject)
    )


def _row(user: User, identity: Identity) -> ExternalIdentity:
    now = utcnow()
    return ExternalIdentity(
        issuer=identity.issuer, subject=identity.subject, site_id=None, user_id=user.id, email=identity.email, created_at=now, last_used_at=now,
    )


def _name(name: str) -> str:
    try:
        return refuse_imitation(clean_name(name))
    except Invalid:
        return NAMELESS


def _taken() -> Conflict:
    return Conflict("This is linked to another account already.", code="identity_taken")
