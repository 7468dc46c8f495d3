"""The second factor over HTTP: set up, asked for on every surface, required by a site."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update

from commentsvc.accounts.factors import factors_of
from commentsvc.accounts.models import SiteRole, Totp, User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.resets import request_reset
from commentsvc.accounts.sessions import confirmed
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.sites.models import Site
from tests.accounts.browsing import PASSWORD, Browser, error_beside, link_in, mails, make_known
from tests.factories import make_article, make_site

pytestmark = pytest.mark.once

PAGE = "/account/second-factor"


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def known(app: Flask) -> User:
    return make_known()


def set_up(browser: Browser) -> tuple[pyotp.TOTP, list[str]]:
    """As a person does it; returns what her app counts with and her recovery codes."""
    if browser.get("/account/").status_code == 401:
        browser.sign_in("known@example.org")
    assert browser.post(f"{PAGE}/app", page=PAGE).headers["Location"] == f"{PAGE}/app"
    page = browser.get(f"{PAGE}/app").text
    assert 'src="data:image/svg+xml' in page
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', page)
    assert secret
    app = pyotp.TOTP(secret.group(1).replace(" ", ""))
    done = browser.post(f"{PAGE}/app/code", {"code": app.now()}, page=f"{PAGE}/app")
    assert done.status_code == 201
    return app, re.findall(r"<code>([A-Z2-9-]{19})</code>", done.text)


def fresh_code(app: pyotp.TOTP) -> str:
    """A code that counts now, though another of this half minute was taken already."""
    db.session.execute(update(Totp).values(last_step=0))
    db.session.commit()
    return app.now()


def test_an_app_is_set_up_and_the_codes_are_shown_once(browser: Browser, known: User) -> None:
    _, codes = set_up(browser)
    assert len(codes) == len(set(codes)) == 10
    page = browser.get(PAGE).text
    assert codes[0] not in page
    assert "10 left" in page
    assert browser.get(f"{PAGE}/app").text.count("<h1>") == 1  # nothing waits for a code: the page before it
    assert 'class="badge">On' in browser.get("/account/").text


def test_a_wrong_first_code_is_said_beside_the_field_and_changes_nothing(browser: Browser, known: User) -> None:
    browser.sign_in("known@example.org")
    browser.post(f"{PAGE}/app", page=PAGE)
    secret = re.search(r'id="secret"[^>]*>([A-Z2-7 ]+)<', browser.get(f"{PAGE}/app").text)
    wrong = browser.post(f"{PAGE}/app/code", {"code": "12 34"}, page=f"{PAGE}/app")
    assert wrong.status_code == 422
    assert "not right" in error_beside(wrong.text, "code")
    assert secret
    assert secret.group(1) in wrong.text  # the same secret: she need not scan again
    assert not factors_of(known).any


def test_a_sign_in_asks_for_the_code_and_then_goes_where_it_was_to_go(app: Flask, browser: Browser, known: User) -> None:
    counting, codes = set_up(browser)
    other = Browser(app)
    asked = other.post("/account/sign-in", {"email": "known@example.org", "password": PASSWORD, "next": "/account/forgot"}, page="/account/sign-in")
    assert asked.headers["Location"] == "/account/sign-in/code"
    assert other.get("/account/").status_code == 401  # not signed in yet
    page = other.get("/account/sign-in/code").text
    assert "authenticator app" in page
    wrong = other.post("/account/sign-in/code", {"code": "000"}, page="/account/sign-in/code")
    assert wrong.status_code == 422
    assert error_beside(wrong.text, "code")
    done = other.post("/account/sign-in/code", {"code": fresh_code(counting)}, page="/account/sign-in/code")
    assert done.headers["Location"] == "/account/forgot"
    assert other.get("/account/").status_code == 200
    third = Browser(app)
    third.sign_in("known@example.org")
    assert third.post("/account/sign-in/code", {"code": codes[3]}, page="/account/sign-in/code").status_code == 303
    assert "9 left" in third.get(PAGE).text


def test_after_five_wrong_codes_the_password_is_asked_for_again(app: Flask, browser: Browser, known: User) -> None:
    counting, _ = set_up(browser)
    other = Browser(app)
    other.sign_in("known@example.org")
    token = other.token("/account/sign-in/code")
    for _ in range(5):
        answer = other.open("/account/sign-in/code", method="POST", data={"csrf_token": token, "code": "0"})
        assert answer.status_code == 422
    assert 'name="password"' in answer.text
    late = other.open("/account/sign-in/code", method="POST", data={"csrf_token": token, "code": fresh_code(counting)})
    assert late.status_code == 422
    assert other.get("/account/").status_code == 401


def test_a_reset_by_mail_is_no_way_around_it(app: Flask, browser: Browser, known: User) -> None:
    counting, _ = set_up(browser)
    request_reset("known@example.org")
    db.session.commit()
    link = link_in(mails()[-1])
    other = Browser(app)
    done = other.post(link, {"password": "eleven purple bicycles"}, page=link)
    assert done.headers["Location"] == "/account/sign-in/code"
    assert other.get("/account/").status_code == 401
    assert browser.get("/account/").status_code == 401  # the new password ended this one
    done = other.post("/account/sign-in/code", {"code": fresh_code(counting)}, page="/account/sign-in/code")
    assert done.status_code == 303
    assert other.get("/account/").status_code == 200


def test_a_session_of_yesterday_changes_nothing_without_the_password(browser: Browser, known: User) -> None:
    set_up(browser)
    token = db.session.scalars(select(UserSession).where(UserSession.revoked_at.is_(None))).one()
    token.confirmed_at = utcnow() - dt.timedelta(days=1)
    db.session.commit()
    page = browser.get(PAGE).text
    assert 'name="current_password"' in page
    assert "/app/remove" not in page
    csrf = browser.token(PAGE)
    for action in ("app", "app/code", "app/remove", "codes", "passkeys", "passkeys/options", "passkeys/1/remove"):
        answer = browser.open(f"{PAGE}/{action}", method="POST", data={"csrf_token": csrf, "name": "x"})
        assert (answer.status_code, answer.headers["Location"]) == (303, PAGE), action
    assert factors_of(known).totp is not None
    wrong = browser.post(f"{PAGE}/confirm", {"current_password": "wrong"}, page=PAGE)
    assert "not your present password" in error_beside(wrong.text, "current_password")
    assert browser.post(f"{PAGE}/confirm", {"current_password": PASSWORD}, page=PAGE).status_code == 303
    assert browser.post(f"{PAGE}/app/remove", page=PAGE).status_code == 303
    assert factors_of(known).totp is None
    assert not confirmed("no session")


def test_the_widget_asks_for_the_code_in_its_frame(app: Flask, browser: Browser, known: User) -> None:
    counting, _ = set_up(browser)
    article = make_article()
    where = f"/embed/a/{article.id}"
    reader = Browser(app)
    asked = reader.post(
        f"{where}/sign-in", {"email": "known@example.org", "password": PASSWORD, "body": "Typed before."}, page=f"{where}?form=sign-in"
    )
    assert asked.status_code == 200
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.text)
    assert ticket
    assert PASSWORD not in asked.text
    sent = {"ticket": unescape(ticket.group(1)), "code": "0", "body": "Typed before."}
    wrong = reader.post(f"{where}/factor", sent, page=f"{where}?form=sign-in")
    assert wrong.status_code == 422
    assert "This code is not right" in wrong.text
    assert "Typed before." in wrong.text
    done = reader.post(f"{where}/factor", sent | {"code": fresh_code(counting)}, page=f"{where}?form=sign-in")
    assert done.status_code == 200
    assert "Typed before." in done.text
    assert "You are signed in" in done.text


def test_the_widgets_script_is_given_the_same_form(app: Flask, browser: Browser, known: User) -> None:
    counting, _ = set_up(browser)
    where = f"/embed/a/{make_article().id}"
    reader, script = Browser(app), {"X-Requested-With": "commentsvc"}
    asked = reader.post(f"{where}/sign-in", {"email": "known@example.org", "password": PASSWORD}, page=f"{where}?form=sign-in", headers=script)
    assert asked.json is not None
    ticket = re.search(r'name="ticket" value="([^"]+)"', asked.json["html"])
    assert ticket
    done = reader.post(f"{where}/factor", {"ticket": ticket.group(1), "code": fresh_code(counting)}, page=f"{where}?form=sign-in", headers=script)
    assert done.json is not None
    assert done.json["signed_in"] is True


def _require(site: Site, known: User, role: Role, *, ago: dt.timedelta) -> None:
    db.session.add(SiteRole(site_id=site.id, user_id=known.id, role=role.value))
    site.second_factor_from = utcnow() - ago
    db.session.commit()
    db.session.expire_all()


@pytest.mark.parametrize("role", [Role.COMMUNITY_MANAGER, Role.ADMIN])
def test_who_has_none_is_led_to_set_it_up_and_back(app: Flask, browser: Browser, known: User, role: Role) -> None:
    site = make_site(key="post", name="The Post")
    _require(site, known, role, ago=dt.timedelta(hours=1))
    browser.sign_in("known@example.org")
    assert browser.get("/review/post/held").headers["Location"] == f"{PAGE}?next=/review/post/held"
    assert browser.get("/review/").headers["Location"] == f"{PAGE}?next=/review/"
    assert browser.get("/review/post/held", headers={"HX-Request": "true"}).headers["HX-Redirect"].startswith(PAGE)
    page = browser.get(f"{PAGE}?next=/review/post/held").text
    assert "The Post" in page
    assert "its console opens again" in page
    set_up(browser)
    assert browser.get("/review/post/held").status_code == 200


def test_what_was_typed_survives_a_role_that_rests(browser: Browser, known: User) -> None:
    site = make_site(key="post")
    _require(site, known, Role.ADMIN, ago=dt.timedelta(hours=1))
    browser.sign_in("known@example.org")
    token = browser.token("/account/")
    answer = browser.open("/review/post/comments/1/reject", method="POST", data={"csrf_token": token, "note": "Precious words"})
    assert answer.status_code == 403
    assert "Precious words" in answer.text


def test_the_days_of_grace_are_said_on_every_page(browser: Browser, known: User) -> None:
    site = make_site(key="post")
    _require(site, known, Role.COMMUNITY_MANAGER, ago=-dt.timedelta(days=3))
    browser.sign_in("known@example.org")
    for path in ("held", "modlog"):
        page = browser.get(f"/review/post/{path}")
        assert page.status_code == 200
        assert "opens with a second factor only" in page.text
    set_up(browser)
    assert "opens with a second factor only" not in browser.get("/review/post/held").text


def test_the_sign_in_fails_alike_with_and_without_a_factor(app: Flask, browser: Browser, known: User) -> None:
    set_up(browser)
    answers = []
    for email in ("known@example.org", "nobody@example.org"):
        answer = Browser(app).sign_in(email, "wrong password")
        answers.append((answer.status_code, re.sub(r'value="[^"]*"|nonce="[^"]*"', "", answer.text)))
    assert answers[0] == answers[1]


def test_a_stranger_learns_nothing_of_passkeys(browser: Browser, known: User) -> None:
    answer = browser.post("/account/sign-in/passkey/options", page="/account/sign-in")
    assert answer.json is not None
    assert "allowCredentials" not in answer.json["options"] or '"allowCredentials": []' in answer.json["options"]
    refused = browser.post("/account/sign-in/passkey", {"ticket": answer.json["ticket"], "credential": "{}"}, page="/account/sign-in")
    assert refused.status_code == 422
    for credential in ("", "[]", "x" * 30000, '{"rawId": "AAAA", "response": {}}', '{"rawId": "\u0000", "response": {"a": 1}}'):
        answer = browser.post("/account/sign-in/passkey", {"ticket": "x", "credential": credential}, page="/account/sign-in")
        assert answer.status_code == 422
