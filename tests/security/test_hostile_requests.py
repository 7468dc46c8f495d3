"""Requests and texts that are made to crash, stall, flood or mislead."""

from __future__ import annotations

import contextvars
import gzip
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from commentsvc.accounts.identity import check_email, clean_name
from commentsvc.accounts.passwords import check_password, hash_password, verify_password
from commentsvc.accounts.permissions import Role
from commentsvc.accounts.sessions import start_session
from commentsvc.comments.submit import body_hash
from commentsvc.delivery.email import message_of, queue_mail
from commentsvc.errors import Invalid
from commentsvc.extensions import db
from commentsvc.markup import render
from commentsvc.screening.phrases import MOST_MATCHES, find_phrases
from commentsvc.sites.models import Article
from commentsvc.sites.origins import canonical_url, check_origin
from tests.accounts.browsing import make_known
from tests.factories import make_article, make_site, make_user


def bearer(app: Flask, *, role: Role | None = None) -> tuple[dict[str, str], Any]:
    site = make_site()
    user = make_user(role=role, site=site)
    token = start_session(user, device="")
    db.session.commit()
    return {"Authorization": f"Bearer {token}"}, site


def ask(app: Flask, path: str, method: str = "POST", **kw: Any) -> TestResponse:
    db.session.remove()
    answer: TestResponse = contextvars.Context().run(app.test_client().open, path, method=method, **kw)
    return answer


# ---- Bodies

BOMBS = {
    "lists in lists": b"[" * 200_000 + b"]" * 200_000,
    "objects in objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "a field in a field": b'{"body":' + b'{"body":' * 50_000 + b'"x"' + b"}" * 50_001,
    "a huge number": b'{"body":' + b"9" * 500_000 + b"}",
    "a huge exponent": b'{"body":1e999999}',
    "not a number": b'{"body":NaN}',
    "many fields": b"{" + b",".join(b'"f%d":1' % n for n in range(50_000)) + b"}",
    "the same field": b"{" + b",".join(b'"body":"x"' for _ in range(50_000)) + b"}",
    "half a character": b'{"body":"\\ud800"}',
    "no utf-8": b'{"body":"\xff\xfe"}',
    "NUL": b'{"body":"a\\u0000b"}',
    "a list": b"[]", "null": b"null", "a word": b'"x"', "nothing": b"",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_body_made_to_hurt_is_refused_at_once(app: Flask, name: str) -> None:
    headers, site = bearer(app)
    article = make_article(site)
    path = f"/api/v1/articles/{article.id}/comments"
    began = time.process_time()
    answer = ask(app, path, data=BOMBS[name], headers=headers, content_type="application/json")
    assert time.process_time() - began < 2
    assert answer.status_code in {400, 413, 422} or (name == "the same field" and answer.status_code == 201)
    assert len(answer.data) < 10_000_000


@pytest.mark.parametrize("path", ["/v1alpha1/comments:analyze", "/batch"])
def test_the_perspective_surface_refuses_them_too(app: Flask, path: str) -> None:
    for body in BOMBS.values():
        assert ask(app, path, data=body, content_type="application/json").status_code < 500


def test_a_compressed_body_is_not_unpacked(app: Flask) -> None:
    """A bomb of ten kilobytes that would be ten megabytes: we read what was sent, and that is no JSON."""
    headers, site = bearer(app)
    article = make_article(site)
    bomb = gzip.compress(b'{"body":"' + b"a" * 10_000_000 + b'"}')
    assert len(bomb) < 20_000
    path = f"/api/v1/articles/{article.id}/comments"
    for encoding in ("gzip", "deflate", "br", "zstd"):
        answer = ask(app, path, data=bomb, headers={**headers, "Content-Encoding": encoding}, content_type="application/json")
        assert answer.status_code == 400


