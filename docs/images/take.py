"""The pictures of the documentation: `make pictures` takes them anew, of a demo on a scratch folder.

The widget's are as the one tag puts it into a page; what they show is what a reader or a Community Manager did there.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from PIL import Image
from playwright.sync_api import Browser, FrameLocator, Locator, Page, sync_playwright

HERE = Path(__file__).parent
PORT = 8199
BASE = f"http://127.0.0.1:{PORT}"
READER, MANAGER, ADMIN = (
    ("reader@courier.example", "harbour-lights-2026"), ("manager@courier.example", "lantern-quay-2026"), ("admin@courier.example", "customs-house-2026"),
)
WIDE, PHONE = 680, 360
MOST = 60_000  # bytes; a page of the documentation has all of the widget
MOST_OF_CONSOLE = 160_000
COLOURS = (224, 128, 96, 64, 40)  # as many as fit into MOST
TOXIC = "My daughter would sleep longer. Whoever voted for this is a complete idiot."
ARABIC = (
    "كان جدّي يشتري خبزه من هنا كل صباح. شكرًا لأنكم كتبتم عن هذا المكان قبل أن يُغلق.",
    "شكرًا لك. نجمع الآن صورًا قديمة من القرّاء، ويمكن إرسالها إلى هيئة التحرير.",
)
SIGNED_IN: dict[tuple[str, str], Any] = {}  # the cookies of whom it was once
# The publisher's page: nothing but the tag.
PAGE = """<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>body {{ margin: 0; padding: 12px 16px; background: {ground}; font-family: "DejaVu Sans Condensed", sans-serif }}</style>
<body dir="{direction}"><script async src="/embed.js" data-site="courier" data-url="{base}/demo/{slug}" data-title="{title}" {more}></script>"""
WALL, BELL, HARBOUR, LEVY, EMPTY = (
    "the-wall-at-old-quay", "first-bell-at-twenty-past-nine", "harbour-front-without-cars", "a-levy-for-ropery-park", "a-hundred-winters-at-morrows",
)


def main() -> None:
    """Take them all."""
    with demo(), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        filled(browser)
        for picture in (
            queue, dashboard, reading, dark, phone, wide, empty, right_to_left, from_the_right_in_the_dark, signing_up, linked, continued, folded, news, profile,
            writing, naming, quoting, nudge, held, failed, offline, edited, told, hiding, flagging, consents, managing, marked, closed, guest, loading, unreachable,
        ):
            picture(browser)
        browser.close()


@contextmanager
def demo() -> Iterator[None]:
    """The whole service with its demo, until the pictures are taken."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "commentsvc.cli", "run", "--demo", "--port", str(PORT), "--instance", folder]
        process = subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.PIPE, text=True)
        try:
            if not any(line.startswith("article:") for line in process.stdout or ()):
                raise SystemExit("The demo did not start.")
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)


def filled(browser: Browser) -> None:
    """Wait until the demo's conversations are in and screened: no more comments come."""
    with browser.new_context(base_url=BASE) as context:
        before, now = {}, {"": 0}
        while before != now or not all(now.values()):
            time.sleep(4)
            asked = "&".join(f"url={quote(f'{BASE}/demo/{slug}', safe='')}" for slug in (WALL, BELL, HARBOUR, LEVY))
            before, now = now, context.request.get(f"/embed/courier/counts?{asked}").json()


@contextmanager
def shown(
    browser: Browser, name: str, slug: str, *, width: int = WIDE, height: int = 620, scheme: str = "light", direction: str = "ltr", more: str = "",
    prepare: Callable[[Page], object] | None = None, who: tuple[str, str] | None = None, fragment: str = "",
) -> Iterator[tuple[Page, FrameLocator]]:
    """The page and the conversation on it, for whom it is; the picture is taken when the block ends, unless nothing has a name."""
    ground = "#16171a" if scheme == "dark" else "#fff"
    host = PAGE.format(base=BASE, slug=slug, ground=ground, direction=direction, more=more, title="Demo")
    with browser.new_context(
        base_url=BASE, viewport={"width": width, "height": 1600}, color_scheme=scheme, device_scale_factor=2 if width == PHONE else 1.5,  # type: ignore[arg-type]
        reduced_motion="reduce", locale="en-GB", storage_state=SIGNED_IN.get(who) if who else None,
    ) as context:
        page = context.new_page()
        page.route("**/page.html", lambda route: route.fulfill(body=host, content_type="text/html"))
        if prepare is not None:
            prepare(page)
        page.goto(f"/page.html{fragment}")
        thread = page.frame_locator("commentsvc-thread iframe")
        if who in SIGNED_IN:
            thread.locator("#bell").wait_for()
        elif who:
            sign_in(thread, who)
            SIGNED_IN[who] = context.storage_state()
        yield page, thread
        if not name:
            return
        page.mouse.move(0, 0)
        page.wait_for_timeout(600)
        keep(page.screenshot(clip=bounds(page, height)), HERE / f"widget-{name}.png")


