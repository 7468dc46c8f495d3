"""Every page and form, asked with values that no form of ours sends: none of them breaks."""

from __future__ import annotations

import contextvars
from urllib.parse import urlencode
from zlib import crc32

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc.accounts.models import User
from commentsvc.accounts.sessions import COOKIE, FRAMED_COOKIE, start_session
from commentsvc.extensions import db
from tests.test_access import PAGES, World, world  # noqa: F401 - a fixture

pytestmark = pytest.mark.once

# Every name that any of our pages or forms reads.
NAMES = (
    "url", "title", "sort", "after", "part", "theme", "accent", "font", "dir", "q", "comment", "next", "reply", "flag", "withdraw", "form", "why", "limit",
    "by", "people", "version", "reason", "text", "note", "role", "email", "password", "current_password", "display_name", "name", "scopes", "site", "code", "handle",
    "body", "parent_id", "value", "closed", "premoderated", "queue", "welcome", "guidelines", "origins", "banned_phrases", "suspect_phrases", "min_length",
    "max_length", "max_depth", "max_links", "repeat_window", "new_author_comments", "fail_open_after", "hold_toxicity", "reject_toxicity", "csrf_token",
)
VALUES = (
    "", "0", "-1", "1", "999999999999999999999999", "1e309", "NaN", "٣", "１", "1.5", "true", "null", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\u202e", "\r\nSet-Cookie: x=1",
    "'\"`;--", "%s%n{0}{x.__class__}", "../../etc/passwd", "https://[", "http://a.example:99999/", "https://a.example/\ud800", "//", "a@b", "[]", "{}", "x" * 5000, "a\u0300" * 2000,
)


ROUNDS = 6


def ask(app: Flask, path: str, method: str, cookie: str, data: bytes | None) -> TestResponse:
    db.session.remove()
    client = app.test_client()
    client.set_cookie(COOKIE, cookie, path="/")
    client.set_cookie(FRAMED_COOKIE, cookie, path="/")
    kind = "application/x-www-form-urlencoded" if data is not None else None
    answer: TestResponse = contextvars.Context().run(client.open, path, method=method, data=data, content_type=kind, buffered=True)
    answer.close()
    return answer


@pytest.fixture
def cookie(app: Flask, world: World) -> str:  # noqa: F811
    admin: User | None = world.people["admin"]
    assert admin is not None
    token = start_session(admin, device="")
    db.session.commit()
    return str(app.session_interface.get_signing_serializer(app).dumps({"_user_id": token, "_fresh": True}))  # type: ignore[attr-defined]


# Those that hash a password each time, or end the session that the next try needs.
SLOW = {"sign_up", "sign_in", "sign_in_view", "reset", "change_password_view"}


@pytest.mark.parametrize(("endpoint", "method"), [key for key in PAGES if key[0].startswith(("embed.", "account.", "review.", "loader.", "demo."))])
def test_no_value_breaks_a_page(app: Flask, world: World, cookie: str, endpoint: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setitem(app.config, "WTF_CSRF_METHODS", set())  # past it, to what it protects
    address = PAGES[endpoint, method][0].format(**world.names)
    path = address.partition("?")[0]
    # Each request gives each name a value of its own; over the pages every name meets every value.
    first = crc32(f"{endpoint} {method}".encode())
    for turn in range(3 if endpoint.partition(".")[2] in SLOW else ROUNDS):
        values = {name: VALUES[(first + turn + number * ROUNDS) % len(VALUES)] for number, name in enumerate(NAMES)}
        sent = urlencode(values, errors="surrogatepass")
        answer = ask(app, path if method == "POST" else f"{path}?{sent}", method, cookie, sent.encode() if method == "POST" else None)
        assert answer.status_code < 500, (values, answer.text[:200])
        assert "x=1" not in "".join(answer.headers.getlist("Set-Cookie"))
        if "?" in address and method == "GET":  # once more with an address that is one
            assert ask(app, f"{address}&{sent.replace('url=', 'u=', 1)}", method, cookie, None).status_code < 500, values


@pytest.mark.parametrize("path", ["/%00", "/%ff%fe", "/embed/%00/thread", "/review/%ff/held", "/embed/a/%D9%A3", "/account/reset/%00", "/account/verify/" + "a" * 5000, "/api/v1/sites/%00", "/" + "a/" * 3000, "/static/%00", "/embed/assets/%00/%ff"])
def test_no_address_breaks_anything(app: Flask, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "BREW"):
        answer = contextvars.Context().run(app.test_client().open, path, method=method, buffered=True)
        answer.close()
        assert answer.status_code < 500, method


@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": f"{COOKIE}=" + "x" * 5000}, {"Cookie": f"{COOKIE}=\x80\xff; {COOKIE}=a.b.c"}, {"Authorization": "Bearer"}, {"Authorization": "Bearer \xff"}, {"Authorization": "Basic ////"},
        {"Authorization": "Digest x"}, {"Authorization": "Bearer " + "cs_" * 3000}, {"Accept": "x" * 5000}, {"Accept-Encoding": "gzip;q=x, *;q=-1"}, {"If-None-Match": '"' * 999},
        {"Range": "bytes=" + "0-," * 2000}, {"Origin": "null"}, {"Origin": "https://["}, {"Referer": "http://["}, {"Host": "[::1"}, {"Host": "a b"}, {"Host": ""}, {"X-Forwarded-For": "x" * 5000},
        {"HX-Request": "true", "HX-Current-URL": "http://["}, {"Prefer": "wait=" + "9" * 500}, {"Prefer": ("," + " " * 50) * 500}, {"User-Agent": "\x80" * 500}, {"X-Requested-With": "commentsvc", "Content-Type": "multipart/form-data"},
    ],
)
def test_no_header_breaks_anything(app: Flask, world: World, headers: dict[str, str]) -> None:  # noqa: F811
    site, article = world.names["site"], world.names["article"]
    for path in ("/account/", "/account/sign-in", f"/review/{site}/held", f"/review/{site}/team", f"/embed/a/{article}", f"/embed/{site}/thread?url=https://news.example/a", f"/api/v1/articles/{article}/comments", "/api/v1/me", "/static/tokens.css", "/embed.js", "/healthz"):
        for method in ("GET", "POST"):
            db.session.remove()
            answer = contextvars.Context().run(app.test_client().open, path, method=method, headers=headers, buffered=True)
            answer.close()
            assert answer.status_code < 500, (path, method, answer.text[:200])
