"""From one embed tag on another origin to a decision in the review queue, and back."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.database import utcnow
from commentsvc.extensions import db
from tests.browser.conftest import Newspaper, reload
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

PASSWORD = "harbour wall lantern"
TAG = '<script async src="{service}/embed.js" data-site="courier"></script>'
PAGE = "<!doctype html><html lang='en'><title>The ferry returns</title><h1>The ferry returns</h1><p>At last.</p>" + TAG
DECENT = "Wonderful news, my children have missed that ferry."
TOXIC = "The mayor is a pathetic idiot and so are you, moron."


@pytest.mark.usefixtures("worker")
def test_from_the_embed_tag_to_a_decision_in_the_queue(
    app: Flask, browser: Browser, page: Page, service: str, newspaper: Newspaper, mailed_code: Callable[[str], str]
) -> None:
    site = make_site(key="courier", name="The Courier", origins=[newspaper.origin])
    article = make_article(site, url=f"{newspaper.origin}/ferry.html", title="The ferry returns")
    people = [make_user(f"Reader {n}") for n in range(5)]
    start = utcnow() - dt.timedelta(days=1)
    for n in range(25):
        made = make_comment(article, people[n % 5], f"Earlier remark {n}.", created_at=start + dt.timedelta(minutes=n))
    make_comment(article, people[0], "And a reply to the last.", parent=made)
    make_user(
        "Nora Vance", role=Role.COMMUNITY_MANAGER, site=site, email="nora@example.org", password_hash=hash_password(PASSWORD)
    )
    db.session.commit()
    address = newspaper.publish("ferry.html", PAGE.format(service=service))

    # A reader writes first and signs up then, without leaving the article.
    page.goto(address)
    expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")
    thread = page.frame_locator("commentsvc-thread iframe")
    expect(thread.get_by_text("Welcome to The Courier comments!")).to_be_visible()
    thread.get_by_label("Your comment").fill(DECENT)
    thread.get_by_role("button", name="Sign up to post").click()
    thread.get_by_label("Name").fill("Robin Marsh")
    thread.get_by_label("E-mail").fill("robin@example.org")
    thread.get_by_label("Password").fill(PASSWORD)
    thread.get_by_role("button", name="Continue").click()
    thread.get_by_label("Code").wait_for()
    thread.get_by_label("Code").fill(mailed_code("robin@example.org"))
    thread.get_by_role("button", name="Confirm").click()
    expect(thread.locator("#who")).to_contain_text("Robin Marsh")
    expect(thread.get_by_label("Your comment")).to_have_value(DECENT)

    # The decent comment is published without a person, the toxic one is held.
    thread.get_by_role("button", name="Post").click()
    decent = thread.locator(".c", has_text=DECENT)
    expect(decent).not_to_have_class(re.compile("own"))
    thread.get_by_label("Your comment").fill(TOXIC)
    thread.get_by_role("button", name="Post").click()
    expect(thread.locator("#mine .c", has_text=TOXIC)).to_contain_text("A community manager will read this first.")

    # Nobody else sees it.
    stranger = browser.new_context()
    other = stranger.new_page()
    other.goto(address)
    theirs = other.frame_locator("commentsvc-thread iframe")
    expect(theirs.get_by_text(DECENT)).to_be_visible()
    expect(theirs.get_by_text(TOXIC)).to_have_count(0)

    # The community manager signs in to the console and approves it by keyboard.
    desk = browser.new_context(viewport={"width": 1280, "height": 800}, base_url=service)
    console = desk.new_page()
    console.goto("/review/")
    console.get_by_label("E-mail").fill("nora@example.org")
    console.get_by_label("Password", exact=True).fill(PASSWORD)
    console.get_by_role("button", name="Sign in", exact=True).click()
    console.wait_for_url("**/review/courier/held**")
    expect(console.get_by_text(TOXIC).first).to_be_visible()
    expect(console.get_by_text("Robin Marsh").first).to_be_visible()
    console.keyboard.press("a")
    expect(console.get_by_text("No held comments").first).to_be_visible()
    console.goto("/review/courier/modlog")
    expect(console.get_by_text("Nora Vance").first).to_be_visible()

    # It stands in the thread now; sorting and Show More work on.
    reload(other)
    expect(theirs.get_by_text(TOXIC)).to_be_visible()
    expect(theirs.get_by_role("heading", level=1)).to_have_text("28 comments")
    theirs.get_by_label("Sort by").select_option("Oldest")
    expect(theirs.locator("#list > .c").first).to_contain_text("Earlier remark 0.")
    theirs.get_by_label("Sort by").select_option("Most replied")
    expect(theirs.locator("#list > .c").first).to_contain_text("Earlier remark 24.")
    expect(theirs.locator("#list > .c")).to_have_count(20)
    theirs.get_by_text("Show More Comments").click()
    expect(theirs.locator("#list > .c")).to_have_count(27)
    stranger.close()
    desk.close()
