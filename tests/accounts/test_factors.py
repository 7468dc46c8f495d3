"""The second factor: codes that count once, recovery codes, and what follows from having one."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import select, update

from commentsvc import database
from commentsvc.accounts import factors, sessions, steps
from commentsvc.accounts.audit import seal_all, sealed_rows
from commentsvc.accounts.factors import (
    begin_totp,
    check_code,
    confirm_totp,
    factors_of,
    new_recovery_codes,
    remove_totp,
    reseal,
    reset_factors,
)
from commentsvc.accounts.models import RecoveryCode, Totp, User, UserSession
from commentsvc.accounts.permissions import Permission, Role, allowed
from commentsvc.accounts.resets import set_password
from commentsvc.accounts.sealing import seal, unseal
from commentsvc.accounts.sessions import (
    confirm,
    confirmed,
    finish_sign_in,
    sign_in,
    start_session,
    user_by_token,
)
from commentsvc.accounts.steps import MAX_ATTEMPTS
from commentsvc.errors import Conflict, Invalid, NotFound, SecondFactorNeeded, TooSoon
from commentsvc.extensions import db, limiter
from commentsvc.sites.models import Site
from tests.accounts.browsing import PASSWORD
from tests.factories import make_site, make_user

pytestmark = pytest.mark.usefixtures("app")

HOME = "192.0.2.1"

Clock = Callable[[float], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stands still at the middle of a code's half minute; moves by so many seconds."""
    now = dt.datetime(2026, 3, 2, 12, 0, 15, tzinfo=dt.UTC)

    def move(seconds: float) -> None:
        nonlocal now
        now += dt.timedelta(seconds=seconds)

    for module in (factors, sessions, steps):
        monkeypatch.setattr(module, "utcnow", lambda: now)
    return move


