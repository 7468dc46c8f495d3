"""The bell and "Follow" in a real browser, and the account's pages: with the mouse, the keyboard, and a phone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import FrameLocator, Page, ViewportSize, expect

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.wishes import How, Kind, unsubscribe_url
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve, mark, reject
from commentsvc.moderation.featuring import Mark
from commentsvc.moderation.models import Reason
from commentsvc.notifications.follows import follow
from commentsvc.notifications.telling import tell_all
from commentsvc.sites.models import Article, Site
from tests.browser import test_widget_browser as widget
from tests.browser.accessibility import axe
from tests.browser.conftest import Newspaper
from tests.factories import make_article, make_comment, make_user
from tests.notifications.stories import mention

pytestmark = pytest.mark.browser

site, article, open_page = widget.site, widget.article, widget.open_page  # the newspaper, and its article
LONG_NAME = "Wolfeschlegelsteinhausenbergerdorff " * 5
SIZES: list[ViewportSize] = [{"width": 320, "height": 800}, {"width": 1280, "height": 900}]


@pytest.fixture
def ada(app: Flask) -> User:
    return make_user("Ada Known", email="ada@example.org", password_hash=hash_password(widget.PASSWORD))


@pytest.fixture
def reply(site: Site, article: Article, ada: User) -> Comment:
    """One of everything that Ada can be told, the reply here last."""
    nora = make_user("Nora Vance", role=Role.COMMUNITY_MANAGER, site=site)
    mine, second, elsewhere = make_comment(article, ada, "I crossed it daily."), make_comment(article, ada), make_article(site, title="Trains " * 30)
    mark(mine, Mark.FEATURED, on=True, actor=nora, seen=mine.version)
    held = make_comment(article, ada, status=Status.HELD)
    approve(held, actor=nora, seen=held.version)
    reject(second, actor=nora, reason=Reason.OFF_TOPIC, seen=second.version)
    follow(ada, elsewhere)
    make_comment(elsewhere, make_user("نور الهدى"), "نعم، هذا صحيح")
    mention(make_comment(elsewhere, make_user(LONG_NAME[:200]), "Unbroken" * 60), ada)
    found = make_comment(article, make_user("Ben Moss"), "So did I. " * 40, parent=mine)
    db.session.commit()
    tell_all()
    db.session.commit()
    return found


def sign_in(thread: FrameLocator) -> None:
    thread.get_by_role("link", name="Sign in").click()
    thread.get_by_label("E-mail").fill("ada@example.org")
    thread.get_by_label("Password").fill(widget.PASSWORD)
    thread.locator("#account").get_by_role("button", name="Sign in").click()
    expect(thread.locator("#who")).to_contain_text("Ada Known")


def shoot(page: Page, name: str) -> None:
    """Keep a picture, where a person wants to look at them."""
    if folder := os.environ.get("COMMENTSVC_TEST_PICTURES"):
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_the_bell_opens_in_place_and_leads_to_the_reply(page: Page, open_page: Callable[..., FrameLocator], reply: Comment) -> None:
    number = reply.id
    thread = open_page(page)
    expect(thread.locator("#bell")).to_have_count(0)  # signed out
    sign_in(thread)
    bell, panel = thread.locator("#bell"), thread.locator("#notices")
    expect(bell).to_have_accessible_name("Notifications, 6 unread")
    bell.focus()
    page.keyboard.press("Enter")
    expect(panel).to_be_focused()
    expect(bell).to_have_attribute("aria-expanded", "true")
    expect(panel.locator("li")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(panel).to_have_count(0)
    expect(bell).to_be_focused()
    bell.click()
    panel.get_by_role("link", name="Ben Moss replied to you").click()
    expect(thread.locator(f"#comment-{number}")).to_be_focused()
    expect(bell).to_have_accessible_name("Notifications, 5 unread")
    bell.click()
    panel.get_by_role("button", name="Mark all as read").click()
    expect(bell).to_have_accessible_name("Notifications")
    expect(panel.get_by_role("button", name="Mark all as read")).to_have_count(0)
    panel.get_by_role("button", name="Close").click()
    expect(panel).to_have_count(0)


def test_follow_is_pressed_in_place_and_other_acts_go_on_working(page: Page, open_page: Callable[..., FrameLocator], ada: User, article: Article) -> None:
    thread = open_page(page)
    sign_in(thread)
    button = thread.locator("[data-act=follow]")
    expect(button).to_have_text("Follow")
    button.click()
    expect(button).to_have_text("Following")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(thread.locator("#live")).to_contain_text("You follow this conversation")
    thread.locator("[data-act=reply]").first.click()  # by a script that is loaded after
    expect(thread.locator("#reply-body")).to_be_focused()
    button.click()
    expect(button).to_have_text("Follow")
    thread.locator("#bell").click()
    expect(thread.locator("#notices")).to_contain_text("Nothing new.")


def test_a_lost_connection_is_said_and_tried_again(page: Page, open_page: Callable[..., FrameLocator], reply: Comment) -> None:
    thread = open_page(page)
    sign_in(thread)
    thread.locator("#bell").click()
    thread.locator("#notices .close").click()
    page.context.set_offline(True)
    thread.locator("[data-act=follow]").click()
    again = thread.get_by_role("button", name="Try again")
    expect(again).to_be_visible()
    page.context.set_offline(False)
    again.click()
    expect(thread.locator("[data-act=follow]")).to_have_attribute("aria-pressed", "false")  # she wrote here, so she followed
    expect(again).to_have_count(0)


@pytest.mark.slow
@pytest.mark.parametrize("dark", [False, True])
def test_every_page_of_notifications_is_accessible_and_fits(
    page: Page, open_page: Callable[..., FrameLocator], service: str, newspaper: Newspaper, reply: Comment, ada: User, dark: bool
) -> None:
    page.emulate_media(color_scheme="dark" if dark else "light")
    empty = make_user("Ben", email="ben@example.org", password_hash=hash_password(widget.PASSWORD))
    stops = {
        "kind": unsubscribe_url(ada.id, Kind.REPLY), "digest": unsubscribe_url(empty.id, How.DAILY),
    }
    paths = {"list": "/account/notifications", "settings": "/account/notifications/settings"}
    paths |= {name: url.removeprefix("http://localhost") for name, url in stops.items()}
    tone = "dark" if dark else "light"
    page.set_viewport_size(SIZES[0])
    thread = open_page(page, attributes=f'data-theme="{tone}"')
    sign_in(thread)
    for size in SIZES:
        page.set_viewport_size(size)
        shoot(page, f"head-{size['width']}-{tone}")
        thread.locator("#bell").click()
        expect(thread.locator("#notices")).to_be_visible()
        page.wait_for_timeout(300)
        shoot(page, f"panel-{size['width']}-{tone}")
        frame = page.frames[1]
        # The frame is see-through, which axe takes for white: give it the ground that shows through.
        frame.evaluate("document.body.style.background = getComputedStyle(document.body).getPropertyValue('--page')")
        found = axe(frame, runOnly=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
        assert found.violations_count == 0, found.generate_report()
        thread.locator("#notices .close").click()
    page.goto(f"{service}/account/sign-in")
    page.get_by_label("E-mail").fill("ada@example.org")
    page.get_by_label("Password").fill(widget.PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{service}/account/**")
    for name, path in paths.items():
        page.goto(f"{service}{path}")
        for size in SIZES:
            page.set_viewport_size(size)
            shoot(page, f"{name}-{size['width']}-{tone}")
            found = axe(page)
            assert found.violations_count == 0, f"{path}: {found.generate_report()}"
            assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], path
    page.get_by_role("button", name="Stop these mails").click()
    shoot(page, f"stopped-{tone}")
    page.get_by_role("button", name="Undo: send them again").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("The mails go on")
    page.goto(f"{service}/account/notifications/settings")
    page.get_by_role("button", name="Unfollow").first.click()
    shoot(page, f"unfollowed-{tone}")
    page.get_by_role("button", name="Undo: follow it again").click()
    expect(page.get_by_role("status")).to_contain_text("again")
    page.get_by_role("group", name="Replies").get_by_label("By mail").select_option("weekly")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("group", name="Replies").get_by_label("By mail")).to_have_value("weekly")
