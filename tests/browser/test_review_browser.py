"""The console in a browser: the keyboard alone, two managers at once, a connection that fails."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from sqlalchemy import func, select
from werkzeug.serving import make_server

from commentsvc.accounts.models import User
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import COOKIE, start_session
from commentsvc.comments.models import Comment, Status
from commentsvc.extensions import db
from commentsvc.moderation import decide
from commentsvc.moderation.flags import flag
from commentsvc.moderation.models import Decision, Reason, Screening
from commentsvc.screening.toxicity import LABELS
from commentsvc.sites.models import Article, Site
from tests.browser.accessibility import axe
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

LONG_NAME = ("Wilhelmina Featherstonehaugh of the Harbour Wall " * 5)[:200]
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 320, "height": 640}
# Of one area's pages. test_console_accessible.py and test_readers_accessible.py walk every address wide in the dark and on a phone in the light;
# wide in the light is for pictures.
LOOKS = [pytest.param(PHONE, True, id="phone-dark")]
if os.environ.get("COMMENTSVC_TEST_PICTURES"):
    LOOKS.insert(0, pytest.param(WIDE, False, id="wide-light"))


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where the application is served while the test runs."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


SignIn = Callable[..., Page]


@pytest.fixture
def sign_in(app: Flask, browser: Browser, address: str) -> Iterator[SignIn]:
    """A page of a browser of the person's own, signed in; what the console logs as an error fails."""
    problems: list[str] = []
    serializer = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]

    with ExitStack() as opened:
        def open_for(person: User, *, size: dict[str, int] = WIDE, dark: bool = False) -> Page:
            token = start_session(person, device="a test")
            db.session.commit()
            context: BrowserContext = browser.new_context(
                base_url=address, viewport=size, color_scheme="dark" if dark else "light",  # type: ignore[arg-type]
                reduced_motion="reduce",
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


@pytest.fixture
def site(app: Flask) -> Site:
    return make_site(key="post", name="The Post")


@pytest.fixture
def article(site: Site) -> Article:
    return make_article(site, title="The wall")


@pytest.fixture
def anna(site: Site) -> User:
    return make_user("Anna Berg", role=Role.COMMUNITY_MANAGER, site=site)


@pytest.fixture
def held(article: Article) -> list[Comment]:
    return [
        make_comment(article, make_user(f"Author {n}"), f"Doubtful remark {n}.", status=Status.HELD) for n in range(1, 6)
    ]


def status(comment: Comment) -> str:
    db.session.rollback()
    found = db.session.scalar(select(Comment.status).where(Comment.id == comment.id))
    db.session.rollback()
    assert found is not None
    return found


def becomes(page: Page, comment: Comment, wanted: str) -> None:
    """The next card is there at once: before the decision on the last one is stored."""
    for _ in range(100):
        if status(comment) == wanted:
            return
        page.wait_for_timeout(50)
    assert status(comment) == wanted


def open_queue(page: Page, queue: str = "held") -> None:
    page.goto(f"/review/post/{queue}")
    page.wait_for_selector("html[data-ready]")


def says(page: Page, text: str) -> None:
    expect(page.locator("#card .said")).to_contain_text(text)


def poll(page: Page) -> None:
    """Have the page ask for the counts now, as when somebody comes back to its tab."""
    with page.expect_response(re.compile("/counts")):
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")


def test_a_queue_is_worked_through_with_the_keyboard_alone(
    sign_in: SignIn, anna: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    press = page.keyboard.press
    says(page, "Doubtful remark 1.")
    press("j")
    says(page, "Doubtful remark 2.")
    expect(page).to_have_url(re.compile(rf"comment={held[1].id}$"))
    press("k")
    says(page, "Doubtful remark 1.")

    press("a")
    says(page, "Doubtful remark 2.")
    expect(page.locator(".rows li[data-id]")).to_have_count(4)
    expect(page.locator(".queues [data-count=held]")).to_have_text("4")
    expect(page.locator(".toast")).to_contain_text("Published.")
    expect(page.locator("#announce")).to_contain_text("Published. Next:")
    becomes(page, held[0], "published")

    press("r")
    expect(page.locator("details.reject")).to_have_attribute("open", "")
    press("4")
    expect(page.get_by_label("Spam or advertising")).to_be_checked()
    press("Enter")
    says(page, "Doubtful remark 3.")
    becomes(page, held[1], "rejected")
    decision = decide.latest_decision(held[1].id)
    assert decision is not None
    assert decision.reason == "spam"
    db.session.rollback()

    press("u")
    says(page, "Doubtful remark 2.")
    expect(page.locator(".rows li[data-id]").first).to_contain_text("Doubtful remark 2.")  # its old place
    becomes(page, held[1], "held")

    press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()

    # The place is in the address: a reload, or a colleague, finds the same comment.
    page.reload()
    says(page, "Doubtful remark 2.")
    press("4")
    expect(page).to_have_url(re.compile("/approved$"))
    says(page, "Doubtful remark 1.")


def test_the_reason_picker_is_left_without_rejecting_and_keys_are_letters_in_a_note(
    sign_in: SignIn, anna: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    page.keyboard.press("r")
    page.keyboard.press("1")
    page.get_by_label("Note for colleagues").focus()
    page.keyboard.type("jar 12?")
    expect(page.get_by_label("Note for colleagues")).to_have_value("jar 12?")
    expect(page.get_by_label("Personal attack or insult")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.locator("details.reject")).not_to_have_attribute("open", "")
    says(page, "Doubtful remark 1.")
    # Opened again, what was typed is still there.
    page.keyboard.press("r")
    expect(page.get_by_label("Note for colleagues")).to_have_value("jar 12?")
    assert status(held[0]) == "held"


def test_enter_without_a_reason_rejects_nothing(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    open_queue(page)
    page.keyboard.press("r")
    page.keyboard.press("Enter")
    page.wait_for_timeout(200)
    says(page, "Doubtful remark 1.")
    assert status(held[0]) == "held"


def test_single_keys_can_be_switched_off(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    open_queue(page)
    page.get_by_role("button", name="Keys").click()
    page.get_by_label("Use single keys on this device").uncheck()
    page.get_by_role("dialog").get_by_role("button", name="Close").click()
    page.keyboard.press("a")
    page.wait_for_timeout(200)
    assert status(held[0]) == "held"


def test_two_managers_on_one_comment_the_second_sees_who_was_first_and_keeps_her_note(
    sign_in: SignIn, anna: User, site: Site, held: list[Comment]
) -> None:
    first, second = sign_in(anna), sign_in(make_user("Ben Okafor", role=Role.COMMUNITY_MANAGER, site=site))
    open_queue(first)
    open_queue(second)
    first.keyboard.press("a")
    says(first, "Doubtful remark 2.")
    second.keyboard.press("r")
    second.keyboard.press("1")
    second.get_by_label("Note for colleagues").fill("My careful note")
    second.keyboard.press("Enter")
    expect(second.locator("#card [role=alert]").first).to_contain_text("Anna Berg has already published this comment")
    expect(second.get_by_label("Note for colleagues")).to_have_value("My careful note")
    expect(second.locator(".said-head .pill")).to_have_text("Published")
    assert status(held[0]) == "published"
    # Knowing that, he decides again, and it counts.
    second.keyboard.press("Enter")
    says(second, "Doubtful remark 2.")
    becomes(second, held[0], "rejected")


def test_managers_who_start_at_the_same_comment_are_not_led_over_each_others_work(
    sign_in: SignIn, anna: User, site: Site, held: list[Comment]
) -> None:
    first, second = sign_in(anna), sign_in(make_user("Ben", role=Role.COMMUNITY_MANAGER, site=site))
    open_queue(first)
    open_queue(second)
    second.keyboard.press("j")
    says(second, "Doubtful remark 2.")
    with second.expect_response(re.compile("/approve")):
        second.keyboard.press("a")  # the next is shown before this is stored
    says(second, "Doubtful remark 3.")
    first.keyboard.press("a")
    says(first, "Doubtful remark 3.")
    expect(first.locator(".rows li[data-id]")).to_have_count(3)


def test_counts_are_live_and_the_list_does_not_jump(
    sign_in: SignIn, anna: User, article: Article, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    poll(page)
    expect(page.locator(".fresh")).to_be_hidden()
    make_comment(article, None, "It came later.", status=Status.HELD)
    poll(page)
    expect(page.locator(".queues [data-count=held]")).to_have_text("6")
    expect(page.locator(".fresh")).to_have_text("1 new")
    expect(page.locator(".rows li[data-id]")).to_have_count(5)
    # Somebody decides what is open here: the card says so, and stays.
    db.session.refresh(held[0])
    decide.approve(held[0], actor=anna, seen=held[0].version)
    db.session.commit()
    poll(page)
    expect(page.locator(".stale")).to_be_visible()
    says(page, "Doubtful remark 1.")
    page.get_by_role("link", name="Show how it stands").click()
    expect(page.locator(".said-head .pill")).to_have_text("Published")


def test_without_a_connection_decisions_are_kept_and_sent_when_it_is_back(
    sign_in: SignIn, anna: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    with page.expect_response(re.compile(rf"comment={held[2].id}")):  # the next two cards are here before they are wanted
        open_queue(page)
    page.context.set_offline(True)
    page.keyboard.press("r")
    page.keyboard.press("2")
    page.get_by_label("Note for colleagues").fill("Kept")
    page.keyboard.press("Enter")
    says(page, "Doubtful remark 2.")
    expect(page.locator(".sending")).to_contain_text("Not saved yet: your decision on Author 1’s comment")
    page.keyboard.press("a")
    says(page, "Doubtful remark 3.")
    expect(page.locator(".sending")).to_contain_text("2 decisions")
    page.keyboard.press("a")
    expect(page.locator("#card")).to_contain_text("could not be loaded")
    assert [status(comment) for comment in held[:3]] == ["held"] * 3
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.close(run_before_unload=True)  # asks before what is not sent is lost
    page.wait_for_timeout(300)
    assert not page.is_closed()

    page.context.set_offline(False)
    expect(page.locator(".sending")).to_be_hidden()
    says(page, "Doubtful remark 4.")
    assert [status(comment) for comment in held[:3]] == ["rejected", "published", "published"]
    decision = decide.latest_decision(held[0].id)
    assert decision is not None
    assert decision.note == "Kept"
    db.session.rollback()


def test_a_decision_whose_answer_was_lost_is_not_made_twice(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    open_queue(page)
    lost: list[str] = []

    def lose(route: Route) -> None:
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch().text())
            route.abort()

    page.route("**/approve", lose)
    page.keyboard.press("a")
    expect(page.locator(".sending")).to_contain_text("Not saved yet")
    expect(page.locator(".sending")).to_be_hidden()
    says(page, "Doubtful remark 2.")
    assert lost
    assert status(held[0]) == "published"
    assert db.session.scalar(select(func.count()).where(Decision.comment_id == held[0].id, Decision.actor_id == anna.id)) == 1
    db.session.rollback()


def test_a_session_that_ended_keeps_the_card_and_offers_to_sign_in(
    sign_in: SignIn, anna: User, held: list[Comment]
) -> None:
    page = sign_in(anna)
    open_queue(page)
    page.context.clear_cookies()
    page.keyboard.press("a")
    expect(page.locator(".failed")).to_contain_text("you are signed out")
    expect(page.locator(".failed").get_by_role("link")).to_have_attribute("href", re.compile("/account/sign-in"))
    says(page, "Doubtful remark 1.")
    assert status(held[0]) == "held"


def test_the_last_decision_leaves_a_page_that_says_so(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna)
    open_queue(page)
    for left in range(4, -1, -1):
        page.keyboard.press("a")
        expect(page.locator(".queues [data-count=held]")).to_have_text(str(left))
        expect(page.locator("#card")).to_have_attribute("aria-busy", "false")  # nobody decides on what she has not seen
    expect(page.locator("#card")).to_contain_text("No held comments")
    page.keyboard.press("u")
    says(page, "Doubtful remark 5.")


def test_a_long_queue_is_loaded_while_it_is_worked_through(sign_in: SignIn, anna: User, article: Article) -> None:
    author = make_user("Author")
    comments = [make_comment(article, author, f"Remark {n:03}.", status=Status.HELD) for n in range(40)]
    page = sign_in(anna)
    page.goto(f"/review/post/held?comment={comments[22].id}")
    expect(page.locator(".rows li[data-id]")).to_have_count(40)
    for n in range(23, 29):
        page.keyboard.press("j")
        says(page, f"Remark {n:03}.")


@pytest.fixture
def everything(article: Article, site: Site, anna: User) -> Comment:
    """Something on every page: long and right-to-left names, marks, scores, flags, a parent."""
    parent = make_comment(article, make_user("نور الهدى"), "هل سأل أحد عن السباحين؟ " * 20)
    flag(parent, make_user("Flora"), "abuse", "He always says this.")
    decide.reject(
        make_comment(article, status=Status.HELD), actor=anna, reason=Reason.SPAM, seen=2, note="Unbroken" * 20
    )
    held = make_comment(
        article, make_user(LONG_NAME), f"You moron, read *this*: https://example.org/{'x' * 200}",
        parent=parent, status=Status.HELD,
    )
    db.session.add(Screening(
        site_id=held.site_id, comment_id=held.id, revision=1, verdict="hold",
        scores=dict.fromkeys(LABELS, 0.2) | {"insult": 0.9}, model_name="m", model_version="1", model_sha256="0" * 64,
        findings=[
            {"phase": "banned_phrases", "reason": "banned_phrase", "message": "", "verdict": "hold",
             "matches": [{"start": 4, "end": 9, "phrase": "moron"}], "labels": None},
            {"phase": "toxicity", "reason": "abuse", "message": "", "verdict": "hold", "matches": [], "labels": {"insult": 0.9},
             "explanation": {"sentences": [{"start": 0, "end": 22, "score": 0.9}], "words": [{"start": 4, "end": 9, "score": 0.9}, {"start": 11, "end": 15, "score": 0.5}]}},
        ],
    ))
    db.session.commit()
    return held


PAGES = ("held", "flagged", "new", "approved", "rejected", "comments/1", "modlog", "articles", "settings", "team", "audit")


@pytest.mark.parametrize(("size", "dark"), LOOKS)
def test_every_page_is_accessible_and_fits(
    sign_in: SignIn, site: Site, everything: Comment, size: dict[str, int], dark: bool
) -> None:
    page = sign_in(make_user("Ada Admin", role=Role.ADMIN, site=site, email="ada@example.org"), size=size, dark=dark)
    for name in (*PAGES, f"held?comment={everything.id}", "picker"):
        if name == "picker":
            page.locator("details.reject > summary").click()
        else:
            page.goto(f"/review/post/{name}")
        found = axe(page)
        assert found.violations_count == 0, f"{name}: {found.generate_report()}"
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= size["width"], name


@pytest.mark.parametrize("dark", [False, True])
def test_each_kind_of_mark_has_a_shape_and_is_spoken_but_not_copied(
    sign_in: SignIn, anna: User, everything: Comment, dark: bool
) -> None:
    page = sign_in(anna, dark=dark)
    page.goto(f"/review/post/held?comment={everything.id}")
    text = page.locator(".said > .text")
    expect(page.locator(".marks-key")).to_contain_text("this sentence raises the model's scores")
    looks = [
        text.locator(kind).first.evaluate("""e => { const s = getComputedStyle(e);
            return [s.textDecorationStyle, s.textDecorationThickness, s.borderTopWidth, s.color, s.backgroundColor].join() }""")
        for kind in (".doubtful", ".word", ".phrase")
    ]
    assert len({look.rsplit(",rgb", 2)[0] for look in looks}) == 3, looks  # told apart without colour
    spoken = text.aria_snapshot()
    for words in ("raises the scores", "weighs most", "a phrase of the rules"):
        assert words in spoken
    copied = text.evaluate("e => { getSelection().selectAllChildren(e); return getSelection().toString() }")
    assert copied.strip() == everything.body


def test_the_usual_decision_needs_no_scroll(sign_in: SignIn, anna: User, everything: Comment) -> None:
    page = sign_in(anna)
    page.goto(f"/review/post/held?comment={everything.id}")
    for locator in (page.locator(".said .text").first, page.locator(".scores"), page.get_by_role("button", name="Approve")):
        box = locator.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= WIDE["height"]


def test_on_a_phone_the_actions_stand_in_even_rows_in_long_words_too(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    anna.language = "de"
    db.session.commit()
    page = sign_in(anna, size=PHONE)
    page.goto(f"/review/post/held?comment={held[0].id}")
    expect(page.get_by_role("button", name="Freigeben")).to_be_visible()
    boxes = [box for button in page.locator(".card .actions .button:visible").all() if (box := button.bounding_box()) is not None]
    middles = sorted({round(box["y"] + box["height"] / 2) for box in boxes})
    assert len(middles) == 2  # what decides, and below it what does not
    for middle in middles:
        row = [box for box in boxes if round(box["y"] + box["height"] / 2) == middle]
        assert len(row) >= 2
        assert max(box["x"] + box["width"] for box in row) - min(box["x"] for box in row) >= PHONE["width"] - 40


def test_every_queue_s_name_stays_on_one_line(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    anna.language = "de"
    db.session.commit()
    page = sign_in(anna)
    page.goto("/review/post/held")
    page.locator(".queues [aria-current] .count").evaluate("count => { count.textContent = '999+' }")  # the widest there is
    heights = page.locator(".queues li a").evaluate_all("all => all.map(a => Math.round(a.getBoundingClientRect().height))")
    assert len(heights) >= 5
    assert len(set(heights)) == 1


def test_on_a_phone_one_area_is_shown_at_a_time(sign_in: SignIn, anna: User, held: list[Comment]) -> None:
    page = sign_in(anna, size=PHONE)
    open_queue(page)
    expect(page.locator("#card")).to_be_hidden()
    page.get_by_role("link", name="Doubtful remark 2.").click()
    says(page, "Doubtful remark 2.")
    expect(page.locator(".rows")).to_be_hidden()
    page.get_by_role("button", name="Approve").click()
    says(page, "Doubtful remark 3.")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".rows li[data-id]")).to_have_count(4)
    page.get_by_role("link", name="Menu").click()
    page.get_by_role("link", name=re.compile("^Approved")).click()
    expect(page).to_have_url(re.compile("/approved$"))
