"""The account pages as a browser without scripts uses them."""

from __future__ import annotations

import contextvars
import re
from collections import Counter
from dataclasses import replace
from html import unescape
from urllib.parse import quote

import pytest
from flask import Flask, session
from sqlalchemy import func, select

from commentsvc import create_app, tasks
from commentsvc.account_pages.blueprint import BY_ADDRESS
from commentsvc.account_pages.devices import device_name
from commentsvc.account_pages.targets import article_target, local_target
from commentsvc.accounts import registration
from commentsvc.accounts.api_keys import create_key, user_by_key
from commentsvc.accounts.models import ApiKey, User, UserSession
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.roles import grant_role
from commentsvc.accounts.sessions import start_session
from commentsvc.config import Settings
from commentsvc.extensions import db, limiter
from commentsvc.web import reader
from tests.accounts.browsing import (
    PASSWORD,
    Browser,
    code_in,
    count_hashings,
    error_beside,
    link_in,
    mails,
    make_known,
)
from tests.conftest import Statements
from tests.factories import make_site, make_user

pytestmark = pytest.mark.once

NEW = {"email": "new@example.org", "display_name": "Nell New", "password": PASSWORD}
ARTICLE = "https://news.example/a?b=1&c=2"


@pytest.fixture
def browser(app: Flask) -> Browser:
    return Browser(app)


@pytest.fixture
def known(app: Flask) -> User:
    return make_known()


@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    return count_hashings(monkeypatch)


def alert(page: str) -> str:
    """The message above the form."""
    found = re.search(r'class="notice bad" role="alert">([^<]*)<', page)
    assert found, page
    return unescape(found.group(1))


def devices(browser: Browser) -> int:
    """How often she may sign another device out."""
    return len(re.findall(r"/sessions/\d+/revoke", browser.get("/account/").text))


# --- signing up


def test_a_reader_signs_up_with_the_code(browser: Browser) -> None:
    response = browser.post("/account/sign-up", NEW)
    assert (response.status_code, response.location) == (303, "/account/verify")
    page = browser.get("/account/verify").text
    assert "new@example.org" in page
    assert 'inputmode="numeric"' in page
    assert 'autocomplete="one-time-code"' in page
    wrong = browser.post("/account/verify", {"code": "abc"}, page="/account/verify")
    assert wrong.status_code == 422
    assert "4 tries are left" in error_beside(wrong.text, "code")
    assert 'value="abc"' in wrong.text
    right = browser.post("/account/verify", {"code": code_in(mails()[0])}, page="/account/verify")
    assert (right.status_code, right.location) == (303, "/account/")
    page = browser.get("/account/").text
    assert "Welcome, Nell New" in page
    assert "This device" in page
    assert "Firefox on Linux" in page


def test_a_reader_signs_up_with_the_link_which_a_scanner_may_follow(app: Flask, browser: Browser) -> None:
    browser.post("/account/sign-up", NEW)
    link = link_in(mails()[0])
    other = Browser(app)  # the mail is read on the phone
    for _scan in range(3):
        page = other.get(link)
        assert page.status_code == 200
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "Nell New" in page.text
    assert db.session.scalar(select(func.count()).select_from(User)) == 0
    assert "in another browser" in other.get(link).text
    assert other.post(link, {"password": NEW["password"]}, page=link).location == "/account/"
    assert "Nell New" in other.get("/account/").text
    again = other.get(link)
    assert "no longer good" in again.text
    assert other.post(link, page="/account/forgot").status_code == 422


def test_in_the_browser_that_signed_up_the_link_asks_for_nothing(app: Flask, browser: Browser) -> None:
    browser.post("/account/sign-up", NEW)
    link = link_in(mails()[0])
    assert 'name="password"' not in browser.get(link).text
    assert browser.post(link, page=link).location == "/account/"


