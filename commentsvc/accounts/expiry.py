"""What has served its purpose is forgotten: the service keeps no more about people than it needs."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import delete, or_

from commentsvc.accounts.models import (
    EmailChange,
    ExternalSignIn,
    HandOver,
    Invitation,
    PasswordReset,
    Registration,
    SignInStep,
    SsoToken,
    UserSession,
)
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db

# A day more than any link lives, so that "it has expired" can still be told from "never was".
KEEP_LINKS = dt.timedelta(days=1)
KEEP_SESSIONS = dt.timedelta(days=30)
KEEP_INVITATIONS = dt.timedelta(days=30)  # so that an admin sees that nobody came, and can send it again
KEEP_UNSENT = dt.timedelta(days=7)


def forget_expired() -> None:
    """Delete unfinished sign-ups, used links, ended sessions and old mails; flushes.

    A mail holds its links and codes in the clear: once they are dead, it goes too.
    """
    now = utcnow()
    for statement in (
        delete(Registration).where(Registration.expires_at < now - KEEP_LINKS),
        delete(EmailChange).where(EmailChange.expires_at < now - KEEP_LINKS),
        delete(PasswordReset).where(PasswordReset.expires_at < now - KEEP_LINKS),
        delete(SignInStep).where(SignInStep.expires_at < now),
        delete(ExternalSignIn).where(ExternalSignIn.expires_at < now),
        delete(HandOver).where(HandOver.expires_at < now),
        delete(SsoToken).where(SsoToken.expires_at < now),
        delete(Invitation).where(Invitation.expires_at < now - KEEP_INVITATIONS),
        delete(UserSession).where(
            or_(UserSession.expires_at < now - KEEP_SESSIONS, UserSession.revoked_at < now - KEEP_SESSIONS)
        ),
        delete(Mail).where(
            or_(Mail.sent_at < now - KEEP_LINKS - KEEP_LINKS, Mail.created_at < now - KEEP_UNSENT)
        ),
    ):
        db.session.execute(statement.execution_options(synchronize_session=False))
