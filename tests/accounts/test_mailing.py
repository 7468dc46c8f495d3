from __future__ import annotations

import datetime as dt

import pytest
from flask import Flask

from commentsvc.accounts import mailing
from commentsvc.accounts.mailing import DAILY, HOURLY
from commentsvc.accounts.models import User
from commentsvc.accounts.registration import resend_code, start_registration, verify_by_code
from commentsvc.accounts.resets import request_reset
from commentsvc.database import utcnow
from commentsvc.delivery.email import queue_mail
from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.i18n import in_language
from tests.accounts.browsing import PASSWORD, Browser, code_in, mails
from tests.pseudo import TAG, speak_pseudo

pytestmark = pytest.mark.usefixtures("app")


def sent_to(address: str) -> int:
    return sum(mail.recipient == address for mail in mails())


def age(minutes: float) -> None:
    """As if all mails so far had been written that much earlier."""
    for mail in mails():
        mail.created_at -= dt.timedelta(minutes=minutes)
    db.session.commit()


def test_sign_ups_and_resets_of_an_address_share_what_an_hour_allows(known: User) -> None:
    address = str(known.email)
    for _ in range(HOURLY - 2):
        request_reset(address)
    for _ in range(4):
        start_registration(address.upper(), "Ada", PASSWORD)
    db.session.commit()
    assert sent_to(address) == HOURLY
    request_reset("somebody.else@example.org")
    assert sent_to("somebody.else@example.org") == 1
    age(61)
    request_reset(address)
    assert sent_to(address) == HOURLY + 1


def test_a_day_has_a_limit_too() -> None:
    for _ in range(DAILY + 10):
        request_reset("nobody@example.org")
        age(20)
    assert sent_to("nobody@example.org") == DAILY
    age(24 * 60)
    request_reset("nobody@example.org")
    assert sent_to("nobody@example.org") == DAILY + 1


def test_a_code_sent_before_the_limit_still_works_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    handle = start_registration("new@example.org", "Ada", PASSWORD).handle
    db.session.commit()
    code = code_in(mails()[-1])
    monkeypatch.setattr("commentsvc.accounts.registration.utcnow", lambda: utcnow() + dt.timedelta(minutes=2))
    monkeypatch.setattr(mailing, "HOURLY", 1)
    resend_code(handle)
    db.session.commit()
    assert sent_to("new@example.org") == 1
    assert verify_by_code(handle, code).email == "new@example.org"


def test_other_mails_neither_count_nor_are_kept_back(known: User) -> None:
    address = str(known.email)
    for _ in range(HOURLY + 1):
        queue_mail(address, "Your address was changed", "address_changed")
    request_reset(address)
    assert sent_to(address) == HOURLY + 2
    for _ in range(HOURLY):
        request_reset(address)
    queue_mail(address, "Your address was changed", "address_changed")
    assert sent_to(address) == 2 * HOURLY + 2


def test_every_mail_an_account_page_sends_is_counted(known: User) -> None:
    """By its template, which the count names: one that it does not know would pass without limit."""
    for address in (str(known.email), "new@example.org"):
        for _ in range(HOURLY + 2):
            start_registration(address, "Ada", PASSWORD)
        assert sent_to(address) == HOURLY
        db.session.execute(db.delete(Mail))
        for _ in range(HOURLY + 2):
            request_reset(address)
        assert sent_to(address) == HOURLY
        db.session.execute(db.delete(Mail))


def test_mails_in_several_languages_share_one_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    for tag in ("en", TAG, "en", TAG, "en"):
        with in_language(tag):
            request_reset("new@example.org")
            start_registration("new@example.org", "Ada", PASSWORD)
    assert {mail.subject for mail in mails() if mail.kind == "no_account"} == {
        "There is no account with this address", "«There is no account with this address»",
    }
    assert sent_to("new@example.org") == HOURLY


def test_a_mail_is_in_the_language_that_its_reader_has_chosen_not_in_that_of_whoever_had_it_sent(known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    speak_pseudo(monkeypatch)
    known.language = TAG
    db.session.flush()
    request_reset(str(known.email))
    with in_language(TAG):
        request_reset("nobody@example.org")
    known.language = "en"
    with in_language(TAG):
        request_reset(str(known.email))
    assert [mail.subject for mail in mails()] == ["«Choose a new password»", "«There is no account with this address»", "Choose a new password"]


def test_what_is_answered_does_not_tell_that_the_limit_is_spent(app: Flask) -> None:
    browser = Browser(app)

    def answers() -> list[tuple[int, str]]:
        form = {"display_name": "Ada", "email": "new@example.org", "password": PASSWORD}
        given = [
            browser.post("/account/forgot", {"email": "new@example.org"}, page="/account/forgot"),
            browser.post("/account/sign-up", form),
        ]
        return [(a.status_code, "" if a.location is None else a.location) for a in given]

    first = answers()
    for _ in range(HOURLY):
        request_reset("new@example.org")
    db.session.commit()
    before = sent_to("new@example.org")
    assert answers() == first
    assert sent_to("new@example.org") == before
