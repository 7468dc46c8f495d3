from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from flask import Flask
from sqlalchemy import func, select

from commentsvc.accounts.models import Registration, User
from commentsvc.accounts.passwords import verify_password
from commentsvc.accounts.registration import (
    peek_registration,
    resend_code,
    start_registration,
    verify_by_code,
    verify_by_link,
)
from commentsvc.errors import Invalid, TooSoon
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, code_in, link_in, mails
from tests.conftest import Statements

pytestmark = pytest.mark.usefixtures("app")
Hours = Callable[[float], None]


def start(email: str = "new@example.org", name: str = "Nell New") -> str:
    started = start_registration(email, name, PASSWORD)
    db.session.commit()
    return started.handle


def users() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def token_of(index: int = -1) -> str:
    return link_in(mails()[index]).removeprefix("/account/verify/")


def expect(code: str, verb: Callable[..., object], *given: str) -> Invalid:
    with pytest.raises(Invalid) as error:
        verb(*given)
    assert error.value.code == code
    db.session.rollback()
    return error.value


def test_the_code_in_the_mail_makes_the_account() -> None:
    handle = start("New@Example.org", "  Nell\nNew ")
    assert users() == 0
    user = verify_by_code(handle, f" {code_in(mails()[0])[:3]} {code_in(mails()[0])[3:]} ")
    db.session.commit()
    assert (user.email, user.display_name, user.roles) == ("new@example.org", "Nell New", [])
    assert verify_password(user.password_hash, PASSWORD)
    assert db.session.scalar(select(func.count()).select_from(Registration)) == 0


def test_the_link_in_the_mail_makes_the_account_once() -> None:
    start()
    token = token_of()
    assert peek_registration(token) == "Nell New"
    verify_by_link(token)
    db.session.commit()
    assert peek_registration(token) is None
    expect("registration_expired", verify_by_link, token)
    assert users() == 1


def test_a_known_address_gets_the_same_work_and_the_same_answer(
    known: User, statements: Statements, hashings: Counter[str]
) -> None:
    work = {}
    for email in ("new@example.org", str(known.email)):
        db.session.commit()
        statements.clear()
        hashings.clear()
        before = len(mails())
        db.session.commit()
        statements.clear()
        started = start_registration(email, "Somebody", PASSWORD)
        db.session.commit()
        work[email] = (list(statements), dict(hashings))
        assert started.email == email
        assert len(mails()) == before + 1
    first, second = work.values()
    assert first == second
    assert first[1] == {"hash": 1}


def test_a_known_address_is_told_so_in_its_mailbox_alone(known: User) -> None:
    handle = start(str(known.email))
    mail = mails()[0]
    assert mail.subject == "You already have an account"
    assert "/account/verify/" not in mail.text
    for left in (4, 3, 2, 1):
        assert f" {left} " in expect("code_wrong", verify_by_code, handle, "123456").message
    expect("registration_expired", verify_by_code, handle, "123456")
    expect("registration_expired", verify_by_code, handle, "123456")
    assert users() == 1


def test_five_wrong_codes_burn_a_sign_up_and_its_link() -> None:
    handle = start()
    code = code_in(mails()[0])
    wrong = f"{(int(code) + 1) % 1_000_000:06}"
    for left in (4, 3, 2, 1):
        assert f" {left} " in expect("code_wrong", verify_by_code, handle, wrong).message
    expect("registration_expired", verify_by_code, handle, wrong)
    expect("registration_expired", verify_by_code, handle, code)
    expect("registration_expired", verify_by_link, token_of())
    assert users() == 0


def test_a_wrong_code_counts_even_when_the_answer_rolls_back() -> None:
    handle = start()
    expect("code_wrong", verify_by_code, handle, "not digits")
    assert db.session.scalar(select(Registration.attempts)) == 1


@pytest.mark.parametrize("junk", ["", "x", "\x00", "\ud800", "9" * 5000])
def test_an_unknown_handle_or_token_has_expired(junk: str) -> None:
    start()
    expect("registration_expired", verify_by_code, junk, "123456")
    expect("registration_expired", verify_by_link, junk)
    expect("registration_expired", resend_code, junk)


