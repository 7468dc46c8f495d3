"""Sessions that others planted, forms that others send, and where a form may lead."""

from __future__ import annotations

import contextvars
import re

import pytest
from flask import Flask
from playwright.sync_api import Browser as Chromium

from commentsvc import create_app, tasks
from commentsvc.account_pages.targets import article_target, local_target
from commentsvc.accounts.models import User, UserSession
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import (
    COOKIE,
    FRAMED_COOKIE,
    HOST_ONLY,
    start_session,
    user_by_token,
)
from commentsvc.config import Settings
from commentsvc.database import utcnow
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, Browser, make_known
from tests.browser.conftest import _Quiet
from tests.factories import make_article, make_site, make_user

pytestmark = pytest.mark.once


@pytest.fixture
def known(app: Flask) -> User:
    return make_known()


def test_a_sign_in_begins_a_new_session_and_ends_the_one_before(app: Flask, known: User) -> None:
    """Whatever token a browser was made to carry, it is not the one that is signed in afterwards."""
    browser = Browser(app)
    planted = start_session(make_user(), device="an attacker's")
    db.session.commit()
    value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": planted, "left": "behind"})  # type: ignore[attr-defined]
    browser.client.set_cookie(COOKIE, value, path="/")
    browser.post("/account/sign-in", {"email": "known@example.org", "password": PASSWORD}, page="/account/forgot")
    cookie = browser.client.get_cookie(COOKIE)
    assert cookie is not None
    held = app.session_interface.get_signing_serializer(app).loads(cookie.value)  # type: ignore[attr-defined]
    assert held["_user_id"] != planted
    assert "left" not in held
    assert user_by_token(planted) is None
    found = user_by_token(held["_user_id"])
    assert found is not None
    assert found.id == known.id


def test_no_address_can_name_a_session(app: Flask, known: User) -> None:
    token = start_session(known, device="")
    db.session.commit()
    for path in (f"/account/?session={token}", f"/account/?token={token}", f"/api/v1/me?access_token={token}", f"/api/v1/me?token={token}"):
        answer = contextvars.Context().run(app.test_client().get, path)
        assert answer.status_code == 401
    answer = contextvars.Context().run(app.test_client().get, "/api/v1/me", headers={"Authorization": f"Basic {token}"})
    assert answer.status_code == 401


def test_a_session_ends_at_last_however_much_it_is_used(app: Flask, known: User, monkeypatch: pytest.MonkeyPatch) -> None:
    import datetime as dt

    from commentsvc.accounts import sessions

    token = start_session(known, device="")
    row = db.session.query(UserSession).one()
    row.created_at = utcnow() - dt.timedelta(days=364)
    row.last_seen_at = utcnow() - dt.timedelta(hours=2)
    db.session.commit()
    assert user_by_token(token) is not None
    assert row.expires_at <= row.created_at + dt.timedelta(days=365)
    monkeypatch.setattr(sessions, "utcnow", lambda: utcnow() + dt.timedelta(days=2))
    assert user_by_token(token) is None


def test_signing_out_ends_what_a_copied_cookie_could_do(app: Flask, known: User) -> None:
    browser = Browser(app)
    browser.sign_in("known@example.org")
    cookie = browser.client.get_cookie(COOKIE)
    assert cookie is not None
    browser.post("/account/sign-out", page="/account/")
    thief = Browser(app)
    thief.client.set_cookie(COOKIE, cookie.value, path="/")
    assert thief.get("/account/").status_code == 401


def test_a_token_of_one_browser_opens_no_form_in_another(app: Flask, known: User) -> None:
    """A form's token belongs to the cookie it came with: an attacker's own is worth nothing elsewhere."""
    attacker, victim = Browser(app), Browser(app)
    theirs = attacker.token("/account/sign-in")
    victim.sign_in("known@example.org")
    for path, form in [
        ("/account/name", {"display_name": "Mallory"}), ("/account/keys", {"name": "x", "scopes": "read"}),
        ("/account/sessions/revoke-others", {}), ("/account/sign-out", {}),
    ]:
        answer = victim.open(path, method="POST", data={**form, "csrf_token": theirs})
        assert answer.status_code == 400, path
    assert victim.get("/account/").status_code == 200
    db.session.refresh(known)
    assert known.display_name == "Ada Known"