def test_who_did_not_sign_up_makes_no_account_for_who_did(app: Flask, browser: Browser) -> None:
    """Somebody signs up with another person's address, who presses Confirm without knowing of what."""
    browser.post("/account/sign-up", NEW)
    link = link_in(mails()[0])
    victim = Browser(app)
    page = victim.get(link).text
    assert "Nell New" in page
    for password in ("", "a password of her own", NEW["password"].upper()):
        refused = victim.post(link, {"password": password}, page=link)
        assert refused.status_code == 422
        assert "not the password you signed up with" in error_beside(refused.text, "password")
    assert db.session.scalar(select(func.count()).select_from(User)) == 0
    for _guess in range(2):
        victim.post(link, {"password": "wrong again"}, page=link)
    # The fifth ends it, also for who knows.
    assert victim.get(link).status_code == 410
    assert victim.post(link, {"password": NEW["password"]}, page="/account/forgot").status_code == 422
    assert db.session.scalar(select(func.count()).select_from(User)) == 0


def test_sign_up_tells_nobody_whether_an_address_is_known(
    app: Flask, known: User, statements: Statements, hashings: Counter[str]
) -> None:
    seen = []
    for email in ("new@example.org", "known@example.org"):
        visitor = Browser(app)
        token = visitor.token("/account/sign-up")
        sent = len(mails())
        db.session.commit()
        statements.clear()
        hashings.clear()
        response = visitor.open("/account/sign-up", method="POST", data=NEW | {"email": email, "csrf_token": token})
        work = list(statements)
        follow = visitor.get("/account/verify").text.replace(email, "ADDRESS")
        follow = re.sub(r'(nonce|value)="[^"]*"', "", follow)
        seen.append((response.status_code, response.location, response.text, work, dict(hashings), follow))
        assert len(mails()) == sent + 1
    assert seen[0] == seen[1]
    assert seen[0][4] == {"hash": 1}


@pytest.mark.parametrize(
    ("given", "field"),
    [({"email": "nobody"}, "email"), ({"display_name": "N"}, "display_name"), ({"display_name": "n" * 201}, "display_name"),
     ({"password": "password123"}, "password"), ({"password": ""}, "password"), ({"email": ""}, "email")],
)
def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(
    browser: Browser, given: dict[str, str], field: str
) -> None:
    typed = NEW | given
    response = browser.post("/account/sign-up", typed)
    assert response.status_code == 422
    assert error_beside(response.text, field)
    assert response.text.count('aria-invalid="true"') == 1
    assert "<title>Error:" in response.text
    assert f'value="{typed["email"]}"' in response.text
    assert f'value="{typed["display_name"]}"' in response.text
    assert PASSWORD not in response.text
    assert mails() == []


@pytest.mark.parametrize("name", ["مريم بنت عبد الرحمن", '<b>Bold</b> & "quoted"', "n" * 200])
def test_any_name_is_shown_as_it_is(browser: Browser, name: str) -> None:
    browser.post("/account/sign-up", NEW | {"display_name": name})
    browser.post("/account/verify", {"code": code_in(mails()[0])}, page="/account/verify")
    page = browser.get("/account/").text
    assert "<b>Bold" not in page
    assert f"<bdi>{name}</bdi>" in page.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").replace("&#34;", '"')
    assert 'name="display_name" type="text" autocomplete="nickname" required' in page
    assert 'dir="auto"' in page


def test_a_line_break_in_a_name_reaches_no_header(browser: Browser) -> None:
    browser.post("/account/sign-up", NEW | {"display_name": "Ada\r\nBcc: eve@example.org"})
    assert len(mails()) == 1
    assert "eve" not in mails()[0].subject + mails()[0].text + mails()[0].recipient


