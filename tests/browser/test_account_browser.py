"""The account pages in a real browser: narrow and wide, light and dark, without an accessibility problem."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from commentsvc.extensions import db
from commentsvc.privacy.consents import Purpose, record_consent
from commentsvc.privacy.training import export_training, record_use
from tests.accounts.browsing import PASSWORD, make_known
from tests.browser.accessibility import axe
from tests.factories import make_article, make_comment, make_site

pytestmark = pytest.mark.browser

PAGES = {"settings": "/account/", "my-data": "/account/my-data"}


@pytest.fixture
def signed_in(app: Flask, page: Page, service: str) -> str:
    """The service's address, in the browser of somebody who has agreed, and whose comments were exported."""
    known = make_known()
    make_comment(make_article(make_site()), known)
    record_consent(known, Purpose.TRAIN_MODERATION, granted=True)
    db.session.commit()
    with TemporaryDirectory() as folder:
        record_use(export_training(Path(folder)).id, "commentsvc-minilm-l6 2.2.0")
    db.session.commit()
    page.goto(f"{service}/account/sign-in")
    page.get_by_label("E-mail").fill("known@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url("**/account/")
    return service


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", PAGES)
def test_no_sideways_scroll_and_no_accessibility_problem(page: Page, signed_in: str, name: str, width: int, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(signed_in + PAGES[name])
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    found = axe(page)
    assert [v["id"] for v in found.response["violations"] if v["impact"] in {"serious", "critical"}] == []


def test_consent_download_and_leaving_by_keyboard(page: Page, signed_in: str) -> None:
    page.goto(signed_in + PAGES["my-data"])
    page.get_by_role("button", name="No longer").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("do not train")
    expect(page.get_by_text("commentsvc-minilm-l6 2.2.0")).to_be_visible()  # what was exported before is still named
    page.get_by_label("Your password").first.fill(PASSWORD)
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download").press("Enter")
    assert downloading.value.suggested_filename.endswith(".zip")
    page.get_by_text("Delete my account", exact=True).press("Enter")
    page.get_by_label("Remove my comments").press("Space")
    page.get_by_label("Your password").last.fill(PASSWORD)
    page.get_by_label("Your password").last.press("Enter")
    expect(page.get_by_text("Your account will be deleted on")).to_be_visible()
    page.get_by_role("button", name="Keep my account").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("stays")
