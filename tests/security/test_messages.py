"""Messages between the publisher's page and the frame: from anybody else they are not heard."""

from __future__ import annotations

import pytest
from flask import Flask
from playwright.sync_api import Browser

from commentsvc.extensions import db
from tests.browser.conftest import Newspaper, newspaper, service  # noqa: F401 - fixtures
from tests.factories import make_article, make_site

pytestmark = pytest.mark.browser

# Says it from a frame of another origin; "*" because it does not care who listens.
SHOUTING = "<script>for (const m of MESSAGES) parent.frames[0].postMessage(m, '*');parent.postMessage('said', '*')</script>"
MESSAGES = """[{commentsvc: 1, theme: "dark"}, {commentsvc: 1, kept: {"__proto__": {"polluted": 1}}}, "x", null]"""


def test_a_message_from_another_frame_is_not_heard(app: Flask, browser: Browser, newspaper: Newspaper, service: str) -> None:  # noqa: F811
    site = make_site(origins=[newspaper.origin])
    make_article(site, url=f"{newspaper.origin}/story.html")
    key = site.key
    db.session.remove()
    frame = f"{service}/embed/{key}/thread?url={newspaper.origin}/story.html&theme=light#host={newspaper.origin}"
    story = newspaper.publish("story.html", f'<!doctype html><iframe src="{frame}"></iframe>')
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(story)
        page.frame_locator("iframe").locator("#editor").wait_for(state="attached")
        widget = page.frames[1]
        assert widget.evaluate("() => document.documentElement.dataset.theme") == "light"
        page.evaluate(
            """(html) => new Promise((done) => {
                addEventListener('message', (e) => e.data === 'said' && setTimeout(done, 200));
                const frame = document.createElement('iframe');
                frame.sandbox = 'allow-scripts';
                frame.srcdoc = html;
                document.body.append(frame);
            })""",
            SHOUTING.replace("MESSAGES", MESSAGES),
        )
        assert widget.evaluate("() => document.documentElement.dataset.theme") == "light"
        # Nor does the publisher's own page reach into what all objects share.
        page.evaluate(f"(to) => {{ for (const m of {MESSAGES}) frames[0].postMessage(m, to); }}", service)
        page.wait_for_timeout(200)
        assert widget.evaluate("() => document.documentElement.dataset.theme") == "dark"
        assert widget.evaluate("() => ({}).polluted") is None
