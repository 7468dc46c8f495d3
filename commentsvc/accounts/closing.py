"""Closing an account: whatever opened it opens nothing any more. Its row stays, for what was recorded of it."""

from __future__ import annotations

from sqlalchemy import delete, update

from commentsvc.accounts.models import (
    ApiKey,
    EmailChange,
    ExternalIdentity,
    ExternalSignIn,
    HandOver,
    Passkey,
    PasswordReset,
    RecoveryCode,
    SignInStep,
    Totp,
    User,
    UserSession,
)
from commentsvc.database import utcnow
from commentsvc.extensions import db

# Each is a way in, a step on one, or what was asked for beside one.
WAYS_IN = (PasswordReset, EmailChange, ExternalIdentity, ExternalSignIn, HandOver, Passkey, Totp, RecoveryCode, SignInStep)


def close(user: User) -> None:
    """End her sessions and keys, and forget her address, password and every other way in; flushes."""
    now = utcnow()
    user.email = user.password_hash = user.second_factor_at = None
    for ended in (UserSession, ApiKey):
        db.session.execute(
            update(ended).where(ended.user_id == user.id, ended.revoked_at.is_(None)).values(revoked_at=now)
            .execution_options(synchronize_session=False)
        )
    for way in WAYS_IN:
        db.session.execute(delete(way).where(way.user_id == user.id).execution_options(synchronize_session=False))
    db.session.flush()
