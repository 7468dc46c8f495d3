"""Passkeys with the browser's own virtual authenticator; the pages of the second factor, accessible and in their width."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pyotp
import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, CDPSession, Page, expect
from sqlalchemy import func, select, update

from commentsvc.accounts.invitations import invite
from commentsvc.accounts.models import Passkey, Totp, User
from commentsvc.accounts.permissions import Role
from commentsvc.extensions import db
from tests.accounts.browsing import PASSWORD, link_in, mails, make_known
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LOOKS
from tests.factories import make_site, make_user

pytestmark = pytest.mark.browser


@pytest.fixture
def known(app: Flask) -> User:
    person = make_known()
    db.session.commit()  # ends the transaction: the service writes too
    return person


@pytest.fixture
def here(app: Flask, service: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the service runs, which it knows as its own address: passkeys are made for it."""
    monkeypatch.setitem(app.config, "SETTINGS", dataclasses.replace(app.config["SETTINGS"], BASE_URL=service))
    return service


@dataclasses.dataclass
class Authenticator:
    """A device that says yes, as Chromium's developer tools have it."""

    session: CDPSession
    id: str

    def verifies(self, *, yes: bool) -> None:
        self.session.send("WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": yes})

    def keys(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"]
        return found

    def forget(self) -> None:
        self.session.send("WebAuthn.clearCredentials", {"authenticatorId": self.id})


@pytest.fixture
def device(context: BrowserContext, page: Page) -> Authenticator:
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }})
    return Authenticator(session, made["authenticatorId"])


def sign_in(page: Page, here: str, then: str = "/account/second-factor") -> None:
    page.goto(f"{here}/account/sign-in?next={then}")
    page.get_by_label("E-mail address").fill("known@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()


def add_passkey(page: Page, here: str) -> None:
    sign_in(page, here)
    page.get_by_label("Name of the new passkey").fill("My telephone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    assert page.locator(".codes code").count() == 10
    page.get_by_role("link", name="I have kept them").click()
    expect(page.locator("bdi", has_text="My telephone")).to_be_visible()


def sign_out(page: Page, here: str) -> None:
    page.goto(f"{here}/account/")
    page.get_by_role("button", name="Sign out", exact=True).click()


def test_a_passkey_is_the_second_step_after_the_password(page: Page, here: str, device: Authenticator, known: User) -> None:
    add_passkey(page, here)
    assert len(device.keys()) == 1
    sign_out(page, here)
    device.verifies(yes=False)  # a touch will do after a password
    sign_in(page, here)
    expect(page.get_by_role("heading", name="One step more")).to_be_visible()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(select(Passkey.last_used_at)) is not None


def test_a_passkey_signs_in_by_itself_when_it_knows_whose_finger_it_is(
    page: Page, here: str, device: Authenticator, known: User
) -> None:
    add_passkey(page, here)
    sign_out(page, here)
    page.goto(f"{here}/account/sign-in?next=/account/second-factor")
    device.verifies(yes=False)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.locator("[data-passkey] .error")).to_contain_text("Nothing happened")
    device.verifies(yes=True)
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()


def test_a_copied_key_that_lags_behind_is_not_accepted(page: Page, here: str, device: Authenticator, known: User) -> None:
    add_passkey(page, here)
    db.session.execute(update(Passkey).values(sign_count=1_000_000))
    db.session.commit()
    sign_out(page, here)
    sign_in(page, here)
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("This passkey was not accepted")


def test_the_passkey_of_another_is_no_second_step(page: Page, here: str, device: Authenticator, known: User) -> None:
    add_passkey(page, here)
    sign_out(page, here)
    sign_in(page, here)
    expect(page.get_by_role("heading", name="One step more")).to_be_visible()
    db.session.execute(update(Passkey).values(user_id=make_user("Eve").id))
    db.session.commit()
    page.get_by_role("button", name="Use your passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("This passkey was not accepted")


def test_a_passkey_that_the_service_does_not_know_is_refused(page: Page, here: str, device: Authenticator, known: User) -> None:
    add_passkey(page, here)
    sign_out(page, here)
    db.session.execute(update(Passkey).values(credential_id=b"another"))
    db.session.commit()
    page.goto(f"{here}/account/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("alert").first).to_contain_text("This passkey was not accepted")


def test_one_device_makes_one_passkey_and_it_can_be_removed(page: Page, here: str, device: Authenticator, known: User) -> None:
    add_passkey(page, here)
    page.get_by_label("Name of the new passkey").fill("Again")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("[data-passkey] .error")).to_contain_text("has a passkey for your account already")
    page.get_by_text("Remove").first.click()
    page.get_by_role("button", name=re.compile("^Remove this passkey")).click()
    expect(page.get_by_text("The passkey is removed")).to_be_visible()
    db.session.rollback()
    assert db.session.scalar(select(func.count()).select_from(Passkey)) == 0


def test_without_script_the_code_is_there(here: str, known: User, context: BrowserContext) -> None:
    browser = context.browser
    assert browser is not None
    with browser.new_context(java_script_enabled=False) as plain:
        page = plain.new_page()
        sign_in(page, here)
        expect(page.get_by_role("button", name="Set up an authenticator app")).to_be_visible()
        expect(page.get_by_role("button", name="Add a passkey")).to_be_hidden()
        expect(page.get_by_text("This browser makes no passkeys")).to_be_visible()


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_the_pages_are_accessible_and_fit(
    page: Page, here: str, device: Authenticator, known: User, size: dict[str, int], dark: bool
) -> None:
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark" if dark else "light")
    known.display_name = ("Wilhelmina Featherstonehaugh of the Harbour Wall " * 5)[:200]
    db.session.commit()

    def look(name: str) -> None:
        found = axe(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], name

    page.goto(f"{here}/account/sign-in")
    look("sign-in")
    sign_in(page, here)
    look("none")
    page.get_by_role("button", name="Set up an authenticator app").click()
    page.get_by_text("It cannot be scanned?").click()
    look("app")
    secret = page.get_by_label("Secret").input_value().replace(" ", "")
    page.get_by_label("Code").fill("12345")
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("alert")).to_be_visible()
    look("wrong code")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Turn it on").click()
    expect(page.get_by_role("heading", name="Your recovery codes")).to_be_visible()
    look("codes")
    page.get_by_role("link", name="I have kept them").click()
    page.get_by_label("Name of the new passkey").fill("W" * 100)
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_text("The passkey is set up")).to_be_visible()
    look("all")
    sign_out(page, here)
    db.session.execute(update(Totp).values(last_step=0))
    db.session.commit()
    sign_in(page, here)
    look("step")
    page.get_by_label("Code").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    sign_out(page, here)
    site = make_site(name="The Evening Post of the Old Harbour")
    invite(site, "new@example.org", Role.COMMUNITY_MANAGER, by=known)
    db.session.commit()
    page.goto(here + link_in(mails()[-1]).replace("http://localhost", ""))
    look("invitation")
