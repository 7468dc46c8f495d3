"""The dashboard and the tuning page in a browser: how they look, and a slider that says what it would do."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import ConsoleMessage, Page, expect

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.sites.models import Site
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LONG_NAME, LOOKS, SignIn, address, sign_in  # noqa: F401 - fixtures
from tests.factories import make_site, make_user
from tests.figures.history import make_history

pytestmark = pytest.mark.browser

# Where pictures of the pages go, for people to look at; nowhere, usually.
PICTURES = os.environ.get("COMMENTSVC_TEST_PICTURES", "")
RTL = "רבקה כהן־לוי"


@pytest.fixture
def site(app: object) -> Site:
    return make_site(key="post", name="The Harbour Post")


@pytest.fixture
def admin(site: Site) -> User:
    return make_user(LONG_NAME, role=Role.ADMIN, site=site)


def looked_at(page: Page, name: str, *, dark: bool) -> None:
    """Accessible by axe's rules, nothing wider than the screen, and a picture for those who asked."""
    if PICTURES:
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)
    found = axe(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_the_pages_are_accessible_and_fit(sign_in: SignIn, site: Site, admin: User, size: dict[str, int], dark: bool) -> None:  # noqa: F811
    page = sign_in(admin)
    refused: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            refused.append(message.text)

    page.on("console", heard)
    page.set_viewport_size(size)  # type: ignore[arg-type]
    page.emulate_media(color_scheme="dark" if dark else "light")
    page.goto("/review/post/dashboard")
    looked_at(page, "dashboard-empty", dark=dark)
    page.goto("/review/post/tuning")
    looked_at(page, "tuning-empty", dark=dark)
    make_history(site, [admin, make_user(RTL, role=Role.COMMUNITY_MANAGER, site=site)])
    page.goto("/review/post/dashboard?days=30")
    for closed in page.locator("details.panel summary, .panel details summary").all():
        closed.click()
    looked_at(page, "dashboard", dark=dark)
    page.goto("/review/post/dashboard?from=x")
    looked_at(page, "dashboard-wrong", dark=dark)
    page.goto("/review/post/tuning")
    page.get_by_text("What is assumed").click()
    looked_at(page, "tuning", dark=dark)
    assert refused == []


def test_a_slider_says_by_keyboard_what_its_threshold_would_do(sign_in: SignIn, site: Site, admin: User) -> None:  # noqa: F811
    make_history(site, [admin])
    page = sign_in(admin)
    page.goto("/review/post/tuning?days=30")
    panel = page.locator('[data-label="insult"]')
    slider = panel.get_by_role("slider")
    before = panel.locator(".would").inner_text()
    at = panel.locator("line.marker").first.get_attribute("x1")
    slider.focus()
    with page.expect_response(re.compile(r"/tuning/data\?.*insult=0\.57")):
        for _ in range(3):
            page.keyboard.press("ArrowLeft")
    expect(panel.get_by_label("Hold from", exact=True)).to_have_value("0.57")
    expect(panel.locator('.would [data-number="at"]')).to_have_text("0.57")
    assert panel.locator(".would").inner_text() != before
    assert panel.locator("line.marker").first.get_attribute("x1") != at
    expect(page).to_have_url(re.compile(r"insult=0\.57"))
    said = panel.locator(".would").inner_text()
    together = page.locator("#together").inner_text()
    page.reload()  # the page that the server makes of the same address says the same
    expect(panel.locator(".would")).to_have_text(said)
    expect(page.locator("#together")).to_have_text(together)
    panel.get_by_role("link", name="Use this threshold").click()
    expect(page.locator("#hold_insult")).to_have_value("0.57")
    expect(page.get_by_text("typed in and not saved yet")).to_be_visible()


def test_moving_one_label_changes_what_another_would_have_held(sign_in: SignIn, site: Site, admin: User) -> None:  # noqa: F811
    make_history(site, [admin])
    page = sign_in(admin)
    page.goto("/review/post/tuning?days=30")
    held = page.locator('[data-label="threat"] .would [data-number="a-day"]')
    before = held.inner_text()
    number = page.locator('[data-label="toxicity"]').get_by_label("Hold from", exact=True)
    number.fill("0.05")
    number.press("Tab")
    expect(held).not_to_have_text(before)
