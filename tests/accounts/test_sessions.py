from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import select

from commentsvc.accounts import sessions
from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.passwords import verify_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import (
    end_session,
    is_session_of,
    list_sessions,
    revoke_others,
    revoke_session,
    sign_in,
    start_session,
    user_by_token,
)
from commentsvc.database import write_intent
from commentsvc.errors import Invalid, NotFound
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD
from tests.conftest import Statements
from tests.factories import make_site, make_user

pytestmark = pytest.mark.usefixtures("app")
Hours = Callable[[float], None]


def signed_in(email: str = "known@example.org", device: str = "a laptop") -> str:
    _user, token = sign_in(email, PASSWORD, device=device, network="192.0.2.1")
    db.session.commit()
    return token


def test_a_person_signs_in_however_she_writes_her_address(known: User) -> None:
    user, token = sign_in(" KNOWN@example.org ", PASSWORD, device="Mozilla\r\n" + "x" * 400, network="192.0.2.1")
    db.session.commit()
    assert user.id == known.id
    assert token.startswith("cs_")
    row = db.session.scalars(select(UserSession)).one()
    assert (len(row.device), "\n" in row.device) == (200, False)
    assert token.encode() not in row.token_hash


def test_unknown_address_and_wrong_password_are_the_same_failure(
    known: User, statements: Statements, hashings: Counter[str]
) -> None:
    make_user(email="imported@example.org")  # an account without a password
    failures = []
    for email in (str(known.email), "nobody@example.org", "imported@example.org", "no address at all", "a\x00b"):
        db.session.commit()
        statements.clear()
        hashings.clear()
        with pytest.raises(Invalid) as error:
            sign_in(email, "wrong password", device="", network="192.0.2.1")
        failures.append((error.value.message, error.value.code, error.value.field, list(statements), dict(hashings)))
    assert all(failure == failures[0] for failure in failures)
    assert failures[0][1] == "sign_in_failed"
    assert failures[0][4] == {"verify": 1}
    assert len(failures[0][3]) == 1


def test_no_lock_is_held_while_the_hash_is_computed(known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    during = []
    real = verify_password

    def watched(stored: str | None, password: str) -> bool:
        during.append(db.session().in_transaction())
        return real(stored, password)

    monkeypatch.setattr(sessions, "verify_password", watched)
    sign_in(str(known.email), PASSWORD, device="", network="192.0.2.1")
    assert during == [False]


def test_a_password_reset_meanwhile_wins(known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(_stored: str | None, _password: str) -> bool:
        known.password_hash = "another"
        db.session.commit()
        return True

    monkeypatch.setattr(sessions, "verify_password", slow)
    with pytest.raises(Invalid):
        sign_in("known@example.org", PASSWORD, device="", network="192.0.2.1")


def test_a_token_gives_the_person_with_her_roles_in_one_statement(statements: Statements) -> None:
    sites = [make_site(), make_site()]
    user = make_user(role=Role.EXPERT, site=sites[0])
    token = start_session(user, device="")
    db.session.commit()
    db.session.remove()
    statements.clear()
    found = user_by_token(token)
    assert found is not None
    assert (found.role_on(sites[0].id), found.role_on(sites[1].id)) == (Role.EXPERT, Role.MEMBER)
    assert (found.session_token, found.scopes, found.key_site_id) == (token, None, None)
    assert len(statements) == 1


@pytest.mark.parametrize("junk", ["", "cs_", "cs_unknown", "ck_unknown", "cs_\x00", "cs_\ud800", "x" * 10_000])
def test_any_other_text_is_nobody(known: User, junk: str) -> None:
    signed_in()
    assert user_by_token(junk) is None


def test_a_revoked_session_is_nobody_at_once(known: User) -> None:
    first, second, third = signed_in(), signed_in(device="a phone"), signed_in(device="a tablet")
    rows = {row.device: row for row in list_sessions(known)}
    assert set(rows) == {"a laptop", "a phone", "a tablet"}
    assert is_session_of(rows["a phone"], second)
    assert not is_session_of(rows["a phone"], first)
    revoke_session(known, rows["a laptop"].id)
    assert user_by_token(first) is None
    assert revoke_others(known, second) == 1
    assert user_by_token(third) is None
    assert user_by_token(second) is not None
    end_session(second)
    assert user_by_token(second) is None
    assert list_sessions(known) == []


def test_nobody_ends_somebody_elses_session(known: User) -> None:
    token = signed_in()
    row = list_sessions(known)[0]
    with pytest.raises(NotFound):
        revoke_session(make_user(), row.id)
    revoke_others(make_user(), "cs_x")
    assert user_by_token(token) is not None


def test_an_unused_session_ends(known: User, hours: Hours) -> None:
    token = signed_in()
    hours(30 * 24 + 1)
    assert user_by_token(token) is None
    assert list_sessions(known) == []


def test_use_keeps_a_session_alive_and_is_noted_once_an_hour(known: User, hours: Hours) -> None:
    token = signed_in()
    row = db.session.scalars(select(UserSession)).one()
    started, expires = row.last_seen_at, row.expires_at
    hours(0.9)
    user_by_token(token)
    db.session.commit()
    assert row.last_seen_at == started
    hours(24)
    user_by_token(token)
    db.session.commit()
    assert row.last_seen_at > started
    assert (row.expires_at - expires).total_seconds() == pytest.approx(86400, abs=60)


def test_a_read_writes_nothing(app: Flask, known: User, hours: Hours, statements: Statements) -> None:
    token = signed_in()
    hours(24)
    intent = write_intent.set(False)
    statements.clear()
    assert user_by_token(token) is not None
    db.session.commit()
    write_intent.reset(intent)
    assert not [s for s in statements if not s.startswith("SELECT")]