def test_the_mail_can_be_asked_for_again_after_a_minute(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    browser.post("/account/sign-up", NEW)
    soon = browser.post("/account/verify/resend", page="/account/verify")
    assert soon.status_code == 429
    assert 0 < int(soon.headers["Retry-After"]) <= 60
    assert "on its way" in alert(soon.text)
    monkeypatch.setattr(registration, "RESEND_AFTER", registration.RESEND_AFTER * 0)
    assert browser.post("/account/verify/resend", page="/account/verify").status_code == 303
    assert "sent the mail again" in browser.get("/account/verify").text
    assert len(mails()) == 2


def test_without_a_sign_up_there_is_no_code_to_enter(browser: Browser) -> None:
    response = browser.get("/account/verify")
    assert (response.status_code, response.location) == (303, "/account/sign-up")
    assert browser.post("/account/verify", {"code": "123456"}).status_code == 422


def test_after_the_link_the_way_leads_back_to_the_article(app: Flask, browser: Browser) -> None:
    make_site()
    page = f"/account/sign-up?next={quote(ARTICLE, safe='')}"
    assert 'name="next" value="https://news.example/a?b=1&amp;c=2"' in browser.get(page).text
    browser.post("/account/sign-up", NEW | {"next": ARTICLE}, page=page)
    other = Browser(app)
    link = link_in(mails()[0])
    response = other.post(link, {"next": ARTICLE, "password": NEW["password"]}, page=link)
    assert response.location.startswith("/account/welcome?next=")
    assert f'href="{ARTICLE.replace("&", "&amp;")}"' in other.get(response.location).text


# --- where `next` may lead

ELSEWHERE = [
    "https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "/\t/evil.example",
    "/\n/evil.example", "javascript:alert(1)", "https:evil.example", "http:///evil.example", "https://news.example@evil.example/",
    "https://news.example.evil.example/", "http://news.example/", "https://news.example:8443/", " /account/", "account/", "/" + "x" * 3000,
    "https://[", "data:text/html,x",
]


@pytest.mark.parametrize("target", ELSEWHERE)
def test_next_leads_nowhere_else(known: User, browser: Browser, target: str) -> None:
    make_site()
    assert local_target(target) == article_target(target) == ""
    page = browser.get(f"/account/sign-in?next={quote(target, safe='')}")
    assert 'name="next"' not in page.text
    response = browser.post("/account/sign-in", {"email": known.email, "password": PASSWORD, "next": target}, page="/account/sign-in")
    assert (response.status_code, response.location) == (303, "/account/")
    assert browser.get(f"/account/sign-in?next={quote(target, safe='')}").location == "/account/"
    assert "evil" not in browser.get(f"/account/welcome?next={quote(target, safe='')}").text


def test_next_leads_to_a_page_here(known: User, browser: Browser) -> None:
    response = browser.post(
        "/account/sign-in", {"email": known.email, "password": PASSWORD, "next": "/review/?queue=held#top"}, page="/account/sign-in"
    )
    assert response.location == "/review/?queue=held#top"


# --- signing in and out


def test_sign_in_fails_alike_for_known_and_unknown(
    app: Flask, known: User, statements: Statements, hashings: Counter[str]
) -> None:
    seen = []
    for email in ("known@example.org", "nobody@example.org"):
        visitor = Browser(app)
        token = visitor.token("/account/sign-in")
        statements.clear()
        hashings.clear()
        response = visitor.open("/account/sign-in", method="POST", data={"email": email, "password": "wrong password", "csrf_token": token})
        body = re.sub(r'(nonce|name="csrf_token" value)="[^"]*"', "", response.text).replace(email, "ADDRESS")
        seen.append((response.status_code, body, list(statements), dict(hashings)))
        assert f'value="{email}"' in response.text
    assert seen[0] == seen[1]
    assert seen[0][0] == 422
    assert seen[0][3] == {"verify": 1}
    assert "do not belong together" in alert(seen[0][1])


def test_signing_out_ends_the_session_not_only_the_cookie(app: Flask, known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    stolen = browser.client.get_cookie("commentsvc")
    assert stolen is not None
    assert browser.get("/account/").status_code == 200
    assert browser.get("/account/sign-out").status_code == 405
    assert browser.post("/account/sign-out", page="/account/").location == "/account/sign-in"
    assert browser.get("/account/").status_code == 401
    thief = Browser(app)
    thief.client.set_cookie("commentsvc", stolen.value)
    assert thief.get("/account/").status_code == 401


def test_signing_in_drops_what_the_cookie_held_but_open_forms_keep_working(known: User, browser: Browser) -> None:
    open_form = browser.token("/account/sign-up")
    browser.post("/account/sign-up", NEW)
    assert browser.get("/account/verify").status_code == 200
    browser.sign_in("known@example.org")
    assert browser.get("/account/verify").status_code == 303  # the sign-up that waited is forgotten
    response = browser.open("/account/name", method="POST", data={"display_name": "Ada Again", "csrf_token": open_form})
    assert response.status_code == 303
    assert "Ada Again" in browser.get("/account/").text


def test_signing_in_again_leaves_one_session(known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    token = browser.token("/account/")
    browser.open("/account/sign-in", method="POST", data={"email": "known@example.org", "password": PASSWORD, "csrf_token": token})
    assert devices(browser) == 0
    assert db.session.scalar(select(func.count()).select_from(UserSession).where(UserSession.revoked_at.is_(None))) == 1


@pytest.mark.parametrize("path", ["/account/"])
def test_a_page_for_members_asks_to_sign_in_and_then_follows(known: User, browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert page.status_code == 401
    assert f'name="next" value="{path}"' in page.text
    assert browser.post("/account/name", {"display_name": "Eve Eve"}).status_code == 401


# --- forgotten and changed passwords


def test_a_forgotten_password_is_replaced_through_the_mail(app: Flask, known: User, browser: Browser) -> None:
    lost = Browser(app)
    lost.sign_in("known@example.org")
    answer = browser.post("/account/forgot", {"email": "known@example.org"}, page="/account/forgot")
    assert "Look at your mail" in answer.text
    link = link_in(mails()[0])
    page = browser.get(link)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert re.search(r'<input[^>]*type="password"[^>]*autocomplete="new-password"', page.text)
    weak = browser.post(link, {"password": "password123"}, page=link)
    assert weak.status_code == 422
    assert weak.headers["Referrer-Policy"] == "no-referrer"
    assert "too easy" in error_beside(weak.text, "password")
    stolen = browser.post(link, {"password": "010983066v"}, page=link)
    assert "list of stolen ones" in error_beside(stolen.text, "password")
    assert browser.post(link, {"password": "eleven purple bicycles"}, page=link).location == "/account/"
    assert browser.get("/account/").status_code == 200
    assert lost.get("/account/").status_code == 401
    assert "no longer good" in browser.get(link).text
    assert browser.post(link, {"password": "twelve yellow tricycles"}, page="/account/forgot").status_code == 422
    assert lost.sign_in("known@example.org").status_code == 422
    assert lost.sign_in("known@example.org", "eleven purple bicycles").status_code == 303


def test_a_reset_tells_nobody_whether_an_address_is_known(
    app: Flask, known: User, statements: Statements, hashings: Counter[str]
) -> None:
    seen = []
    for email in ("known@example.org", "nobody@example.org"):
        visitor = Browser(app)
        token = visitor.token("/account/forgot")
        sent = len(mails())
        db.session.commit()
        statements.clear()
        response = visitor.open("/account/forgot", method="POST", data={"email": email, "csrf_token": token})
        body = re.sub(r'nonce="[^"]*"', "", response.text).replace(email, "ADDRESS")
        seen.append((response.status_code, body, list(statements), dict(hashings)))
        assert len(mails()) == sent + 1
    assert seen[0] == seen[1]
    assert seen[0][3] == {}


def test_a_changed_password_signs_the_other_devices_out(app: Flask, known: User, browser: Browser) -> None:
    other = Browser(app)
    other.sign_in("known@example.org")
    browser.sign_in("known@example.org")
    wrong = browser.post("/account/password", {"current_password": "wrong", "password": "eleven purple bicycles"}, page="/account/")
    assert wrong.status_code == 422
    assert error_beside(wrong.text, "current_password")
    assert "eleven purple" not in wrong.text
    right = {"current_password": PASSWORD, "password": "eleven purple bicycles"}
    assert browser.post("/account/password", right, page="/account/").status_code == 303
    assert browser.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 401


# --- devices


def test_a_revoked_device_is_signed_out_at_its_next_request(app: Flask, known: User, browser: Browser) -> None:
    phone = Browser(app, agent="Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) Version/26.0 Mobile Safari/604.1")
    tablet = Browser(app)
    for one in (phone, tablet, browser):
        one.sign_in("known@example.org")
    page = browser.get("/account/").text
    assert "Safari on iPhone" in page
    assert devices(browser) == 2
    row = db.session.scalars(select(UserSession.id).where(UserSession.device.contains("iPhone"))).one()
    assert browser.post(f"/account/sessions/{row}/revoke", page="/account/").status_code == 303
    assert phone.get("/account/").status_code == 401
    assert tablet.get("/account/").status_code == 200
    assert browser.post("/account/sessions/revoke-others", page="/account/").status_code == 303
    assert tablet.get("/account/").status_code == 401
    assert "1 other device is signed out" in browser.get("/account/").text


def test_nobody_signs_out_somebody_elses_device(app: Flask, known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    row = db.session.scalars(select(UserSession.id)).one()
    make_user("Eve Eve", email="eve@example.org", password_hash=hash_password(PASSWORD))
    eve = Browser(app)
    eve.sign_in("eve@example.org")
    assert eve.post(f"/account/sessions/{row}/revoke", page="/account/").status_code == 404
    assert browser.get("/account/").status_code == 200


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("Mozilla/5.0 (Linux; Android 16) Chrome/140.0 Mobile Safari/537.36", "Chrome on Android"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/26.0 Safari/605.1.15", "Safari on Mac"),
        ("curl/8.9", "curl/8.9"), ("", "Unknown device"),
    ],
)
def test_a_device_has_a_name_people_know(agent: str, name: str) -> None:
    assert device_name(agent) == name


# --- API keys


def test_a_key_is_shown_once_and_can_be_revoked(app: Flask, known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    made = browser.post("/account/keys", {"name": "Feed reader", "scopes": ["read", "vote"]}, page="/account/")
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "private, no-store"
    found = re.search(r'value="(ck_[^"]+)"', made.text)
    assert found
    secret = found.group(1)
    page = browser.get("/account/").text
    assert secret not in page
    assert "Feed reader" in page
    assert secret[:9] in page
    assert user_by_key(secret) is not None
    row = db.session.scalars(select(ApiKey.id)).one()
    assert browser.post(f"/account/keys/{row}/revoke", page="/account/").status_code == 303
    assert user_by_key(secret) is None
    assert "Feed reader" not in browser.get("/account/").text


def test_a_refused_key_keeps_what_was_typed_and_ticked(known: User, browser: Browser) -> None:
    site = make_site(name="The Daily")
    grant_role(site, known, Role.EXPERT)
    db.session.commit()
    browser.sign_in("known@example.org")
    refused: list[tuple[dict[str, object], str]] = [
        ({"name": "Feed reader"}, "scopes"), ({"name": " ", "scopes": ["vote"]}, "name"), ({"name": "x", "scopes": ["review"]}, "scopes"),
    ]
    for given, field in refused:
        page = browser.post("/account/keys", {"site": site.key, **given}, page="/account/")
        assert page.status_code == 422
        assert f'id="{field}-error"' in page.text
        assert f'<option value="{site.key}" selected>' in page.text
    assert "Review" not in page.text  # offered only what she holds
    assert browser.post("/account/keys", {"name": "x", "scopes": ["read"], "site": "nowhere"}, page="/account/").status_code == 404


def test_nobody_revokes_somebody_elses_key(known: User, browser: Browser) -> None:
    key, secret = create_key(make_user(), "Hers", ["read"], None)
    db.session.commit()
    browser.sign_in("known@example.org")
    assert browser.post(f"/account/keys/{key.id}/revoke", page="/account/").status_code == 404
    assert user_by_key(secret) is not None


# --- CSRF, cookies, bearer tokens, limits


def post_paths(app: Flask) -> list[str]:
    return sorted(
        re.sub(r"<int:[^>]+>", "1", rule.rule).replace("<token>", "x")
        for rule in app.url_map.iter_rules() if rule.endpoint.startswith("account.") and "POST" in (rule.methods or ())
        # A mail program sends it, which has no form: the token in its address is all it takes (RFC 8058).
        and rule.endpoint not in BY_ADDRESS
    )


def test_no_form_is_taken_without_its_token(app: Flask, known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    paths = post_paths(app)
    assert len(paths) >= 13
    for path in paths:
        for token in ("", "forged"):
            data = {"display_name": "Mallory", "email": "m@example.org", "csrf_token": token}
            response = browser.open(path, method="POST", data=data)
            assert response.status_code == 400, path
            assert re.search("Nothing was sent|no longer good", response.text), path
    assert browser.get("/account/").status_code == 200
    assert "Mallory" not in browser.get("/account/").text


def test_a_refused_token_loses_nothing_typed(browser: Browser) -> None:
    page = browser.open("/account/sign-up", method="POST", data=NEW | {"csrf_token": "stale"})
    assert page.status_code == 400
    assert 'value="Nell New"' in page.text
    assert PASSWORD not in page.text
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    assert browser.open("/account/sign-up", method="POST", data=NEW | {"csrf_token": token.group(1)}).status_code == 303


def cookies_set_under(app: Flask, path: str) -> list[str]:
    with app.test_request_context(path):
        session["kept"] = 1
        response = app.response_class()
        app.session_interface.save_session(app, session._get_current_object(), response)  # type: ignore[attr-defined]
        return response.headers.getlist("Set-Cookie")


def test_cookies_differ_by_path(app: Flask) -> None:
    (own,) = cookies_set_under(app, "/account/")
    (framed,) = cookies_set_under(app, "/embed/x")
    parts = [{part.strip().partition("=")[0]: part.strip().partition("=")[2] for part in cookie.split(";")} for cookie in (own, framed)]
    assert "commentsvc" in parts[0]
    assert (parts[0]["Path"], parts[0]["SameSite"]) == ("/", "Lax")
    assert "HttpOnly" in parts[0]
    assert "Partitioned" not in parts[0]
    assert "__Host-commentsvc_embed" in parts[1]
    assert (parts[1]["Path"], parts[1]["SameSite"]) == ("/", "None")
    assert {"HttpOnly", "Secure", "Partitioned", "Expires"} <= set(parts[1])
    assert cookies_set_under(app, "/api/v1/x") == []
    assert cookies_set_under(app, "/embedded")[0].startswith("commentsvc=")
    app.config["SESSION_COOKIE_SECURE"] = True  # as in service; tests speak plain HTTP
    try:
        secure = cookies_set_under(app, "/account/")[0]
        assert secure.startswith("__Host-commentsvc=")
        assert "; Secure" in secure
        assert "; Domain" not in secure
    finally:
        app.config["SESSION_COOKIE_SECURE"] = False


def test_one_surface_does_not_take_the_cookie_of_the_other(app: Flask, known: User) -> None:
    token = start_session(known, device="")
    db.session.commit()
    for path, name, expected in [
        ("/account/", "commentsvc", True), ("/embed/x", "__Host-commentsvc_embed", True), ("/embed/x", "commentsvc", False),
        ("/account/", "__Host-commentsvc_embed", False), ("/api/v1/x", "commentsvc", False), ("/v1alpha1/x", "commentsvc", False),
    ]:
        value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token})  # type: ignore[attr-defined]
        assert who(app, path, {"Cookie": f"{name}={value}"}) == (known.id if expected else None), (path, name)


def who(app: Flask, path: str, headers: dict[str, str]) -> int | None:
    """Whom a request is from."""
    def ask() -> int | None:
        with app.test_request_context(path, headers=headers):
            user = reader()
            return user.id if user else None

    return contextvars.Context().run(ask)


def test_bearer_tokens_count_where_cookies_do_not(app: Flask, known: User) -> None:
    token = start_session(known, device="")
    _key, secret = create_key(known, "Bot", ["read"], None)
    db.session.commit()
    for path, expected in [("/api/v1/x", known.id), ("/v1alpha1/x", known.id), ("/account/", None), ("/embed/x", None)]:
        for bearer in (token, secret):
            assert who(app, path, {"Authorization": f"Bearer {bearer}"}) == expected, path
    for header in ("Bearer", "Bearer ", "Bearer cs_unknown", f"Basic {token}", token, "Bearer cs_\xff"):
        assert who(app, "/api/v1/x", {"Authorization": header}) is None


def test_a_page_for_anyone_sets_no_cookie_it_does_not_need(known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    assert "Set-Cookie" not in browser.get("/account/").headers
    assert "Set-Cookie" not in browser.get("/healthz").headers


def test_too_many_tries_are_refused_with_what_was_typed(
    app: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiter, "enabled", False)  # put back afterwards, for the tests' application
    strict = create_app(replace(settings, RATE_LIMITS=True, LIMIT_ACCOUNT="4 per minute"))
    browser = Browser(strict)
    known, other = browser.token("/account/sign-in"), browser.token("/account/forgot")
    form = {"email": "e@example.org", "password": "wrong"}
    statuses = [browser.open("/account/sign-in", method="POST", data=form | {"csrf_token": known}).status_code for _try in range(3)]
    statuses.append(browser.open("/account/forgot", method="POST", data=form | {"csrf_token": other}).status_code)
    response = browser.open("/account/sign-in", method="POST", data=form | {"csrf_token": known})
    assert statuses == [422, 422, 422, 200]
    assert response.status_code == 429  # one budget for all of them
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert "too many tries" in alert(response.text)
    assert 'value="e@example.org"' in response.text
    assert browser.get("/account/sign-in").status_code == 200
    with strict.app_context():
        db.engine.dispose()
    strict.extensions[tasks.EXTENSION].huey.storage.close()


def test_every_page_stands_under_a_strict_policy(known: User, browser: Browser) -> None:
    browser.sign_in("known@example.org")
    for path in ("/account/", "/account/sign-up", "/account/forgot", "/account/verify/x", "/account/reset/x", "/account/welcome"):
        page = browser.get(path)
        assert page.status_code == (410 if path.endswith("/x") else 200), path
        assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
        assert not re.search(r"<[^>]+\s(style|on\w+)=", page.text), path
        for tag in re.findall(r"<(?:script|link)[^>]*>", page.text):
            assert "nonce=" in tag
        labels = set(re.findall(r'<label for="([^"]+)"', page.text))
        fields = set(re.findall(r'<(?:input|select)[^>]*\sid="([^"]+)"', page.text))
        assert fields <= labels, path
        ids = re.findall(r'\sid="([^"]+)"', page.text)
        assert [one for one in set(ids) if ids.count(one) > 1] == [], path


def test_a_dead_link_is_gone_and_says_what_to_do(known: User, browser: Browser) -> None:
    for path, offered in (("/account/verify/x", "Sign up again"), ("/account/reset/x", "Ask for a new link")):
        page = browser.get(path)
        assert page.status_code == 410
        assert "This link is no longer good" in page.text
        assert offered in page.text
    browser.post("/account/forgot", {"email": "known@example.org"}, page="/account/forgot")
    live = link_in(mails()[-1])
    assert browser.get(live).status_code == 200
    browser.post(live, {"password": "eleven purple bicycles"}, page=live)
    assert browser.get(live).status_code == 410
