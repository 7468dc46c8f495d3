"""The widget in a real browser, on a newspaper's page served from another origin."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import BrowserContext, FrameLocator, Page, expect
from sqlalchemy import select

from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment, Status
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.moderation.decide import approve
from commentsvc.sites.models import Article, Site
from tests.browser.accessibility import axe
from tests.browser.conftest import Newspaper, reload
from tests.factories import hold_as_toxic, make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

PASSWORD = "harbour wall lantern"
HOST_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The harbour wall</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'self'; script-src {service}; frame-src {service}">
</head><body><h1>The harbour wall</h1><p>It stands.</p>
<script async src="{service}/embed.js" data-site="courier" {attributes}></script></body></html>"""


@pytest.fixture
def site(app: Flask, newspaper: Newspaper) -> Site:
    return make_site(key="courier", name="The Courier", origins=[newspaper.origin])


@pytest.fixture
def article(site: Site, newspaper: Newspaper) -> Article:
    """An article with three conversations, the middle one a thread."""
    article = make_article(site, url=f"{newspaper.origin}/wall.html", title="The harbour wall")
    start = utcnow() - dt.timedelta(hours=5)
    for n, name in enumerate(["Ann Able", "Bo Baker", "Cleo Carter"]):
        comment = make_comment(
            article, make_user(name), f"Remark number {n + 1} about the wall.", created_at=start + dt.timedelta(minutes=n)
        )
        if name == "Bo Baker":
            make_comment(article, make_user("Mona Manager", role=Role.COMMUNITY_MANAGER, site=site), "Thank you, noted.", parent=comment)
    return article


@pytest.fixture
def open_page(newspaper: Newspaper, service: str) -> Callable[..., FrameLocator]:
    """Open the newspaper's article and wait for the conversation under it."""

    def open_page(page: Page, name: str = "wall.html", attributes: str = "", fragment: str = "") -> FrameLocator:
        db.session.commit()  # what the test prepared; an open transaction would keep the service waiting
        address = newspaper.publish(name, HOST_PAGE.format(service=service, attributes=attributes))
        page.goto(address + fragment)
        expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")
        return page.frame_locator("commentsvc-thread iframe")

    return open_page


def sign_up(thread: FrameLocator, mailed_code: Callable[[str], str], name: str = "Robin Marsh") -> None:
    address = f"{name.split(maxsplit=1)[0].lower()}@example.org"
    thread.get_by_label("Name").fill(name)
    thread.get_by_label("E-mail").fill(address)
    thread.get_by_label("Password").fill(PASSWORD)
    thread.get_by_role("button", name="Continue").click()
    thread.get_by_label("Code").wait_for()
    thread.get_by_label("Code").fill(mailed_code(address))
    thread.get_by_role("button", name="Confirm").click()
    expect(thread.locator("#who")).to_contain_text(name)


@pytest.mark.usefixtures("worker", "article")
def test_a_reader_signs_up_in_place_and_her_comment_is_published_in_place(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str]
) -> None:
    thread = open_page(page)
    expect(thread.get_by_role("heading", level=1)).to_have_text("4 comments")
    expect(thread.get_by_text("Welcome to The Courier comments!")).to_be_visible()
    expect(thread.locator(".badge")).to_have_text("Community Manager")

    box = thread.get_by_label("Your comment")
    box.click()
    box.fill("I walk past this wall every morning, and I am glad of it.")
    reload(page, "every morning")  # a draft survives
    expect(box).to_have_value("I walk past this wall every morning, and I am glad of it.")

    thread.get_by_role("button", name="Sign up to post").click()
    thread.get_by_label("Name").fill("Robin Marsh")
    thread.get_by_label("E-mail").fill("not an address@")
    thread.locator("#account").evaluate("form => form.noValidate = true")
    thread.get_by_label("Password").fill(PASSWORD)
    thread.get_by_role("button", name="Continue").click()
    expect(thread.locator("#a-email-told")).to_contain_text("e-mail address")
    expect(thread.get_by_label("Name")).to_have_value("Robin Marsh")
    expect(box).to_have_value(re.compile("glad of it"))  # the text stays above the form
    sign_up(thread, mailed_code)
    expect(box).to_have_value(re.compile("glad of it"))

    thread.get_by_role("button", name="Post").click()
    own = thread.locator(".c", has_text="glad of it")
    expect(own).not_to_have_class(re.compile("own"))  # decided, in place
    expect(own.get_by_role("link", name="Reply")).to_be_visible()
    expect(thread.get_by_role("heading", level=1)).to_have_text("5 comments")
    expect(box).to_have_value("")

    reload(page)
    expect(thread.locator("#list > .c").first).to_contain_text("glad of it")
    expect(thread.locator("#who")).to_contain_text("Robin Marsh")  # the framed cookie holds


