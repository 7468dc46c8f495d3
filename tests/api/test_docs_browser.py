"""The page to try the API, in a browser that enforces its content policy."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from urllib.request import urlopen

import pytest
from flask import Flask
from playwright.sync_api import Browser, expect
from werkzeug.serving import make_server

from commentsvc.extensions import db
from tests.factories import make_article, make_comment

pytestmark = [pytest.mark.once, pytest.mark.browser]


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_api_can_be_tried_without_loosening_the_policy(address: str, browser: Browser) -> None:
    article = make_article()
    make_comment(article, body="Seen through the page to try it.")
    article_id = str(article.id)
    db.session.commit()
    with urlopen(f"{address}/api/v1/openapi.json") as document:
        tags = json.load(document)["tags"]
    complaints: list[str] = []
    with browser.new_page() as page:
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(f"{address}/api/docs")
        headings = page.locator("h3.opblock-tag")
        expect(headings).to_have_count(len(tags))
        page.locator("#operations-tag-threads").click()
        operation = page.locator("#operations-threads-listComments")
        operation.locator("button.opblock-summary-control").click()
        operation.locator("input[placeholder=article_id]").fill(article_id)
        operation.locator("button.execute").click()
        expect(operation.locator(".live-responses-table")).to_contain_text("Seen through the page to try it.")
    assert complaints == []
