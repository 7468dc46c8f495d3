"""A running service, its worker, a newspaper on another origin, and a real browser."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from commentsvc.delivery.models import Mail
from commentsvc.extensions import db
from commentsvc.moderation.claims import Lane
from commentsvc.moderation.screen import screen_pending
from commentsvc.screening.toxicity import ToxicityScorer


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - werkzeug's name
        pass


class _QuietFiles(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        pass

    def end_headers(self) -> None:
        """A page that was put up again within the second is not the one in the browser's cache."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


@pytest.fixture
def service(app: Flask) -> Iterator[str]:
    """The service at http://localhost:<port>: another site than 127.0.0.1 to the browser."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def worker(app: Flask, scorer: ToxicityScorer) -> Iterator[None]:
    """A screening worker with the model that ships, beside the web server."""
    stop = threading.Event()

    def work() -> None:
        with app.app_context():
            while not stop.wait(0.1):
                for lane in (Lane.BACKLOG, Lane.EDITS):
                    screen_pending(lambda: scorer, batch=8, lease=30, lane=lane)
                db.session.remove()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join()


@dataclass(frozen=True)
class Newspaper:
    """A web server of the publisher's own: plain files on another origin."""

    origin: str
    folder: Path

    def publish(self, name: str, html: str) -> str:
        """Put a page up; returns its address."""
        (self.folder / name).write_text(html)
        return f"{self.origin}/{name}"


@pytest.fixture
def newspaper(tmp_path: Path) -> Iterator[Newspaper]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_QuietFiles, directory=str(tmp_path)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Newspaper(f"http://127.0.0.1:{server.server_port}", tmp_path)
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A reader's browser with nothing in it."""
    with browser.new_context(viewport={"width": 1024, "height": 1000}) as found:
        found.set_default_timeout(15_000)
        expect.set_options(timeout=15_000)  # a busy machine is no failure
        yield found


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab; the test fails when a script in it does."""
    found = context.new_page()
    errors: list[str] = []
    found.on("pageerror", lambda error: errors.append(str(error)))
    yield found
    assert not errors, errors


def reload(page: Page, *kept: str) -> None:
    """Load a newspaper's page again, once the browser has kept the texts, and wait for its conversation.

    A frame without storage hands what is to be kept to the page around it, which may be busy.
    """
    here = "() => { try { return JSON.stringify(localStorage); } catch { return ''; } }"  # a frame may be refused its own
    for _ in range(300):
        found = "".join(frame.evaluate(here) for frame in page.frames)
        if all(text in found for text in kept):
            break
        page.wait_for_timeout(50)
    else:
        raise AssertionError(f"not kept: {kept}")
    page.reload()
    expect(page.locator("commentsvc-thread")).to_have_attribute("ready", "")


@pytest.fixture
def mailed_code(app: Flask) -> Callable[[str], str]:
    """The six digits in the latest mail to an address."""

    def read(address: str) -> str:
        mail = db.session.scalars(select(Mail).where(Mail.recipient == address).order_by(Mail.id.desc())).first()
        db.session.commit()  # ends the transaction: the service writes too
        assert mail is not None
        return next(line.strip() for line in mail.text.splitlines() if line.strip().isdigit())

    return read
