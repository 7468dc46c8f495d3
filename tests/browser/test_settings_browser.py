"""The settings in a browser: what is not saved is said, Enter saves, and every page is fit for all."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, expect

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.extensions import db
from commentsvc.moderation.phrase_lists import Given, adding
from commentsvc.moderation.settings import change_settings, lock_site
from commentsvc.sites.models import Site
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LOOKS, PHONE, WIDE, address, sign_in
from tests.factories import make_article, make_site, make_user

__all__ = ["address", "sign_in"]  # fixtures of the console's tests

pytestmark = pytest.mark.browser

SignIn = Callable[..., Page]
PAGES = ("", "/screening", "/phrases", "/reasons", "/sections", "/section?name=Politics", "/history", "/history/3", "/history/4", "/test")


@pytest.fixture
def site() -> Site:
    """A site whose settings were changed a few times, by somebody with a long name."""
    site = make_site(key="post", name="The Morning Post")
    make_article(site, section="Politics")
    make_article(site, section="Sport und Freizeit")
    editor = make_user(("Wilhelmina Featherstonehaugh of the Harbour Wall " * 5)[:200], role=Role.ADMIN, site=site)
    site = lock_site(site.id)
    values, _ = adding(site, [
        Given("snake oil", "banned", "Sold under every article in March."), Given("idiot", "suspect"), Given("دجال", "suspect", "بائع متجول"),
        Given("a phrase that is as long as a phrase may be and goes on and on until there are no more characters", "suspect"),
    ])
    change_settings(site, values, actor=editor, via="console", comment="After the spam of last week")
    policy = site.policy
    sections = {"Politics": {"premoderate": True, "max_links": 0, "hold_at": {"insult": 0.4}}}
    change_settings(site, {"policy": replace(policy, max_links=5, sections=sections), "guidelines": "Be kind.\nStay on topic."}, actor=editor, via="api")
    change_settings(site, {"guidelines": "Be kind.\nStay with the article.\nSign your name."}, actor=editor, via="console")
    db.session.commit()
    return site


@pytest.fixture
def ada(site: Site) -> User:
    return make_user("Ada Admin", role=Role.ADMIN, site=site)


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_every_page_is_accessible_and_fits_the_screen(sign_in: SignIn, address: str, site: Site, ada: User, size: dict[str, int], dark: bool) -> None:
    page = sign_in(ada, size=size, dark=dark)
    for path in PAGES:
        page.goto(f"{address}/review/{site.key}/settings{path}")
        page.wait_for_load_state("networkidle")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        found = axe(page)
        assert found.violations_count == 0, f"{path}\n{found.generate_report()}"
        _picture(page, path, size, dark=dark)


def test_a_text_is_tried_against_rules_that_are_not_saved(sign_in: SignIn, address: str, site: Site, ada: User) -> None:
    page = sign_in(ada)
    page.goto(f"{address}/review/{site.key}/settings/screening")
    page.get_by_label("Links that pass").fill("0")
    page.get_by_label("Text", exact=True).fill("This sn4ke oil and https://one.example made me an idiot")
    page.get_by_role("button", name="Try this text").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text("held for a community manager", timeout=60_000)
    expect(result).to_contain_text("1 links; up to 0 pass")
    expect(result.locator(".text mark.phrase")).to_have_count(2)
    expect(page.get_by_label("Links that pass")).to_have_value("0")
    assert axe(page).violations_count == 0
    _picture(page, "/screening-tried", WIDE, dark=False)
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    _picture(page, "/screening-tried", PHONE, dark=False)
    db.session.expire_all()
    assert db.session.get_one(Site, site.id).policy.max_links == 5


def test_what_is_not_saved_is_said_and_enter_saves(sign_in: SignIn, address: str, site: Site, ada: User) -> None:
    page = sign_in(ada)
    page.goto(f"{address}/review/{site.key}/settings/screening")
    unsaved = page.get_by_text("Not saved yet")
    expect(unsaved).to_be_hidden()
    links = page.get_by_label("Links that pass")
    links.fill("9")
    expect(unsaved).to_be_visible()
    links.fill("5")
    expect(unsaved).to_be_hidden()
    links.fill("3")
    asked: list[str] = []

    def stay(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    page.once("dialog", stay)
    page.get_by_role("link", name="History").click(no_wait_after=True)
    page.wait_for_timeout(300)
    assert asked == ["beforeunload"]
    links.press("Enter")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(links).to_have_value("3")


def _picture(page: Page, path: str, size: dict[str, int], *, dark: bool) -> None:
    """For the eye: kept where COMMENTSVC_TEST_PICTURES names a folder."""
    folder = os.environ.get("COMMENTSVC_TEST_PICTURES")
    if folder:
        name = (path.strip("/").replace("/", "-").split("?")[0] or "general") + f"-{size['width']}-{'dark' if dark else 'light'}.png"
        page.screenshot(path=Path(folder) / name, full_page=True)


