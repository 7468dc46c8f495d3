from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import verify_password
from commentsvc.accounts.resets import change_password, peek_reset, request_reset, reset_password
from commentsvc.accounts.sessions import sign_in, start_session, user_by_token
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, link_in, mails
from tests.conftest import Statements

pytestmark = pytest.mark.usefixtures("app")
Hours = Callable[[float], None]
NEW = "eleven purple bicycles"


def asked(email: str = "known@example.org") -> str:
    request_reset(email)
    db.session.commit()
    return link_in(mails()[-1]).removeprefix("/account/reset/")


def test_a_link_sets_the_password_once_and_ends_every_session(known: User) -> None:
    session = start_session(known, device="")
    other = asked()
    token = asked()
    assert peek_reset(token)
    user = reset_password(token, NEW)
    db.session.commit()
    assert user.id == known.id
    assert verify_password(user.password_hash, NEW)
    assert not verify_password(user.password_hash, PASSWORD)
    assert user_by_token(session) is None
    for used in (token, other):
        assert not peek_reset(used)
        with pytest.raises(Invalid) as error:
            reset_password(used, "twelve yellow tricycles")
        assert error.value.code == "reset_expired"


def test_a_link_is_good_for_two_hours(known: User, hours: Hours) -> None:
    token = asked()
    hours(2.01)
    assert not peek_reset(token)
    with pytest.raises(Invalid, match="expired"):
        reset_password(token, NEW)
    hours(1.99)
    assert peek_reset(token)


def test_a_weak_password_leaves_the_link_good(known: User) -> None:
    token = asked()
    with pytest.raises(Invalid) as error:
        reset_password(token, "password123")
    assert error.value.field == "password"
    db.session.rollback()
    assert reset_password(token, NEW).id == known.id


def test_an_unknown_address_gets_the_same_work_and_one_mail(
    known: User, statements: Statements, hashings: Counter[str]
) -> None:
    work = []
    for email in (str(known.email), "nobody@example.org"):
        before = len(mails())
        db.session.commit()
        statements.clear()
        request_reset(email)
        db.session.commit()
        work.append(list(statements))
        assert len(mails()) == before + 1
        assert mails()[-1].recipient == email
    assert work[0] == work[1]
    assert not hashings
    assert "no account" in mails()[-1].text
    assert "/account/reset/" not in mails()[-1].text


@pytest.mark.parametrize("junk", ["", "x", "\x00", "\ud800"])
def test_an_unknown_link_has_expired(known: User, junk: str) -> None:
    asked()
    asked_of_nobody = "nobody@example.org"
    request_reset(asked_of_nobody)
    assert not peek_reset(junk)
    with pytest.raises(Invalid, match="expired"):
        reset_password(junk, NEW)


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(Invalid) as error:
        request_reset("nobody")
    assert error.value.field == "email"
    assert mails() == []


def test_a_changed_password_ends_the_other_sessions_and_links(known: User) -> None:
    kept, other = start_session(known, device=""), start_session(known, device="")
    link = asked()
    with pytest.raises(Invalid) as error:
        change_password(known, "wrong", NEW, keep_token=kept, network="192.0.2.1")
    assert error.value.field == "current_password"
    change_password(known, PASSWORD, NEW, keep_token=kept, network="192.0.2.1")
    db.session.commit()
    assert user_by_token(kept) is not None
    assert user_by_token(other) is None
    assert not peek_reset(link)
    assert sign_in(str(known.email), NEW, device="", network="192.0.2.1")[0].id == known.id