def test_more_than_a_megabyte_is_refused_on_every_surface(app: Flask) -> None:
    headers, site = bearer(app)
    article = make_article(site)
    big = "a" * 1_000_001
    assert ask(app, f"/api/v1/articles/{article.id}/comments", json={"body": big}, headers=headers).status_code == 413
    assert ask(app, f"/embed/a/{article.id}/comments", data={"body": big}).status_code == 413
    assert ask(app, "/account/sign-in", data={"email": big}).status_code == 413
    assert ask(app, "/account/keys", data={"name": big}).status_code == 413
    assert ask(app, f"/review/{site.key}/team", data={"email": big}).status_code in {401, 413}
    many = "&".join(f"f{n}=1" for n in range(60_000))
    assert ask(app, "/account/sign-in", data=many, content_type="application/x-www-form-urlencoded").status_code in {400, 413}


def test_a_form_of_thousands_of_parts_is_refused(app: Flask) -> None:
    parts = {f"f{n}": "1" for n in range(2000)}
    assert ask(app, "/account/sign-in", data=parts, content_type="multipart/form-data").status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "text/json", ""])
def test_json_is_taken_only_where_it_says_so(app: Flask, kind: str) -> None:
    """What a page elsewhere can send without asking first is not read as JSON."""
    headers, site = bearer(app)
    article = make_article(site)
    answer = ask(app, f"/api/v1/articles/{article.id}/comments", data=b'{"body":"x"}', headers=headers, content_type=kind)
    assert answer.status_code in {400, 415}


def test_fields_that_nobody_offers_are_refused_not_ignored(app: Flask) -> None:
    """Mass assignment: each object names its fields."""
    headers, site = bearer(app, role=Role.COMMUNITY_MANAGER)
    article = make_article(site)
    for method, path, given in [
        ("POST", f"/api/v1/articles/{article.id}/comments", {"body": "x", "status": "published"}),
        ("POST", f"/api/v1/articles/{article.id}/comments", {"body": "x", "author_id": "1"}),
        ("PATCH", "/api/v1/me", {"display_name": "Ada", "email": "new@example.org"}),
        ("PATCH", "/api/v1/me", {"display_name": "Ada", "roles": [{"site_key": site.key, "role": "admin"}]}),
        ("PATCH", f"/api/v1/articles/{article.id}", {"title": "x", "site_key": "other"}),
        ("POST", "/api/v1/registrations", {"email": "a@b.example", "display_name": "Ada", "password": "nine brass doorbells", "role": "admin"}),
    ]:
        answer = ask(app, path, method, json=given, headers=headers)
        assert answer.status_code == 422, path
        assert "no such field" in answer.text
    # Forms read what they know by name; the rest of what is sent has no meaning.
    kept = db.session.get(Article, article.id)
    assert kept is not None
    assert (kept.site_id, kept.title) == (site.id, article.title)


def test_a_parameter_given_twice_is_not_two_things(app: Flask) -> None:
    headers, site = bearer(app)
    article = make_article(site)
    for query in ("sort=newest&sort=<script>", "limit=1&limit=99999", "limit=1;limit=2"):
        answer = ask(app, f"/api/v1/articles/{article.id}/comments?{query}", "GET", headers=headers)
        assert answer.status_code in {200, 422}
        if answer.status_code == 200:
            assert "<script>" not in answer.text


# ---- Texts that cost more than they are long

