"""The pictures of the widget's states: `python docs/images/take.py` takes them anew, of the demo on a scratch folder."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

from playwright.sync_api import Browser, Page, sync_playwright

HERE = Path(__file__).parent
PORT = 8199
BASE = f"http://127.0.0.1:{PORT}"
READER, MANAGER = ("reader@courier.example", "harbour-lights-2026"), ("manager@courier.example", "lantern-quay-2026")
WIDE, PHONE = {"width": 720, "height": 900}, {"width": 360, "height": 720}


def main() -> None:
    """Take them all."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "commentsvc.cli", "run", "--demo", "--port", str(PORT), "--instance", folder]
        process = subprocess.Popen(command, cwd=HERE.parents[1], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            _await()
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
                _pictures(browser)
        finally:
            process.terminate()
            process.wait(30)


def _await() -> None:
    for _ in range(240):
        with suppress(URLError, ConnectionError):
            urlopen(f"{BASE}/healthz").close()
            return
        time.sleep(0.5)
    raise SystemExit("The demo did not start.")


def _open(browser: Browser, slug: str, *, size: dict[str, int] = WIDE, scheme: str = "light", more: str = "") -> Page:
    page = browser.new_page(viewport=size, color_scheme=scheme, device_scale_factor=2 if size is PHONE else 1.5)  # type: ignore[arg-type]
    page.goto(f"{BASE}/embed/courier/thread?url={quote(f'{BASE}/{slug}', safe='')}{more}", referer=f"{BASE}/{slug}")
    page.locator("#conversation").wait_for()
    return page


def _sign_in(page: Page, who: tuple[str, str]) -> None:
    page.locator("[data-to=sign-in]").first.click()
    page.locator("#account input[type=email]").fill(who[0])
    page.locator("#account input[type=password]").fill(who[1])
    page.locator("#account button.primary").click()
    page.locator("#bell").wait_for()


def _keep(page: Page, name: str) -> None:
    page.wait_for_timeout(500)
    page.screenshot(path=HERE / f"{name}.jpg", type="jpeg", quality=80)
    page.close()


def _write(page: Page, text: str) -> None:
    page.get_by_label("Your comment", exact=True).click()
    page.get_by_label("Your comment", exact=True).press_sequentially(text)


def _pictures(browser: Browser) -> None:
    wall, bell = "the-wall-at-old-quay", "first-bell-at-twenty-past-nine"
    _keep(_open(browser, wall), "widget-light")
    _keep(_open(browser, wall, scheme="dark"), "widget-dark")
    _keep(_open(browser, bell, size=PHONE), "widget-phone")
    _keep(_open(browser, wall, size=PHONE, more="&lang=ar"), "widget-rtl")
    _keep(_open(browser, "a-hundred-winters-at-morrows", size=PHONE), "widget-empty")

    page = _open(browser, wall, size=PHONE)
    _write(page, "The wall keeps the sea out of my kitchen.")
    page.locator("[data-post]").first.click()
    page.locator("#account").wait_for()
    _keep(page, "widget-sign-up")

    page = _open(browser, bell)
    _sign_in(page, READER)
    _write(page, "> starts at twenty past nine\n\nThat is **one lesson** later, and ||half the buses|| go at nine.")
    page.get_by_role("button", name="Preview").click()
    page.locator(".preview").wait_for()
    _keep(page, "widget-preview")

    page = _open(browser, bell)
    _sign_in(page, READER)
    _write(page, "My daughter would sleep longer. Whoever voted for this is a complete idiot.")
    page.locator("[data-post]").first.click()
    page.locator(".c.own.held").wait_for(timeout=60_000)
    _keep(page, "widget-nudge")

    page = _open(browser, wall, size=PHONE)
    _sign_in(page, READER)
    _write(page, "I am on the train, and will say it anyway.")
    page.context.set_offline(True)
    page.locator("[data-post]").first.click()
    page.locator(".problem").wait_for()
    _keep(page, "widget-offline")

    page = _open(browser, wall)
    _sign_in(page, MANAGER)
    page.locator(".c .menu summary").first.click()
    _keep(page, "widget-manager")


if __name__ == "__main__":
    main()
