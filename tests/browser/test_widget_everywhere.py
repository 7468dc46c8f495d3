"""The widget wherever readers meet it: small and large screens, light and dark, both directions, poor browsers and networks."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Browser, FrameLocator, Locator, Page, expect

from commentsvc.accounts.passwords import hash_password
from commentsvc.accounts.permissions import Role
from commentsvc.comments.models import Comment
from commentsvc.database import utcnow
from commentsvc.extensions import db
from commentsvc.sites.models import Article
from tests.browser.accessibility import axe
from tests.browser.conftest import Newspaper, reload
from tests.factories import make_article, make_comment, make_site, make_user

pytestmark = pytest.mark.browser

PASSWORD = "harbour wall lantern"
PAGE = """<!doctype html><html lang="{lang}" dir="{dir}" style="color-scheme: light dark"><head><meta charset="utf-8"><title>The harbour wall</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>body {{ margin: 0 8px }} commentsvc-thread {{ display: flow-root }} {css}</style></head>
<body><h1>The harbour wall</h1><p>It stands.</p>
<commentsvc-thread site="courier" {attributes}>{inside}</commentsvc-thread><footer>Printed in the harbour</footer>
<script async src="{service}/embed.js"></script></body></html>"""
SHIFTS = """window.shifts = []; new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) for (const { node } of shift.sources) shifts.push([shift.value, node?.nodeName]);
}).observe({ type: 'layout-shift', buffered: true })"""


@pytest.fixture
def article(app: Flask, newspaper: Newspaper) -> Article:
    """Twenty-five threads, one deep and with what makes pages wide, one a manager's, one with replies that are not shown."""
    site = make_site(key="courier", name="The Courier", origins=[newspaper.origin])
    article = make_article(site, url=f"{newspaper.origin}/wall.html", title="The harbour wall")
    ann, start = make_user("Ann Able", email="ann@example.org", password_hash=hash_password(PASSWORD)), utcnow() - dt.timedelta(hours=9)
    for n in range(22):
        make_comment(article, ann, f"Remark number {n} about the wall.", created_at=start + dt.timedelta(minutes=n))
    wide = make_comment(article, make_user("Maximiliana " * 15), "Longwordwithoutanybreak" * 12)
    for n in range(8):
        wide = make_comment(article, make_user(f"שרה {n}"), f"תגובה {n}, https://example.org/" + "a" * 90, parent=wide)
    asked = make_comment(article, ann, "Who pays for it?")
    mona = make_user("Mona Manager", role=Role.COMMUNITY_MANAGER, site=site)
    for n in range(6):
        make_comment(article, mona, f"Answer number {n}.", parent=asked)
    return article


@pytest.fixture
def reading(browser: Browser, newspaper: Newspaper, service: str, article: Article) -> Callable[..., Any]:
    """Open the newspaper's article in a browser of its own; fails where a script or a policy does."""

    @contextmanager
    def reading(*, lang: str = "en", attributes: str = "", inside: str = "", css: str = "", fragment: str = "", prepare: Callable[[Page], None] | None = None, **more: Any) -> Iterator[tuple[Page, FrameLocator]]:
        db.session.commit()  # an open transaction would keep the service waiting
        with browser.new_context(**({"viewport": {"width": 1024, "height": 900}} | more)) as context:
            context.set_default_timeout(15_000)
            page, wrong = context.new_page(), list[str]()
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
            if prepare:
                prepare(page)
            page.goto(newspaper.publish("wall.html", PAGE.format(
                lang=lang, dir="rtl" if lang == "ar" else "ltr", attributes=attributes, inside=inside, css=css, service=service,
            )) + fragment)
            if more.get("java_script_enabled", True):
                expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "", timeout=15_000)
            yield page, page.frame_locator("commentsvc-thread iframe")
            assert not wrong, wrong

    return reading


def check(page: Page, width: int) -> None:
    """Nothing scrolls sideways, and axe finds nothing serious."""
    frame = page.frames[1]
    assert "/thread?" in frame.url
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert frame.evaluate("document.body.scrollWidth <= document.body.clientWidth + 1")
    # The frame is see-through, which axe takes for white: give it the ground that shows through.
    frame.evaluate("document.body.style.background = getComputedStyle(document.body).getPropertyValue('--page')")
    found = axe(frame, runOnly=["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"])
    assert not [v for v in found.response["violations"] if v["impact"] in {"serious", "critical"}], found.generate_report()


