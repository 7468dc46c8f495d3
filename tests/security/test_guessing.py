"""Guessing passwords and codes: what an account, a network and a sign-up take before they say no."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace

import pytest
from flask import Flask
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from structlog.testing import capture_logs

from commentsvc.accounts.models import User
from commentsvc.accounts.resets import change_password
from commentsvc.accounts.sessions import sign_in, start_session
from commentsvc.config import Settings
from commentsvc.errors import Invalid, TooSoon
from commentsvc.extensions import client_network, db, limiter
from tests.accounts.browsing import PASSWORD, make_known

HOME, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def known(app: Flask) -> User:
    return make_known()


@pytest.fixture(autouse=True)
def counted(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits as in service, counted from nothing; three wrong passwords from a network, eight from all."""
    settings: Settings = app.config["SETTINGS"]
    changed = replace(settings, LIMIT_GUESSES="3 per 15 minutes", LIMIT_GUESSES_EVERYWHERE="8 per day")
    monkeypatch.setitem(app.config, "SETTINGS", changed)
    monkeypatch.setattr(limiter, "enabled", True)
    monkeypatch.setattr(limiter, "_limiter", FixedWindowRateLimiter(MemoryStorage()))


def guess(email: str, network: str, *, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Invalid):
            sign_in(email, "wrong password", device="", network=network)


def test_after_a_few_wrong_passwords_even_the_right_one_has_to_wait(known: User) -> None:
    guess("known@example.org", HOME, times=3)
    with pytest.raises(TooSoon) as error:
        sign_in(" KNOWN@example.org", PASSWORD, device="", network=HOME)
    assert 0 < error.value.retry_after <= 15 * 60


def test_a_stranger_cannot_lock_somebody_out_of_her_own_network(known: User) -> None:
    guess("known@example.org", ELSEWHERE, times=3)
    with pytest.raises(TooSoon):
        sign_in("known@example.org", PASSWORD, device="", network=ELSEWHERE)
    assert sign_in("known@example.org", PASSWORD, device="", network=HOME)[0].id == known.id


def test_many_networks_together_have_one_budget(known: User) -> None:
    for n in range(4):
        guess("known@example.org", f"203.0.113.{n}", times=2)
    with pytest.raises(TooSoon):
        sign_in("known@example.org", PASSWORD, device="", network="203.0.113.200")


def test_an_address_without_an_account_is_counted_the_same(app: Flask) -> None:
    guess("nobody@example.org", HOME, times=3)
    with pytest.raises(TooSoon):
        sign_in("nobody@example.org", "whatever", device="", network=HOME)


def test_one_accounts_guesses_are_not_anothers(known: User) -> None:
    guess("nobody@example.org", HOME, times=3)
    assert sign_in("known@example.org", PASSWORD, device="", network=HOME)[0].id == known.id


def test_a_stolen_session_does_not_let_the_present_password_be_guessed(known: User) -> None:
    kept = start_session(known, device="")
    db.session.commit()
    for _ in range(3):
        with pytest.raises(Invalid):
            change_password(known, "wrong", "eleven purple bicycles", keep_token=kept, network=HOME)
    with pytest.raises(TooSoon):
        change_password(known, PASSWORD, "eleven purple bicycles", keep_token=kept, network=HOME)


def test_that_somebody_guesses_is_logged_and_who_is_meant_is_not(known: User) -> None:
    guess("known@example.org", HOME, times=3)
    with capture_logs() as logs, pytest.raises(TooSoon):
        sign_in("known@example.org", "a secret word", device="", network=HOME)
    assert [entry["event"] for entry in logs] == ["too many wrong passwords for one account"]
    assert not any(word in repr(logs) for word in ("known@", "secret", HOME))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"), ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"), ("unknown", "unknown"), ("", ""),
    ],
)
def test_a_network_is_one_whichever_of_its_addresses_is_used(app: Flask, address: str, network: str) -> None:
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": address}):
        assert client_network() == network


def test_a_proxy_we_do_not_trust_cannot_say_whom_to_count(app: Flask) -> None:
    with app.test_request_context("/", headers={"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9", "Forwarded": "for=203.0.113.9"}):
        assert client_network() != "203.0.113.9"


def test_a_sign_in_takes_as_long_for_nobody_as_for_somebody(known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both verify one hash; the medians of many are closer than a network lets anybody measure."""
    monkeypatch.setattr(limiter, "enabled", False)

    def median(email: str) -> float:
        times = []
        for _ in range(7):
            began = time.process_time()
            guess(email, HOME)
            times.append(time.process_time() - began)
        return statistics.median(times)

    somebody, nobody = median("known@example.org"), median("nobody@example.org")
    assert 0.5 < somebody / nobody < 2