@pytest.mark.usefixtures("worker", "article")
def test_reply_vote_flag_sort_and_withdraw(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str]
) -> None:
    thread = open_page(page)
    ann = thread.locator("#list > .c", has_text="Ann Able")

    ann.get_by_label("Vote up").click()  # signed out: the form opens below the comment
    expect(thread.get_by_text("Sign up or sign in to vote.")).to_be_visible()
    sign_up(thread, mailed_code)
    up = ann.get_by_label("Vote up")
    up.click()
    expect(up).to_have_attribute("aria-pressed", "true")
    expect(up).to_have_text("1")
    expect(up).to_have_accessible_name("Vote up, 1")

    ann.get_by_role("link", name="Reply").click()
    thread.get_by_label("Your reply to Ann Able").fill("The wall was built by my grandfather.")
    reload(page, "grandfather")
    reply = thread.get_by_label("Your reply to Ann Able")
    expect(reply).to_have_value("The wall was built by my grandfather.")
    expect(up).to_have_attribute("aria-pressed", "true")  # own votes come with the second request
    thread.locator("#reply").get_by_role("button", name="Post").click()
    mine = ann.locator(".replies .c")
    expect(mine).to_contain_text("grandfather")
    expect(mine).not_to_have_class(re.compile("own"))

    bo = thread.locator("#list > .c", has_text="Bo Baker")
    bo.get_by_label("More").first.click()
    bo.get_by_role("link", name="Flag").first.click()
    bo.get_by_label("It is off topic").check()
    bo.get_by_role("button", name="Flag").click()
    expect(bo.get_by_text("A community manager will look")).to_be_visible()

    names = thread.locator("#list > .c > .by .name")
    expect(names).to_have_text(["Cleo Carter", "Bo Baker", "Ann Able"])
    thread.get_by_label("Sort by").select_option("Top")
    expect(names).to_have_text(["Ann Able", "Cleo Carter", "Bo Baker"])
    thread.get_by_label("Sort by").select_option("Oldest")
    expect(names).to_have_text(["Ann Able", "Bo Baker", "Cleo Carter"])

    mine.get_by_label("More").click()
    mine.get_by_role("link", name="Withdraw").click()
    mine.get_by_role("button", name="Withdraw").click()
    expect(mine).to_have_text("Withdrawn by its author")


@pytest.mark.usefixtures("worker", "article")
def test_a_toxic_comment_is_held_and_appears_when_a_manager_approves_it(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str], site: Site
) -> None:
    thread = open_page(page)
    thread.get_by_role("link", name="Sign up").click()
    sign_up(thread, mailed_code)
    box = thread.get_by_label("Your comment")
    box.fill("You are all stupid idiots and I hate you.")
    thread.get_by_role("button", name="Post").click()
    own = thread.locator("#mine .c")
    expect(own).to_contain_text("A community manager will read this first.")
    expect(own.locator("mark")).to_contain_text("stupid idiots")

    comment = db.session.query(Comment).filter_by(status=Status.HELD).one()
    approve(comment, actor=make_user(role=Role.COMMUNITY_MANAGER, site=site), seen=comment.version)
    db.session.commit()
    reload(page)
    expect(thread.locator("#list > .c").first).to_contain_text("stupid idiots")
    expect(thread.locator("#mine .c")).to_have_count(0)


SHARP = "I read it twice. You fool, it is all wrong! My grandfather built it."


def post_and_hold(thread: FrameLocator, text: str = SHARP) -> None:
    """Post, and have the model find the second sentence toxic while the author looks on."""
    thread.get_by_label("Your comment").fill(text)
    thread.get_by_role("button", name="Post").click()
    expect(thread.locator("#mine .c").first).to_contain_text("Being checked.")
    comment = db.session.query(Comment).filter_by(status=Status.PENDING).one()
    hold_as_toxic(comment, (17, 43))