@pytest.mark.parametrize(("width", "scheme", "lang"), [
    (320, "light", "en"), (320, "dark", "ar"), (768, "dark", "en"), (768, "light", "ar"), (1280, "light", "en"), (1280, "dark", "ar"),
])
def test_every_width_theme_and_direction(reading: Callable[..., Any], width: int, scheme: Any, lang: str) -> None:
    look = {"viewport": {"width": width, "height": 900}, "color_scheme": scheme}
    with reading(lang=lang, attributes=f'lang="{lang}" theme="{scheme}"', **look) as (page, thread):
        root = thread.locator("html")
        expect(root).to_have_attribute("lang", lang)
        expect(root).to_have_attribute("dir", "rtl" if lang == "ar" else "ltr")
        expect(root).to_have_attribute("data-theme", scheme)
        thread.locator("[data-act=managers]").click()
        expect(thread.locator(".here")).to_contain_text("Answer number 0.")
        thread.locator("[data-act=continue]").click()
        expect(thread.locator("#context [data-back]")).to_be_visible()
        expect(thread.locator("#context")).to_contain_text("תגובה 7")
        expect(thread.locator("#list")).to_be_hidden()
        check(page, width)
        thread.locator("[data-back]").click()
        expect(thread.locator("#list")).to_be_visible()
        expect(thread.locator("#context")).to_have_count(0)
        check(page, width)


def test_nothing_moves_while_it_loads_and_what_follows_alone_when_more_is_asked_for(
    reading: Callable[..., Any], service: str, article: Article
) -> None:
    db.session.commit()
    with urlopen(f"{service}/embed/courier/fragment?url={quote(article.url)}") as answer:
        inside = answer.read().decode()
    with reading(inside=inside, prepare=lambda page: page.add_init_script(SHIFTS)) as (page, thread):
        expect(page.locator("section.commentsvc")).to_be_hidden()  # the conversation has its place
        thread.locator("#who a").first.wait_for()
        page.wait_for_timeout(300)
        assert page.evaluate("shifts") == []
        thread.get_by_text("Show 3 more replies").click()
        expect(thread.get_by_text("Answer number 5.")).to_be_visible()
        thread.get_by_role("link", name="Show More Comments").click()
        expect(thread.get_by_text("Remark number 0 about")).to_be_visible()
        page.wait_for_timeout(300)
        assert {node for _, node in page.evaluate("shifts")} <= {"FOOTER", "#text"}


