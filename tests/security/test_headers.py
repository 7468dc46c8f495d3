"""Headers and cookies, of every route there is."""

from __future__ import annotations

import contextvars
import datetime as dt
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc import create_app, create_perspective_app, headers
from commentsvc.accounts.models import User
from commentsvc.config import Settings
from commentsvc.extensions import db
from tests.accounts.browsing import Browser, make_known
from tests.factories import make_article, make_site
from tests.test_access import API, PAGES, World, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.once


def ask(app: Flask, path: str, method: str = "GET", **kw: Any) -> TestResponse:
    db.session.remove()
    answer: TestResponse = contextvars.Context().run(app.test_client().open, path, method=method, buffered=True, **kw)
    answer.close()
    return answer


def directives(answer: TestResponse) -> dict[str, str]:
    """The content policy, by directive."""
    parts = [part.strip().partition(" ") for part in answer.headers["Content-Security-Policy"].split(";")]
    return {name: value for name, _, value in parts}


@pytest.mark.parametrize(("endpoint", "method"), [*PAGES, *API])
def test_every_answer_has_every_header(app: Flask, world: World, endpoint: str, method: str) -> None:  # noqa: F811
    address = (PAGES | API)[endpoint, method][0]
    answer = ask(app, address.format(**world.names), method)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] in {"strict-origin-when-cross-origin", "no-referrer"}
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert answer.headers["Cross-Origin-Resource-Policy"] == ("cross-origin" if endpoint.startswith("loader.") and answer.status_code == 200 else "same-origin")
    policy = directives(answer)
    assert (policy["default-src"], policy["base-uri"]) == ("'none'", "'none'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    framable = endpoint.startswith("embed.") and answer.mimetype == "text/html"
    if not framable:
        assert policy["frame-ancestors"] == "'none'"
    if answer.mimetype == "text/html" and answer.status_code != 304:
        # The window that hands its sign-in over must reach the frame that opened it.
        assert answer.headers["Cross-Origin-Opener-Policy"] == ("unsafe-none" if endpoint == "account.hand_over" else "same-origin")
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "Server" not in answer.headers or "Werkzeug" in answer.headers["Server"]  # granian's own says no more
    assert "X-Powered-By" not in answer.headers


def test_security_txt_says_whom_to_tell_while_somebody_is_to_be_told(app: Flask, settings: Settings) -> None:
    told = create_app(replace(
        settings, BASE_URL="https://comments.example",
        SECURITY_CONTACT="security@news.example https://news.example/security javascript:alert(1)",
    ))
    answer = ask(told, "/.well-known/security.txt")
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    *contacts, expires, canonical = answer.text.splitlines()
    assert contacts == ["Contact: mailto:security@news.example", "Contact: https://news.example/security"]
    assert canonical == "Canonical: https://comments.example/.well-known/security.txt"
    ends = dt.datetime.fromisoformat(expires.removeprefix("Expires: "))
    assert dt.timedelta(days=170) < ends - dt.datetime.now(dt.UTC) < dt.timedelta(days=365)
    assert ask(app, "/.well-known/security.txt").status_code == 404


def test_the_widget_is_framed_by_its_sites_own_pages_alone(app: Flask) -> None:
    site = make_site(origins=["https://news.example", "https://www.news.example"])
    article = make_article(site, url="https://news.example/a")
    for path in (f"/embed/{site.key}/thread?url=https://news.example/a", f"/embed/a/{article.id}"):
        assert directives(ask(app, path))["frame-ancestors"] == "'self' https://news.example https://www.news.example"
    assert directives(ask(app, "/embed/nowhere/thread?url=https://news.example/a"))["frame-ancestors"] == "'self'"


def test_https_is_remembered_and_plain_http_promises_nothing(app: Flask) -> None:
    secure = ask(app, "/account/sign-in", base_url="https://comments.example")
    assert secure.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    assert "Strict-Transport-Security" in ask(app, "/api/v1/me", base_url="https://comments.example").headers
    assert "Strict-Transport-Security" not in ask(app, "/account/sign-in").headers
    bare = Flask("bare")
    headers.init_app(bare, replace(app.config["SETTINGS"], HSTS=""))
    assert "Strict-Transport-Security" not in bare.test_client().get("/", base_url="https://comments.example").headers


def test_the_perspective_service_alone_says_the_same(app: Flask) -> None:
    alone = create_perspective_app(app.config["SETTINGS"], places=1)
    for path in ("/healthz", "/v1alpha1/x", "/nowhere"):
        answer = ask(alone, path)
        assert (answer.headers["X-Content-Type-Options"], directives(answer)["frame-ancestors"]) == ("nosniff", "'none'")
    with alone.app_context():
        db.engine.dispose()


def test_a_page_with_a_secret_in_its_address_tells_nobody_where_it_was(app: Flask) -> None:
    for path in ("/account/reset/abc", "/account/verify/abc"):
        answer = ask(app, path)
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in answer.headers["Cache-Control"]


def test_answers_about_a_person_are_kept_by_nobody(app: Flask) -> None:
    known = make_known()
    browser = Browser(app)
    browser.sign_in("known@example.org")
    article = make_article()
    for path in ("/account/", "/review/", f"/embed/a/{article.id}", f"/embed/{article.site.key}/articles/{article.id}/me"):
        assert browser.get(path).headers["Cache-Control"] == "private, no-store", path
    assert known.id


# A host that somebody claims to ask for appears nowhere: not in pages, not where they lead, not in mails.
@pytest.mark.parametrize("claim", [{"Host": "evil.example"}, {"X-Forwarded-Host": "evil.example"}, {"Forwarded": "host=evil.example"}, {"X-Original-URL": "/review/"}])
def test_a_forged_host_changes_nothing(app: Flask, claim: dict[str, str]) -> None:
    known: User = make_known()
    article = make_article()
    for path in ("/account/sign-in", "/review/", f"/embed/a/{article.id}", "/embed.js", "/api/v1/openapi.json", "/api/docs", "/account/"):
        answer = ask(app, path, headers=claim)
        assert "evil.example" not in answer.text
        assert "evil.example" not in str(answer.headers)
    answer = ask(app, "/api/v1/password-resets", "POST", json={"email": known.email}, headers=claim)
    assert answer.status_code == 202
    from commentsvc.delivery.models import Mail

    text = db.session.query(Mail.text).scalar()
    assert "http://localhost/account/reset/" in text
    assert "evil.example" not in text


def test_no_address_of_ours_answers_trace_or_lists_a_folder(app: Flask) -> None:
    assert ask(app, "/", "TRACE").status_code in {404, 405}
    assert ask(app, "/account/sign-in", "TRACE").status_code == 405
    for path in ("/static/", "/static/vendor", "/static/vendor/", "/static/../config.py", "/static/%2e%2e/config.py", "/.git/config", "/embed/assets/x/../../config.py", "/embed/assets/x/%2e%2e%2fconfig.py"):
        answer = ask(app, path)
        assert answer.status_code == 404, path
        assert "SECRET" not in answer.text


def test_an_error_of_ours_says_nothing_of_how_we_are_made(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    from commentsvc.account_pages import signing_in

    def broken() -> str:
        raise RuntimeError("a secret from within, at /srv/commentsvc.py")

    monkeypatch.setattr(signing_in, "draw_sign_in", broken)
    monkeypatch.setattr(app, "testing", False)
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    answer = ask(app, "/account/sign-in")
    assert answer.status_code == 500
    assert not re.search(r"secret|RuntimeError|Traceback|\.py", answer.text)
