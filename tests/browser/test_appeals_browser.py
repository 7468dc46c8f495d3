"""An author appeals from her account and a community manager decides, each in a browser; and how it looks."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import select

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.appeals import Outcome, judge, lodge
from commentsvc.moderation.decide import reject
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Appeal, Reason, Statement
from commentsvc.moderation.people_models import SanctionKind
from commentsvc.moderation.sanctions import impose
from commentsvc.moderation.statements import live_statement, statement_of_sanction
from commentsvc.screening.policy import Policy
from commentsvc.sites.models import Article, Site
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import (  # noqa: F401 - fixtures
    LONG_NAME,
    LOOKS,
    SignIn,
    address,
    sign_in,
    status,
)
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

# Where pictures of the pages go, for people to look at; nowhere, usually.
PICTURES = os.environ.get("COMMENTSVC_TEST_PICTURES", "")
APPEAL = "The minister said “liars” herself, in the article, third paragraph. I quoted her and gave the source. Please read it again."
RTL = "هذا ليس هجوما على أحد، بل اقتباس من المقال نفسه. أرجو أن تقرؤوه مرة أخرى."


@pytest.fixture
def site(app: object) -> Site:
    return make_site(key="post", name="The Harbour Post", policy=Policy(public_modlog=True))


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall at old quay will be rebuilt before the winter storms, the council says")


@pytest.fixture
def nora(site: Site) -> User:
    return make_user("Nora Lindqvist", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def tomas(site: Site) -> User:
    return make_user("Tomás Ferreira", role=Role.COMMUNITY_MANAGER, site=site)


def rejected(article: Article, author: User, by: User, body: str, reason: Reason = Reason.ABUSE) -> Comment:
    comment = make_comment(article, author, body)
    flag(comment, make_user("A reader"), "abuse", "She calls them liars.")
    reject(comment, actor=by, reason=reason, seen=comment.version, note="Third time this week.")
    db.session.commit()
    return comment


def statement_of(comment: Comment) -> Statement:
    found = live_statement(comment.id)
    assert found is not None
    return found


def appeal_about(statement: Statement) -> Appeal:
    return db.session.scalars(select(Appeal).where(Appeal.statement_id == statement.id)).one()


def looked_at(page: Page, name: str, *, dark: bool) -> None:
    """Accessible by axe's rules, nothing wider than the screen, and a picture for those who asked."""
    found = axe(page)
    assert found.violations_count == 0, f"{name}: {found.generate_report()}"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
    if PICTURES:
        width = page.viewport_size["width"] if page.viewport_size else 0
        page.screenshot(path=Path(PICTURES) / f"{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


def test_an_author_appeals_and_somebody_else_overturns(
    sign_in: SignIn, article: Article, nora: User, tomas: User  # noqa: F811
) -> None:
    author = make_user("Ada Holm")
    comment = rejected(article, author, nora, "Those who planned this are “liars”, as the minister put it.")
    page = sign_in(author)
    page.goto("/account/")
    page.get_by_role("link", name="See the decisions").click()
    page.get_by_role("link", name="Why? Appeal").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Your comment was taken down")
    expect(page.locator("main")).to_contain_text("Personal attack or insult")
    expect(page.locator("main")).not_to_contain_text("Nora")
    expect(page.locator("main")).not_to_contain_text("Third time")
    box = page.get_by_label("Why is the decision wrong?")
    box.fill("x" * 2001)
    page.get_by_role("button", name="Send appeal").click()
    expect(page.get_by_role("alert")).to_contain_text("1 characters too long")
    expect(box).to_have_value("x" * 2001)
    box.fill(APPEAL)
    page.get_by_role("button", name="Send appeal").click()
    expect(page.locator("main")).to_contain_text("You have appealed")

    first = sign_in(nora)
    first.goto("/review/post/appeals")
    expect(first.locator(".appeal .text")).to_have_text(APPEAL)
    expect(first.locator(".actions")).to_contain_text("Somebody else has to judge")
    first.close()

    desk = sign_in(tomas)
    desk.goto("/review/post/held")
    desk.locator("nav").get_by_role("link", name="Appeals 1").click()
    expect(desk.locator(".card .said")).to_contain_text("liars")
    desk.get_by_label("Answer").fill("It was a quotation, and marked as one.")
    desk.get_by_role("button", name="Overturn").click()
    expect(desk.locator("#toast")).to_contain_text("Overturned: the comment is published")
    expect(desk.locator(".card")).to_contain_text("No appeal waits")
    assert status(comment) == "published"

    page.reload()
    expect(page.locator("main")).to_contain_text("The decision was wrong. Your comment is published.")
    expect(page.locator("main")).to_contain_text("It was a quotation, and marked as one.")

    desk.get_by_role("button", name="Undo").click()
    expect(desk.get_by_label("Answer")).to_be_visible()
    assert status(comment) == "rejected"


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_the_pages_are_accessible_and_fit(
    sign_in: SignIn, article: Article, nora: User, tomas: User, size: dict[str, int], dark: bool  # noqa: F811
) -> None:
    author = make_user(LONG_NAME)
    plain = rejected(article, author, nora, "Those who planned this are “liars”, as the minister put it.")
    waiting = rejected(article, author, nora, RTL, Reason.HATE)
    stands = rejected(article, author, nora, "Buy two, get three. " * 20, Reason.SPAM)
    wrong = rejected(article, make_user("Ada"), tomas, "It is what the council itself wrote.", Reason.MISINFORMATION)
    for comment, text in ((waiting, RTL), (stands, "I sell nothing."), (wrong, APPEAL)):
        lodge(statement_of(comment), db.session.get_one(User, comment.author_id), text)
    for comment, outcome, by in ((stands, Outcome.UPHELD, tomas), (wrong, Outcome.OVERTURNED, nora)):
        statement = db.session.scalars(select(Statement).where(Statement.comment_id == comment.id)).one()
        judge(appeal_about(statement), outcome, actor=by, answer="We looked at it again, all three of us.\nThe rule is about advertising.")
    banned = make_user("Zoë Quay")
    make_comment(article, banned)
    ban = impose(banned, SanctionKind.SUSPEND, actor=nora, site=article.site, reason=Reason.ABUSE, message="Please read our guidelines before you go on.", ends_at=utcnow() + dt.timedelta(days=7))
    limited = statement_of_sanction(ban.id)
    assert limited is not None
    against = lodge(limited, banned, "It was my brother at my computer.")
    overdue = appeal_about(statement_of(waiting))
    overdue.due_at = utcnow() - dt.timedelta(days=2)
    db.session.commit()
    page = sign_in(author, size=size, dark=dark)
    for name, path in (
        ("decisions", "/account/decisions"), ("decision", f"/account/decisions/{statement_of(plain).puid}"),
        ("decision-appealed", f"/account/decisions/{statement_of(waiting).puid}"),
        ("decision-upheld", f"/account/decisions/{statement_of(stands).puid}"), ("public-modlog", "/modlog/post"),
        ("account", "/account/"),
    ):
        page.goto(path)
        looked_at(page, name, dark=dark)
    theirs = sign_in(banned, size=size, dark=dark)
    theirs.goto(f"/account/decisions/{limited.puid}")
    looked_at(theirs, "decision-sanction", dark=dark)
    desk = sign_in(tomas, size=size, dark=dark)
    for name, path in (
        ("appeals", "/review/post/appeals"), ("appeal", f"/review/post/appeals/{overdue.id}"),
        ("appeals-decided", "/review/post/appeals?state=decided"),
        ("appeal-decided", f"/review/post/appeals/{appeal_about(statement_of(stands)).id}"),
        ("appeal-sanction", f"/review/post/appeals/{against.id}"), ("appeals-empty", "/review/post/appeals?whose=mine"),
        ("card-appealed", f"/review/post/comments/{waiting.id}"),
    ):
        desk.goto(path)
        looked_at(desk, name, dark=dark)