def code_at(secret: str, offset: int = 0) -> str:
    """What the app shows, so many steps from now."""
    return pyotp.TOTP(secret.replace(" ", "")).generate_otp(int(vars(factors)["utcnow"]().timestamp()) // 30 + offset)


def set_up(user: User) -> tuple[str, list[str]]:
    """The app's secret and the recovery codes of somebody who has it on, ready for the next code."""
    secret = begin_totp(user).secret
    codes = confirm_totp(user, code_at(secret, -1), keep_token="", network=HOME)
    db.session.commit()
    return secret, codes


def needed(user: User) -> str:
    with pytest.raises(SecondFactorNeeded) as raised:
        sign_in(str(user.email), PASSWORD, device="", network=HOME)
    return raised.value.ticket


def test_an_app_counts_once_its_first_code_was_right(known: User, clock: Clock) -> None:
    secret = begin_totp(known).secret
    assert not factors_of(known).any
    with pytest.raises(Invalid) as raised:
        confirm_totp(known, "000000" if code_at(secret) != "000000" else "000001", keep_token="", network=HOME)
    assert (raised.value.field, raised.value.code) == ("code", "code_wrong")
    assert len(confirm_totp(known, code_at(secret), keep_token="", network=HOME)) == 10
    assert factors_of(known).totp is not None
    with pytest.raises(Conflict):
        begin_totp(known)


def test_setting_it_up_again_before_the_first_code_makes_another_secret(known: User, clock: Clock) -> None:
    first, second = begin_totp(known).secret, begin_totp(known).secret
    assert first != second
    with pytest.raises(Invalid):
        confirm_totp(known, code_at(first), keep_token="", network=HOME)


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_clock_may_be_one_step_off(known: User, clock: Clock, offset: int) -> None:
    secret, _ = set_up(known)
    clock(60)
    check_code(known, code_at(secret, offset), HOME)


@pytest.mark.parametrize("offset", [-3, -2, 2, 3])
def test_and_no_more(known: User, clock: Clock, offset: int) -> None:
    secret, _ = set_up(known)
    clock(300)
    with pytest.raises(Invalid):
        check_code(known, code_at(secret, offset), HOME)


def test_a_code_counts_once_and_older_ones_no_more(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    check_code(known, code_at(secret, 0), HOME)
    for offset in (0, -1):
        with pytest.raises(Invalid):
            check_code(known, code_at(secret, offset), HOME)
    check_code(known, code_at(secret, 1), HOME)


def test_a_recovery_code_signs_in_once_however_it_is_typed(known: User, clock: Clock) -> None:
    _, codes = set_up(known)
    check_code(known, codes[0].lower().replace("-", " "), HOME)
    with pytest.raises(Invalid):
        check_code(known, codes[0], HOME)
    assert factors_of(known).recovery_codes == 9
    again = new_recovery_codes(known)
    with pytest.raises(Invalid):
        check_code(known, codes[1], HOME)
    check_code(known, again[1], HOME)


def test_the_recovery_codes_of_one_are_nothing_to_another(known: User, clock: Clock) -> None:
    _, codes = set_up(known)
    other = make_user()
    set_up(other)
    with pytest.raises(Invalid):
        check_code(other, codes[0], HOME)


def test_nothing_that_is_kept_can_be_used_by_who_reads_the_database(known: User, clock: Clock) -> None:
    secret, codes = set_up(known)
    row = db.session.scalars(select(Totp)).one()
    assert secret.replace(" ", "") not in row.sealed
    hashes = set(db.session.scalars(select(RecoveryCode.code_hash)))
    assert len(hashes) == len(codes) == 10
    assert not any(code.replace("-", "").encode() in found for code in codes for found in hashes)


def test_a_secret_that_was_put_into_anothers_row_opens_nothing(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    other = make_user()
    set_up(other)
    sealed = db.session.get_one(Totp, known.id).sealed
    db.session.execute(update(Totp).where(Totp.user_id == other.id).values(sealed=sealed))
    clock(60)
    with pytest.raises(Invalid):
        check_code(other, code_at(secret), HOME)


def test_a_new_secret_key_opens_what_a_former_one_sealed_and_seals_it_anew(app: Flask, known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    former: str = app.config["SECRET_KEY"]
    clock(60)
    try:
        app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"] = "another key, long enough", [former]
        check_code(known, code_at(secret), HOME)
        assert reseal([former], "another key, long enough") == 1
        app.config["SECRET_KEY_FALLBACKS"] = []
        check_code(known, code_at(secret, 1), HOME)
        app.config["SECRET_KEY"] = "a third one, also long enough"
        clock(60)
        with pytest.raises(Invalid):
            check_code(known, code_at(secret), HOME)
    finally:
        app.config["SECRET_KEY"], app.config["SECRET_KEY_FALLBACKS"] = former, []


def test_sealing_is_not_signing(app: Flask) -> None:
    sealed = seal("1:ABC")
    assert unseal(sealed) == ("1:ABC", True)
    assert unseal(sealed[:-2] + "AA") is None
    assert "ABC" not in sealed


def test_a_sign_in_asks_for_the_code_after_the_password_and_not_before(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    with pytest.raises(Invalid) as raised:
        sign_in(str(known.email), "wrong password", device="", network=HOME, code=code_at(secret))
    assert raised.value.code == "sign_in_failed"
    user, token = finish_sign_in(needed(known), device="x", network=HOME, code=code_at(secret))
    assert user.id == known.id
    assert user_by_token(token) is not None


def test_a_code_may_come_with_the_password(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    assert sign_in(str(known.email), PASSWORD, device="", network=HOME, code=code_at(secret))[0].id == known.id
    db.session.commit()
    with pytest.raises(Invalid):
        sign_in(str(known.email), PASSWORD, device="", network=HOME, code=code_at(secret))


def test_who_has_no_factor_is_not_asked_for_a_code(known: User) -> None:
    assert sign_in(str(known.email), PASSWORD, device="", network=HOME, code="123456")[0].id == known.id


def test_a_ticket_is_good_once(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    ticket = needed(known)
    finish_sign_in(ticket, device="", network=HOME, code=code_at(secret))
    db.session.commit()
    with pytest.raises(Invalid) as raised:
        finish_sign_in(ticket, device="", network=HOME, code=code_at(secret, 1))
    assert raised.value.code == "step_expired"


def test_five_wrong_codes_end_a_ticket_and_ten_minutes_do(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    ticket = needed(known)
    for _ in range(MAX_ATTEMPTS):
        with pytest.raises(Invalid):
            finish_sign_in(ticket, device="", network=HOME, code="abc")
        db.session.rollback()
    with pytest.raises(Invalid) as raised:
        finish_sign_in(ticket, device="", network=HOME, code=code_at(secret))
    assert raised.value.code == "step_expired"
    late = needed(known)
    clock(601)
    with pytest.raises(Invalid):
        finish_sign_in(late, device="", network=HOME, code=code_at(secret))


def test_a_changed_password_ends_what_waits_for_a_code(known: User, clock: Clock) -> None:
    secret, _ = set_up(known)
    clock(60)
    ticket = needed(known)
    set_password(known, "another hash")
    db.session.commit()
    with pytest.raises(Invalid):
        finish_sign_in(ticket, device="", network=HOME, code=code_at(secret))


@pytest.fixture
def limited(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], LIMIT_GUESSES="6 per hour"))
    monkeypatch.setattr(limiter, "enabled", True)
    monkeypatch.setattr(limiter, "_limiter", FixedWindowRateLimiter(MemoryStorage()))


def test_codes_cannot_be_guessed_by_signing_in_again_and_again(known: User, clock: Clock, limited: None) -> None:
    secret, _ = set_up(known)
    clock(60)
    for _ in range(6):
        with pytest.raises(Invalid):
            finish_sign_in(needed(known), device="", network=HOME, code="abc")
        db.session.rollback()
    with pytest.raises(TooSoon):
        finish_sign_in(needed(known), device="", network=HOME, code=code_at(secret))
    db.session.rollback()
    # Her own network has a budget of its own.
    finish_sign_in(needed(known), device="", network="198.51.100.9", code=code_at(secret))


def test_the_first_factor_ends_the_sessions_that_were_not_asked_for_it(known: User, clock: Clock) -> None:
    here, there = start_session(known, device="here"), start_session(known, device="there")
    db.session.commit()
    secret = begin_totp(known).secret
    confirm_totp(known, code_at(secret), keep_token=here, network=HOME)
    assert user_by_token(here) is not None
    assert user_by_token(there) is None


def test_with_the_last_factor_the_recovery_codes_go(known: User, clock: Clock) -> None:
    set_up(known)
    remove_totp(known)
    db.session.commit()
    assert known.second_factor_at is None
    assert factors_of(known).recovery_codes == 0
    assert sign_in(str(known.email), PASSWORD, device="", network=HOME)[0].id == known.id
    with pytest.raises(NotFound):
        remove_totp(known)
    with pytest.raises(Conflict):
        new_recovery_codes(known)


def test_resetting_takes_everything_and_is_told(known: User, clock: Clock) -> None:
    site = make_site()
    admin = make_user(role=Role.ADMIN, site=site)
    set_up(admin)
    set_up(known)
    for person in (admin, known):
        reset_factors(person)
    db.session.commit()
    assert not factors_of(admin).any
    seal_all()
    told = [(row["action"], row["site_id"], row["subject"]) for row in sealed_rows() if row["action"] == "factor.reset"]
    assert told == [("factor.reset", site.id, f"user:{admin.id}"), ("factor.reset", None, f"user:{known.id}")]


def test_confirming_asks_for_the_password_of_now_and_lasts_a_quarter_of_an_hour(known: User, clock: Clock) -> None:
    token = start_session(known, device="")
    db.session.commit()
    assert confirmed(token)
    clock(16 * 60)
    assert not confirmed(token)
    user = user_by_token(token)
    assert user is not None
    with pytest.raises(Invalid):
        confirm(user, "wrong", network=HOME)
    confirm(user, PASSWORD, network=HOME)
    assert confirmed(token)
    db.session.execute(update(UserSession).values(confirmed_at=None))  # of a release before
    assert not confirmed(token)


@pytest.mark.parametrize("role", [Role.COMMUNITY_MANAGER, Role.ADMIN])
def test_a_role_rests_where_the_site_asks_for_a_factor(role: Role) -> None:
    site = make_site()
    user = make_user(role=role, site=site)
    assert allowed(user, Permission.REVIEW, site.id)
    _ask_from(site, database.utcnow() + dt.timedelta(hours=1))
    db.session.refresh(user)
    assert allowed(user, Permission.REVIEW, site.id)  # grace
    _ask_from(site, database.utcnow() - dt.timedelta(hours=1))
    db.session.refresh(user, ["roles"])
    db.session.expire_all()
    assert not allowed(user, Permission.REVIEW, site.id)
    assert allowed(user, Permission.POST, site.id)
    user.second_factor_at = database.utcnow()
    assert allowed(user, Permission.REVIEW, site.id)


def test_an_expert_needs_no_factor() -> None:
    site = make_site()
    _ask_from(site, database.utcnow() - dt.timedelta(hours=1))
    assert make_user(role=Role.EXPERT, site=site).role_on(site.id) == Role.EXPERT


def _ask_from(site: Site, at: dt.datetime) -> None:
    db.session.execute(update(Site).where(Site.id == site.id).values(second_factor_from=at))
    db.session.commit()
    db.session.expire_all()
