"""What a reader sees, and what becomes of her text, while there is no place for her."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, FrameLocator, Page, expect
from sqlalchemy import select

from commentsvc.comments.models import Comment
from commentsvc.extensions import db
from commentsvc.overload import Gate, Kind
from commentsvc.sites.models import Article
from tests.browser.accessibility import axe
from tests.browser.test_widget_browser import article, open_page, sign_up, site

__all__ = ["article", "open_page", "site"]  # fixtures

pytestmark = pytest.mark.browser

TEXT = "I walk past this wall every morning, and I am glad of it."


@pytest.fixture
def gate(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """One place, and a wait of a second for who finds it taken."""
    monkeypatch.setattr("commentsvc.busy.SOONEST", 1)
    monkeypatch.setattr("commentsvc.busy.LATEST", 1)
    made = Gate(app.wsgi_app, 4, 1, patience=dict.fromkeys(Kind, (0.01, 0.01)))
    monkeypatch.setattr(app, "wsgi_app", made)
    return made


def fill(gate: Gate) -> None:
    for _ in range(4):
        assert gate._enter(Kind.FIRST)


def free(gate: Gate) -> None:
    for _ in range(4):
        gate.give_back()


def posted() -> list[str]:
    found = list(db.session.scalars(select(Comment.body).where(Comment.body == TEXT)))
    db.session.commit()  # an open transaction would keep the service waiting
    return found


@pytest.mark.usefixtures("article")
def test_a_post_that_finds_no_place_keeps_its_text_and_is_sent_again_by_itself(
    page: Page, gate: Gate, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str]
) -> None:
    thread = open_page(page)
    box = thread.get_by_label("Your comment")
    box.click()
    box.fill(TEXT)
    thread.get_by_role("button", name="Sign up to post").click()
    sign_up(thread, mailed_code)
    fill(gate)
    thread.get_by_role("button", name="Post").click()
    expect(thread.get_by_role("button", name="Posting…")).to_be_visible()
    expect(box).to_have_value(TEXT)

    alert = thread.get_by_role("alert")  # it has been tried three times
    expect(alert).to_contain_text("What you typed is kept", timeout=15_000)
    expect(box).to_have_value(TEXT)
    expect(box).to_be_editable()
    assert posted() == []

    alert.get_by_role("button", name="Try again").click()
    expect(thread.get_by_role("button", name="Posting…")).to_be_visible()
    free(gate)
    expect(thread.locator(".c", has_text="glad of it")).to_be_visible(timeout=15_000)
    expect(box).to_have_value("")
    assert posted() == [TEXT]


def test_without_script_the_text_comes_back_in_a_form_that_sends_it_again(
    app: Flask, browser: Browser, service: str, gate: Gate, article: Article
) -> None:
    db.session.commit()
    address = f"{service}/embed/a/{article.id}"  # the plain page
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(address)
        page.get_by_label("Your comment").fill(TEXT)
        fill(gate)
        page.get_by_role("button", name="Sign up to post").click()
        expect(page.get_by_role("heading")).to_have_text("One moment, please")
        expect(page.get_by_label("Your text")).to_have_value(TEXT)
        free(gate)
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_label("Your comment")).to_have_value(TEXT)  # she has to sign up first
    finally:
        context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_says_it_to_everybody(browser: Browser, service: str, gate: Gate, scheme: str) -> None:
    fill(gate)
    context = browser.new_context(color_scheme=scheme, viewport={"width": 320, "height": 640})  # type: ignore[arg-type]
    try:
        page = context.new_page()
        page.goto(f"{service}/review/")
        expect(page.get_by_role("heading")).to_have_text("One moment, please")
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert [violation["id"] for violation in axe(page).response["violations"]] == []
        free(gate)
        page.get_by_role("link", name="Try again").click()
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    finally:
        context.close()