def test_htmx_and_scripts_need_the_token_too(app: Flask) -> None:
    """A header that says who asks is no proof of it."""
    site = make_site()
    manager = make_user(role=Role.COMMUNITY_MANAGER, site=site)
    article = make_article(site)
    token = start_session(manager, device="")
    db.session.commit()
    value = app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True})  # type: ignore[attr-defined]
    browser = Browser(app)
    browser.client.set_cookie(COOKIE, value, path="/")
    browser.client.set_cookie(FRAMED_COOKIE, value, path="/")
    for headers in ({"HX-Request": "true"}, {"X-Requested-With": "commentsvc"}, {"X-CSRFToken": "x"}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for path in (f"/review/{site.key}/articles/{article.id}/close", f"/embed/a/{article.id}/comments"):
            answer = browser.open(path, method="POST", data={"closed": "1", "body": "x"}, headers=headers)
            assert answer.status_code == 400, (path, headers)
    db.session.refresh(article)
    assert article.closed_at is None


def test_another_sites_page_may_ask_nothing_in_the_readers_name(app: Flask) -> None:
    """No preflight is ever answered with leave to send cookies or our headers."""
    site = make_site()
    article = make_article(site)
    preflight = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "X-Requested-With, X-CSRFToken, Authorization"}
    for path in (f"/embed/a/{article.id}/comments", f"/review/{site.key}/articles/{article.id}/close", "/account/name", f"/api/v1/articles/{article.id}/comments", "/api/v1/me"):
        for headers in (preflight, {**preflight, "Origin": "https://news.example"}):
            answer = contextvars.Context().run(app.test_client().open, path, method="OPTIONS", headers=headers)
            assert "Access-Control-Allow-Credentials" not in answer.headers
            assert "Access-Control-Allow-Headers" not in answer.headers
            assert "evil.example" not in answer.headers.get("Access-Control-Allow-Origin", "")


# What browsers, or servers before us, may read as an address elsewhere.
AWAY = [
    "https://evil.example", "//evil.example", "///evil.example", "////evil.example", "\\\\evil.example", "/\\evil.example", "/\\/evil.example", "\\/evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "/\x0b/evil.example", " //evil.example", "\t//evil.example", "\x00//evil.example", "\x01//evil.example",
    "http:evil.example", "https:/evil.example", "https:///evil.example", "javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "vbscript:x",
    "evil.example", ".evil.example", "@evil.example", "//evil.example@localhost", "https://localhost@evil.example", "https://news.example@evil.example/", "https://news.example.evil.example/",
    "https://news.example\\@evil.example/", "https://news.example%2eevil.example/", "https://news.example:x@evil.example", "https://evil.example#https://news.example", "https://evil.example?https://news.example/",
    "https://evil.example/https://news.example/", "//[::1]", "//%65vil.example", "https://news.example\t.evil.example", "ftp://news.example/x", "file:///etc/passwd", "/" + "a" * 3000, "",
]


@pytest.mark.parametrize("target", AWAY)
def test_no_form_leads_where_a_link_from_outside_says(app: Flask, known: User, target: str) -> None:
    make_site(origins=["https://news.example"])
    assert local_target(target) == ""
    assert article_target(target) == ""
    browser = Browser(app)
    answer = browser.post("/account/sign-in", {"email": "known@example.org", "password": PASSWORD, "next": target}, page="/account/sign-in")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account/")
    signed_in = browser.open("/account/sign-in", query_string={"next": target})
    assert signed_in.headers["Location"] == "/account/"
    welcome = browser.open("/account/welcome", query_string={"next": target})
    assert not re.search(r'href="[^"]*(?:evil|script:|data:|passwd)', welcome.text)


def test_the_console_leads_back_to_its_own_pages_alone(app: Flask) -> None:
    site = make_site()
    browser = Browser(app)
    for address in ("https://evil.example/review/", "//evil.example/review/", "javascript:alert(1)", "http://localhost//evil.example", "http://localhost/\\evil.example"):
        asked = browser.get(f"/review/{site.key}/held", headers={"HX-Request": "true", "HX-Current-URL": address})
        assert "evil.example" not in asked.headers.get("HX-Redirect", "").replace("%2Freview%2F", "").partition("next=")[2].split("?")[0] or "%2F%2F" not in asked.headers["HX-Redirect"]
        refused = browser.open(f"/review/{site.key}/team", method="POST", data={}, headers={"Referer": address})
        assert not re.search(r'href="(?:https?:)?[/\\]{2}evil|href="javascript:', refused.text)


@pytest.mark.browser
def test_a_browser_keeps_the_cookie_that_no_other_host_can_plant(app: Flask, known: User, settings: Settings, browser: Chromium) -> None:
    """As in service, with COOKIE_SECURE: Chromium takes it on this machine's own address and sends it back."""
    import threading
    from dataclasses import replace

    from werkzeug.serving import make_server

    secure = create_app(replace(settings, COOKIE_SECURE=True))
    server = make_server("127.0.0.1", 0, secure, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    db.session.commit()
    try:
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/account/sign-in")
            page.locator("[name=email]").fill("known@example.org")
            page.locator("[name=password]").fill(PASSWORD)
            page.locator("form button").first.click()
            page.wait_for_url("**/account/")
            assert "Ada Known" in page.content()
            (cookie,) = [c for c in context.cookies() if c["name"] == HOST_ONLY + COOKIE]
            assert (cookie["path"], cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == ("/", True, True, "Lax")
            assert page.evaluate("() => document.cookie") == ""
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        with secure.app_context():
            db.engine.dispose()
        secure.extensions[tasks.EXTENSION].huey.storage.close()
