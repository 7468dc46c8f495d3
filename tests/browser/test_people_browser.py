"""People in the console, and a sanction in the widget, in a real browser."""

from __future__ import annotations

import datetime as dt
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from werkzeug.serving import make_server

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, start_session
from commentsvc.comments.models import Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import reject
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Reason
from commentsvc.moderation.notes import add_note
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import active, end, impose
from commentsvc.moderation.sweeps import BATCH, run_due_sweeps
from commentsvc.screening.policy import EmailRule, Policy
from commentsvc.sites.models import Article, Site
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import LOOKS, PHONE, WIDE
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

LONG_NAME = ("Wilhelmina Featherstonehaugh of the Harbour Wall " * 5)[:200]
ARABIC = "\u0633\u0627\u0645\u064a\u0629 \u0627\u0644\u0634\u0631\u0642\u0627\u0648\u064a"
SHOTS = os.environ.get("COMMENTSVC_TEST_SHOTS")  # a folder: the pages as the tests saw them

Open = Callable[..., Page]


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://localhost:{server.server_port}"  # which browsers let have cookies marked Secure
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sign_in(app: Flask, browser: Browser, address: str) -> Iterator[Open]:
    problems: list[str] = []
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
    with ExitStack() as opened:
        def open_for(person: User, *, size: dict[str, int] = WIDE, dark: bool = False, script: bool = True) -> Page:
            token = start_session(person, device="a test")
            db.session.commit()
            context = browser.new_context(
                base_url=address, viewport=size, color_scheme="dark" if dark else "light",  # type: ignore[arg-type]
                reduced_motion="reduce", java_script_enabled=script,
            )
            opened.callback(context.close)
            cookie = serializer.dumps({"_user_id": token, "_fresh": True})
            context.add_cookies([{"name": COOKIE, "value": cookie, "url": address}])
            context.set_default_timeout(8000)
            page = context.new_page()
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
            return page

        yield open_for
    assert problems == []


PASSWORD = "a rather long pass phrase 7"


def member(name: str) -> User:
    """An account with a password, to sign in with in the widget: its cookie is its own."""
    return make_user(name, password_hash=hash_password(PASSWORD))


def read(page: Page, user: User, path: str) -> None:
    """Open a conversation and sign in there."""
    page.goto(path)
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_label("E-mail").fill(str(user.email))
    page.get_by_label("Password").fill(PASSWORD)
    page.locator("#account").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#who summary, .who summary").first).to_contain_text(user.display_name)


@pytest.fixture
def site(app: Flask) -> Site:
    rules = (EmailRule("throwaway.example", "refuse", "Addresses for ten minutes", subdomains=True), EmailRule("mail.example", "always_review", "Much spam in May"))
    return make_site(key="post", name="The Post", policy=Policy(email_rules=rules, repeat_rejections=3))


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall at the old quay is to be torn down")


@pytest.fixture
def boss(site: Site) -> User:
    return make_user("Anna Berg", role=Role.ADMIN, site=site)


@pytest.fixture
def spammer(site: Site, article: Article, boss: User) -> User:
    """Somebody with a bit of everything in her record."""
    nora = make_user("Nora Lind", role=Role.COMMUNITY_MANAGER, site=site)
    user = make_user("Buy Watches", email="watches@mail.example")
    now = utcnow()
    for n in range(6):
        make_comment(article, user, f"Cheap watches, number {n}: everybody buys them here, and so should you.", created_at=now - dt.timedelta(days=20 - n))
    bad = make_comment(article, user, "The best watches of all times.", created_at=now - dt.timedelta(days=3))
    flag(bad, make_user(ARABIC), "spam", "The same everywhere.")
    flag(make_comment(article), user, "abuse")
    reject(bad, actor=nora, reason=Reason.SPAM, seen=bad.version, note="Third time this month.")
    make_comment(article, user, "One that waits.", status=Status.HELD)
    warning = impose(user, SanctionKind.WARN, actor=nora, site=site, reason=Reason.SPAM, message="Please do not advertise here.")
    end(warning, actor=nora, note="Sent to the wrong person.")
    impose(
        user, SanctionKind.SUSPEND, actor=boss, site=site, reason=Reason.SPAM, message="You went on advertising.", note="Ask Nora.",
        ends_at=now + dt.timedelta(days=7),
    )
    add_note(site, user, "Wrote to us by mail, politely.", author=boss)
    make_comment(article, make_user(LONG_NAME), "A remark by somebody with a long name.")
    db.session.commit()
    return user