@pytest.mark.usefixtures("article")
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1024, "dark")])
def test_an_author_is_shown_the_sentence_that_may_hurt_and_says_it_differently(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str], width: int, scheme: Any
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    thread = open_page(page, attributes=f'data-theme="{scheme}"')
    thread.get_by_role("link", name="Sign up").click()
    sign_up(thread, mailed_code)
    post_and_hold(thread)
    own = thread.locator("#mine .c")
    expect(own).to_contain_text("A community manager will read this first.")  # in place, by polling
    expect(own.locator("mark")).to_have_text("This may hurt someone: You fool, it is all wrong!")
    expect(thread.locator("#live")).to_contain_text("This may hurt someone: You fool, it is all wrong!")
    expect(own).to_be_focused()
    frame = page.frames[1]
    frame.evaluate("document.body.style.background = getComputedStyle(document.body).getPropertyValue('--page')")
    found = axe(frame, runOnly=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
    assert found.violations_count == 0, found.generate_report()

    box = thread.get_by_label("Your comment", exact=True)
    box.fill("Something else I was writing.")
    own.get_by_role("link", name="Edit").click()
    edit = thread.get_by_label("Your comment, to edit")
    expect(edit).to_have_value(SHARP)
    expect(edit).to_be_focused()
    expect(box).to_have_value("Something else I was writing.")
    thread.get_by_role("link", name="Cancel").click()
    own.get_by_role("button", name="Post for review").click()
    expect(own).to_contain_text("Waiting for a community manager.")
    expect(own.locator("mark")).to_have_count(0)
    expect(own).to_be_focused()
    reload(page)
    expect(own).to_contain_text("Waiting for a community manager.")


@pytest.mark.usefixtures("article")
def test_a_held_reply_is_edited_below_what_it_answers(
    page: Page, open_page: Callable[..., FrameLocator], mailed_code: Callable[[str], str]
) -> None:
    thread = open_page(page)
    thread.get_by_role("link", name="Sign up").click()
    sign_up(thread, mailed_code)
    ann = thread.locator("#list > .c", has_text="Ann Able")
    ann.get_by_role("link", name="Reply").click()
    thread.get_by_label("Your reply to Ann Able").fill(SHARP)
    thread.locator("#reply").get_by_role("button", name="Post").click()
    expect(ann.locator(".own")).to_contain_text("Being checked.")
    hold_as_toxic(db.session.query(Comment).filter_by(status=Status.PENDING).one(), (17, 43))
    ann.get_by_role("link", name="Edit").click()
    edit = thread.get_by_label("Your comment, to edit")
    expect(edit).to_have_value(SHARP)
    expect(edit).to_be_focused()


@pytest.mark.usefixtures("article")
def test_a_page_that_reads_from_the_right_gets_a_conversation_that_does(
    page: Page, open_page: Callable[..., FrameLocator], newspaper: Newspaper, service: str
) -> None:
    thread = open_page(page)
    expect(thread.locator("html")).to_have_attribute("dir", "ltr")
    html = HOST_PAGE.replace('<html lang="en">', '<html lang="ar" dir="rtl">')
    page.goto(newspaper.publish("wall.html", html.format(service=service, attributes="")))
    expect(thread.locator("html")).to_have_attribute("dir", "rtl")
    count, width = thread.get_by_role("heading", level=1), page.viewport_size
    box = count.bounding_box()
    assert box is not None
    assert width is not None
    assert box["x"] > width["width"] / 2
    expect(count).to_have_css("unicode-bidi", "plaintext")


def test_an_origin_that_is_not_the_sites_is_named_in_the_console(
    page: Page, newspaper: Newspaper, service: str, site: Site
) -> None:
    site.origins = ["https://elsewhere.example"]
    db.session.commit()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "warning" else None)
    page.goto(newspaper.publish("wall.html", HOST_PAGE.format(service=service, attributes="")))
    expect(page.get_by_text("this website is not yet among those that may show them")).to_be_visible()
    told = [text for text in said if text.startswith("commentsvc:")]
    assert len(told) == 1
    assert f"If {newspaper.origin} is not among the origins of the site" in told[0]
    assert f"{service}/review/" in told[0]


@pytest.mark.usefixtures("article")
def test_readers_from_campaigns_meet_in_one_conversation(page: Page, open_page: Callable[..., FrameLocator]) -> None:
    for query in ("?utm_source=mail&utm_campaign=a%20b", "?fbclid=x", "?gclid=1&mc_eid=2#top"):
        thread = open_page(page, fragment=query)
        expect(thread.get_by_role("heading", level=1)).to_have_text("4 comments")
        assert "utm_" not in page.frames[1].url
        assert "clid" not in page.frames[1].url
    open_page(page, fragment="?page=2&utm_source=mail&x=a%20b")
    assert "wall.html%3Fpage%3D2%26x%3Da%2520b&" in page.frames[1].url