def keep(picture: bytes, path: Path, most: int = MOST) -> None:
    """With as many colours as a page of the documentation bears."""
    image = Image.open(io.BytesIO(picture)).convert("RGB")
    for colours in COLOURS:
        file = io.BytesIO()
        image.quantize(colours, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(file, "PNG", optimize=True)
        if file.tell() <= most:
            break
    path.write_bytes(file.getvalue())
    sys.stdout.write(f"{path.name}: {file.tell():,} bytes, {colours} colours\n")


def ready(thread: FrameLocator) -> None:
    """Until it knows who reads."""
    thread.locator("html.known").wait_for()


def sign_in(thread: FrameLocator, who: tuple[str, str]) -> None:
    """In place, as everybody does."""
    ready(thread)
    thread.locator("[data-to=sign-in]").first.click()
    thread.locator("#account input[type=email]").fill(who[0])
    thread.locator("#account input[type=password]").fill(who[1])
    thread.locator("#account button.primary").click()
    thread.locator("#bell").wait_for()


def write(thread: FrameLocator, text: str, *, post: bool = False) -> None:
    """Into the editor at the top."""
    field = thread.locator("#editor textarea")
    field.click()
    field.fill(text)
    if post:
        thread.locator("#editor [data-post]").click()


def bounds(page: Page, height: int) -> Any:
    """Of a picture of the page's top."""
    tall = page.evaluate("Math.ceil(document.querySelector('commentsvc-thread').shadowRoot.querySelector('.b').getBoundingClientRect().bottom) + 12")
    return {"x": 0, "y": 0, "width": (page.viewport_size or {})["width"], "height": min(tall, height)}


def above(page: Page, comment: Locator) -> None:
    """Leave out what stands above a comment: the picture begins there."""
    top = comment.evaluate("el => el.getBoundingClientRect().top")
    page.evaluate("top => { document.body.style.marginTop = `${-Math.max(0, top + 10)}px`; scrollTo(0, 0) }", top)


def reading(browser: Browser) -> None:
    """A conversation, as anybody reads it."""
    with shown(browser, "light", WALL) as (_, thread):
        ready(thread)


def dark(browser: Browser) -> None:
    """The same on a dark page."""
    with shown(browser, "dark", WALL, scheme="dark") as (_, thread):
        ready(thread)


def phone(browser: Browser) -> None:
    """The same on a phone."""
    with shown(browser, "phone", HARBOUR, width=PHONE, height=640) as (_, thread):
        ready(thread)


def right_to_left(browser: Browser) -> None:
    """A page in Arabic, with what a reader and a Community Manager wrote."""
    with shown(browser, "rtl", EMPTY, width=PHONE, height=640, direction="rtl", more='data-lang="ar"') as (page, thread):
        for who, text in ((READER, ARABIC[0]), (MANAGER, ARABIC[1])):
            sign_in(thread, who)
            write(thread, text, post=True)
            thread.locator(".c:not(.own)", has_text=text[:20]).wait_for(timeout=60_000)
            page.context.clear_cookies()
            page.reload()
        ready(thread)


def from_the_right_in_the_dark(browser: Browser) -> None:
    """The same, on a wide dark page."""
    with shown(browser, "rtl-dark", EMPTY, scheme="dark", direction="rtl", more='data-lang="ar"', who=READER) as (_, thread):
        thread.locator(".c").first.wait_for()


def wide(browser: Browser) -> None:
    """In the middle of a newspaper's page, on a desk."""
    with browser.new_context(base_url=BASE, viewport={"width": 1280, "height": 860}, reduced_motion="reduce", locale="en-GB") as context:
        page = context.new_page()
        page.goto(f"/demo/{HARBOUR}#conversation")
        ready(page.frame_locator("commentsvc-thread iframe"))
        page.wait_for_timeout(600)
        page.locator("#conversation").evaluate("e => scrollTo(0, e.getBoundingClientRect().top + scrollY - 90)")
        page.wait_for_timeout(600)
        keep(page.screenshot(), HERE / "widget-wide.png")


def signing_up(browser: Browser) -> None:
    """What was typed stays above the form."""
    with shown(browser, "sign-up", WALL, width=PHONE, height=660) as (_, thread):
        write(thread, "The wall keeps the sea out of my kitchen.", post=True)
        thread.locator("#account").wait_for()


def linked(browser: Browser) -> None:
    """A link to a reply that the page does not show at first: it stands below what it answers."""
    with shown(browser, "", WALL) as (_, thread):
        ready(thread)
        thread.get_by_role("link", name="Continue this thread").first.click()
        number = thread.locator("#replies > .c").first.get_attribute("data-id")
    with shown(browser, "linked", WALL, height=560, fragment=f"#comment-{number}") as (page, thread):
        thread.locator(f"#comment-{number}.here").wait_for()
        above(page, thread.locator(".here").locator("xpath=../.."))


def continued(browser: Browser) -> None:
    """A thread that gets too deep to be read beside others stands alone."""
    with shown(browser, "continued", BELL, height=600) as (page, thread):
        ready(thread)
        thread.get_by_role("link", name="Continue this thread").first.click()
        thread.locator("[data-back]").wait_for()
        above(page, thread.locator("#context"))


def folded(browser: Browser) -> None:
    """The replies of one comment are put away, and stay so."""
    with shown(browser, "folded", HARBOUR, height=520) as (page, thread):
        ready(thread)
        first = thread.locator("#list > .c", has=thread.locator("[data-act=fold]")).first
        first.locator("> .acts [data-act=fold]").click()
        above(page, first)


def news(browser: Browser) -> None:
    """What came while the page was open waits for who reads."""
    with shown(browser, "news", HARBOUR, height=420, prepare=lambda page: page.clock.install()) as (page, thread):
        ready(thread)
        earlier = "document.querySelector('[data-until]').dataset.until = [...document.querySelectorAll('time')].map((t) => Date.parse(t.dateTime) * 1000).sort().at(-4)"
        page.frames[1].evaluate(earlier)
        page.clock.fast_forward(25_000)
        thread.locator("#news:not([hidden])").wait_for()


def profile(browser: Browser) -> None:
    """Who somebody is, behind her name."""
    with shown(browser, "", HARBOUR) as (_, thread):
        ready(thread)
        path = thread.locator("#list > .c .by a.name").first.get_attribute("href")
    with browser.new_context(base_url=BASE, viewport={"width": WIDE, "height": 620}, device_scale_factor=1.5, locale="en-GB") as context:
        page = context.new_page()
        page.goto(path or "")
        keep(page.screenshot(), HERE / "widget-profile.png")


def writing(browser: Browser) -> None:
    """With the marks of the editor, and a preview."""
    with shown(browser, "preview", BELL, height=520, who=READER) as (_, thread):
        write(thread, "> starts at twenty past nine\n\nThat is **one lesson** later, and ||half the buses|| go at nine.")
        thread.get_by_role("button", name="Preview").click()
        thread.locator(".preview").wait_for()


def naming(browser: Browser) -> None:
    """Whom somebody may mean, below what she types."""
    with shown(browser, "names", HARBOUR, height=420, who=READER) as (page, thread):
        write(thread, "")
        page.keyboard.type("I agree with @ma")
        thread.get_by_role("option").first.wait_for()


def quoting(browser: Browser) -> None:
    """A reply that begins with what it answers."""
    with shown(browser, "quote", WALL, height=520, who=READER) as (page, thread):
        comment = thread.locator("#list > .c").first
        comment.locator("> .acts .menu summary").click()
        comment.get_by_role("link", name="Quote", exact=True).first.click()
        page.keyboard.type("The pump house is older, and drier.")
        above(page, comment)


def nudge(browser: Browser) -> None:
    """The sentence that may hurt, and the offer to say it differently."""
    with shown(browser, "nudge", BELL, height=420, who=READER) as (_, thread):
        write(thread, TOXIC, post=True)
        thread.locator(".own mark").wait_for(timeout=60_000)


def held(browser: Browser) -> None:
    """The same, left for a Community Manager."""
    with shown(browser, "held", BELL, height=480, who=READER) as (_, thread):
        thread.get_by_role("button", name="Post for review").click()
        thread.get_by_text("Waiting for a community manager.").wait_for()


def failed(browser: Browser) -> None:
    """What was typed is kept."""
    with shown(browser, "error", WALL, width=PHONE, height=560, who=READER) as (page, thread):
        page.route("**/comments", lambda route: route.fulfill(status=500, body="", content_type="text/html"))
        write(thread, "The pump house is older than the wall, and drier.", post=True)
        thread.get_by_role("button", name="Try again").wait_for()


def offline(browser: Browser) -> None:
    """On a train, in a tunnel."""
    with shown(browser, "offline", WALL, width=PHONE, height=640, who=READER) as (page, thread):
        page.context.set_offline(True)
        write(thread, "I am on the train, and will say it anyway.")
        thread.locator("#offline").wait_for()


def edited(browser: Browser) -> None:
    """One says it differently; what it said before can be read where the site shows that."""
    with shown(browser, "", LEVY, who=READER) as (page, thread):
        write(thread, "The ropes were made here until 1931.", post=True)
        own = thread.locator(".c:not(.own)", has_text="The ropes were made here")
        own.wait_for(timeout=60_000)
        number = own.get_attribute("data-id")
        own.locator("> .acts .menu summary").click()
        own.get_by_role("link", name="Edit", exact=True).click()
        thread.get_by_label("Your comment, to edit").fill("The ropes were made here until 1934, and the sheds stood for another ten years.")
        above(page, own)
        page.wait_for_timeout(600)
        form = page.screenshot(clip=bounds(page, 330))
        thread.get_by_role("button", name="Save").click()
        thread.locator(".by", has_text="edited").wait_for(timeout=60_000)
        page.goto(f"/embed/comments/{number}/history")
        page.set_viewport_size({"width": WIDE, "height": 330})
        keep(form, HERE / "widget-edit.png")
        keep(page.screenshot(), HERE / "widget-history.png")


def told(browser: Browser) -> None:
    """What the bell tells, opened in place: somebody replied."""
    with shown(browser, "", LEVY, who=MANAGER) as (_, thread):
        comment = thread.locator(".c", has_text="The ropes were made here").first
        comment.locator("> .acts [data-act=reply]").click()
        reply = comment.locator("form.editor")
        reply.locator("textarea").fill("Thank you. The last ropemaker's bench stands in the museum now.")
        reply.locator("[data-post]").click()
        thread.locator(".c:not(.own)", has_text="The last ropemaker").first.wait_for(timeout=60_000)
    with shown(browser, "bell", LEVY, height=460, who=READER) as (_, thread):
        thread.locator("#bell .badge:not([hidden])").wait_for()
        thread.locator("#bell").click()
        thread.locator("#notices li").first.wait_for()


def hiding(browser: Browser) -> None:
    """A reader hides somebody for herself."""
    with shown(browser, "", HARBOUR, who=READER) as (page, thread):
        comment = thread.locator("#list > .c[data-by]").first
        comment.locator("> .acts .menu summary").click()
        comment.get_by_role("button", name="Hide this person").first.click()
        comment.locator("> .told").wait_for()
        above(page, comment)
        page.mouse.move(0, 0)
        page.wait_for_timeout(600)
        picture = page.screenshot(clip=bounds(page, 420))
        comment.locator("> .told button").click()
        keep(picture, HERE / "widget-hidden.png")


def flagging(browser: Browser) -> None:
    """What somebody can say is wrong with a comment."""
    with shown(browser, "flag", HARBOUR, height=620, who=READER) as (page, thread):
        comment = thread.locator("#list > .c").first
        comment.locator("> .acts .menu summary").click()
        comment.get_by_role("link", name="Flag", exact=True).first.click()
        comment.locator("> form.panel").wait_for()
        above(page, comment)


def consents(browser: Browser) -> None:
    """What may be done with one's comments: asked, and answered no unless somebody says yes."""
    with console(browser, "/account/my-data", READER) as page:
        page.set_viewport_size({"width": 760, "height": 600})
        keep(page.screenshot(), HERE / "widget-consent.png")


def managing(browser: Browser) -> None:
    """A Community Manager in the thread."""
    with shown(browser, "manager", BELL, height=660, who=MANAGER) as (_, thread):
        thread.locator("#list .moderate").first.click()
        thread.locator("#moderate").wait_for()


def marked(browser: Browser) -> None:
    """One comment is pinned to the top, another featured."""
    with shown(browser, "featured", HARBOUR, height=460, who=MANAGER) as (page, thread):
        for which, act in ((1, "Feature"), (0, "Pin")):
            comment = thread.locator("#list > .c").nth(which)
            comment.locator("> .acts .moderate").click()
            comment.get_by_role("button", name=act, exact=True).click()
            comment.locator("> .mark").wait_for()
        page.reload()
        thread.locator("#list > .c .mark[data-pinned]").wait_for()
        above(page, thread.locator("#list"))


def empty(browser: Browser) -> None:
    """Before the first comment."""
    with shown(browser, "empty", EMPTY) as (_, thread):
        ready(thread)


@contextmanager
def console(browser: Browser, path: str, who: tuple[str, str]) -> Iterator[Page]:
    """A page of the console, or of an account, for whom it is."""
    with browser.new_context(
        base_url=BASE, viewport={"width": 1280, "height": 800}, device_scale_factor=1.5, reduced_motion="reduce", locale="en-GB",
    ) as context:
        page = context.new_page()
        page.goto(f"/account/sign-in?next={quote(path)}")
        page.get_by_label("E-mail address").fill(who[0])
        page.locator("input[type=password]").fill(who[1])
        page.locator("main button.primary").click()
        page.wait_for_url(lambda url: "/sign-in" not in url)
        page.goto(path)
        yield page


def queue(browser: Browser) -> None:
    """Before the first decision of the day."""
    with console(browser, "/review/courier/held", MANAGER) as page:
        page.locator("#comment-title").wait_for()
        page.wait_for_timeout(600)
        keep(page.screenshot(), HERE / "queue.png", MOST_OF_CONSOLE)


def dashboard(browser: Browser) -> None:
    """What became of the comments of some days."""
    with console(browser, "/review/courier/dashboard", MANAGER) as page:
        page.locator("main svg").first.wait_for()
        page.wait_for_timeout(600)
        keep(page.screenshot(), HERE / "dashboard.png", MOST_OF_CONSOLE)


def closed(browser: Browser) -> None:
    """After an admin closed it in the console."""
    with console(browser, "/review/courier/articles?q=levy", ADMIN) as page:
        page.locator("[id^=close-]").first.click()
        page.get_by_role("button", name="Reopen").wait_for()
    with shown(browser, "closed", LEVY, height=420) as (_, thread):
        ready(thread)


def guest(browser: Browser) -> None:
    """Where the site lets people write without an account."""
    with console(browser, "/review/courier/settings", ADMIN) as page:
        page.locator("input[name=guests]").check()
        page.get_by_role("button", name="Save").first.click()
        page.wait_for_load_state()
    with shown(browser, "guest", WALL, width=PHONE, height=660) as (_, thread):
        write(thread, "The wall keeps the sea out of my kitchen.", post=True)
        thread.get_by_role("link", name="Continue as guest").click()
        thread.locator("#account h2", has_text="guest").wait_for()


def loading(browser: Browser) -> None:
    """What stands there until the conversation has come."""
    def wait(page: Page) -> Any:
        return page.route("**/embed/courier/thread?*", lambda _: None)

    with shown(browser, "loading", WALL, prepare=wait) as (page, _):
        page.locator("commentsvc-thread iframe").wait_for(state="attached")


def unreachable(browser: Browser) -> None:
    """When it does not come."""
    def refuse(page: Page) -> Any:
        return page.route("**/embed/courier/thread?*", lambda route: route.abort())

    with shown(browser, "unreachable", WALL, prepare=refuse) as (page, _):
        page.get_by_role("button", name="Try again").wait_for()


if __name__ == "__main__":
    main()
