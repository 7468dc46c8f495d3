"""Deciding in a browser: many at once, marks, colleagues, screens that follow each other, and the thread itself."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from commentsvc.accounts.models import User
from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.embed.cache import pages
from commentsvc.extensions import db
from commentsvc.moderation import decide
from commentsvc.moderation.models import Screening
from commentsvc.sites.models import Article, Site
from tests.accounts.browsing import PASSWORD
from tests.browser import test_review_browser as console
from tests.browser.accessibility import axe
from tests.browser.test_review_browser import PHONE, SignIn, open_queue, poll, says, status
from tests.factories import fresh, hold_as_toxic, make_comment, make_user

address, sign_in, site, article, anna, held = (
    console.address, console.sign_in, console.site, console.article, console.anna, console.held,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def ben(site: Site) -> User:
    return make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=site)


def row(page: Page, comment: Comment) -> Locator:
    return page.locator(f'.rows li[data-id="{comment.id}"]')


def ready(page: Page) -> None:
    """The card on show has come: keys mean it."""
    expect(page.locator("#card")).not_to_have_attribute("aria-busy", "true")


def test_the_next_card_is_there_before_the_decision_has_arrived(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    waiting: list[Route] = []
    with page.expect_response(re.compile(rf"comment={held[2].id}")):
        open_queue(page)
    page.route("**/approve", lambda route: waiting.append(route))  # noqa: PLW0108 - Playwright wants a function
    page.keyboard.press("a")
    says(page, "Doubtful remark 2.")
    expect(page.locator(".toast")).to_contain_text("Published.")
    expect(page.locator(".queues [data-count=held]")).to_have_text("4")
    assert status(held[0]) == "held"
    waiting[0].continue_()
    expect(page.locator(".toast form")).to_have_count(1)  # the server's own: it can be undone
    assert status(held[0]) == "published"
    page.keyboard.press("u")
    says(page, "Doubtful remark 1.")
    assert status(held[0]) == "held"


def test_a_refused_decision_comes_back_but_not_under_the_hands_of_somebody_who_types(
    sign_in: SignIn, anna: User, ben: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    ready(page)
    decide.approve(held[0], actor=ben, seen=held[0].version)
    db.session.commit()
    waiting: list[Route] = []
    page.route("**/approve", lambda route: waiting.append(route))  # noqa: PLW0108 - Playwright wants a function
    page.keyboard.press("a")
    says(page, "Doubtful remark 2.")
    page.keyboard.press("r")
    page.get_by_label("Note for colleagues").fill("I am writing this")
    waiting[0].continue_()
    expect(page.locator(".sending")).to_contain_text("Ben Okafor has already published")
    expect(page.get_by_label("Note for colleagues")).to_have_value("I am writing this")
    expect(row(page, held[0])).to_have_class(re.compile("settled|^$"))
    page.get_by_role("button", name="Show it").click()
    says(page, "Doubtful remark 1.")
    expect(page.locator("#card .problem")).to_contain_text("Ben Okafor has already published this comment")


def test_a_whole_session_with_the_keyboard_alone(sign_in: SignIn, anna: User, ben: User, held: list[Comment]) -> None:
    """Approve, skip, ask, note, select all, reject them, take it back."""
    page = sign_in(anna)
    open_queue(page)
    press = page.keyboard.press
    ready(page)
    press("s")
    says(page, "Doubtful remark 2.")
    expect(page.locator(".rows li[data-id]").last).to_contain_text("Doubtful remark 1.")
    ready(page)
    press("n")
    page.keyboard.type("He means the mayor.")
    press("Control+Enter")
    expect(page.locator("#talk")).to_contain_text("He means the mayor.")
    page.locator("#comment-title").focus()
    press("q")
    expect(page.locator("details.ask select")).to_be_focused()
    page.locator("details.ask select").select_option(label="Ben Okafor")
    press("Tab")
    page.keyboard.type("Do you agree?")
    press("Enter")
    expect(page.locator("#talk .questions")).to_contain_text("Do you agree?")
    expect(page.locator("details.ask")).not_to_have_attribute("open", "")

    press("x")
    expect(page.locator("#bulk")).to_contain_text("1 selected")
    press("Shift+X")
    expect(page.locator("#bulk")).to_contain_text("5 selected")
    page.get_by_role("button", name="Reject", exact=True).focus()
    press("Enter")
    expect(page.locator("#bulk-dialog")).to_contain_text("Reject 5 comments?")
    press("4")
    expect(page.locator("#bulk-dialog").get_by_label("Spam or advertising")).to_be_checked()
    press("Enter")
    expect(page.locator(".toast")).to_contain_text("5 comments rejected.")
    assert [status(comment) for comment in held] == ["rejected"] * 5


def test_what_the_page_follows_meanwhile_does_not_disturb_a_batch(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    open_queue(page)
    ready(page)
    sent: list[Route] = []
    page.route("**/bulk", lambda route: sent.append(route) if "confirmed" in (route.request.post_data or "") else route.continue_())
    for n in range(5):
        page.locator('.rows input[name="item"]').nth(n).check()
    page.locator("#bulk").get_by_role("button", name="Reject").click()
    page.locator("#bulk-dialog").get_by_label("Spam or advertising").check()
    with page.expect_request(lambda request: "confirmed" in (request.post_data or "")):
        page.locator("#bulk-dialog").get_by_role("button", name="Reject 5 comments").click()
    answer = sent[0].fetch()

    def halfway(route: Route) -> None:
        """What the counts say when the first of the batch is committed and the others are not."""
        found = route.fetch()
        said = found.json()
        route.fulfill(response=found, json={**said, "changes": [one for one in said["changes"] if one["comment"] == held[0].id]})

    page.route("**/counts?*", halfway)
    poll(page)
    expect(row(page, held[0])).not_to_contain_text("by you")
    sent[0].fulfill(response=answer)
    expect(page.locator(".toast")).to_contain_text("5 comments rejected.")
    expect(page.locator("#card")).to_contain_text("No held comments")


def test_a_batch_is_undone_in_one_step_and_what_a_colleague_changed_says_why(
    sign_in: SignIn, anna: User, ben: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    ready(page)
    decide.approve(held[1], actor=ben, seen=held[1].version)
    db.session.commit()
    boxes = page.locator('.rows input[name="item"]')
    boxes.nth(0).check()
    boxes.nth(3).click(modifiers=["Shift"])
    expect(page.locator("#bulk")).to_contain_text("4 selected")
    page.locator("#bulk").get_by_role("button", name="Approve").click()
    page.locator("#bulk-dialog").get_by_role("button", name="Approve 4 comments").click()
    expect(page.locator(".toast")).to_contain_text("3 comments published. 1 left as it is")
    expect(row(page, held[1])).to_contain_text("Ben Okafor has already published this comment.")
    says(page, "Doubtful remark 5.")
    page.keyboard.press("u")
    expect(page.locator(".rows li[data-id]")).to_have_count(5)
    expect(page.locator(".toast")).to_contain_text("3 comments taken back.")
    assert [status(comment) for comment in held] == ["held", "published", "held", "held", "held"]


def test_screens_follow_each_other_and_nothing_jumps(
    sign_in: SignIn, anna: User, ben: User, held: list[Comment]
) -> None:
    first, second = sign_in(anna), sign_in(ben)
    open_queue(first)
    open_queue(second)
    ready(second)
    top = row(second, held[2]).bounding_box()
    first.keyboard.press("a")
    says(first, "Doubtful remark 2.")
    expect(first.locator(".toast form")).to_have_count(1)
    poll(second)
    expect(row(second, held[0])).to_have_class("settled")
    expect(row(second, held[0])).to_contain_text("Published by Anna Berg")
    expect(second.locator(".stale")).to_contain_text("Anna Berg has published this comment")
    assert row(second, held[2]).bounding_box() == top
    with second.expect_response("**/claim"):
        second.keyboard.press("j")
    says(second, "Doubtful remark 2.")
    poll(first)
    expect(first.locator(".here")).to_contain_text("Ben Okafor is on this comment too.")
    expect(row(first, held[1])).to_contain_text("Ben Okafor is on it")


def test_marked_words_are_blurred_until_they_are_reached(sign_in: SignIn, anna: User, article: Article) -> None:
    comment = make_comment(article, body="You utter fool.", status=Status.PENDING)
    hold_as_toxic(comment, (0, 15))
    screening = db.session.query(Screening).filter_by(comment_id=comment.id).one()
    finding = dict(screening.findings[0])
    finding["explanation"] = {"sentences": [], "words": [{"start": 10, "end": 14, "score": 0.9}]}
    screening.findings = [finding]
    db.session.commit()
    page = sign_in(anna)
    open_queue(page)
    word = page.locator(".said > .text mark.word")

    def looks() -> str:
        found: str = word.evaluate("e => getComputedStyle(e).filter")
        return found

    assert looks() == "none"
    with page.expect_response("**/blur"):
        page.keyboard.press("b")
    assert "blur" in looks()
    word.focus()
    assert looks() == "none"
    page.reload()
    assert "blur" in looks()


def test_a_pin_from_the_card_is_announced_and_can_be_ended(sign_in: SignIn, anna: User, article: Article) -> None:
    make_comment(article, body="A fine remark.")
    page = sign_in(anna)
    open_queue(page, "new")
    page.keyboard.press("p")
    expect(page.locator("#announce")).to_have_text("Pinned.")
    expect(page.locator(".said-head")).to_contain_text("Pinned")
    page.keyboard.press("f")
    expect(page.locator(".said-head")).to_contain_text("Featured")
    page.keyboard.press("p")
    expect(page.locator("#announce")).to_have_text("No longer pinned.")
    # The row knows the version: it can be selected and decided.
    page.keyboard.press("x")
    page.locator("#bulk").get_by_role("button", name="Approve").click()
    page.locator("#bulk-dialog").get_by_role("button", name="Approve 1 comment").click()
    expect(page.locator(".toast")).to_contain_text("1 comment published.")
    expect(page.locator(".toast")).not_to_contain_text("left")


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE])
def test_the_dialog_and_forms_that_open_are_accessible_and_fit(
    sign_in: SignIn, anna: User, held: list[Comment], size: dict[str, int]
) -> None:
    page = sign_in(anna, size=size)
    page.goto(f"/review/post/held?comment={held[0].id}")
    page.wait_for_selector("html[data-ready]")
    page.locator("details.ask summary").click()
    assert axe(page).violations_count == 0
    page.keyboard.press("Escape")
    page.goto("/review/post/held")
    page.wait_for_selector("html[data-ready]")
    page.locator('.rows input[name="item"]').first.check()
    page.locator("#bulk").get_by_role("button", name="Reject").click()
    expect(page.locator("#bulk-dialog")).to_be_visible()
    found = axe(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


# --- in the thread


@pytest.fixture
def thread(browser: Browser, address: str, anna: User, article: Article) -> Iterator[Page]:
    """A phone with the conversation in the widget, where Anna signs in."""
    anna.password_hash = hash_password(PASSWORD)
    db.session.commit()
    pages().clear()
    # A secure cookie is taken over plain HTTP from "localhost" alone.
    with browser.new_context(
        base_url=address.replace("127.0.0.1", "localhost"), viewport=PHONE, reduced_motion="reduce"  # type: ignore[arg-type]
    ) as context:
        context.set_default_timeout(8000)
        page = context.new_page()
        problems: list[str] = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda m: problems.append(m.text) if "Content Security Policy" in m.text else None)
        yield page
        assert problems == []


def sign_in_to_widget(page: Page, anna: User, article: Article) -> None:
    page.goto(f"/embed/post/thread?url={article.url}")
    page.locator("#who").get_by_role("link", name="Sign in").click()
    page.get_by_label("E-mail").fill(anna.email or "")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.locator("#account").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.locator("#who")).to_contain_text(anna.display_name)


def test_a_manager_moderates_in_the_thread_on_a_phone_with_the_keyboard(
    thread: Page, anna: User, article: Article
) -> None:
    comment = make_comment(article, body="A rude remark.")
    make_comment(article, body="An answer.", parent=comment)
    fine = make_comment(article, body="A fine remark.")
    sign_in_to_widget(thread, anna, article)
    moderate = thread.locator(f"#comment-{comment.id} > .acts .moderate")
    moderate.focus()
    thread.keyboard.press("Enter")
    panel = thread.locator("#moderate")
    expect(panel).to_contain_text("Published.")
    found = axe(thread)
    assert found.violations_count == 0, found.generate_report()
    assert thread.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    panel.locator("summary", has_text="Ask a colleague").click()
    panel.get_by_label("Question").fill("Is that so?")
    panel.get_by_label("Question").press("Tab")
    thread.keyboard.press("Enter")
    expect(thread.locator(f"#comment-{comment.id} > .told")).to_have_text("Asked.")
    moderate.press("Enter")
    panel.locator("summary", has_text="Reject").focus()
    thread.keyboard.press("Enter")
    panel.get_by_label("Personal attack or insult").check()
    panel.get_by_role("button", name="Reject", exact=True).press("Enter")
    gone = thread.locator(f"#comment-{comment.id}")
    expect(gone.locator("> .gone")).to_have_text("Removed by our Community Managers")
    expect(gone).to_contain_text("An answer.")
    assert status(comment) == "rejected"
    expect(gone.get_by_role("button", name="Undo")).to_be_focused()
    thread.keyboard.press("Enter")
    expect(gone.locator("> .text")).to_have_text("A rude remark.")
    assert status(comment) == "published"

    pinned = fine.id
    db.session.rollback()  # else the test's own transaction would keep the service from writing
    thread.locator(f"#comment-{pinned} > .acts .moderate").click()
    thread.get_by_role("button", name="Pin", exact=True).click()
    expect(thread.locator(f"#comment-{pinned} > .mark")).to_have_text("Pinned by The Post")
    assert fresh(article).pinned_id == pinned
    db.session.rollback()


def test_readers_load_nothing_of_it(browser: Browser, address: str, article: Article) -> None:
    make_comment(article)
    pages().clear()
    with browser.new_context(base_url=address) as context:
        page = context.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"/embed/post/thread?url={article.url}")
        page.wait_for_selector("html.known")
        assert page.locator(".moderate").count() == 0
        assert not any("moderate" in url for url in asked)
