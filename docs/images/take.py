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
from playwright.sync_api import Browser, FrameLocator, Page, sync_playwright

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
            queue, dashboard, reading, dark, phone, empty, right_to_left, signing_up, writing, nudge, held, failed, offline, managing, closed, loading, unreachable,
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
    prepare: Callable[[Page], object] | None = None,
) -> Iterator[tuple[Page, FrameLocator]]:
    """The page and the conversation on it; the picture is taken when the block ends."""
    ground = "#16171a" if scheme == "dark" else "#fff"
    host = PAGE.format(base=BASE, slug=slug, ground=ground, direction=direction, more=more, title="Demo")
    with browser.new_context(
        base_url=BASE, viewport={"width": width, "height": 1600}, color_scheme=scheme, device_scale_factor=2 if width == PHONE else 1.5,  # type: ignore[arg-type]
        reduced_motion="reduce", locale="en-GB",
    ) as context:
        page = context.new_page()
        page.route("**/page.html", lambda route: route.fulfill(body=host, content_type="text/html"))
        if prepare is not None:
            prepare(page)
        page.goto("/page.html")
        yield page, page.frame_locator("commentsvc-thread iframe")
        page.wait_for_timeout(600)
        tall = page.evaluate("Math.ceil(document.querySelector('commentsvc-thread').shadowRoot.querySelector('.b').getBoundingClientRect().bottom) + 12")
        keep(page.screenshot(clip={"x": 0, "y": 0, "width": width, "height": min(tall, height)}), HERE / f"widget-{name}.png")


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


def signing_up(browser: Browser) -> None:
    """What was typed stays above the form."""
    with shown(browser, "sign-up", WALL, width=PHONE, height=660) as (_, thread):
        write(thread, "The wall keeps the sea out of my kitchen.", post=True)
        thread.locator("#account").wait_for()


def writing(browser: Browser) -> None:
    """With the marks of the editor, and a preview."""
    with shown(browser, "preview", BELL, height=520) as (_, thread):
        sign_in(thread, READER)
        write(thread, "> starts at twenty past nine\n\nThat is **one lesson** later, and ||half the buses|| go at nine.")
        thread.get_by_role("button", name="Preview").click()
        thread.locator(".preview").wait_for()


def nudge(browser: Browser) -> None:
    """The sentence that may hurt, and the offer to say it differently."""
    with shown(browser, "nudge", BELL, height=420) as (_, thread):
        sign_in(thread, READER)
        write(thread, TOXIC, post=True)
        thread.locator(".own mark").wait_for(timeout=60_000)


def held(browser: Browser) -> None:
    """The same, left for a Community Manager."""
    with shown(browser, "held", BELL, height=480) as (_, thread):
        sign_in(thread, READER)
        thread.get_by_role("button", name="Post for review").click()
        thread.get_by_text("Waiting for a community manager.").wait_for()


def failed(browser: Browser) -> None:
    """What was typed is kept."""
    with shown(browser, "error", WALL, width=PHONE, height=560) as (page, thread):
        sign_in(thread, READER)
        page.route("**/comments", lambda route: route.fulfill(status=500, body="", content_type="text/html"))
        write(thread, "The pump house is older than the wall, and drier.", post=True)
        thread.get_by_role("button", name="Try again").wait_for()


def offline(browser: Browser) -> None:
    """On a train, in a tunnel."""
    with shown(browser, "offline", WALL, width=PHONE, height=640) as (page, thread):
        sign_in(thread, READER)
        page.context.set_offline(True)
        write(thread, "I am on the train, and will say it anyway.")
        thread.locator("#offline").wait_for()


def managing(browser: Browser) -> None:
    """A Community Manager in the thread."""
    with shown(browser, "manager", BELL, height=660) as (_, thread):
        sign_in(thread, MANAGER)
        thread.locator("#list .moderate").first.click()
        thread.locator("#moderate").wait_for()


def empty(browser: Browser) -> None:
    """Before the first comment."""
    with shown(browser, "empty", EMPTY) as (_, thread):
        ready(thread)


@contextmanager
def console(browser: Browser, path: str, who: tuple[str, str]) -> Iterator[Page]:
    """A page of the console, for whom it is."""
    with browser.new_context(
        base_url=BASE, viewport={"width": 1280, "height": 800}, device_scale_factor=1.5, reduced_motion="reduce", locale="en-GB",
    ) as context:
        page = context.new_page()
        page.goto(f"/account/sign-in?next={quote(path)}")
        page.get_by_label("E-mail address").fill(who[0])
        page.locator("input[type=password]").fill(who[1])
        page.locator("main button.primary").click()
        page.wait_for_url("**/review/**")
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