def test_a_sign_up_lasts_a_day(hours: Hours) -> None:
    handle = start()
    code, token = code_in(mails()[0]), token_of()
    hours(24.01)
    expect("registration_expired", verify_by_code, handle, code)
    expect("registration_expired", verify_by_link, token)
    expect("registration_expired", resend_code, handle)
    hours(23.9)
    assert verify_by_code(handle, code).email == "new@example.org"


def test_the_code_of_one_sign_up_is_nothing_to_another() -> None:
    first, second = start(), start("other@example.org")
    codes = [code_in(mail) for mail in mails()]
    assert codes[0] != codes[1] or pytest.skip("one in a million")
    expect("code_wrong", verify_by_code, second, codes[0])
    verify_by_code(first, codes[0])


def test_a_mail_can_be_sent_again_after_a_minute_with_the_same_code(hours: Hours) -> None:
    handle = start()
    with pytest.raises(TooSoon) as error:
        resend_code(handle)
    assert 0 < error.value.retry_after <= 60
    db.session.rollback()
    hours(1 / 59)
    resend_code(handle)
    db.session.commit()
    first, second = mails()
    assert (code_in(first), link_in(first)) == (code_in(second), link_in(second))
    with pytest.raises(TooSoon):
        resend_code(handle)


def test_asking_again_tells_nothing_about_a_known_address(known: User, hours: Hours, statements: Statements) -> None:
    handles = [start(), start(str(known.email))]
    hours(1 / 59)
    work = []
    for handle in handles:
        statements.clear()
        resend_code(handle)
        db.session.commit()
        work.append(list(statements))
    assert work[0] == work[1]
    assert [mail.subject for mail in mails()][-1] == "You already have an account"


def test_an_account_made_meanwhile_keeps_its_password() -> None:
    """Two sign-ups of one address: whichever is verified first is the account."""
    start(name="First")
    handle = start(name="Second")
    code = code_in(mails()[1])
    verify_by_link(token_of(0))
    db.session.commit()
    expect("registration_expired", verify_by_code, handle, code)
    assert db.session.scalars(select(User.display_name)).all() == ["First"]


@pytest.mark.parametrize("same", [True, False], ids=["one link twice", "two sign-ups"])
def test_a_race_of_two_verifications_makes_one_account(app: Flask, same: bool) -> None:
    start(name="First")
    start(name="Second")
    tokens = [token_of(0), token_of(0 if same else 1)]
    db.session.remove()
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def verify(token: str) -> None:
        with app.app_context():
            barrier.wait()
            try:
                verify_by_link(token)
                db.session.commit()
                outcomes.append("made")
            except Invalid as error:
                db.session.rollback()
                outcomes.append(error.code)

    threads = [threading.Thread(target=verify, args=(token,)) for token in tokens]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["made", "registration_expired"]
    assert users() == 1


@pytest.mark.parametrize(
    ("email", "name", "password", "field"),
    [("nobody", "Nell", PASSWORD, "email"), ("n@example.org", "N", PASSWORD, "display_name"), ("n@example.org", "Nell", "short", "password")],
)
def test_what_is_wrong_is_named_and_nothing_is_sent(email: str, name: str, password: str, field: str) -> None:
    with pytest.raises(Invalid) as error:
        start_registration(email, name, password)
    assert error.value.field == field
    assert mails() == []


def test_a_name_travels_into_no_mail_to_a_stranger() -> None:
    start(name="Win money at https://evil.example")
    assert "evil" not in mails()[0].text + mails()[0].subject


def test_the_way_back_travels_in_the_link() -> None:
    start_registration("n@example.org", "Nell", PASSWORD, return_to="https://news.example/a?b=c&d")
    assert link_in(mails()[0]).endswith("?next=https%3A//news.example/a%3Fb%3Dc%26d")


def test_secrets_are_kept_as_hashes_only() -> None:
    handle = start()
    row = db.session.scalars(select(Registration)).one()
    stored = [str(value) for value in vars(row).values()] + [row.handle_hash.hex(), row.token_hash.hex(), row.code_hash.hex()]
    for secret in (handle, token_of(), code_in(mails()[0]), PASSWORD):
        assert not any(secret in value for value in stored if len(secret) > 6)
    assert PASSWORD not in mails()[0].text