@pytest.mark.usefixtures("article")
def test_the_welcome_takes_one_line_of_a_phone_until_it_is_opened(page: Page, open_page: Callable[..., FrameLocator]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    thread = open_page(page)
    welcome = thread.locator(".welcome")
    height = "e => e.getBoundingClientRect().height"
    assert welcome.evaluate(height) < 45
    thread.get_by_text("Welcome to The Courier comments!").click()
    expect(welcome).to_have_attribute("open", "")
    assert welcome.evaluate(height) > 80


def test_show_more_moves_focus_to_the_first_new_comment(
    page: Page, open_page: Callable[..., FrameLocator], article: Article
) -> None:
    author, start = make_user("Dora Deep"), utcnow() - dt.timedelta(hours=4)
    for n in range(20):
        make_comment(article, author, f"Later remark {n}.", created_at=start + dt.timedelta(minutes=n))
    thread = open_page(page)
    more = thread.get_by_role("link", name="Show More Comments")
    expect(more).to_contain_text("4 left")
    more.focus()
    page.keyboard.press("Enter")
    expect(thread.locator("#list > .c")).to_have_count(23)
    expect(thread.locator("#list > .c").nth(20)).to_be_focused()
    expect(more).to_have_count(0)


def test_the_element_by_hand_on_a_dark_page_and_counts_on_a_front_page(
    page: Page, newspaper: Newspaper, service: str, article: Article
) -> None:
    db.session.commit()
    page.goto(newspaper.publish("front.html", f"""<!doctype html><title>Front</title><body style="background: #111">
        <a href="/wall.html"><span data-commentsvc-count="{article.url}"></span></a>
        <span id="none" data-commentsvc-count="/other.html"></span>
        <commentsvc-thread data-site="courier" data-url="{article.url}"></commentsvc-thread>
        <script async src="{service}/embed.js"></script>
        <script async src="{service}/counts.js" data-site="courier" data-lang="fr"></script>"""))
    expect(page.locator("a span")).to_have_text("4 commentaires")
    expect(page.locator("#none")).to_have_text("0 commentaire")
    html = page.frame_locator("commentsvc-thread iframe").locator("html")
    expect(html).to_have_attribute("data-theme", "dark")  # "auto" is what the page looks like
    page.evaluate("document.body.style.background = '#fff'")
    expect(html).to_have_attribute("data-theme", "light")  # and stays so when readers switch it


@pytest.mark.usefixtures("article")
def test_what_came_since_is_announced_and_shown_when_the_reader_wants_it(
    page: Page, article: Article, open_page: Callable[..., FrameLocator]
) -> None:
    page.clock.install()
    thread = open_page(page)
    expect(thread.locator("#news")).to_be_hidden()
    root = make_comment(article, make_user("Dora Dean"), "A new remark.")
    make_comment(article, make_user("Ed Eves"), "A new answer.", parent=root)
    page.clock.fast_forward(25_000)
    expect(thread.locator("#news")).to_have_text("Show 2 new comments")
    expect(thread.locator("#live")).to_have_text("2 new comments came in.")
    expect(thread.get_by_role("heading", level=1)).to_have_text("6 comments")
    expect(thread.get_by_text("A new remark.")).to_have_count(0)  # nothing moves by itself
    thread.locator("#news").press("Enter")
    expect(thread.locator(".c.fresh")).to_have_count(2)
    expect(thread.locator(".c.fresh").first).to_be_focused()
    expect(thread.locator("#live")).to_have_text("2 new comments shown.")
    expect(thread.locator("#news")).to_be_hidden()
    page.clock.fast_forward(60_000)
    expect(thread.locator("#news")).to_be_hidden()


def test_a_folded_thread_stays_folded_until_a_link_leads_into_it(
    page: Page, article: Article, open_page: Callable[..., FrameLocator]
) -> None:
    thread = open_page(page)
    reply = thread.locator(".c", has_text="Thank you, noted.").last
    fold = thread.get_by_role("button", name="Hide replies")
    fold.press("Enter")
    expect(reply).to_be_hidden()
    expect(thread.get_by_role("button", name="Show 1 reply")).to_have_attribute("aria-expanded", "false")
    # What is kept comes from the page around it, which may be busy: after the answer who she is.
    page.add_init_script("parent === window && addEventListener('message', () => { for (const end = Date.now() + 600; Date.now() < end;); }, { once: true })")
    reload(page, "folded:")
    expect(thread.get_by_role("button", name="Show 1 reply")).to_be_visible()
    expect(reply).to_be_hidden()
    answer = db.session.scalars(select(Comment).where(Comment.parent_id.is_not(None))).one()
    page.goto("about:blank")
    thread = open_page(page, fragment=f"#comment-{answer.id}")
    expect(thread.locator(".here")).to_be_visible()
    thread.get_by_role("button", name="Hide replies").click()
    thread.get_by_role("button", name="Show 1 reply").click()
    expect(reply).to_be_visible()


@pytest.mark.usefixtures("article")
def test_a_link_to_a_comment_shows_it(page: Page, open_page: Callable[..., FrameLocator]) -> None:
    first = db.session.query(Comment).order_by(Comment.id).first()
    assert first is not None
    thread = open_page(page, fragment=f"#comment-{first.id}")
    expect(thread.locator(f"#comment-{first.id}")).to_have_class(re.compile("here"))


@pytest.mark.usefixtures("article")
def test_without_a_connection_the_text_stays_and_the_page_says_so(
    page: Page, context: BrowserContext, open_page: Callable[..., FrameLocator]
) -> None:
    thread = open_page(page)
    thread.get_by_label("Your comment").fill("Written in a tunnel.")
    context.set_offline(True)
    expect(thread.locator("#offline")).to_be_visible()
    thread.get_by_role("button", name="Sign up to post").click()
    expect(thread.get_by_role("alert").filter(has_text="cannot be reached")).to_be_visible()
    expect(thread.get_by_label("Your comment")).to_have_value("Written in a tunnel.")
    context.set_offline(False)
    thread.get_by_role("button", name="Try again").click()
    expect(thread.get_by_label("Name")).to_be_visible()


def test_a_blocked_frame_says_so_and_offers_to_try_again(
    page: Page, newspaper: Newspaper, service: str, site: Site
) -> None:
    db.session.commit()
    page.route("**/embed/courier/thread**", lambda route: route.abort())
    page.goto(newspaper.publish("wall.html", HOST_PAGE.format(service=service, attributes='data-lang="de"')))
    page.get_by_role("button", name="Noch einmal versuchen").wait_for()  # the service itself is there, and says it in German
    page.unroute_all()
    page.get_by_role("button", name="Noch einmal versuchen").click()
    expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")
    expect(page.locator("commentsvc-thread iframe")).to_have_attribute("title", re.compile("^Kommentare"))


@pytest.mark.usefixtures("article")
@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (768, "dark")])
def test_no_sideways_scroll_and_no_accessibility_problem(
    page: Page, open_page: Callable[..., FrameLocator], article: Article, width: int, scheme: Any
) -> None:
    name = "Maximiliana " * 16
    parent = make_comment(article, make_user(name.strip()), "Longwordwithoutanybreak" * 12)
    for n in range(6):
        parent = make_comment(article, make_user(f"שרה {n}"), "תגובה בעברית, עם https://example.org/" + "a" * 90, parent=parent)
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    thread = open_page(page, attributes=f'data-theme="{scheme}" data-accent="#ffcc00"')
    thread.get_by_label("Your comment").click()
    thread.get_by_role("link", name="Sign up").click()
    expect(thread.get_by_label("Name")).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    body = thread.locator("body")
    assert body.evaluate("body => body.scrollWidth <= body.clientWidth + 1")
    height = page.locator("commentsvc-thread iframe").evaluate("frame => frame.clientHeight")
    assert abs(body.evaluate("body => body.offsetHeight") - height) <= 2  # the frame fits its page
    small = thread.locator("a, button, summary, select").evaluate_all(
        "all => all.filter(e => e.checkVisibility() && !e.closest('.text, .to, .quiet, p') && !e.matches('.when')"
        " && (e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24)).map(e => e.outerHTML)"
    )
    assert small == []
    frame = page.frames[1]
    assert "/thread?" in frame.url
    # The frame is see-through, which axe takes for white: give it the ground that shows through.
    frame.evaluate("document.body.style.background = getComputedStyle(document.body).getPropertyValue('--page')")
    found = axe(frame, runOnly=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(("tag", "count", "way"), [("ar", "4 تعليقات", "rtl"), ("de", "4 Kommentare", "ltr")])
def test_another_language_fits_a_small_screen(page: Page, open_page: Callable[..., FrameLocator], article: Article, tag: str, count: str, way: str) -> None:
    page.set_viewport_size({"width": 320, "height": 800})
    talk = open_page(page, attributes=f'data-lang="{tag}"')
    expect(talk.locator("#count")).to_have_text(count)
    root = talk.locator("html")
    expect(root).to_have_attribute("dir", way)
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
    talk.locator("#editor textarea").click()
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
    talk.locator("#who a").last.click()
    expect(talk.locator("#account h2")).to_be_visible()
    assert root.evaluate("el => el.scrollWidth <= el.clientWidth")
