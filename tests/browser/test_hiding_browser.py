"""Hiding a person from a comment's menu, in a real browser: in place, undone, with more comments coming in."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import FrameLocator, Page, expect

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.hiding import hidden_by
from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.sites.models import Article, Site
from tests.browser import test_widget_browser as widget
from tests.browser.accessibility import axe
from tests.browser.conftest import reload
from tests.browser.test_notifications_browser import LONG_NAME, SIZES, sign_in
from tests.factories import fresh, make_comment, make_user

pytestmark = pytest.mark.browser

site, article, open_page = widget.site, widget.article, widget.open_page  # the newspaper, and its article
Opening = Callable[..., FrameLocator]


@pytest.fixture
def ada(app: Flask) -> User:
    return make_user("Ada Known", email="ada@example.org", password_hash=hash_password(widget.PASSWORD))


@pytest.fixture
def said(site: Site, article: Article, ada: User) -> Comment:
    """A comment of somebody's with an answer by another, and what a Community Manager says."""
    make_comment(fresh(article), make_user("Nora Vance", role=Role.COMMUNITY_MANAGER, site=site), "Please stay with the harbour.")
    found = make_comment(fresh(article), make_user("Tom Troll"), "Nonsense, all of it.")
    make_comment(fresh(article), make_user("Ben Moss"), "It is not.", parent=found)
    return found


def shoot(page: Page, name: str) -> None:
    """Pictures at both widths, light and dark, where a person wants to look at them."""
    if folder := os.environ.get("COMMENTSVC_TEST_PICTURES"):
        for size in SIZES:
            page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.wait_for_timeout(300)
                page.screenshot(path=Path(folder) / f"{name}-{size['width']}-{scheme}.png", full_page=True)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1024, "height": 1000})


def test_a_person_is_hidden_in_place_and_shown_again(page: Page, open_page: Opening, article: Article, said: Comment, ada: User) -> None:
    thread = open_page(page)
    sign_in(thread)
    comment = thread.locator(f"#comment-{said.id}")
    manager = thread.locator(".c", has_text="Please stay").first
    manager.locator(".acts .menu summary").first.click()
    expect(manager.get_by_text("Hide this person")).to_have_count(0)  # what she says concerns everybody
    comment.locator("> .acts .menu summary").focus()
    page.keyboard.press("Enter")
    expect(comment.get_by_role("button", name="Hide this person")).to_be_visible()
    shoot(page, "menu")
    comment.get_by_role("button", name="Hide this person").press("Enter")
    expect(comment.get_by_text("Nonsense, all of it.")).to_be_hidden()
    expect(comment.get_by_text("It is not.")).to_be_visible()
    expect(comment.get_by_role("button", name="Undo")).to_be_focused()
    shoot(page, "hidden")
    assert not [v for v in axe(page).response["violations"] if v["impact"] in {"serious", "critical"}]
    comment.get_by_role("button", name="Undo").click()
    expect(comment.get_by_text("Nonsense, all of it.")).to_be_visible()

    comment.locator("> .acts .menu summary").click()
    comment.get_by_role("button", name="Hide this person").click()
    expect(comment.get_by_role("button", name="Undo")).to_be_visible()
    make_comment(fresh(article), db.session.get_one(User, said.author_id), "More nonsense.")
    db.session.commit()
    reload(page)
    expect(comment.get_by_text("You hid this person.")).to_be_visible()
    expect(thread.get_by_text("More nonsense.")).to_be_hidden()
    manager.locator("> .acts .menu summary").click()
    expect(manager.locator("> .acts").get_by_role("link", name="Quote", exact=True)).to_be_visible()  # the editor comes where nobody writes yet, too
    show = comment.get_by_role("button", name="Show", exact=True)
    show.click()
    expect(comment.get_by_text("Nonsense, all of it.")).to_be_visible()
    shoot(page, "shown")
    expect(comment.get_by_role("button", name="Hide", exact=True)).to_have_attribute("aria-expanded", "true")
    comment.locator("> .acts .menu summary").click()
    comment.get_by_role("button", name="Show this person again").click()
    expect(thread.get_by_text("More nonsense.")).to_be_visible()
    expect(thread.get_by_text("You hid this person.")).to_have_count(0)
    assert hidden_by(ada) == frozenset()


def test_whoever_only_reads_loads_nothing_of_it(page: Page, open_page: Opening, said: Comment) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    thread = open_page(page)
    thread.locator(f"#comment-{said.id} > .acts .menu summary").click()
    expect(thread.get_by_text("Hide this person")).to_have_count(0)
    assert not [url for url in asked if "hide.js" in url]


def test_without_the_widget_it_is_on_the_plain_page_and_in_the_account(page: Page, service: str, article: Article, said: Comment, ada: User) -> None:
    make_comment(fresh(article), make_user(LONG_NAME[:200]), "أهلا")
    db.session.commit()
    page.set_viewport_size(SIZES[0])

    def look(name: str) -> None:
        assert not [v for v in axe(page).response["violations"] if v["impact"] in {"serious", "critical"}], name
        assert page.evaluate("document.documentElement.scrollWidth") <= SIZES[0]["width"], name
        shoot(page, name)
        page.set_viewport_size(SIZES[0])

    page.goto(f"{service}/embed/a/{article.id}?form=sign-in")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill(widget.PASSWORD)
    page.locator("#account").get_by_role("button", name="Sign in").click()
    for text in ("أهلا", "Nonsense, all of it."):
        comment = page.locator(".c", has_text=text).first
        comment.locator("> .acts .menu summary").click()
        comment.get_by_role("button", name="Hide this person").first.click()
    expect(page.get_by_text("Nonsense, all of it.")).to_be_hidden()
    expect(page.get_by_text("It is not.")).to_be_visible()
    look("plain")
    page.locator(f"#comment-{said.id}").get_by_text("You hid this person.").click()
    expect(page.get_by_text("Nonsense, all of it.")).to_be_visible()

    page.goto(f"{service}/account/sign-in")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill(widget.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).first.click()
    page.goto(f"{service}/account/hidden")
    look("list")
    for _ in range(2):
        page.get_by_role("button", name="Show again").first.click()
    expect(page.get_by_text("You hide nobody")).to_be_visible()
    look("empty")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("button", name="Show again")).to_have_count(1)