def fit(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "the page is wider than the screen"


def sound(page: Page, name: str) -> None:
    found = axe(page)
    assert found.violations_count == 0, found.generate_report()
    fit(page)
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_every_page_is_sound_at_any_width_and_in_the_dark(sign_in: Open, boss: User, spammer: User, size: dict[str, int], dark: bool, request: pytest.FixtureRequest) -> None:
    kind = request.node.callspec.id
    page = sign_in(boss, size=size, dark=dark)
    for name, path in {
        "people": "people", "people-none": "people?q=zzz", "person": f"people/{spammer.id}", "sanctions": "sanctions",
        "rules": "people/rules", "merge": f"people/{spammer.id}/duplicates?q=w",
    }.items():
        page.goto(f"/review/post/{path}")
        sound(page, f"{name}-{kind}")
    page.goto(f"/review/post/people/{spammer.id}")
    for summary in page.locator("details > summary").all():
        if summary.is_visible():
            summary.click()
    page.locator("[name=kind][value=suspend]").check()
    sound(page, f"person-forms-{kind}")
    reader = sign_in(spammer, size=size, dark=dark)
    reader.goto("/account/sanctions")
    sound(reader, f"account-{kind}")


def test_a_suspension_by_keyboard_alone_and_its_end(sign_in: Open, boss: User, site: Site, article: Article) -> None:
    user = make_user("Ada")
    user_id, site_id = user.id, site.id
    make_comment(article, user)
    page = sign_in(boss)
    page.goto(f"/review/post/people/{user_id}")
    page.get_by_text("Impose a sanction").focus()
    page.keyboard.press("Enter")
    page.get_by_role("radio", name=re.compile("^Suspend")).focus()
    page.keyboard.press("Space")
    page.get_by_label("How long").select_option("3")
    page.keyboard.press("Tab")
    page.get_by_label("Message to the person").fill("Three days off.")
    page.get_by_role("button", name="Impose it").focus()
    page.keyboard.press("Enter")  # without a reason: the browser says so, nothing is sent
    page.get_by_label("Reason").first.select_option("abuse")
    page.get_by_role("button", name="Impose it").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("Suspended. The person is told")
    db.session.rollback()
    assert [s.kind for s in active(user_id, site_id)] == ["suspend"]
    db.session.rollback()
    page.get_by_text("End it").first.click()
    page.get_by_role("button", name="End it now").click()
    expect(page.get_by_role("status").first).to_contain_text("Ended")
    db.session.rollback()
    assert list(active(user_id, site_id)) == []


def test_all_of_a_spammers_comments_go_and_come_back_without_script_too(sign_in: Open, boss: User, site: Site, article: Article) -> None:
    user = make_user("Buy Watches")
    for n in range(BATCH + 3):
        make_comment(article, user, f"Watch {n}")
    page = sign_in(boss, script=False)
    page.goto(f"/review/post/people/{user.id}")
    page.get_by_text("Reject everything").click()
    page.locator("#sweep-reason").select_option("spam")
    page.get_by_role("button", name=f"Reject all {BATCH + 3}").click()
    expect(page.locator("#sweep")).to_contain_text(f"{BATCH} of {BATCH + 3} comments")
    db.session.rollback()
    run_due_sweeps()
    page.get_by_text("Look again").click()
    expect(page.locator("#sweep")).to_contain_text(f"{BATCH + 3} comments are rejected")
    page.get_by_role("button", name="Take it all back").click()
    db.session.rollback()
    run_due_sweeps()
    page.get_by_text("Look again").click()
    expect(page.locator("#sweep")).to_contain_text(f"{BATCH + 3} comments are as before")


def test_a_warning_keeps_the_typed_text_until_it_is_read(sign_in: Open, boss: User, site: Site, article: Article) -> None:
    user = member("Ada")
    impose(user, SanctionKind.WARN, actor=boss, site=site, reason=Reason.ABUSE, message="Argue with what was said,\nnot with who said it.")
    db.session.commit()
    page = sign_in(user)
    read(page, user, f"/embed/post/thread?url={article.url}")
    expect(page.locator("#told")).to_contain_text("not with who said it")
    page.locator("#editor-body").fill("What I meant to say.")
    page.get_by_role("button", name="Post").click()
    expect(page.locator("#editor .problem")).to_contain_text("Read it and say so")
    expect(page.locator("#editor-body")).to_have_value("What I meant to say.")
    sound(page, "widget-warned")
    page.get_by_role("button", name="I have read this").click()
    expect(page.locator("#told section")).to_have_count(0)
    page.get_by_role("button", name="Post").click()
    expect(page.locator(".own")).to_contain_text("What I meant to say.")


def test_who_is_suspended_reads_why_and_until_when_and_loses_no_word(sign_in: Open, boss: User, site: Site, article: Article) -> None:
    user = member("Ada")
    impose(user, SanctionKind.SUSPEND, actor=boss, site=site, reason=Reason.ABUSE, ends_at=utcnow() + dt.timedelta(days=2))
    db.session.commit()
    page = sign_in(user, size=PHONE)
    read(page, user, f"/embed/post/thread?url={article.url}")
    expect(page.locator("#told")).to_contain_text("you cannot post, vote or flag")
    page.locator("#editor-body").fill("But I have to say this.")
    page.get_by_role("button", name="Post").click()
    expect(page.locator("#editor .problem")).to_contain_text("Reason: Personal attack or insult")
    expect(page.locator("#editor-body")).to_have_value("But I have to say this.")
    sound(page, "widget-suspended")
    plain = sign_in(user, script=False)
    read(plain, user, f"/embed/a/{article.id}")
    plain.locator("#editor-body").fill("Nor by form.")
    plain.get_by_role("button", name="Post").click()
    expect(plain.locator("#editor-body")).to_have_value("Nor by form.")
    expect(plain.locator("#editor-problem")).to_contain_text("You cannot post")


def test_a_shadowed_reader_sees_her_comment_as_posted_and_nobody_else_does(sign_in: Open, boss: User, site: Site, article: Article, worker: None) -> None:
    user = member("Buy Watches")
    impose(user, SanctionKind.SHADOW, actor=boss, site=site, reason=Reason.SPAM, ends_at=utcnow() + dt.timedelta(days=2))
    db.session.commit()
    page = sign_in(user)
    read(page, user, f"/embed/post/thread?url={article.url}")
    page.locator("#editor-body").fill("Cheap watches for everybody in town.")
    page.get_by_role("button", name="Post").click()
    own = page.locator(".own.published")
    expect(own).to_contain_text("Cheap watches")
    expect(own).not_to_contain_text("Waiting")
    page.reload()
    expect(page.locator(".own.published")).to_contain_text("Cheap watches")
    bob = member("Bob")
    other = sign_in(bob)
    read(other, bob, f"/embed/post/thread?url={article.url}")
    expect(other.locator("#count")).to_have_text("Comments")
    assert "Cheap watches" not in other.content()
