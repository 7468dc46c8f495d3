"""A reader reports what is illegal, from the widget and without an account; a community manager answers with the keyboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Revision
from commentsvc.extensions import db
from commentsvc.moderation.appeals import lodge
from commentsvc.moderation.decide import judge_edit
from commentsvc.moderation.legal_notices import Claim, send_notice
from commentsvc.moderation.models import Appeal, LegalNotice, Reason, Statement
from commentsvc.sites.models import Article, Site
from tests.browser.conftest import Newspaper
from tests.browser.test_appeals_browser import RTL, looked_at
from tests.browser.test_review_browser import (  # noqa: F401 - fixtures
    LONG_NAME,
    LOOKS,
    SignIn,
    address,
    sign_in,
)
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

WHY = "He says where she lives and that he will come with petrol. It is a threat, and she has moved out for fear of it. " * 3


@pytest.fixture
def site(app: object) -> Site:
    return make_site(key="post", name="The Harbour Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall at old quay will be rebuilt before the winter storms, the council says")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Lindqvist", role=Role.COMMUNITY_MANAGER, site=site)


def rejected_edit(article: Article, by: User) -> Statement:
    comment = make_comment(article, make_user("Ada Holm"), "They are right about the wall.")
    comment.edit, comment.edit_status = 2, "held"
    db.session.add(Revision(site_id=comment.site_id, comment_id=comment.id, number=2, body="They are “liars”, as the minister put it.", state="waiting"))
    db.session.flush()
    judge_edit(comment, 2, actor=by, seen=comment.version, reason=Reason.ABUSE, message="Please say it without names.")
    db.session.commit()
    return db.session.scalars(select(Statement).where(Statement.comment_id == comment.id)).one()


def test_the_flag_menu_leads_whoever_is_signed_out_to_the_form_in_the_frames_language(
    service: str, newspaper: Newspaper, page: Page
) -> None:
    site = make_site(key="paper", origins=[newspaper.origin])
    url = newspaper.publish("story.html", f'<main><script src="{service}/embed.js" data-site="paper" data-lang="de" async></script></main>')
    make_comment(make_article(site, url=url), body="I will burn it down.")
    db.session.commit()
    page.goto(url)
    frame = page.frame_locator("iframe")
    frame.locator("html.known").wait_for()  # before, the link leads on within the frame
    frame.locator("article summary").click()
    frame.locator('[data-act="flag"]').click()
    with page.context.expect_page() as opened:
        frame.locator('a[href*="legal-notice"]').click()
    form = opened.value
    expect(form.locator("html")).to_have_attribute("lang", "de")
    expect(form.locator("blockquote")).to_have_text("I will burn it down.")
    form.locator("#kind").select_option("threat")
    form.locator("#explanation").fill(WHY)
    form.locator("#name").fill("Ines Ferreira")
    form.locator("#email").fill("ines@example.org")
    form.locator("[name=good_faith]").check()
    form.locator("button").click()
    expect(form).to_have_url(re.compile("sent="))
    db.session.rollback()
    notice = db.session.scalars(select(LegalNotice)).one()
    expect(form.locator("code")).to_have_text(notice.puid)
    assert (notice.language, notice.kind) == ("de", "threat")


def test_a_notice_is_dismissed_with_the_keyboard_and_taken_back(sign_in: SignIn, article: Article, nora: User) -> None:  # noqa: F811
    comment = make_comment(article, body="I will burn it down.")
    send_notice(comment, Claim("threat", WHY, "Ines", "ines@example.org", good_faith=True), user=None, language="en")
    db.session.commit()
    page = sign_in(nora)
    page.goto("/review/post/flagged")
    expect(page.locator(".legal-notice")).to_contain_text("Threat, or a call for violence")
    page.keyboard.press("a")
    answer = page.get_by_label("Why does the comment stay?")
    expect(answer).to_be_focused()
    page.keyboard.press("Escape")
    expect(answer).to_be_hidden()
    page.keyboard.press("a")
    answer.fill("It is a line from a song.")
    page.keyboard.press("Enter")
    expect(page.locator("#toast")).to_contain_text("Kept published.")
    page.locator("#toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".legal-notice")).to_be_visible()
    db.session.rollback()
    assert db.session.scalars(select(LegalNotice.status)).one() == "open"


@pytest.mark.parametrize(("size", "dark"), [*LOOKS, pytest.param({"width": 320, "height": 700}, False, id="small-light")])
def test_the_pages_are_accessible_and_fit(
    sign_in: SignIn, article: Article, nora: User, size: dict[str, int], dark: bool  # noqa: F811
) -> None:
    comment = make_comment(article, make_user(LONG_NAME), "I will burn it down, " * 12)
    notice = send_notice(comment, Claim("threat", WHY, LONG_NAME, "ines@example.org", good_faith=True), user=None, language="en")
    send_notice(comment, Claim("hate", RTL, "نور الهدى", "nour@example.org", good_faith=True), user=None, language="ar")
    statement = rejected_edit(article, nora)
    db.session.commit()
    page = sign_in(db.session.get_one(User, statement.user_id), size=size, dark=dark)
    path = f"/embed/comments/{comment.id}/legal-notice"
    for name, there in (
        ("notice-form", path), ("notice-form-ar", f"{path}?lang=ar"), ("notice-sent", f"{path}?sent={notice.puid}"),
        ("flag-form", f"/embed/a/{article.id}?flag={comment.id}"),
        ("decision-edit", f"/account/decisions/{statement.puid}"), ("decisions-edit", "/account/decisions"),
    ):
        page.goto(there)
        looked_at(page, name, dark=dark)
    page.goto(path)
    page.eval_on_selector("form", "form => { form.noValidate = true; }")
    page.locator("#explanation").fill("Bad!")
    page.locator("#kind").select_option("threat")
    page.locator("form button").click()
    expect(page.locator("#explanation-error")).to_be_visible()
    looked_at(page, "notice-form-error", dark=dark)
    lodge(statement, db.session.get_one(User, statement.user_id), "It is a quotation, and the article has it.")
    db.session.commit()
    appeal = db.session.scalars(select(Appeal)).one()
    desk = sign_in(make_user("Tomás Ferreira", role=Role.COMMUNITY_MANAGER, site=article.site), size=size, dark=dark)
    desk.goto(f"/review/post/flagged?comment={comment.id}")
    looked_at(desk, "card-notice", dark=dark)
    desk.locator("details.dismiss > summary").click()
    looked_at(desk, "card-notice-dismiss", dark=dark)
    desk.goto("/review/post/flagged")
    looked_at(desk, "flagged-list", dark=dark)
    desk.goto(f"/review/post/appeals/{appeal.id}")
    looked_at(desk, "appeal-edit", dark=dark)
