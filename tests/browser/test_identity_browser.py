"""Signing in where the browser blocks third parties' cookies: by a window of our own, and by the publisher's token."""

from __future__ import annotations

import dataclasses
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import oidc_provider_mock
import pytest
from flask import Flask
from joserfc import jwt
from joserfc.jwk import OKPKey
from playwright.sync_api import Browser, BrowserContext, FrameLocator, Page, expect
from sqlalchemy import select

from commentsvc.accounts.models import ExternalIdentity, User
from commentsvc.accounts.oidc import forget_providers
from commentsvc.accounts.sso import add_key, set_sso
from commentsvc.extensions import db
from tests.browser.accessibility import axe
from tests.browser.conftest import Newspaper, reload
from tests.conftest import CHROMIUM, CHROMIUM_ARGUMENTS
from tests.factories import make_article, make_site

pytestmark = [pytest.mark.browser, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of what the provider is made with

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The harbour wall</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body><h1>The harbour wall</h1>
<script src="{service}/embed.js"></script><commentsvc-thread data-site="courier" {attributes}></commentsvc-thread></body></html>"""
TEXT = "I walk past this wall every morning."


@pytest.fixture
def context(browser: Browser, tmp_path: Path) -> Iterator[BrowserContext]:
    """A browser that blocks third parties' cookies, as its owner chose in its settings."""
    profile = tmp_path / "profile"
    (profile / "Default").mkdir(parents=True)
    (profile / "Default" / "Preferences").write_text(json.dumps({"profile": {"cookie_controls_mode": 1, "block_third_party_cookies": True}}))
    found = browser.browser_type.launch_persistent_context(
        str(profile), executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, viewport={"width": 1024, "height": 1000}
    )
    found.set_default_timeout(20_000)
    expect.set_options(timeout=20_000)
    yield found
    found.close()


@pytest.fixture
def article(app: Flask, newspaper: Newspaper) -> None:
    site = make_site(key="courier", name="The Courier", origins=[newspaper.origin])
    make_article(site, url=f"{newspaper.origin}/wall.html", title="The harbour wall")
    db.session.commit()


@pytest.fixture
def id_provider(app: Flask, service: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider of OpenID Connect at which Ada has an account."""
    ada = oidc_provider_mock.User(sub="ada", claims={"name": "Ada Byron", "email": "ada@example.org", "email_verified": True})
    with oidc_provider_mock.run_server_in_thread(user_claims=(ada,)) as server:
        rows = [{
            "key": "example", "name": "Example ID", "issuer": f"http://localhost:{server.server_port}", "client_id": "c", "client_secret": "s",
        }]
        monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(
            app.config["SETTINGS"], OIDC_PROVIDERS=json.dumps(rows), PRIVATE_PROVIDERS=True, BASE_URL=service,
        ))
        forget_providers()
        yield


@pytest.fixture
def open_page(newspaper: Newspaper, service: str) -> Callable[..., FrameLocator]:
    def open_page(page: Page, attributes: str = "") -> FrameLocator:
        page.goto(newspaper.publish("wall.html", PAGE.format(service=service, attributes=attributes)))
        expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")
        return page.frame_locator("commentsvc-thread iframe")

    return open_page


@pytest.mark.usefixtures("article", "id_provider", "worker")
def test_a_window_signs_in_where_third_party_cookies_are_blocked_and_the_text_stays(
    page: Page, open_page: Callable[..., FrameLocator]
) -> None:
    thread = open_page(page)
    blocked = thread.locator("body").evaluate("() => { document.cookie = 'probe=1; SameSite=None; Secure'; return document.cookie; }")
    assert "probe" not in blocked  # or this test shows nothing
    box = thread.get_by_label("Your comment")
    box.click()
    box.fill(TEXT)
    thread.get_by_role("button", name="Sign up to post").click()
    way = thread.get_by_role("link", name="Continue with Example ID")
    expect(way).to_be_visible()
    thread.locator("body").evaluate("() => new Promise((done) => { const look = () => document.documentElement.desk.signOn ? done() : setTimeout(look, 50); look(); })")
    with page.expect_popup() as opened:
        way.click()
    opened.value.get_by_role("button", name=re.compile("ada")).click()
    expect(thread.locator("#who")).to_contain_text("Ada Byron")
    expect(thread.locator("#account")).to_have_count(0)
    expect(box).to_have_value(TEXT)
    thread.get_by_role("button", name="Post", exact=True).click()
    expect(thread.locator(".c", has_text=TEXT)).to_be_visible()
    reload(page)
    expect(thread.locator("#who")).to_contain_text("Ada Byron")  # a session of the frame's own
    assert db.session.scalar(select(ExternalIdentity.subject)) == "ada"
    db.session.commit()  # the worker writes too


@pytest.mark.usefixtures("article")
def test_the_publishers_token_signs_in_and_out_with_its_page(
    app: Flask, page: Page, open_page: Callable[..., FrameLocator]
) -> None:
    from commentsvc.sites.articles import get_site

    key = OKPKey.generate_key("Ed25519")
    site = get_site("courier")
    set_sso(site, "https://courier.example", by=None)
    add_key(site, "now", "EdDSA", key.as_pem(private=False).decode(), by=None)
    db.session.commit()
    now = int(time.time())
    token = jwt.encode({"alg": "EdDSA", "kid": "now"}, {
        "iss": "https://courier.example", "aud": "courier", "sub": "7", "name": "Ada Byron", "jti": secrets.token_hex(8), "exp": now + 300,
    }, key, algorithms=["EdDSA"])
    thread = open_page(page, f'sso="{token}"')
    expect(thread.locator("#who")).to_contain_text("Ada Byron")
    reload(page)  # the same page out of a cache: the same token
    expect(thread.locator("#who")).to_contain_text("Ada Byron")
    expect(thread.locator(".problem")).to_have_count(0)
    page.locator("commentsvc-thread").evaluate("el => el.setAttribute('sso', '')")
    expect(thread.get_by_role("link", name="Sign in")).to_be_visible()
    page.locator("commentsvc-thread").evaluate("el => el.setAttribute('sso', 'nonsense')")
    expect(thread.locator(".problem")).to_contain_text("token was refused")
    assert db.session.scalar(select(User.email)) is None


@pytest.mark.usefixtures("article", "id_provider")
@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_ways_in_fit_and_are_accessible(page: Page, open_page: Callable[..., FrameLocator], service: str, width: int, scheme: str) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    thread = open_page(page)
    thread.get_by_role("link", name="Sign in").click()
    expect(thread.get_by_role("link", name="Continue with Example ID")).to_be_visible()
    for name, address in (("sign-in", "/account/sign-in"), ("plain", "/embed/a/1?form=sign-in"), ("settings", "/account/external/example?next=/account/")):
        page.goto(service + address)
        if name == "settings":
            page.get_by_role("button", name=re.compile("ada")).click()
            expect(page.get_by_role("heading", name="Other ways to sign in")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        found = [v["id"] for v in axe(page).response["violations"] if v["impact"] in {"serious", "critical"}]
        assert not found, (name, found)