MARKS = "a" + "\u0300\u0316" * 200_000
SECONDS = 2.0


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda: clean_name(MARKS), id="a name of marks"),
        pytest.param(lambda: verify_password(None, MARKS), id="a password of marks"),
        pytest.param(lambda: check_password(MARKS, inputs=[]), id="a new password of marks"),
        pytest.param(lambda: check_email(MARKS + "@example.org"), id="an address of marks"),
        pytest.param(lambda: check_email('"' + "\\a" * 200_000 + '"@example.org'), id="an address of quotes"),
        pytest.param(lambda: body_hash(MARKS), id="a comment of marks"),
        pytest.param(lambda: render(("http://a." * 6000)[:50_000]), id="addresses in one word"),
        pytest.param(lambda: render(("http://a.co/(" * 6000)[:50_000]), id="brackets in one word"),
        pytest.param(lambda: render((("http://a." * 220)[:1990] + " ") * 25), id="words of addresses"),
        pytest.param(lambda: render("[" * 50_000), id="brackets"),
        pytest.param(lambda: render("![](" * 12_000), id="pictures"),
        pytest.param(lambda: render("*a_ " * 12_000), id="emphasis"),
        pytest.param(lambda: render("> " * 25_000), id="quotations"),
        pytest.param(lambda: render("&#x" * 16_000), id="entities"),
        pytest.param(lambda: canonical_url("https://a.example/?" + "utm_a&" * 150_000), id="an article's address"),
        pytest.param(lambda: check_origin("https://" + "a." * 200_000), id="an origin"),
        pytest.param(lambda: check_origin("https://" + "ü." * 200_000), id="an origin to encode"),
    ],
)
def test_no_text_costs_more_than_it_is_long(work: Callable[[], object]) -> None:
    began = time.process_time()
    with suppress(Invalid):
        work()
    assert time.process_time() - began < SECONDS


def test_a_password_made_for_its_judge_stops_nobody_for_long() -> None:
    began = time.process_time()
    with suppress(Invalid):
        check_password("4@8({[</369&#!1/|0$5+7%2" * 8, inputs=["x"])
    assert time.process_time() - began < SECONDS


def test_a_long_password_still_counts_to_its_last_character() -> None:
    long = "correct horse battery staple " * 6
    hashed = hash_password(long)
    assert verify_password(hashed, long)
    assert not verify_password(hashed, long[:-1])
    assert not verify_password(hashed, long + "x" * 2000)


SAME_START = tuple("a " * 45 + f"x{n}" for n in range(5000))
DISGUISES = tuple(" ".join("a4"[n >> k & 1] for k in range(12)) + " zz" for n in range(4096))


@pytest.mark.parametrize(("text", "phrases"), [("a " * 5000, SAME_START), ("4 " * 5000, DISGUISES), ("4 a " * 2500, DISGUISES)])
def test_phrases_made_to_stall_a_neighbours_comments_do_not(text: str, phrases: tuple[str, ...]) -> None:
    """One site's phrases are looked for by the worker of all of them."""
    find_phrases("a", phrases)  # the tree is built once for a policy
    began = time.process_time()
    find_phrases(text, phrases)
    assert time.process_time() - began < 5


def test_no_more_matches_are_kept_than_anybody_could_read() -> None:
    assert MOST_MATCHES <= len(find_phrases("idiot " * 5000, ("idiot",))) < 2 * MOST_MATCHES


# ---- What ends up in headers

@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example;script-src *", "https://a.example 'unsafe-inline'", "https://*", "https://*.example", "https://a.example,https://b.example",
        "https://'self'", "https://a%0ab.example", "https://a.example\r\nSet-Cookie:x", "https://a..example", "https://-a.example", "javascript://a.example",
        "https://a.example/path", "https://u@a.example", "https://a.example?x", "https://", "https://a.example;", "https://[::1;x]", "https://\u202ea.example",
    ],
)
def test_an_origin_that_would_write_the_content_policy_is_refused(origin: str) -> None:
    with pytest.raises(Invalid):
        check_origin(origin)