STORY = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>The harbour wall</title><link rel="icon" href="data:,">
<meta name="viewport" content="width=device-width, initial-scale=1"><style>p {{ margin: 0; padding: 16px 0; line-height: 24px }} commentsvc-thread {{ display: flow-root }} {css}</style>
<script async src="{service}/embed.js"></script></head><body><h1>The harbour wall</h1>{text}
<section><commentsvc-thread site="courier" url="{url}">{inside}</commentsvc-thread></section><aside>{related}</aside><footer>Printed in the harbour</footer></body></html>"""
MOVED = """window.moved = []; new PerformanceObserver((list) => {
  for (const shift of list.getEntries()) if (!shift.hadRecentInput) moved.push([shift.value, ...shift.sources.map(({ node }) => node?.nodeName)]);
}).observe({ type: 'layout-shift', buffered: true })"""
END = "scrollTo(0, document.documentElement.scrollHeight)"
TO_THE_END = """() => new Promise((done) => { const step = () => {
  scrollBy(0, innerHeight / 3);
  scrollY + innerHeight < document.documentElement.scrollHeight - 1 ? setTimeout(step, 30) : done();
}; step(); })"""

# The reader scrolls on in the very moment in which the conversation says how high it is.
ON = """(thread) => {
  const on = ({ data }) => { if (data.height > 0) { removeEventListener('message', on); scrollBy(0, 300); } };
  addEventListener('message', on);
  scrollBy(0, thread.getBoundingClientRect().bottom - innerHeight - 100);
}"""


def story(newspaper: Newspaper, service: str, url: str, inside: str = "", css: str = "") -> str:
    """An article of many screens, with something to read below the conversation, too."""
    paragraph = "<p>It has stood for longer than anybody can remember, and it will stand.</p>"
    return newspaper.publish("story.html", STORY.format(css=css, inside=inside, service=service, url=url, text=paragraph * 30, related=paragraph * 4))


def slow(page: Page, latency: int) -> None:
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", {"offline": False, "latency": latency, "downloadThroughput": 50_000, "uploadThroughput": 20_000})


@pytest.mark.parametrize("width", [320, 1280])
def test_the_newspapers_page_never_moves(
    browser: Browser, newspaper: Newspaper, service: str, article: Article, width: int
) -> None:
    db.session.commit()
    with urlopen(f"{service}/embed/courier/fragment?url={quote(article.url)}") as answer:
        fragment = answer.read().decode()
    url = article.url
    rooms = {"fragment": (fragment, ""), "bare": ("", ""), "room": ("", "commentsvc-thread:not([ready]) { min-height: 100vh }")}
    moved = {}

    def end(page: Page, thread: Locator) -> None:
        page.evaluate(END)

    def read(page: Page, thread: Locator) -> None:
        page.evaluate(TO_THE_END)

    def look(page: Page, thread: Locator) -> None:
        """On a slow line the reader is there first, and reads on when it has come."""
        thread.evaluate("thread => thread.scrollIntoView()")
        expect(thread).to_have_attribute("ready", "")
        page.evaluate(TO_THE_END)

    def meet(page: Page, thread: Locator) -> None:
        thread.evaluate(ON)

    with browser.new_context(viewport={"width": width, "height": 800}) as context:
        context.set_default_timeout(15_000)
        context.add_init_script(f"if (parent === window) {{ {MOVED} }}")
        for name, room in rooms.items():
            for way in (read, end, look, meet):
                page = context.new_page()
                if way is look:
                    slow(page, 150)
                page.goto(story(newspaper, service, url, *room))
                thread = page.locator("commentsvc-thread:defined")
                thread.wait_for(state="attached")
                way(page, thread)
                expect(thread).to_have_attribute("ready", "")
                page.frame_locator("commentsvc-thread iframe").locator("#who a").first.wait_for()
                page.wait_for_timeout(150)
                moved[name, way.__name__] = page.evaluate("moved")
                page.close()
    assert not {case: shifts for case, shifts in moved.items() if shifts}


def test_what_does_not_fit_is_cut_off_until_it_can_be_seen_or_the_reader_asks_for_it(
    page: Page, newspaper: Newspaper, service: str, article: Article
) -> None:
    db.session.commit()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.url.startswith(service) else None)
    page.add_init_script(f"if (parent === window) {{ {MOVED} }}")
    address = story(newspaper, service, article.url)
    thread, inside = page.locator("commentsvc-thread"), page.frame_locator("commentsvc-thread iframe")
    button, height = inside.get_by_role("button", name="Read all comments"), "thread => thread.offsetHeight"

    def jump() -> None:
        asked.clear()
        page.goto(address)
        page.wait_for_load_state("networkidle")
        assert asked == [f"{service}/embed.js"]  # nothing else before the reader is near
        page.evaluate(END)
        expect(button).to_be_visible()
        inside.locator("#who a").first.wait_for()
        assert thread.evaluate(height) == 1000  # the screen that was held

    jump()
    thread.evaluate("thread => thread.scrollIntoView()")  # the lower edge leaves the screen
    page.evaluate("scrollBy(0, -8)")
    expect(button).to_be_hidden()
    full = thread.evaluate(height)
    assert full > 2000
    page.evaluate(END)
    page.wait_for_timeout(100)
    assert page.evaluate("moved") == []

    jump()
    button.click()
    expect(button).to_be_hidden()
    assert thread.evaluate(height) == full
    inside.get_by_role("link", name="Show More Comments").click()
    expect(inside.get_by_text("Remark number 0 about")).to_be_visible()
    page.wait_for_function(f"document.querySelector('commentsvc-thread').offsetHeight > {full}")

    jump()
    page.evaluate("const before = document.querySelector('section'); before.tabIndex = 0; before.focus({ preventScroll: true })")
    page.keyboard.press("Tab")  # into the conversation
    expect(button).to_be_hidden()
    assert thread.evaluate(height) == full


def test_what_comes_by_itself_moves_nothing_and_what_was_asked_for_has_its_room(reading: Callable[..., Any], article: Article) -> None:
    with reading(css="commentsvc-thread:not([ready]) { min-height: 100vh }", prepare=lambda page: page.clock.install()) as (page, thread):
        footer, news = page.locator("footer"), thread.locator("#news")
        thread.locator("html.known").wait_for()
        page.evaluate(END)
        short = page.locator("commentsvc-thread").evaluate("thread => thread.offsetHeight")
        thread.get_by_role("link", name="Show More Comments").click()
        expect(thread.get_by_text("Remark number 0 about")).to_be_visible()
        page.wait_for_function(f"document.querySelector('commentsvc-thread').offsetHeight > {short}")
        page.evaluate(END)
        top = "el => el.getBoundingClientRect().top + scrollY"
        before = footer.evaluate(top)
        make_comment(article, make_user("Dora Dean"), "A new remark.")
        db.session.commit()
        page.clock.fast_forward(25_000)
        expect(news).to_have_text("Show 1 new comment")
        page.clock.run_for(500)
        assert footer.evaluate(top) == before
        expect(thread.locator("#all")).to_be_hidden()  # what is cut off is blank
        news.evaluate("button => button.focus({ preventScroll: true })")
        page.wait_for_function(f"document.querySelector('footer').getBoundingClientRect().top + scrollY > {before}")


def test_a_conversation_that_was_taken_away_is_quiet_and_can_be_put_back(reading: Callable[..., Any]) -> None:
    with reading() as (page, thread):
        page.evaluate("window.kept = document.querySelector('commentsvc-thread'); kept.remove()")
        page.evaluate("document.body.dataset.page = 'other'; document.documentElement.className = 'dark'; location.hash = 'comment-1'; kept.setAttribute('theme', 'dark')")
        page.wait_for_timeout(100)
        assert page.evaluate("[kept.frame, kept.hasAttribute('ready'), kept.style.minHeight]") == [None, False, ""]
        page.evaluate("location.hash = ''; document.querySelector('h1').after(kept)")
        expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")
        expect(thread.locator("html")).to_have_attribute("data-theme", "dark")
        page.evaluate("kept.after(document.querySelector('footer'), kept)")  # moved within the page
        expect(thread.locator("#list > .c").first).to_contain_text("Who pays")
        expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")


def test_who_prefers_less_motion_sees_none(reading: Callable[..., Any]) -> None:
    motion = """() => [...document.querySelectorAll('*')].flatMap((el) => ['', '::before', '::after'].map((part) => getComputedStyle(el, part)))
      .filter((style) => style.transitionDuration !== '0s' && style.transitionProperty !== 'none' || style.animationName !== 'none' || style.scrollBehavior !== 'auto').length"""
    with reading(reduced_motion="reduce") as (page, thread):
        thread.locator("#news").evaluate("button => button.hidden = false")
        thread.get_by_label("Your comment").click()
        thread.get_by_role("link", name="Sign up").click()
        thread.get_by_label("Name").wait_for()
        assert page.frames[1].evaluate(motion) == 0
        assert page.evaluate("() => [document, document.querySelector('commentsvc-thread').shadowRoot].flatMap((root) => root.getAnimations()).length") == 0


def test_attributes_and_variables_take_effect_while_it_stands(reading: Callable[..., Any]) -> None:
    css = "commentsvc-thread { --commentsvc-accent: rgb(160, 48, 48); --commentsvc-radius: 12px } .sepia { --commentsvc-background: #fff8e7 }"
    with reading(css=css, attributes='sort="oldest" size="10"') as (page, thread):
        token = "(e, name) => getComputedStyle(e).getPropertyValue(name)"
        root = thread.locator("html")
        assert root.evaluate(token, "--radius") == "12px"
        assert root.evaluate(token, "--accent") == "#a03030"
        expect(thread.locator("#list > .c")).to_have_count(10)
        expect(thread.locator("#list > .c").first).to_contain_text("Remark number 0 ")
        tag = page.locator("commentsvc-thread")
        tag.evaluate("e => { e.setAttribute('sort', 'newest'); e.setAttribute('size', '50'); e.lang = 'de' }")
        expect(root).to_have_attribute("lang", "de")
        expect(thread.locator("#list > .c")).to_have_count(24)
        expect(thread.locator("#list > .c").first).to_contain_text("Who pays")
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        tag.evaluate("e => e.setAttribute('theme', 'dark')")
        expect(root).to_have_attribute("data-theme", "dark")
        assert requests == []  # nothing is loaded for that
        tag.evaluate("e => e.setAttribute('theme', 'light')")
        page.evaluate("document.body.className = 'sepia'")
        thread.locator("html[data-theme=light] #list .c").first.wait_for()
        page.wait_for_function("document.querySelector('commentsvc-thread').frame.src.includes('fff8e7')")


def test_a_link_into_hidden_replies_opens_them_below_what_they_answer(reading: Callable[..., Any], article: Article) -> None:
    deep = db.session.query(Comment).filter(Comment.body.like("%Answer number 5.%")).one()
    lost = db.session.query(Comment).filter(Comment.body.like("%תגובה 6%")).one()
    ids = (deep.id, deep.parent_id, lost.id)
    with reading(fragment=f"#comment-{ids[0]}") as (page, thread):
        expect(thread.locator(f"#comment-{ids[1]} > .replies > #comment-{ids[0]}")).to_have_class(re.compile("here"))
        page.evaluate(f"location.hash = 'comment-{ids[2]}'")
        expect(thread.locator(f"#comment-{ids[2]}")).to_have_class(re.compile("here"))
        expect(thread.locator(f"#list #comment-{ids[2]}")).to_have_count(1)
        doubled = "() => { const ids = [...document.querySelectorAll('.c')].map((c) => c.id); return ids.length - new Set(ids).size }"
        assert page.frames[1].evaluate(doubled) == 0
        when = thread.locator(f"#comment-{ids[2]} > .by .when").first
        assert re.search(r"\d:\d\d", when.get_attribute("title") or "")


def test_without_javascript_the_fragment_is_read_and_the_plain_page_works(
    reading: Callable[..., Any], service: str, article: Article
) -> None:
    path = f"/embed/a/{article.id}"
    db.session.commit()
    with urlopen(f"{service}/embed/courier/fragment?url={quote(article.url)}") as answer:
        inside = answer.read().decode()
    assert escape("Who pays for it?") in inside
    with reading(inside=inside, java_script_enabled=False, viewport={"width": 320, "height": 700}) as (page, _):
        expect(page.get_by_text("Who pays for it?")).to_be_visible()
        page.get_by_role("link", name="Read all comments and write one").click()
        expect(page).to_have_url(re.compile(re.escape(path)))
        page.wait_for_load_state()  # the address is there before the style sheet
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        page.get_by_role("link", name="Continue this thread").click()
        expect(page.get_by_text("תגובה 7")).to_be_visible()
        page.get_by_role("link", name="Show the whole conversation").click()
        page.get_by_role("link", name="Community Manager’s comments").click()
        expect(page.get_by_text("Answer number 5.")).to_be_visible()
        page.get_by_role("link", name="Show it in its thread").last.click()
        expect(page.locator(".here")).to_contain_text("Answer number 5.")


def test_with_third_party_cookies_blocked_one_signs_in_and_keeps_a_draft(reading: Callable[..., Any]) -> None:
    def block(page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCookieControls", {"enableThirdPartyCookieRestriction": True})

    with reading(prepare=block) as (page, thread):
        blocked = thread.locator("body").evaluate("() => { document.cookie = 'probe=1; SameSite=None; Secure'; return document.cookie; }")
        assert "probe" not in blocked  # or this test shows nothing
        thread.get_by_role("link", name="Sign in").click()
        thread.get_by_label("E-mail").fill("ann@example.org")
        thread.get_by_label("Password").fill(PASSWORD)
        thread.locator("#account").get_by_role("button", name="Sign in").click()
        expect(thread.locator("#who")).to_contain_text("Ann Able")
        thread.get_by_label("Your comment").fill("Written with few cookies.")
        reload(page, "few cookies")
        expect(thread.locator("#who")).to_contain_text("Ann Able")
        expect(thread.get_by_label("Your comment")).to_have_value("Written with few cookies.")


def test_on_a_slow_connection_bones_hold_the_place(reading: Callable[..., Any]) -> None:
    def watch(page: Page) -> None:
        slow(page, 400)
        page.add_init_script("addEventListener('DOMContentLoaded', () => setInterval(() => { const t = document.querySelector('commentsvc-thread'); "
                             "if (t?.shadowRoot && !t.hasAttribute('ready')) window.bones = t.offsetHeight }, 20))")

    with reading(prepare=watch) as (page, thread):
        assert page.evaluate("window.bones") >= 220
        expect(thread.locator("#list > .c").first).to_contain_text("Who pays")
        expect(thread.locator("#who")).to_contain_text("Sign in")
