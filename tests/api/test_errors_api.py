"""Every error under /api/ is a problem document, whatever went wrong; limits say when to return."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from flask import Flask

from commentsvc import create_app
from commentsvc.config import Settings
from commentsvc.database import write_intent
from commentsvc.extensions import db, limiter
from commentsvc.tasks import EXTENSION
from tests.api.conftest import Caller, Paper, problem
from tests.factories import make_article, make_comment, make_user

pytestmark = pytest.mark.once


def test_unknown_addresses_and_methods_are_problems(anyone: Caller) -> None:
    for path in ("/nothing", "/api/v2/articles/1", "/api/", "/articles/1/comments/", "/sites/a%00b", "/sites/%ff"):
        assert problem(anyone.get(path))["code"] == "not_found", path
    refused = anyone.put("/sessions", {})
    assert (refused.status_code, problem(refused)["code"]) == (405, "method_not_allowed")
    assert "POST" in refused.headers["Allow"]


def test_pages_keep_their_own_errors(anyone: Caller) -> None:
    """flask-smorest would answer for the whole application."""
    page = anyone.app.test_client().get("/nothing")
    assert (page.status_code, page.mimetype) == (404, "text/html")


def test_an_error_of_ours_tells_nothing_of_its_insides(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object) -> None:
        raise RuntimeError("secret detail of the insides")

    monkeypatch.setattr("commentsvc.api.sessions.user_values", fail)
    monkeypatch.setitem(paper.reader.app.config, "PROPAGATE_EXCEPTIONS", False)
    broken = paper.member.get("/me")
    assert (broken.status_code, problem(broken)["code"]) == (500, "internal_error")
    assert "secret" not in broken.text


def test_several_errors_are_named_at_once_and_one_is_said(anyone: Caller) -> None:
    found = problem(anyone.post("/registrations", {"email": 1, "extra": True}))
    assert {e["field"] for e in found["errors"]} == {"email", "display_name", "password", "extra"}
    assert found["detail"].count(":") == 1
    assert "Traceback" not in str(found)


def test_answers_are_not_kept_unless_they_say_so(paper: Paper) -> None:
    for response in (paper.member.get("/me"), paper.reader.get("/nothing"), paper.reader.get(f"/sites/{paper.site.key}")):
        assert "no-store" in response.headers["Cache-Control"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.fixture
def strict(app: Flask, settings: Settings) -> Iterator[Flask]:
    """An application of its own with low limits, on the same database."""
    before = limiter.enabled
    limited = create_app(dataclasses.replace(
        settings, RATE_LIMITS=True, LIMIT_POST="2 per minute", LIMIT_READ="4 per minute", LIMIT_ACCOUNT="3 per hour", LIMIT_REACT="2 per minute"
    ))
    limited.testing = True
    limiter.reset()
    yield limited
    limiter.reset()
    limiter.enabled = before
    with limited.app_context():
        db.engine.dispose()
    limited.extensions[EXTENSION].huey.storage.close()


def test_the_limits_are_off_where_they_are_switched_off(paper: Paper) -> None:
    assert "X-RateLimit-Limit" not in paper.reader.get(paper.comments).headers


def test_posting_is_limited_by_account_and_says_when_to_return(strict: Flask, paper: Paper) -> None:
    quick, other = Caller(strict, paper.member.token), Caller(strict, paper.expert.token)
    for number in range(2):
        posted = quick.post(paper.comments, {"body": f"Remark number {number}."})
        assert posted.status_code == 201
        assert posted.headers["X-RateLimit-Remaining"] == str(1 - number)
        assert "Retry-After" not in posted.headers
    # Another article has no allowance of its own.
    refused = quick.post(f"/articles/{make_article(paper.site).id}/comments", {"body": "Remark number 3."})
    assert (refused.status_code, problem(refused)["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert other.post(paper.comments, {"body": "Somebody else."}).status_code == 201


def test_reading_is_limited_by_address(strict: Flask, paper: Paper) -> None:
    reader = Caller(strict)
    statuses = [reader.get(paper.comments).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 200, 429]
    assert problem(reader.get(f"/articles/{paper.article_id}"))["code"] == "too_many_requests"
    elsewhere = reader.get(paper.comments, environ_base={"REMOTE_ADDR": "192.0.2.7"})
    assert elsewhere.status_code == 200


def test_guessing_passwords_is_limited(strict: Flask) -> None:
    guesser = Caller(strict)
    guess = {"email": "ada@example.org", "password": "seven green umbrellas"}
    assert [guesser.post("/sessions", guess).status_code for _ in range(4)] == [422, 422, 422, 429]


def test_votes_and_flags_share_a_limit(strict: Flask, paper: Paper) -> None:
    comment = make_comment(paper.article)
    quick = Caller(strict, paper.member.token)
    assert quick.put(f"/comments/{comment.id}/vote", {"value": 1}).status_code == 200
    assert quick.post(f"/comments/{comment.id}/flags", {"reason": "spam"}).status_code == 201
    assert quick.put(f"/comments/{comment.id}/vote", {"value": 0}).status_code == 429


def test_a_read_takes_no_write_lock(paper: Paper, session_of: Callable[..., Caller]) -> None:
    """On SQLite a reader must not wait for whoever writes."""
    seen: list[bool] = []
    paper.reader.app.before_request_funcs.setdefault(None, []).append(lambda: seen.append(write_intent.get()))
    try:
        session_of(make_user()).get("/me")
    finally:
        paper.reader.app.before_request_funcs[None].pop()
    assert seen == [False]