@pytest.mark.parametrize(
    ("origin", "kept"),
    [
        ("https://новости.example", "https://xn--b1amnebsh.example"), ("https://MÜNCHEN.example:8443", "https://xn--mnchen-3ya.example:8443"),
        ("https://a_b.example", "https://a_b.example"), ("http://[::1]:8000", "http://[::1]:8000"), ("http://localhost:8000/", "http://localhost:8000"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(app: Flask, origin: str, kept: str) -> None:
    assert check_origin(origin) == kept
    site = make_site(origins=[check_origin(origin)])
    make_article(site, url="https://news.example/a")
    answer = ask(app, f"/embed/{site.key}/thread?url=https://news.example/a", "GET")
    assert f"frame-ancestors 'self' {kept}" in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize("evil", ["a\r\nBcc: x@evil.example", "a\nSubject: x", "a\x00b", "a\u2028Bcc: x", "=?utf-8?q?=0D=0ABcc:_x?="])
def test_what_people_type_begins_no_header_of_a_mail(app: Flask, evil: str) -> None:
    mail = queue_mail("ada@example.org", f"Hello {evil}", "reset", link="/account/reset/x")
    raw = message_of(mail, "Comments <comments@localhost>").as_bytes()
    head = raw.split(b"\r\n\r\n")[0]
    assert not [line for line in head.split(b"\r\n") if line.lower().startswith((b"bcc", b"subject: x"))]
    assert head.lower().count(b"\nsubject:") <= 1
    assert b"\x00" not in head


@pytest.mark.parametrize("address", ["a@b.example\r\nBcc: x@evil.example", "a@b.example, x@evil.example", "a@b.example\nRCPT TO:<x@evil.example>", "<a@b.example>", "a@b.example x@evil.example"])
def test_no_address_is_more_than_one(address: str) -> None:
    with pytest.raises(Invalid):
        check_email(address)


def test_no_mail_carries_what_a_stranger_typed(app: Flask) -> None:
    """Anybody can have a mail sent to anybody: it must not carry their message."""
    make_known()
    for email in ("known@example.org", "victim@example.org"):
        answer = ask(app, "/api/v1/registrations", json={
            "email": email, "display_name": "You have won: evil.example", "password": "nine brass doorbells"})
        assert answer.status_code == 201
        ask(app, "/api/v1/password-resets", json={"email": email})
    from commentsvc.delivery.models import Mail

    assert db.session.query(Mail).count() == 4
    assert not [mail for mail in db.session.query(Mail) if "evil" in mail.text + mail.subject]


def test_headers_with_line_breaks_come_out_of_nothing(app: Flask) -> None:
    site = make_site()
    for path in (f"/embed/{site.key}/thread?url=https://news.example/a%0d%0aSet-Cookie:%20x=1", "/account/sign-in?next=/a%0d%0aSet-Cookie:%20x=1", f"/review/{site.key}/articles?q=%0d%0aSet-Cookie:x"):
        answer = ask(app, path, "GET")
        assert "x=1" not in str(answer.headers.getlist("Set-Cookie"))
        assert "\n" not in answer.headers.get("Location", "")


# ---- Ids

def test_counting_ids_up_shows_only_what_is_public(app: Flask) -> None:
    """Ids are in a row, so knowing one is knowing all; what they open is looked at each time."""
    from commentsvc.comments.models import Status
    from tests.factories import make_comment

    article = make_article()
    author = make_user("Nobody's Business")
    for status in (Status.PENDING, Status.HELD, Status.REJECTED, Status.WITHDRAWN):
        make_comment(article, author, f"hidden words, {status}", status=status)
    stranger, _ = bearer(app)
    unknown = ask(app, "/api/v1/comments/99999", "GET", headers=stranger)
    for number in range(1, 6):
        for headers in ({}, stranger):
            answer = ask(app, f"/api/v1/comments/{number}", "GET", headers=headers)
            assert "hidden words" not in answer.text
            assert "Nobody" not in answer.text
            if answer.status_code == 404:
                assert json.loads(answer.text)["detail"] == json.loads(unknown.text)["detail"]
        for path in (f"/embed/c/{number}", f"/embed/comments/{number}/context", f"/embed/comments/{number}/state"):
            assert "hidden words" not in ask(app, path, "GET").text
    # Nothing takes a person's id and tells everybody of her; the console's people are its site's staff's alone (tests/test_access.py).
    staff = ("/review/<site_key>/people/", "/api/v1/sites/<site_key:site_key>/people/")
    open_to_all = [rule.rule for rule in app.url_map.iter_rules() if "user_id" in rule.rule and "GET" in (rule.methods or ())]
    assert not [rule for rule in open_to_all if not rule.startswith(staff)]
