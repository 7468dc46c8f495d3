from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import func, select

from commentsvc.accounts import expiry
from commentsvc.accounts.expiry import forget_expired
from commentsvc.accounts.models import PasswordReset, Registration, User, UserSession
from commentsvc.accounts.registration import start_registration
from commentsvc.accounts.resets import request_reset
from commentsvc.accounts.sessions import revoke_session, start_session
from commentsvc.database import utcnow
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, mails

pytestmark = pytest.mark.usefixtures("app")


def counts() -> dict[str, int]:
    return {
        model.__tablename__: db.session.scalar(select(func.count()).select_from(model)) or 0
        for model in (Registration, PasswordReset, UserSession, Mail, User)
    }


def test_what_is_over_is_forgotten_in_time_and_not_before(known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    start_registration("new@example.org", "Nell New", PASSWORD)
    request_reset("known@example.org")
    start_session(known, device="kept")
    start_session(known, device="revoked")
    revoke_session(known, db.session.scalars(select(UserSession.id).where(UserSession.device == "revoked")).one())
    mails()[0].sent_at = utcnow()
    db.session.commit()

    def after(days: float) -> dict[str, int]:
        monkeypatch.setattr(expiry, "utcnow", lambda: utcnow() + dt.timedelta(days=days))
        forget_expired()
        db.session.commit()
        return counts()

    everything = {"registrations": 1, "password_resets": 1, "user_sessions": 2, "mails": 2, "users": 1}
    assert after(1) == everything
    assert after(2.1) == everything | {"registrations": 0, "password_resets": 0, "mails": 1}
    assert after(7.1)["mails"] == 0
    assert after(30.5)["user_sessions"] == 1
    assert after(60.5) == dict.fromkeys(everything, 0) | {"users": 1}
